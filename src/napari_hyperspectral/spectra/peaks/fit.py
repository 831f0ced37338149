"""Fit peaks on a straight line to spectra: positions, heights, widths, areas, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Self

import numpy as np
from annotated_types import Ge, Le
from pydantic import model_validator

from ...scale import scale_of
from ...settings import Settings
from ..arrays import Array, Centres, Mask, SpectraTable, ValuePerSpectrum
from .least_squares import Solution, covariances, solve
from .model import Parameters, PeakModel
from .shapes import GAUSSIAN_AREA, LORENTZIAN_AREA, Shape, unit_area

_SHIFTS: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Of the peaks of the mean spectrum, in their widths: where those of others are looked for."""
_STRETCHES: Final = (0.6, 1.0, 1.7)
"""Of their widths."""
_WIDEST: Final = 4.0
"""Widths, by the range, beyond which a peak is a slope of the line."""


class PeakFit(Settings):
    """Which peaks are fitted, where."""

    start: float
    """One end of the range, in the unit of the axis."""
    end: float
    """The other end."""
    peaks: Annotated[int, Ge(1), Le(8)] = 1
    """Number of peaks in the range."""
    shape: Shape = "gaussian"
    """Gaussian, Lorentzian, or pseudo-Voigt: a mixture of both, which is fitted too."""
    positions: tuple[float, ...] = ()
    """Where the peaks are about, in the unit of the axis. Empty: found in the mean spectrum."""

    @model_validator(mode="after")
    def _positions_are_complete(self) -> Self:
        if self.positions and len(self.positions) != self.peaks:
            raise ValueError(
                f"{len(self.positions)} positions for {self.peaks} peaks; enter one for each, or none"
            )
        low, high = sorted((self.start, self.end))
        outside = [place for place in self.positions if not low <= place <= high]
        if outside:
            raise ValueError(f"{outside[0]:g} is no position between {low:g} and {high:g}")
        return self


@dataclass(frozen=True, eq=False)
class FittedPeaks:
    """Peaks of some spectra, shape (spectrum, peak), ordered by position in the mean spectrum.

    NaN where a fit found no peak in the range.
    """

    position: Array
    """In the unit of the axis."""
    height: Array
    """Above the line, in the unit of the spectra."""
    width: Array
    """Full width at half maximum, in the unit of the axis."""
    area: Array
    """In the unit of the spectra times that of the axis; all of the peak, beyond the range, too."""
    share: Array
    """Of the Lorentzian: 0 Gaussian, 1 Lorentzian."""
    position_error: Array
    """Standard errors, in the same units."""
    height_error: Array
    width_error: Array
    area_error: Array
    residual: ValuePerSpectrum
    """Root mean square of what is left of each spectrum, (spectrum,), in its unit."""
    rows: Array
    """Parameters of `model`, (spectrum, parameter)."""
    model: PeakModel

    def curves(self, centres: Centres) -> SpectraTable:
        """Return the fitted spectra at places on the axis, (spectrum, place)."""
        return self._at(centres, self.rows)

    def line(self, centres: Centres) -> SpectraTable:
        """Return the line below the peaks at places on the axis, (spectrum, place)."""
        rows = self.rows.copy()
        rows[:, -2 - self.model.peaks : -2] = 0  # heights
        return self._at(centres, rows)

    def peak(self, number: int, centres: Centres) -> SpectraTable:
        """Return one peak, counted from 0, on the line, at places on the axis, (spectrum, place)."""
        rows = self.rows.copy()
        peaks = self.model.peaks
        others = [other for other in range(peaks) if other != number]
        rows[:, [len(rows[0]) - 2 - peaks + other for other in others]] = 0
        return self._at(centres, rows)

    def _at(self, centres: Centres, rows: Array) -> SpectraTable:
        ends = self.model.centres[[0, -1]]
        across = (np.asarray(centres, np.float64) - ends[0]) / (ends[1] - ends[0])
        found = self.model.parameters(rows)
        line = found.line @ np.stack([1 - across, across])
        there = PeakModel(np.asarray(centres, np.float64), self.model.peaks, self.model.shape)
        peaks = np.matmul(there.unit_peaks(found), found.height[..., None])[..., 0]
        curves: Array = line + peaks
        return curves


