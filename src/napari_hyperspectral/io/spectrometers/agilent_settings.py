"""Settings of Agilent infrared images: one stream of a compound file, .bsp or .dmt.

Sources: Microsoft, "[MS-CFB]: Compound File Binary File Format",
https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb; S. Read, "agilent-format",
https://github.com/stuart-cls/python-agilent-file-formats (MIT).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import axis_in

_SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER, _FAT_IN_HEADER = 512, 109
"""Bytes of the header, and sectors of the allocation table that it can list ([MS-CFB] 2.2)."""
_SECTOR_SHIFT, _FAT_SECTORS, _FAT_LIST = 30, 44, 76
"""Offsets in the header of the size of a sector (as a power of 2), of the number of sectors of the
allocation table followed by the first sector of the directory, and of the list of the former."""
_ENTRY, _ENTRY_TYPE, _ENTRY_START = 128, 66, 116
"""Bytes of an entry of the directory, and offsets of its type and first sector ([MS-CFB] 2.6.1)."""
_STREAM, _FREE = 2, 0xFFFFFFFF
"""Type of an entry that is a stream, and what stands in the table for an unused sector."""

_LENGTH: Final = rb"\x04\0\0\0(..\0\0)\x04\0\0\0\2\2"
_TEXT: Final = re.compile(
    rb"([ -~]{2,60})\x04\0\0\0.{4}\x04\0\0\0\x02\0\0\0\x04\0\0\0\x04\0\0\0" + _LENGTH, re.DOTALL
)
"""A setting whose value is a text; its length stands there three times, then follows the text."""
_NUMBER: Final = re.compile(
    rb"([ -~]{3,60})\0{4}\x02\0\0\0\x08\0\0\0PropType.{20}1\.00(?:\x01\0\0\0){2}\x08\0\0\0(.{8})",
    re.DOTALL,
)
"""A setting whose value is a number."""
_SAMPLING: Final = re.compile(
    rb"1\.00\x01\0\0\0\x04\0\0\0\x08\0\0\0(.{8})\x04\0\0\0(.{4})\x04\0\0\0(.{4})", re.DOTALL
)
"""Distance, number of the first, and count, of the bands; then again of the retardations."""
_QUANTITY: Final = re.compile(rb"(.{4})Wavenumber\x04\0\0\0(.{4})\2([ -~]{1,40})", re.DOTALL)
"""The name of the intensities, after its length."""


@dataclass(frozen=True)
class AgilentSettings:
    """What a .bsp or .dmt says."""

    values: Mapping[str, str | float]
    """Settings by name, as Agilent spells it."""
    axis: SpectralAxis
    retardations: NDArray[np.float64] | None
    """Along the interferograms, in cm, shape (point,)."""
    quantity: str | None
    """Of the intensities."""

    def pixel_size(self, tile_width: int) -> float | None:
        """Return the size of a pixel in µm; see `pixel_size`."""
        return pixel_size(self.values, tile_width)

    def mosaic_extent(self, letter: str) -> int:
        """Return how many tiles the settings state, along X or Y; at least 1."""
        return max(1, _natural_number(self.values, f"MosaicExtent{letter}"))


def read_settings(path: Path) -> AgilentSettings:
    """Read the settings of an image.

    Raises
    ------
    FileFormatError
        If the file is damaged, or has no wavenumbers.
    """
    content = _longest_stream(Bytes(path))
    samplings = list(_SAMPLING.finditer(content))
    if not samplings:
        raise FileFormatError(path, "no wavenumbers in these settings", COPY_AGAIN)
    axis = axis_in("1/cm", _sampled(samplings[0], path))
    assert axis is not None
    retardations = None
    interferogram = content.find(b"Interferogram")
    if interferogram >= 0:
        for sampling in samplings:
            if sampling.start() > interferogram:
                retardations = _sampled(sampling, path)
                break
    return AgilentSettings(_values(content), axis, retardations, _quantity(content))


def pixel_size_in_settings(path: Path, tile_width: int) -> float | None:
    """Return the size of a pixel, in µm, that a file of settings states, if any."""
    try:
        return pixel_size(_values(_longest_stream(Bytes(path))), tile_width)
    except FileFormatError:  # they are but an addition here
        return None


# ------------------------------------------------------------------------------ compound file


def _longest_stream(raw: Bytes) -> bytes:
    """Return the longest stream of a compound file, its sectors in order ([MS-CFB])."""
    if len(raw) < _HEADER or raw.take(0, 8) != _SIGNATURE:
        raise FileFormatError(raw.path, "these are no settings of Agilent's", COPY_AGAIN)
    size = 1 << min(raw.number("<H", _SECTOR_SHIFT), 16)
    fat_sectors, directory = raw.unpack("<II", _FAT_SECTORS)
    table = _allocation_table(raw, min(fat_sectors, _FAT_IN_HEADER), size)
    entries = _chain(raw, table, directory, size)
    longest = (0, 0)
    for offset in range(0, len(entries) - _ENTRY + 1, _ENTRY):
        start, length = struct.unpack_from("<II", entries, offset + _ENTRY_START)
        if entries[offset + _ENTRY_TYPE] == _STREAM and length > longest[1]:
            longest = start, length
    start, length = longest
    return _chain(raw, table, start, size)[:length]


def _allocation_table(raw: Bytes, fat_sectors: int, size: int) -> NDArray[np.uint32]:
    """Return the sector that follows on each sector, after the file was seen to have them all."""
    parts = [np.empty(0, "<u4")]
    for sector in raw.unpack(f"<{fat_sectors}I", _FAT_LIST):
        parts.append(raw.array("<u4", size // 4, (sector + 1) * size))
    table = np.concatenate(parts)
    used = np.flatnonzero(table != _FREE)
    if not len(used) or (int(used[-1]) + 2) * size > len(raw):
        raise FileFormatError(raw.path, f"settings of {len(raw)} bytes are not whole", COPY_AGAIN)
    return table


def _chain(raw: Bytes, table: NDArray[np.uint32], sector: int, size: int) -> bytes:
    """Return the sectors that follow on one; sector 0 comes after the header."""
    parts: list[bytes] = []
    while sector < len(table) and len(parts) < len(table):  # a damaged table may have a circle
        parts.append(raw.take((sector + 1) * size, size, "the settings"))
        sector = int(table[sector])
    return b"".join(parts)


# ----------------------------------------------------------------------------------- settings


def _sampled(sampling: re.Match[bytes], path: Path) -> NDArray[np.float64]:
    """Return the points of an axis, which are multiples of its step."""
    step, start, count = struct.unpack("<dii", b"".join(sampling.groups()))
    if not 0 < count <= 2**20 or not math.isfinite(step) or not step:
        raise FileFormatError(path, f"{count} points every {step:g}", COPY_AGAIN)
    points: NDArray[np.float64] = float(step) * (start + np.arange(count, dtype=np.float64))
    return points


def _quantity(content: bytes) -> str | None:
    match = _QUANTITY.search(content)
    if match is None:
        return None
    length = int.from_bytes(match[2], "little")
    return match[3][:length].decode("latin-1")


def _values(content: bytes) -> dict[str, str | float]:
    """Return the settings by name; those that are empty are left out."""
    values: dict[str, str | float] = {}
    for match in _TEXT.finditer(content):
        length = int.from_bytes(match[2], "little")
        raw = content[match.end() : match.end() + length]
        text = raw.decode("latin-1").strip(" \0")
        if text.isprintable() and text:
            values[match[1].decode("latin-1")] = text
    for match in _NUMBER.finditer(content):
        number = float(struct.unpack("<d", match[2])[0])
        if math.isfinite(number) and match[1] != b"Time":  # a time is no double: meaningless
            values[match[1].decode("latin-1")] = number
    return values


def pixel_size(values: Mapping[str, str | float], tile_width: int) -> float | None:
    """Return the size of a pixel, in µm: that of the detector's, times how many were summed up.

    Where that number is not stated, the width of the detector is divided by that of a tile.
    """
    size = values.get("FPA Pixel Size")
    summed = _natural_number(values, "PixelAggregationSize")
    detector_width = _natural_number(values, "FPA Size X")
    if not summed and tile_width and detector_width % tile_width == 0:
        summed = detector_width // tile_width
    return size * summed if isinstance(size, float) and size > 0 and summed else None


def _natural_number(values: Mapping[str, str | float], name: str) -> int:
    """Return a whole number among the settings; 0 where there is none."""
    text = str(values.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
