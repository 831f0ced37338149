"""Arrays that are read when they are looked at, from whatever can read a box of itself.

dask builds a plan of all chunks for each look: for a file of ten thousand of them that takes
longer than the reading. Here a look is worked out for the axes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

Box = tuple[slice, ...]
"""A slice for each axis, with start, stop and a step of 1 or more, in that order."""
_Picks = range | NDArray[np.intp]
_NEW: Final = -1
"""Stands for an axis of one that was added (`numpy.newaxis`)."""


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
        self._picks: tuple[_Picks | int, ...] = tuple(range(int(size)) for size in shape)
        self._order: tuple[int, ...] = tuple(range(len(shape)))
        """Axes of the source in the order in which they are shown; `_NEW` for added ones."""

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
        return tuple(1 if axis == _NEW else self._chunks[axis] for axis in self._order)

    @property
    def T(self) -> Self:
        return self.transpose()

    def transpose(self, *order: Any) -> Self:
        """Return the array with its axes in another order, as numpy does."""
        wanted = order[0] if len(order) == 1 and not isinstance(order[0], int) else order
        wanted = tuple(wanted or reversed(range(self.ndim)))
        axes = tuple(int(axis) % self.ndim for axis in wanted)
        if sorted(axes) != list(range(self.ndim)):
            raise ValueError(f"{wanted} is no order of {self.ndim} axes")
        return self._like(self._picks, tuple(self._order[axis] for axis in axes))

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """Return the values in another type, loaded where that is another one."""
        return self if np.dtype(dtype) == self.dtype else np.asarray(self).astype(dtype)

    def reshape(self, *shape: Any) -> NDArray[Any]:
        """Return the values in another shape, loaded."""
        return np.asarray(self).reshape(*shape)

    def sum(self, *about: Any, **named: Any) -> Any:
        """Return the sum of the loaded values, as numpy does."""
        return np.asarray(self).sum(*about, **named)

    def mean(self, *about: Any, **named: Any) -> Any:
        """Return the mean of the loaded values, as numpy does."""
        return np.asarray(self).mean(*about, **named)

    def min(self, *about: Any, **named: Any) -> Any:
        """Return the smallest of the loaded values, as numpy does."""
        return np.asarray(self).min(*about, **named)

    def max(self, *about: Any, **named: Any) -> Any:
        """Return the greatest of the loaded values, as numpy does."""
        return np.asarray(self).max(*about, **named)

    def __getitem__(self, index: Any) -> Any:
        index = index if isinstance(index, tuple) else (index,)
        items = _spelled_out(index, self.ndim)
        lists = [item for item in items if _is_list(item)]
        if len(lists) > 1 or any(np.ndim(item) != 1 for item in lists):
            return np.asarray(self)[index]
        if lists and any(_is_number(item) for item in items):
            return self._of_numbers_and_list(index)
        picks, order, place = list(self._picks), list[int](), 0
        for item in items:
            if item is None:
                order.append(_NEW)
                continue
            axis = self._order[place]
            place += 1
            picked = _picked(self._shown(axis), item)
            if axis != _NEW:
                picks[axis] = picked
            elif not isinstance(picked, int) and len(picked) != 1:
                return np.asarray(self)[index]
            if not isinstance(picked, int):
                order.append(axis)
        part = self._like(tuple(picks), tuple(order))
        return part if order else np.asarray(part)[()]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if 0 in self.shape:
            return np.empty(self.shape, dtype or self.dtype)
        boxes, within = zip(*map(_box, self._picks), strict=True)
        values = self._read(boxes)
        for axis, item in reversed(list(enumerate(within))):
            values = values[(slice(None),) * axis + (item,)]
        kept = [axis for axis, pick in enumerate(self._picks) if not isinstance(pick, int)]
        shown = [axis for axis in self._order if axis != _NEW]
        values = values.transpose([kept.index(axis) for axis in shown])
        for place, axis in enumerate(self._order):
            if axis == _NEW:
                values = np.expand_dims(values, place)
        return np.asarray(values, dtype or self.dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **about: Any) -> Any:
        loaded = [np.asarray(each) if isinstance(each, Lazy) else each for each in inputs]
        return getattr(ufunc, method)(*loaded, **about)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Lazy(shape={self.shape}, dtype={self.dtype})"

    def _of_numbers_and_list(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Return what numpy gives for numbers beside a list: it moves axes, so it has to be asked."""
        kept, rest = [], []
        for item in index:
            number = _is_number(item)
            if item is not None:
                kept.append(slice(item, item + 1 or None) if number else item)
            rest.append(0 if number else slice(None) if isinstance(item, slice) else item)
        kept = [slice(None) if _is_list(item) else item for item in kept]
        found: NDArray[Any] = np.asarray(self[tuple(kept)])[tuple(rest)]
        return found

    def _shown(self, axis: int) -> _Picks:
        """Return what is picked of an axis that is shown."""
        pick = range(1) if axis == _NEW else self._picks[axis]
        assert not isinstance(pick, int)
        return pick

    def _like(self, picks: tuple[_Picks | int, ...], order: tuple[int, ...]) -> Self:
        part = object.__new__(type(self))
        part.dtype, part._read, part._chunks = self.dtype, self._read, self._chunks
        part._picks, part._order = picks, order
        return part


def _spelled_out(index: tuple[Any, ...], ndim: int) -> list[Any]:
    """Return an item for each axis, and None for each that is added."""
    items = [item for item in index if item is not None and item is not Ellipsis]
    if len(items) > ndim or sum(item is Ellipsis for item in index) > 1:
        raise IndexError(f"{len(items)} indices for {ndim} axes")
    rest = [slice(None)] * (ndim - len(items))
    if not any(item is Ellipsis for item in index):
        return [*index, *rest]
    place = next(n for n, item in enumerate(index) if item is Ellipsis)
    return [*index[:place], *rest, *index[place + 1 :]]


def _is_number(item: Any) -> bool:
    return not (item is None or item is Ellipsis or isinstance(item, slice) or np.ndim(item))


def _is_list(item: Any) -> bool:
    return not (item is None or item is Ellipsis or isinstance(item, slice)) and np.ndim(item) > 0


def _picked(picks: _Picks, item: Any) -> _Picks | int:
    """Return what an item of an index picks of what was picked before."""
    if isinstance(item, slice):
        return picks[item]
    if _is_list(item):
        chosen = np.asarray(item)
        chosen = chosen if chosen.size else chosen.astype(np.intp)
        found: NDArray[np.intp] = np.asarray(picks, np.intp)[chosen]
        return found
    return int(picks[int(item)])


def _box(pick: _Picks | int) -> tuple[slice, Any]:
    """Return the slice of the source that has what was picked, and where in it that lies."""
    if isinstance(pick, int):
        return slice(pick, pick + 1, 1), 0
    if isinstance(pick, range):
        if pick.step > 0:
            return slice(pick.start, pick[-1] + 1, pick.step), slice(None)
        return slice(pick[-1], pick.start + 1, -pick.step), slice(None, None, -1)
    low = int(pick.min())
    return slice(low, int(pick.max()) + 1, 1), pick - low
