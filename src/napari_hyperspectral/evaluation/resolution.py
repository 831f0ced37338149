"""How fine the detail of an image is, and what was done to it: Fourier rings and difference PSFs.

Images are (…, y, x); what is missing (NaN) counts as the mean of its image. Frequencies are in
cycles per pixel unit, resolutions in pixel units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, optimize

Floats: TypeAlias = NDArray[np.float64]
Threshold: TypeAlias = Literal["1/7", "half-bit"]
_SEVENTH: Final = 1 / 7
_FWHM: Final = 2 * np.sqrt(2 * np.log(2))
"""Width of a Gaussian at half its height, in standard deviations."""
_LEAST: Final = 1e-4
"""Of the mean power, added where a frequency has none: its share in a difference PSF is unknown."""


@dataclass(frozen=True, eq=False)
class Rings:
    """How two images of the same place correlate, ring by ring in Fourier space (FRC)."""

    frequency: Floats
    """Of each ring, shape (ring,)."""
    correlation: Floats
    """From -1 to 1, shape (ring,); 1 where neither image has any power."""
    count: NDArray[np.int64]
    """Frequencies in each ring, each with its twin."""

    def threshold(self, kind: Threshold) -> Floats:
        """Return what correlation is taken for signal, ring by ring.

        Sources: Rosenthal & Henderson 2003, https://doi.org/10.1016/j.jmb.2003.07.013 (1/7); van
        Heel & Schatz 2005, https://doi.org/10.1016/j.jsb.2005.05.009 (half-bit: the image holds
        half a bit of information per frequency).
        """
        if kind == "1/7":
            return np.full_like(self.frequency, _SEVENTH)
        root = np.sqrt(np.maximum(self.count, 1) / 2)  # of twins, one knows the other
        return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)

    def resolution(self, kind: Threshold = "1/7") -> float:
        """Return the finest detail, in pixel units, that both images agree about.

        It is where the correlation first falls below the threshold; two pixels where it never
        does, NaN where it never lies above.
        """
        over = self.correlation - self.threshold(kind)
        below = np.flatnonzero(over < 0)
        if not len(below):
            return float(1 / self.frequency[-1])
        last = below[0]
        if last == 0:
            return float("nan")
        step = over[last - 1] / (over[last - 1] - over[last])
        start, end = self.frequency[last - 1 : last + 1]
        return float(1 / (start + step * (end - start)))


def ring_correlation(
    one: ArrayLike, other: ArrayLike, *, pixel_size: float | tuple[float, float] = 1.0
) -> Rings:
    """Return the Fourier ring correlation of two images, or of two cubes over all their bands.

    Images fade towards their edges first (Hann window). Of bands, each counts alike. The real
    part is taken, so that inverted contrast is no agreement. Sources: Saxton & Baumeister 1982,
    https://doi.org/10.1111/j.1365-2818.1982.tb00405.x; Nieuwenhuizen et al. 2013,
    https://doi.org/10.1038/nmeth.2448

    Parameters
    ----------
    one, other : array, shape (y, x) or (band, y, x)
        Two measurements of the same place, with noise of their own: otherwise the noise, too,
        agrees.
    pixel_size : float or (float, float)
        Height and width of a pixel.

    Raises
    ------
    ValueError
        If shapes differ, or a side has fewer than 4 pixels.
    """
    first, second = _bands(one), _bands(other)
    if first.shape != second.shape:
        raise ValueError(f"images of {first.shape} and {second.shape} pixels cannot be compared")
    height, width = first.shape[-2:]
    if min(height, width) < 4:
        raise ValueError(f"{height} × {width} pixels have no Fourier rings; 4 × 4 have")
    return _rings_of(
        ((_spectrum(a), _spectrum(b)) for a, b in zip(first, second, strict=True)),
        (height, width),
        pixel_size,
    )


def single_image_correlation(
    image: ArrayLike, *, pixel_size: float | tuple[float, float] = 1.0
) -> Rings:
    """Return the Fourier ring correlation of an image with itself, from halves of its pixels.

    Pixels of a checkerboard's diagonals make four images of half the size; those a diagonal apart
    are compared, and their shift is undone. Where the true image is already of another frequency
    half a pixel further on, the correlation is a little low; and noise that neighbours share (a
    smoothed, interpolated or restored image!) passes for detail: never judge a restoration by it.
    It cannot see detail finer than four pixels. Source: Koho et al. 2019,
    https://doi.org/10.1038/s41467-019-11024-z, without its calibration.
    """
    bands = _bands(image)
    height, width = (side // 2 for side in bands.shape[-2:])
    if min(height, width) < 4:
        raise ValueError(f"{bands.shape[-2]} × {bands.shape[-1]} pixels have too small halves")
    tall, wide = _sizes(pixel_size)
    shift = fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None]

    def halves() -> Any:
        for band in bands:
            part = band[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
            for column, sign in ((0, 1), (1, -1)):
                moved = np.exp(-1j * np.pi * (shift[0] + sign * shift[1]))
                here, there = part[:, 0, :, column], part[:, 1, :, 1 - column]
                yield _spectrum(here), _spectrum(there) * moved

    return _rings_of(halves(), (height, width), (2 * tall, 2 * wide))


def thinned(counts: ArrayLike, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two independent images of half the light each, of one image of counted photons.

    Each photon goes to one of the two by chance: of Poisson counts, and of nothing else, both
    halves are Poisson counts that know nothing of each other.

    Raises
    ------
    ValueError
        If there are negative or broken numbers: those are no counts.
    """
    whole = np.asarray(counts)
    if not np.array_equal(whole, np.floor(whole)) or whole.min(initial=0) < 0:
        raise ValueError("only counts (0, 1, 2, …) can be thinned; these are other numbers")
    first = np.random.default_rng(seed).binomial(whole.astype(np.int64), 0.5)
    return first, whole.astype(np.int64) - first


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
    blurred: ArrayLike, sharp: ArrayLike, *, pixel_size: float | tuple[float, float] = 1.0
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
    soft, hard = _bands(blurred), _bands(sharp)
    shape = hard.shape[-2:]
    common = np.zeros((shape[0], shape[1] // 2 + 1), np.complex128)
    power = np.zeros(common.shape)
    for one, other in zip(soft, hard, strict=True):
        found, right = _spectrum(one), _spectrum(other)
        weight = np.sum(np.abs(right) ** 2)
        if weight > 0:
            common += found * right.conj() / weight
            power += np.abs(right) ** 2 / weight
    common[0, 0] = power[0, 0] = 1.0  # what a blur leaves alone
    kernel = fft.fftshift(fft.irfft2(common / (power + _LEAST * power.mean()), shape))
    kernel /= kernel.sum()
    spreads, misfit = _gaussian(kernel)
    widths = [_FWHM * spread * side for spread, side in zip(spreads, _sizes(pixel_size))]
    return DifferencePsf(kernel, (widths[0], widths[1]), misfit)


def flux_ratio(input: ArrayLike, restored: ArrayLike) -> Floats:
    """Return the mean of each restored band over that of the given one, shape (band,).

    Means, since of finer pixels there are more. NaN where a band holds nothing.
    """
    before, after = band_means(input), band_means(restored)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(before != 0, after / before, np.nan))


def band_means(image: ArrayLike) -> Floats:
    """Return the mean of each band over its measured pixels, shape (band,); NaN where none is."""
    bands = np.asarray(image, np.float64)
    known = np.isfinite(bands)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, bands, 0.0).sum((-2, -1)) / known.sum((-2, -1)))


