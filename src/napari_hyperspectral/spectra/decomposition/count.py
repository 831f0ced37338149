"""How many components a cube holds, and why."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ...cube import Cube
from ..noise import noise_law, noise_rank
from ..singular import filled, planes_of, singular_values, spectra_of
from .sample import middle_of

_MOST: Final = 12
"""Components that are suggested, at most: as many as have a colour."""
_ENOUGH: Final = 0.95
"""Share of the signal that the components should hold."""
_SMALLEST: Final = 1e-5
"""Standard deviation of noise, by the largest, that spectra are divided by."""


class SuggestedCount(NamedTuple):
    """A number of components."""

    components: int
    """How many, at least 2 and at most 12."""
    reason: str
    """Why, in a sentence."""
    above_noise: int
    """Directions, besides the mean spectrum, in which spectra differ by more than their noise."""
    signal: tuple[float, ...]
    """Share of the signal that each of them holds, the strongest first."""


def suggested_count(cube: Cube) -> SuggestedCount:
    """Return how many components are in a cube, the background included.

    Spectra are divided by the standard deviation of their noise (see `noise`). The directions in
    which they differ by more than simulated noise does are counted until they hold 95 % of the
    variance that is not noise; mixtures that differ in *n* directions have *n* + 1 components.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). Of large images the middle is read.

    Raises
    ------
    ValueError
        If no two neighbours are measured.
    """
    good = cube.axis.good
    data = middle_of(cube)[..., good, :, :]
    law = noise_law(data)
    planes = planes_of(data)
    planes = planes[:, np.isfinite(planes).any(axis=(0, 2, 3))]
    mean = np.nanmean(planes, axis=(0, 2, 3), keepdims=True)
    sigma = law.sigma(mean)
    sigma = np.maximum(sigma, _SMALLEST * (float(sigma.max()) or 1.0))
    whitened = (planes - mean) / sigma
    above_noise = noise_rank(whitened, law)
    if not above_noise:
        reason = "nothing in these spectra is stronger than their noise: 2 is the fewest"
        return SuggestedCount(2, reason, 0, ())

    table = filled(spectra_of(whitened), above_noise)
    powers = np.square(singular_values(table))
    noise = np.median(powers)  # of all directions, most are noise
    signal = np.maximum(powers[:above_noise] - noise, 0)
    shares = signal / signal.sum()
    held = np.cumsum(shares)
    directions = int(np.searchsorted(held, _ENOUGH)) + 1
    directions = min(directions, above_noise, _MOST - 1)
    reason = (
        f"spectra differ in {above_noise} direction{'s' * (above_noise != 1)} by more than their "
        f"noise; the strongest {directions} hold {held[directions - 1]:.0%} of the signal, and "
        f"mixtures that differ so have {directions + 1} components"
    )
    return SuggestedCount(directions + 1, reason, above_noise, tuple(shares.tolist()))
