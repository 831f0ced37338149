"""Maps of fitted peaks: position, height, width, area, and their standard errors, in every pixel."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ...axis import ChannelAxis
from ...cube import Cube
from ...progress import Job, Progress, part_of, run
from ..arrays import Array, Centres, Float32, Indices
from ..decomposition.sample import sampled_spectra
from .fit import FittedPeaks, PeakFit, fit_peaks

_QUANTITIES: Final = (
    "position", "height", "width", "area",
    "position_error", "height_error", "width_error", "area_error",
)  # fmt: skip
_VALUES: Final = 2**18
"""Slopes of spectra by parameters that are held at a time."""
_MOST_SPECTRA: Final = 4096
"""Spectra of which the mean is taken, in which peaks are found first."""


class PeakMaps(NamedTuple):
    """Maps of fitted peaks, each (…, peak, y, x); NaN where a fit found no peak in the range."""

    position: Cube
    height: Cube
    width: Cube
    area: Cube
    position_error: Cube
    height_error: Cube
    width_error: Cube
    area_error: Cube
    residual: Cube
    """Root mean square of what the peaks and the line leave, (…, 1, y, x)."""


def peaks_of_mean(cube: Cube, settings: PeakFit) -> FittedPeaks:
    """Return the peaks of the mean spectrum of a cube: one spectrum.

    Raises
    ------
    ValueError
        If the range holds too few bands.
    """
    bands, centres = _bands(cube, settings)
    mean = run(_mean_spectrum(cube, bands))
    return fit_peaks(mean[None], centres, settings)


def peak_maps(cube: Cube, settings: PeakFit) -> PeakMaps:
    """Return the peaks of every pixel; see `peak_maps_steps`."""
    return run(peak_maps_steps(cube, settings))


def peak_maps_steps(cube: Cube, settings: PeakFit) -> Job[PeakMaps]:
    """Yield progress; return maps of the peaks in a range, fitted in every pixel.

    Peaks are fitted to the mean spectrum first, and from there to all others.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x), with a spectral axis in any order; bad bands do not count. May be
        lazy: only the bands of the range are read, a few rows at a time.
    settings : PeakFit
        Range, number and shape of the peaks.

    Raises
    ------
    ValueError
        If the range holds too few bands.
    """
    bands, centres = _bands(cube, settings)
    near = slice(int(bands.min()), int(bands.max()) + 1)
    mean = yield from part_of(_mean_spectrum(cube, bands), 0, 5, "finding peaks in the mean")
    *leading, _, height, width = cube.shape
    count = len(_QUANTITIES) * settings.peaks + 1
    numbers = np.full((*leading, count, height, width), np.nan, np.float32)
    parameters = fit_peaks(mean[None], centres, settings).rows.shape[1]
    rows_at_a_time = max(1, _VALUES // (len(centres) * parameters * width))
    planes = list(np.ndindex(*leading))
    for number, plane in enumerate(planes):
        for first in range(0, height, rows_at_a_time):
            last = min(first + rows_at_a_time, height)
            part = np.asarray(cube.data[(*plane, near, slice(first, last))], np.float64)
            table = part[bands - near.start].reshape(len(bands), -1).T
            table = np.where(np.isfinite(table), table, np.nan)
            numbers[(*plane, slice(None), slice(first, last))] = _numbers(
                fit_peaks(table, centres, settings, mean)
            ).reshape(count, -1, width)
            done = 5 + 95 * (number * height + last) // (len(planes) * height)
            yield Progress(done, 100, note="fitting peaks")
    return _maps(cube, settings, numbers)


def _bands(cube: Cube, settings: PeakFit) -> tuple[Indices, Centres]:
    """Return the good bands in the range, and their centres, increasing; repeated ones once."""
    axis = cube.spectral_axis
    bands = axis.between(settings.start, settings.end)
    bands = bands[axis.good[bands]]
    centres, first = np.unique(axis.centres[bands], return_index=True)
    return bands[first], centres


def _mean_spectrum(cube: Cube, bands: Indices) -> Job[Array]:
    """Yield progress; return the mean of a regular grid of spectra, (band,), of some bands."""
    near = slice(int(bands.min()), int(bands.max()) + 1)
    axis = cube.spectral_axis.take(slice(near.start, near.stop))
    # bad bands between those of the range are left out by both
    inside = cube.after("", data=cube.data[..., near, :, :], axis=axis)
    sample = yield from sampled_spectra(inside, _MOST_SPECTRA)
    good = np.flatnonzero(axis.good) + near.start
    table = sample.table[:, np.searchsorted(good, bands)]
    known = np.isfinite(table)
    mean: Array = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _numbers(fitted: FittedPeaks) -> Array:
    """Return all quantities of fitted peaks, (quantity and peak, spectrum), and the residual."""
    quantities = [getattr(fitted, name).T for name in _QUANTITIES]
    return np.concatenate([*quantities, fitted.residual[None]])


def _maps(cube: Cube, settings: PeakFit, numbers: Float32) -> PeakMaps:
    """Return maps of each quantity."""
    axis = cube.spectral_axis
    intensity = cube.intensity_unit or ""
    units = {
        "position": axis.symbol,
        "width": axis.symbol,
        "height": intensity,
        "area": f"{intensity} {axis.symbol}".strip(),
    }
    low, high = sorted((settings.start, settings.end))
    shape = settings.shape.replace("_", "-")
    shape = shape.replace("gaussian", "Gaussian").replace("lorentzian", "Lorentzian")
    shape = shape.replace("voigt", "Voigt")
    place = f"{low:g}–{high:g} {axis.symbol}".rstrip()
    step = f"fitted {settings.peaks} {shape} peak{'s' * (settings.peaks != 1)} in {place}"
    names = tuple(f"peak {number}" for number in range(1, settings.peaks + 1))
    maps = []
    for position, quantity in enumerate((*_QUANTITIES, "residual")):
        first = position * settings.peaks
        is_residual = quantity == "residual"
        channels = ("residual",) if is_residual else names
        title = quantity.replace("_", " ")
        unit = intensity if is_residual else units[quantity.removesuffix("_error")]
        maps.append(
            cube.after(
                f"{step}: {title}",
                data=numbers[..., first : first + len(channels), :, :],
                axis=ChannelAxis(channels),
                intensity_unit=unit or None,
                name=f"{cube.name} · peak {title} ({shape}, {place})".strip(" ·"),
            )
        )
    return PeakMaps(*maps)
