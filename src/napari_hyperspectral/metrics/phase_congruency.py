"""Phase congruency: edges and lines of an image, whatever its contrast.

Source: Kovesi 1999, Image features from phase congruency, Videre 1(3),
https://www.peterkovesi.com/papers/phasecongruency.pdf
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import fft

from .values import Floats

_WAVELENGTHS: Final = (6, 12, 24, 48)
"""Of the filters, in pixels; they look in `_DIRECTIONS` directions."""
_DIRECTIONS: Final = 4
_RADIAL: Final = 0.5978
"""Width of the filters in the logarithm of the frequency."""
_ANGULAR: Final = 0.6545
"""Width of the filters in radians."""
_FLAT: Final = 1e-4
"""Grey values of all waves together that are none: what varies by less has no edges."""


def phase_congruency(image: Floats) -> Floats:
    """Return how far waves of all lengths agree in phase at each pixel, between 0 and 1.

    By log-Gabor filters of one side of the spectrum, whose responses are even and odd at once. What
    noise alone would give is subtracted from the agreement: in each direction, the mean and two
    standard deviations of a Rayleigh distribution, by the median response to the shortest waves.

    Parameters
    ----------
    image : ndarray, shape (…, y, x)
        Grey values from 0 to 255, without missing values.
    """
    height, width = image.shape[-2:]
    rows = fft.fftfreq(height)
    columns = fft.fftfreq(width)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    frequency = np.hypot(y, x)  # (y, x)
    angle = np.arctan2(y, x)
    frequency[0, 0] = np.inf  # no filter sees the mean
    rings = []
    for wavelength in _WAVELENGTHS:
        octave = np.log(frequency * wavelength)
        rings.append(_bell(octave, _RADIAL))
    spectrum = fft.fft2(image)
    agreement = np.zeros_like(image)
    amplitudes = np.full_like(image, _FLAT)
    for direction in range(_DIRECTIONS):
        turn = np.pi * direction / _DIRECTIONS
        # through the exponential, so that angles on both sides of ±π are near each other
        turned = np.exp(1j * (angle - turn))
        fan = _bell(np.angle(turned), _ANGULAR)
        responses = []
        for ring in rings:
            response = fft.ifft2(spectrum * ring * fan)
            responses.append(response)
        lengths = [np.abs(response) for response in responses]
        noise = _noise(lengths[0], rings, fan)
        # waves in phase add up to the sum of their lengths, others cancel
        joint = np.abs(sum(responses))
        agreement += np.maximum(joint - noise, 0)
        amplitudes += sum(lengths)
    return agreement / amplitudes


def _noise(
    shortest: Floats,
    rings: list[Floats],
    fan: Floats,
) -> Floats:
    """Return the agreement that noise alone would give, (…, 1, 1).

    `shortest` are the responses to the shortest waves, which are mostly noise.
    """
    shortest_filter = rings[0] * fan
    all_filters = sum(rings) * fan
    gain = np.sum(all_filters**2) / np.sum(shortest_filter**2)
    # of a Rayleigh distribution, the squared median is ln 4 times the variance of each part
    median = np.median(shortest, axis=(-2, -1), keepdims=True)
    power = median**2 / np.log(2) * gain
    mean = np.sqrt(np.pi / 2)
    std = np.sqrt(2 - np.pi / 2)
    threshold: Floats = np.sqrt(power / 2) * (mean + 2 * std)
    return threshold


def _bell(offset: Floats, width: float) -> Floats:
    """Return a Gaussian of height 1 at each offset, of the same shape."""
    bell: Floats = np.exp(-(offset**2) / (2 * width**2))
    return bell
