"""Princeton Instruments .spe, of WinSpec (version 2) and LightField (3): frames of a spectrograph's camera.

Sources: Princeton Instruments, "WinSpec/32 User Manual", appendix C (header of version 2.x);
"SPE 3.0 File Format Specification".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np

from ...axis import SpectralAxis
from ...cube import Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..source import Source
from .frames import cube_of_frames

_DATA: Final = 4100
"""Bytes of the header; the frames follow."""
_WIDTH, _TYPE, _HEIGHT, _FOOTER, _FRAMES, _ROIS, _VERSION = 42, 108, 656, 678, 1446, 1510, 1992
_CALIBRATION: Final = 3000
_VALID, _UNIT, _ORDER, _COEFFICIENTS, _LASER = (_CALIBRATION + n for n in (98, 100, 101, 263, 311))
_DTYPES: Final = {0: "<f4", 1: "<i4", 2: "<i2", 3: "<u2", 5: "<f8", 6: "<u1", 8: "<u4"}
_PIXEL_FORMATS: Final = {
    "MonochromeUnsigned16": "<u2",
    "MonochromeUnsigned32": "<u4",
    "MonochromeFloating32": "<f4",
}
_NM, _WAVENUMBERS, _RAMAN = 3, 4, 5
"""Codes of the unit of a calibration."""
_WITH_FOOTER: Final = 3.0


@dataclass(frozen=True)
class _Frames:
    """How the frames of a file lie in it."""

    dtype: str
    frames: int
    height: int
    width: int
    axis: SpectralAxis | None
    stride: int | None = None
    """Bytes from one frame to the next; None: they follow each other."""


def read_images(source: Source) -> list[Image]:
    """Map the frames of a file.

    Raises
    ------
    FileFormatError
        If it is cut short, or has several regions.
    """
    raw = Bytes(source.path)
    version = raw.number("<f", _VERSION, "the header")
    described = _with_footer if version >= _WITH_FOOTER else _with_header
    frames = described(raw)
    data = _data(raw, frames)  # (frame, line, band)
    fields: dict[str, Any] = {
        "name": source.path.stem,
        "history": (f"read {source.path.name}",),
        "intensity_unit": "counts",
        "metadata": {"spe": {"version": round(float(version), 2)}},
    }
    return [cube_of_frames(data, frames.axis, source.axes, **fields)]


def _data(raw: Bytes, frames: _Frames) -> Any:
    """Map the frames, shape (frame, line, band), after they were seen to be there."""
    dtype = np.dtype(frames.dtype)
    size = frames.height * frames.width * dtype.itemsize
    stride = frames.stride or size
    if min(frames.frames, frames.height, frames.width) < 1 or stride < size:
        shape = (frames.frames, frames.height, frames.width)
        raise FileFormatError(raw.path, f"frames of {shape}", COPY_AGAIN)
    needed = _DATA + stride * (frames.frames - 1) + size
    if needed > len(raw):
        complete = max(0, len(raw) - _DATA) // stride
        raise FileFormatError(
            raw.path,
            f"the file has {complete} whole frames, its header states {frames.frames}",
            COPY_AGAIN,
        )
    shape = (frames.frames, frames.height, frames.width)
    if stride == size:
        return mapped(raw.path, dtype, shape, _DATA)
    raw_bytes = mapped(raw.path, "u1", (needed - _DATA,), _DATA)
    strides = (stride, frames.width * dtype.itemsize, dtype.itemsize)
    return np.ndarray(shape, dtype, raw_bytes, strides=strides)


# ----------------------------------------------------------------------------------- version 2


def _with_header(raw: Bytes) -> _Frames:
    """Return what the header of version 2 says."""
    code = raw.number("<h", _TYPE, "the type")
    if code not in _DTYPES:
        raise FileFormatError(raw.path, f"numbers of type {code}", COPY_AGAIN)
    width = raw.number("<H", _WIDTH)
    height = raw.number("<H", _HEIGHT)
    frames = raw.number("<i", _FRAMES)
    return _Frames(_DTYPES[code], frames, height, width, _calibrated(raw, width))


def _calibrated(raw: Bytes, width: int) -> SpectralAxis | None:
    """Return the axis of the polynomial along x; None where it is not valid."""
    valid = raw.number("B", _VALID)
    order = raw.number("B", _ORDER)
    if not valid or not 0 < order <= 5:
        return None
    coefficients = raw.unpack("<6d", _COEFFICIENTS)[: order + 1]
    pixels = _pixels(raw, width)
    centres = np.polynomial.polynomial.polyval(pixels, coefficients)
    if not np.isfinite(centres).all() or not np.ptp(centres):
        return None
    unit = raw.number("B", _UNIT)
    laser = raw.number("<d", _LASER)
    excitation = float(laser) if np.isfinite(laser) and 100 < laser < 5000 else None
    if unit == _NM:
        return SpectralAxis(centres, "nm", excitation_nm=excitation)
    if unit == _WAVENUMBERS:
        return SpectralAxis(centres, "1/cm", "wavenumber", excitation_nm=excitation)
    if unit == _RAMAN:
        return SpectralAxis(centres, "1/cm", "raman_shift", excitation_nm=excitation)
    return None


def _pixels(raw: Bytes, width: int) -> Floats:
    """Return the pixel of the detector at the centre of each band, counted from 1."""
    count = raw.number("<h", _ROIS)
    first, _, group = raw.unpack("<3H", _ROIS + 2)
    if count < 1 or first < 1:
        first = 1
    group = max(int(group), 1)
    bands = np.arange(width, dtype=np.float64)
    pixels: Floats = first + bands * group + (group - 1) / 2
    return pixels


# ----------------------------------------------------------------------------------- version 3


def _with_footer(raw: Bytes) -> _Frames:
    """Return what the XML at the end of a file of version 3 says."""
    start = raw.number("<Q", _FOOTER, "the offset of its description")
    if not _DATA <= start < len(raw):
        raise FileFormatError(raw.path, "its description (XML) is missing", COPY_AGAIN)
    try:
        root = ElementTree.fromstring(raw.take(start, len(raw) - start))
    except (ElementTree.ParseError, ValueError) as error:
        raise FileFormatError(
            raw.path, f"its description is damaged ({error})", COPY_AGAIN
        ) from error
    blocks = [element for element in root.iter() if _tag(element) == "DataBlock"]
    frames = [block for block in blocks if block.get("type") == "Frame"]
    regions = [block for block in blocks if block.get("type") == "Region"]
    if len(frames) != 1 or len(regions) != 1:
        raise FileFormatError(
            raw.path,
            f"{len(regions)} regions of the detector",
            "export each region by itself, in LightField",
        )
    (frame,) = frames
    (region,) = regions
    dtype = _PIXEL_FORMATS.get(frame.get("pixelFormat", ""))
    if dtype is None:
        raise FileFormatError(raw.path, f"pixels of {frame.get('pixelFormat')!r}", COPY_AGAIN)
    number: Callable[[ElementTree.Element, str], int] = _attribute(raw)
    width = number(region, "width")
    return _Frames(
        dtype,
        number(frame, "count"),
        number(region, "height"),
        width,
        _wavelengths(root, width),
        number(frame, "stride"),
    )


def _attribute(raw: Bytes) -> Callable[[ElementTree.Element, str], int]:
    def number(element: ElementTree.Element, name: str) -> int:
        text = element.get(name, "")
        if not text.isdecimal():
            raise FileFormatError(raw.path, f"{name} is {text!r} in its description", COPY_AGAIN)
        return int(text)

    return number


def _wavelengths(root: ElementTree.Element, width: int) -> SpectralAxis | None:
    """Return the list of wavelengths, in nm; None where it is of another width."""
    for element in root.iter():
        if _tag(element) not in ("Wavelength", "WavelengthError"):
            continue
        words = re.split(r"[\s]+", (element.text or "").strip())
        # with errors, each is "wavelength,error"; without, all are between commas
        if _tag(element) == "Wavelength":
            words = (element.text or "").split(",")
        try:
            centres = [float(word.split(",")[0]) for word in words if word.strip()]
        except ValueError:
            continue
        if len(centres) == width:
            return SpectralAxis(centres, "nm")
    return None


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]  # without its namespace
