"""ZISRAW, the container of Zeiss CZI: segments, a directory of tiles, and XML that tells of them.

Source: Carl Zeiss Microscopy, "CZI: ZISRAW file format", and the notes of libCZI on compression,
https://zeiss.github.io/libczi/; pixel types and order of colours as in C. Gohlke's czifile,
https://github.com/cgohlke/czifile
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError, MissingPackageError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import refusing

_HEAD = 32
"""Bytes before the content of a segment: its kind, and twice its length."""
_FILE, _DIRECTORY, _TILE, _TEXT = (
    "ZISRAWFILE",
    "ZISRAWDIRECTORY",
    "ZISRAWSUBBLOCK",
    "ZISRAWMETADATA",
)
_ATTACHMENTS, _ATTACHMENT = "ZISRAWATTDIR", "ZISRAWATTACH"
_FILE_PARTS: Final = "<iqqiq"
"""At byte 48 of the file segment: number of the part, where the directory and the text are,
whether a change was broken off, and where the attachments are."""
_ENTRY, _DIMENSION, _TILE_SIZES = "<2siqiiB5si", "<4siifi", "<iiq"
_ENTRY_SIZE, _DIMENSION_SIZE, _TILE_SIZES_SIZE, _DIRECTORY_HEAD = 32, 20, 16, 128
_ATTACHED, _ATTACHED_SIZE, _ROOM = "<2s10sqi16s8s80s", 128, 256
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


class Tile(NamedTuple):
    """A rectangle of one plane, as large as it was measured."""

    dtype: np.dtype[Any]
    samples: int
    """Numbers of a pixel: 1, or 3 and 4 where it has a colour."""
    compression: int
    start: Mapping[str, int]
    """Where it begins along X, Y, C, Z, T, S(cene), M(osaic) … """
    height: int
    width: int
    place: int
    """First byte of its pixels."""
    length: int
    """Bytes of its pixels, as they are stored."""


def is_zisraw(raw: Bytes, base: int = 0) -> bool:
    """Whether a file, or what lies inside one from a byte on, is a CZI."""
    return len(raw) >= base + 128 and raw.text(base, 16) == _FILE


def description(raw: Bytes, base: int = 0) -> bytes:
    """Return the XML of a file, where it has any."""
    place = _parts(raw, base)[2]
    if not place:
        return b""
    content = _segment(raw, base + place, _TEXT)
    return raw.take(content + _ROOM, raw.number("<i", content), "the description")


def tiles(
    raw: Bytes, tell: Callable[[int, int], object], base: int = 0
) -> tuple[list[Tile], list[Tile]]:
    """Return the tiles as they were measured, and the reduced ones, each seen to be all there.

    Parameters
    ----------
    tell : callable
        Told how many are done, of how many.
    base : int
        Where the file begins, when it lies inside another one.
    """
    content = _segment(raw, base + _parts(raw, base)[1], _DIRECTORY)
    count = raw.number("<i", content, "the directory")
    place = content + _DIRECTORY_HEAD
    full: list[Tile] = []
    reduced: list[Tile] = []
    for number in range(count):
        if number % 1000 == 999:
            tell(number, count)
        tile, whole, place = _entry(raw, place, base)
        (full if whole else reduced).append(tile)
    return full, reduced


def attached(raw: Bytes) -> Iterator[tuple[str, int]]:
    """Yield name and first byte of the CZI files inside a file: its label, its overview."""
    place = _parts(raw, 0)[4]
    if not place:
        return
    content = _segment(raw, place, _ATTACHMENTS)
    for number in range(raw.number("<i", content)):
        entry = content + 256 + number * _ATTACHED_SIZE
        _, _, at, _, _, kind, name = raw.unpack(_ATTACHED, entry, "the list of attachments")
        if kind.strip(b"\0 ") == b"CZI":
            inside = _segment(raw, at, _ATTACHMENT) + _ROOM
            yield name.partition(b"\0")[0].decode("utf-8", "replace"), inside


def check_decoders(path: Path, found: list[Tile]) -> None:
    """Check that all tiles can be decoded.

    Raises
    ------
    MissingPackageError
        If they are compressed, and the package for that is not there.
    """
    odd = sorted({tile.compression for tile in found} - {*_KNOWN})
    if odd:
        raise FileFormatError(
            path, f"pixels compressed in a way that is not known ({odd[0]})", "save it with zstd"
        )
    if any(tile.compression for tile in found):
        _decoders()


def pixels(path: Path, tile: Tile) -> NDArray[Any]:
    """Return the pixels of a tile, (y, x), or (y, x, colour) with red first."""
    shape = (tile.height, tile.width, tile.samples)
    size = int(np.prod(shape)) * tile.dtype.itemsize
    if tile.compression == _UNCOMPRESSED or tile.length == size:  # some say so and do not compress
        found = mapped(path, tile.dtype, shape, tile.place)
    else:
        stored = Bytes(path).take(tile.place, tile.length, "a tile")
        with refusing(path, "CZI"):
            found = _decoded(stored, tile, size).reshape(shape)
    if tile.samples == 1:
        return found.reshape(shape[:2])
    blue_first = tile.compression not in (_JPEG, _JPEG_XR)
    return found[..., 2::-1] if blue_first else found[..., :3]


def _decoded(stored: bytes, tile: Tile, size: int) -> NDArray[Any]:
    decode = _decoders()
    if tile.compression == _JPEG:
        return np.asarray(decode.jpeg_decode(stored), tile.dtype)
    if tile.compression == _JPEG_XR:
        return np.asarray(decode.jpegxr_decode(stored), tile.dtype)
    if tile.compression == _LZW:
        return np.frombuffer(decode.lzw_decode(stored, out=size), tile.dtype)
    packed = False
    if tile.compression == _ZSTD_PACKED:  # begins with the length of what tells how
        head = stored[: stored[0]]
        packed, stored = head[1:2] == b"\1" and bool(head[2] & 1), stored[stored[0] :]
    values = np.frombuffer(decode.zstd_decode(stored, out=size), np.uint8)
    if packed:  # all low bytes, then all high ones
        values = np.ascontiguousarray(values.reshape(2, -1).T)
    return values.reshape(-1).view(tile.dtype)


def _decoders() -> Any:
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingPackageError(
            "imagecodecs", "microscopes", "reading compressed .czi"
        ) from error
    return imagecodecs


def _parts(raw: Bytes, base: int) -> tuple[Any, ...]:
    return raw.unpack(_FILE_PARTS, base + _HEAD + 48, "the head of the file")


def _segment(raw: Bytes, place: int, kind: str) -> int:
    """Return where the content of a segment begins, after a look whether it is one."""
    found = raw.text(place, 16, what=f"a segment of {kind}")
    if found != kind:
        raise FileFormatError(
            raw.path,
            f"at byte {place:,} there should be {kind}, but there is {found!r}",
            f"{COPY_AGAIN}, or the recording was broken off",
        )
    return place + _HEAD


def _entry(raw: Bytes, place: int, base: int) -> tuple[Tile, bool, int]:
    """Return a tile of the directory, whether it is in full size, and where the next one is."""
    schema, kind, at, part, compression, _, _, count = raw.unpack(_ENTRY, place, "the directory")
    if schema != b"DV" or kind not in _TYPES or part != 0 or not 2 <= count <= 40:
        found = "its pixels lie in further files" if part else f"a tile of kind {schema!r} {kind}"
        raise FileFormatError(raw.path, found, "export it as one file, or copy it again")
    dtype, samples = _TYPES[kind]
    start, size, stored = {}, {}, {}
    for number in range(count):
        where = place + _ENTRY_SIZE + number * _DIMENSION_SIZE
        name, first, length, _, kept = raw.unpack(_DIMENSION, where, "the directory")
        letter = name.strip(b"\0 ").decode("latin-1")
        start[letter], size[letter], stored[letter] = first, length, kept or length
    entry = _ENTRY_SIZE + count * _DIMENSION_SIZE
    height, width = stored.get("Y", 0), stored.get("X", 0)
    others = [n for letter, n in size.items() if letter not in "XY"]
    if height < 1 or width < 1 or any(n != 1 for n in others if n):
        raise FileFormatError(raw.path, f"a tile of {size}", COPY_AGAIN)
    first_byte, length = _stored(raw, base + at, entry)
    tile = Tile(np.dtype(dtype), samples, compression, start, height, width, first_byte, length)
    needed = height * width * samples * tile.dtype.itemsize
    if compression == _UNCOMPRESSED and length < needed:
        raise FileFormatError(
            raw.path, f"a tile has {length:,} bytes, where {needed:,} are needed", COPY_AGAIN
        )
    whole = (size["Y"], size["X"]) == (height, width)
    return tile, whole, place + entry


def _stored(raw: Bytes, place: int, entry: int) -> tuple[int, int]:
    """Return first byte and length of the pixels of the tile at `place`."""
    content = _segment(raw, place, _TILE)
    text, _, length = raw.unpack(_TILE_SIZES, content, "a tile")
    start = content + max(_ROOM, _TILE_SIZES_SIZE + entry) + text
    if length < 1 or text < 0:
        raise FileFormatError(raw.path, "a tile without pixels", COPY_AGAIN)
    raw.take(start + length, 0, "a tile")
    return start, length
