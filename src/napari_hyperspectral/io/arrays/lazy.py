"""Arrays that are read when their values are used, from anything that can read a box of itself.

dask builds a graph of all chunks for each access: for a file of ten thousand of them that takes
longer than the reading. Here an access is worked out for the axes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

Box: TypeAlias = tuple[slice, ...]
"""A slice for each axis, with start, stop and a step of 1 or more, in that order."""
_Positions: TypeAlias = range | NDArray[np.intp]
"""Positions along an axis of the source that are shown."""
_ADDED: Final = -1
"""Stands for an axis of one that the source does not have (`numpy.newaxis`)."""
_ALL: Final = slice(None)


class Lazy(NDArrayOperatorsMixin):
    """A read-only array whose slices and transpositions are arrays like it, and read nothing.

    `numpy.asarray` reads; so does to compute with it, and to index all axes with numbers, or more
    than one axis with arrays.

    Parameters
    ----------
    read : callable
        Returns the values of a `Box`, of as many axes as `shape`.
    shape, dtype
        Of all that can be read.
    chunks : tuple of int, optional
        What is best read at a time, one number an axis.
    """

    def __init__(
        self,
        read: Callable[[Box], NDArray[Any]],
        shape: Sequence[int],
        dtype: DTypeLike,
        chunks: Sequence[int] | None = None,
    ) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self._read = read
        self._chunks = tuple(chunks or shape)
        self._selected: tuple[_Positions | int, ...] = tuple(range(int(size)) for size in shape)
        """What is selected along each axis of the source; a number drops that axis."""
        self._order: tuple[int, ...] = tuple(range(len(shape)))
        """Axes of the source in the order in which they are shown; `_ADDED` for added ones."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(self._shown(axis)) for axis in self._order)

    @property
    def ndim(self) -> int:
        return len(self._order)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is best read at a time, one number an axis."""
        return tuple(1 if axis == _ADDED else self._chunks[axis] for axis in self._order)

    @property
    def T(self) -> Self:
        return self.transpose()

    def transpose(self, *order: Any) -> Self:
        """Return the array with its axes in another order, as numpy does."""
        if len(order) == 1 and not isinstance(order[0], int):
            order = order[0]
        order = tuple(order or reversed(range(self.ndim)))
        axes = tuple(int(axis) % self.ndim for axis in order)
        if sorted(axes) != list(range(self.ndim)):
            raise ValueError(f"{order} is no order of {self.ndim} axes")
        return self._like(self._selected, tuple(self._order[axis] for axis in axes))

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """Return the values in another type, loaded where that is another one."""
        return self if np.dtype(dtype) == self.dtype else np.asarray(self).astype(dtype)

    def reshape(self, *shape: Any) -> NDArray[Any]:
        """Return the values in another shape, loaded."""
        return np.asarray(self).reshape(*shape)

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """Return the sum of the loaded values, as numpy does."""
        return np.asarray(self).sum(*args, **kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        """Return the mean of the loaded values, as numpy does."""
        return np.asarray(self).mean(*args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        """Return the smallest of the loaded values, as numpy does."""
        return np.asarray(self).min(*args, **kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        """Return the greatest of the loaded values, as numpy does."""
        return np.asarray(self).max(*args, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        index = index if isinstance(index, tuple) else (index,)
        items = _items(index, self.ndim)
        arrays = [item for item in items if _is_array(item)]
        if len(arrays) > 1 or any(np.ndim(item) != 1 for item in arrays):
            return np.asarray(self)[index]
        if arrays and any(_is_number(item) for item in items):
            return self._at_numbers_and_array(index)
        selected = list(self._selected)
        order: list[int] = []
        position = 0
        for item in items:
            if item is None:
                order.append(_ADDED)
                continue
            axis = self._order[position]
            position += 1
            taken = _taken(self._shown(axis), item)
            if axis != _ADDED:
                selected[axis] = taken
            elif not isinstance(taken, int) and len(taken) != 1:
                return np.asarray(self)[index]  # an added axis repeated, or emptied
            if not isinstance(taken, int):
                order.append(axis)
        part = self._like(tuple(selected), tuple(order))
        return part if order else np.asarray(part)[()]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if 0 in self.shape:
            return np.empty(self.shape, dtype or self.dtype)
        boxes, inside = zip(*map(_box, self._selected), strict=True)
        values = self._read(boxes)
        # from the last axis on, since a number drops its own
        for axis, item in reversed(list(enumerate(inside))):
            values = values[(_ALL,) * axis + (item,)]
        kept = [axis for axis, item in enumerate(self._selected) if not isinstance(item, int)]
        shown = [axis for axis in self._order if axis != _ADDED]
        values = values.transpose([kept.index(axis) for axis in shown])
        for position, axis in enumerate(self._order):
            if axis == _ADDED:
                values = np.expand_dims(values, position)
        return np.asarray(values, dtype or self.dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        loaded = [np.asarray(each) if isinstance(each, Lazy) else each for each in inputs]
        return getattr(ufunc, method)(*loaded, **kwargs)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Lazy(shape={self.shape}, dtype={self.dtype})"

    def _at_numbers_and_array(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Return what numpy gives for numbers and an array, which moves axes in its own way.

        First the part at the numbers is taken lazily, with axes of one; it is loaded, and numpy
        indexes the remainder.
        """
        part: list[Any] = []
        remainder: list[Any] = []
        for item in index:
            if item is None:
                remainder.append(item)
            elif _is_number(item):
                part.append(slice(item, item + 1 or None))  # -1 is the last: up to the end
                remainder.append(0)
            elif _is_array(item):
                part.append(_ALL)
                remainder.append(item)
            else:
                part.append(item)
                remainder.append(_ALL if isinstance(item, slice) else item)
        values: NDArray[Any] = np.asarray(self[tuple(part)])[tuple(remainder)]
        return values

    def _shown(self, axis: int) -> _Positions:
        """Return the positions that are shown of an axis."""
        positions = range(1) if axis == _ADDED else self._selected[axis]
        assert not isinstance(positions, int)
        return positions

    def _like(self, selected: tuple[_Positions | int, ...], order: tuple[int, ...]) -> Self:
        part = object.__new__(type(self))
        part.dtype = self.dtype
        part._read = self._read
        part._chunks = self._chunks
        part._selected = selected
        part._order = order
        return part


