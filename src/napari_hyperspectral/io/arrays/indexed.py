"""Spectra that were measured here and there, as a raster: what is not looked at is not loaded.

A list of spectra, and a raster that tells for each pixel which of them it has, if any, make a
cube. One band asks each spectrum for one value; one pixel asks one spectrum for all of them.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

NEVER: Final = -1
"""What a raster holds where nothing was measured."""
_BYTES: Final = 32 * 2**20
"""Bytes of spectra that are asked for at a time."""


class Spectra(Protocol):
    """A list of spectra of the same bands that can be asked for parts of it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what `read` returns."""

    @property
    def bands(self) -> int:
        """Number of bands."""

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""


class Rows:
    """The spectra of a table in a file, (spectrum, band), in its order."""

    def __init__(self, table: NDArray[Any]) -> None:
        self._table = table
        self.dtype: np.dtype[Any] = table.dtype
        self.bands = int(table.shape[1])

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra; nothing else is read from the disk."""
        return np.asarray(self._table[rows[:, None], bands[None, :]])


class Placed:
    """A lazy cube, (band, y, x) or (z, band, y, x).

    Slices of it are lazy too; one band, row or pixel, given by its number, is loaded at once.

    Parameters
    ----------
    spectra : Spectra
        What was measured.
    raster : ndarray of int, shape (y, x) or (z, y, x)
        Number of the spectrum of each pixel; `NEVER` where there is none: it is NaN there.
    """

    def __init__(
        self,
        spectra: Spectra,
        raster: NDArray[np.intp],
        bands: NDArray[np.intp] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._spectra, self._raster = spectra, raster
        self._bands = np.arange(spectra.bands) if bands is None else bands
        if dtype is None:
            holes = bool((raster == NEVER).any())
            dtype = np.result_type(spectra.dtype, np.float32) if holes else spectra.dtype
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of (planes,) bands, rows and columns."""
        *leading, height, width = self._raster.shape
        return (*leading, len(self._bands), height, width)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._raster.ndim + 1

    @property
    def size(self) -> int:
        """Number of values."""
        return self._raster.size * len(self._bands)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        parts = _parts(index, self.shape)
        if parts is None:
            return np.asarray(self)[index]
        lists = [isinstance(part, np.ndarray) for part in parts]
        if sum(lists) <= 1 and not any(isinstance(part, int) for part in parts):
            return self._take(parts)
        near = self._take([slice(None) if isinstance(p, np.ndarray) else p for p in parts])
        rest = (
            slice(None) if isinstance(p, slice) else 0 if isinstance(p, int) else p for p in parts
        )
        return np.asarray(near)[tuple(rest)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("what lies in a file cannot become an array without a copy")
        values = np.empty(self.shape, self.dtype)
        for leading in np.ndindex(self.shape[:-3]):
            values[leading] = self._loaded(self._raster[leading])
        return values if dtype is None else values.astype(dtype, copy=False)

    def _take(self, parts: Sequence[Any]) -> Placed:
        """Return the part at slices, numbers (which leave an axis of one) or one list of numbers."""
        kept = [slice(p, p + 1) if isinstance(p, int) else p for p in parts]
        band = kept.pop(-3)
        return Placed(self._spectra, self._raster[tuple(kept)], self._bands[band], self.dtype)

    def _loaded(self, raster: NDArray[np.intp]) -> NDArray[Any]:
        """Return the spectra of a plane, (band, y, x), read in the order of the file."""
        wanted = raster.ravel()
        measured = np.flatnonzero(wanted != NEVER)
        measured = measured[np.argsort(wanted[measured], kind="stable")]
        shape = (len(self._bands), raster.size)
        whole = len(measured) == raster.size
        values = np.empty(shape, self.dtype) if whole else np.full(shape, np.nan, self.dtype)
        step = max(1, _BYTES // (len(self._bands) * self.dtype.itemsize + 1))
        for start in range(0, len(measured), step):
            some = measured[start : start + step]
            values[:, some] = self._spectra.read(wanted[some], self._bands).T
        return values.reshape(len(self._bands), *raster.shape)


def _parts(index: Any, shape: tuple[int, ...]) -> list[Any] | None:
    """Return a slice, number or list of numbers for each axis; None for what is neither."""
    given = list(index) if isinstance(index, tuple) else [index]
    dots = [place for place, part in enumerate(given) if part is Ellipsis]
    if dots:
        missing = len(shape) + 1 - len(given)
        given[dots[0] : dots[0] + 1] = [slice(None)] * missing
    given += [slice(None)] * (len(shape) - len(given))
    if len(given) != len(shape) or len(dots) > 1:
        return None
    parts = [_part(part, size) for part, size in zip(given, shape, strict=True)]
    return None if any(part is None for part in parts) else parts


def _part(part: Any, size: int) -> Any:
    if isinstance(part, slice):
        return part
    if isinstance(part, bool | np.bool_) or part is None:
        return None
    if np.ndim(part) == 1:
        return np.asarray(part) if len(part) else np.empty(0, np.intp)
    if np.ndim(part) > 1:
        return None
    number = operator.index(part)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of bounds for an axis of {size}")
    return number % size
