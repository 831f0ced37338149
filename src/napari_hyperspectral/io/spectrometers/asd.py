"""ASD FieldSpec (.asd): a spectrum of a field spectrometer, and the white reference below it.

The main image is the reflectance, where the file was saved as one: counts of the target over those of
the reference. Both are read by name, ``leaf.asd::target`` and ``leaf.asd::reference``.

Source: ASD Inc., "FieldSpec: Indico Version 8 File Format" (offsets of the header, chapter 2).
"""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..binary import COPY_AGAIN, Bytes
from ..source import Source

_VERSIONS: Final = (b"ASD", b"as2", b"as3", b"as4", b"as5", b"as6", b"as7", b"as8")
_COMMENT, _TYPE, _AXIS, _FORMAT, _CHANNELS = 3, 186, 191, 199, 204
_INTEGRATION, _INSTRUMENT, _SPLICES, _HEADER = 390, 400, 444, 484
"""Offsets in the header, which ends at the last of them."""
_TYPES: Final = (
    *("counts", "reflectance", "radiance", None, "irradiance", "QI", "transmittance", None),
    "absorbance",
)
_NUMBERS: Final = {0: "<f4", 1: "<i4", 2: "<f8"}
_REFERENCE_HEADER: Final = 18
"""Bytes of flag and times before the length of the description of the reference."""
_MOST_CHANNELS: Final = 2**15


def read_images(source: Source) -> list[Image]:
    """Read the spectrum, or the part of the file that is asked for.

    Raises
    ------
    FileFormatError
        If it is no such file, or cut short.
    """
    raw = Bytes(source.path)
    version = raw.take(0, min(3, len(raw)))
    if version not in _VERSIONS:
        raise FileFormatError(raw.path, "not a file of ASD", "give it its right suffix")
    first, step = raw.unpack("<2f", _AXIS, "the axis")
    channels = raw.number("<H", _CHANNELS, "the number of channels")
    dtype = _NUMBERS.get(raw.number("B", _FORMAT))
    if dtype is None or not 0 < channels <= _MOST_CHANNELS or not step > 0:
        raise FileFormatError(raw.path, f"{channels} channels at steps of {step:g} nm", COPY_AGAIN)
    code = raw.number("B", _TYPE)
    unit = _TYPES[code] if code < len(_TYPES) else None
    target = raw.array(dtype, channels, _HEADER, "the spectrum").astype(np.float64)
    reference = None
    if version != b"ASD":
        reference = _reference(raw, dtype, channels)
    parts: dict[str, tuple[Floats, str | None]] = {"target": (target, "counts")}
    if reference is not None:
        parts["reference"] = (reference, "counts")
    if source.array is not None and source.array not in parts:
        raise FileFormatError(
            raw.path, f"no spectrum {source.array!r}", f"there are {', '.join(parts)}"
        )
    values, unit = parts[source.array] if source.array else _main(raw, target, reference, unit)
    axis = SpectralAxis(first + step * np.arange(channels), "nm")
    return [
        Cube.from_spectra(
            values[None],
            axis,
            name=source.path.stem,
            history=(f"read {source.path.name}",),
            intensity_unit=unit,
            metadata={"asd": _metadata(raw)},
        )
    ]


def _main(
    raw: Bytes, target: Floats, reference: Floats | None, unit: str | None
) -> tuple[Floats, str | None]:
    """Return the quantity that the file was saved as, (band,), and its unit."""
    if unit not in ("reflectance", "transmittance"):
        return target, unit
    if reference is None or not reference.any():
        warnings.warn(
            f"{raw.path.name}: saved as {unit}, but without a reference: its numbers are as stored",
            stacklevel=3,
        )
        return target, None
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = target / reference
    ratio[reference == 0] = np.nan
    return ratio, unit


def _reference(raw: Bytes, dtype: str, channels: int) -> Floats | None:
    """Return the white reference behind the spectrum; None where there is none."""
    start = _HEADER + channels * np.dtype(dtype).itemsize
    if len(raw) < start + _REFERENCE_HEADER + 2:
        return None
    has_one = raw.number("<h", start)
    length = raw.number("<H", start + _REFERENCE_HEADER)
    if not has_one:
        return None
    begin = start + _REFERENCE_HEADER + 2 + length
    return raw.array(dtype, channels, begin, "the reference").astype(np.float64)


def _metadata(raw: Bytes) -> dict[str, Any]:
    splices = raw.unpack("<2f", _SPLICES)
    return {
        "comment": raw.text(_COMMENT, 157),
        "integration time (ms)": raw.number("<I", _INTEGRATION),
        "instrument": raw.number("<H", _INSTRUMENT),
        "splices (nm)": [float(splice) for splice in splices],
    }
