"""Mixtures are taken apart into what they were mixed from."""

import numpy as np
import pytest
from scipy.optimize import nnls

from napari_hyperspectral.spectra.unmix import abundances, estimated_snr, vertex_components


@pytest.fixture
def pure(rng):
    """Three smooth spectra with a peak each, (3, 40)."""
    bands = np.arange(40)
    return 0.2 + np.exp(-(((bands - np.array([[8], [20], [31]])) / 6) ** 2))


@pytest.fixture
def shares(rng):
    """Of 300 pixels the share of each material; pixels 7, 70 and 170 are pure."""
    shares = rng.dirichlet([1, 1, 1], 300)
    shares[[7, 70, 170]] = np.eye(3)
    return shares


def degrees(found, target):
    cosines = np.sum(found * target, axis=1)
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(target, axis=1)
    return np.degrees(np.arccos(np.clip(cosines / lengths, -1, 1)))


def test_pure_pixels_are_found_among_their_mixtures(pure, shares):
    found = vertex_components(shares @ pure, 3)
    assert set(found.pixels) == {7, 70, 170}
    order = np.argsort(found.pixels)
    np.testing.assert_allclose(found.spectra[order], pure, atol=1e-9)


def test_shadows_do_not_hide_pure_pixels(pure, shares, rng):
    light = rng.uniform(0.3, 1, (300, 1))
    found = vertex_components(light * (shares @ pure), 3)
    assert set(found.pixels) == {7, 70, 170}


def test_dark_pixels_are_not_taken_for_pure_ones(pure, shares, rng):
    mixed = shares @ pure
    mixed[0] = rng.normal(0, 1e-5, 40)  # nearly nothing, in a direction of its own
    assert 0 not in vertex_components(mixed, 3).pixels


def test_under_noise_the_pure_spectra_are_found_within_a_few_degrees(pure, rng):
    shares = np.repeat(np.eye(3), 100, axis=0)  # no mixtures: any pixel may be taken
    noisy = shares @ pure + rng.normal(0, 0.12, (300, 40))
    found = vertex_components(noisy, 3)
    assert found.snr_db < 15 + 10 * np.log10(3)  # the projection for noisy data
    spectra = found.spectra[np.argsort(shares[found.pixels].argmax(axis=1))]
    assert degrees(spectra, pure).max() < 6
    assert degrees(noisy[np.sort(found.pixels)], pure).min() > 8  # as measured, they are worse


def test_equal_seeds_find_equal_spectra(pure, shares, rng):
    noisy = shares @ pure + rng.normal(0, 0.1, (300, 40))
    first, again = (vertex_components(noisy, 3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.spectra, again.spectra)


def test_the_estimated_signal_to_noise_ratio_is_that_of_the_mixture(pure, shares, rng):
    clean = shares @ pure
    noise = rng.normal(0, 0.05, clean.shape)
    truth = 10 * np.log10(np.square(clean).sum() / np.square(noise).sum())
    assert estimated_snr(clean + noise, 3) == pytest.approx(truth, abs=0.2)
    assert estimated_snr(np.ones((5, 4)), 2) == np.inf


@pytest.mark.parametrize("count", [1, 5])
def test_components_that_cannot_be_there_are_refused(count):
    with pytest.raises(ValueError, match=rf"{count} components need .* \(here 4 and 6\)"):
        vertex_components(np.eye(4, 6), count)


def test_an_image_of_one_spectrum_has_no_components():
    with pytest.raises(ValueError, match="all spectra are alike"):
        vertex_components(np.ones((9, 6)), 2)


@pytest.mark.parametrize("spread", [1.0, 1e-3], ids=["unlike", "nearly alike"])
def test_abundances_are_those_that_scipy_finds_spectrum_by_spectrum(rng, spread):
    pure = 1 + spread * rng.random((6, 20))
    table = rng.normal(0, 1, (200, 6)) @ pure + rng.normal(0, 0.1, (200, 20))
    target = np.array([nnls(pure.T, spectrum)[0] for spectrum in table])
    np.testing.assert_allclose(abundances(table, pure), target, atol=1e-6)
    assert (target == 0).mean() > 0.2  # or the bound was never met


def test_abundances_in_any_unit_are_the_same(pure, shares):
    table = shares @ pure
    for unit in (1e-9, 1e9):
        np.testing.assert_allclose(abundances(unit * table, unit * pure), shares, atol=1e-9)


def test_shares_that_add_up_to_one_are_the_nearest_on_the_simplex():
    pure = np.eye(2, 3)
    table = np.array([[0.9, 0.5, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 7.0]])
    found = abundances(table, pure, sum_to_one=True)
    np.testing.assert_allclose(found, [[0.7, 0.3], [1, 0], [0.5, 0.5]], atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_missing_values_count_for_nothing(pure, shares):
    table = shares @ pure
    table[::2, 5] = np.nan
    table[1::2, 8:12] = np.nan
    table[4] = np.nan
    found = abundances(table, pure)
    assert np.isnan(found[4]).all()
    measured = np.arange(300) != 4
    np.testing.assert_allclose(found[measured], shares[measured], atol=1e-9)


def test_more_components_than_common_bands_are_refused(pure):
    pure[:, 2:] = np.nan
    with pytest.raises(
        ValueError, match="3 components need as many bands that all of them have; here are 2"
    ):
        abundances(np.ones((4, 40)), pure)


def test_a_component_named_twice_costs_no_accuracy(pure, shares):
    twice = np.vstack([pure, pure[:1]])
    found = abundances(shares @ pure, twice)
    np.testing.assert_allclose(found @ twice, shares @ pure, atol=1e-6)
    assert found.min() >= 0
