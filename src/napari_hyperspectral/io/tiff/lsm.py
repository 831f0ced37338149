"""Zeiss LSM: what the description of the microscope in such a TIFF file says.

Source: Carl Zeiss, "LSM 5/7 File Format Description" (CZ_LSMINFO, ChannelWavelength, ScanType), as
tifffile gives its entries, https://github.com/cgohlke/tifffile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

import numpy as np

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Sampling
from ..metadata.fields import CubeFields
from ..metadata.microscopy import channel_axis, sampling
from .metadata import ImageMetadata, Sizes

_ROWS: Final[Mapping[int, str]] = {
    # ScanType: what the rows of a page are, where they are not y
    **dict.fromkeys((1, 4, 8, 9), "z"),
    **dict.fromkeys((2, 5, 10), "t"),
}
_SPECTRAL: Final = 1
"""SpectralScan of an image whose channels are a spectrum."""
_KEPT: Final = ("ScanInformation", "ChannelColors", "TimeStamps", "ScanType", "SpectralScan")
"""Entries kept as metadata: the others are offsets in the file, or settings of the display."""
_MICROMETRES: Final = 1e6  # the file has metres
_NANOMETRES: Final = 1e9
_MOST: Final = 10_000
"""Values of a list that are kept."""

_Info: TypeAlias = Mapping[str, Any]
"""The entries of CZ_LSMINFO, by the names that tifffile gives them."""
_Range: TypeAlias = tuple[float, float]
"""Where the detection of a channel begins and ends, in m."""


def metadata_from_lsm(info: _Info, channels: Sequence[int]) -> ImageMetadata:
    """Return what the entries of CZ_LSMINFO say of some channels of each position."""
    scan_type = int(info.get("ScanType", 0))
    rows = _ROWS.get(scan_type, "y")
    lengths = {
        "t": _length(info, "Time"),
        "z": _length(info, "Z"),
    }
    lengths.pop(rows, None)  # it lies within the pages
    sizes: Sizes = (*lengths.items(), ("b", len(channels)))
    fields = _geometry(info, rows, lengths)
    kept = {}
    for name in _KEPT:
        if name in info:
            kept[name] = _plain(info[name])
    fields["metadata"] = {"lsm": kept}
    axis = _axis(info, channels)
    return ImageMetadata(sizes, axis, fields)


def channel_groups(info: _Info) -> list[tuple[str, range]]:
    """Return the channels of each image, with its name: a spectrum, and what is none of it.

    A detector of transmitted light may be read out with those of the spectrum; it has no
    wavelengths.
    """
    channels = _length(info, "Channels")
    has_wavelengths = [_is_range(detected) for detected in _ranges(info, channels)]
    bands = sum(has_wavelengths)
    come_first = all(has_wavelengths[:bands])
    is_spectrum = info.get("SpectralScan") == _SPECTRAL and come_first
    if is_spectrum and 1 < bands < channels:
        return [
            ("spectrum", range(bands)),
            ("transmission", range(bands, channels)),
        ]
    return [("", range(channels))]


def position_count(info: _Info) -> int:
    """Return how many positions on the slide, or tiles of one, follow each other in the file."""
    positions = _length(info, "P")
    tiles = _length(info, "M")
    return positions * tiles


def _length(info: _Info, name: str) -> int:
    length = int(info.get(f"Dimension{name}", 1))
    return max(1, length)  # an empty axis counts as one of length one


def _axis(info: _Info, channels: Sequence[int]) -> Axis | None:
    """Return the spectrum of some channels, else their names, else None."""
    count = _length(info, "Channels")
    if info.get("SpectralScan") == _SPECTRAL:
        ranges = []
        for channel, detected in enumerate(_ranges(info, count)):
            if channel in channels:
                ranges.append(detected)
        scan = info.get("ScanInformation") or {}
        axis = _spectral_axis(ranges, _excitation(scan))
        if axis is not None:
            return axis
    colours = info.get("ChannelColors") or {}
    names = [str(name) for name in colours.get("ColorNames", ())]
    if len(names) != count:
        return None
    named = channel_axis([names[channel] for channel in channels])
    if isinstance(named, ChannelAxis):
        return named
    return None  # names of dyes may end in numbers, which are no wavelengths


def _spectral_axis(ranges: Sequence[_Range], excitation: float | None) -> SpectralAxis | None:
    """Return the axis of detected ranges; None where they are no spectrum."""
    all_known = all(_is_range(detected) for detected in ranges)
    if len(ranges) < 2 or not all_known:
        return None
    low, high = _NANOMETRES * np.array(ranges).T  # each (channel,)
    axis = SpectralAxis(
        (low + high) / 2,
        "nm",
        widths=high - low,
        excitation_nm=excitation,
    )
    return axis if axis.monotonic else None


def _ranges(info: _Info, channels: int) -> list[_Range]:
    """Return the detected range of each channel; [] where that is lost."""
    stated = info.get("ChannelWavelength")
    if stated is None:
        return []
    ranges = np.asarray(stated, np.float64)  # (channel, 2)
    if ranges.shape != (channels, 2):
        return []
    return [(float(low), float(high)) for low, high in ranges]


def _is_range(detected: _Range) -> bool:
    low, high = detected
    # 0 stands for a channel without wavelengths
    return 0 < low < high < math.inf


def _excitation(scan: Mapping[str, Any]) -> float | None:
    """Return the laser line that was used, in nm, if it was one."""
    lines = set()
    for track in scan.get("Tracks", ()):
        for line in track.get("IlluminationChannels", ()):
            wavelength = line.get("Wavelength")
            if line.get("Acquire") and wavelength:
                lines.add(float(wavelength))
    if len(lines) != 1:
        return None
    return lines.pop()


def _geometry(
    info: _Info,
    rows: str,
    lengths: Mapping[str, int],
) -> CubeFields:
    """Return where pixels, slices and frames lie; a page may have slices or frames as rows."""
    geometry = CubeFields()
    width = _step(info, "X")
    height = 0.0  # frames have no size in space
    if rows != "t":
        height = _step(info, rows.upper())
    known = np.isfinite([height, width]).all()
    if known and min(height, width) > 0:
        geometry["pixel_size"] = (height, width)
        geometry["pixel_unit"] = "um"
    if lengths.get("z", 1) > 1:
        step = _step(info, "Z")
        geometry["z"] = sampling(step, unit="um")
    if lengths.get("t", 1) > 1:
        interval = float(info.get("TimeIntervall", 0))  # spelled as Zeiss does
        stamps = info.get("TimeStamps")
        geometry["t"] = _frames(stamps, interval)
    return geometry


def _step(info: _Info, letter: str) -> float:
    """Return the distance of voxels along an axis, in µm; 0 where it is not stated."""
    metres = float(info.get(f"VoxelSize{letter}", 0))
    return _MICROMETRES * metres


def _frames(stamps: Any, interval: float) -> Sampling:
    """Return when frames were taken, in s: `interval` is what was set, 0 for no pause."""
    if stamps is None:
        return sampling(interval, unit="s")
    times = np.asarray(stamps, np.float64)  # (frame,)
    is_series = times.ndim == 1 and len(times) > 1
    if is_series and np.ptp(times) > 0:
        # what was measured, not what was set
        interval = float(np.diff(times).mean())
    return sampling(interval, unit="s")


def _plain(value: Any) -> Any:
    """Return an entry as plain JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    is_text = isinstance(value, str | bytes)  # of which Python makes a sequence, too
    if isinstance(value, Sequence) and not is_text:
        return [_plain(entry) for entry in value[:_MOST]]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has neither NaN nor infinity
    if isinstance(value, str | int | float | bool | None):
        return value
    return str(value)
