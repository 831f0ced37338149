"""Remove noise by what many spectra have in common: a few components, smoothed in both directions.

Spectra are divided by the standard deviation of their noise, so that components are ordered by
signal and not by brightness (Green et al. 1988, minimum noise fraction,
https://doi.org/10.1109/36.3001). Those stronger than noise are kept. Their maps and their spectra
are smoothed in turn, each as wide as cross-validation prefers (Huang, Shen & Buja 2009, two-way
regularised singular value decomposition, https://doi.org/10.1198/jasa.2009.tm08024). No clean
measurement is needed, neither for the components nor for the widths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from .arrays import Array, Float32, GoodBands, Intensities, Mask, SpectraTable
from .blur import best_width, blur
from .noise import NoiseLaw, noise_law, noise_rank
from .singular import Planes, filled, filled_from, planes_of, spectra_of, strongest, unfolded

_ROUNDS: Final = 3
"""Times that maps are smoothed by spectra, and spectra by maps."""
_SMALLEST: Final = 1e-300
"""Keeps divisors above 0 where there is no noise."""


@dataclass(frozen=True, eq=False)
class LowRank:
    """A mean spectrum, component spectra, and how wide the maps of each are blurred.

    Parameters
    ----------
    mean : ndarray, shape (band,)
        Mean spectrum, in the unit of the intensities.
    scale : ndarray, shape (band,)
        Standard deviation of the noise, in that unit, by which spectra are divided.
    directions : ndarray, shape (component, band)
        Spectra of the components after that division, orthonormal; 0 in bad bands.
    widths : ndarray, shape (component,)
        Standard deviations of the Gaussian blurs of their maps, in pixels; 0 is none.
    good : ndarray of bool, shape (band,)
        False for bad bands, which are left as they are.
    law : NoiseLaw
        The noise law that this was fitted with.
    """

    mean: Array
    scale: Array
    directions: Array
    widths: Array
    good: GoodBands
    law: NoiseLaw

    @classmethod
    def fit(
        cls,
        data: Intensities,
        *,
        law: NoiseLaw | None = None,
        rank: int | None = None,
        smooth: bool = True,
        good: GoodBands | None = None,
    ) -> Self:
        """Find the components of a cube.

        Parameters
        ----------
        data : ndarray, shape (…, band, y, x)
            Intensities; NaN is missing.
        law : NoiseLaw, optional
            Default: estimated from the cube.
        rank : int, optional
            Number of components besides the mean; default: all that are stronger than noise.
        smooth : bool
            Whether maps and spectra of components are smoothed.
        good : ndarray of bool, shape (band,), optional
            False for bad bands.

        Raises
        ------
        ValueError
            If no value is measured, or no noise can be estimated.
        """
        planes = planes_of(data, good)
        measured = np.asarray(np.isfinite(planes).any(axis=(0, 2, 3)))  # (band,)
        if not measured.any():
            raise ValueError("there is nothing to denoise: no value is measured")
        law = law or noise_law(data, good=good)
        fitted = _fit(planes[:, measured], law, rank, smooth)
        bands = len(measured)
        mean = np.zeros(bands)
        scale = np.ones(bands)
        directions = np.zeros((len(fitted.directions), bands))
        mean[measured] = fitted.mean
        scale[measured] = fitted.scale
        directions[:, measured] = fitted.directions
        return cls(mean, scale, directions, fitted.widths, measured, law)

    def __len__(self) -> int:
        return len(self.directions)

    def __str__(self) -> str:
        return f"{rank_line(self.widths)}; {self.law}"

    def __call__(self, data: Intensities) -> Float32:
        """Return an image, (…, band, y, x), without its noise, in its unit.

        Missing values are bridged by the components when others are denoised, and stay missing.
        """
        planes = planes_of(data, self.good)
        whitened = (planes - _per_band(self.mean)) / _per_band(self.scale)
        pixels = np.asarray(np.isfinite(whitened).any(axis=1))  # (plane, y, x)
        table = filled_from(spectra_of(whitened), self.directions)
        maps = _maps(table, self.directions, pixels)
        blurred = np.nan_to_num(_blurred(maps, self.widths))
        fitted = unfolded(spectra_of(blurred) @ self.directions, planes.shape)
        denoised = fitted * _per_band(self.scale) + _per_band(self.mean)
        denoised = np.where(self.good[:, None, None], denoised.reshape(data.shape), data)
        return np.where(np.isfinite(data), denoised, np.nan).astype(np.float32)


def rank_line(widths: Array) -> str:
    """Return in words how many components there are, and how wide their maps are blurred."""
    line = f"rank {len(widths)}"
    if not np.any(widths):
        return line
    blurs = ", ".join(f"{width:.2g}" for width in widths)
    return f"{line}, maps blurred by {blurs} px"


@dataclass(frozen=True, eq=False)
class _Fit:
    """What `LowRank` holds, of the measured bands only."""

    mean: Array
    scale: Array
    directions: Array
    widths: Array


def _fit(
    planes: Planes,
    law: NoiseLaw,
    rank: int | None,
    smooth: bool,
) -> _Fit:
    """Return mean, components and widths of planes in which each band is measured somewhere."""
    mean = np.nanmean(planes, axis=(0, 2, 3))
    scale = np.maximum(law.sigma(mean), _SMALLEST)
    if smooth:
        spectra = np.isfinite(planes).any(axis=1).sum()
        mean = scale * _smooth_spectrum(mean / scale, law, sigma=1 / np.sqrt(spectra))
    whitened = (planes - _per_band(mean)) / _per_band(scale)
    if rank is None:
        rank = noise_rank(whitened, law)
    table = filled(spectra_of(whitened), rank)
    directions = strongest(table, rank).directions
    widths = np.zeros(len(directions))
    if smooth and len(directions):
        pixels = np.asarray(np.isfinite(whitened).any(axis=1))  # (plane, y, x)
        for _ in range(_ROUNDS):
            directions, widths = _smoothed(table, directions, pixels, law)
    return _Fit(mean, scale, directions, widths)


def _smoothed(
    table: SpectraTable,
    directions: Array,
    pixels: Mask,
    law: NoiseLaw,
) -> tuple[Array, Array]:
    """Smooth the maps of components, take their spectra from these, and smooth those.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Whitened spectra.
    directions : ndarray, shape (component, band)
        Orthonormal.
    pixels : ndarray of bool, shape (plane, y, x)
        Where there is a spectrum.
    law : NoiseLaw
        Its correlations say what of the likeness of neighbours is noise.

    Returns
    -------
    directions : ndarray, shape (component, band)
        Orthonormal, and so turned that their maps are not correlated; the strongest first.
    widths : ndarray, shape (component,)
        Of the blurs of their maps.
    """
    maps = _maps(table, _turned(table, directions), pixels)
    widths = _map_widths(maps, law)
    blurred = np.nan_to_num(_blurred(maps, widths))
    basis = np.linalg.qr(spectra_of(blurred))[0]  # (spectrum, component)
    # spectra of these maps, so mixed that they are not correlated
    _, spectra = strongest((basis.T @ table).T, basis.shape[1])
    strengths = table.T @ basis @ np.linalg.qr(spectra.T)[0]
    smooth_spectra = [_smooth_spectrum(spectrum, law, sigma=1) for spectrum in strengths.T]
    smooth_directions = np.linalg.qr(np.stack(smooth_spectra, axis=1))[0].T
    final = _turned(table, smooth_directions)
    return final, _map_widths(_maps(table, final, pixels), law)


def _turned(table: SpectraTable, directions: Array) -> Array:
    """Return directions of the same space along which spectra are not correlated."""
    turn = strongest(table @ directions.T, len(directions)).directions
    turned: Array = turn @ directions
    return turned


def _maps(table: SpectraTable, directions: Array, pixels: Mask) -> Planes:
    """Return the amounts of components in spectra, (plane, component, y, x); NaN where is none."""
    amounts = (table @ directions.T).reshape(*pixels.shape, -1)  # (plane, y, x, component)
    maps = np.moveaxis(amounts, -1, 1)
    return np.where(pixels[:, None], maps, np.nan)


def _map_widths(maps: Planes, law: NoiseLaw) -> Array:
    """Return the width of the blur that cross-validation prefers for the map of each component."""
    widths = []
    for component in range(maps.shape[1]):
        width = best_width(maps[:, component], (-2, -1), law.spatial_correlation, sigma=1)
        widths.append(width)
    return np.array(widths)


def _blurred(maps: Planes, widths: Array) -> Planes:
    """Return maps, (plane, component, y, x), each blurred by its own width."""
    blurred = maps.copy()
    for component, width in enumerate(widths):
        blurred[:, component] = blur(maps[:, component], width, (-2, -1))
    return blurred


def _smooth_spectrum(spectrum: Array, law: NoiseLaw, sigma: float) -> Array:
    """Return a spectrum, (band,), blurred as wide as cross-validation prefers."""
    width = best_width(spectrum, (0,), (law.spectral_correlation,), sigma)
    return blur(spectrum, width, (0,))


def _per_band(values: Array) -> Array:
    """Return values, (band,), as (band, 1, 1), to go with images."""
    return values[:, None, None]
