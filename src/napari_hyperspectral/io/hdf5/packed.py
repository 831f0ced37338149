"""What packed chunks of HDF5 say of themselves, looked at before a filter is handed them.

Filters of C trust these numbers: bitshuffle reads and writes past the ends of a damaged chunk, which
ends the process. Sources: K. Masui, bitshuffle, https://github.com/kiyo-masui/bitshuffle (the head of
its HDF5 filter, and its blocks); The HDF Group, "LZ4 filter", https://github.com/HDFGroup/hdf5_plugins.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Final, NamedTuple

import h5py

from ...errors import FileFormatError
from ..arrays.lazy import Box

_LZ4: Final = 32004
_BITSHUFFLE: Final = 32008
_HEAD: Final = 12
"""Bytes before the blocks: those of the values (8), and of the values of a block (4)."""
_LENGTH: Final = 4
"""Bytes before a block, which say how many it has."""
_GROUP: Final = 8
"""Values that bitshuffle takes at a time; what is left over at the end follows as it is."""


class _Packing(NamedTuple):
    """How the chunks of a dataset are packed."""

    code: int
    """Of the filter, as registered."""
    values: int
    """Bytes of the values of a chunk."""
    item: int
    """Bytes of a value, as the filter takes them."""
    has_blocks: bool
    """Whether they are packed at all, or shuffled only."""


def check_chunks(path: Path, dataset: h5py.Dataset, box: Box) -> None:
    """Refuse damaged chunks within a box whose filter would end the process.

    Raises
    ------
    FileFormatError
        If there is one.
    """
    packing = _packing_of(dataset)
    if packing is None or not box or any(part.start >= part.stop for part in box):
        return
    for selection in dataset.iter_chunks(_dense(box)):
        corner = tuple(
            part.start // step * step for part, step in zip(selection, dataset.chunks, strict=True)
        )
        if dataset.id.get_chunk_info_by_coord(corner).size == 0:
            continue  # never written
        mask, raw = dataset.id.read_direct_chunk(corner)
        problem = None if mask else _problem(raw, packing)
        if problem is not None:
            raise FileFormatError(
                path, f"chunk {corner} of {dataset.name} is damaged: {problem}", "copy it again"
            )


def _dense(box: Box) -> Box:
    return tuple(slice(part.start, part.stop) for part in box)


def _packing_of(dataset: h5py.Dataset) -> _Packing | None:
    """Return how chunks are packed, if by one of these filters alone; sums would tell of damage."""
    plan = dataset.id.get_create_plist()
    if dataset.chunks is None or plan.get_nfilters() != 1:
        return None
    code, _, settings, _ = plan.get_filter(0)
    item = int(dataset.dtype.itemsize)
    values = math.prod(dataset.chunks) * item
    if code == _LZ4:
        return _Packing(code, values, 1, True)
    if code == _BITSHUFFLE and len(settings) > 2 and settings[2]:
        return _Packing(code, values, int(settings[2]), len(settings) > 4 and settings[4] > 0)
    return None


def _problem(raw: bytes, packing: _Packing) -> str | None:
    """Return what is wrong with a chunk."""
    if not packing.has_blocks:
        if len(raw) == packing.values:
            return None
        return f"it has {len(raw)} bytes, wanted {packing.values}"
    if len(raw) < _HEAD:
        return f"it has {len(raw)} bytes, the head alone has {_HEAD}"
    values, block = struct.unpack_from(">QI", raw)
    if values != packing.values:
        return f"it says that it holds {values} bytes, a chunk has {packing.values}"
    if not block:
        return "its blocks are said to have no bytes"
    lengths, tail = _blocks(values, block, packing)
    if lengths < 0:
        return f"its blocks are said to have {block} bytes"
    offset = _HEAD
    for number in range(lengths):
        if offset + _LENGTH > len(raw):
            return f"it ends before block {number} of {lengths}"
        (length,) = struct.unpack_from(">I", raw, offset)
        offset += _LENGTH + length
        if offset > len(raw):
            return f"its block {number} ends behind it"
    return None if offset + tail <= len(raw) else "its last values are missing"


def _blocks(values: int, block: int, packing: _Packing) -> tuple[int, int]:
    """Return the number of blocks, and of the bytes behind them; -1 where they cannot be."""
    if packing.code == _LZ4:
        return -(-values // block), 0
    group = _GROUP * packing.item
    if block % group or values % packing.item:
        return -1, 0
    tail = values % group
    return -(-(values - tail) // block), tail
