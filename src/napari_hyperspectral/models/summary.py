"""Images and model cards described: for programs as JSON, for people as lines of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..axis import Axis, ChannelAxis
from ..cube import Image, Labels
from ..io.arrays.blocks import blocks
from .card import Card, Compared, Trained

Lines: TypeAlias = dict[str, str]
"""Text by title; some texts have several lines."""

_UNSET: tuple[object, ...] = (None, "none", False, 0)
"""Values of augmentation settings that leave data as they are."""
_NOT_FIGURES = ("method", "settings", "guard", "pixels", "classes")


def image_facts(image: Image, *, with_statistics: bool = False) -> dict[str, Any]:
    """Return what is known of an image, as JSON; `with_statistics` reads all of it."""
    facts = {
        "dims": list(image.dims),
        "shape": list(image.shape),
        "dtype": np.dtype(image.data.dtype).name,
        "axis": _axis_facts(image),
        "pixel_size": list(image.pixel_sides),
        "pixel_unit": image.pixel_unit,
        "intensity_unit": getattr(image, "intensity_unit", None),
        "name": image.name,
        "history": list(image.history),
    }
    if with_statistics:
        facts["stats"] = statistics(image.data)
    return facts


def lines_of_image(image: Image, facts: Mapping[str, Any]) -> Lines:
    """Return the facts of an image, and its "format", for people."""
    sizes = []
    for dim, size in zip(facts["dims"], facts["shape"], strict=True):
        sizes.append(f"{dim} {size}")
    lines = {
        "name": facts["name"],
        "format": facts["format"],
        "size": f"{', '.join(sizes)} ({facts['dtype']})",
    }
    if isinstance(image, Labels):
        lines["classes"] = ", ".join(image.classes)
    else:
        lines["axis"] = _axis_line(image.axis)
    if facts["pixel_unit"]:
        pixel = " × ".join(f"{size:g}" for size in facts["pixel_size"])
        lines["pixel"] = f"{pixel} {facts['pixel_unit'].replace('um', 'µm')}"
    lines["intensity"] = facts["intensity_unit"] or ""
    lines["history"] = "\n".join(facts["history"])
    if "stats" in facts:
        values = [f"{name} {value}" for name, value in facts["stats"].items()]
        lines["values"] = ", ".join(values)
    return _without_empty(lines)


def scores_of(image: Image) -> list[dict[str, Any]]:
    """Return class and probabilities of an image classified as a whole, a row for each plane.

    Nothing for other images.
    """
    scores = image.metadata.get("scores")
    if not isinstance(image, Labels) or not isinstance(scores, Mapping) or not image.classes:
        return []
    probabilities = np.array([scores[name] for name in image.classes], float)  # (class, …)
    classes = image.numpy()[..., 0, 0]  # of each plane
    name = image.name.removesuffix(" classes")
    rows: list[dict[str, Any]] = []
    for plane in np.ndindex(*classes.shape):
        position = ""
        for dim, index in zip(image.dims, plane, strict=False):
            position += f", {dim} {index + 1}"
        class_id = int(classes[plane])
        row: dict[str, Any] = {
            "image": name + position,
            "class": image.classes[class_id - 1] if class_id else "",
        }
        for class_name, probability in zip(image.classes, probabilities[:, *plane], strict=True):
            row[class_name] = float(probability)
        rows.append(row)
    return rows


def lines_of_card(card: Card) -> Lines:
    """Return what is on a model's card for people."""
    recipe = card.recipe
    lines = {
        "task": _settings_line(_active(card, "task")),
        "method": _settings_line(_active(card, "method")),
        "preprocessing": _chain_line(recipe.get("preprocessing", {})),
        "augmentation": _augmentation_line(recipe.get("augmentation", {})),
        "tuned": card.tuned,
        "weights": f"{card.parameters:,}",
        "input": str(card.input_axis),
        "output": str(card.output_axis),
        "training data": "\n".join(map(_training_line, card.trained_on)),
        "validation": card.validation,
    }
    if card.losses:
        lines |= _loss_lines(card)
    for compared in sorted(card.compared, key=_error_or_infinity):
        lines[f"compared: {compared.title}"] = _compared_line(compared, card.compared_by)
    for row in _narrowest_guard(card.metrics.get("figures") or []):
        lines[f"figures: {row['method']}"] = _figures_line(row)
    for name, value in card.metrics.items():
        if name not in ("figures", "notes"):
            lines[name] = str(value)
    if card.created:
        when = card.created[:16].replace("T", " ")  # to the minute
        if card.created.endswith("+00:00"):
            when += " UTC"
        took = duration(card.seconds)
        lines["trained"] = f"{when}, in {took} on {card.device}, seed {card.seed}"
    versions = [f"{name} {version}" for name, version in card.versions.items()]
    lines["versions"] = ", ".join(versions)
    return _without_empty(lines)


