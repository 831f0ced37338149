"""Find the peaks of one spectrum, and read them out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import find_peaks, peak_widths

from ...axis import SpectralAxis
from ..arrays import Array, Centres


class Peak(NamedTuple):
    """A peak of a spectrum."""

    position: float
    """Of a parabola through the greatest band and its neighbours, in the unit of the axis."""
    height: float
    """Greatest intensity, from 0."""
    prominence: float
    """Height above the higher one of the valleys at both sides."""
    width: float
    """Full width at half of the prominence, in the unit of the axis."""
    area: float
    """Above a straight line between the feet of the peak, in intensity times the unit of the axis."""


def found_peaks(
    spectrum: ArrayLike, axis: SpectralAxis, *, least_prominence: float = 0.05, most: int = 20
) -> list[Peak]:
    """Return the peaks of a spectrum, in the order of their positions.

    Parameters
    ----------
    spectrum : array, shape (band,)
        Missing values and bad bands are bridged.
    axis : SpectralAxis
        In any order; repeated centres count once.
    least_prominence : float
        Of a peak, by the difference between the greatest and the least value of the spectrum.
    most : int
        How many; the most prominent ones.
    """
    values = np.asarray(spectrum, np.float64).ravel()
    usable = np.flatnonzero(np.isfinite(values) & axis.good)
    centres, first = np.unique(axis.centres[usable], return_index=True)
    values = values[usable][first]
    if len(values) < 3:
        return []
    least = least_prominence * float(np.ptp(values))
    bands, about = find_peaks(values, prominence=max(least, np.finfo(float).tiny))
    strongest = np.sort(np.argsort(-about["prominences"], kind="stable")[:most])
    bands = bands[strongest]
    prominences = about["prominences"][strongest]
    bases = (about["left_bases"][strongest], about["right_bases"][strongest])
    _, _, left, right = peak_widths(values, bands, 0.5, (prominences, *bases))
    index = np.arange(len(centres))
    widths = np.interp(right, index, centres) - np.interp(left, index, centres)
    _, _, left_foot, right_foot = peak_widths(values, bands, 0.95, (prominences, *bases))
    peaks = []
    for number, band in enumerate(bands):
        feet = slice(int(left_foot[number]), int(np.ceil(right_foot[number])) + 1)
        peaks.append(
            Peak(
                _vertex(centres, values, int(band)),
                float(values[band]),
                float(prominences[number]),
                float(widths[number]),
                _area_above_line(centres[feet], values[feet]),
            )
        )
    return peaks


def _vertex(centres: Centres, values: Array, band: int) -> float:
    """Return where a parabola through a band and its neighbours has its maximum."""
    left, centre, right = centres[band - 1 : band + 2]
    low, high, beyond = values[band - 1 : band + 2]
    rise = (high - low) / (centre - left)
    fall = (beyond - high) / (right - centre)
    if rise <= fall:
        return float(centre)
    return float(
        np.clip((left + centre) / 2 + rise * (right - left) / 2 / (rise - fall), left, right)
    )


def _area_above_line(centres: Centres, values: Array) -> float:
    area = float(np.trapezoid(values, centres))
    return area - float((values[0] + values[-1]) / 2 * (centres[-1] - centres[0]))
