"""Each spectrum is brought to one scale by a number of its own; dark ones become zero."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from napari_hyperspectral.spectra.scaling import (
    by_area,
    by_maximum,
    by_percentile,
    by_vector,
    standard_normal,
)

CENTRES = np.array([500.0, 501, 503, 510, 512, 530])
WAYS = {
    "maximum": by_maximum,
    "area": lambda data, **about: by_area(data, CENTRES, **about),
    "vector": by_vector,
    "snv": standard_normal,
    "percentile": lambda data, **about: by_percentile(data, 70, **about),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture
def spectra(rng):
    """Six bands, 3 × 4 pixels; two values missing in one."""
    data = rng.uniform(1, 9, (6, 3, 4))
    data[[2, 5], 1, 1] = np.nan
    return data


def test_spectra_have_what_they_were_normalised_to(spectra):
    full = spectra[:, :1]
    assert by_maximum(full).max(axis=0) == pytest.approx(1)
    assert trapezoid(by_area(full, CENTRES), CENTRES, axis=0) == pytest.approx(1)
    assert np.linalg.norm(by_vector(full), axis=0) == pytest.approx(1)
    assert standard_normal(full).mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert standard_normal(full).std(axis=0, ddof=1) == pytest.approx(1)
    assert np.percentile(by_percentile(full, 70), 70, axis=0) == pytest.approx(1)


@each_way
def test_brightness_does_not_matter(way, spectra):
    np.testing.assert_allclose(way(spectra * 300), way(spectra), rtol=1e-5)


@each_way
def test_what_is_missing_counts_for_nothing_and_stays_missing(way, spectra):
    scaled = way(spectra)
    assert np.array_equal(np.isnan(scaled), np.isnan(spectra))
    bad = np.where(np.isnan(spectra[:, :1, :1]) | (np.arange(6) == 1)[:, None, None], 99.0, spectra)
    good = np.arange(6) != 1
    without = way(np.where(good[:, None, None], bad, np.nan))
    np.testing.assert_allclose(way(bad, good=good)[good], without[good], rtol=1e-6)


def test_a_gap_in_a_spectrum_has_the_area_below_a_straight_line():
    spectrum = np.array([[1.0, 2, np.nan, 4, 4, np.nan]])
    area = by_area(spectrum, CENTRES, band=-1)
    assert area[0, 0] == pytest.approx(1 / (1.5 + 9 * 3 + 2 * 4))


@pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [3, 4, 5, 0, 1, 2]], ids=["down", "jumps"])
def test_areas_are_positive_whatever_the_order_of_the_bands(order, spectra):
    there = by_area(spectra[order], CENTRES[order])
    np.testing.assert_allclose(there, by_area(spectra, CENTRES)[order], rtol=1e-6)


def test_one_band_has_no_area():
    with pytest.raises(ValueError, match="one band has no area"):
        by_area(np.ones((1, 2, 2)), CENTRES[:1])


@each_way
def test_dark_flat_and_missing_spectra_become_zero_or_stay_missing(way):
    data = np.zeros((6, 1, 4))
    data[:, 0, 1] = np.nan
    data[:, 0, 2] = -3.1
    data[1, 0, 3] = np.inf
    scaled = way(data)
    assert np.array_equal(np.isnan(scaled[:, 0, 1]), np.ones(6, bool))
    assert not np.isinf(scaled).any()
    assert not scaled[:, 0, 0].any()
    if way is by_vector:  # the only one for which dark is no matter of sign
        assert scaled[:, 0, 2] == pytest.approx(-1 / np.sqrt(6))
    else:
        assert not scaled[:, 0, 2].any()


def test_a_flat_spectrum_is_no_noise_to_be_made_loud():
    assert not standard_normal(np.full((6, 1, 1), np.float32(0.1))).any()


@pytest.mark.parametrize("percentile", [1, 50, 100])
def test_percentiles_are_those_of_numpy_holes_and_all(percentile, spectra):
    target = spectra / np.nanpercentile(spectra, percentile, axis=0)
    np.testing.assert_allclose(by_percentile(spectra, percentile), target, rtol=1e-6)


@each_way
def test_a_table_and_an_image_are_the_same_spectra(way, spectra):
    table = way(spectra.reshape(6, -1).T, band=-1)
    assert np.array_equal(table.T.reshape(6, 3, 4), way(spectra), equal_nan=True)
    assert np.array_equal(way(spectra[:, 1:2, 1:2]), way(spectra)[:, 1:2, 1:2], equal_nan=True)
