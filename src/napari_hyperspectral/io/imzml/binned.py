"""Mass spectra of which each has its own m/z values, as bands that all of them share.

A band is a window of m/z; its value is the sum of the intensities of a spectrum within. Windows
that touch each other share out all of a spectrum, so that its total ion current is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from .bands import Windows
from .ibd import AT_A_TIME, CHECKED, SAMPLED, Stored, sample_of

_FEW_BANDS: Final = 8
"""Bands up to which all spectra are searched at once, a step of the search at a time."""
_PART: Final = 256
"""Values of a spectrum that are read in one, when a window in it is searched."""
_SPECTRA: Final = 2**12
"""Spectra that are searched at a time."""
_VALUES: Final = 2**20
"""Values that are summed up at a time."""
_Tell: TypeAlias = Callable[[int, int, str], object]
"""Called with how many are done, of how many, and what of."""


class Survey(NamedTuple):
    """What is true of the m/z values of all spectra."""

    low: float
    high: float
    ascending: bool
    """Whether those of each spectrum ascend."""


def survey(path: Path, mz: Stored, tell: _Tell) -> Survey:
    """Look through the m/z values; in large files, through those of some and the ends of all.

    Raises
    ------
    FileFormatError
        If there are none, or they are none of masses.
    """
    rows = np.flatnonzero(mz.lengths)
    if not len(rows):
        raise FileFormatError(path, "all its spectra are empty", "export it again")
    if mz.compressed or mz.lengths.sum() * mz.dtype.itemsize <= CHECKED:
        result = _survey(rows, tell, mz, _all_values)
    else:
        sample = _survey(rows[sample_of(len(rows), SAMPLED)], tell, mz, _all_values)
        result = _survey(rows, tell, mz, _end_values if sample.ascending else _all_values)
        result = result._replace(ascending=sample.ascending)
    if not 0 <= result.low <= result.high < np.inf:  # NaN is neither
        raise FileFormatError(
            path,
            f"its m/z values go from {result.low:g} to {result.high:g}",
            "copy both files again",
        )
    return result


def _survey(
    rows: NDArray[np.intp],
    tell: _Tell,
    mz: Stored,
    look: Callable[[Stored, NDArray[np.intp]], Survey],
) -> Survey:
    """Return what `look` says of some spectra, so many at a time that little memory is used."""
    results = []
    for start in range(0, len(rows), AT_A_TIME):
        tell(start, len(rows), "looking through the m/z values")
        results.append(look(mz, rows[start : start + AT_A_TIME]))
    low = np.min([result.low for result in results])
    high = np.max([result.high for result in results])
    return Survey(float(low), float(high), all(result.ascending for result in results))


def _all_values(mz: Stored, rows: NDArray[np.intp]) -> Survey:
    lows = []
    highs = []
    ascending = True
    for row in rows:
        values = mz.part(int(row))
        lows.append(values.min())
        highs.append(values.max())
        ascending &= bool((values[1:] >= values[:-1]).all())
    return Survey(np.min(lows), np.max(highs), ascending)  # NaN, if there is any


def _end_values(mz: Stored, rows: NDArray[np.intp]) -> Survey:
    last = mz.lengths[rows] - 1
    low = mz.at(rows, np.zeros_like(last)).min()
    high = mz.at(rows, last).max()
    return Survey(low, high, True)


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
        self._mz = mz
        self._intensity = intensity
        self._windows = windows
        self._ascending = ascending
        self.bands = len(windows.low)
        self.dtype: np.dtype[Any] = np.result_type(intensity.dtype, np.float32)
        finite = bool(np.isfinite(windows.high - windows.low).all())
        compressed = mz.compressed or intensity.compressed
        self._searchable = ascending and finite and not compressed

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""
        sums = np.empty((len(rows), len(bands)), self.dtype)
        low = self._windows.low[bands]
        high = self._windows.high[bands]
        if self._searchable and len(bands) <= _FEW_BANDS < len(rows):
            for column in range(len(bands)):
                sums[:, column] = self._sums_of_band(rows, low[column], high[column])
        else:
            for line, row in enumerate(rows):
                sums[line] = self._sums_of_spectrum(int(row), Windows(low, high))
        return sums

    def _sums_of_spectrum(self, row: int, windows: Windows) -> NDArray[np.float64]:
        """Return all bands of one spectrum, shape (band,)."""
        mz = self._mz.part(row)
        intensity = self._intensity.part(row)
        if not self._ascending:
            order = np.argsort(mz, kind="stable")
            mz = mz[order]
            intensity = intensity[order]
        starts = np.searchsorted(mz, windows.low)
        stops = np.searchsorted(mz, windows.high)
        if not len(starts) or starts.min() >= stops.max():
            return np.zeros(len(starts))
        first = int(starts.min())
        values = np.asarray(intensity[first : stops.max()], np.float64)
        # sums from start to stop, and from stop to the next start: every other one counts
        bounds = np.stack([starts, stops], axis=1).ravel() - first
        sums: NDArray[np.float64] = np.add.reduceat(np.append(values, 0.0), bounds)[::2]
        sums[starts == stops] = 0  # reduceat has the next value there
        return sums

    def _sums_of_band(
        self, rows: NDArray[np.intp], low: np.float64, high: np.float64
    ) -> NDArray[np.float64]:
        """Return one band of many spectra: a look at a few values of each finds its window."""
        sums = np.zeros(len(rows))
        for start in range(0, len(rows), _SPECTRA):
            block = slice(start, start + _SPECTRA)
            sums[block] = self._sums_of_block(rows[block], low, high)
        return sums

    def _sums_of_block(
        self, rows: NDArray[np.intp], low: np.float64, high: np.float64
    ) -> NDArray[np.float64]:
        starts, stops = self._window_of(rows, low, high)
        counts = stops - starts
        sums = np.zeros(len(rows))
        pieces = np.cumsum(counts) // _VALUES  # of each spectrum
        for piece in np.unique(pieces[counts > 0]):
            chosen = np.flatnonzero((pieces == piece) & (counts > 0))
            lengths = counts[chosen]
            owner = np.repeat(chosen, lengths)  # of each value
            firsts = np.repeat(np.cumsum(lengths) - lengths, lengths)
            within = np.arange(len(owner)) - firsts  # number of each value in its window
            values = self._intensity.at(rows[owner], starts[owner] + within)
            sums += np.bincount(owner, values, minlength=len(rows))
        return sums

    def _window_of(
        self, rows: NDArray[np.intp], low: np.float64, high: np.float64
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the first index of each spectrum that is in a window, and the first behind it."""
        begin = np.zeros(len(rows), np.intp)
        end = np.asarray(self._mz.lengths[rows], np.intp)
        # each look at a file costs a call: the last steps of the search are done in memory
        length = min(_PART, int(end.max()))
        begin = self._first_from(rows, low, begin, end, within=length)
        parts = self._mz.first_parts(rows, begin, length)  # (row, value)
        starts = begin + (parts < low).sum(axis=1)
        stops = begin + (parts < high).sum(axis=1)
        is_open = np.flatnonzero((stops == begin + length) & (stops < end))
        if is_open.size:
            further = rows[is_open]
            stops[is_open] = self._first_from(further, high, stops[is_open], end[is_open])
        return starts, stops

    def _first_from(
        self,
        rows: NDArray[np.intp],
        value: np.float64,
        low: NDArray[np.intp],
        high: NDArray[np.intp],
        within: int = 0,
    ) -> NDArray[np.intp]:
        """Return the index of the first m/z of each spectrum that is not below `value`.

        Parameters
        ----------
        low, high : ndarray of int, shape (row,)
            Indices between which to search: all before `low` are below.
        within : int
            How many before it the returned index may be.
        """
        low = low.copy()
        high = high.copy()
        while (active := np.flatnonzero(high - low > within)).size:  # of all spectra at once
            middle = (low[active] + high[active]) // 2
            is_below = self._mz.at(rows[active], middle) < value  # as float64, like value
            low[active[is_below]] = middle[is_below] + 1
            high[active[~is_below]] = middle[~is_below]
        return low
