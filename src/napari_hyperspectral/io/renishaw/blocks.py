"""Renishaw WDF: the header of a file, and the blocks that follow it.

Source: Renishaw plc, Python package "renishaw-wdf" 1.4 (WdfHeader, WdfBlock, WdfBlockId)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes
from .properties import time_of

_MAGIC: Final = b"WDF1"
_HEADER, _BLOCK_HEADER = 512, 16
"""Bytes of the header of the file, and of that of a block: name, number, bytes of the block."""
_MEASURED: Final = ("DATA", "YLST", "XLST", "ORGN", "WMAP", "WHTL")
"""Blocks that must be whole."""
_MAX_MISSING: Final = 8
"""Bytes that may be missing of settings at the end of a file."""
_TYPES: Final = {0: "unspecified", 1: "single", 2: "series", 3: "map"}
_SCANS: Final = {
    1: "static", 2: "continuous", 3: "step and repeat", 4: "filter scan", 5: "filter image",
    6: "StreamLine", 7: "StreamLine HR", 8: "point",
}  # fmt: skip


class Block(NamedTuple):
    """Where a block is, without its header."""

    start: int
    length: int


@dataclass(frozen=True)
class FileHeader:
    """What the header of the file says."""

    flags: int
    tracks: int
    """Axes, where each track of the detector has its own."""
    points: int
    """Values of a spectrum."""
    spectra: int
    """Spectra that were to be measured."""
    collected: int
    """Spectra that were."""
    rows: int
    """Rows of the detector in each spectrum."""
    centres: int
    """Points along the axis."""
    unit: int
    """Of the values."""
    laser: float
    """Wavenumber, 1/cm."""
    metadata: Mapping[str, Any]
    """What else it says, as plain JSON."""


class Wdf:
    """A Renishaw file: its bytes, its header and its blocks.

    Raises
    ------
    FileFormatError
        If it is none, or ends early.
    """

    def __init__(self, raw: Bytes) -> None:
        self.raw = raw
        self.header = _header(raw)
        self.blocks = _blocks(raw)

    def block(self, name: str, least: int = 0) -> Block:
        """Return the first block of a name, of at least so many bytes."""
        if name not in self.blocks:
            raise FileFormatError(self.raw.path, f"there is no block {name}", COPY_AGAIN)
        block = self.blocks[name][0]
        if block.length < least:
            raise FileFormatError(
                self.raw.path, f"block {name} has {block.length} bytes, not {least}", COPY_AGAIN
            )
        return block

    def contents(self, name: str) -> list[bytes]:
        """Return what is in all the blocks of a name."""
        return [self.raw.take(*block) for block in self.blocks.get(name, ())]


def _header(raw: Bytes) -> FileHeader:
    """Return what the header says; offsets are those of WdfHeader."""
    if len(raw) < _HEADER or raw.take(0, 4) != _MAGIC:
        raise FileFormatError(
            raw.path, "not a Renishaw WDF file", "give the file its right suffix, or copy it again"
        )
    tracks, _, points, spectra, collected, accumulations = raw.unpack("<IIIQQI", 52)
    rows, centres = raw.unpack("<II", 84)
    scan, kind, started, ended, unit, laser = raw.unpack("<IIQQIf", 128)
    if not points or not spectra or not collected or collected > spectra:
        raise FileFormatError(
            raw.path,
            f"{collected} of {spectra} spectra were measured, of {points} points",
            "there is nothing to show" if not collected else COPY_AGAIN,
        )
    return FileHeader(
        flags=raw.number("<Q", 16),
        tracks=tracks,
        points=points,
        spectra=spectra,
        collected=collected,
        rows=rows,
        centres=centres,
        unit=unit,
        laser=laser,
        metadata={
            "title": raw.text(240, 160, "utf-8"),
            "user": raw.text(208, 32, "utf-8"),
            "application": raw.text(96, 24, "utf-8"),
            "version": ".".join(map(str, raw.unpack("<4H", 120))),
            "measurement": _TYPES.get(kind, str(kind)),
            "scan": _SCANS.get(scan & 0xFF, str(scan)),
            "started": time_of(started),
            "ended": time_of(ended),
            "accumulations": accumulations,
            "spectra": {"planned": spectra, "measured": collected},
        },
    )


def _blocks(raw: Bytes) -> dict[str, list[Block]]:
    """Return the blocks by name; they fill the file.

    Settings at the end may lack a few bytes: a real file does, that Renishaw's programs open.
    """
    blocks: dict[str, list[Block]] = {}
    offset = 0
    while offset < len(raw):
        code, _, size = raw.unpack("<4sIQ", offset, "a block")
        name = code.decode("latin-1")
        missing = offset + size - len(raw)
        may_miss = 0 if name in _MEASURED else _MAX_MISSING
        if size < _BLOCK_HEADER or missing > may_miss:
            raise FileFormatError(
                raw.path,
                f"block {name!r} at byte {offset} has {size} bytes, the file ends at {len(raw)}",
                COPY_AGAIN,
            )
        if missing > 0:
            warnings.warn(
                f"{raw.path.name}: its last {missing} bytes are missing; they are of the settings "
                f"{name}, which are left out",
                stacklevel=2,
            )
        else:
            block = Block(offset + _BLOCK_HEADER, size - _BLOCK_HEADER)
            blocks.setdefault(name, []).append(block)
        offset += size
    return blocks
