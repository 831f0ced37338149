"""Thermo SPC: the head of a file of any version, where its spectra are, and its log.

Source: Thermo Galactic, "A Brief Guide to SPC File Format and Using GSPCIO" (2001), and its SPC.H,
https://www.scribd.com/document/286952742/Spc-File-Format
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes
from ..source import Source

_ORDERS: Final = {0x4B: "<", 0x4C: ">", 0x4D: "<"}
"""Order of bytes by version."""
_OLD: Final = 0x4D
_OLE: Final = b"\xd0\xcf\x11\xe0"
_HEADER, _OLD_HEADER, SUBHEADER, _ENTRY = 512, 224, 32, 12
"""Bytes of SPCHDR, of OSPCHDR, of SUBHDR and of an entry of the directory (SSFSTC) in SPC.H."""
_SHORT, _MULTI, _LABELS, _OWN_X, _X = 0x01, 0x04, 0x20, 0x40, 0x80
"""Flags TSPREC, TMULTI, TALABS, TXYXYS, TXVALS: 16-bit values, several spectra, axes named in words,
an axis each, an axis in numbers."""
FLOATS: Final = -128
"""Exponent that says: no whole numbers, but floats."""
_TECHNIQUES: Final = {
    1: "gas chromatogram", 2: "chromatogram", 3: "HPLC", 4: "FT-IR, FT-NIR or FT-Raman", 5: "NIR",
    7: "UV-VIS", 8: "X-ray diffraction", 9: "mass spectrum", 10: "NMR", 11: "Raman",
    12: "fluorescence", 13: "atomic", 14: "diode array chromatography",
}  # fmt: skip


@dataclass(frozen=True)
class SpcHeader:
    """What the head of a file says, of whatever version."""

    order: str
    flags: int
    exponent: int
    points: int
    """Points of a spectrum; with an axis each, where the directory is."""
    ends: tuple[float, float]
    spectra: int | None
    """None: as many as the file is long."""
    types: tuple[int, int, int, int]
    """Of x, intensity, z and w."""
    planes: int
    """Planes of a grid, along w."""
    steps: tuple[float, float]
    """Along z and w; 0: the spectra say it."""
    log: int
    old: bool
    metadata: dict[str, Any]

    @property
    def start(self) -> int:
        """Where what follows the head begins."""
        return _OLD_HEADER if self.old else _HEADER

    @property
    def labelled(self) -> bool:
        """Whether words name the axes."""
        return bool(self.flags & _LABELS)

    @property
    def common_axis(self) -> bool:
        """Whether all spectra share an axis in numbers."""
        return self.flags & _X != 0 and not self.own_axes

    @property
    def several(self) -> bool:
        """Whether each spectrum has an exponent of its own."""
        return self.spectra != 1

    @property
    def own_axes(self) -> bool:
        """Whether each spectrum has an axis of its own."""
        return self.flags & (_X | _OWN_X) == _X | _OWN_X


class Part(NamedTuple):
    """Where a spectrum is, and what its own head says."""

    start: int
    """First byte of its axis, if it has one, else of its values."""
    points: int
    exponent: int
    z: float
    w: float


def header_of(raw: Bytes) -> SpcHeader:
    """Return what the head of a file says; refuse what only has its suffix."""
    start = raw.take(0, min(len(raw), 64))
    version = start[1] if len(start) > 1 else 0
    if start.startswith(_OLE):
        raise FileFormatError(
            raw.path,
            "a Shimadzu file (OLE), no Thermo SPC",
            "export it from LabSolutions or UVProbe as text",
        )
    if version not in _ORDERS or len(raw) < 256:
        if re.fullmatch(rb"[\t\r\n -~]+", start):
            raise FileFormatError(raw.path, "a text, no Thermo SPC", "rename it to .txt")
        raise FileFormatError(
            raw.path,
            f"not a Thermo SPC file (version {version:#04x})",
            "give the file its right suffix, or copy it again",
        )
    header = _old_header(raw) if version == _OLD else _new_header(raw, _ORDERS[version])
    if not np.isfinite(header.ends).all() or (not header.points and not header.own_axes):
        raise FileFormatError(
            raw.path,
            f"{header.points} points from {header.ends[0]} to {header.ends[1]}",
            COPY_AGAIN,
        )
    return header


def _new_header(raw: Bytes, order: str) -> SpcHeader:
    """Return what SPCHDR says; offsets of its fields are those of SPC.H."""
    flags, _, technique, exponent = raw.unpack("BBBb", 0)
    points, first, last, spectra = raw.unpack(f"{order}IddI", 4)
    x, y, z = raw.unpack("BBB", 28)
    z_step, planes, w_step, w = raw.unpack(f"{order}fIfB", 312)
    return SpcHeader(
        order=order,
        flags=flags,
        exponent=exponent,
        points=points,
        ends=(first, last),
        spectra=spectra if flags & _MULTI else max(1, spectra),
        types=(x, y, z, w),
        planes=planes,
        steps=(z_step, w_step),
        log=raw.number(f"{order}I", 248),
        old=False,
        metadata={
            "technique": _TECHNIQUES.get(technique),
            "date": _date(raw.number(f"{order}I", 32)),
            "resolution": raw.text(36, 9),
            "instrument": raw.text(45, 9),
            "comment": raw.text(88, 130),
            "method": raw.text(264, 48),
            "labels": _labels(raw.take(218, 30)),
        },
    )


def _date(packed: int) -> str | None:
    """Return the date that the bits of a number are: minute first, year last."""
    minute = packed & 0x3F
    hour = packed >> 6 & 0x1F
    day = packed >> 11 & 0x1F
    month = packed >> 16 & 0xF
    year = packed >> 20
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}" if year else None


def _old_header(raw: Bytes) -> SpcHeader:
    """Return the head of a LabCalc file (OSPCHDR); its spectra go on to its end."""
    flags, _, exponent, points, first, last, x, y = raw.unpack("<BBhfffBB", 0)
    z_and_year, month, day, hour, minute = raw.unpack("<HBBBB", 18)
    if not 0 < points < len(raw):  # also not a number
        raise FileFormatError(raw.path, f"{points} points in a spectrum", COPY_AGAIN)
    year = z_and_year & 0xFFF
    return SpcHeader(
        order="<",
        flags=flags & ~(_X | _OWN_X),  # not known yet
        exponent=FLOATS if exponent in (FLOATS, 0x80) else exponent,
        points=int(points),
        ends=(first, last),
        spectra=None if flags & _MULTI else 1,
        types=(x, y, z_and_year >> 12, 0),
        planes=0,
        steps=(0.0, 0.0),
        log=0,
        old=True,
        metadata={
            "date": f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}" if year else None,
            "resolution": raw.text(24, 8),
            "comment": raw.text(64, 130),
            "labels": _labels(raw.take(194, 30)),
        },
    )


def _labels(raw: bytes) -> list[str]:
    texts = [text.decode("latin-1").strip() for text in raw.split(b"\0")[:3]]
    return texts if any(texts) else []


def parts_of(raw: Bytes, header: SpcHeader, start: int, source: Source) -> Iterator[Part]:
    """Yield where each spectrum is, from byte `start` on or as a directory says.

    Raises
    ------
    FileFormatError
        If one of them ends beyond the file.
    """
    least = header.spectra or 1
    if least * SUBHEADER > len(raw):
        raise FileFormatError(
            raw.path, f"{least} spectra do not fit in {len(raw)} bytes", COPY_AGAIN
        )
    directory = _directory(raw, header)
    total = "" if header.spectra is None else f" of {header.spectra}"
    number = 0
    while number < header.spectra if header.spectra is not None else start < len(raw):
        if directory:
            start = directory[number]
        part, start = _part(raw, header, start, f"spectrum {number + 1}{total}")
        yield part
        number += 1
        if number % 10_000 == 0:
            source.tell(number, header.spectra or number)


def _part(raw: Bytes, header: SpcHeader, start: int, what: str) -> tuple[Part, int]:
    """Return the spectrum whose subheader is at `start`, and where the next one is."""
    # SUBHDR: flags, exponent, index (B, b, H), z, next z, noise (f), points, scans (I), w (f)
    exponent = raw.unpack("Bb", start, what)[1]
    z = raw.number(f"{header.order}f", start + 4, what)
    own_points = raw.number(f"{header.order}I", start + 16, what)
    w = raw.number(f"{header.order}f", start + 24, what)
    points = own_points if header.own_axes and own_points else header.points
    part = Part(start + SUBHEADER, points, _exponent(header, exponent), z, w)
    bytes_a_point = _item(header, part.exponent)
    if header.own_axes:
        bytes_a_point += 4
    end = part.start + points * bytes_a_point
    if not points or end > len(raw):
        raise FileFormatError(
            raw.path,
            f"the file ends at byte {len(raw)}, {what} needs {points} points from {part.start}",
            COPY_AGAIN,
        )
    return part, end


def _directory(raw: Bytes, header: SpcHeader) -> list[int]:
    """Return where the spectra begin, where each has its own axis and the file lists them."""
    if not header.own_axes or not header.several or not header.points or not header.spectra:
        return []
    length = _ENTRY * header.spectra
    if header.points + length > len(raw):
        return []  # a file that was never completed; its spectra follow each other anyway
    entries = np.frombuffer(raw.take(header.points, length), f"{header.order}u4")
    # SSFSTC: offset, length, time
    return [int(offset) for offset in entries[::3]]


def _exponent(header: SpcHeader, own: int) -> int:
    if FLOATS in (header.exponent, own):
        return FLOATS
    return own if header.several else header.exponent


def _item(header: SpcHeader, exponent: int) -> int:
    """Return the bytes of a value."""
    return 2 if header.flags & _SHORT and exponent != FLOATS else 4


def values_of(raw: Bytes, header: SpcHeader, part: Part, start: int) -> NDArray[Any]:
    """Return the values of a spectrum: floats, or fractions of a power of two."""
    if part.exponent == FLOATS:
        return raw.array(f"{header.order}f4", part.points, start)
    size = _item(header, part.exponent)
    if header.old and size == 4:  # the upper half of each number comes first
        halves = raw.array("<u2", 2 * part.points, start).reshape(-1, 2)
        numbers = halves[:, ::-1].copy().view("<i4").ravel()
    else:
        numbers = raw.array(f"{header.order}i{size}", part.points, start)
    return np.asarray(np.ldexp(numbers.astype(np.float64), part.exponent - 8 * size))


def log_of(raw: Bytes, header: SpcHeader) -> dict[str, Any]:
    """Return the text of the log: as pairs where all its lines are such."""
    if not header.log:
        return {}
    if header.log + 64 > len(raw):
        warnings.warn(f"{raw.path.name}: its log is missing", stacklevel=2)
        return {}
    # LOGSTC: size of the block, size in memory, offset of the text
    size, _, offset = raw.unpack(f"{header.order}III", header.log)
    start = header.log + offset
    end = min(header.log + size, len(raw))
    if not offset or start >= end:
        return {}
    text = raw.text(start, end - start)
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    if not all("=" in line for line in lines):
        return {"log": "\n".join(lines)}
    pairs = {}
    for line in lines:
        key, _, value = line.partition("=")
        pairs[key.strip()] = value.strip()
    return {"log": pairs} if pairs else {}
