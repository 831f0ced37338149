"""Bruker OPUS: the spectra, interferograms and parameters of one measurement, each in its block.

Bruker publishes no description; the layout was learned from J. Duran, "brukeropus",
https://github.com/joshduran/brukeropus (MIT), and the names of the parameters of a map from S. Read,
"opusFC" (MIT). A directory has of each block what it is (its bits are decoded in `_Kind`), its
length and its offset. Blocks of parameters hold name, type and value; a block of data belongs to the
block of parameters of the same kind that has its axis and scale.

Series and maps are read as those sources describe them; none was at hand to try.
"""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..source import Source

_MAGIC: Final = b"\n\n\xfe\xfe"
_ENTRY: Final = 12
"""Bytes of an entry of the directory: kind, length in words of 4 bytes, offset."""
_MAX_BLOCKS: Final = 10_000
_DTYPES: Final = {1: "<f4", 2: "<i4"}
"""Type of values by the parameter DPF."""

_DIRECTORY: Final = 13
_SERIES, _COMPACT, _TEXTS = 2, 4, 5
"""What else a block can be: the spectra of a series, packed ones, a history."""
_STATUS: Final = 1
_GROUPS: Final = {  # of parameters
    2: "instrument", 3: "acquisition", 4: "Fourier transform", 5: "display", 6: "optics",
    7: "gas chromatography", 8: "library search", 9: "communication", 10: "sample",
    11: "laboratory",
}  # fmt: skip
_SAMPLE, _REFERENCE, _RESULT = 1, 2, 3
_NAMES: Final = {  # of data: name as OPUS has it, unit of the intensity
    4: ("AB", "absorbance"), 5: ("TR", "transmittance"), 6: ("KM", "Kubelka-Munk"),
    7: ("TRC", None), 10: ("RAM", "Raman intensity"), 11: ("EMI", "emission"),
    12: ("REFL", "reflectance"), 14: ("POW", "power"), 15: ("LOGR", "log reflectance"),
    16: ("ATR", "ATR"), 17: ("PAS", "photoacoustic"), 18: ("AR", None), 19: ("AR", None),
}  # fmt: skip
_SPECTRUM, _INTERFEROGRAM, _PHASE, _RAMAN = 1, 2, 3, 10
_MEASURED: Final = {  # data, sample or reference: name as OPUS has it
    (_SPECTRUM, _SAMPLE): "SSC", (_SPECTRUM, _REFERENCE): "RSC",
    (_INTERFEROGRAM, _SAMPLE): "IgSm", (_INTERFEROGRAM, _REFERENCE): "IgRf",
    (_PHASE, _SAMPLE): "PhSm", (_PHASE, _REFERENCE): "PhRf",
}  # fmt: skip
_MAX_SPECTRA: Final = 10**8
_TIME: Final = 144
"""Offset, in the trailer of each spectrum of a series, of the time at which it was taken, in s."""

_INTEGER, _FLOAT = 0, 1
_PARAMETER_BYTES: Final = {_INTEGER: 4, _FLOAT: 8}
"""Types of parameters that have a fixed length; all others are texts."""

Parameters = dict[str, int | float | str]


class _Kind(NamedTuple):
    """What a block is, as the bits of its entry say, the lowest first."""

    part: int
    """2 bits; 1: real, 2: imaginary, 3: amplitude."""
    origin: int
    """2 bits; 1: sample, 2: reference, 3: the result."""
    parameters: int
    """6 bits; 0: data, 1: what the data of this kind are, else a group of parameters."""
    data: int
    """5 bits."""
    channel: int
    """2 bits."""
    derivative: int
    """2 bits."""
    extra: int
    """3 bits."""

    @classmethod
    def of_bits(cls, bits: int) -> _Kind:
        """Return what the first four bytes of an entry mean."""
        return cls(
            part=bits & 0b11,
            origin=bits >> 2 & 0b11,
            parameters=bits >> 4 & 0b111111,
            data=bits >> 10 & 0b11111,
            channel=bits >> 15 & 0b11,
            derivative=bits >> 17 & 0b11,
            extra=bits >> 19 & 0b111,
        )

    @property
    def is_data(self) -> bool:
        """Whether it holds values, as a spectrum or an interferogram does."""
        return not self.parameters and self.data not in (0, _DIRECTORY) and self.extra != _TEXTS

    @property
    def name(self) -> str:
        """The name as OPUS shows it, and what distinguishes it from others of this name."""
        name, _ = _NAMES.get(self.data, (f"data {self.data}", None))
        name = _MEASURED.get((self.data, self.origin), name)
        if self.part == 1:
            name += " real"
        elif self.part == 2:
            name += " imaginary"
        if self.channel:
            name += f" channel {self.channel + 1}"
        if self.derivative:
            name += f" derivative {self.derivative}"
        return name


