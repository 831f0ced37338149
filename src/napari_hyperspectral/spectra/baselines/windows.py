"""Baselines by windows that move along the bands: SNIP, rolling ball.

Each function returns the baseline, in the shape and unit of the data, to be subtracted. Bands are
taken as equally spaced, as in the sources. Missing values and bad bands are bridged by straight
lines; beyond its ends a spectrum goes on as a straight line fitted to them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import Array, Block, Float32, GoodBands, Intensities
from ..each import bridged, each_block, used_in_block

_CACHE: Final = 2**16
"""Values of a block: it stays in the processor while windows pass over it."""


def snip_baseline(
    data: Intensities,
    half_window: int = 40,
    *,
    decreasing: bool = True,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return what is left of each spectrum when its peaks are clipped, window by window.

    Statistics-sensitive non-linear iterative peak-clipping: a value gives way to the mean of its
    neighbours at a distance of k bands where that is lower, for each k up to `half_window`.
    Source: Ryan et al. 1988, https://doi.org/10.1016/0168-583X(88)90063-8; with decreasing windows
    Morháč et al. 1997, eq. 2, https://doi.org/10.1016/S0168-9002(97)01023-1.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; NaN where nothing was measured.
    half_window : int
        Greatest distance of the neighbours, in bands: about the width of the broadest peak. More
        than half of the bands count as half of them.
    decreasing : bool
        Whether windows become smaller and not larger: the baseline is smoother.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.

    Raises
    ------
    ValueError
        If `half_window` is not positive.
    """
    _check(half_window)

    def step(block: Block) -> Block:
        bands = len(block)
        widest = min(half_window, (bands - 1) // 2)
        if widest == 0:  # one or two bands have no neighbours on both sides
            return bridged(block, used_in_block(block, good))
        spectra = _extended(bridged(block, used_in_block(block, good)), widest)
        distances = range(1, widest + 1)
        for distance in reversed(distances) if decreasing else distances:
            clipped = spectra[: -2 * distance] + spectra[2 * distance :]
            clipped /= 2
            inner = spectra[distance:-distance]
            np.minimum(inner, clipped, out=inner)
        return spectra[widest:-widest]

    return each_block(step, data, band, _CACHE)


def rolling_ball_baseline(
    data: Intensities,
    half_window: int = 40,
    smoothing: int | None = None,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return the curve that a ball touches which rolls below each spectrum, smoothed.

    The ball is flat, as in the source: the lowest values of windows, then the highest of those
    (a grey opening), then their moving average.
    Source: Kneen & Annegarn 1996, https://doi.org/10.1016/0168-583X(95)00908-6.

    Parameters
    ----------
    data, good, band
        See `snip_baseline`.
    half_window : int
        Bands on each side of the middle of a window; more than the half width of the broadest peak.
    smoothing : int, optional
        Bands on each side of the middle of an average; default: `half_window`.

    Raises
    ------
    ValueError
        If `half_window` is not positive, or `smoothing` is negative.
    """
    _check(half_window)
    if smoothing is None:
        smoothing = half_window
    if smoothing < 0:
        raise ValueError(f"{smoothing} bands are averaged on each side; choose 0 or more")

    def step(block: Block) -> Block:
        spectra = bridged(block, used_in_block(block, good))
        lowest = -_running_maximum(-spectra, half_window)
        opened = _running_maximum(lowest, half_window)
        return _running_mean(opened, smoothing)

    return each_block(step, data, band, _CACHE)


def _check(half_window: int) -> None:
    """Refuse windows of a single band."""
    if half_window < 1:
        raise ValueError(f"the half window is {half_window} bands; choose at least 1")


def _extended(spectra: Block, number: int) -> Block:
    """Return spectra, (band, spectrum), with so many bands more at either end, on straight lines.

    The lines fit that many bands of the end best.
    """
    if number == 0:
        return spectra
    fitted = min(number, len(spectra))
    left = _line(np.arange(fitted * 1.0), np.arange(-number * 1.0, 0))
    ahead = _line(np.arange(-fitted * 1.0, 0), np.arange(number * 1.0))
    return np.concatenate(
        [_mixed(left, spectra[:fitted]), spectra, _mixed(ahead, spectra[-fitted:])]
    )


def _line(known: Array, asked: Array) -> Array:
    """Return the weights, (asked, known), of values whose best straight line is asked elsewhere."""
    if len(known) == 1:
        return np.ones((len(asked), 1))
    line: Array = np.vander(asked, 2) @ np.linalg.pinv(np.vander(known, 2))
    return line


def _mixed(weights: Array, spectra: Block) -> Block:
    """Return sums, (row, spectrum), of bands by weights, (row, band), spectrum by spectrum."""
    mixed: Block = np.einsum("rb,bs->rs", weights, spectra)
    return mixed


def _running_maximum(spectra: Block, half_window: int) -> Block:
    """Return the greatest value of the window around each band; windows end with the spectrum."""
    bands = len(spectra)
    half_window = min(half_window, bands - 1)
    width = 2 * half_window + 1
    nothing = np.full((half_window, spectra.shape[1]), -np.inf)
    greatest = np.concatenate([nothing, spectra, nothing])
    covered = 1  # bands, from each one on
    while covered < width:
        more = min(covered, width - covered)
        greatest = np.maximum(greatest[:-more], greatest[more:])
        covered += more
    return greatest


def _running_mean(spectra: Block, half_window: int) -> Block:
    """Return the mean of the window around each band, of spectra extended by straight lines."""
    width = 2 * half_window + 1
    extended = _extended(spectra, half_window)
    offset = spectra[:1]  # sums of small numbers lose least
    sums = np.cumsum(extended - offset, axis=0)
    means = sums[width - 1 :].copy()
    means[1:] -= sums[:-width]
    means /= width
    return means + offset
