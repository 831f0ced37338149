"""A model's card, for people to read."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from qtpy.QtWidgets import QTextBrowser

from ..card import Card


class CardView(QTextBrowser):
    """Shows what a model learned, from what, and how well."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenExternalLinks(True)
        self.setPlaceholderText("No model yet")

    def show_card(self, card: Card | None) -> None:
        """Show a card, or none."""
        self.setHtml("" if card is None else card_html(card))


def card_html(card: Card) -> str:
    """Return a card as HTML: a table of two columns."""
    rows = "".join(
        f"<tr><td style='padding-right: 10px'><b>{html.escape(name)}</b></td>"
        f"<td>{html.escape(value)}</td></tr>"
        for name, value in _lines(card)
    )
    return f"<table>{rows}</table>"


def _lines(card: Card) -> Iterator[tuple[str, str]]:
    task, network = card.recipe.get("task", {}), card.recipe.get("network", {})
    yield "Task", _told(task)
    yield "Network", _told(network)
    yield "Weights", f"{card.parameters:,}"
    yield "Takes", str(card.axis)
    yield "Gives", str(card.output_axis)
    if card.losses:
        epochs = card.recipe.get("training", {}).get("epochs", len(card.losses))
        ended = f" ({card.stopped})" if card.stopped else ""
        yield "Epochs", f"{len(card.losses)} of {epochs}{ended}, best {card.best_epoch}"
        yield "Training loss", _at_best(card.losses, card.best_epoch)
        yield "Held-out loss", _at_best(card.validations, card.best_epoch)
    for one in card.trained_on:
        size = " × ".join(map(str, one.shape[-2:]))
        held = f"{one.held_out:,} held out, guard {one.guard}" if one.held_out else "none held out"
        yield "Learned from", f"{one.name}: {one.taught:,} of {size} pixels; {held}"
    yield from _figures(card.metrics)
    if card.made:
        yield (
            "Made",
            f"{when(card)}, in {duration(card.seconds)} on {card.device}, seed {card.seed}",
        )


def when(card: Card) -> str:
    """Return when a model was made, to the minute."""
    return card.made[:16].replace("T", " ") + " UTC" * card.made.endswith("+00:00")


def _told(settings: Mapping[str, Any]) -> str:
    """Return a kind and its settings in one line."""
    rest = ", ".join(
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in settings.items()
        if name != "kind" and value not in ((), [], None)
    )
    return f"{settings.get('kind', '?')}" + (f" ({rest})" if rest else "")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _at_best(losses: tuple[float | None, ...], best: int) -> str:
    loss = losses[best - 1] if 0 < best <= len(losses) else losses[-1]
    return "nothing held out" if loss is None else f"{loss:.4g}"


def _figures(metrics: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, str]]:
    """Yield each figure of merit by its name; those of baselines stand under theirs."""
    for name, value in metrics.items():
        title = f"{of} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _figures(value, title)
        else:
            yield title.capitalize(), f"{value:.4g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
