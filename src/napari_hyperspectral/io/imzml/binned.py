"""Mass spectra of which each has its own m/z values, as bands that all of them share.

A band is a window of m/z; its value is the sum of the intensities of a spectrum within. Windows
that lie side by side share out all of a spectrum, so that its total ion current is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from .bands import Windows
from .ibd import AT_A_TIME, CHECKED, LOOKED_AT, Stored, some

_FEW: Final = 8
"""Bands up to which all spectra are searched at once, a step of the search at a time."""
_VALUES: Final = 2**20
"""Values that are summed up at a time."""


class Survey(NamedTuple):
    """What is true of the m/z values of all spectra."""

    low: float
    high: float
    ascending: bool
    """Whether those of each spectrum ascend."""


def survey(path: Path, mz: Stored, tell: Callable[[int, int, str], object]) -> Survey:
    """Look through the m/z values; in large files, through those of some and the ends of all.

    Raises
    ------
    FileFormatError
        If there are none, or they are none of masses.
    """
    rows = np.flatnonzero(mz.lengths)
    if not len(rows):
        raise FileFormatError(path, "all its spectra are empty", "export it again")
    small = mz.compressed or mz.lengths.sum() * mz.dtype.itemsize <= CHECKED
    seen = _survey(rows if small else rows[some(len(rows), LOOKED_AT)], tell, mz, _whole)
    if not small:
        look = _ends if seen.ascending else _whole
        seen = _survey(rows, tell, mz, look)._replace(ascending=seen.ascending)
    if not 0 <= seen.low <= seen.high < np.inf:  # NaN is neither
        raise FileFormatError(
            path, f"its m/z values go from {seen.low:g} to {seen.high:g}", "copy both files again"
        )
    return seen


def _survey(
    rows: NDArray[np.intp],
    tell: Callable[[int, int, str], object],
    mz: Stored,
    look: Callable[[Stored, NDArray[np.intp]], Survey],
) -> Survey:
    seen = []
    for start in range(0, len(rows), AT_A_TIME):
        tell(start, len(rows), "looking through the m/z values")
        seen.append(look(mz, rows[start : start + AT_A_TIME]))
        mz.let_go()
    low, high, ascending = zip(*seen, strict=True)
    return Survey(float(np.min(low)), float(np.max(high)), all(ascending))


def _whole(mz: Stored, rows: NDArray[np.intp]) -> Survey:
    parts = [mz.part(int(row)) for row in rows]
    ascending = all(bool((part[1:] >= part[:-1]).all()) for part in parts)
    low, high = np.min([part.min() for part in parts]), np.max([part.max() for part in parts])
    return Survey(low, high, ascending)  # NaN, if there is any


def _ends(mz: Stored, rows: NDArray[np.intp]) -> Survey:
    lasts = mz.lengths[rows] - 1
    first, last = mz.at(rows, np.zeros_like(lasts)), mz.at(rows, lasts)
    return Survey(first.min(), last.max(), True)


class Binned:
    """Spectra summed up within windows, when they are asked for.

    Parameters
    ----------
    mz, intensity : Stored
        The two arrays of each spectrum.
    windows : Windows
        The bands.
    ascending : bool
        Whether the m/z values of each spectrum ascend; if not, each is sorted when it is read.
    """

    def __init__(self, mz: Stored, intensity: Stored, windows: Windows, ascending: bool) -> None:
        self._mz, self._intensity, self._windows = mz, intensity, windows
        self._ascending = ascending
        self.bands = len(windows.low)
        self.dtype: np.dtype[Any] = np.result_type(intensity.dtype, np.float32)
        narrow = bool(np.isfinite(windows.high - windows.low).all())
        packed = mz.compressed or intensity.compressed
        self._searchable = ascending and narrow and not packed

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""
        sums = np.empty((len(rows), len(bands)), self.dtype)
        if self._searchable and len(bands) <= _FEW < len(rows):
            for place, band in enumerate(bands):
                low, high = self._windows.low[band], self._windows.high[band]
                sums[:, place] = self._sums_of_all(rows, low, high)
            return sums
        windows = Windows(self._windows.low[bands], self._windows.high[bands])
        for place, row in enumerate(rows):
            sums[place] = self._sums_of_one(int(row), windows)
        return sums

    def _sums_of_one(self, row: int, windows: Windows) -> NDArray[np.float64]:
        mz, intensity = self._mz.part(row), self._intensity.part(row)
        if not self._ascending:
            order = np.argsort(mz, kind="stable")
            mz, intensity = mz[order], intensity[order]
        starts, stops = np.searchsorted(mz, windows.low), np.searchsorted(mz, windows.high)
        if not len(starts) or starts.min() >= stops.max():
            return np.zeros(len(starts))
        first = int(starts.min())
        values = np.append(np.asarray(intensity[first : stops.max()], np.float64), 0.0)
        bounds = np.stack([starts, stops], axis=1).ravel() - first
        sums: NDArray[np.float64] = np.add.reduceat(values, bounds)[::2]
        sums[starts == stops] = 0  # reduceat has the next value there
        return sums

    def _sums_of_all(
        self, rows: NDArray[np.intp], low: np.float64, high: np.float64
    ) -> NDArray[np.float64]:
        """Return one band of many spectra: a look at a few values of each finds its window."""
        starts = self._first_from(rows, low, np.zeros(len(rows), np.intp))
        counts = self._first_from(rows, high, starts) - starts
        sums = np.zeros(len(rows))
        pieces = np.cumsum(counts) // _VALUES
        for piece in np.unique(pieces[counts > 0]):
            some = np.flatnonzero((pieces == piece) & (counts > 0))
            owner = np.repeat(some, counts[some])
            along = np.arange(len(owner)) - np.repeat(
                np.cumsum(counts[some]) - counts[some], counts[some]
            )
            values = self._intensity.at(rows[owner], starts[owner] + along)
            sums += np.bincount(owner, values, minlength=len(rows))
        return sums

    def _first_from(
        self, rows: NDArray[np.intp], value: np.float64, low: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the place of the first m/z of each spectrum that is not below `value`."""
        low, high = low.copy(), np.asarray(self._mz.lengths[rows], np.intp).copy()
        while (active := np.flatnonzero(low < high)).size:
            middle = (low[active] + high[active]) // 2
            below = self._mz.at(rows[active], middle) < value  # as float64, like value
            low[active[below]] = middle[below] + 1
            high[active[~below]] = middle[~below]
        return low
