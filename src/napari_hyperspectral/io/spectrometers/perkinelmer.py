"""PerkinElmer .sp: a spectrum of an infrared, ultraviolet or fluorescence spectrometer.

A file is blocks, as an image of a Spotlight is (`fsm`): number, length, content. The block of the data
set holds those of its axis, its labels and its values, each a type of two bytes before its content.

Source: S. Westlake, "spload" (PerkinElmer Life and Analytical Sciences 2007): numbers of blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import stated_axis
from ..source import Source
from .fsm import Content, settings_in

_MAGIC: Final = b"PEPE"
_TITLE: Final = 4
_FIRST_BLOCK: Final = 44
_BLOCK_HEADER: Final = 6
_DATA_SET: Final = 120
_RANGE, _STEP, _POINTS = -29838, -29836, -29835
_X_LABEL, _Y_LABEL = -29833, -29832
_VALUES, _NAME, _HISTORY, _ALIAS = -29828, -29827, -29825, -29823
_TYPE: Final = 2
"""Bytes of the type before the content of a block."""
_INTENSITIES: Final = {
    "a": "absorbance",
    "%t": "%T",
    "%r": "%R",
    "t": "transmittance",
    "r": "reflectance",
    "egy": "energy",
    "int": "intensity",
}


def read_images(source: Source) -> list[Image]:
    """Read the spectrum.

    Raises
    ------
    FileFormatError
        If it is no such file, or cut short.
    """
    raw = Bytes(source.path)
    if raw.take(0, min(len(raw), len(_MAGIC))) != _MAGIC:
        raise FileFormatError(
            raw.path,
            "not a spectrum in blocks of PerkinElmer",
            "give a table of text (PEDS) the suffix .asc, and save other files again in Spectrum",
        )
    blocks = _blocks(raw)
    values = _values(raw, blocks)
    axis = _axis(raw, blocks, len(values))
    intensity = _text(raw, blocks, _Y_LABEL)
    cube = Cube.from_spectra(
        values[None],
        axis,
        name=source.path.stem,
        history=(f"read {source.path.name}",),
        intensity_unit=_INTENSITIES.get(intensity.lower(), intensity or None),
        metadata={"PerkinElmer": _metadata(raw, blocks)},
    )
    return [cube]


def _blocks(raw: Bytes) -> dict[int, Content]:
    """Return the blocks of the data set by number, each seen to lie within the file."""
    blocks: dict[int, Content] = {}
    for number, content in _within(raw, Content(_FIRST_BLOCK, len(raw))):
        if number == _DATA_SET and _DATA_SET not in blocks:
            blocks[number] = content
            for inner, inner_content in _within(raw, content):
                blocks.setdefault(inner, inner_content)
    if _DATA_SET not in blocks:
        raise FileFormatError(raw.path, "no spectrum in it", COPY_AGAIN)
    return blocks


def _within(raw: Bytes, outer: Content) -> Iterator[tuple[int, Content]]:
    offset = outer.start
    while offset + _BLOCK_HEADER <= outer.stop:
        number, length = raw.unpack("<hi", offset, "a block")
        start = offset + _BLOCK_HEADER
        offset = start + length
        if length < 0 or offset > outer.stop:
            problem = f"block {number} of {length} bytes goes beyond byte {outer.stop}"
            raise FileFormatError(raw.path, problem, COPY_AGAIN)
        yield number, Content(start, offset)


def _content(raw: Bytes, blocks: dict[int, Content], number: int, what: str) -> int:
    """Return where the content of a block begins, behind its type."""
    if number not in blocks:
        raise FileFormatError(raw.path, f"{what} is missing", COPY_AGAIN)
    return blocks[number].start + _TYPE


def _values(raw: Bytes, blocks: dict[int, Content]) -> Floats:
    start = _content(raw, blocks, _VALUES, "the spectrum")
    length = raw.number("<i", start, "the spectrum")
    count = raw.number("<i", _content(raw, blocks, _POINTS, "the number of points"))
    room = blocks[_VALUES].stop - start - 4
    if count < 1 or length != 8 * count or length > room:
        raise FileFormatError(
            raw.path, f"{count} points in a spectrum of {min(length, room)} bytes", COPY_AGAIN
        )
    values: Floats = raw.array("<f8", count, start + 4, "the spectrum")
    return values


def _axis(raw: Bytes, blocks: dict[int, Content], count: int) -> SpectralAxis:
    """Return the axis, after it was seen to end where it should."""
    first, last = raw.unpack("<2d", _content(raw, blocks, _RANGE, "the axis"))
    step = raw.number("<d", _content(raw, blocks, _STEP, "the step of the axis"))
    if not all(map(math.isfinite, (first, last, step))):
        raise FileFormatError(raw.path, "its axis has no finite numbers", COPY_AGAIN)
    if count > 1 and abs(first + step * (count - 1) - last) > abs(step) / 2:
        raise FileFormatError(
            raw.path,
            f"{count} points from {first:g} every {step:g} do not end at {last:g}",
            COPY_AGAIN,
        )
    centres = np.linspace(first, last, count)
    label = _text(raw, blocks, _X_LABEL)
    return stated_axis(label, centres) or SpectralAxis(centres)


def _text(raw: Bytes, blocks: dict[int, Content], number: int) -> str:
    """Return the text of a block, "" where there is none."""
    if number not in blocks:
        return ""
    start, stop = blocks[number]
    length = raw.number("<H", start + _TYPE, "a text")
    return raw.text(start + _TYPE + 2, min(length, max(0, stop - start - _TYPE - 2)))


def _metadata(raw: Bytes, blocks: dict[int, Content]) -> dict[str, Any]:
    instrument = settings_in(raw, blocks[_HISTORY]) if _HISTORY in blocks else {}
    named = {"name": _text(raw, blocks, _ALIAS), "file": _text(raw, blocks, _NAME)}
    title = raw.text(_TITLE, _FIRST_BLOCK - _TITLE)
    return {"title": title} | {key: text for key, text in named.items() if text} | instrument
