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
"""Flags: no grid; y runs first; every other line runs back; one line across x and y."""
_AT_A_TIME: Final = 2**18
"""Spectra whose pixels are worked out at a time, to take little memory."""
_TOLERANCE: Final = 0.25
"""How far from the centre of its pixel a spectrum may lie, in steps."""


@dataclass(frozen=True)
class Area:
    """The region that was scanned; x, y, z as in the file."""

    counts: tuple[int, int, int]
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)
    step: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flags: int = 0

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.counts[0] * self.counts[1] * self.counts[2]


def pixels_of(
    area: Area, positions: Mapping[str, NDArray[np.float64]], collected: int
) -> NDArray[np.intp]:
    """Return the pixel of each spectrum, counted along (z, y, x).

    Parameters
    ----------
    area : Area
        What was to be scanned.
    positions : mapping of "x", "y", "z" to ndarray, shape (spectrum,)
        Where the stage was, for the axes of which the file has it.
    collected : int
        Number of spectra that were measured.
    """
    scanned = [name for name, count in zip("xyz", area.counts, strict=True) if count > 1]
    if not area.flags & LINE and all(name in positions for name in scanned):
        pixels = _in_blocks(lambda block: _by_position(area, positions, block), collected)
        if pixels is not None and _is_once_each(pixels, area.size):
            return pixels
    return in_order(area, collected)


def in_order(area: Area, collected: int, flags: int | None = None) -> NDArray[np.intp]:
    """Return the pixel of each spectrum by the order of the scan alone."""
    flags = area.flags if flags is None else flags
    pixels = _in_blocks(lambda block: _by_order(area.counts, flags, block), collected)
    assert pixels is not None
    return pixels


def _in_blocks(
    pixels_in: Callable[[NDArray[np.intp]], NDArray[np.intp] | None], collected: int
) -> NDArray[np.intp] | None:
    """Return the pixels of all spectra, a block at a time; None where one has none."""
    pixels = np.empty(collected, np.intp)
    for start in range(0, collected, _AT_A_TIME):
        block = np.arange(start, min(start + _AT_A_TIME, collected))
        part = pixels_in(block)
        if part is None:
            return None
        pixels[block] = part
    return pixels


def _by_order(
    counts: tuple[int, int, int], flags: int, spectra: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the pixels of some spectra by the order of the scan."""
    nx, ny, _ = counts
    length = ny if flags & COLUMNS_FIRST else nx  # of a line
    layer, in_layer = np.divmod(spectra, nx * ny)
    line, in_line = np.divmod(in_layer, length)
    if flags & ALTERNATING:
        in_line = np.where(line % 2, length - 1 - in_line, in_line)
    y, x = (in_line, line) if flags & COLUMNS_FIRST else (line, in_line)
    return (layer * ny + y) * nx + x


def _by_position(
    area: Area, positions: Mapping[str, NDArray[np.float64]], spectra: NDArray[np.intp]
) -> NDArray[np.intp] | None:
    """Return the pixels by where the stage was; None where that is outside the area."""
    pixels = np.zeros(len(spectra), np.intp)
    for axis in (2, 1, 0):  # z, y, x
        count = area.counts[axis]
        step = area.step[axis]
        if count == 1:
            continue
        if step == 0:
            return None
        exact = (positions["xyz"[axis]][spectra] - area.start[axis]) / step
        nearest = np.round(exact)
        if not (np.abs(exact - nearest) <= _TOLERANCE).all():  # not, for NaN lies nowhere
            return None
        if nearest.min() < 0 or nearest.max() >= count:
            return None
        pixels = pixels * count + nearest.astype(np.intp)
    return pixels


def _is_once_each(pixels: NDArray[np.intp], size: int) -> bool:
    measured = np.zeros(size, bool)
    measured[pixels] = True
    return int(measured.sum()) == len(pixels)
