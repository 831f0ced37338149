"""Principal components find the subspace in which synthetic spectra were made."""

import numpy as np
import pytest

from napari_hyperspectral.spectra.decompose import ComponentRegression, PrincipalComponents


@pytest.fixture
def mixed():
    """Six rows of seven spectra: a mean and two directions, with spreads near 3 and 1."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(20, 2)))[0]
    amounts = rng.normal(size=(42, 2)) * [3, 1]
    return (amounts @ basis.T + np.linspace(5, 8, 20)).T.reshape(20, 6, 7)


def test_two_directions_are_found_as_two_components(mixed):
    components = PrincipalComponents.of(mixed)
    assert len(components) == 2
    np.testing.assert_allclose(components.truncate(mixed), mixed, atol=1e-5)


@pytest.mark.parametrize("spectra", [5, 42], ids=["fewer spectra than bands", "more"])
def test_components_are_those_of_the_singular_value_decomposition(spectra):
    data = np.random.default_rng(0).normal(size=(20, 1, spectra))
    table = data[:, 0].T
    _, sizes, rows = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    components = PrincipalComponents.of(data, 4)
    np.testing.assert_allclose(components.spread, sizes[:4] / spectra**0.5)
    np.testing.assert_allclose(abs((components.directions * rows[:4]).sum(axis=1)), 1)
    np.testing.assert_allclose(
        components.directions @ components.directions.T, np.eye(4), atol=1e-9
    )


def test_truncation_removes_noise_outside_the_subspace(mixed):
    noisy = mixed + np.random.default_rng(2).normal(scale=0.3, size=mixed.shape)
    better = PrincipalComponents.of(noisy, 2).truncate(noisy)
    # 2 of 20 directions and the mean are kept: of the noise, about a tenth stays
    assert np.square(better - mixed).mean() < 0.25 * np.square(noisy - mixed).mean()


def test_the_first_of_many_components_are_the_components_of_that_rank(mixed):
    noisy = mixed + np.random.default_rng(2).normal(scale=0.3, size=mixed.shape)
    few = PrincipalComponents.of(noisy).first(2)
    np.testing.assert_allclose(
        few.truncate(noisy), PrincipalComponents.of(noisy, 2).truncate(noisy)
    )


def test_missing_values_stay_missing_and_leave_the_rest_finite(mixed):
    mixed[:, 0, 0] = np.nan
    mixed[3, 1, 1] = np.nan
    truncated = PrincipalComponents.of(mixed, 2).truncate(mixed)
    np.testing.assert_array_equal(np.isnan(truncated), np.isnan(mixed))


def test_nothing_measured_has_no_components():
    with pytest.raises(ValueError, match="no spectrum is measured"):
        PrincipalComponents.of(np.full((3, 2, 2), np.nan))


def test_a_constant_image_is_its_own_mean():
    image = np.full((3, 2, 2), 4.0)
    components = PrincipalComponents.of(image)
    assert len(components) == 0
    np.testing.assert_array_equal(components.truncate(image), image)


def test_regression_learns_a_linear_map_and_uses_it_on_new_spectra(mixed):
    change = np.random.default_rng(3).normal(size=(20, 20))
    clean = np.einsum("ab,byx->ayx", change, mixed) + 7
    learned = ComponentRegression.fit(
        PrincipalComponents.of(mixed[:, :3]), mixed[:, :3], clean[:, :3], penalty=0
    )
    np.testing.assert_allclose(learned(mixed[:, 3:]), clean[:, 3:], rtol=1e-4)


def test_a_penalty_as_great_as_the_variance_halves_the_slope():
    noisy = np.array([[-1.0, 1.0]])[None] * np.ones((1, 1, 2))
    learned = ComponentRegression.fit(PrincipalComponents.of(noisy), noisy, 6 * noisy, penalty=1)
    np.testing.assert_allclose(learned(noisy), 3 * noisy, rtol=1e-6)


def test_incomplete_clean_spectra_teach_nothing(mixed):
    clean = 2 * mixed
    clean[:, 0] = 1e6
    clean[4, 0] = np.nan
    learned = ComponentRegression.fit(PrincipalComponents.of(mixed), mixed, clean, penalty=0)
    np.testing.assert_allclose(learned(mixed[:, 1:]), clean[:, 1:], rtol=1e-4)


def test_regression_on_nothing_is_refused(mixed):
    with pytest.raises(ValueError, match="no clean spectrum is complete"):
        ComponentRegression.fit(
            PrincipalComponents.of(mixed), mixed, np.full_like(mixed, np.nan), penalty=0
        )
