"""Thermo OMNIC .spa and .spg: one spectrum, or a group of them, of an infrared spectrometer.

Thermo publishes no description. A directory has key, offset and length of each block, as in maps
(`omnic`); each spectrum has a block with its axis (2) and one with its values (3). Values begin at the
first number of the axis, which usually is the highest.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..binary import COPY_AGAIN, Bytes
from ..source import Source

_SIGNATURE: Final = b"Spectral Data File"
_SERIES: Final = b"Spectral Exte File"
_TITLE, _COUNT, _DIRECTORY = 0x1E, 0x126, 0x130
_ENTRY: Final = 16
_HEADER, _VALUES, _HISTORY, _NAME = 0x02, 0x03, 0x1B, 0x6B
"""Keys of the blocks that are read."""
_LONGEST: Final = 2**24
_WAVENUMBERS, _NANOMETRES, _MICROMETRES = 1, 3, 4
"""Codes of the unit of an axis."""
_RAMAN: Final = 32
"""Code of an axis of Raman shifts."""
INTENSITIES: Final = {
    11: "reflectance",
    12: "log(1/R)",
    15: "single beam",
    16: "transmittance",
    17: "absorbance",
    20: "Kubelka-Munk",
    22: "interferogram",
    26: "photoacoustic",
    31: "Raman intensity",
}
"""What the values are, by code."""


class _Spectrum(NamedTuple):
    axis: SpectralAxis
    values: Floats
    unit: str | None


def read_images(source: Source) -> list[Image]:
    """Read the spectra; those over one axis are one image.

    Raises
    ------
    FileFormatError
        If it is no such file, or cut short.
    """
    raw = Bytes(source.path)
    blocks = _blocks(raw)
    names = [raw.text(start, length) for start, length in blocks.get(_NAME, ())]
    history = [raw.text(start, length) for start, length in blocks.get(_HISTORY, ())]
    groups: list[tuple[list[_Spectrum], list[str]]] = []
    for number, spectrum in enumerate(_spectra(raw, blocks)):
        name = names[number] if number < len(names) else f"spectrum {number + 1}"
        for spectra, titles in groups:
            if spectra[0].axis.same_bands(spectrum.axis) and spectra[0].unit == spectrum.unit:
                spectra.append(spectrum)
                titles.append(name)
                break
        else:
            groups.append(([spectrum], [name]))
    metadata = {"title": raw.text(_TITLE, 0x100), "history": "\n".join(filter(None, history))}
    return [
        _cube(source, spectra, titles, metadata, alone=len(groups) == 1)
        for spectra, titles in groups
    ]


def _cube(
    source: Source,
    spectra: list[_Spectrum],
    titles: list[str],
    metadata: dict[str, Any],
    *,
    alone: bool,
) -> Cube:
    first = spectra[0]
    more = {"spectra names": titles} if len(spectra) > 1 else {}
    return Cube.from_spectra(
        np.stack([spectrum.values for spectrum in spectra]),
        first.axis,
        name=source.path.stem if alone else f"{source.path.stem} {titles[0]}",
        history=(f"read {source.path.name}",),
        intensity_unit=first.unit,
        metadata={"OMNIC": metadata, **more},
    )


def _blocks(raw: Bytes) -> dict[int, list[tuple[int, int]]]:
    """Return offset and length of each block by its key."""
    signature = raw.take(0, min(len(raw), len(_SIGNATURE)))
    if signature == _SERIES:
        raise FileFormatError(
            raw.path, "a map or series of OMNIC", "give it its own suffix, .map or .srs"
        )
    if signature != _SIGNATURE:
        raise FileFormatError(raw.path, "not a spectrum of OMNIC", "give it its right suffix")
    blocks: dict[int, list[tuple[int, int]]] = {}
    for entry in range(raw.number("<H", _COUNT, "the directory")):
        offset = _DIRECTORY + _ENTRY * entry
        key, _, start, length = raw.unpack("<BBII", offset, "the directory")
        if key in (_HEADER, _VALUES, _HISTORY, _NAME):
            raw.take(start, length, f"block {key:#x}")
            blocks.setdefault(key, []).append((start, length))
    return blocks


def _spectra(raw: Bytes, blocks: dict[int, list[tuple[int, int]]]) -> Iterator[_Spectrum]:
    headers = blocks.get(_HEADER, [])
    stored = blocks.get(_VALUES, [])
    if not headers or not stored:
        raise FileFormatError(raw.path, "no spectrum in it", COPY_AGAIN)
    if len(headers) != len(stored):
        warnings.warn(
            f"{raw.path.name}: {len(headers)} axes and {len(stored)} spectra; the first "
            f"{min(len(headers), len(stored))} are read",
            stacklevel=3,
        )
    for (header, _), (start, length) in zip(headers, stored, strict=False):
        # header: unknown, points, unit of x, unit of y, first and last number of the axis
        count, x_unit, y_unit, first, last = raw.unpack("<3I2f", header + 4, "the axis")
        if not 0 < count < _LONGEST or length < 4 * count:
            raise FileFormatError(
                raw.path, f"{count} points in a spectrum of {length} bytes", COPY_AGAIN
            )
        values = raw.array("<f4", count, start, "a spectrum")
        axis = axis_of(np.linspace(first, last, count), x_unit)
        yield _Spectrum(axis, values, INTENSITIES.get(y_unit))


def axis_of(centres: Floats, unit: int) -> SpectralAxis:
    """Return the axis of centres, shape (band,), in the unit of a code; without one for any other."""
    if unit == _RAMAN:
        return SpectralAxis(centres, "1/cm", "raman_shift")
    if unit == _WAVENUMBERS:
        return SpectralAxis(centres, "1/cm", "wavenumber")
    if unit == _NANOMETRES:
        return SpectralAxis(centres, "nm")
    if unit == _MICROMETRES:
        return SpectralAxis(centres, "um")
    return SpectralAxis(centres)
