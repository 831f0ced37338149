"""What there is to tell about an image or a model: for programs as JSON, for people as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..axis import Axis, ChannelAxis
from ..cube import Image, Labels
from ..io.arrays.blocks import blocks
from .card import Card, Trained


def facts(image: Image, *, with_statistics: bool = False) -> dict[str, Any]:
    """Return what is known of an image, as JSON; `with_statistics` reads all of it."""
    about = {
        "dims": list(image.dims),
        "shape": list(image.shape),
        "dtype": np.dtype(image.data.dtype).name,
        "axis": _axis_facts(image),
        "pixel_size": list(image.pixel_size),
        "pixel_unit": image.pixel_unit,
        "intensity_unit": getattr(image, "intensity_unit", None),
        "name": image.name,
        "history": list(image.history),
    }
    return about | ({"stats": statistics(image.data)} if with_statistics else {})


def lines_of_image(image: Image, about: dict[str, Any]) -> dict[str, str]:
    """Return the facts of an image in the words of people, a line each."""
    sizes = (f"{d} {n}" for d, n in zip(about["dims"], about["shape"], strict=True))
    pixel = " × ".join(f"{size:g}" for size in about["pixel_size"])
    axis = ", ".join(image.classes) if isinstance(image, Labels) else _axis_line(image.axis)
    told = {
        "name": about["name"],
        "format": about["format"],
        "size": f"{', '.join(sizes)} ({about['dtype']})",
        "classes" if isinstance(image, Labels) else "axis": axis,
        "pixel": f"{pixel} {about['pixel_unit'].replace('um', 'µm')}"
        if about["pixel_unit"]
        else "",
        "intensity": about["intensity_unit"] or "",
        "history": "\n".join(about["history"]),
    }
    if "stats" in about:
        told["values"] = ", ".join(f"{name} {value}" for name, value in about["stats"].items())
    return {name: text for name, text in told.items() if text}


def scores_of(image: Image) -> list[dict[str, Any]]:
    """Return class and probabilities of an image that was classified as a whole, a row a plane.

    Nothing of other images.
    """
    scores = image.metadata.get("scores")
    if not isinstance(image, Labels) or not isinstance(scores, Mapping) or not image.classes:
        return []
    chances = np.array([scores[name] for name in image.classes], float)  # (class, …)
    leading = chances.shape[1:]
    winners = image.numpy()[..., 0, 0]
    rows: list[dict[str, Any]] = []
    for place in np.ndindex(*leading):
        where = "".join(f", {d} {n + 1}" for d, n in zip(image.dims, place, strict=False))
        won = int(winners[place])
        each = {
            name: float(chance)
            for name, chance in zip(image.classes, chances[:, *place], strict=True)
        }
        name = image.name.removesuffix(" classes") + where
        rows.append({"image": name, "class": image.classes[won - 1] if won else ""} | each)
    return rows


def _axis_line(axis: Axis) -> str:
    if isinstance(axis, ChannelAxis):
        return str(axis)
    excitation = f", excited at {axis.excitation_nm:g} nm" if axis.excitation_nm else ""
    guessed = " (a guess: the file does not say)" * axis.guessed
    return f"{axis.title}, {axis}{excitation}{guessed}"


def lines_of_card(card: Card) -> dict[str, str]:
    """Return what is on a model's card in the words of people, by title; some texts have lines."""
    task, network = card.recipe.get("task", {}), card.recipe.get("network", {})
    told = {
        "task": _settings(task),
        "network": _settings(network),
        "preprocessing": _done(card.recipe.get("preprocessing", {})),
        "augmentation": _done(card.recipe.get("augmentation", {})),
        "weights": f"{card.parameters:,}",
        "input": str(card.input_axis),
        "output": str(card.output_axis),
        "learned from": "\n".join(map(_learned, card.trained_on)),
        "validation": card.validation,
    }
    if card.losses:
        target = card.recipe.get("training", {}).get("epochs", len(card.losses))
        ended = f" ({card.stopped})" if card.stopped else ""
        told |= {
            "epochs": f"{len(card.losses)} of {target}{ended}, best {card.best_epoch}",
            "training loss": _at_best(card.losses, card.best_epoch),
            "held-out loss": _held_out_loss(card),
        }
    told |= {f"held out: {row['method']}": _row(row) for row in _judgements(card)}
    told |= {n: str(v) for n, v in card.metrics.items() if n not in ("figures", "notes")}
    if card.made:
        when = card.made[:16].replace("T", " ") + " UTC" * card.made.endswith("+00:00")
        told["made"] = f"{when}, in {duration(card.seconds)} on {card.device}, seed {card.seed}"
    told["versions"] = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    return {name: text for name, text in told.items() if text}


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"


