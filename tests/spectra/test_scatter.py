"""Scatter correction takes away offset, slope and scale, and nothing of the reference."""

import numpy as np
import pytest

from napari_hyperspectral.spectra.scatter import scatter_corrected

SHIFTS = np.sort(np.random.default_rng(2).uniform(600, 1800, 80))[::-1]
REFERENCE = 2 + 30 * np.exp(-0.5 * ((SHIFTS - 1000) / 30) ** 2)
U = (SHIFTS - 1200) / 600


def scattered(rng, order):
    """Return the reference with factors and polynomials, (band, 3, 4)."""
    data = REFERENCE[:, None, None] * rng.uniform(0.5, 2, (3, 4))
    for power in range(order + 1):
        data = data + rng.normal(0, 5, (3, 4)) * (U**power)[:, None, None]
    return data


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_scattered_spectra_become_the_reference(rng, order):
    data = scattered(rng, order)
    data[[4, 30], 1, 1] = np.nan
    data[10] += 1e5
    good = np.arange(80) != 10
    corrected = scatter_corrected(data, SHIFTS, REFERENCE, order, good=good)
    expected = np.where(np.isnan(data), np.nan, REFERENCE[:, None, None])
    np.testing.assert_allclose(corrected[good], expected[good], atol=1e-3)


def test_msc_is_a_regression_on_the_reference(rng):
    data = scattered(rng, 2) + rng.normal(0, 1, (80, 3, 4))
    corrected = scatter_corrected(data, SHIFTS, REFERENCE, 0)
    for pixel in np.ndindex(3, 4):
        at = (slice(None), *pixel)
        slope, offset = np.polyfit(REFERENCE, data[at], 1)
        np.testing.assert_allclose(corrected[at], (data[at] - offset) / slope, rtol=1e-5, atol=1e-5)


def test_a_spectrum_without_anything_of_the_reference_is_dark():
    flat = np.full((80, 1, 1), 7.0)
    assert not scatter_corrected(flat, SHIFTS, REFERENCE, 0).any()
    assert not scatter_corrected(flat, SHIFTS, np.full(80, 7.0), 0).any()


def test_too_few_bands_are_refused():
    with pytest.raises(ValueError, match="order 2 leave nothing of 4 bands"):
        scatter_corrected(np.ones((4, 1, 1)), SHIFTS[:4], REFERENCE[:4], 2)
