"""Resolutions and blurs that are known come out as they are."""

import numpy as np
import pytest
from scipy import ndimage

from napari_hyperspectral.evaluation.resolution import (
    cubic_upsampled,
    difference_psf,
    flux_ratio,
    ring_correlation,
    single_image_correlation,
    thinned,
)
from napari_hyperspectral.tasks.degradation import Degradation


@pytest.fixture
def texture(rng):
    """White noise: all frequencies alike, so that a blur is known by what it leaves."""
    return rng.normal(0, 1, (200, 240))


def noisy(image, rng, sigma):
    return image + rng.normal(0, sigma, image.shape)


def test_an_image_agrees_with_itself_and_not_with_its_negative(texture):
    assert np.allclose(ring_correlation(texture, 3 * texture + 7).correlation, 1)
    assert np.allclose(ring_correlation(texture, -texture).correlation, -1)
    flat = np.ones((8, 8))
    assert (ring_correlation(flat, flat).correlation == 1).all()


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_the_resolution_of_a_blurred_image_in_noise_is_as_theory_has_it(texture, rng, sigma):
    """FRC = S / (S + N), with S = exp(−4 π² σ² f²): 1/7 is reached where S / N = 1 / 6."""
    noise = 0.03
    blurred = ndimage.gaussian_filter(texture, sigma, mode="wrap")
    rings = ring_correlation(noisy(blurred, rng, noise), noisy(blurred, rng, noise), pixel_size=0.5)
    cut = np.sqrt(np.log(6 / noise**2)) / (2 * np.pi * sigma)
    assert rings.resolution() == pytest.approx(0.5 / cut, rel=0.05)
    assert rings.resolution("half-bit") > rings.resolution()


def test_pixels_that_are_not_square_have_frequencies_of_their_own(texture, rng):
    blurred = ndimage.gaussian_filter(texture, (2.0, 4.0), mode="wrap")
    pair = [noisy(blurred, rng, 0.02) for _ in range(2)]
    rings = ring_correlation(*pair, pixel_size=(2.0, 1.0))
    cut = np.sqrt(np.log(6 / 0.02**2)) / (2 * np.pi * 4.0)
    assert rings.resolution() == pytest.approx(1 / cut, rel=0.1)
    assert rings.frequency[-1] == pytest.approx(0.25, rel=0.02)


def test_agreement_up_to_the_last_ring_is_two_pixels_and_none_is_no_number(texture, rng):
    assert ring_correlation(texture, texture).resolution() == pytest.approx(2, rel=0.02)
    assert np.isnan(ring_correlation(texture, -texture).resolution())


def test_one_image_is_judged_by_its_halves_nearly_as_by_two(texture, rng):
    blurred = ndimage.gaussian_filter(texture, 3.0, mode="wrap")
    one, other = noisy(blurred, rng, 0.03), noisy(blurred, rng, 0.03)
    of_two = ring_correlation(one, other).resolution()
    assert single_image_correlation(one).resolution() == pytest.approx(of_two, rel=0.1)


def test_thinned_counts_are_two_measurements_of_half_the_light(texture, rng):
    light = 50 * np.exp(ndimage.gaussian_filter(texture, 2.0, mode="wrap") * 2)
    counts = rng.poisson(light)
    one, other = thinned(counts)
    assert np.array_equal(one + other, counts)
    halves = rng.poisson(light / 2), rng.poisson(light / 2)
    ours, theirs = (ring_correlation(*pair).resolution() for pair in ((one, other), halves))
    assert ours == pytest.approx(theirs, rel=0.05)
    with pytest.raises(ValueError, match="give counts of photons"):
        thinned(light)


@pytest.mark.parametrize("sigmas", [(1.5, 1.5), (2.0, 3.0)])
def test_the_difference_of_an_image_and_its_blurred_self_is_the_blur(texture, sigmas):
    bands = np.stack([texture, 1000 * np.roll(texture, 40, 0) + 5])
    blurred = np.stack([ndimage.gaussian_filter(band, sigmas) for band in bands])
    found = difference_psf(blurred, bands, pixel_size=(0.5, 0.25))
    target = 2.3548 * np.array(sigmas) * (0.5, 0.25)
    assert found.fwhm == pytest.approx(target, rel=0.05)
    assert found.misfit < 0.1
    assert found.kernel.sum() == pytest.approx(1)
    assert np.unravel_index(found.kernel.argmax(), found.kernel.shape) == (100, 120)


def test_a_scene_of_little_fine_detail_gives_its_blur_within_a_tenth(rng):
    """Power falls with the square of the frequency, as in most images."""
    scene = np.cumsum(np.cumsum(rng.normal(size=(128, 160)), 0), 1)
    found = difference_psf(ndimage.gaussian_filter(scene, 2.0), scene)
    assert found.fwhm == pytest.approx((2.3548 * 2,) * 2, rel=0.1)


def test_what_was_made_up_leaves_a_misfit(texture, rng):
    blurred = ndimage.gaussian_filter(texture, 2.0)
    invented = texture + rng.normal(0, 1, texture.shape)
    assert difference_psf(blurred, invented).misfit > 2 * difference_psf(blurred, texture).misfit


@pytest.mark.parametrize("kind", ["area", "decimate"])
def test_an_enlarged_image_lies_where_it_was_measured(kind):
    degradation = Degradation(kind=kind, scale=4)
    row, column = degradation.first_centre
    y, x = np.mgrid[:8, :10].astype(float)
    found = cubic_upsampled(3 * y + 5 * x, 4, degradation.first_centre)[0]
    inside = np.s_[10:-10, 10:-10]
    fine_y, fine_x = np.mgrid[:32, :40]
    target = 3 * (fine_y - row) / 4 + 5 * (fine_x - column) / 4
    assert np.allclose(found[inside], target[inside], atol=0.2)


def test_flux_is_counted_by_area_and_without_what_is_missing():
    input = np.array([[[1.0, 3.0]], [[2.0, np.nan]], [[0.0, 0.0]]])
    restored = input.repeat(2, axis=-1).repeat(2, axis=-2) * np.array([1, 1.5, 1])[:, None, None]
    ratios = flux_ratio(input, restored)
    assert ratios[:2].tolist() == [1.0, 1.5]
    assert np.isnan(ratios[2])


def test_images_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        ring_correlation(np.ones((8, 8)), np.ones((8, 9)))
    with pytest.raises(ValueError, match="3 × 8 pixels have no Fourier rings"):
        ring_correlation(np.ones((3, 8)), np.ones((3, 8)))
