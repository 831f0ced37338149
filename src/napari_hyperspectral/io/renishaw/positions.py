"""Where in a map each spectrum of a Renishaw file lies.

The file says in which order the stage went, and for each spectrum where the stage was. The second
is always right, the first is what remains where the stage kept no even steps.

Source: Renishaw plc, Python package "renishaw-wdf" 1.4 (MapArea, MapAreaFlags)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RANDOM, COLUMNS_FIRST, ALTERNATING, LINE = 1, 2, 4, 128
"""Flags: points here and there; y runs first; every other line runs back; one line across x and y."""
_ONCE: Final = 2**18
"""Spectra whose places are worked out at a time, to take little memory."""
_LEEWAY: Final = 0.25
"""How far from its place a spectrum may lie, in steps."""


@dataclass(frozen=True)
class Area:
    """The region that was scanned; x, y, z as in the file."""

    counts: tuple[int, int, int]
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)
    step: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flags: int = 0

    @property
    def size(self) -> int:
        """Number of places."""
        return self.counts[0] * self.counts[1] * self.counts[2]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the places as an array, (z, y, x)."""
        return self.counts[2], self.counts[1], self.counts[0]


def pixels_of(
    area: Area, positions: Mapping[str, NDArray[np.float64]], collected: int
) -> NDArray[np.intp]:
    """Return the pixel of each spectrum, counted along (z, y, x).

    Parameters
    ----------
    area : Area
        What was to be scanned.
    positions : mapping of "x", "y", "z" to ndarray, shape (spectrum,)
        Where the stage was, for the axes the file tells it of.
    collected : int
        Number of spectra that were measured.
    """
    if not area.flags & LINE and all(
        name in positions for name, count in zip("xyz", area.counts, strict=True) if count > 1
    ):
        found = _in_parts(lambda some: _by_position(area, positions, some), collected)
        if found is not None and _is_once_each(found, area.size):
            return found
    return in_order(area, collected)


def in_order(area: Area, collected: int, flags: int | None = None) -> NDArray[np.intp]:
    """Return the pixel of each spectrum by the order of the scan alone."""
    flags = area.flags if flags is None else flags
    found = _in_parts(lambda some: _by_order(area.counts, flags, some), collected)
    assert found is not None
    return found


def _in_parts(
    places: Callable[[NDArray[np.intp]], NDArray[np.intp] | None], collected: int
) -> NDArray[np.intp] | None:
    pixels = np.empty(collected, np.intp)
    for start in range(0, collected, _ONCE):
        some = np.arange(start, min(start + _ONCE, collected))
        found = places(some)
        if found is None:
            return None
        pixels[some] = found
    return pixels


def _by_order(counts: tuple[int, int, int], flags: int, some: NDArray[np.intp]) -> NDArray[np.intp]:
    nx, ny, _ = counts
    inner = ny if flags & COLUMNS_FIRST else nx
    layer, rest = np.divmod(some, nx * ny)
    line, place = np.divmod(rest, inner)
    if flags & ALTERNATING:
        place = np.where(line % 2, inner - 1 - place, place)
    y, x = (place, line) if flags & COLUMNS_FIRST else (line, place)
    return (layer * ny + y) * nx + x


def _by_position(
    area: Area, positions: Mapping[str, NDArray[np.float64]], some: NDArray[np.intp]
) -> NDArray[np.intp] | None:
    """Return the pixels by where the stage was; None where that is on no place of the area."""
    pixels = np.zeros(len(some), np.intp)
    for place in (2, 1, 0):
        count, step = area.counts[place], area.step[place]
        if count == 1:
            continue
        if step == 0:
            return None
        exact = (positions["xyz"[place]][some] - area.start[place]) / step
        nearest = np.round(exact)
        if not (np.abs(exact - nearest) <= _LEEWAY).all():  # not, for NaN lies nowhere
            return None
        if nearest.min() < 0 or nearest.max() >= count:
            return None
        pixels = pixels * count + nearest.astype(np.intp)
    return pixels


def _is_once_each(pixels: NDArray[np.intp], size: int) -> bool:
    seen = np.zeros(size, bool)
    seen[pixels] = True
    return int(seen.sum()) == len(pixels)
