"""The spectra of a cube, or of a larger one a regular grid of them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...cube import Cube
from ...progress import Job, Progress
from ..arrays import Float32, SpectraTable

_MOST_VALUES: Final = 2**26
"""Values that a table holds, at most: 512 MiB in double precision."""
_MIDDLE: Final = 2**21
"""Values in the middle of an image."""
_BLOCK: Final = 2**22
"""Values that are read at a time."""


class SampledSpectra(NamedTuple):
    """Spectra of a cube, on its good bands."""

    table: SpectraTable
    """Shape (spectrum, good band), in the unit of the cube; row by row of the image. NaN is missing."""
    every: int
    """1: all of them; k: those of every k-th row and column."""

    @property
    def line(self) -> str:
        """What the history says of it; "" where all spectra were taken."""
        if self.every == 1:
            return ""
        return f", in {len(self.table):,} spectra (1 of {self.every} rows and columns)"


def sampled_spectra(cube: Cube, most_spectra: int | None = None) -> Job[SampledSpectra]:
    """Yield progress; return the spectra of a cube, or of a larger one those of a regular grid.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is read some rows at a time.
    most_spectra : int, optional
        How many, at most. Default: as many as 512 MiB hold.
    """
    *leading, bands, height, width = cube.shape
    good = cube.axis.good
    most = max(1, _MOST_VALUES // bands)
    if most_spectra is not None:
        most = min(most, most_spectra)
    every = _every(math.prod(leading), height, width, most)
    rows = _middles(height, every)
    columns = _middles(width, every)
    at_a_time = max(1, _BLOCK // (bands * len(columns)))
    tables = []
    planes = list(np.ndindex(*leading))
    for number, plane in enumerate(planes):
        for first in range(0, len(rows), at_a_time):
            few = rows[first : first + at_a_time]
            # as slices with a step, which lazy arrays of every class can read
            box = (slice(few[0], few[-1] + 1, every), slice(columns[0], columns[-1] + 1, every))
            part = np.asarray(cube.data[(*plane, slice(None), *box)])[good]
            tables.append(part.reshape(len(part), -1).T.astype(np.float64))
            done = number * len(rows) + first + len(few)
            yield Progress(done, len(planes) * len(rows), note="reading spectra")
    table = np.concatenate(tables)
    table[~np.isfinite(table)] = np.nan
    return SampledSpectra(table, every)


def middle_of(cube: Cube) -> Float32:
    """Return the middle of an image, (band, y, x), of its first plane; all of it where it is small."""
    *leading, bands, height, width = cube.shape
    side = max(8, math.isqrt(_MIDDLE // bands))
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    box = (slice(top, top + side), slice(left, left + side))
    return np.asarray(cube.data[(*(0,) * len(leading), slice(None), *box)], np.float32)


def _every(planes: int, height: int, width: int, most: int) -> int:
    """Return the least k such that every k-th row and column are so many spectra, at most."""
    every = max(1, math.isqrt(planes * height * width // most))
    while planes * math.ceil(height / every) * math.ceil(width / every) > most:
        if every >= max(height, width):  # one of each plane: no fewer can be taken
            break
        every += 1
    return every


def _middles(size: int, every: int) -> NDArray[np.intp]:
    """Return positions that far from each other, with as much to the left as to the right."""
    count = math.ceil(size / every)
    start = (size - 1 - (count - 1) * every) // 2
    return start + every * np.arange(count)
