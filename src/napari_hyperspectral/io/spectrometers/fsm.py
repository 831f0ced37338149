"""PerkinElmer FSM: the infrared image of a Spotlight, a block a spectrum.

PerkinElmer publishes no description; the layout was learned from G. Lemaitre, "specio",
https://github.com/paris-saclay-cds/specio (BSD-3), and from files. After the magic and a title of
40 bytes follow blocks: a number (what it is), a length, and the content. The first block tells of
the axes, the second one (blocks within blocks) of the instrument, and each further one is the
spectrum of a pixel, x running fastest. The axis mostly descends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import axis_in, place_unit
from ..source import Source

_MAGIC: Final = b"PEPE"
_TITLE: Final = 4
_FIRST_BLOCK: Final = 44
_HEAD: Final = 6
"""Bytes of number and length of a block."""
_AXES, _INSTRUMENT, _SPECTRUM = 5100, 5104, 5105
_DEEPEST: Final = 8
"""Blocks within each other, at most."""
_TEXT: Final = b"#u"
_WHOLE: Final = b",u"
_TOLD: Final = {  # number of a block: what its text or number means
    35698: "analyst", 35700: "date", 35702: "method", 35837: "instrument", 35838: "serial number",
    35839: "software", 35840: "accumulations", 35841: "detector", 35842: "source",
    35843: "beam splitter", 35845: "apodization", 35846: "spectrum type", 35847: "beam type",
    35849: "phase correction", 35854: "accessory", 35856: "interferogram",
    35857: "scan direction",
}  # fmt: skip
_INTENSITIES: Final = {"a": "absorbance", "%t": "%T", "%r": "%R", "egy": "energy"}


@dataclass(frozen=True)
class _Axes:
    """What the first block says: steps, starts and counts along x, y and the spectrum."""

    name: str
    steps: tuple[float, float, float]
    end: float
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
    blocks, first = _blocks(raw)
    if _AXES not in blocks or first is None:
        raise FileFormatError(raw.path, "no axes, or no spectra, in it", COPY_AGAIN)
    axes = _axes(raw, blocks[_AXES])
    told = _told(raw, *blocks[_INSTRUMENT]) if _INSTRUMENT in blocks else {}
    unit = axes.labels[3]
    places = place_unit(axes.labels[1].rpartition(" - ")[2])
    return [
        Cube(
            _values(raw, first, axes),
            _axis(raw, axes),
            name=source.path.stem,
            history=(f"read {source.path.name}",),
            intensity_unit=_INTENSITIES.get(unit.lower(), unit or None),
            pixel_size=(abs(axes.steps[1]) or 1.0, abs(axes.steps[0]) or 1.0),
            pixel_unit=places,
            origin=(axes.starts[1], axes.starts[0]),
            metadata={
                "PerkinElmer": {
                    "title": raw.text(_TITLE, _FIRST_BLOCK - _TITLE),
                    "name": axes.name,
                    "labels": list(axes.labels),
                    **told,
                }
            },
        )
    ]


def _blocks(raw: Bytes) -> tuple[dict[int, tuple[int, int]], int | None]:
    """Return start and end of the blocks before the spectra, by number, and where these begin."""
    found: dict[int, tuple[int, int]] = {}
    place = _FIRST_BLOCK
    while place < len(raw):
        number, length = raw.unpack("<Hi", place, "a block")
        if number == _SPECTRUM:
            return found, place
        raw.take(place + _HEAD, length, f"block {number}")
        found.setdefault(number, (place + _HEAD, place + _HEAD + length))
        place += _HEAD + length
    return found, None


def _axes(raw: Bytes, block: tuple[int, int]) -> _Axes:
    place, stop = block
    name, place = _text_at(raw, place)
    numbers = raw.unpack("<10d3i", place, "the axes")
    place += 92
    labels: list[str] = []
    while len(labels) < 4:
        label, place = _text_at(raw, place)
        labels.append(label)
    dx, dy, dz, _, end, _, _, x, y, z, *counts = numbers
    if min(counts) < 1 or place > stop or not all(map(math.isfinite, numbers[:10])):
        raise FileFormatError(
            raw.path, f"an image of {' × '.join(map(str, counts))} values", COPY_AGAIN
        )
    nx, ny, nz = counts
    return _Axes(name, (dx, dy, dz), end, (x, y, z), (nx, ny, nz), tuple(labels))


def _text_at(raw: Bytes, place: int) -> tuple[str, int]:
    """Return a text that tells its length first, and where it ends."""
    length = raw.number("<H", place, "a text")
    return raw.text(place + 2, length), place + 2 + length


def _axis(raw: Bytes, axes: _Axes) -> SpectralAxis:
    start, step, count = axes.starts[2], axes.steps[2], axes.counts[2]
    if count > 1 and (not step or abs(start + step * (count - 1) - axes.end) > abs(step) / 2):
        raise FileFormatError(
            raw.path,
            f"{count} bands from {start:g} every {step:g} do not end at {axes.end:g}",
            COPY_AGAIN,
        )
    centres = start + step * np.arange(count, dtype=np.float64)
    stated = axis_in(axes.labels[2], centres)
    return stated or SpectralAxis(centres, "1/cm", "wavenumber", guessed=True)


def _values(raw: Bytes, first: int, axes: _Axes) -> NDArray[Any]:
    """Map the spectra, as (band, y, x), after it was seen that they are all there."""
    nx, ny, nz = axes.counts
    length, count = _HEAD + 4 * nz, nx * ny
    for number in dict.fromkeys((0, 1, count // 2, count - 1)):
        head = raw.unpack("<Hi", first + length * min(number, count - 1), f"spectrum {number + 1}")
        if head != (_SPECTRUM, 4 * nz):
            raise FileFormatError(
                raw.path,
                f"spectrum {number + 1} of {count} is block {head[0]} of {head[1]} bytes, "
                f"not {_SPECTRUM} of {4 * nz}",
                COPY_AGAIN,
            )
    raw.take(first + length * (count - 1), length, f"spectrum {count}")
    spectra = mapped(raw.path, [("head", "V6"), ("values", "<f4", (nz,))], (count,), first)
    values = spectra.getfield(np.dtype(("<f4", (nz,))), _HEAD)  # a view, as mapped as they are
    return values.reshape(ny, nx, nz).transpose(2, 0, 1)


def _told(raw: Bytes, place: int, stop: int, depth: int = 0) -> dict[str, Any]:
    """Return what the blocks within a block say of the instrument; what is unknown is left out.

    The content of a block is a value where its second byte is a "u", else further blocks.
    """
    told: dict[str, Any] = {}
    while place + _HEAD <= stop:
        number, length = raw.unpack("<Hi", place, "a setting")
        start, place = place + _HEAD, place + _HEAD + max(0, length)
        if length < 0 or place > stop:
            break
        is_value = length < _HEAD or raw.take(start + 1, 1) == b"u"
        if not is_value and depth < _DEEPEST:
            told = _told(raw, start, place, depth + 1) | told
        elif is_value and number in _TOLD and length >= 4:
            value = _value(raw, start, length)
            if value is not None:
                told.setdefault(_TOLD[number], value)
    return told


def _value(raw: Bytes, start: int, length: int) -> str | int | None:
    kind = raw.take(start, 2)
    if kind == _TEXT:
        return raw.text(start + 4, min(raw.number("<H", start + 2), length - 4)) or None
    return int(raw.number("<h", start + 2)) if kind == _WHOLE else None