def _settings(settings: Mapping[str, Any]) -> str:
    """Return a kind and its settings in one line, without lists and terms that are empty."""
    rest = ", ".join(
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in settings.items()
        if name != "kind" and value not in ((), [], None) and not _no_term(value)
    )
    return f"{settings.get('kind', '?')}" + (f" ({rest})" if rest else "")


def _done(steps: Mapping[str, Any]) -> str:
    """Return in one line what was done to spectra, or at random; nothing if nothing was."""
    done = {name: value for name, value in steps.items() if value not in (None, "none", False, 0)}
    used = {"order": "polynomial", "smoothness": "als", "asymmetry": "als"}
    done = {n: v for n, v in done.items() if used.get(n, "") in ("", done.get("background"))}
    if done.get("normalise") != "percentile":
        done.pop("percentile", None)
    if "mixup" not in done:
        done.pop("mixup_alpha", None)
    return ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in done.items())


def _no_term(value: object) -> bool:
    return isinstance(value, float) and value == 0


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _learned(one: Trained) -> str:
    size = " × ".join(map(str, one.shape[-2:]))
    held = (
        f"{one.validation_pixels:,} held out, guard {one.guard}"
        if one.validation_pixels
        else "none held out"
    )
    return f"{one.name}: {one.training_pixels:,} of {size} pixels; {held}"


def _held_out_loss(card: Card) -> str:
    asked = card.recipe.get("training", {}).get("validation")
    why = "there was too little to hold any of it out" if asked else "validation was 0"
    return (
        _at_best(card.validation_losses, card.best_epoch)
        or f"none, as {why}: the training loss does not tell how good it is on other data"
    )


def _at_best(losses: Sequence[float | None], best: int) -> str:
    loss = losses[best - 1] if 0 < best <= len(losses) else losses[-1]
    return "" if loss is None else f"{loss:.4g}"


def _judgements(card: Card) -> list[dict[str, Any]]:
    """Return the figures on held-out ground, of the narrowest guard, a row a method."""
    rows: list[dict[str, Any]] = card.metrics.get("figures") or []
    return [row for row in rows if row.get("guard") == rows[0].get("guard")]


def _row(row: Mapping[str, Any]) -> str:
    left_out = ("method", "settings", "guard", "pixels", "classes")
    return ", ".join(
        f"{name} {value:.4g}"
        for name, value in row.items()
        if name not in left_out and isinstance(value, int | float)
    )


def statistics(data: Any) -> dict[str, float | int | None]:
    """Return smallest, greatest and mean value of an array, read a piece at a time.

    NaN are counted and otherwise ignored; what cannot be told (of nothing but NaN, of infinite
    values) is None. Sums are of float64.
    """
    least, most, total, count, missing = math.inf, -math.inf, 0.0, 0, 0
    for _, block in blocks(data):
        nans = int(np.isnan(block).sum()) if block.dtype.kind == "f" else 0
        missing, count = missing + nans, count + block.size - nans
        if nans == block.size:
            continue
        least = min(least, float(np.fmin.reduce(block, axis=None)))
        most = max(most, float(np.fmax.reduce(block, axis=None)))
        total += float((np.nansum if nans else np.sum)(block, dtype=np.float64))
    return {
        "min": _finite(least),
        "max": _finite(most),
        "mean": _finite(total / count) if count else None,
        "nan": missing,
    }


def _axis_facts(image: Image) -> dict[str, Any]:
    if isinstance(image, Labels):
        return _name_facts("classes", image.classes)
    axis = image.axis
    if isinstance(axis, ChannelAxis):
        return _name_facts("channels", axis.names)
    return {
        "kind": axis.kind,
        "unit": axis.unit,
        "count": len(axis),
        "first": float(axis.centres[0]),
        "last": float(axis.centres[-1]),
        "uniform": axis.uniform,
        "excitation_nm": axis.excitation_nm,
        "guessed": axis.guessed,
    }


def _name_facts(kind: str, names: Sequence[str]) -> dict[str, Any]:
    first, last = (names[0], names[-1]) if names else (None, None)
    return {
        "kind": kind,
        "unit": None,
        "count": len(names),
        "first": first,
        "last": last,
        "uniform": None,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
