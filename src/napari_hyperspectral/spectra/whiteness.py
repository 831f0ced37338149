"""What a denoiser removed, in units of the noise, and whether it is noise: white, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .arrays import Array, Float32, GoodBands, Intensities
from .noise import NoiseLaw, neighbour_correlation, noise_rank
from .singular import planes_of

_SPREADS: Final = 4.0
"""How many times its expected spread a correlation may be off by chance."""
_NOTABLE: Final = 0.02
"""Correlation below which it does not matter, however many values show it."""
_STD_TOLERANCE: Final = 0.1
"""How far the standard deviation of what was removed may be from that of the noise."""


@dataclass(frozen=True)
class Whiteness:
    """How alike neighbours are in what was removed, beyond what they share of the noise."""

    std: float
    """Standard deviation of what was removed, by that of the noise: 1 if it is the noise."""
    spectral: float
    """Correlation of neighbouring bands, less that of the noise."""
    spatial: tuple[float, float]
    """Correlation of neighbours along y, and along x, less that of the noise."""
    spread: float
    """Standard deviation to expect of these correlations, by chance."""
    components: int
    """Spectral components in what was removed that are stronger than noise."""

    @property
    def white(self) -> bool:
        """Whether no structure is seen: noise was removed, and no signal.

        Neighbours that are less alike than those of the noise are no sign of signal: a denoiser
        that keeps the smooth part of the noise removes the rough part.
        """
        limit = max(_NOTABLE, _SPREADS * self.spread)
        alike = max(self.spectral, *self.spatial) > limit
        return not alike and self.components == 0 and self.std < 1 + _STD_TOLERANCE

    def __str__(self) -> str:
        along_y, along_x = self.spatial
        verdict = "white" if self.white else "structured: some signal may have been removed"
        return (
            f"removed {self.std:.2f} standard deviations of the noise, {verdict} (correlation of "
            f"neighbours beyond that of the noise: bands {self.spectral:+.3f}, rows {along_y:+.3f}, "
            f"columns {along_x:+.3f}, each ± {self.spread:.3f} by chance; components above noise: "
            f"{self.components})"
        )


def standardised_residual(
    noisy: Intensities,
    denoised: Intensities,
    law: NoiseLaw,
) -> Float32:
    """Return what was removed, in standard deviations of the noise.

    Parameters
    ----------
    noisy, denoised : ndarray, shape (…, band, y, x)
        Intensities, in one unit; NaN is missing.
    law : NoiseLaw
        Of the noisy image: `noise_law`.

    Raises
    ------
    ValueError
        If the images differ in shape.
    """
    if noisy.shape != denoised.shape:
        raise ValueError(
            f"the noisy image is {noisy.shape}, the denoised one {denoised.shape}; they must be alike"
        )
    mean = np.asarray(denoised, np.float64)
    sigma = law.sigma(mean)
    removed: Array = np.asarray(noisy, np.float64) - mean
    sigma = np.where(sigma > 0, sigma, np.nan)  # without noise there is no unit
    return (removed / sigma).astype(np.float32)


def whiteness(
    residual: Intensities,
    law: NoiseLaw,
    *,
    good: GoodBands | None = None,
) -> Whiteness:
    """Tell whether a residual, (…, band, y, x), in standard deviations of the noise, is noise only.

    Neighbours share some of the noise itself, as the law says; what they share beyond that, and
    spectral components that are stronger than noise, is structure. Source of the spread of a
    correlation: Bartlett 1946, https://doi.org/10.2307/2983611.

    Parameters
    ----------
    residual : ndarray, shape (…, band, y, x)
        From `standardised_residual`; NaN is missing.
    law : NoiseLaw
        Of the noisy image.
    good : ndarray of bool, shape (band,), optional
        False for bad bands, which are left out.

    Raises
    ------
    ValueError
        If nothing is known.
    """
    planes = planes_of(residual, good)
    known = np.isfinite(planes)
    count = int(known.sum())
    if count == 0:
        raise ValueError("the residual holds no value: all are missing")
    along_bands, along_y, along_x = (neighbour_correlation(planes, axis) for axis in (1, 2, 3))
    law_y, law_x = law.spatial_correlation
    return Whiteness(
        std=float(np.sqrt(np.square(planes[known]).mean())),
        spectral=along_bands - law.spectral_correlation,
        spatial=(along_y - law_y, along_x - law_x),
        spread=1 / np.sqrt(count),
        components=noise_rank(planes, law),
    )
