"""JASCO Spectra Manager (.jws, .jwb): spectra of absorption, circular dichroism, fluorescence.

A compound file: the stream DataInfo has the axis, a code for each channel and, in a file of several
scans, what changed between them; Y-Data has the values, channel by channel. Each channel is an image,
which its name chooses: ``protein.jws::CD``.

JASCO publishes no description; the layout was learned from J. Tran, "jws2txt",
https://github.com/jzftran/jws2txt (MIT), after V. M. Hernández-Rocamora, and from its files.
"""

from __future__ import annotations

import math
import struct
import warnings
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import stated_axis
from ..source import Source
from .compound import MAGIC, CompoundFile

_AXIS: Final = "<6I3d"
"""Version, scans, whether something changed between them, channels, unknown, points; first, last, step."""
_CODES: Final = struct.calcsize(_AXIS)
"""Where the codes of the axis and the channels begin."""
_CHANGED: Final = "<2I3dI"
"""Behind the codes: unknown, values; lowest, highest, unknown; code of what changed. Its values follow."""
_WAVELENGTH, _TIME, _TEMPERATURE = 0x10000103, 0x20000203, 0x30000301
_CHANNELS: Final = {
    0x1001: ("CD", "mdeg"),
    0x2001: ("HT", "V"),
    0x0003: ("absorbance", "absorbance"),
    0x000E: ("fluorescence", None),
}
_FLUORESCENCE: Final = 0x000E
_SETTINGS: Final = 12
"""Bytes before the first setting of MeasParam: key, type and value of each follow."""
_INTEGER, _NUMBER, _DATE, _TEXT, _FLAG = 3, 5, 7, 8, 11
"""Types of settings."""
_SIZES: Final = {_INTEGER: 4, _NUMBER: 8, _DATE: 8, _FLAG: 2}
_FIXED: Final = 9
"""Key of the wavelength of the monochromator that stands still, in nm."""
_LONGEST: Final = 2**24


@dataclass(frozen=True)
class _Header:
    """What DataInfo says."""

    scans: int
    points: int
    first: float
    last: float
    axis: int
    """Code of the axis."""
    channels: tuple[int, ...]
    """Code of each channel."""
    changed: dict[str, Any]
    """What changed from scan to scan, for the metadata."""


def read_images(source: Source) -> list[Image]:
    """Read the channels, each an image, or the one that is asked for.

    Raises
    ------
    FileFormatError
        If it is no such file, damaged, or has no channel of this name.
    """
    raw = Bytes(source.path)
    if raw.take(0, min(len(raw), len(MAGIC))) != MAGIC:
        raise FileFormatError(
            raw.path,
            "not a file of Spectra Manager (version 2)",
            "save old files again there, or export them as text",
        )
    file = CompoundFile(raw)
    header = _header(raw, file.stream("DataInfo"))
    spectra = _spectra(raw, file.stream("Y-Data"), header)  # (channel, scan, point)
    axis = _axis(raw, header)
    metadata: dict[str, dict[str, Any]] = {"JASCO": {**_sample(file), **header.changed}}
    fixed = _fixed_wavelength(file)
    if _FLUORESCENCE in header.channels and fixed is not None:
        metadata["JASCO"]["fixed wavelength (nm)"] = fixed
        if axis.unit == "nm" and fixed <= axis.centres.min():  # light is emitted above it
            axis = replace(axis, excitation_nm=fixed)
    images: dict[str, Image] = {}
    for code, values in zip(header.channels, spectra, strict=True):
        name, unit = _CHANNELS.get(code, (f"channel {code:#x}", None))
        if name in images:
            name = f"{name} {len(images) + 1}"
        images[name] = Cube.from_spectra(
            values,
            axis,
            name=source.path.stem if len(spectra) == 1 else f"{source.path.stem} {name}",
            history=(f"read {source.path.name}",),
            intensity_unit=unit,
            metadata={**metadata, "channel": name},
        )
    if source.array is None:
        return list(images.values())
    if source.array not in images:
        problem = f"no channel {source.array!r}"
        raise FileFormatError(raw.path, problem, f"there are {', '.join(images)}")
    return [images[source.array]]


