"""Mixtures are taken apart into what they were mixed from."""

from fractions import Fraction
from itertools import combinations
from operator import mul

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


@pytest.mark.parametrize("sum_to_one", [False, True])
def test_pure_spectra_that_are_the_same_are_refused(pure, sum_to_one):
    twice = np.vstack([pure, pure[1:2]])
    with pytest.raises(
        ValueError, match=r"pure spectra 2 and 4 are the same.*leave one of them out"
    ):
        abundances(pure, twice, sum_to_one=sum_to_one)


def test_a_darker_pure_spectrum_is_another_one_only_where_abundances_sum_to_one(pure):
    with_shadow = np.vstack([pure, pure[:1] / 2, 0 * pure[:1]])
    mixed = np.array([[0.2, 0.3, 0.0, 0.5, 0.0], [0.5, 0.0, 0.2, 0.0, 0.3]])
    with pytest.warns(UserWarning, match="other abundances fit as well"):
        fit = abundances(mixed @ with_shadow, with_shadow, sum_to_one=True)
    np.testing.assert_allclose(fit @ with_shadow, mixed @ with_shadow, atol=1e-7)
    np.testing.assert_allclose(fit.sum(axis=1), 1)
    with pytest.raises(ValueError, match="pure spectra 1 and 4 are the same"):
        abundances(mixed @ with_shadow, with_shadow)


def alike(rng, degrees, bands=60):
    """Return four spectra that are so many degrees from what they have in common, (4, bands)."""
    common = 1 + np.exp(-(((np.arange(bands) - 25) / 9) ** 2))
    own = rng.normal(size=(4, bands))
    own *= np.linalg.norm(common) / np.linalg.norm(own, axis=1, keepdims=True)
    return common + np.tan(np.radians(degrees)) * own


def best_on_every_support(table, pure):
    """Return the abundances with sum 1 of least error, by trying all sets of pure spectra."""
    best = np.zeros((len(table), len(pure)))
    least = np.full(len(table), np.inf)
    for size in range(1, len(pure) + 1):
        for chosen in combinations(range(len(pure)), size):
            first, *others = pure[list(chosen)]
            # the sum is met by what the first has
            steps = np.array(others).reshape(-1, pure.shape[1]) - first
            found = np.linalg.lstsq(steps.T, (table - first).T)[0].T
            shares = np.zeros_like(best)
            shares[:, chosen] = np.column_stack([1 - found.sum(axis=1), found])
            error = np.linalg.norm(table - shares @ pure, axis=1)
            better = (shares.min(axis=1) >= 0) & (error < least)
            best[better] = shares[better]
            least[better] = error[better]
    return best


def test_shares_of_spectra_a_degree_apart_are_those_of_an_exact_active_set(rng):
    pure = alike(rng, 1)
    table = rng.dirichlet([0.5] * 4, 400) @ pure + rng.normal(0, 0.02, (400, 60))
    found = abundances(table, pure, sum_to_one=True)
    np.testing.assert_allclose(found, best_on_every_support(table, pure), atol=1e-9)
    assert (found == 0).mean() > 0.1  # or the bound was never met


def solved_exactly(matrix, target):
    """Return the solution of linear equations in fractions."""
    rows = [[*row, value] for row, value in zip(matrix, target)]
    for n in range(len(rows)):
        pivot = next(row for row in rows[n:] if row[n])
        rows.remove(pivot)
        rows.insert(n, [value / pivot[n] for value in pivot])
        for other in rows:
            if other is not rows[n] and other[n]:
                factor = other[n]
                other[:] = [value - factor * of_pivot for value, of_pivot in zip(other, rows[n])]
    return [row[-1] for row in rows]


def exact_shares(spectrum, pure, sum_to_one):
    """Return the abundances in a spectrum, from fractions: no rounding anywhere."""
    members = [[Fraction(value) for value in row] for row in pure.tolist()]
    values = [Fraction(value) for value in spectrum.tolist()]
    power = [[sum(map(mul, one, other)) for other in members] for one in members]
    overlap = [sum(map(mul, row, values)) for row in members]
    border = [Fraction(1)] if sum_to_one else []
    for size in range(len(border), len(members) + 1):
        for chosen in combinations(range(len(members)), size):
            matrix = [[power[i][j] for j in chosen] + border for i in chosen]
            matrix += [[Fraction(1)] * size + [Fraction(0)] for _ in border]
            solution = solved_exactly(matrix, [overlap[i] for i in chosen] + border)
            multiplier = solution[size] if border else 0
            slopes = [
                sum(power[i][j] * share for j, share in zip(chosen, solution))
                - overlap[i]
                + multiplier
                for i in range(len(members))
            ]
            if min(solution[:size], default=0) >= 0 and min(slopes) >= 0:
                shares = np.zeros(len(members))
                shares[list(chosen)] = [float(share) for share in solution[:size]]
                return shares
    raise AssertionError


@pytest.mark.parametrize("sum_to_one", [False, True])
@pytest.mark.parametrize("degrees", [0.02, 2e-4])
def test_abundances_are_exact_up_to_a_condition_number_of_a_million(rng, degrees, sum_to_one):
    pure = alike(rng, degrees, bands=24)
    condition_number = np.linalg.cond(pure)
    assert 10 < condition_number * degrees < 200
    assert condition_number < 1e6
    noise = rng.normal(0, 0.3 * np.radians(degrees), (5, 24))
    table = rng.dirichlet([0.5] * 4, 5) @ pure + noise
    found = abundances(table, pure, sum_to_one=sum_to_one)
    for spectrum, shares in zip(table, found, strict=True):
        exact = exact_shares(spectrum, pure, sum_to_one)
        np.testing.assert_allclose(shares, exact, atol=1e-6)


@pytest.mark.parametrize("sum_to_one", [False, True])
def test_beyond_it_the_fit_is_as_good_as_the_best_and_the_ambiguity_is_told(rng, sum_to_one):
    pure = alike(rng, 1)
    mixture = pure.mean(axis=0)
    table = rng.dirichlet([0.5] * 4, 50) @ pure + rng.normal(0, 0.02, (50, 60))
    with pytest.warns(UserWarning, match=r"condition number .* other abundances fit as well"):
        found = abundances(table, np.vstack([pure, mixture]), sum_to_one=sum_to_one)
    best = abundances(table, pure, sum_to_one=sum_to_one)  # the mixture adds nothing to these
    errors = np.linalg.norm(table - found @ np.vstack([pure, mixture]), axis=1)
    least = np.linalg.norm(table - best @ pure, axis=1)
    assert (errors - least).max() < 1e-6 * np.linalg.norm(table, axis=1).min()


def test_abundances_of_a_library_of_spectra_are_those_of_scipy(rng):
    library = 1 + rng.random((40, 60))
    table = rng.dirichlet([0.1] * 40, 60) @ library + rng.normal(0, 0.05, (60, 60))
    target = np.array([nnls(library.T, spectrum)[0] for spectrum in table])
    np.testing.assert_allclose(abundances(table, library), target, atol=1e-8)


@pytest.mark.parametrize("sum_to_one", [False, True])
def test_powers_of_two_change_no_bit_of_abundances(pure, shares, rng, sum_to_one):
    table = shares @ pure + rng.normal(0, 0.1, (300, 40))
    found = abundances(table, pure, sum_to_one=sum_to_one)
    for factor in (2.0**-60, 2.0**60):
        scaled = abundances(factor * table, factor * pure, sum_to_one=sum_to_one)
        np.testing.assert_array_equal(scaled, found)
