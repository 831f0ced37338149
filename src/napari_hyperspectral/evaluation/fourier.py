"""Spectra of images, and their frequencies sorted into rings, without torch."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..metrics.values import Floats

FourierSpectrum: TypeAlias = NDArray[np.complex128]
"""Of a real image: all rows, and the columns of frequencies that are not negative."""
SpectrumPair: TypeAlias = tuple[FourierSpectrum, FourierSpectrum]
"""Of two images that are compared."""
PixelSize: TypeAlias = float | tuple[float, float]
"""Height and width of a pixel; one number where they are equal."""


class RingGrid:
    """The frequencies of images of a size, sorted into rings of equal width.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the images.
    pixel_size : float or (float, float)
        Height and width of a pixel.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        pixel_size: PixelSize,
    ) -> None:
        rows, columns = shape
        height, width = height_and_width(pixel_size)
        row_frequency = fft.fftfreq(rows, height)
        column_frequency = fft.rfftfreq(columns, width)
        # as a spectrum, (y, x // 2 + 1)
        radius = np.hypot(row_frequency[:, None], column_frequency[None])
        step = 1 / min(rows * height, columns * width)
        highest = 0.5 / max(height, width)
        self.count = int(highest / step + 1e-9)
        """Rings up to the highest frequency that the pixels hold."""
        numbers = np.arange(1, self.count + 1)
        self.frequency = np.asarray(step * numbers, np.float64)
        # ring 0 is the mean; what lies beyond the last ring is collected in one more
        ring = np.rint(radius / step).astype(int)
        ring = np.minimum(ring, self.count + 1)
        self._ring = ring.ravel()
        # a spectrum of a real image leaves out conjugates, except in its first and last column
        self._weight = np.full(radius.shape, 2)
        self._weight[:, 0] = 1
        if columns % 2 == 0:
            self._weight[:, -1] = 1

    def sums(self, values: Floats) -> Floats:
        """Return sums over the frequencies of each ring, shape (ring,), conjugates included.

        Parameters
        ----------
        values : ndarray, shape (y, frequency)
            As `numpy.fft.rfft2` lays them out.
        """
        weighted = values * self._weight
        sums = np.bincount(
            self._ring,
            weights=weighted.ravel(),
            minlength=self.count + 2,
        )
        inner = sums[1:-1]
        return inner.astype(np.float64)

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of frequencies in each ring, (ring,)."""
        ones = np.ones(self._weight.shape)
        return self.sums(ones).astype(int)


def faded_spectrum(image: Floats) -> FourierSpectrum:
    """Return the spectrum of an image, (y, x), without its mean, faded by a Hann window."""
    height, width = image.shape
    window = np.outer(_hann(height), _hann(width))
    centred = image - image.mean()
    spectrum: FourierSpectrum = fft.rfft2(centred * window)
    return spectrum


def height_and_width(pixel_size: PixelSize) -> tuple[float, float]:
    """Return the height and the width of a pixel, of one number or two."""
    if isinstance(pixel_size, tuple):
        return pixel_size
    return pixel_size, pixel_size


def _hann(size: int) -> Floats:
    """Return a Hann window, (size,), whose zeros at both ends lie outside the image."""
    window: Floats = np.hanning(size + 2)
    return window[1:-1]
