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

Floats: TypeAlias = NDArray[np.float64]
FourierSpectrum: TypeAlias = NDArray[np.complex128]
"""Of a real image: all rows, and the columns of frequencies that are not negative."""
PixelSize: TypeAlias = float | tuple[float, float]
"""Height and width of a pixel; one number where they are equal."""
Threshold: TypeAlias = Literal["1/7", "half-bit"]

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
    """From -1 to 1, shape (ring,); 1 where neither image has any power."""
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
        return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)

    def resolution(self, kind: Threshold = "1/7") -> float:
        """Return the finest detail, in pixel units, on which both images agree.

        It is where the correlation first falls below the threshold; two pixels where it never
        does, NaN where it never lies above.
        """
        excess = self.correlation - self.threshold(kind)
        below = np.flatnonzero(excess < 0)
        if not len(below):
            return float(1 / self.frequency[-1])
        first = below[0]
        if first == 0:
            return float("nan")
        # between the last ring above the threshold and the first below it
        share = excess[first - 1] / (excess[first - 1] - excess[first])
        start = self.frequency[first - 1]
        end = self.frequency[first]
        return float(1 / (start + share * (end - start)))


def ring_correlation(one: ArrayLike, other: ArrayLike, *, pixel_size: PixelSize = 1.0) -> Rings:
    """Return the Fourier ring correlation of two images, or of two cubes over all their bands.

    Images fade towards their edges first (Hann window). Of bands, each counts alike. The real
    part is taken, so that inverted contrast is no agreement. Sources: Saxton & Baumeister 1982,
    https://doi.org/10.1111/j.1365-2818.1982.tb00405.x; Nieuwenhuizen et al. 2013,
    https://doi.org/10.1038/nmeth.2448

    Parameters
    ----------
    one, other : array, shape (y, x) or (band, y, x)
        Two measurements of the same scene, with noise of their own: otherwise the noise agrees,
        too.
    pixel_size : float or (float, float)
        Height and width of a pixel.

    Raises
    ------
    ValueError
        If shapes differ, or a side has fewer than 4 pixels.
    """
    first = _bands(one)
    second = _bands(other)
    if first.shape != second.shape:
        raise ValueError(
            f"images of {first.shape} and {second.shape} pixels cannot be compared; "
            "give images of the same shape"
        )
    height, width = first.shape[-2:]
    if min(height, width) < _LEAST_SIDE:
        raise ValueError(f"{height} × {width} pixels have no Fourier rings; give at least 4 × 4")
    pairs = ((_spectrum(a), _spectrum(b)) for a, b in zip(first, second, strict=True))
    return _mean_rings(pairs, _RingGrid((height, width), pixel_size))