def quality_of(card: Card) -> str:
    """Return the first figure of merit of a model, such as "PSNR dB 34.4"; "" where it has none."""
    rows = _narrowest_guard(card.metrics.get("figures") or [])
    if not rows:
        return ""
    return _figures_line(rows[0]).partition(", ")[0]


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 0.05:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def statistics(data: ArrayLike) -> dict[str, float | int | None]:
    """Return smallest, greatest and mean value of an array, read a piece at a time.

    NaN are counted and otherwise ignored; what is undefined (of nothing but NaN, of infinite
    values) is None. Sums are of float64.
    """
    least = math.inf
    most = -math.inf
    total = 0.0
    count = 0
    missing = 0
    for _, block in blocks(data):
        nans = int(np.isnan(block).sum()) if block.dtype.kind == "f" else 0
        missing += nans
        count += block.size - nans
        if nans == block.size:
            continue
        least = min(least, float(np.fmin.reduce(block, axis=None)))
        most = max(most, float(np.fmax.reduce(block, axis=None)))
        block_sum = np.nansum if nans else np.sum
        total += float(block_sum(block, dtype=np.float64))
    return {
        "min": _finite(least),
        "max": _finite(most),
        "mean": _finite(total / count) if count else None,
        "nan": missing,
    }


def _axis_line(axis: Axis) -> str:
    if isinstance(axis, ChannelAxis):
        return str(axis)
    line = f"{axis.title}, {axis}"
    if axis.excitation_nm:
        line += f", excited at {axis.excitation_nm:g} nm"
    if axis.guessed:
        line += " (a guess: the file does not say)"
    return line


def _active(card: Card, part: str) -> dict[str, Any]:
    """Return the settings of a part of the recipe, without those that do nothing."""
    settings = {}
    for name, value in card.recipe.get(part, {}).items():
        if f"{part}.{name}" not in card.inactive_settings:
            settings[name] = value
    return settings


def _settings_line(settings: Mapping[str, Any]) -> str:
    """Return a kind and its settings in one line, without empty lists and terms of no weight."""
    texts = []
    for name, value in settings.items():
        if name == "kind" or value in ((), [], None) or _no_weight(value):
            continue
        if name == "same_pixels" and not value:  # images were compared, as always
            continue
        texts.append(f"{_words(name)} {_plain(value)}")
    kind = str(settings.get("kind", "?"))
    return f"{kind} ({', '.join(texts)})" if texts else kind


def _chain_line(chain: Mapping[str, Any]) -> str:
    """Return the steps of preparation that were taken, in one line; nothing if none was."""
    texts = []
    for step in chain.get("steps", ()):
        if step.get("enabled", True):
            settings = {name: value for name, value in step.items() if name != "enabled"}
            texts.append(_settings_line({**settings, "kind": _words(step["kind"])}))
    return ", ".join(texts)


def _augmentation_line(augmentation: Mapping[str, Any]) -> str:
    """Return the augmentation that was on, in one line; nothing if none was."""
    texts = []
    for name, value in augmentation.items():
        if value not in _UNSET and _applies(name, augmentation):
            texts.append(f"{_words(name)} {_plain(value)}")
    return ", ".join(texts)


