"""A cube of spectra that were measured at some pixels only, in any order.

A list of spectra, and an index map with the number of the spectrum of each pixel, make a cube of
which only the values that are looked at are read. One band asks each spectrum for one value; one
pixel asks one spectrum for all of them.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

NOT_MEASURED: Final = -1
"""What an index map holds where nothing was measured."""
_BYTES: Final = 32 * 2**20
"""Bytes of spectra that are read at a time."""

_Item: TypeAlias = slice | int | NDArray[Any]
"""What is taken along one axis: a slice, a number, or an array of numbers or of booleans."""


class Spectra(Protocol):
    """A list of spectra of the same bands that can be read in parts."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what `read` returns."""

    @property
    def bands(self) -> int:
        """Number of bands."""

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""


class Rows:
    """The spectra of a table in a file, in its order.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        A memory map, perhaps.
    """

    def __init__(self, table: NDArray[Any]) -> None:
        self._table = table
        self.dtype: np.dtype[Any] = table.dtype
        self.bands = int(table.shape[1])

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra; nothing else is read from the disk."""
        return np.asarray(self._table[rows[:, None], bands[None, :]])


class IndexMappedArray:
    """A lazy array of shape (band, y, x) or (z, band, y, x).

    Slices of it are lazy too. A band, row or pixel that is selected by its number is loaded.

    Parameters
    ----------
    spectra : Spectra
        What was measured.
    index_map : ndarray of int, shape (y, x) or (z, y, x)
        Number of the spectrum of each pixel; `NOT_MEASURED` where there is none: it is NaN there.
    bands : ndarray of int, shape (band,), optional
        Those of the spectra that are shown; all of them where it is left out.
    dtype : dtype, optional
        Type of the values; else that of the spectra, or a float where pixels are NaN.
    """

    def __init__(
        self,
        spectra: Spectra,
        index_map: NDArray[np.intp],
        bands: NDArray[np.intp] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._spectra = spectra
        self._index_map = index_map
        self._bands = np.arange(spectra.bands) if bands is None else bands
        if dtype is None:
            has_gaps = bool((index_map == NOT_MEASURED).any())
            # whole numbers have no NaN
            dtype = np.result_type(spectra.dtype, np.float32) if has_gaps else spectra.dtype
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of (slices,) bands, rows and columns."""
        *leading, height, width = self._index_map.shape
        return (*leading, len(self._bands), height, width)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._index_map.ndim + 1

    @property
    def size(self) -> int:
        """Number of values."""
        return self._index_map.size * len(self._bands)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        items = _items(index, self.shape)
        if items is None:  # new axes, arrays of two axes and the like
            return np.asarray(self)[index]
        arrays = [item for item in items if isinstance(item, np.ndarray)]
        numbers = [item for item in items if isinstance(item, int)]
        if len(arrays) <= 1 and not numbers:
            return self._part(items)
        # what numbers select is loaded; numpy then drops their axes, and combines arrays
        part = self._part([slice(None) if isinstance(i, np.ndarray) else i for i in items])
        remaining: list[_Item] = []
        for item in items:
            if isinstance(item, slice):
                remaining.append(slice(None))
            else:
                remaining.append(0 if isinstance(item, int) else item)
        return np.asarray(part)[tuple(remaining)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("what lies in a file cannot become an array without a copy")
        values = np.empty(self.shape, self.dtype)
        for leading in np.ndindex(self.shape[:-3]):
            values[leading] = self._loaded(self._index_map[leading])
        return values if dtype is None else values.astype(dtype, copy=False)

    def _part(self, items: Sequence[_Item]) -> IndexMappedArray:
        """Return the part at slices, numbers (which leave an axis of one) or one array."""
        kept = [slice(item, item + 1) if isinstance(item, int) else item for item in items]
        bands = self._bands[kept.pop(-3)]
        return IndexMappedArray(self._spectra, self._index_map[tuple(kept)], bands, self.dtype)

    def _loaded(self, index_map: NDArray[np.intp]) -> NDArray[Any]:
        """Return the spectra of an index map (y, x) as (band, y, x), read in the order of the file."""
        rows = index_map.ravel()  # (pixel,): number of its spectrum
        measured = np.flatnonzero(rows != NOT_MEASURED)
        measured = measured[np.argsort(rows[measured], kind="stable")]
        shape = (len(self._bands), index_map.size)
        if len(measured) == index_map.size:
            values = np.empty(shape, self.dtype)
        else:
            values = np.full(shape, np.nan, self.dtype)
        step = max(1, _BYTES // (len(self._bands) * self.dtype.itemsize + 1))
        for start in range(0, len(measured), step):
            pixels = measured[start : start + step]
            values[:, pixels] = self._spectra.read(rows[pixels], self._bands).T
        return values.reshape(len(self._bands), *index_map.shape)


def _items(index: Any, shape: tuple[int, ...]) -> list[_Item] | None:
    """Return what an index takes along each axis; None where it does more than that."""
    entries = list(index) if isinstance(index, tuple) else [index]
    dots = [position for position, entry in enumerate(entries) if entry is Ellipsis]
    if dots:
        missing = len(shape) + 1 - len(entries)
        entries[dots[0] : dots[0] + 1] = [slice(None)] * missing
    entries += [slice(None)] * (len(shape) - len(entries))
    if len(entries) != len(shape) or len(dots) > 1:
        return None
    items: list[_Item] = []
    for entry, size in zip(entries, shape, strict=True):
        item = _item(entry, size)
        if item is None:
            return None
        items.append(item)
    return items


def _item(entry: Any, size: int) -> _Item | None:
    """Return what an entry of an index takes of an axis of this size; None for another use."""
    if isinstance(entry, slice):
        return entry
    if isinstance(entry, bool | np.bool_) or entry is None:
        return None
    if np.ndim(entry) == 1:
        return np.asarray(entry) if len(entry) else np.empty(0, np.intp)
    if np.ndim(entry) > 1:
        return None
    number = operator.index(entry)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of bounds for an axis of {size}")
    return number % size
