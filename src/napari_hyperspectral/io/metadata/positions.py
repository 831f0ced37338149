"""Spectra that come with positions, put in their places on a map."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SAME = 0.3
"""Positions closer than this part of the usual step are one."""
_JITTER = 1e-3
"""Steps smaller than this part of the whole range are no steps."""
_FULL = 0.5
"""At least this part of a map must have been measured for it to be one."""


class Map(NamedTuple):
    """Spectra on a grid."""

    data: NDArray[Any]
    """Shape (band, y, x); NaN where nothing was measured."""
    pixel_size: tuple[float, float]
    """Height and width of a pixel; 1 along an axis of one pixel."""
    origin: tuple[float, float]
    """Position (y, x) of the first pixel; 0 where rows or columns go backwards."""


def on_a_map(spectra: NDArray[Any], y: ArrayLike, x: ArrayLike) -> Map | None:
    """Return spectra, (spectrum, band), placed by their positions; None where they are no grid.

    Rows and columns come in the order in which they were measured. What is not measured is NaN.
    """
    rows, columns = _Places(np.asarray(y, np.float64)), _Places(np.asarray(x, np.float64))
    size = len(rows.values) * len(columns.values)
    pixels = rows.index * len(columns.values) + columns.index
    if len(spectra) < _FULL * size or len(np.unique(pixels)) < len(pixels):
        return None
    if not (rows.even and columns.even):
        return None
    whole = len(spectra) == size
    kind = spectra.dtype if whole or spectra.dtype.kind == "f" else np.dtype(np.float64)
    placed = np.full((size, spectra.shape[1]), np.nan if kind.kind == "f" else 0, kind)
    placed[pixels] = spectra
    data = placed.T.reshape(-1, len(rows.values), len(columns.values))
    return Map(data, (rows.step, columns.step), (rows.start, columns.start))


class _Places:
    """The places along one direction, and which of them each position is."""

    def __init__(self, positions: NDArray[np.float64]) -> None:
        ordered = np.unique(positions)
        gaps = np.diff(ordered)
        wide = gaps[gaps > _JITTER * np.ptp(ordered)]
        usual = float(np.median(wide if len(wide) else gaps)) if len(gaps) else 1.0
        group = np.concatenate([[0], np.cumsum(gaps > _SAME * usual)])
        centres = np.array([ordered[group == n].mean() for n in range(group[-1] + 1)])
        index = group[np.searchsorted(ordered, positions)]
        backwards = bool(index[0] > index[-1])
        self.values = centres[::-1] if backwards else centres
        self.index = (len(centres) - 1 - index) if backwards else index
        steps = np.diff(centres)
        self.even = not len(steps) or bool(np.allclose(steps, steps.mean(), rtol=0.05))
        self.step = float(steps.mean()) if len(steps) else 1.0
        self.start = 0.0 if backwards else float(centres[0])