def _items(index: tuple[Any, ...], ndim: int) -> list[Any]:
    """Return an item for each axis, and None for each that is added."""
    items = [item for item in index if item is not None and item is not Ellipsis]
    dots = [position for position, item in enumerate(index) if item is Ellipsis]
    if len(items) > ndim or len(dots) > 1:
        raise IndexError(f"{len(items)} indices for {ndim} axes")
    remaining = [_ALL] * (ndim - len(items))
    position = dots[0] if dots else len(index)
    return [*index[:position], *remaining, *index[position + 1 :]]


def _is_number(item: Any) -> bool:
    return not (item is None or item is Ellipsis or isinstance(item, slice) or np.ndim(item))


def _is_array(item: Any) -> bool:
    return not (item is None or item is Ellipsis or isinstance(item, slice)) and np.ndim(item) > 0


def _taken(positions: _Positions, item: Any) -> _Positions | int:
    """Return what an item of an index takes of the positions along an axis."""
    if isinstance(item, slice):
        return positions[item]
    if _is_array(item):
        numbers = np.asarray(item)
        if not numbers.size:
            numbers = numbers.astype(np.intp)  # an empty list is of floats, says numpy
        taken: NDArray[np.intp] = np.asarray(positions, np.intp)[numbers]
        return taken
    return int(positions[int(item)])


def _box(selected: _Positions | int) -> tuple[slice, Any]:
    """Return the slice of the source that has what is selected, and the index of that in it."""
    if isinstance(selected, int):
        return slice(selected, selected + 1, 1), 0
    if isinstance(selected, range):
        if selected.step > 0:
            return slice(selected.start, selected[-1] + 1, selected.step), _ALL
        # a box ascends: read it so, and reverse it
        return slice(selected[-1], selected.start + 1, -selected.step), slice(None, None, -1)
    first = int(selected.min())
    return slice(first, int(selected.max()) + 1, 1), selected - first
