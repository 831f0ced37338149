"""Zeiss LSM: what the description of the microscope in such a TIFF file tells.

Source: Carl Zeiss, "LSM 5/7 File Format Description" (CZ_LSMINFO, ChannelWavelength, ScanType), as
tifffile gives its entries, https://github.com/cgohlke/tifffile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

import numpy as np

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Sampling
from ..metadata.evidence import Sizes, Told
from ..metadata.microscopy import channel_axis, sampling

_ROWS: Final[Mapping[int, str]] = {
    # ScanType: what the rows of a page are, where they are not y
    **dict.fromkeys((1, 4, 8, 9), "z"),
    **dict.fromkeys((2, 5, 10), "t"),
}
_KEPT: Final = ("ScanInformation", "ChannelColors", "TimeStamps", "ScanType", "SpectralScan")
"""Entries kept as metadata: the others say where in the file something lies, or how it is shown."""
_MICROMETRES: Final = 1e6  # the file has metres
_MOST: Final = 10_000
"""Values of a list that are kept."""


def told_by_lsm(info: Mapping[str, Any], channels: Sequence[int]) -> Told:
    """Return what the entries of CZ_LSMINFO tell of some channels of each position."""
    rows = _ROWS.get(int(info.get("ScanType", 0)), "y")
    sizes: Sizes = tuple(
        (letter, max(1, int(info.get(f"Dimension{name}", 1))))
        for letter, name in (("t", "Time"), ("z", "Z"))
        if letter != rows
    )
    sizes = (*sizes, ("b", len(channels)))
    return Told(sizes, _axis(info, channels), _about(info, rows, dict(sizes)))


def channels_of(info: Mapping[str, Any]) -> list[tuple[str, range]]:
    """Return the channels that belong together, with a name: a spectrum, and what is beside it.

    A detector of transmitted light may be read out with those of the spectrum; it has no
    wavelengths.
    """
    bands = max(1, int(info.get("DimensionChannels", 1)))
    known = [_is_range(*each) for each in _ranges(info, bands)]
    spectral = sum(known)
    if info.get("SpectralScan") == 1 and 1 < spectral < bands and all(known[:spectral]):
        return [("spectrum", range(spectral)), ("transmission", range(spectral, bands))]
    return [("", range(bands))]


def positions(info: Mapping[str, Any]) -> int:
    """Return how many places of the slide, or tiles of one, follow each other in the file."""
    return math.prod(max(1, int(info.get(f"Dimension{letter}", 1))) for letter in "PM")


def _axis(info: Mapping[str, Any], channels: Sequence[int]) -> Axis | None:
    bands = max(1, int(info.get("DimensionChannels", 1)))
    ranges = [each for n, each in enumerate(_ranges(info, bands)) if n in channels]
    if info.get("SpectralScan") == 1 and len(ranges) > 1 and all(_is_range(*r) for r in ranges):
        low, high = 1e9 * np.array(ranges).T  # from m
        excitation = _excitation(info.get("ScanInformation") or {})
        axis = SpectralAxis((low + high) / 2, "nm", widths=high - low, excitation_nm=excitation)
        if axis.monotonic:
            return axis
    colours = info.get("ChannelColors") or {}
    names = [str(name) for name in colours.get("ColorNames", ())]
    if len(names) != bands:
        return None
    named = channel_axis([names[channel] for channel in channels])
    return named if isinstance(named, ChannelAxis) else None  # names of dyes may end in numbers


def _ranges(info: Mapping[str, Any], bands: int) -> list[tuple[float, float]]:
    """Return where the detection of each channel begins and ends, in m; [] where that is lost."""
    found = info.get("ChannelWavelength")
    ranges = np.asarray([] if found is None else found, np.float64)
    if ranges.shape != (bands, 2):
        return []
    return [(float(low), float(high)) for low, high in ranges]


def _is_range(low: float, high: float) -> bool:
    return 0 < low < high < math.inf


def _excitation(scan: Mapping[str, Any]) -> float | None:
    """Return the line that was used, in nm, if it was one."""
    lines = {
        float(line["Wavelength"])
        for track in scan.get("Tracks", ())
        for line in track.get("IlluminationChannels", ())
        if line.get("Acquire") and line.get("Wavelength")
    }
    return lines.pop() if len(lines) == 1 else None


def _about(info: Mapping[str, Any], rows: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    steps = {n: _MICROMETRES * float(info.get(f"VoxelSize{n.upper()}", 0)) for n in "xyz"}
    interval = float(info.get("TimeIntervall", 0))
    about: dict[str, Any] = {
        "metadata": {"lsm": {name: _plain(info[name]) for name in _KEPT if name in info}}
    }
    height, width = steps.get(rows, 0.0), steps["x"]
    if np.isfinite([height, width]).all() and min(height, width) > 0:
        about |= {"pixel_size": (height, width), "pixel_unit": "um"}
    if sizes.get("z", 1) > 1:
        about["z"] = sampling(steps["z"], unit="um")
    if sizes.get("t", 1) > 1:
        about["t"] = _frames(info.get("TimeStamps"), interval)
    return about


def _frames(stamps: Any, interval: float) -> Sampling:
    """Return when frames were taken: `interval` is what was wished for, 0 for no pause."""
    times = np.asarray([] if stamps is None else stamps, np.float64)
    if times.ndim == 1 and len(times) > 1 and np.ptp(times) > 0:
        return sampling(float(np.diff(times).mean()), unit="s")
    return sampling(interval, unit="s")


def _plain(value: Any) -> Any:
    """Return an entry as plain JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(entry) for entry in value[:_MOST]]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