@dataclass(frozen=True)
class _Block:
    kind: _Kind
    start: int
    length: int


def read_images(source: Source) -> list[Image]:
    """Read the results of a file; of one without any, all spectra and interferograms.

    What a result was worked out from is read by its name, as in ``scan.0::SSC``; the names are in
    the metadata.
    """
    raw = Bytes(source.path)
    blocks = _directory(raw)
    groups = _parameter_groups(raw, blocks)
    data = [block for block in blocks if block.kind.is_data]
    data.sort(key=lambda block: block.kind.origin != _RESULT)  # results first
    unused = [block for block in blocks if block.kind.parameters == _STATUS]
    cubes = []
    results = 0
    for block in data:
        status = _status(raw, block, unused)
        if status is None:
            _warn_left_out(raw, block, "no block states its axis")
        elif block.kind.extra == _COMPACT:
            _warn_left_out(raw, block, "packed spectra are not read")
        else:
            cubes.append(_cube(raw, block, status, groups))
            results += block.kind.origin == _RESULT
    if not cubes:
        raise FileFormatError(
            raw.path, "no spectrum in it", "save it from OPUS with its data blocks"
        )
    named = _with_unique_names(cubes, source.path.stem)
    if source.array is not None or not results:
        return [*named]
    others = [cube.name for cube in named[results:]]
    images: list[Image] = []
    for cube in named[:results]:
        images.append(replace(cube, metadata={**cube.metadata, "other blocks": others}))
    return images


def _warn_left_out(raw: Bytes, block: _Block, reason: str) -> None:
    warnings.warn(f"{raw.path.name}: {block.kind.name} is left out: {reason}", stacklevel=3)


def _with_unique_names(cubes: Sequence[Cube], stem: str) -> list[Cube]:
    """Return the cubes with a name each; a single one has the name of the file."""
    if len(cubes) == 1:
        return [replace(cubes[0], name=stem)]
    counts = Counter(cube.name for cube in cubes)
    numbers: Counter[str] = Counter()
    named = []
    for cube in cubes:
        numbers[cube.name] += 1
        if counts[cube.name] > 1:
            named.append(replace(cube, name=f"{cube.name} {numbers[cube.name]}"))
        else:
            named.append(cube)
    return named


# ------------------------------------------------------------------------------------- blocks


def _directory(raw: Bytes) -> list[_Block]:
    """Return the blocks of a file, each seen to lie within it."""
    if len(raw) < 24 or raw.take(0, 4) != _MAGIC:
        raise FileFormatError(
            raw.path, "not a Bruker OPUS file", "give it its right suffix, or copy it again"
        )
    start, _, count = raw.unpack("<3i", 12)  # offset, room for entries, entries
    if not 0 < count <= _MAX_BLOCKS:
        raise FileFormatError(raw.path, f"{count} blocks in its directory", COPY_AGAIN)
    blocks = []
    for number in range(count):
        bits, words, offset = raw.unpack("<Iii", start + _ENTRY * number, "the directory")
        if offset <= 0:
            break
        block = _Block(_Kind.of_bits(bits), offset, 4 * words)
        raw.take(block.start, block.length, f"block {number + 1} of {count}")
        blocks.append(block)
    return blocks


def _parameters(raw: Bytes, block: _Block) -> Parameters:
    """Return the parameters in a block by their names of three letters."""
    parameters: Parameters = {}
    offset = block.start
    stop = block.start + block.length
    while offset + 8 <= stop:
        key, kind, words = raw.unpack("<4shH", offset)  # name and NUL, type, words of 2 bytes
        name = key[:3].decode("latin-1")
        if name == "END" or not re.fullmatch(r"[A-Z0-9]{3}", name):
            break
        length = 2 * words
        too_short = length < _PARAMETER_BYTES.get(kind, 0)
        if too_short or offset + 8 + length > stop:
            raise FileFormatError(raw.path, f"parameter {name} runs past its block", COPY_AGAIN)
        parameters[name] = _value(raw, kind, offset + 8, length)
        offset += 8 + length
    return parameters