def single_image_correlation(image: ArrayLike, *, pixel_size: PixelSize = 1.0) -> Rings:
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
    pixel_size : float or (float, float)
        Height and width of a pixel.

    Raises
    ------
    ValueError
        If a side has fewer than 8 pixels.
    """
    bands = _bands(image)
    height, width = (side // 2 for side in bands.shape[-2:])
    if min(height, width) < _LEAST_SIDE:
        raise ValueError(
            f"{bands.shape[-2]} × {bands.shape[-1]} pixels have too small halves; "
            "give at least 8 × 8"
        )
    pixel_height, pixel_width = _height_and_width(pixel_size)
    doubled = (2 * pixel_height, 2 * pixel_width)
    return _mean_rings(_diagonal_pairs(bands), _RingGrid((height, width), doubled))


def thinned(counts: ArrayLike, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two independent images of half the light each, of one image of counted photons.

    Each photon goes to one of the two by chance: of Poisson counts, and of nothing else, both
    halves are independent Poisson counts.

    Parameters
    ----------
    counts : array of whole numbers, of any shape
    seed : int
        Equal seeds give equal halves.

    Raises
    ------
    ValueError
        If there are negative or broken numbers: those are no counts.
    """
    photons = np.asarray(counts)
    if not np.array_equal(photons, np.floor(photons)) or photons.min(initial=0) < 0:
        raise ValueError(
            "negative or broken numbers cannot be thinned; give counts of photons (0, 1, 2, …)"
        )
    photons = photons.astype(np.int64)
    first = np.random.default_rng(seed).binomial(photons, 0.5)
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
    blurred: ArrayLike, sharp: ArrayLike, *, pixel_size: PixelSize = 1.0
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
    """
    blurred_bands = _bands(blurred)
    sharp_bands = _bands(sharp)
    height, width = sharp_bands.shape[-2:]
    common = np.zeros((height, width // 2 + 1), np.complex128)
    power = np.zeros(common.shape)
    for blurred_band, sharp_band in zip(blurred_bands, sharp_bands, strict=True):
        blurred_spectrum = _spectrum(blurred_band)
        sharp_spectrum = _spectrum(sharp_band)
        weight = np.sum(np.abs(sharp_spectrum) ** 2)
        if weight > 0:
            common += blurred_spectrum * sharp_spectrum.conj() / weight
            power += np.abs(sharp_spectrum) ** 2 / weight
    common[0, 0] = power[0, 0] = 1.0  # a blur leaves the mean as it is
    transfer = common / (power + _REGULARISATION * power.mean())
    kernel = fft.fftshift(fft.irfft2(transfer, (height, width)))
    kernel /= kernel.sum()
    fit = _fit_gaussian(kernel)
    pixel_height, pixel_width = _height_and_width(pixel_size)
    fwhm = (float(_FWHM * fit.rows * pixel_height), float(_FWHM * fit.columns * pixel_width))
    return DifferencePsf(kernel, fwhm, fit.misfit)


def flux_ratio(input: ArrayLike, restored: ArrayLike) -> Floats:
    """Return the mean of each restored band over that of the input, shape (band,).

    Means, since of finer pixels there are more. NaN where a band holds nothing.

    Parameters
    ----------
    input, restored : array, shape (band, y, x) and (band, y · scale, x · scale)
    """
    before = band_means(input)
    after = band_means(restored)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(before != 0, after / before, np.nan))


def band_means(image: ArrayLike) -> Floats:
    """Return the mean of each band over its measured pixels, (band,), of an image (band, y, x).

    NaN where no pixel of a band is measured.
    """
    bands = np.asarray(image, np.float64)
    known = np.isfinite(bands)
    sums = np.where(known, bands, 0.0).sum((-2, -1))
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / known.sum((-2, -1)))


def cubic_upsampled(coarse: ArrayLike, scale: int, offset: tuple[float, float]) -> Floats:
    """Return a cube on finer pixels by cubic splines: what any restoration has to beat.

    Parameters
    ----------
    coarse : array, shape (band, y, x)
    scale : int
        Fine rows, and columns, of a coarse pixel.
    offset : (float, float)
        Row and column of the first coarse pixel's centre, in fine pixels, as of `Degradation`.

    Returns
    -------
    ndarray of float64, shape (band, y · scale, x · scale)
    """
    bands = _bands(coarse)
    shape = (bands.shape[1] * scale, bands.shape[2] * scale)
    start = (-offset[0] / scale, -offset[1] / scale)  # of the first fine pixel, in coarse ones
    step = (1 / scale, 1 / scale)
    fine = []
    for band in bands:
        fine.append(
            ndimage.affine_transform(band, step, start, output_shape=shape, order=3, mode="nearest")
        )
    return np.stack(fine)


class _RingGrid:
    """The frequencies of images of a size, sorted into rings of equal width.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the images.
    pixel_size : float or (float, float)
        Height and width of a pixel.
    """

    def __init__(self, shape: tuple[int, int], pixel_size: PixelSize) -> None:
        rows, columns = shape
        height, width = _height_and_width(pixel_size)
        row_frequency = fft.fftfreq(rows, height)[:, None]
        column_frequency = fft.rfftfreq(columns, width)[None]
        radius = np.hypot(row_frequency, column_frequency)  # as a spectrum, (y, x // 2 + 1)
        step = 1 / min(rows * height, columns * width)
        self.count = int(0.5 / max(height, width) / step + 1e-9)
        """Rings up to the highest frequency that the pixels hold."""
        self.frequency = np.asarray(step * np.arange(1, self.count + 1), np.float64)
        # ring 0 is the mean; what lies beyond the last ring is collected in one more
        self._ring = np.minimum(np.rint(radius / step).astype(int), self.count + 1).ravel()
        # a spectrum of a real image leaves out conjugates, except in its first and last column
        self._weight = np.full(radius.shape, 2)
        self._weight[:, 0] = 1
        if columns % 2 == 0:
            self._weight[:, -1] = 1

    def sums(self, values: Floats) -> Floats:
        """Return sums over the frequencies of each ring, (ring,), conjugates included."""
        weighted = (values * self._weight).ravel()
        sums = np.bincount(self._ring, weighted, self.count + 2)[1:-1]
        return sums.astype(np.float64)

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of frequencies in each ring, (ring,)."""
        return self.sums(np.ones(self._weight.shape)).astype(int)