def fit_peaks(
    table: SpectraTable, centres: Centres, settings: PeakFit, mean: Array | None = None
) -> FittedPeaks:
    """Fit peaks on a straight line to spectra, all of them at once, by least squares.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Intensities of the bands in the range. Missing values (NaN) do not count; where fewer are
        measured than there are parameters, nothing is fitted.
    centres : ndarray, shape (band,)
        Increasing, in the unit of the axis.
    settings : PeakFit
        Number and shape of the peaks.
    mean : ndarray, shape (band,), optional
        The spectrum in which peaks are found first; default: the mean of the table.

    Raises
    ------
    ValueError
        If there are fewer bands than parameters.
    """
    model = PeakModel(centres, settings.peaks, settings.shape)
    if len(centres) <= model.size:
        several = settings.peaks != 1
        raise ValueError(
            f"{settings.peaks} peak{'s' * several} on a line {'have' if several else 'has'} "
            f"{model.size} parameters, the range {len(centres)} bands; choose a wider range, fewer "
            "peaks, or a simpler shape"
        )
    scale = scale_of(table)
    table = table / scale
    known = np.isfinite(table)
    mean = _mean(table) if mean is None else mean / scale
    first = _of_mean(model, mean, settings.positions)
    start = _starts(model, first, table)
    solution = solve(model, table, start)
    enough = known.sum(axis=1) > model.size
    usable = solution.solved & enough & np.isfinite(solution.rows).all(axis=1)
    return _described(model, solution, known, usable, scale)


def _mean(table: SpectraTable) -> Array:
    """Return the mean of the known values of each band, (band,); 0 where there are none."""
    known = np.isfinite(table)
    mean: Array = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _of_mean(model: PeakModel, mean: Array, positions: tuple[float, ...]) -> Parameters:
    """Return the peaks of a mean spectrum, (band,), ordered by their positions."""
    places, widths = _guessed(model, mean, positions)
    start = _linear(model, places[None], widths[None], mean[None])
    solution = solve(model, mean[None], start)
    found = model.parameters(solution.rows)
    low, high = model.centres[[0, -1]]
    inside = (found.position >= low) & (found.position <= high)
    sensible = inside & (found.width < _WIDEST * (high - low))
    if not sensible.all():  # what was guessed is better than what ran away
        found = model.parameters(start)
    order = np.argsort(found.position[0], kind="stable")
    position, width, share, height = (values[:, order] for values in found[:4])
    return Parameters(position, width, share, height, found.line)


def _guessed(model: PeakModel, mean: Array, positions: tuple[float, ...]) -> tuple[Array, Array]:
    """Return positions and widths of peaks, (peak,), one after the other from the highest down."""
    centres = model.centres
    left = mean - mean[[0, -1]] @ model.line_shares().T
    places = []
    widths = []
    for number in range(model.peaks):
        top = int(left.argmax())
        if positions:
            top = int(np.abs(centres - positions[number]).argmin())
        width = _half_width(centres, left, top)
        places.append(positions[number] if positions else centres[top])
        widths.append(width)
        left = left - left[top] * np.exp(-4 * np.log(2) * ((centres - centres[top]) / width) ** 2)
    return np.array(places), np.array(widths)


def _half_width(centres: Centres, values: Array, top: int) -> float:
    """Return twice the distance from a band to where values fall to half, on the nearer side."""
    low = values < values[top] / 2
    distances = np.abs(centres - centres[top])
    least = 2 * float(np.abs(np.diff(centres)).mean())
    if values[top] <= 0 or not low.any():
        return max(least, float(np.ptp(centres)) / 6)
    return max(least, 2 * float(distances[low].min()))