def _value(raw: Bytes, kind: int, offset: int, length: int) -> int | float | str:
    if kind == _INTEGER:
        return int(raw.number("<i", offset))
    if kind == _FLOAT:
        return float(raw.number("<d", offset))
    return raw.text(offset, length)


def _parameter_groups(raw: Bytes, blocks: Sequence[_Block]) -> dict[str, Parameters]:
    """Return the parameters of the measurement by group; the reference has its own groups."""
    groups: dict[str, Parameters] = {}
    for block in blocks:
        group = _GROUPS.get(block.kind.parameters)
        if group is None:
            continue
        if block.kind.origin == _REFERENCE:
            group = f"reference {group}"
        groups.setdefault(group, {}).update(_finite(_parameters(raw, block)))
    return groups


def _finite(parameters: Parameters) -> Parameters:
    """Return parameters that plain JSON can hold."""
    finite: Parameters = {}
    for name, value in parameters.items():
        if isinstance(value, str) or math.isfinite(value):
            finite[name] = value
    return finite


def _status(raw: Bytes, block: _Block, unused: list[_Block]) -> Parameters | None:
    """Return the parameters of a block of data, and take their block from those still `unused`.

    Several blocks of one kind come in the same order as their parameters, unless the least and
    the greatest value say otherwise.
    """
    kind = block.kind._replace(parameters=_STATUS)
    candidates = [(each, _parameters(raw, each)) for each in unused if each.kind == kind]
    if not candidates:
        return None
    fitting = candidates
    if len(candidates) > 1:
        fitting = [each for each in candidates if _fits(raw, block, each[1])]
    chosen, status = (fitting or candidates)[0]
    unused.remove(chosen)
    return status


def _fits(raw: Bytes, block: _Block, status: Parameters) -> bool:
    """Whether the values of a block range as its parameters say."""
    count = status.get("NPT", 0)
    if not isinstance(count, int) or not 0 < 4 * count <= block.length:
        return False
    values = raw.array("<f4", count, block.start) * float(status.get("CSF", 1))
    low = float(status.get("MNY", math.nan))
    high = float(status.get("MXY", math.nan))
    return bool(np.allclose([values.min(), values.max()], [low, high], rtol=1e-4))


# ------------------------------------------------------------------------------------- images


def _cube(raw: Bytes, block: _Block, status: Parameters, groups: Mapping[str, Parameters]) -> Cube:
    """Return a block of data as a cube of one pixel, or of a series as a map or a list."""
    name = block.kind.name
    count = status.get("NPT", 0)
    dtype = _DTYPES.get(int(status.get("DPF", 1)))
    if dtype is None or not isinstance(count, int) or count < 1:
        raise FileFormatError(
            raw.path, f"{name}: {count} points of type {status.get('DPF')}", COPY_AGAIN
        )
    metadata: dict[str, Any] = {"data": _finite(status), **groups}
    pixels: dict[str, Any] = {}
    if block.kind.extra == _SERIES:
        series = _series(raw, block, count, dtype)
        shape = _map_shape(raw, series, status | _merged(groups))
        if shape is None:
            data = series.spectra.T[:, None, :]
            times = _times(raw, series)
            if times:
                metadata["times (s)"] = times
        else:
            data = series.spectra.reshape(*shape, count).transpose(2, 0, 1)
            pixels = _pixel_size_and_origin(status | _merged(groups))
    elif 4 * count > block.length:
        raise FileFormatError(
            raw.path, f"{name}: {count} points do not fit {block.length} bytes", COPY_AGAIN
        )
    else:
        data = raw.array(dtype, count, block.start)[:, None, None]  # (band, y, x)
    _, intensity_unit = _NAMES.get(block.kind.data, ("", None))
    return Cube(
        _scaled(data, float(status.get("CSF", 1))),
        _axis(raw, block.kind, count, status, groups),
        name=name,
        history=(f"read {raw.path.name}",),
        intensity_unit=intensity_unit,
        metadata={"OPUS": metadata},
        **pixels,
    )


def _merged(groups: Mapping[str, Parameters]) -> Parameters:
    """Return the parameters of all groups by their names, which differ."""
    merged: Parameters = {}
    for parameters in groups.values():
        merged.update(parameters)
    return merged


def _scaled(data: NDArray[Any], factor: float) -> NDArray[Any]:
    """Return stored values times the parameter CSF, unless it is 1 or makes no sense."""
    if factor == 1 or not math.isfinite(factor) or not factor:
        return data
    return np.asarray(data * np.float32(factor))


