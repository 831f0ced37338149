"""How fine the detail is that a measurement shows: a bound for every image that is made of it.

An image that is made of a measurement always agrees with it, also in what is aliased, or noise.
How far it is true is bounded by both: how far the measurement is, and how far the image agrees.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from ..metrics.values import Floats
from .fourier import PixelSize, RingGrid, faded_spectrum
from .resolution import Rings, as_bands

_TOP: Final = 0.75
"""Share of the highest frequency from which on a measurement is taken for noise and aliases."""
_FEWEST_RINGS: Final = 8
"""Images with fewer Fourier rings say nothing about their detail."""
_LEAST_CORRELATION: Final = float(np.cos(np.arccos(1 / 7) / 2))
"""Of image and measurement, and of measurement and scene: then that of image and scene is more
than 1/7, as correlations are cosines, and their angles add up at most."""


def signal_correlation(measurement: ArrayLike, *, pixel_size: PixelSize = 1.0) -> Rings:
    """Return how a measurement correlates with its scene, ring by ring: at least so much.

    Noise has the same power at all frequencies, and what is aliased has most power near the
    highest one. So no ring holds more of both than the strongest of the outermost rings: what it
    has beyond that is signal.

    Parameters
    ----------
    measurement : array, shape (y, x) or (band, y, x)
        In any unit.
    pixel_size : float or (float, float)
        Height and width of a pixel.
    """
    bands = as_bands(measurement)
    height, width = bands.shape[-2:]
    grid = RingGrid((height, width), pixel_size)
    sizes = grid.sizes()
    first_of_top = int(_TOP * grid.count)
    correlation = np.zeros(grid.count)
    for band in bands:
        spectrum = faded_spectrum(band)
        power = grid.sums(np.abs(spectrum) ** 2) / sizes  # (ring,)
        others = power[first_of_top:].max(initial=0.0)
        signal = np.maximum(power - others, 0)
        share = signal / np.where(power > 0, power, 1)
        correlation += np.sqrt(share) / len(bands)
    return Rings(grid.frequency, correlation, sizes)


def confirmed_resolution(measured: Rings, agreement: Rings) -> float:
    """Return the finest detail, in pixel units, of an image that its measurement confirms.

    It depends on the measurement alone, so that no image is told to be finer than another that
    is made of the same.

    Parameters
    ----------
    measured : Rings
        The `signal_correlation` of the measurement.
    agreement : Rings
        Of the image and its enlarged measurement.

    Returns
    -------
    float
        NaN where there is none to be known: the measurement is too small, or holds no signal, or
        the image contradicts it at coarser detail.
    """
    if len(measured.frequency) < _FEWEST_RINGS:
        return float("nan")
    resolution = measured.resolution_at(_LEAST_CORRELATION)
    if not np.isfinite(resolution):
        return float("nan")
    confirmed = agreement.frequency <= 1 / resolution
    coarser: Floats = agreement.correlation[confirmed]
    if not len(coarser) or coarser.min() < _LEAST_CORRELATION:
        return float("nan")
    return resolution
