"""The order in which a labels layer of napari was painted, as far as its history of changes goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .bands import Stroke


def strokes_of(layer: Any) -> list[Stroke]:
    """Return where a layer was painted, oldest first; nothing where that is not known.

    The history is not part of napari's interface: without it, nobody knows the order.
    """
    layer = getattr(layer, "__wrapped__", layer)  # docks see it through a proxy, which would warn
    items = [*getattr(layer, "_undo_history", ()), getattr(layer, "_staged_history", ())]
    strokes: list[Stroke] = []
    for item in items:
        strokes += _strokes(item)
    return strokes


def _strokes(item: Any) -> Iterator[Stroke]:
    """Yield the indices of the changes that were made at once."""
    for change in item:
        slices = getattr(change, "slice_key", None)
        if slices is None:  # (indices, values before, values after)
            yield change[0]
            continue
        mask = change.mask
        if mask is None:  # all of the box was painted
            yield slices
            continue
        inside = np.nonzero(mask)
        yield tuple(index + (box.start or 0) for index, box in zip(inside, slices, strict=True))
