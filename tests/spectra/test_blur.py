"""Blurs keep what they must, and are as wide as noise asks for."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_hyperspectral.spectra.blur import WIDTHS, best_width, blur
from napari_hyperspectral.spectra.noise import NoiseLaw, white_noise


def smooth_map(width, side=48):
    field = gaussian_filter(np.random.default_rng(3).normal(size=(side, side)), width, mode="wrap")
    return 5 * field / field.std()


def test_away_from_edges_it_is_the_gaussian_filter_of_scipy():
    values = np.random.default_rng(0).normal(size=(40, 42))
    ours = blur(values, 1.4, (0, 1))[10:-10, 10:-10]
    np.testing.assert_allclose(ours, gaussian_filter(values, 1.4)[10:-10, 10:-10], atol=1e-4)


def test_no_width_changes_nothing_and_constants_stay():
    values = np.random.default_rng(0).normal(size=(5, 6))
    values[2, 3] = np.nan
    np.testing.assert_array_equal(blur(values, 0, (0, 1)), values)
    constant = np.where(np.isfinite(values), 7, np.nan)
    np.testing.assert_allclose(blur(constant, 3, (0, 1)), constant)


def test_a_smooth_map_is_blurred_and_comes_closer_to_the_truth():
    truth = smooth_map(4)
    noisy = truth + np.random.default_rng(0).normal(size=truth.shape)
    errors = {width: np.square(blur(noisy, width, (0, 1)) - truth).mean() for width in WIDTHS}
    chosen = best_width(noisy, (0, 1), (0, 0), sigma=1)
    assert errors[chosen] < 0.3
    assert errors[chosen] < 1.2 * min(errors.values())


def test_noise_alone_is_blurred_as_widely_as_possible():
    noise = np.random.default_rng(1).normal(size=(60, 60))
    assert best_width(noise, (0, 1), (0, 0), sigma=1) >= 4


def test_noise_that_neighbours_share_is_not_taken_for_signal():
    law = NoiseLaw(1, 0, spatial_correlation=(0.45, 0.45))
    noise = white_noise((1, 1, 60, 60), law)[0, 0]
    assert best_width(noise, (0, 1), (0, 0), sigma=1) < 1
    assert best_width(noise, (0, 1), law.spatial_correlation, sigma=1) >= 2


def test_details_that_noise_does_not_explain_stay():
    rough = 10 * np.random.default_rng(2).normal(size=(40, 40))  # unlike its neighbours
    assert best_width(rough, (0, 1), (0, 0), sigma=1) == 0
    assert best_width(rough, (0, 1), (0, 0), sigma=10) > 0


@pytest.mark.parametrize("values", [np.ones((1, 1)), np.full((3, 3), np.nan)])
def test_what_has_no_neighbours_is_not_blurred(values):
    assert best_width(values, (0, 1), (0, 0), sigma=1) == 0
