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
_Selected: TypeAlias = tuple[_Positions | int, ...]
"""What is selected along each axis of the source."""
_Order: TypeAlias = tuple[int, ...]
"""Axes of the source in the order in which they are shown."""
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
        self._selected: _Selected = tuple(range(int(size)) for size in shape)
        """What is selected along each axis of the source; a number drops that axis."""
        self._order: _Order = tuple(range(len(shape)))
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
        chunks = []
        for axis in self._order:
            chunks.append(1 if axis == _ADDED else self._chunks[axis])
        return tuple(chunks)

    @property
    def T(self) -> Self:
        return self.transpose()

    def transpose(self, *order: Any) -> Self:
        """Return the array with its axes in another order, as numpy does."""
        if len(order) == 1 and not isinstance(order[0], int):
            order = order[0]  # all axes in one tuple
        count = self.ndim
        order = tuple(order or reversed(range(count)))
        axes = [int(axis) % count for axis in order]
        if sorted(axes) != list(range(count)):
            raise ValueError(f"{order} is no order of {count} axes")
        shown = tuple(self._order[axis] for axis in axes)
        return self._like(self._selected, shown)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """Return the values in another type, loaded where that is another one."""
        if np.dtype(dtype) == self.dtype:
            return self
        return np.asarray(self).astype(dtype)

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

    def checked(self, check: Callable[[], object]) -> Self:
        """Return an array that calls `check` before it reads; what that raises ends the reading."""
        read = self._read

        def checked_read(box: Box) -> NDArray[Any]:
            check()
            return read(box)

        part = self._like(self._selected, self._order)
        part._read = checked_read
        return part

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, tuple):
            index = (index,)
        items = _items(index, self.ndim)
        arrays = [item for item in items if _is_array(item)]
        is_simple = all(np.ndim(item) == 1 for item in arrays)
        if len(arrays) > 1 or not is_simple:
            return np.asarray(self)[index]
        if arrays and any(_is_number(item) for item in items):
            return self._at_numbers_and_array(index)
        part = self._at(items)
        if part is None:
            return np.asarray(self)[index]
        if not part._order:  # all axes are dropped: a number, as numpy has it
            return np.asarray(part)[()]
        return part

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,
    ) -> NDArray[Any]:
        if 0 in self.shape:  # a box cannot be empty
            return np.empty(self.shape, dtype or self.dtype)
        boxes = []
        inside = []
        for selected in self._selected:
            box, index = _box(selected)
            boxes.append(box)
            inside.append(index)
        values = self._read(tuple(boxes))
        # from the last axis on, since a number drops its own
        for axis, item in reversed(list(enumerate(inside))):
            before = (_ALL,) * axis
            values = values[(*before, item)]
        kept = []
        for axis, selected in enumerate(self._selected):
            if not isinstance(selected, int):
                kept.append(axis)
        shown = [axis for axis in self._order if axis != _ADDED]
        values = values.transpose([kept.index(axis) for axis in shown])
        for position, axis in enumerate(self._order):
            if axis == _ADDED:
                values = np.expand_dims(values, position)
        return np.asarray(values, dtype or self.dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        loaded = []
        for each in inputs:
            loaded.append(np.asarray(each) if isinstance(each, Lazy) else each)
        compute = getattr(ufunc, method)
        return compute(*loaded, **kwargs)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Lazy(shape={self.shape}, dtype={self.dtype})"

    def _at(self, items: Sequence[Any]) -> Self | None:
        """Return the part at slices, and either numbers or one array; an item None adds an axis.

        None where an added axis is repeated, or emptied.
        """
        selected = list(self._selected)
        order: list[int] = []
        axes = iter(self._order)
        for item in items:
            if item is None:
                order.append(_ADDED)
                continue
            axis = next(axes)
            taken = _taken(self._shown(axis), item)
            if axis != _ADDED:
                selected[axis] = taken
            elif not isinstance(taken, int) and len(taken) != 1:
                return None
            if not isinstance(taken, int):
                order.append(axis)
        return self._like(tuple(selected), tuple(order))

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
                stop = item + 1 or None  # -1 is the last: up to the end
                part.append(slice(item, stop))
                remainder.append(0)
            elif _is_array(item):
                part.append(_ALL)
                remainder.append(item)
            elif isinstance(item, slice):
                part.append(item)
                remainder.append(_ALL)
            else:  # an ellipsis stands for the same axes in both
                part.append(item)
                remainder.append(item)
        loaded = np.asarray(self[tuple(part)])
        values: NDArray[Any] = loaded[tuple(remainder)]
        return values

    def _shown(self, axis: int) -> _Positions:
        """Return the positions that are shown of an axis."""
        if axis == _ADDED:
            return range(1)
        positions = self._selected[axis]
        assert not isinstance(positions, int)  # axes that numbers drop are not in the order
        return positions

    def _like(self, selected: _Selected, order: _Order) -> Self:
        """Return an array that reads from the same source."""
        part = object.__new__(type(self))
        part.dtype = self.dtype
        part._read = self._read
        part._chunks = self._chunks
        part._selected = selected
        part._order = order
        return part


def _items(index: tuple[Any, ...], ndim: int) -> list[Any]:
    """Return an item for each axis, and None for each that is added."""
    count = 0  # of items that take an axis
    dots = []
    for position, item in enumerate(index):
        if item is Ellipsis:
            dots.append(position)
        elif item is not None:
            count += 1
    if count > ndim or len(dots) > 1:
        raise IndexError(f"{count} indices for {ndim} axes")
    remaining = [_ALL] * (ndim - count)
    end = dots[0] if dots else len(index)
    return [*index[:end], *remaining, *index[end + 1 :]]


def _is_number(item: Any) -> bool:
    return not _is_of_syntax(item) and np.ndim(item) == 0


def _is_array(item: Any) -> bool:
    return not _is_of_syntax(item) and np.ndim(item) > 0


def _is_of_syntax(item: Any) -> bool:
    """Whether an item of an index is a slice, an ellipsis or a new axis."""
    return item is None or item is Ellipsis or isinstance(item, slice)


def _taken(positions: _Positions, item: Any) -> _Positions | int:
    """Return what an item of an index takes of the positions along an axis."""
    if isinstance(item, slice):
        return positions[item]
    if _is_array(item):
        numbers = np.asarray(item)
        if not numbers.size:
            numbers = numbers.astype(np.intp)  # an empty list is of floats, says numpy
        all_positions = np.asarray(positions, np.intp)
        taken: NDArray[np.intp] = all_positions[numbers]
        return taken
    return int(positions[int(item)])


def _box(selected: _Positions | int) -> tuple[slice, Any]:
    """Return the slice of the source that has what is selected, and the index of that in it."""
    if isinstance(selected, int):
        return slice(selected, selected + 1, 1), 0
    if isinstance(selected, range):
        first = selected[0]
        last = selected[-1]
        if selected.step > 0:
            return slice(first, last + 1, selected.step), _ALL
        # a box ascends: read it so, and reverse it
        backwards = slice(None, None, -1)
        return slice(last, first + 1, -selected.step), backwards
    lowest = int(selected.min())
    highest = int(selected.max())
    return slice(lowest, highest + 1, 1), selected - lowest
