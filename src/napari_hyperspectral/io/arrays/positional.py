"""Arrays of a file that are read by position, where a mapping would end the process.

A mapped file that is cut by another program answers with SIGBUS, which no Python code can catch,
and one that is rewritten shows other data. So readers lay out their arrays on a mapping that nobody
looks into, and what is looked at is read from the file that was opened, after it was seen to be
the same one still.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .identity import ChangedFileError, Identity
from .lazy import Box, Lazy
from .mapped import Mapped

_GAP: Final = 2**16
"""Bytes between two runs of values that are read rather than skipped."""
_NEAR: Final = 2**12
"""Bytes between two single values that are read rather than skipped."""
_PIECE: Final = 2**20
"""Bytes that are read at a time: what the caches of a processor hold."""
_SPARSE: Final = 2**22
"""Bytes up to which the system need not read ahead: what is looked at is known."""
_PREFETCHED: Final = 8192
"""Pieces that are asked for before the first is awaited."""
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def by_position(array: Any) -> Any:
    """Return an array that lies in a mapped file as one that is read by position; others as they are."""
    mapping = _mapping_of(array)
    if mapping is None or not array.size:
        return array
    return Positional(array, mapping)


class Positional(Lazy):
    """An array that lies in a file, in steps of any length along each axis.

    Parameters
    ----------
    layout : ndarray
        A view of a mapping: where its values lie is asked of it, but not the values.
    mapping : Mapped
        What it is a view of.
    """

    def __init__(self, layout: NDArray[Any], mapping: Mapped) -> None:
        file = OpenFile(Path(mapping.filename or ""))
        first_byte = mapping.first_byte or 0

        def read(box: Box) -> NDArray[Any]:
            part: NDArray[Any] = np.ndarray.__getitem__(layout, box)
            offset = part.ctypes.data - first_byte
            return file.values(offset, part.shape, part.strides, part.dtype)

        super().__init__(read, layout.shape, layout.dtype)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Nothing: any part is read as well as another."""
        return ()

    def __getitem__(self, index: Any) -> Any:
        items = index if isinstance(index, tuple) else (index,)
        arrays = [item for item in items if isinstance(item, list | np.ndarray)]
        if len(arrays) <= 1 and all(np.ndim(item) == 1 for item in arrays):
            return super().__getitem__(index)
        return _around(self, items)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle, and copy, the values."""
        return np.asarray, (np.asarray(self),)


class OpenFile:
    """A file that stays open, and of which no other one is taken for it.

    Parameters
    ----------
    path : path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, _FLAGS)
        weakref.finalize(self, os.close, self._descriptor)
        self._identity = Identity.of(self._descriptor)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._identity.bytes

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the file.

        Raises
        ------
        ChangedFileError
            If it was cut meanwhile.
        """
        raw = self._read(offset, length)
        while len(raw) < length:  # systems read at most two gigabytes at a time
            part = self._read(offset + len(raw), length - len(raw))
            if not part:
                raise ChangedFileError(self.path, f"it was cut to {offset + len(raw)} bytes")
            raw += part
        return raw

    def values(
        self,
        offset: int,
        shape: Sequence[int],
        strides: Sequence[int],
        dtype: np.dtype[Any],
    ) -> NDArray[Any]:
        """Return values that lie in the file, copied.

        Parameters
        ----------
        offset : int
            Byte of the first value.
        shape, strides, dtype
            As numpy has them.

        Raises
        ------
        ChangedFileError
            If the file is no longer the one that was opened.
        """
        self.check()
        values = np.empty(shape, dtype)
        pieces = list(_pieces(_ascending(offset, strides, values)))
        self._advise(pieces)
        longest = max((piece.length for piece in pieces if not piece.is_dense), default=0)
        buffer = np.empty(longest, np.uint8)  # one for all: fresh memory is slower than the file
        for piece in pieces:
            target = piece.target
            if piece.is_dense:
                self._read_into(target.reshape(-1).view(np.uint8), piece.offset)
                continue
            self._read_into(buffer[: piece.length], piece.offset)
            target[...] = np.ndarray(target.shape, dtype, buffer, 0, piece.strides)
        self.check()
        return values

    def block(self, offset: int, length: int) -> bytes:
        """Return bytes of a file that is still the one that was opened.

        Raises
        ------
        ChangedFileError
            If it is not.
        """
        self.check()
        raw = self.read(offset, length)
        self.check()
        return raw

    def blocks(self, offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> bytes:
        """Return several blocks, one behind the other; see `block`.

        Parameters
        ----------
        offsets, lengths : ndarray of int, shape (block,)
            First byte and number of bytes of each.
        """
        self.check()
        first = int(offsets.min(initial=len(self)))
        span = int((offsets + lengths).max(initial=first)) - first
        places = zip(offsets.tolist(), lengths.tolist(), strict=True)
        if span <= min(2 * int(lengths.sum()), _PIECE):  # they lie together
            near = self.read(first, span)
            parts = [near[offset - first : offset - first + length] for offset, length in places]
        else:
            parts = [self.read(offset, length) for offset, length in places if length]
        self.check()
        return b"".join(parts)

    def single_values(self, offsets: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return single values, of any places in the file.

        Parameters
        ----------
        offsets : ndarray of int, shape (value,)
            First byte of each.
        dtype
            Of all of them.

        Raises
        ------
        ChangedFileError
            If the file is no longer the one that was opened.
        """
        if not len(offsets):
            return np.empty(0, dtype)
        self.check()
        order = np.argsort(offsets, kind="stable")
        ascending = offsets[order]
        values = np.empty(len(offsets), dtype)
        values[order] = self._ascending_values(ascending, dtype)
        self.check()
        return values

    def check(self) -> None:
        """Refuse a file that was written since it was opened.

        Raises
        ------
        ChangedFileError
            If it was.
        """
        if Identity.of(self._descriptor) != self._identity:
            raise ChangedFileError(self.path)

    def _ascending_values(self, offsets: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return single values in the order of the file: near ones are read in one."""
        is_far = np.diff(offsets) > _NEAR
        is_next_piece = np.diff(offsets // _PIECE) > 0
        firsts = np.append(0, np.flatnonzero(is_far | is_next_piece) + 1)  # value of each piece
        lasts = np.append(firsts[1:], len(offsets)) - 1
        starts = offsets[firsts]
        lengths = offsets[lasts] + dtype.itemsize - starts
        ends = np.cumsum(lengths)
        shift = np.repeat(ends - lengths - starts, lasts - firsts + 1)
        values = np.empty(len(offsets), dtype)
        # of all pieces one behind the other, some at a time
        for group in np.split(np.arange(len(firsts)), _cuts(ends, _PIECE)):
            pieces = zip(starts[group].tolist(), lengths[group].tolist(), strict=True)
            raw = b"".join([self.read(start, length) for start, length in pieces])
            before = ends[group[0]] - lengths[group[0]]
            here = slice(firsts[group[0]], lasts[group[-1]] + 1)
            values[here] = values_at(raw, offsets[here] + shift[here] - before, dtype)
        return values

    def _read_into(self, octets: NDArray[np.uint8], offset: int) -> None:
        """Fill an array with the bytes of the file from `offset` on."""
        if not hasattr(os, "preadv"):
            octets[...] = np.frombuffer(self.read(offset, len(octets)), np.uint8)
            return
        done = 0
        while done < len(octets):
            count = os.preadv(self._descriptor, [octets[done:].data], offset + done)
            if not count:
                raise ChangedFileError(self.path, f"it was cut to {offset + done} bytes")
            done += count

    def _read(self, offset: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, offset)
        with self._lock:  # of Windows, where a position belongs to the descriptor
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def _advise(self, pieces: Sequence[_Piece]) -> None:
        """Tell the system what will be read, so that a disk is asked for all of it at once."""
        if not hasattr(os, "posix_fadvise"):
            return
        total = sum(piece.length for piece in pieces)
        is_sparse = total <= _SPARSE
        advice = os.POSIX_FADV_RANDOM if is_sparse else os.POSIX_FADV_NORMAL
        os.posix_fadvise(self._descriptor, 0, 0, advice)
        if is_sparse and 1 < len(pieces) <= _PREFETCHED:
            for piece in pieces:
                advice = os.POSIX_FADV_WILLNEED
                os.posix_fadvise(self._descriptor, piece.offset, piece.length, advice)


class _Piece(NamedTuple):
    """Bytes of a file that are read in one, and where the values in them go."""

    offset: int
    length: int
    strides: tuple[int, ...]
    """Steps of the values, all positive."""
    target: NDArray[Any]

    @property
    def is_dense(self) -> bool:
        """Whether the bytes are the values in their order, with nothing between."""
        return self.length == self.target.nbytes and self.target.flags.c_contiguous


def _cuts(ends: NDArray[np.int64], step: int) -> NDArray[np.intp]:
    """Return where to cut pieces into groups of about `step` bytes; `ends` ascend."""
    return np.flatnonzero(np.diff(ends // step) > 0) + 1


def values_at(raw: bytes, offsets: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the values that begin at some of the bytes."""
    item = dtype.itemsize
    if not (offsets % item).any():
        numbers = np.frombuffer(raw, dtype, len(raw) // item)
        return numbers[offsets // item]
    octets = np.frombuffer(raw, np.uint8)
    values: NDArray[Any] = octets[offsets[:, None] + np.arange(item)].view(dtype)[:, 0]
    return values


def _mapping_of(array: Any) -> Mapped | None:
    """Return the mapping that an array is a view of, if it is one."""
    if not isinstance(array, np.ndarray):
        return None
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, Mapped) and owner.first_byte is not None:
            is_view = getattr(owner, "_mmap", None) is not None
            if is_view:
                return owner
        owner = owner.base
    return None


def _ascending(offset: int, strides: Sequence[int], target: NDArray[Any]) -> _Piece:
    """Return all values as one piece whose axes ascend in the file, the longest step first."""
    ascending = []
    backwards: list[Any] = []
    for stride, size in zip(strides, target.shape, strict=True):
        backwards.append(slice(None, None, -1 if stride < 0 else 1))
        if stride < 0:
            offset += stride * (size - 1)
        ascending.append(abs(stride))
    target = target[tuple(backwards)] if backwards else target
    order = sorted(range(target.ndim), key=lambda axis: -ascending[axis])
    steps = tuple(ascending[axis] for axis in order)
    return _piece(offset, steps, target.transpose(order))


def _piece(offset: int, strides: tuple[int, ...], target: NDArray[Any]) -> _Piece:
    length = target.dtype.itemsize
    for stride, size in zip(strides, target.shape, strict=True):
        length += stride * (size - 1)
    return _Piece(offset, length, strides, target)


def _pieces(piece: _Piece) -> Iterator[_Piece]:
    """Yield the parts of a piece that are worth reading in one: without long gaps, and not too long."""
    offset, length, strides, target = piece
    if not target.ndim:
        yield piece
        return
    stride = strides[0]
    size = len(target)
    inner = length - stride * (size - 1)
    if stride - inner > _GAP or inner > _PIECE:
        for number in range(size):
            yield from _pieces(_piece(offset + number * stride, strides[1:], target[number, ...]))
        return
    step = max(1, (_PIECE - inner) // max(stride, 1) + 1)
    for start in range(0, size, step):
        part = target[start : start + step]
        yield _piece(offset + start * stride, strides, part)


def _around(array: Positional, items: tuple[Any, ...]) -> Any:
    """Return what arrays of indices select, of the smallest box around it."""
    expanded: list[Any] = []
    for item in items:
        if isinstance(item, list):
            item = np.asarray(item)
        if isinstance(item, np.ndarray) and item.dtype == bool:
            expanded.extend(np.nonzero(item))
        else:
            expanded.append(item)
    if any(item is None for item in expanded) or not all(
        item.size for item in expanded if isinstance(item, np.ndarray)
    ):
        return np.asarray(array)[items]
    dots = [number for number, item in enumerate(expanded) if item is Ellipsis]
    missing = [slice(None)] * (array.ndim - len(expanded) + len(dots))
    at = dots[0] if dots else len(expanded)
    expanded[at : at + len(dots)] = missing
    box = []
    inside = []
    for item, size in zip(expanded, array.shape, strict=True):
        if not isinstance(item, np.ndarray):
            box.append(item if isinstance(item, slice) else slice(item, item + 1 or None))
            inside.append(slice(None) if isinstance(item, slice) else 0)
            continue
        if item.min() < -size or item.max() >= size:
            raise IndexError(f"index {item.max()} is out of bounds for an axis of {size}")
        positions = item % size
        box.append(slice(int(positions.min()), int(positions.max()) + 1))
        inside.append(positions - positions.min())
    loaded = np.asarray(Lazy.__getitem__(array, tuple(box)))
    return loaded[tuple(inside)]
