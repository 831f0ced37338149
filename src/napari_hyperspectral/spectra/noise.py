"""The noise law of a cube, estimated from the cube alone.

What the strongest components of the spectra leave is noise, less the freedom that they took. Its
variance against the mean is a line: read noise, which is there without light, and photons
(Foi et al. 2008, https://doi.org/10.1109/TIP.2008.2001399). How many components are more than
noise, simulated noise of the same law says (parallel analysis: Horn 1965,
https://doi.org/10.1007/BF02289447).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import convolve1d
from scipy.optimize import nnls

from ..scale import scale_of
from .arrays import Array, GoodBands, Intensities
from .singular import Planes, filled, planes_of, singular_values, spectra_of, strongest, unfolded

_ROUNDS: Final = 4
"""Times that law and number of components are estimated from each other."""
_LARGEST_SIDE: Final = 200
"""Rows and columns that are looked at, in the middle of a larger image."""
_MOST_COMPONENTS: Final = 64
_BINS: Final = 32
"""Levels of the mean at which the variance is measured."""
_SPIKE_QUANTILE: Final = 0.999
"""Squared residuals beyond this quantile of their level, such as cosmic rays, are cut to it."""
_FEWEST: Final = 8
"""Bands, and spectra, below which there are no components to remove."""
_MARGIN: Final = 1.02
"""How far a component must exceed the strongest one of noise: the law is not known exactly."""
_SIMULATED_VALUES: Final = 200_000
_MOST_SIMULATIONS: Final = 20
_LARGEST_CORRELATION: Final = 0.49
"""Of neighbours, where their neighbours are not correlated."""
_CAUTIOUS: Final = 0.4
"""Correlation of neighbours that is assumed at first."""
_SMALLEST: Final = 1e-300
"""Keeps divisors above 0 where there is no noise."""
_LEAST_SIGMA: Final = 1e-5
"""Of noise, by the largest: where there is none at all, the quotient would be infinite."""
_LEAST_VARIANCE: Final = 0.01
"""Of noise at means below 0, by that at 0."""
_NOTABLE: Final = 0.05
"""Correlation from which neighbours are said to share noise."""


@dataclass(frozen=True)
class NoiseLaw:
    """How large the noise of intensities is, and how much of it neighbours share.

    Its variance is read² + gain · mean, also of intensities from which a constant was taken off.
    """

    read: float
    """Standard deviation of the noise at a mean of 0, in the unit of the intensities."""
    gain: float
    """Variance per unit of the mean, in that unit: 1 for photon counts, 0 for additive noise."""
    spectral_correlation: float = 0.0
    """Correlation of the noise of neighbouring bands."""
    spatial_correlation: tuple[float, float] = (0.0, 0.0)
    """Correlation of the noise of neighbours along y, and along x."""
    unit: str = ""
    """Unit of the intensities, where it is known."""

    def sigma(self, mean: ArrayLike) -> Array:
        """Return the standard deviation of the noise at these means, in their unit and shape."""
        variance = self.read**2 + self.gain * np.asarray(mean, np.float64)
        return np.sqrt(np.maximum(variance, _LEAST_VARIANCE * self.read**2))

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        size = f"{self.read:.3g}{unit} whatever the mean"
        if self.gain > 0:
            size = f"√({self.read**2:.3g} + {self.gain:.3g} · mean){unit}"
        return f"standard deviation of the noise {size}; {self._correlation}"

    @property
    def _correlation(self) -> str:
        along_y, along_x = self.spatial_correlation
        correlations = {
            "bands": self.spectral_correlation,
            "rows": along_y,
            "columns": along_x,
        }
        notable = []
        for neighbours, correlation in correlations.items():
            if abs(correlation) >= _NOTABLE:
                notable.append(f"{neighbours} {correlation:.2f}")
        if not notable:
            return "neighbours share none of it"
        return f"correlation of neighbouring {', '.join(notable)}"


def noise_law(data: Intensities, *, good: GoodBands | None = None, unit: str = "") -> NoiseLaw:
    """Estimate the noise law of a cube.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities; NaN is missing. Of images of more than 200 × 200 pixels the middle is used.
    good : ndarray of bool, shape (band,), optional
        False for bad bands, which are left out.
    unit : str
        Of the intensities, for the text of the law.

    Raises
    ------
    ValueError
        If no neighbours, in the image or along the spectrum, are measured.
    """
    planes = _measured_bands(planes_of(_middle(data), good))
    scale = scale_of(planes)
    law = _estimated(planes / scale, unit)
    return replace(law, read=scale * law.read, gain=scale * law.gain)


def _estimated(planes: Planes, unit: str) -> NoiseLaw:
    """Return the law of planes of which each band is measured somewhere, near 1 in size."""
    law = _law_from(_differences(planes), unit)
    if min(planes.shape[1], planes[:, 0].size) < _FEWEST:
        return law
    # few components at first: signal that they leave is found later, noise that they take is not
    law = replace(law, spectral_correlation=_CAUTIOUS, spatial_correlation=(_CAUTIOUS, _CAUTIOUS))
    for _ in range(_ROUNDS):
        before = law
        law = _law_from(_low_rank_residual(planes, law), unit)
        if _alike(law, before):
            break
    return law


def noise_rank(whitened: Planes, law: NoiseLaw) -> int:
    """Return how many components of spectra are stronger than all of their noise.

    Parameters
    ----------
    whitened : ndarray, shape (plane, band, y, x)
        Spectra less their mean, by the standard deviation of their noise; NaN is missing.
    law : NoiseLaw
        Its correlations are those of the simulated noise.
    """
    table = spectra_of(whitened)
    known = np.isfinite(table)
    measured = known.any(axis=1)  # (spectrum,)
    of_spectra = singular_values(np.where(known, table, 0)[measured])
    strongest_noise = []
    median_noise = []
    # the strongest component of little noise varies from one noise to the next
    for seed in range(min(_MOST_SIMULATIONS, 1 + _SIMULATED_VALUES // table.size)):
        noise = spectra_of(white_noise(whitened.shape, law, seed))
        of_noise = singular_values(np.where(known, noise, 0)[measured])
        strongest_noise.append(of_noise[0])
        median_noise.append(np.median(of_noise))
    # most components are noise only: they say if there is less of it than the law says
    bulk = np.median(of_spectra) / np.mean(median_noise)
    edge = _MARGIN * min(bulk, 1) * max(strongest_noise)
    rank = int((of_spectra > edge).sum())
    return min(rank, _MOST_COMPONENTS, len(of_spectra) // 2)


def white_noise(shape: tuple[int, ...], law: NoiseLaw, seed: int = 0) -> Planes:
    """Return noise of standard deviation 1, (plane, band, y, x), with the correlations of a law."""
    noise = np.random.default_rng(seed).normal(size=shape)
    along_y, along_x = law.spatial_correlation
    correlations = ((1, law.spectral_correlation), (2, along_y), (3, along_x))
    for axis, correlation in correlations:
        kernel = _correlating_kernel(correlation)
        noise = convolve1d(noise, kernel, axis=axis, mode="wrap")
    return noise


def neighbour_correlation(noise: Planes, axis: int) -> float:
    """Return the correlation of values of mean 0 with their neighbours along an axis; NaN is left out.

    0 where nothing has a neighbour.
    """
    first, second = _neighbours(noise, axis)
    both = np.isfinite(first) & np.isfinite(second)
    power = np.nanmean(np.square(noise))
    if not both.any() or not power > 0:
        return 0.0
    return float((first[both] * second[both]).mean() / power)


class _Residual(NamedTuple):
    """What is left of a cube without its signal, and the mean that it belongs to."""

    mean: Planes
    noise: Planes
    """Scaled so that its variance is that of the noise; NaN is missing."""
    band_correlation: float | None
    """Correlation of neighbouring bands that white noise would have had; None where correlations say
    nothing about the noise."""


def _low_rank_residual(planes: Planes, law: NoiseLaw) -> _Residual:
    """Return what the components of the spectra leave, if the noise follows this law."""
    table = spectra_of(planes)
    centre = np.nanmean(table, axis=0)
    scale = _divisors(law.sigma(centre))
    whitened = (table - centre) / scale
    rank = noise_rank(unfolded(whitened, planes.shape), law)
    components = strongest(filled(whitened, rank), rank)
    fitted = components.table() * scale + centre
    spectra = np.isfinite(table).any(axis=1).sum()
    bands = table.shape[1]
    # the components and the mean took their share of the noise, too
    freedom = (1 - (rank + 1) / spectra) * (1 - rank / bands)
    noise = (table - fitted) / np.sqrt(freedom)
    directions = components.directions  # (component, band)
    # what components along the spectrum take of white noise, they take from neighbours alike
    shared = -float((directions[:, :-1] * directions[:, 1:]).sum()) / (bands - rank)
    return _Residual(unfolded(fitted, planes.shape), unfolded(noise, planes.shape), shared)


def _differences(planes: Planes) -> _Residual:
    """Return the differences of neighbours along the axis where these are most alike.

    Raises
    ------
    ValueError
        If there are no neighbours.
    """
    candidates = []
    for axis in (1, 2, 3):
        first, second = _neighbours(planes, axis)
        noise = (first - second) / np.sqrt(2)
        if np.isfinite(noise).any():
            candidates.append(_Residual((first + second) / 2, noise, None))
    if not candidates:
        raise ValueError(
            "no noise can be estimated: no two neighbours, in the image or along the spectrum, are "
            "measured"
        )
    return min(candidates, key=lambda residual: float(np.nanmedian(np.abs(residual.noise))))


def _law_from(residual: _Residual, unit: str) -> NoiseLaw:
    """Return the law of noise without signal."""
    read_variance, gain = _variance_line(residual)
    law = NoiseLaw(float(np.sqrt(read_variance)), gain, unit=unit)
    if residual.band_correlation is None:
        return law
    sigma = _divisors(law.sigma(residual.mean))
    along_bands, along_y, along_x = (
        neighbour_correlation(residual.noise / sigma, axis) for axis in (1, 2, 3)
    )
    along_bands -= residual.band_correlation
    return replace(law, spectral_correlation=along_bands, spatial_correlation=(along_y, along_x))


def _variance_line(residual: _Residual) -> tuple[float, float]:
    """Return the variance at a mean of 0, and its slope, both at least 0, by least squares."""
    known = np.isfinite(residual.noise)
    mean = residual.mean[known]
    power = np.square(residual.noise[known])
    order = np.argsort(mean)
    means = []
    variances = []
    for chosen in np.array_split(order, min(_BINS, len(order))):
        most = np.quantile(power[chosen], _SPIKE_QUANTILE)
        means.append(mean[chosen].mean())
        variances.append(np.minimum(power[chosen], most).mean())
    level = np.array(means)
    variance = np.array(variances)
    # a variance is known as well as it is large
    weight = 1 / np.maximum(variance, variance.max() * 1e-6 + _SMALLEST)
    design = np.stack([np.ones_like(level), level], axis=1)  # (level, 2)
    size = np.maximum(np.abs(design).max(axis=0), _SMALLEST)
    line, _ = nnls(design / size * weight[:, None], variance * weight)
    read_variance, gain = line / size
    return float(read_variance), float(gain)


def _divisors(sigma: Array) -> Array:
    """Return standard deviations of noise by which values can be divided without overflow."""
    largest = float(sigma.max(initial=0))
    divisors: Array = np.maximum(sigma, _LEAST_SIGMA * largest + _SMALLEST)
    return divisors


def _alike(law: NoiseLaw, other: NoiseLaw) -> bool:
    """Return whether two laws of intensities near 1 are the same within a hundredth.

    Sizes of the noise are compared where it is dark and at 1, relative to the latter.
    """
    sizes = law.sigma([0, 1])
    others = other.sigma([0, 1])
    close = np.allclose(sizes, others, rtol=0.01, atol=0.002 * others[1])
    correlations = (law.spectral_correlation, *law.spatial_correlation)
    other_correlations = (other.spectral_correlation, *other.spatial_correlation)
    return close and bool(np.allclose(correlations, other_correlations, rtol=0.01, atol=0.002))


def _neighbours(values: Planes, axis: int) -> tuple[Planes, Planes]:
    """Return all values along an axis but the last, and all but the first."""
    count = values.shape[axis]
    first = np.take(values, range(count - 1), axis=axis)
    second = np.take(values, range(1, count), axis=axis)
    return first, second


def _correlating_kernel(correlation: float) -> Array:
    """Return two weights whose moving sum of white noise keeps its variance and correlates it."""
    bounded = np.clip(correlation, -_LARGEST_CORRELATION, _LARGEST_CORRELATION)
    if abs(bounded) < 1e-3:
        return np.array([1.0])
    second = (1 - np.sqrt(1 - 4 * bounded**2)) / (2 * bounded)
    kernel: Array = np.array([1.0, second, 0.0]) / np.hypot(1, second)
    return kernel


def _measured_bands(planes: Planes) -> Planes:
    """Return planes, (plane, band, y, x), without bands and planes of which nothing is measured."""
    known = np.isfinite(planes)
    bands = known.any(axis=(0, 2, 3))
    kept = known.any(axis=(1, 2, 3))
    return planes[kept][:, bands]


def _middle(data: Intensities) -> Intensities:
    """Return the middle of an image, (…, band, y, x), at most 200 × 200 pixels."""
    height, width = data.shape[-2:]
    top = max(0, height - _LARGEST_SIDE) // 2
    left = max(0, width - _LARGEST_SIDE) // 2
    return data[..., top : top + _LARGEST_SIDE, left : left + _LARGEST_SIDE]
