"""ZISRAW, the container of Zeiss CZI: segments, a directory of sub_blocks, and XML that describes them.

Source: Carl Zeiss Microscopy, "CZI: ZISRAW file format", and the notes of libCZI on compression,
https://zeiss.github.io/libczi/; pixel types and order of colours as in C. Gohlke's czifile,
https://github.com/cgohlke/czifile
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError, MissingPackageError
from ..arrays.positional import OpenFile
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import refusing

_SEGMENT_HEADER = 32
"""Bytes before the content of a segment: its kind, and twice its length."""
_FILE, _DIRECTORY, _TILE, _TEXT = (
    "ZISRAWFILE",
    "ZISRAWDIRECTORY",
    "ZISRAWSUBBLOCK",
    "ZISRAWMETADATA",
)
_ATTACHMENTS, _ATTACHMENT = "ZISRAWATTDIR", "ZISRAWATTACH"
_FILE_PARTS: Final = "<iqqiq"
"""At byte 48 of the file segment: see `_Parts`."""
_ENTRY, _ENTRY_SIZE = "<2siqiiB5si", 32
"""Entry of a tile (DV): schema, type of pixels, offset, part of the file, compression, level of a
pyramid, spare, number of dimensions."""
_DIMENSION, _DIMENSION_SIZE = "<4siifi", 20
"""Dimension of an entry: its letter, first index, size, first coordinate, size as it is stored."""
_TILE_SIZES, _TILE_SIZES_SIZE = "<iiq", 16
"""First numbers of a tile: bytes of its XML, of its attachment, of its pixels."""
_ATTACHED, _ATTACHED_SIZE = "<2s10sqi16s8s80s", 128
"""Entry of an attachment (A1): schema, spare, offset, part of the file, GUID, type, name."""
_DIRECTORY_HEADER, _ATTACHMENTS_HEADER, _RESERVED = 128, 256, 256
"""Bytes before the entries of either directory, and before what other segments hold."""
_UNCOMPRESSED, _JPEG, _LZW, _JPEG_XR, _ZSTD, _ZSTD_PACKED = 0, 1, 2, 4, 5, 6
_KNOWN: Final = (_UNCOMPRESSED, _JPEG, _LZW, _JPEG_XR, _ZSTD, _ZSTD_PACKED)
_TYPES: Final[Mapping[int, tuple[str, int]]] = {  # of pixels: numbers, and how many of them
    0: ("u1", 1),
    1: ("<u2", 1),
    2: ("<f4", 1),
    3: ("u1", 3),
    4: ("<u2", 3),
    8: ("<f4", 3),
    9: ("u1", 4),
    12: ("<i4", 1),
    13: ("<f8", 1),
}


class SubBlock(NamedTuple):
    """A rectangle of one plane, as large as it was measured."""

    dtype: np.dtype[Any]
    samples: int
    """Values of a pixel: 1, or 3 and 4 where it has a colour."""
    compression: int
    start: Mapping[str, int]
    """First index along X, Y, C, Z, T, S(cene), M(osaic) …"""
    height: int
    width: int
    offset: int
    """First byte of its pixels."""
    length: int
    """Bytes of its pixels, as they are stored."""


def is_zisraw(raw: Bytes, base: int = 0) -> bool:
    """Whether a file, or what lies inside one from a byte on, is a CZI."""
    return len(raw) >= base + 128 and raw.text(base, 16) == _FILE


def description(raw: Bytes, base: int = 0) -> bytes:
    """Return the XML of a file, where it has any."""
    offset = _parts(raw, base).text
    if not offset:
        return b""
    content = _segment(raw, base + offset, _TEXT)
    return raw.take(content + _RESERVED, raw.number("<i", content), "the description")


def sub_blocks(
    raw: Bytes, tell: Callable[[int, int], object], base: int = 0
) -> tuple[list[SubBlock], list[SubBlock]]:
    """Return the tiles as they were measured, and the reduced ones, each seen to be all there.

    Parameters
    ----------
    tell : callable
        Called with how many are done, of how many.
    base : int
        Where the file begins, when it lies inside another one.
    """
    content = _segment(raw, base + _parts(raw, base).directory, _DIRECTORY)
    count = raw.number("<i", content, "the directory")
    offset = content + _DIRECTORY_HEADER
    full: list[SubBlock] = []
    reduced: list[SubBlock] = []
    for number in range(count):
        if number % 1000 == 999:
            tell(number, count)
        entry = _entry(raw, offset, base)
        (full if entry.is_full else reduced).append(entry.tile)
        offset = entry.end
    return full, reduced


def attached(raw: Bytes) -> Iterator[tuple[str, int]]:
    """Yield name and first byte of the CZI files inside a file: its label, its overview."""
    offset = _parts(raw, 0).attachments
    if not offset:
        return
    content = _segment(raw, offset, _ATTACHMENTS)
    for number in range(raw.number("<i", content)):
        entry = content + _ATTACHMENTS_HEADER + number * _ATTACHED_SIZE
        _, _, start, _, _, kind, name = raw.unpack(_ATTACHED, entry, "the list of attachments")
        if kind.strip(b"\0 ") == b"CZI":
            file = _segment(raw, start, _ATTACHMENT) + _RESERVED
            yield name.partition(b"\0")[0].decode("utf-8", "replace"), file


def check_decoders(path: Path, used: Sequence[SubBlock]) -> None:
    """Check that all tiles can be decoded.

    Raises
    ------
    MissingPackageError
        If they are compressed, and the package for that is not there.
    """
    unknown = sorted({tile.compression for tile in used} - {*_KNOWN})
    if unknown:
        raise FileFormatError(
            path,
            f"pixels compressed in a way that is not known ({unknown[0]})",
            "save it with zstd",
        )
    if any(tile.compression for tile in used):
        _decoders()


def pixels(file: OpenFile, tile: SubBlock) -> NDArray[Any]:
    """Return the pixels of a tile, (y, x), or (y, x, colour) with red first."""
    shape = (tile.height, tile.width, tile.samples)
    size = int(np.prod(shape)) * tile.dtype.itemsize
    file.check()
    if tile.compression == _UNCOMPRESSED or tile.length == size:  # some say so and do not compress
        values = np.frombuffer(file.read(tile.offset, size), tile.dtype).reshape(shape)
    else:
        stored = file.read(tile.offset, tile.length)
        with refusing(file.path, "CZI"):
            values = _decoded(stored, tile, size).reshape(shape)
    if tile.samples == 1:
        return values.reshape(shape[:2])
    if tile.compression in (_JPEG, _JPEG_XR):
        return values[..., :3]
    return values[..., 2::-1]  # blue comes first


def _decoded(stored: bytes, tile: SubBlock, size: int) -> NDArray[Any]:
    """Return the values of a compressed tile, `size` bytes in all."""
    decode = _decoders()
    if tile.compression == _JPEG:
        return np.asarray(decode.jpeg_decode(stored), tile.dtype)
    if tile.compression == _JPEG_XR:
        return np.asarray(decode.jpegxr_decode(stored), tile.dtype)
    if tile.compression == _LZW:
        return np.frombuffer(decode.lzw_decode(stored, out=size), tile.dtype)
    is_split = False
    if tile.compression == _ZSTD_PACKED:
        # begins with a header: its length, then 1 and a bit that says how bytes are ordered
        header = stored[: stored[0]]
        stored = stored[stored[0] :]
        is_split = header[1:2] == b"\1" and bool(header[2] & 1)
    values = np.frombuffer(decode.zstd_decode(stored, out=size), np.uint8)
    if is_split:  # all low bytes, then all high ones
        values = np.ascontiguousarray(values.reshape(2, -1).T)
    return values.reshape(-1).view(tile.dtype)


def _decoders() -> Any:
    """Return the package that decodes tiles."""
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingPackageError(
            "imagecodecs", "microscopes", "reading compressed .czi"
        ) from error
    return imagecodecs


# ------------------------------------------------------------------------------------ segments


class _Parts(NamedTuple):
    """What the file segment says; offsets are 0 where there is no such part."""

    number: int
    """Of the file, where an image has several."""
    directory: int
    text: int
    unfinished: int
    """Whether a change was broken off."""
    attachments: int


def _parts(raw: Bytes, base: int) -> _Parts:
    numbers = raw.unpack(_FILE_PARTS, base + _SEGMENT_HEADER + 48, "the head of the file")
    return _Parts(*numbers)


def _segment(raw: Bytes, offset: int, kind: str) -> int:
    """Return where the content of a segment begins, after a look whether it is one."""
    stored = raw.text(offset, 16, what=f"a segment of {kind}")
    if stored != kind:
        raise FileFormatError(
            raw.path,
            f"at byte {offset:,} there should be {kind}, but there is {stored!r}",
            f"{COPY_AGAIN}, or the recording was broken off",
        )
    return offset + _SEGMENT_HEADER


class _Entry(NamedTuple):
    """An entry of the directory."""

    tile: SubBlock
    is_full: bool
    """Whether the tile is stored in full size."""
    end: int
    """First byte of the next entry."""


def _entry(raw: Bytes, offset: int, base: int) -> _Entry:
    """Return the entry at an offset, after its tile was seen to be all there."""
    schema, kind, start, part, compression, _, _, count = raw.unpack(
        _ENTRY, offset, "the directory"
    )
    if schema != b"DV" or kind not in _TYPES or part != 0 or not 2 <= count <= 40:
        problem = f"a tile of kind {schema!r} {kind}"
        if part:
            problem = "its pixels lie in further files"
        raise FileFormatError(raw.path, problem, "export it as one file, or copy it again")
    indices: dict[str, int] = {}
    sizes: dict[str, int] = {}
    stored: dict[str, int] = {}
    end = offset + _ENTRY_SIZE
    for _ in range(count):
        name, first, size, _, stored_size = raw.unpack(_DIMENSION, end, "the directory")
        end += _DIMENSION_SIZE
        letter = name.strip(b"\0 ").decode("latin-1")
        indices[letter] = first
        sizes[letter] = size
        stored[letter] = stored_size or size
    height = stored.get("Y", 0)
    width = stored.get("X", 0)
    others = [size for letter, size in sizes.items() if letter not in "XY"]
    if height < 1 or width < 1 or any(size not in (0, 1) for size in others):
        raise FileFormatError(raw.path, f"a tile of {sizes}", COPY_AGAIN)
    first_byte, length = _pixels_of(raw, base + start, end - offset)
    dtype, samples = _TYPES[kind]
    tile = SubBlock(
        np.dtype(dtype), samples, compression, indices, height, width, first_byte, length
    )
    needed = height * width * samples * tile.dtype.itemsize
    if compression == _UNCOMPRESSED and length < needed:
        raise FileFormatError(
            raw.path, f"a tile has {length:,} bytes, where {needed:,} are needed", COPY_AGAIN
        )
    return _Entry(tile, (sizes["Y"], sizes["X"]) == (height, width), end)


def _pixels_of(raw: Bytes, offset: int, entry_size: int) -> tuple[int, int]:
    """Return first byte and length of the pixels of the tile at an offset.

    Before them are the sizes, a copy of its entry in the directory, and its XML.
    """
    content = _segment(raw, offset, _TILE)
    text, _, length = raw.unpack(_TILE_SIZES, content, "a tile")
    start = content + max(_RESERVED, _TILE_SIZES_SIZE + entry_size) + text
    if length < 1 or text < 0:
        raise FileFormatError(raw.path, "a tile without pixels", COPY_AGAIN)
    raw.take(start + length, 0, "a tile")
    return start, length
