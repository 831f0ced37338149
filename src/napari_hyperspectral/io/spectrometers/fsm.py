"""PerkinElmer FSM: the infrared image of a Spotlight, a block a spectrum.

PerkinElmer publishes no description; the layout was learned from G. Lemaitre, "specio",
https://github.com/paris-saclay-cds/specio (BSD-3), and from files. After the magic and a title of
40 bytes follow blocks: a number (what it is), a length, and the content. The first block is about
the axes, the second one (blocks within blocks) about the instrument, and each further one is the
spectrum of a pixel, x running fastest. The axis mostly descends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import length_unit, stated_axis
from ..source import Source

_MAGIC: Final = b"PEPE"
_TITLE: Final = 4
_FIRST_BLOCK: Final = 44
_BLOCK_HEADER: Final = 6
"""Bytes of number and length of a block."""
_AXES, _INSTRUMENT, _SPECTRUM = 5100, 5104, 5105
_MAX_DEPTH: Final = 8
"""Blocks within each other, at most."""
_TEXT: Final = b"#u"
_INTEGER: Final = b",u"
"""First bytes of the content of a block that is a text, or a number of 16 bits."""
_SETTINGS: Final = {  # number of a block: what its text or number means
    35698: "analyst", 35700: "date", 35702: "method", 35837: "instrument", 35838: "serial number",
    35839: "software", 35840: "accumulations", 35841: "detector", 35842: "source",
    35843: "beam splitter", 35845: "apodization", 35846: "spectrum type", 35847: "beam type",
    35849: "phase correction", 35854: "accessory", 35856: "interferogram",
    35857: "scan direction",
}  # fmt: skip
_INTENSITIES: Final = {"a": "absorbance", "%t": "%T", "%r": "%R", "egy": "energy"}


class Content(NamedTuple):
    """The content of a block, without number and length."""

    start: int
    stop: int


@dataclass(frozen=True)
class _Axes:
    """What the first block says: steps, starts and counts along x, y and the spectrum."""

    name: str
    steps: tuple[float, float, float]
    end: float
    """Last band."""
    starts: tuple[float, float, float]
    counts: tuple[int, int, int]
    labels: tuple[str, ...]
    """Of y, x, the spectrum, and the intensity."""


def read_images(source: Source) -> list[Image]:
    """Map the spectra of a file."""
    raw = Bytes(source.path)
    if raw.take(0, min(len(raw), len(_MAGIC))) != _MAGIC:
        raise FileFormatError(
            raw.path, "not a PerkinElmer FSM file", "give it its right suffix, or copy it again"
        )
    blocks, first_spectrum = _blocks(raw)
    if _AXES not in blocks or first_spectrum is None:
        raise FileFormatError(raw.path, "no axes, or no spectra, in it", COPY_AGAIN)
    axes = _axes(raw, blocks[_AXES])
    instrument = settings_in(raw, blocks[_INSTRUMENT]) if _INSTRUMENT in blocks else {}
    metadata = {
        "title": raw.text(_TITLE, _FIRST_BLOCK - _TITLE),
        "name": axes.name,
        "labels": list(axes.labels),
        **instrument,
    }
    dx, dy, _ = axes.steps
    x, y, _ = axes.starts
    intensity = axes.labels[3]
    cube = Cube(
        _values(raw, first_spectrum, axes),
        _axis(raw, axes),
        name=source.path.stem,
        history=(f"read {source.path.name}",),
        intensity_unit=_INTENSITIES.get(intensity.lower(), intensity or None),
        pixel_size=(dy or 1.0, dx or 1.0),
        pixel_unit=length_unit(axes.labels[1].rpartition(" - ")[2]),  # "X - Micrometers"
        origin=(y, x),
        metadata={"PerkinElmer": metadata},
    )
    return [cube]


def _blocks(raw: Bytes) -> tuple[dict[int, Content], int | None]:
    """Return the blocks before the spectra by number, and the first byte of the spectra, if any."""
    blocks: dict[int, Content] = {}
    offset = _FIRST_BLOCK
    while offset < len(raw):
        number, length = raw.unpack("<Hi", offset, "a block")
        if number == _SPECTRUM:
            return blocks, offset
        start = offset + _BLOCK_HEADER
        raw.take(start, length, f"block {number}")
        offset = start + length
        blocks.setdefault(number, Content(start, offset))
    return blocks, None


def _axes(raw: Bytes, block: Content) -> _Axes:
    """Return the axes, after it was seen that their numbers make sense."""
    name, offset = _text_at(raw, block.start)
    # steps of x, y, z, unknown, end of z, two unknown, starts of x, y, z; counts of x, y, z
    numbers = raw.unpack("<10d3i", offset, "the axes")
    dx, dy, dz, _, end, _, _, x, y, z, nx, ny, nz = numbers
    offset += 92
    labels: list[str] = []
    while len(labels) < 4:
        label, offset = _text_at(raw, offset)
        labels.append(label)
    if min(nx, ny, nz) < 1 or offset > block.stop or not all(map(math.isfinite, numbers[:10])):
        raise FileFormatError(raw.path, f"an image of {nx} × {ny} × {nz} values", COPY_AGAIN)
    return _Axes(name, (dx, dy, dz), end, (x, y, z), (nx, ny, nz), tuple(labels))


def _text_at(raw: Bytes, offset: int) -> tuple[str, int]:
    """Return a text that begins with its length, and where it ends."""
    length = raw.number("<H", offset, "a text")
    return raw.text(offset + 2, length), offset + 2 + length


def _axis(raw: Bytes, axes: _Axes) -> SpectralAxis:
    """Return the spectral axis, after it was seen to end where it should."""
    start = axes.starts[2]
    step = axes.steps[2]
    count = axes.counts[2]
    last = start + step * (count - 1)
    if count > 1 and (not step or abs(last - axes.end) > abs(step) / 2):
        raise FileFormatError(
            raw.path,
            f"{count} bands from {start:g} every {step:g} do not end at {axes.end:g}",
            COPY_AGAIN,
        )
    centres = start + step * np.arange(count, dtype=np.float64)
    stated = stated_axis(axes.labels[2].rpartition(" - ")[2], centres, name="wavenumber")
    return stated or SpectralAxis(centres, "1/cm", "wavenumber", guessed=True)


def _values(raw: Bytes, first: int, axes: _Axes) -> NDArray[Any]:
    """Map the spectra, as (band, y, x), after it was seen that they are all there."""
    nx, ny, nz = axes.counts
    count = nx * ny
    length = _BLOCK_HEADER + 4 * nz
    for number in dict.fromkeys((0, 1, count // 2, count - 1)):  # some are enough to know
        offset = first + length * min(number, count - 1)
        kind, size = raw.unpack("<Hi", offset, f"spectrum {number + 1}")
        if (kind, size) != (_SPECTRUM, 4 * nz):
            raise FileFormatError(
                raw.path,
                f"spectrum {number + 1} of {count} is block {kind} of {size} bytes, "
                f"not {_SPECTRUM} of {4 * nz}",
                COPY_AGAIN,
            )
    raw.take(first + length * (count - 1), length, f"spectrum {count}")
    record = np.dtype([("header", f"V{_BLOCK_HEADER}"), ("values", "<f4", (nz,))])
    spectra = mapped(raw.path, record, (count,), first)
    # a view, as mapped as they are
    values = spectra.getfield(np.dtype(("<f4", (nz,))), _BLOCK_HEADER)
    return values.reshape(ny, nx, nz).transpose(2, 0, 1)


def settings_in(raw: Bytes, block: Content, depth: int = 0) -> dict[str, Any]:
    """Return what the blocks within a block say of the instrument; what is unknown is left out.

    The content of a block is a value where its second byte is a "u", else further blocks.
    """
    settings: dict[str, Any] = {}
    offset = block.start
    while offset + _BLOCK_HEADER <= block.stop:
        number, length = raw.unpack("<Hi", offset, "a setting")
        start = offset + _BLOCK_HEADER
        offset = start + max(0, length)
        if length < 0 or offset > block.stop:
            break
        is_value = length < _BLOCK_HEADER or raw.take(start + 1, 1) == b"u"
        if not is_value and depth < _MAX_DEPTH:
            settings = settings_in(raw, Content(start, offset), depth + 1) | settings
        elif is_value and number in _SETTINGS and length >= 4:
            value = _value(raw, start, length)
            if value is not None:
                settings.setdefault(_SETTINGS[number], value)
    return settings


def _value(raw: Bytes, start: int, length: int) -> str | int | None:
    """Return the text or number in a block; None for any other value."""
    kind = raw.take(start, 2)
    if kind == _TEXT:
        stated = raw.number("<H", start + 2)
        return raw.text(start + 4, min(stated, length - 4)) or None
    return int(raw.number("<h", start + 2)) if kind == _INTEGER else None
