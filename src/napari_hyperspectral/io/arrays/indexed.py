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

from .positional import by_position

NOT_MEASURED: Final = -1
"""What an index map holds where nothing was measured."""
_BYTES: Final = 32 * 2**20
"""Bytes of spectra that are read at a time."""

_Indices: TypeAlias = NDArray[np.intp]
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

    def read(self, rows: _Indices, bands: _Indices) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""


class Rows:
    """The spectra of a table in a file, in its order.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        A memory map, perhaps.
    """

    def __init__(self, table: NDArray[Any]) -> None:
        self._table = by_position(table)
        self.dtype: np.dtype[Any] = table.dtype
        self.bands = int(table.shape[1])

    def read(self, rows: _Indices, bands: _Indices) -> NDArray[Any]:
        """Return those bands of those spectra; nothing else is read from the disk."""
        rows_and_bands = np.ix_(rows, bands)
        return np.asarray(self._table[rows_and_bands])


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
        index_map: _Indices,
        bands: _Indices | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if bands is None:
            bands = np.arange(spectra.bands)
        self._spectra = spectra
        self._index_map = index_map
        self._bands = bands
        if dtype is None:
            dtype = spectra.dtype
            if (index_map == NOT_MEASURED).any():
                # whole numbers have no NaN
                dtype = np.result_type(dtype, np.float32)
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
        return self._loaded_at(items)

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,
    ) -> NDArray[Any]:
        if copy is False:
            raise ValueError("what lies in a file cannot become an array without a copy")
        values = np.empty(self.shape, self.dtype)
        for leading in np.ndindex(self.shape[:-3]):
            index_map = self._index_map[leading]  # (y, x)
            values[leading] = self._loaded(index_map)
        if dtype is None:
            return values
        return values.astype(dtype, copy=False)

    def _loaded_at(self, items: Sequence[_Item]) -> NDArray[Any]:
        """Return what numbers and arrays select, loaded.

        What numbers and slices select is read; numpy then drops the axes of numbers, and combines
        arrays.
        """
        lazily: list[_Item] = []
        remaining: list[_Item] = []
        for item in items:
            if isinstance(item, slice):
                lazily.append(item)
                remaining.append(slice(None))
            elif isinstance(item, int):
                lazily.append(item)
                remaining.append(0)
            else:
                lazily.append(slice(None))
                remaining.append(item)
        loaded = np.asarray(self._part(lazily))
        selected: NDArray[Any] = loaded[tuple(remaining)]
        return selected

    def _part(self, items: Sequence[_Item]) -> IndexMappedArray:
        """Return the part at slices, numbers (which leave an axis of one) or one array."""
        kept: list[slice | NDArray[Any]] = []
        for item in items:
            kept.append(slice(item, item + 1) if isinstance(item, int) else item)
        bands = self._bands[kept.pop(-3)]  # the axis before y and x
        return IndexMappedArray(
            self._spectra,
            self._index_map[tuple(kept)],
            bands,
            self.dtype,
        )

    def _loaded(self, index_map: _Indices) -> NDArray[Any]:
        """Return the spectra of an index map (y, x) as (band, y, x), read in the order of the file."""
        bands = len(self._bands)
        rows = index_map.ravel()  # (pixel,): number of its spectrum
        measured = np.flatnonzero(rows != NOT_MEASURED)
        order_in_file = np.argsort(rows[measured], kind="stable")
        measured = measured[order_in_file]
        shape = (bands, index_map.size)  # (band, pixel)
        if len(measured) == index_map.size:
            values = np.empty(shape, self.dtype)
        else:
            values = np.full(shape, np.nan, self.dtype)
        bytes_a_spectrum = bands * self.dtype.itemsize
        step = max(1, _BYTES // (bytes_a_spectrum + 1))  # of no bands, there are no bytes
        for start in range(0, len(measured), step):
            pixels = measured[start : start + step]
            spectra = self._spectra.read(rows[pixels], self._bands)  # (pixel, band)
            values[:, pixels] = spectra.T
        return values.reshape(bands, *index_map.shape)


def _items(index: Any, shape: tuple[int, ...]) -> list[_Item] | None:
    """Return what an index takes along each axis; None where it does more than that."""
    ndim = len(shape)
    entries = list(index) if isinstance(index, tuple) else [index]
    dots = []
    for position, entry in enumerate(entries):
        if entry is Ellipsis:
            dots.append(position)
    if dots:
        dot = dots[0]
        missing = ndim + 1 - len(entries)
        entries[dot : dot + 1] = [slice(None)] * missing
    entries += [slice(None)] * (ndim - len(entries))
    if len(entries) != ndim or len(dots) > 1:
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
    if np.ndim(entry) > 1:
        return None
    if np.ndim(entry) == 1:
        if not len(entry):
            return np.empty(0, np.intp)  # an empty list is of floats, says numpy
        return np.asarray(entry)
    number = operator.index(entry)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of bounds for an axis of {size}")
    return number % size