def _applies(name: str, augmentation: Mapping[str, Any]) -> bool:
    """Return whether a setting belongs to an augmentation that is on."""
    return name != "mixup_alpha" or augmentation.get("mixup") not in _UNSET


def _no_weight(value: object) -> bool:
    return isinstance(value, float) and value == 0


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _training_line(example: Trained) -> str:
    size = " × ".join(map(str, example.shape[-2:]))
    line = f"{example.name}: {example.training_pixels:,} of {size} pixels; "
    if not example.validation_pixels:
        return line + "none held out"
    return line + f"{example.validation_pixels:,} held out, guard {example.guard}"


def _error_or_infinity(compared: Compared) -> float:
    """Return the mean error of a method; what was given up comes last."""
    error = compared.error
    return math.inf if error is None else error


def _compared_line(compared: Compared, figure: str) -> str:
    """Return the error of a method on the folds, or why there is none."""
    error = compared.error
    if error is None:
        return compared.note
    folds = ", ".join(f"{each:.3g}" for each in compared.errors)
    epochs = f"{compared.epochs} epochs each, " if compared.epochs else ""
    seconds = duration(compared.seconds)
    return f"{figure} {error:.3g} (folds: {folds}), {epochs}in {seconds}"


def _loss_lines(card: Card) -> Lines:
    """Return the epochs of a training, and its losses at the best one."""
    epochs = _training_setting(card, "epochs")
    in_brackets = f" ({card.ending})" if card.ending else ""
    if card.stayed_linear:
        return {
            "epochs": f"{len(card.losses)} of {epochs}{in_brackets}; no epoch was better than the "
            "linear regression it starts from, which is kept",
            "validation loss": _of_start(card.start_validation_loss),
            "validation error": _of_start(card.start_validation_error),
        }
    return {
        "epochs": f"{len(card.losses)} of {epochs}{in_brackets}, best {card.best_epoch}",
        "training loss": _at_best(card.losses, card.best_epoch),
        "validation loss": _validation_loss(card),
        "validation error": _at_best(card.validation_errors, card.best_epoch),
        "linear start": _linear_start(card),
    }


def _linear_start(card: Card) -> str:
    """Return what the network began with, as figures on the validation pixels; empty if nothing."""
    if card.start_validation_loss is None:
        return ""
    line = f"validation loss {card.start_validation_loss:.4g}"
    if card.start_validation_error is None:
        return line
    return f"{line}, error {card.start_validation_error:.4g}"


def _of_start(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.4g}"


def _validation_loss(card: Card) -> str:
    """Return the validation loss at the best epoch; where there is none, why and what it means."""
    loss = _at_best(card.validation_losses, card.best_epoch)
    if loss:
        return loss
    why = "validation was 0"
    if _training_setting(card, "validation"):
        why = "there was too little to hold any of it out"
    return f"none, as {why}: the training loss does not tell how good it is on other data"


def _training_setting(card: Card, name: str) -> object:
    """Return a training setting of the recipe; "?" where a card has no such."""
    return card.recipe.get("training", {}).get(name, "?")


def _at_best(losses: Sequence[float | None], best_epoch: int) -> str:
    """Return the loss of the best epoch, or of the last where none is known."""
    known = 0 < best_epoch <= len(losses)
    if not losses:  # on cards of before there were any
        return ""
    loss = losses[best_epoch - 1] if known else losses[-1]
    return "" if loss is None else f"{loss:.4g}"


def _narrowest_guard(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the figures with the narrowest guard band, which come first, a row a method."""
    if not rows:
        return []
    narrowest = rows[0].get("guard")
    return [row for row in rows if row.get("guard") == narrowest]


def _figures_line(row: Mapping[str, Any]) -> str:
    texts = []
    for name, value in row.items():
        if name not in _NOT_FIGURES and isinstance(value, int | float):
            texts.append(f"{name} {value:.4g}")
    return ", ".join(texts)


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


def _without_empty(lines: Lines) -> Lines:
    return {title: text for title, text in lines.items() if text}
