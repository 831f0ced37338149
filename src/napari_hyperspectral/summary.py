"""What there is to tell about an image or a model: for programs as JSON, for people as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .axis import ChannelAxis
from .card import Card
from .cube import Image, Labels
from .io.blocks import blocks


def facts(image: Image, *, with_statistics: bool = False) -> dict[str, Any]:
    """Return what is known of an image, as JSON; `with_statistics` reads all of it."""
    about = {
        "dims": list(image.dims),
        "shape": list(image.shape),
        "dtype": np.dtype(image.data.dtype).name,
        "axis": _axis_facts(image),
        "pixel_size": list(image.pixel_size),
        "pixel_unit": image.pixel_unit,
        "name": image.name,
        "history": list(image.history),
    }
    return about | ({"stats": statistics(image.data)} if with_statistics else {})


def lines_of_image(image: Image, about: dict[str, Any]) -> dict[str, str]:
    """Return the facts of an image in the words of people, a line each."""
    sizes = (f"{d} {n}" for d, n in zip(about["dims"], about["shape"], strict=True))
    pixel = " × ".join(f"{size:g}" for size in about["pixel_size"])
    axis = ", ".join(image.classes) if isinstance(image, Labels) else str(image.axis)
    told = {
        "name": about["name"],
        "format": about["format"],
        "size": f"{', '.join(sizes)} ({about['dtype']})",
        "classes" if isinstance(image, Labels) else "axis": axis,
        "pixel": f"{pixel} {about['pixel_unit'] or ''}".strip() if about["pixel_unit"] else "",
        "history": "\n".join(about["history"]),
    }
    if "stats" in about:
        told["values"] = ", ".join(f"{name} {value}" for name, value in about["stats"].items())
    return {name: text for name, text in told.items() if text}


def lines_of_card(found: Card) -> dict[str, str]:
    """Return what is on a model's card in the words of people, a line each."""
    validations = [v for v in found.validations if v is not None]
    kinds = {part: found.recipe.get(part, {}).get("kind", "") for part in ("task", "network")}
    told = {
        "task": kinds["task"],
        "network": f"{kinds['network']}, {found.parameters:,} weights",
        "takes": str(found.axis),
        "gives": str(found.output_axis),
        "trained on": "\n".join(f"{t.name} ({t.taught:,} pixels)" for t in found.trained_on),
        "epochs": f"{len(found.losses)}, best {found.best_epoch}",
        "validation": f"{min(validations):.4g} (least loss)" if validations else "",
        "stopped": found.stopped,
        "metrics": ", ".join(f"{name} {value}" for name, value in found.metrics.items()),
        "made": found.made and f"{found.made}, in {found.seconds:g} s on {found.device}",
        "versions": ", ".join(f"{name} {version}" for name, version in found.versions.items()),
    }
    return {name: text for name, text in told.items() if text}


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