def _axis(
    raw: Bytes, kind: _Kind, count: int, status: Parameters, groups: Mapping[str, Parameters]
) -> SpectralAxis:
    """Return the axis from the parameters FXV, LXV (first, last) and DXU (unit)."""
    try:
        first = float(status["FXV"])
        last = float(status["LXV"])
    except (KeyError, ValueError) as error:
        raise FileFormatError(raw.path, f"{kind.name}: no ends of its axis", COPY_AGAIN) from error
    centres = np.linspace(first, last, count)
    unit = str(status.get("DXU", ""))
    if unit == "WN" and kind.data == _RAMAN:
        laser = _number(_merged(groups), "RLW")  # as a wavenumber
        line = 1e7 / laser if laser > 0 else None
        return SpectralAxis(centres, "1/cm", "raman_shift", excitation_nm=line)
    if unit == "WN" or (not unit and kind.data != _INTERFEROGRAM):
        return SpectralAxis(centres, "1/cm", "wavenumber", guessed=not unit)
    if unit in ("MI", "WL"):
        return SpectralAxis(centres, "um", guessed=unit == "WL")
    return SpectralAxis(centres)


def _number(parameters: Parameters, name: str) -> float:
    """Return a parameter as a number; 0 where it is none."""
    value = parameters.get(name)
    return value if isinstance(value, int | float) else 0.0


# ------------------------------------------------------------------------------ series and maps


class _Series(NamedTuple):
    """The spectra of a block, each with a trailer behind its values."""

    spectra: NDArray[Any]
    """Shape (spectrum, band), mapped."""
    stated: int
    """How many spectra there should be."""
    start: int
    """First byte of the first spectrum."""
    length: int
    """Bytes of the values of each."""
    trailer: int
    """Bytes behind the values of each."""


def _series(raw: Bytes, block: _Block, count: int, dtype: str) -> _Series:
    """Map the spectra of a series, each of `count` points."""
    # unknown, spectra, offset of the first, bytes of values, bytes of the trailer, unknown
    _, stated, offset, length, trailer, _ = raw.unpack("<6i", block.start, "a series")
    if not 0 < stated <= _MAX_SPECTRA or offset < 24 or length < 4 * count or trailer < 0:
        raise FileFormatError(
            raw.path, f"a series of {stated} spectra of {length} bytes", COPY_AGAIN
        )
    stride = length + trailer
    stored = min(stated, (block.length - offset) // stride)
    if stored < 1:
        raise FileFormatError(
            raw.path, f"{stated} spectra do not fit {block.length} bytes", COPY_AGAIN
        )
    start = block.start + offset
    record = np.dtype([("values", dtype, (count,)), ("trailer", f"V{stride - 4 * count}")])
    records = mapped(raw.path, record, (stored,), start)
    spectra = records.getfield(np.dtype((dtype, (count,))), 0)
    return _Series(spectra, stated, start, length, trailer)


def _map_shape(raw: Bytes, series: _Series, parameters: Parameters) -> tuple[int, int] | None:
    """Return height and width of a map, None where the spectra are a list."""
    stored = len(series.spectra)
    nx = _count(parameters.get("NPX"))
    ny = _count(parameters.get("NPY"))
    if nx * ny == stored and nx > 1:
        return ny, nx
    if nx * ny > 1 or stored < series.stated:
        warnings.warn(
            f"{raw.path.name}: {stored} of {series.stated} spectra, a map of {nx} × {ny}: "
            "they were read as a list",
            stacklevel=2,
        )
    return None


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 2**31 else 1


def _pixel_size_and_origin(parameters: Parameters) -> dict[str, Any]:
    """Return pixel size and origin of a map, which OPUS has in µm."""
    dy = _number(parameters, "DDY")
    dx = _number(parameters, "DDX")
    y = _number(parameters, "AOY")
    x = _number(parameters, "AOX")
    if not all(map(math.isfinite, (dy, dx, y, x))) or not dx or not dy:
        return {}
    return {"pixel_size": (dy, dx), "pixel_unit": "um", "origin": (y, x)}


def _times(raw: Bytes, series: _Series) -> list[float]:
    """Return when each spectrum ended, in s; nothing where it does not make sense."""
    if series.trailer < _TIME + 8:
        return []
    stride = series.length + series.trailer
    times = []
    for number in range(len(series.spectra)):
        offset = series.start + stride * number + series.length + _TIME
        times.append(float(raw.number("<d", offset)))
    return times if all(map(math.isfinite, times)) else []
