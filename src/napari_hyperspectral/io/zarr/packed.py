"""What a packed chunk says of itself, looked at before a decoder is handed it.

The decoders are of C: one reads past the end of a chunk that was cut, another unpacks as much as
the chunk claims to hold. Sources: "Blosc chunk format", https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst;
RFC 8878 (Zstandard), section 3.1.1; numcodecs for its own heads of LZ4 chunks.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

_SPARE: Final = 2**16
"""Bytes that a chunk may hold beyond its values: heads, and the padding of filters."""
_FULL: Final = 1032
"""Bytes that a byte of deflate can become at most."""
_UNSUSPICIOUS: Final = 2**28
"""Bytes that may be unpacked unseen."""


def problem_of_chunk(raw: memoryview, codec: str, values: int | None) -> str | None:
    """Return what is wrong with a packed chunk; None where nothing is seen.

    Parameters
    ----------
    raw : memoryview
        Its bytes.
    codec : str
        What it is packed with: "blosc", "zstd", "gzip", "zlib", "lz4", "bz2" or "lzma".
    values : int or None
        Bytes of the values of a chunk; None where they are not known.
    """
    most = _UNSUSPICIOUS if values is None else values + _SPARE
    check = _CHECKS.get(codec)
    return None if check is None else check(raw, most)


def _blosc(raw: memoryview, most: int) -> str | None:
    if len(raw) < 16:
        return f"it has {len(raw)} bytes, the head alone has 16"
    flags = raw[2]
    unpacked, block, packed = struct.unpack_from("<III", raw, 4)
    if packed != len(raw):
        return f"it has {len(raw)} bytes, and says {packed}"
    if unpacked > most:
        return f"it says that it holds {unpacked} bytes, a chunk has at most {most}"
    is_stored = bool(flags & 0x2)
    if is_stored:
        return (
            None if packed >= unpacked + 16 else f"it holds less than the {unpacked} bytes it says"
        )
    if unpacked and not 0 < block <= max(unpacked, 1):
        return f"its blocks are said to have {block} bytes"
    blocks = -(-unpacked // block) if unpacked else 0
    first = 16 + 4 * blocks
    if first > packed:
        return f"it ends within the list of its {blocks} blocks"
    for number in range(blocks):
        (start,) = struct.unpack_from("<i", raw, 16 + 4 * number)
        if not first <= start <= packed - 4:
            return f"its block {number} begins at byte {start} of {packed}"
        (length,) = struct.unpack_from("<i", raw, start)
        if length < 0 or start + 4 + length > packed:
            return f"its block {number} ends behind it"
    return None


def _zstd(raw: memoryview, most: int) -> str | None:
    if len(raw) < 6 or bytes(raw[:4]) != b"\x28\xb5\x2f\xfd":
        return "it is not packed with zstd"
    descriptor = raw[4]
    has_window = not descriptor & 0x20
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    start = 5 + has_window + dictionary
    length = (0 if has_window else 1, 2, 4, 8)[descriptor >> 6]
    if not length:
        return None  # it does not say; most writers do
    if start + length > len(raw):
        return "it ends within its head"
    unpacked = int.from_bytes(raw[start : start + length], "little")
    unpacked += 256 if length == 2 else 0
    return _too_large(unpacked, most)


def _lz4(raw: memoryview, most: int) -> str | None:
    if len(raw) < 4:
        return "it ends within its head"
    return _too_large(int.from_bytes(raw[:4], "little"), most)


def _deflated(raw: memoryview, most: int) -> str | None:
    if len(raw) * _FULL <= max(most, _UNSUSPICIOUS):
        return None
    unpacker = zlib.decompressobj(47)  # of zlib and of gzip
    return _bounded(unpacker.decompress, raw, most)


def _bz2(raw: memoryview, most: int) -> str | None:
    return _bounded(bz2.BZ2Decompressor().decompress, raw, most)


def _lzma(raw: memoryview, most: int) -> str | None:
    return _bounded(lzma.LZMADecompressor().decompress, raw, most)


def _bounded(
    unpack: Callable[[memoryview, int], bytes],
    raw: memoryview,
    most: int,
) -> str | None:
    """Return what is wrong if more than `most` bytes come out; damage is left to the decoder."""
    try:
        unpacked = len(unpack(raw, most + 1))
    except (zlib.error, OSError, ValueError, EOFError, lzma.LZMAError):
        return None
    return _too_large(unpacked, most)


def _too_large(unpacked: int, most: int) -> str | None:
    if unpacked <= most:
        return None
    return f"unpacked it has {unpacked} bytes or more, a chunk has at most {most}"


_CHECKS: Final[Mapping[str, Callable[[memoryview, int], str | None]]] = {
    "blosc": _blosc,
    "zstd": _zstd,
    "lz4": _lz4,
    "gzip": _deflated,
    "zlib": _deflated,
    "bz2": _bz2,
    "lzma": _lzma,
}
