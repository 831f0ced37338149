"""Bruker OPUS: the spectra, interferograms and parameters of one measurement, each in its block.

Bruker publishes no description; the layout was learned from J. Duran, "brukeropus",
https://github.com/joshduran/brukeropus (MIT), and the names of the parameters of a map from S. Read,
"opusFC" (MIT). A directory tells of each block what it is (its bits are decoded in `_Kind`), how
long it is and where. Blocks of parameters hold name, type and value; a block of data belongs to the
block of parameters of the same kind that tells its axis and scale.

Series and maps are read as those sources describe them; none was at hand to try.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
from collections.abc import Mapping
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
"""Bytes of an entry of the directory: kind, length in words, place."""
_MOST_BLOCKS: Final = 10_000
_DTYPES: Final = {1: "<f4", 2: "<i4"}

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
_MOST_SPECTRA: Final = 10**8
_TIME: Final = 144
"""Where, in what follows each spectrum of a series, the time stands at which it was taken, in s."""

Parameters = dict[str, int | float | str]


class _Kind(NamedTuple):
    """What a block is, as the bits of its entry say."""

    part: int
    """1: real, 2: imaginary, 3: amplitude."""
    of: int
    """1: sample, 2: reference, 3: the result."""
    parameters: int
    """0: data, 1: what the data of this kind are, else a group of parameters."""
    data: int
    channel: int
    derivative: int
    extra: int

    @classmethod
    def of_bits(cls, bits: int) -> _Kind:
        data = bits >> 10 & 31
        rest = (bits >> 15 & 3, bits >> 17 & 3, bits >> 19 & 7)
        return cls(bits & 3, bits >> 2 & 3, bits >> 4 & 63, data, *rest)

    @property
    def is_data(self) -> bool:
        return not self.parameters and self.data not in (0, _DIRECTORY) and self.extra != _TEXTS

    @property
    def name(self) -> str:
        """The name as OPUS shows it, and what sets it apart."""
        name, _ = _NAMES.get(self.data, (f"data {self.data}", None))
        name = _MEASURED.get((self.data, self.of), name)
        channel = f" channel {self.channel + 1}" if self.channel else ""
        derivative = f" derivative {self.derivative}" if self.derivative else ""
        return name + {1: " real", 2: " imaginary"}.get(self.part, "") + channel + derivative


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
    told = _told(raw, blocks)
    data = sorted((b for b in blocks if b.kind.is_data), key=lambda b: -(b.kind.of == _RESULT))
    free = [b for b in blocks if b.kind.parameters == _STATUS]
    cubes, results = [], 0
    for block in data:
        status = _status(raw, block, free)
        if status is None:
            _left_out(raw, block, "nothing tells its axis")
        elif block.kind.extra == _COMPACT:
            _left_out(raw, block, "packed spectra are not read")
        else:
            cubes.append(_cube(raw, block, status, told))
            results += block.kind.of == _RESULT
    if not cubes:
        raise FileFormatError(
            raw.path, "no spectrum in it", "save it from OPUS with its data blocks"
        )
    named = _named(cubes, source.path.stem)
    if source.array is not None or not results:
        return named
    others = [cube.name for cube in named[results:]]
    return [
        replace(cube, metadata={**cube.metadata, "blocks beside": others})
        for cube in named[:results]
    ]


def _left_out(raw: Bytes, block: _Block, reason: str) -> None:
    warnings.warn(f"{raw.path.name}: {block.kind.name} is left out: {reason}", stacklevel=3)


def _named(cubes: list[Cube], stem: str) -> list[Image]:
    """Return the cubes with a name each; a file of one has its own."""
    if len(cubes) == 1:
        return [replace(cubes[0], name=stem)]
    names = [cube.name for cube in cubes]
    return [
        replace(cube, name=f"{cube.name} {names[:place].count(cube.name) + 1}")
        if names.count(cube.name) > 1
        else cube
        for place, cube in enumerate(cubes)
    ]


# ------------------------------------------------------------------------------------- blocks


def _directory(raw: Bytes) -> list[_Block]:
    if len(raw) < 24 or raw.take(0, 4) != _MAGIC:
        raise FileFormatError(
            raw.path, "not a Bruker OPUS file", "give it its right suffix, or copy it again"
        )
    start, _, count = raw.unpack("<3i", 12)
    if not 0 < count <= _MOST_BLOCKS:
        raise FileFormatError(raw.path, f"{count} blocks in its directory", COPY_AGAIN)
    blocks = []
    for number in range(count):
        bits, words, place = raw.unpack("<Iii", start + _ENTRY * number, "the directory")
        if place <= 0:
            break
        block = _Block(_Kind.of_bits(bits), place, 4 * words)
        raw.take(block.start, block.length, f"block {number + 1} of {count}")
        blocks.append(block)
    return blocks


def _parameters(raw: Bytes, block: _Block) -> Parameters:
    found: Parameters = {}
    place, stop = block.start, block.start + block.length
    while place + 8 <= stop:
        key, kind, words = raw.unpack("<4shH", place)
        name = key[:3].decode("latin-1")
        if name == "END" or not re.fullmatch(r"[A-Z0-9]{3}", name):
            break
        length = 2 * words
        if place + 8 + length > stop or (kind in (0, 1) and length < (4, 8)[kind]):
            raise FileFormatError(raw.path, f"parameter {name} runs past its block", COPY_AGAIN)
        found[name] = _value(raw, kind, place + 8, length)
        place += 8 + length
    return found


def _value(raw: Bytes, kind: int, place: int, length: int) -> int | float | str:
    if kind == 0:
        return int(raw.number("<i", place))
    if kind == 1:
        return float(raw.number("<d", place))
    return raw.text(place, length)


def _told(raw: Bytes, blocks: list[_Block]) -> dict[str, Parameters]:
    """Return the parameters of the measurement by group; those of the reference apart."""
    told: dict[str, Parameters] = {}
    for block in blocks:
        group = _GROUPS.get(block.kind.parameters)
        if group is not None:
            group = f"reference {group}" if block.kind.of == _REFERENCE else group
            told[group] = told.get(group, {}) | _finite(_parameters(raw, block))
    return told


def _finite(parameters: Parameters) -> Parameters:
    """Return parameters that plain JSON can hold."""
    return {
        key: value
        for key, value in parameters.items()
        if not isinstance(value, float) or math.isfinite(value)
    }


def _status(raw: Bytes, block: _Block, free: list[_Block]) -> Parameters | None:
    """Return what tells of a block of data, and take it from those that are `free`.

    Several blocks of one kind come in the same order as what tells of them, unless the least and
    the greatest value say otherwise.
    """
    fitting = [b for b in free if b.kind == block.kind._replace(parameters=_STATUS)]
    told = [(b, _parameters(raw, b)) for b in fitting]
    if not told:
        return None
    right = [pair for pair in told if _is_of(raw, block, pair[1])] if len(told) > 1 else []
    chosen, status = (right or told)[0]
    free.remove(chosen)
    return status


def _is_of(raw: Bytes, block: _Block, status: Parameters) -> bool:
    """Whether the values of a block range as its parameters say."""
    count = status.get("NPT", 0)
    if not isinstance(count, int) or not 0 < 4 * count <= block.length:
        return False
    values = raw.array("<f4", count, block.start) * float(status.get("CSF", 1))
    ends = [float(status.get(key, math.nan)) for key in ("MNY", "MXY")]
    return bool(np.allclose([values.min(), values.max()], ends, rtol=1e-4))


# ------------------------------------------------------------------------------------- images


def _cube(raw: Bytes, block: _Block, status: Parameters, told: Mapping[str, Parameters]) -> Cube:
    name = block.kind.name
    count, dtype = status.get("NPT", 0), _DTYPES.get(int(status.get("DPF", 1)))
    if dtype is None or not isinstance(count, int) or count < 1:
        raise FileFormatError(
            raw.path, f"{name}: {count} points of type {status.get('DPF')}", COPY_AGAIN
        )
    about: dict[str, Any] = {"pixel_unit": None}
    if block.kind.extra == _SERIES:
        data, about = _series(raw, block, count, dtype, status | _flat(told))
    else:
        if 4 * count > block.length:
            raise FileFormatError(
                raw.path, f"{name}: {count} points do not fit {block.length} bytes", COPY_AGAIN
            )
        data = raw.array(dtype, count, block.start)[:, None, None]
    metadata = {"data": _finite(status), **told, **about.pop("metadata", {})}
    return Cube(
        _scaled(data, float(status.get("CSF", 1))),
        _axis(raw, block.kind, count, status, told),
        name=name,
        history=(f"read {raw.path.name}",),
        intensity_unit=_NAMES.get(block.kind.data, ("", None))[1],
        metadata={"OPUS": metadata},
        **about,
    )


def _flat(told: Mapping[str, Parameters]) -> Parameters:
    return {key: value for group in told.values() for key, value in group.items()}


def _scaled(data: NDArray[Any], factor: float) -> NDArray[Any]:
    if factor == 1 or not math.isfinite(factor) or not factor:
        return data
    return np.asarray(data * np.float32(factor))


def _axis(
    raw: Bytes, kind: _Kind, count: int, status: Parameters, told: Mapping[str, Parameters]
) -> SpectralAxis:
    try:
        first, last = float(status["FXV"]), float(status["LXV"])
    except (KeyError, ValueError) as error:
        raise FileFormatError(raw.path, f"{kind.name}: no ends of its axis", COPY_AGAIN) from error
    centres = np.linspace(first, last, count)
    unit = str(status.get("DXU", ""))
    if unit == "WN" and kind.data == _RAMAN:
        laser = _flat(told).get("RLW", 0)
        line = 1e7 / laser if isinstance(laser, int | float) and laser > 0 else None
        return SpectralAxis(centres, "1/cm", "raman_shift", excitation_nm=line)
    if unit == "WN" or (not unit and kind.data != _INTERFEROGRAM):
        return SpectralAxis(centres, "1/cm", "wavenumber", guessed=not unit)
    if unit in ("MI", "WL"):
        return SpectralAxis(centres, "um", guessed=unit == "WL")
    return SpectralAxis(centres)


# ------------------------------------------------------------------------------ series and maps


def _series(
    raw: Bytes, block: _Block, count: int, dtype: str, status: Parameters
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Map the spectra of a series: an image (band, y, x) where it is a map, else a list."""
    _, spectra, offset, length, rest, _ = raw.unpack("<6i", block.start, "a series")
    stride = length + rest
    if not 0 < spectra <= _MOST_SPECTRA or offset < 24 or length < 4 * count or rest < 0:
        raise FileFormatError(
            raw.path, f"a series of {spectra} spectra of {length} bytes", COPY_AGAIN
        )
    stored = min(spectra, (block.length - offset) // stride)
    if stored < 1:
        raise FileFormatError(
            raw.path, f"{spectra} spectra do not fit {block.length} bytes", COPY_AGAIN
        )
    start = block.start + offset
    record = np.dtype([("values", dtype, (count,)), ("rest", f"V{stride - 4 * count}")])
    values = mapped(raw.path, record, (stored,), start).getfield(np.dtype((dtype, (count,))), 0)
    nx, ny = (_count(status.get(key)) for key in ("NPX", "NPY"))
    if nx * ny == stored and nx > 1:
        return values.reshape(ny, nx, count).transpose(2, 0, 1), _placing(status)
    if nx * ny > 1 or stored < spectra:
        warnings.warn(
            f"{raw.path.name}: {stored} of {spectra} spectra, a map of {nx} × {ny}: "
            "they were read as a list",
            stacklevel=2,
        )
    times = _times(raw, start, stride, length, rest, stored)
    return values.T[:, None, :], {"metadata": {"times (s)": times} if times else {}}


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 2**31 else 1


def _placing(status: Parameters) -> dict[str, Any]:
    """Return pixel size and origin of a map, which OPUS has in µm."""
    numbers = [status.get(key) for key in ("DDY", "DDX", "AOY", "AOX")]
    dy, dx, y, x = (float(n) if isinstance(n, int | float) else 0.0 for n in numbers)
    if not all(map(math.isfinite, (dy, dx, y, x))) or not dx or not dy:
        return {}
    return {"pixel_size": (abs(dy), abs(dx)), "pixel_unit": "um", "origin": (y, x)}


def _times(raw: Bytes, start: int, stride: int, length: int, rest: int, stored: int) -> list[float]:
    """Return when each spectrum ended, in s; nothing where it does not make sense."""
    if rest < _TIME + 8:
        return []
    times = [
        struct.unpack("<d", raw.take(start + stride * n + length + _TIME, 8))[0]
        for n in range(stored)
    ]
    return [float(time) for time in times] if all(map(math.isfinite, times)) else []
