"""Spectra of images, and their sums over Fourier rings, in torch and with gradients.

Spectra are of real images: (batch, band, y, x // 2 + 1), without the conjugates of columns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

_IMAGE: Final = (-2, -1)
"""Axes of one image."""


def frequencies_of(image: Tensor, hann: bool) -> Tensor:
    """Return the Fourier transform of each band less its mean, (batch, band, y, x // 2 + 1).

    `image` is (batch, band, y, x), in any unit; `hann` makes it fade out at its edges.
    """
    image = image - image.mean(dim=_IMAGE, keepdim=True)
    if hann:
        height, width = image.shape[-2:]
        rows = _hann(height, image)[:, None]
        columns = _hann(width, image)
        image = image * rows * columns
    frequencies: Tensor = torch.fft.rfft2(image, norm="ortho")
    return frequencies


def power_of(frequencies: Tensor) -> Tensor:
    """Return the power of each frequency, of the same shape."""
    return frequencies.real.square() + frequencies.imag.square()


def over_rings(
    values: Tensor,
    height: int,
    width: int,
) -> Tensor:
    """Sum over the frequencies of each ring: (batch, band, y, x // 2 + 1) to (batch, band, ring).

    Rings are 1 to n/2, n being the shorter side of an image of `height` × `width` pixels.
    """
    rings, count = _rings(height, width)
    counted = values * count.to(values)
    counted = counted.flatten(2)
    size = min(height, width) // 2 + 2
    sums = values.new_zeros(*values.shape[:2], size)
    sums = sums.index_add(2, rings.to(values.device), counted)
    # ring 0 is the mean; the one after the last is the corners of the frequency plane
    return sums[..., 1:-1]


def _hann(size: int, image: Tensor) -> Tensor:
    """Return a Hann window without its zeros at both ends, (size,), as `image` in type."""
    window = torch.hann_window(
        size + 2,
        periodic=False,
        device=image.device,
        dtype=image.dtype,
    )
    return window[1:-1]


@lru_cache(maxsize=32)
def _rings(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the ring of each frequency, (y · (x // 2 + 1),), and its count, (x // 2 + 1,).

    `rfft2` leaves out one of two frequencies that are conjugate: the other counts twice.
    """
    shorter = min(height, width)
    row_frequency = torch.fft.fftfreq(height)[:, None]
    column_frequency = torch.fft.rfftfreq(width)[None]
    radius = torch.hypot(row_frequency, column_frequency)
    rings = (radius * shorter).round().long()
    rings = rings.clamp_max(shorter // 2 + 1)
    count = torch.full((width // 2 + 1,), 2.0)
    count[0] = 1.0
    if width % 2 == 0:  # the highest frequency is its own conjugate
        count[-1] = 1.0
    return rings.flatten(), count