def enlarged(coarse: ArrayLike, scale: int, offset: tuple[float, float]) -> Floats:
    """Return a cube, (band, y, x), on pixels `scale` times finer: the baseline of any restoration.

    Cubic splines, aligned: `offset` is the place of the first coarse pixel's centre among the fine
    ones, as `Degradation.first_centre` says it.
    """
    bands = _bands(coarse)
    shape = (bands.shape[1] * scale, bands.shape[2] * scale)
    start = [-place / scale for place in offset]
    fine = [
        ndimage.affine_transform(
            band, [1 / scale] * 2, start, output_shape=shape, order=3, mode="nearest"
        )
        for band in bands
    ]
    return np.stack(fine)


def _bands(image: ArrayLike) -> Floats:
    """Return images as (band, y, x) in float64, without holes."""
    bands = np.asarray(image, np.float64)
    bands = bands[None] if bands.ndim == 2 else bands
    known = np.isfinite(bands)
    if known.all():
        return bands
    count = np.maximum(known.sum(axis=(-2, -1), keepdims=True), 1)
    means = np.where(known, bands, 0.0).sum(axis=(-2, -1), keepdims=True) / count
    return np.where(known, bands, means)


def _spectrum(image: Floats) -> NDArray[np.complex128]:
    height, width = (np.hanning(side + 2)[1:-1] for side in image.shape)
    spectrum: NDArray[np.complex128] = fft.rfft2((image - image.mean()) * np.outer(height, width))
    return spectrum


