"""How fine the detail of an image is, and what was done to it: Fourier rings and difference PSFs.

Images are (y, x) or (band, y, x); what is missing (NaN) counts as the mean of its band.
Frequencies are in cycles per pixel unit, resolutions in pixel units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, optimize

from ..metrics.values import Floats
from .fourier import (
    FourierSpectrum,
    PixelSize,
    RingGrid,
    SpectrumPair,
    faded_spectrum,
    height_and_width,
)

Photons: TypeAlias = NDArray[np.int64]
"""Counts of photons, of any shape."""
Threshold: TypeAlias = Literal["1/7", "half-bit"]

_IMAGE: Final = (-2, -1)
"""Axes of one image."""
_SEVENTH: Final = 1 / 7
_LEAST_SIDE: Final = 4
"""Images of fewer pixels to a side have no Fourier rings."""
_FWHM: Final = 2 * np.sqrt(2 * np.log(2))
"""Width of a Gaussian at half its height, in standard deviations."""
_PEAK: Final = 24
"""Half the side, in pixels, of the part of a kernel to which a Gaussian is fitted."""
_REGULARISATION: Final = 1e-4
"""Of the mean power, added where a frequency has none: its share in a difference PSF is unknown."""


@dataclass(frozen=True, eq=False)
class Rings:
    """How two images of the same scene correlate, ring by ring in Fourier space (FRC)."""

    frequency: Floats
    """Of each ring, shape (ring,)."""
    correlation: Floats
    """From -1 to 1, shape (ring,); 1 where neither image has any power, 0 where one has none."""
    count: NDArray[np.int64]
    """Frequencies in each ring, shape (ring,); each is counted with its conjugate."""

    def threshold(self, kind: Threshold) -> Floats:
        """Return the correlation above which there is signal, shape (ring,).

        Sources: Rosenthal & Henderson 2003, https://doi.org/10.1016/j.jmb.2003.07.013 (1/7); van
        Heel & Schatz 2005, https://doi.org/10.1016/j.jsb.2005.05.009 (half-bit: the image holds
        half a bit of information per frequency).
        """
        if kind == "1/7":
            return np.full_like(self.frequency, _SEVENTH)
        independent = np.maximum(self.count, 1) / 2  # a frequency determines its conjugate
        root = np.sqrt(independent)
        # the constants of the paper, for half a bit
        signal = 0.2071 + 1.9102 / root
        total = 1.2071 + 0.9102 / root
        return signal / total

    def resolution(self, kind: Threshold = "1/7") -> float:
        """Return the finest detail, in pixel units, on which both images agree.

        It is where the correlation first falls below the threshold; two pixels where it never
        does, NaN where it never lies above.
        """
        return self.resolution_at(self.threshold(kind))

    def resolution_at(self, threshold: Floats | float) -> float:
        """Return where the correlation first falls below a threshold, as `resolution` does.

        Parameters
        ----------
        threshold : float, or ndarray of shape (ring,)
            From -1 to 1.
        """
        excess = self.correlation - threshold
        below = np.flatnonzero(excess < 0)
        if not len(below):
            return float(1 / self.frequency[-1])
        first = below[0]
        if first == 0:
            return float("nan")
        # between the last ring above the threshold and the first below it
        last = first - 1
        fall = excess[last] - excess[first]
        share = excess[last] / fall
        start = self.frequency[last]
        end = self.frequency[first]
        crossing = start + share * (end - start)
        return float(1 / crossing)


def ring_correlation(
    one: ArrayLike,
    other: ArrayLike,
    *,
    pixel_size: PixelSize = 1.0,
) -> Rings:
    """Return the Fourier ring correlation of two images, or of two cubes over all their bands.

    Images fade towards their edges first (Hann window). Of bands, each counts alike. The real
    part is taken, so that inverted contrast is no agreement. Sources: Saxton & Baumeister 1982,
    https://doi.org/10.1111/j.1365-2818.1982.tb00405.x; Nieuwenhuizen et al. 2013,
    https://doi.org/10.1038/nmeth.2448

    Parameters
    ----------
    one, other : array, shape (y, x) or (band, y, x)
        In any unit. Two measurements of the same scene, with noise of their own: otherwise the
        noise agrees, too.
    pixel_size : float or (float, float)
        Height and width of a pixel.

    Raises
    ------
    ValueError
        If shapes differ, or a side has fewer than 4 pixels.
    """
    first = as_bands(one)
    second = as_bands(other)
    if first.shape != second.shape:
        raise ValueError(
            f"images of {first.shape} and {second.shape} pixels cannot be compared; "
            "give images of the same shape"
        )
    height, width = first.shape[-2:]
    if min(height, width) < _LEAST_SIDE:
        raise ValueError(f"{height} × {width} pixels have no Fourier rings; give at least 4 × 4")
    grid = RingGrid((height, width), pixel_size)
    return _mean_rings(_band_pairs(first, second), grid)


def single_image_correlation(
    image: ArrayLike,
    *,
    pixel_size: PixelSize = 1.0,
) -> Rings:
    """Return the Fourier ring correlation of an image with itself, from halves of its pixels.

    Pixels of a checkerboard's diagonals make four images of half the size; those a diagonal apart
    are compared, and their shift is undone. Where the true image is already of another frequency
    half a pixel further on, the correlation is a little low; and noise that neighbours share (a
    smoothed, interpolated or restored image!) passes for detail: never assess a restoration by it.
    It cannot see detail finer than four pixels. Source: Koho et al. 2019,
    https://doi.org/10.1038/s41467-019-11024-z, without its calibration.

    Parameters
    ----------
    image : array, shape (y, x) or (band, y, x)
        In any unit.
    pixel_size : float or (float, float)
        Height and width of a pixel.

    Raises
    ------
    ValueError
        If a side has fewer than 8 pixels.
    """
    bands = as_bands(image)
    rows, columns = bands.shape[-2:]
    height = rows // 2
    width = columns // 2
    if min(height, width) < _LEAST_SIDE:
        raise ValueError(f"{rows} × {columns} pixels have too small halves; give at least 8 × 8")
    # a half has every second pixel of a line
    pixel_height, pixel_width = height_and_width(pixel_size)
    doubled = (2 * pixel_height, 2 * pixel_width)
    grid = RingGrid((height, width), doubled)
    return _mean_rings(_diagonal_pairs(bands), grid)


def thinned(counts: ArrayLike, seed: int = 0) -> tuple[Photons, Photons]:
    """Return two independent images of half the light each, of one image of counted photons.

    Each photon goes to one of the two by chance: of Poisson counts, and of nothing else, both
    halves are independent Poisson counts.

    Parameters
    ----------
    counts : array of whole numbers, of any shape
        Photons, without any gain or offset of the detector.
    seed : int
        Equal seeds give equal halves.

    Raises
    ------
    ValueError
        If there are negative or broken numbers: those are no counts.
    """
    photons = np.asarray(counts)
    are_counts = np.array_equal(photons, np.floor(photons))
    if not are_counts or photons.min(initial=0) < 0:
        raise ValueError(
            "negative or broken numbers cannot be thinned; give counts of photons (0, 1, 2, …)"
        )
    photons = photons.astype(np.int64)
    rng = np.random.default_rng(seed)
    first = rng.binomial(photons, 0.5)
    return first, photons - first


@dataclass(frozen=True, eq=False)
class DifferencePsf:
    """The blur that turns one image into another."""

    kernel: Floats
    """Sum 1, its centre in the middle, shape (y, x)."""
    fwhm: tuple[float, float]
    """Full width at half maximum of the fitted Gaussian, in rows and columns, in pixel units."""
    misfit: float
    """What the Gaussian leaves of the kernel: root mean square by root mean square, 0 to 1."""


def difference_psf(
    blurred: ArrayLike,
    sharp: ArrayLike,
    *,
    pixel_size: PixelSize = 1.0,
) -> DifferencePsf:
    """Return the blur that turns `sharp` into `blurred`, the one that suits all bands best.

    F⁻¹{Σ F(blurred) F(sharp)* / (Σ |F(sharp)|² + ε)}, bands of equal weight. A compact, even peak
    says that a network sharpened as a deconvolution does; a broad or irregular one, and a large
    misfit, that it made things up. Source: the difference PSF of HyReS 2025,
    https://arxiv.org/abs/2503.02908

    Parameters
    ----------
    blurred, sharp : array, shape (y, x) or (band, y, x)
        Such as an enlarged measurement and its restoration, on the same pixels.
    pixel_size : float or (float, float)
        Height and width of a pixel.

    Returns
    -------
    DifferencePsf
        Width and misfit are NaN where `sharp` is flat: nothing of it can be blurred.
    """
    sharp_bands = as_bands(sharp)
    transfer = _transfer(as_bands(blurred), sharp_bands)
    shape = sharp_bands.shape[-2:]
    kernel = fft.irfft2(transfer, shape)
    kernel = fft.fftshift(kernel)
    kernel /= kernel.sum()
    fit = _GaussianFit(np.nan, np.nan, np.nan)
    if np.ptp(sharp_bands, axis=_IMAGE).any():
        fit = _fit_gaussian(kernel)
    pixel_height, pixel_width = height_and_width(pixel_size)
    rows = float(_FWHM * fit.rows * pixel_height)
    columns = float(_FWHM * fit.columns * pixel_width)
    return DifferencePsf(kernel, (rows, columns), fit.misfit)


def _transfer(blurred: Floats, sharp: Floats) -> FourierSpectrum:
    """Return what turns the spectra of sharp bands into those of blurred ones, (y, x // 2 + 1)."""
    height, width = sharp.shape[-2:]
    common = np.zeros((height, width // 2 + 1), np.complex128)
    power = np.zeros(common.shape)
    for blurred_band, sharp_band in zip(blurred, sharp, strict=True):
        blurred_spectrum = faded_spectrum(blurred_band)
        sharp_spectrum = faded_spectrum(sharp_band)
        sharp_power = np.abs(sharp_spectrum) ** 2
        # by its whole power, so that bright bands count no more than dark ones
        weight = np.sum(sharp_power)
        if weight > 0:
            common += blurred_spectrum * sharp_spectrum.conj() / weight
            power += sharp_power / weight
    # a blur leaves the mean as it is
    common[0, 0] = 1.0
    power[0, 0] = 1.0
    least = _REGULARISATION * power.mean()
    transfer: FourierSpectrum = common / (power + least)
    return transfer


def flux_ratio(input: ArrayLike, restored: ArrayLike) -> Floats:
    """Return the mean of each restored band over that of the input, shape (band,).

    Means, since of finer pixels there are more. NaN where a band holds nothing.

    Parameters
    ----------
    input, restored : array, shape (band, y, x) and (band, y · scale, x · scale)
        In one unit.
    """
    before = band_means(input)
    after = band_means(restored)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
    ratio = np.where(before != 0, ratio, np.nan)
    return np.asarray(ratio)


def band_means(image: ArrayLike) -> Floats:
    """Return the mean of each band over its measured pixels, (band,), of an image (band, y, x).

    NaN where no pixel of a band is measured.
    """
    bands = np.asarray(image, np.float64)
    known = np.isfinite(bands)
    present = np.where(known, bands, 0.0)
    sums = present.sum(_IMAGE)
    count = known.sum(_IMAGE)
    # 0/0, of a band without any pixel, is NaN
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / count)


def cubic_upsampled(
    coarse: ArrayLike,
    scale: int,
    offset: tuple[float, float],
) -> Floats:
    """Return a cube on finer pixels by cubic splines: what any restoration has to beat.

    Parameters
    ----------
    coarse : array, shape (band, y, x)
        In any unit, which is that of the result.
    scale : int
        Fine rows, and columns, of a coarse pixel.
    offset : (float, float)
        Row and column of the first coarse pixel's centre, in fine pixels, as of `Degradation`.

    Returns
    -------
    ndarray of float64, shape (band, y · scale, x · scale)
    """
    bands = as_bands(coarse)
    _, height, width = bands.shape
    shape = (height * scale, width * scale)
    row, column = offset
    start = (-row / scale, -column / scale)  # of the first fine pixel, in coarse ones
    step = (1 / scale, 1 / scale)
    fine = []
    for band in bands:
        upsampled = ndimage.affine_transform(
            band,
            step,
            start,
            output_shape=shape,
            order=3,
            mode="nearest",
        )
        fine.append(upsampled)
    return np.stack(fine)


def _mean_rings(pairs: Iterable[SpectrumPair], grid: RingGrid) -> Rings:
    """Return the mean correlation of pairs of spectra, ring by ring."""
    correlations = np.zeros(grid.count)
    weights = np.zeros(grid.count)
    for one, other in pairs:
        # all (ring,)
        product = one * other.conj()
        common = grid.sums(product.real)
        one_power = _ring_power(one, grid)
        other_power = _ring_power(other, grid)
        power = np.sqrt(one_power * other_power)
        has_power = power > 0
        divisor = np.where(has_power, power, 1)
        neither = one_power + other_power == 0
        correlations += np.where(has_power, common / divisor, neither)
        weights += 1
    return Rings(grid.frequency, correlations / weights, grid.sizes())


def _ring_power(spectrum: FourierSpectrum, grid: RingGrid) -> Floats:
    """Return the power of a spectrum in each ring, (ring,)."""
    power = np.abs(spectrum) ** 2
    return grid.sums(power)


def _band_pairs(first: Floats, second: Floats) -> Iterator[SpectrumPair]:
    """Yield the spectra of each band of two images."""
    for one, other in zip(first, second, strict=True):
        yield faded_spectrum(one), faded_spectrum(other)


def _diagonal_pairs(bands: Floats) -> Iterator[SpectrumPair]:
    """Yield the spectra of pixels a diagonal apart, of each band along both diagonals.

    The second of a pair is shifted by half a pixel of the halves, so that both coincide.
    """
    rows, columns = bands.shape[-2:]
    height = rows // 2
    width = columns // 2
    row_frequency = fft.fftfreq(height)[:, None]
    column_frequency = fft.rfftfreq(width)[None]
    for band in bands:
        # an odd last row or column has no partner
        even = band[: 2 * height, : 2 * width]
        blocks = even.reshape(height, 2, width, 2)
        for column, sign in ((0, 1), (1, -1)):
            diagonal = row_frequency + sign * column_frequency
            shift = np.exp(-1j * np.pi * diagonal)
            upper = blocks[:, 0, :, column]
            lower = blocks[:, 1, :, 1 - column]
            yield faded_spectrum(upper), faded_spectrum(lower) * shift


def as_bands(image: ArrayLike) -> Floats:
    """Return an image as (band, y, x) in float64, missing values being the mean of their band."""
    bands = np.asarray(image, np.float64)
    if bands.ndim == 2:
        bands = bands[None]
    known = np.isfinite(bands)
    if known.all():
        return bands
    present = np.where(known, bands, 0.0)
    total = present.sum(axis=_IMAGE, keepdims=True)
    count = known.sum(axis=_IMAGE, keepdims=True)
    means = total / np.maximum(count, 1)
    return np.where(known, bands, means)


class _GaussianFit(NamedTuple):
    """Standard deviations of a fitted Gaussian, in pixels, and what it leaves."""

    rows: float
    columns: float
    misfit: float


def _fit_gaussian(kernel: Floats) -> _GaussianFit:
    """Fit a Gaussian to the peak in the middle of a kernel, (y, x)."""
    half = min(min(kernel.shape) // 2, _PEAK)
    peak = _around_middle(kernel, half)
    height, width = peak.shape
    y, x = np.mgrid[-half : height - half, -half : width - half]

    def residuals(parameters: Floats) -> Floats:
        highest, row, column, row_std, column_std = parameters
        down = (y - row) / row_std
        right = (x - column) / column_std
        exponent = down**2 + right**2
        gaussian = highest * np.exp(-0.5 * exponent)
        return np.asarray(gaussian - peak).ravel()

    peak_height = float(peak.max())
    # a disc of as many pixels as are above half the maximum
    area = np.count_nonzero(peak > peak_height / 2)
    radius = float(np.sqrt(area / np.pi))
    std = max(radius, 0.5)
    start = [peak_height, 0, 0, std, std]
    fit = optimize.least_squares(residuals, start)
    _, _, _, row_std, column_std = fit.x
    scale = _root_mean_square(peak)
    misfit = 0.0
    if scale:
        misfit = _root_mean_square(fit.fun) / scale
    # only their squares are fitted: signs say nothing
    rows = abs(float(row_std))
    columns = abs(float(column_std))
    return _GaussianFit(rows, columns, misfit)


def _around_middle(kernel: Floats, half: int) -> Floats:
    """Return a kernel, (y, x), up to `half` pixels from its middle; its border may be nearer."""
    height, width = kernel.shape
    y = height // 2
    x = width // 2
    rows = slice(y - half, y + half + 1)
    columns = slice(x - half, x + half + 1)
    return kernel[rows, columns]


def _root_mean_square(values: Floats) -> float:
    mean = np.mean(values**2)
    return float(np.sqrt(mean))