def _mean_rings(pairs: Iterable[tuple[FourierSpectrum, FourierSpectrum]], grid: _RingGrid) -> Rings:
    """Return the mean correlation of pairs of spectra, ring by ring."""
    correlations = np.zeros(grid.count)
    weights = np.zeros(grid.count)
    for one, other in pairs:
        common = grid.sums((one * other.conj()).real)
        power = np.sqrt(grid.sums(np.abs(one) ** 2) * grid.sums(np.abs(other) ** 2))
        has_power = power > 0
        correlations += np.where(has_power, common / np.where(has_power, power, 1), 1.0)
        weights += 1
    return Rings(grid.frequency, correlations / weights, grid.sizes())


def _diagonal_pairs(bands: Floats) -> Iterator[tuple[FourierSpectrum, FourierSpectrum]]:
    """Yield the spectra of pixels a diagonal apart, of each band along both diagonals.

    The second of a pair is shifted by half a pixel of the halves, so that both coincide.
    """
    height, width = (side // 2 for side in bands.shape[-2:])
    row_frequency = fft.fftfreq(height)[:, None]
    column_frequency = fft.rfftfreq(width)[None]
    for band in bands:
        blocks = band[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
        for column, sign in ((0, 1), (1, -1)):
            shift = np.exp(-1j * np.pi * (row_frequency + sign * column_frequency))
            upper = blocks[:, 0, :, column]
            lower = blocks[:, 1, :, 1 - column]
            yield _spectrum(upper), _spectrum(lower) * shift


def _bands(image: ArrayLike) -> Floats:
    """Return an image as (band, y, x) in float64, missing values being the mean of their band."""
    bands = np.asarray(image, np.float64)
    if bands.ndim == 2:
        bands = bands[None]
    known = np.isfinite(bands)
    if known.all():
        return bands
    count = np.maximum(known.sum(axis=(-2, -1), keepdims=True), 1)
    means = np.where(known, bands, 0.0).sum(axis=(-2, -1), keepdims=True) / count
    return np.where(known, bands, means)


def _spectrum(image: Floats) -> FourierSpectrum:
    """Return the spectrum of an image, (y, x), without its mean, faded by a Hann window."""
    rows, columns = (np.hanning(side + 2)[1:-1] for side in image.shape)  # 0 lies outside
    spectrum: FourierSpectrum = fft.rfft2((image - image.mean()) * np.outer(rows, columns))
    return spectrum


def _height_and_width(pixel_size: PixelSize) -> tuple[float, float]:
    if isinstance(pixel_size, tuple):
        return pixel_size
    return pixel_size, pixel_size


class _GaussianFit(NamedTuple):
    """Standard deviations of a fitted Gaussian, in pixels, and what it leaves."""

    rows: float
    columns: float
    misfit: float


def _fit_gaussian(kernel: Floats) -> _GaussianFit:
    """Fit a Gaussian to the peak in the middle of a kernel, (y, x)."""
    middle_y, middle_x = (side // 2 for side in kernel.shape)
    half = min(middle_y, middle_x, _PEAK)
    peak = kernel[
        middle_y - half : middle_y + half + 1,
        middle_x - half : middle_x + half + 1,
    ]
    y, x = np.mgrid[-half : peak.shape[0] - half, -half : peak.shape[1] - half]

    def residuals(parameters: Floats) -> Floats:
        height, row, column, row_std, column_std = parameters
        exponent = ((y - row) / row_std) ** 2 + ((x - column) / column_std) ** 2
        return np.asarray(height * np.exp(-0.5 * exponent) - peak).ravel()

    highest = float(peak.max())
    # a disc of as many pixels as are above half the maximum
    radius = float(np.sqrt(np.count_nonzero(peak > highest / 2) / np.pi))
    std = max(radius, 0.5)
    fit = optimize.least_squares(residuals, [highest, 0, 0, std, std])
    scale = float(np.sqrt(np.mean(peak**2)))
    misfit = 0.0
    if scale:
        misfit = float(np.sqrt(np.mean(fit.fun**2))) / scale
    return _GaussianFit(abs(float(fit.x[3])), abs(float(fit.x[4])), misfit)