def _rings_of(pairs: Any, shape: tuple[int, int], pixel_size: float | tuple[float, float]) -> Rings:
    tall, wide = _sizes(pixel_size)
    radius = np.hypot(fft.fftfreq(shape[0], tall)[:, None], fft.rfftfreq(shape[1], wide)[None])
    step = 1 / min(shape[0] * tall, shape[1] * wide)
    count = int(0.5 / max(tall, wide) / step + 1e-9)
    rings = np.minimum(np.rint(radius / step).astype(int), count + 1).ravel()
    twins = np.full(radius.shape, 2)
    twins[:, 0] = 1
    if shape[1] % 2 == 0:
        twins[:, -1] = 1

    def summed(values: Floats) -> Floats:
        sums = np.bincount(rings, (values * twins).ravel(), count + 2)[1:-1]
        return sums.astype(np.float64)

    correlations, weights = np.zeros(count), np.zeros(count)
    for one, other in pairs:
        common = summed((one * other.conj()).real)
        power = np.sqrt(summed(np.abs(one) ** 2) * summed(np.abs(other) ** 2))
        some = power > 0
        correlations += np.where(some, common / np.where(some, power, 1), 1.0)
        weights += 1
    frequencies = np.asarray(step * np.arange(1, count + 1), np.float64)
    return Rings(frequencies, correlations / weights, summed(np.ones(radius.shape)).astype(int))


def _sizes(pixel_size: float | tuple[float, float]) -> tuple[float, float]:
    return pixel_size if isinstance(pixel_size, tuple) else (pixel_size, pixel_size)


def _gaussian(kernel: Floats) -> tuple[tuple[float, float], float]:
    """Fit a Gaussian to the peak of a kernel; return its spreads, in pixels, and the misfit."""
    middle = [side // 2 for side in kernel.shape]
    half = min(*middle, 24)
    near = kernel[tuple(slice(m - half, m + half + 1) for m in middle)]
    y, x = np.mgrid[-half : near.shape[0] - half, -half : near.shape[1] - half]

    def left(values: Floats) -> Floats:
        height, row, column, tall, wide = values
        bell = height * np.exp(-0.5 * (((y - row) / tall) ** 2 + ((x - column) / wide) ** 2))
        return np.asarray(bell - near).ravel()

    peak = float(near.max())
    around = max(float(np.sqrt(np.count_nonzero(near > peak / 2) / np.pi)), 0.5)
    fitted = optimize.least_squares(left, [peak, 0, 0, around, around])
    scale = float(np.sqrt(np.mean(near**2)))
    misfit = float(np.sqrt(np.mean(fitted.fun**2))) / scale if scale else 0.0
    return (abs(float(fitted.x[3])), abs(float(fitted.x[4]))), misfit