def _header(raw: Bytes, info: bytes) -> _Header:
    if len(info) < _CODES + 8:
        raise FileFormatError(raw.path, "its description (DataInfo) was cut", COPY_AGAIN)
    _, scans, changes, channels, _, points, first, last, _ = struct.unpack_from(_AXIS, info)
    end_of_codes = _CODES + 4 * (1 + channels)
    sensible = 0 < channels < 100 and 0 < scans < _LONGEST and 0 < points < _LONGEST
    if not sensible or end_of_codes > len(info) or not math.isfinite(first + last):
        problem = (
            f"{channels} channels, {scans} scans of {points} points from {first:g} to {last:g}"
        )
        raise FileFormatError(raw.path, problem, COPY_AGAIN)
    axis, *codes = struct.unpack_from(f"<{1 + channels}I", info, _CODES)
    changed = _changed(info, end_of_codes) if changes else {}
    return _Header(scans, points, first, last, axis, tuple(codes), changed)


def _changed(info: bytes, start: int) -> dict[str, Any]:
    """Return the temperature, or whatever changed, of each scan."""
    values_at = start + struct.calcsize(_CHANGED)
    if values_at > len(info):
        return {}
    _, count, *_, code = struct.unpack_from(_CHANGED, info, start)
    if not 0 < count <= (len(info) - values_at) // 8:
        return {}
    values = np.frombuffer(info, "<f8", count, values_at)
    name = {_TEMPERATURE: "temperatures (°C)", _TIME: "times (s)"}.get(code, "steps of scans")
    return (
        {name: [round(value, 4) for value in values.tolist()]} if np.isfinite(values).all() else {}
    )


def _spectra(raw: Bytes, content: bytes, header: _Header) -> NDArray[Any]:
    """Return the values, shape (channel, scan, point), after they were seen to be all there."""
    shape = (len(header.channels), header.scans, header.points)
    if len(content) != 4 * math.prod(shape):
        problem = (
            f"{len(content)} bytes of values for {shape[0]} channels of {shape[1]} × {shape[2]}"
        )
        raise FileFormatError(raw.path, problem, COPY_AGAIN)
    return np.frombuffer(content, "<f4").reshape(shape).copy()


def _axis(raw: Bytes, header: _Header) -> SpectralAxis:
    centres = np.linspace(header.first, header.last, header.points)
    if header.axis == _WAVELENGTH:
        return SpectralAxis(centres, "nm")
    if header.axis == _TIME:
        return stated_axis("s", centres) or SpectralAxis(centres)
    warnings.warn(
        f"{raw.path.name}: the code of its axis, {header.axis:#x}, is not known here; if its numbers "
        "are nm or cm⁻¹, say so in the dock Axis",
        stacklevel=3,
    )
    return SpectralAxis(centres)


def _sample(file: CompoundFile) -> dict[str, str]:
    """Return the names in the file: sample, comment and person."""
    found: dict[str, str] = {}
    if "SampleInfo" in file.names:
        info = file.stream("SampleInfo")
        sample, behind = _text_at(info, 4)
        comment, _ = _text_at(info, behind)
        found = {"sample": sample, "comment": comment}
    return {key: text for key, text in found.items() if text}


def _fixed_wavelength(file: CompoundFile) -> float | None:
    """Return the wavelength, in nm, of the monochromator that stood still; None where none is stated."""
    if "MeasParam" not in file.names:
        return None
    settings = file.stream("MeasParam")
    offset = _SETTINGS
    while offset + 6 <= len(settings):
        key, kind = struct.unpack_from("<IH", settings, offset)
        offset += 6
        if kind == _TEXT and offset + 4 <= len(settings):
            size = 4 + int.from_bytes(settings[offset : offset + 4], "little")
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            return None
        if key == _FIXED and kind == _NUMBER and offset + size <= len(settings):
            value = struct.unpack_from("<d", settings, offset)[0]
            return float(value) if 0 < value < _LONGEST else None
        offset += size
    return None


def _text_at(content: bytes, start: int) -> tuple[str, int]:
    """Return a text that begins with its length in bytes, and where it ends."""
    if start + 4 > len(content):
        return "", len(content)
    length = int.from_bytes(content[start : start + 4], "little")
    stop = start + 4 + length
    if stop > len(content):
        return "", len(content)
    text = content[start + 4 : stop].decode("utf-16-le", errors="replace")
    return text.partition("\0")[0].strip(), stop