def _starts(model: PeakModel, first: Parameters, table: SpectraTable) -> Array:
    """Return parameters to start from, (spectrum, parameter): shifted, stretched as fits best."""
    best = np.full(len(table), np.inf)
    starts = np.zeros((len(table), model.size))
    known = np.isfinite(table)
    target = np.where(known, table, 0)
    for stretch in _STRETCHES:
        for shift in _SHIFTS:
            places = first.position + shift * first.width
            places = np.clip(places, model.centres[0], model.centres[-1])
            rows = _linear(model, places, first.width * stretch, table)
            misfit = np.square((model.values(rows) - target) * known).sum(axis=1)
            better = misfit < best
            starts[better] = rows[better]
            best[better] = misfit[better]
    return starts


def _linear(model: PeakModel, position: Array, width: Array, table: SpectraTable) -> Array:
    """Return parameters with heights and line by linear least squares, (spectrum, parameter).

    Positions and widths, (1, peak), are those of all spectra; missing values count as the line
    between their neighbours would, roughly: as the mean of their spectrum.
    """
    zeros = np.zeros(position.shape)
    row = model.row(position, width, zeros, np.zeros((1, 2)))
    unit = model.unit_peaks(model.parameters(row))[0]  # (band, peak)
    design = np.concatenate([unit, model.line_shares()], axis=1)
    known = np.isfinite(table)
    means = np.where(known, table, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    target = np.where(known, table, means[:, None])
    amounts = target @ np.linalg.pinv(design).T  # (spectrum, peak and line)
    rows = np.repeat(row, len(table), axis=0)
    rows[:, -model.peaks - 2 :] = amounts
    return rows


def _described(
    model: PeakModel, solution: Solution, known: Mask, usable: Mask, scale: float
) -> FittedPeaks:
    """Return peaks in the unit of the spectra, NaN where none was found in the range."""
    found = model.parameters(solution.rows)
    covariance = covariances(model, solution, known)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    peaks = model.peaks
    low, high = model.centres[[0, -1]]
    inside = (found.position >= low) & (found.position <= high)
    inside &= (found.width < _WIDEST * (high - low)) & usable[:, None]
    size = unit_area(found.share)
    area = found.height * found.width * size
    errors = np.sqrt(np.maximum(variance, 0))
    rows = np.where(usable[:, None], solution.rows, np.nan)
    rows[:, -peaks - 2 :] *= scale
    bands = np.maximum(known.sum(axis=1), 1)

    def kept(values: Array) -> Array:
        return np.where(inside, values, np.nan)

    return FittedPeaks(
        position=kept(found.position),
        height=kept(found.height * scale),
        width=kept(found.width),
        area=kept(area * scale),
        share=kept(found.share),
        position_error=kept(errors[:, :peaks]),
        height_error=kept(errors[:, -peaks - 2 : -2] * scale),
        width_error=kept(errors[:, peaks : 2 * peaks] * found.width),
        area_error=kept(_area_errors(model, found, covariance) * scale),
        residual=np.where(usable, np.sqrt(solution.misfit / bands) * scale, np.nan),
        rows=rows,
        model=model,
    )


def _area_errors(model: PeakModel, found: Parameters, covariance: Array) -> Array:
    """Return standard errors of areas, (spectrum, peak), from those of what they follow from."""
    peaks = model.peaks
    size = unit_area(found.share)
    slopes = np.zeros((len(covariance), peaks, model.size))
    number = np.arange(peaks)
    slopes[:, number, peaks + number] = found.height * found.width * size  # by the log of the width
    slopes[:, number, model.size - 2 - peaks + number] = found.width * size
    if model.shape == "pseudo_voigt":
        by_share = found.height * found.width * (LORENTZIAN_AREA - GAUSSIAN_AREA)
        slopes[:, number, 2 * peaks + number] = by_share * found.share * (1 - found.share)
    variance = np.einsum("spi,sij,spj->sp", slopes, covariance, slopes)
    errors: Array = np.sqrt(np.maximum(variance, 0))
    return errors
