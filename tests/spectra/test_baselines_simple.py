"""Backgrounds are found under peaks, around holes, and in every spectrum by itself."""

import numpy as np
import pytest
from pybaselines.whittaker import asls

from napari_hyperspectral.spectra.baselines.least_squares import als_background
from napari_hyperspectral.spectra.baselines.simple import minimum_background, polynomial_background

SHIFTS = np.linspace(600, 1800, 61)
UNEVEN = np.sort(np.random.default_rng(1).uniform(600, 1800, 61))[::-1]
PEAKS = 5 * np.exp(-(((SHIFTS - 1000) / 15) ** 2)) + 3 * np.exp(-(((SHIFTS - 1450) / 20) ** 2))
SLOPE = 2 + ((SHIFTS - 600) / 800) ** 2


def backgrounds(data, **about):
    return {
        "minimum": minimum_background(data, **about),
        "polynomial": polynomial_background(data, SHIFTS, 3, **about),
        "als": als_background(data, **about),
    }


def test_the_minimum_of_a_spectrum_counts_only_good_and_measured_bands():
    spectra = np.array([[3.0, 1.0, 2.0, 0.0], [np.nan, 7.0, 9.0, 1.0], [-1.0, 4.0, np.inf, -9.0]])
    good = np.array([True, True, True, False])
    background = minimum_background(spectra, good=good, band=-1)
    assert background.tolist() == [[1] * 4, [7] * 4, [-1] * 4]


@pytest.mark.parametrize("centres", [SHIFTS, SHIFTS[::-1], UNEVEN], ids=["up", "down", "uneven"])
def test_nothing_is_left_of_a_polynomial_of_the_order_asked_for(centres):
    u = (centres - 1200) / 600
    spectra = np.stack([1 + u - 2 * u**2 + u**3, 4 - u**3])
    spectra[0, [3, 4, 20]] = np.nan
    background = polynomial_background(spectra, centres, 3, band=-1)
    np.testing.assert_allclose(background, [1 + u - 2 * u**2 + u**3, 4 - u**3], atol=1e-5)


def test_holes_count_for_nothing_in_the_nearest_polynomial():
    spectrum = PEAKS + SLOPE
    holed = spectrum.copy()
    holed[[5, 17, 60]] = np.nan
    known = np.isfinite(holed)
    u = (SHIFTS - 1200) / 600
    truth = np.polynomial.Polynomial.fit(u[known], spectrum[known], 5)(u)
    background = polynomial_background(holed[None], SHIFTS, 5, band=-1)[0]
    np.testing.assert_allclose(background, truth, atol=1e-5)
    # the same, where what is missing was marked as bad
    marked = polynomial_background(spectrum[None], SHIFTS, 5, good=known, band=-1)[0]
    np.testing.assert_allclose(marked, truth, atol=1e-5)


def test_a_polynomial_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="order 3 leaves nothing of 4 bands; choose a lower order"):
        polynomial_background(np.ones((4, 1, 1)), np.arange(4.0), 3)


@pytest.mark.parametrize(("smoothness", "asymmetry"), [(1e2, 0.05), (1e5, 0.01), (1e7, 0.001)])
def test_asymmetric_least_squares_is_that_of_pybaselines(smoothness, asymmetry, rng):
    spectra = PEAKS + SLOPE + rng.normal(0, 0.1, (4, 61))
    ours = als_background(spectra, smoothness, asymmetry, 6, band=-1)
    # there, one solution more than iterations; a tolerance of −1 is never met
    theirs = [asls(one, lam=smoothness, p=asymmetry, max_iter=5, tol=-1)[0] for one in spectra]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_asymmetric_least_squares_finds_the_background_below_peaks(rng):
    spectrum = PEAKS + SLOPE + rng.normal(0, 0.02, 61)
    background = als_background(spectrum[None], 100, 0.01, band=-1)[0]
    assert np.abs(background - SLOPE).mean() < 0.05  # where peaks are 5 and 3 high


def test_a_line_is_its_own_background_however_many_values_of_it_are_missing():
    line = 3 + SHIFTS / 100
    holed = np.where(np.isin(np.arange(61), [0, 1, 30, 31, 32, 60]), np.nan, line)
    np.testing.assert_allclose(als_background(holed[None], band=-1)[0], line, rtol=1e-5)


@pytest.mark.parametrize("name", ["minimum", "polynomial", "als"])
def test_spectra_of_one_value_or_none_have_a_finite_background(name):
    spectra = np.full((61, 1, 4), np.nan)
    spectra[:, 0, 1] = 0
    spectra[7, 0, 2] = 5
    spectra[[7, 8], 0, 3] = 5, 6
    background = backgrounds(spectra)[name]
    assert np.isfinite(background).all()
    assert not background[..., :2].any()
    assert background[7, 0, 2] == pytest.approx(5, abs=1e-4)


@pytest.mark.parametrize("name", ["minimum", "polynomial", "als"])
def test_the_background_of_a_spectrum_does_not_depend_on_its_neighbours(name, rng):
    scene = (PEAKS + SLOPE)[:, None, None] * rng.uniform(1, 3, (7, 9)) + rng.normal(
        0, 1, (61, 7, 9)
    )
    scene[5, 2, 3] = np.nan
    whole = backgrounds(scene)[name]
    for part in (np.s_[:, 2:3, 3:4], np.s_[:, 1:, ::-1], np.s_[:, :, 4]):
        alone = scene[part] if scene[part].ndim == 3 else scene[part][..., None]
        assert np.array_equal(backgrounds(alone)[name].reshape(whole[part].shape), whole[part])


@pytest.mark.parametrize("bands", [1, 2, 3])
def test_short_spectra_have_a_background_too(bands):
    spectra = np.arange(1.0, 1 + bands)[:, None, None]
    np.testing.assert_allclose(als_background(spectra), spectra, rtol=1e-4)
