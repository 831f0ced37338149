"""Spectra are mapped to where they were measured."""

import numpy as np
import pytest

from napari_hyperspectral.io.metadata.positions import map_from_positions

Y, X = (grid.ravel() for grid in np.meshgrid([10.0, 12.0, 14.0], [1.0, 1.5], indexing="ij"))
SPECTRA = np.arange(12.0).reshape(6, 2)


def test_a_raster_is_the_image_row_by_row():
    mapped = map_from_positions(SPECTRA, Y, X)
    assert np.array_equal(mapped.data, SPECTRA.T.reshape(2, 3, 2))
    assert mapped.pixel_size == (2.0, 0.5)
    assert mapped.origin == (10.0, 1.0)


@pytest.mark.parametrize("order", [[5, 2, 0, 1, 4, 3], [0, 2, 4, 1, 3, 5], [1, 0, 2, 3, 5, 4]])
def test_the_order_of_measurement_does_not_matter_but_for_its_direction(order):
    mapped = map_from_positions(SPECTRA[order], Y[order], X[order])
    expected = map_from_positions(SPECTRA, Y, X).data
    flips = [slice(None), slice(None)]
    for axis, places in enumerate((Y[order], X[order])):
        if places[0] > places[-1]:
            flips[axis] = slice(None, None, -1)
    assert np.array_equal(mapped.data, expected[:, flips[0], flips[1]])


def test_a_stage_that_trembles_is_on_its_grid():
    chance = np.random.default_rng(0)
    y, x = (grid.ravel() for grid in np.mgrid[:20, :30] * 2.0)
    spectra = np.arange(1200.0).reshape(600, 2)
    mapped = map_from_positions(
        spectra, y + chance.normal(0, 0.02, 600), x + chance.normal(0, 0.02, 600)
    )
    assert np.array_equal(mapped.data, spectra.T.reshape(2, 20, 30))
    assert mapped.pixel_size == pytest.approx((2.0, 2.0), rel=0.01)


def test_what_was_not_measured_is_nan():
    mapped = map_from_positions(SPECTRA[:5].astype(np.int32), Y[:5], X[:5])
    assert np.isnan(mapped.data[:, 2, 1]).all()
    assert np.array_equal(mapped.data[:, 2, 0], SPECTRA[4])


def test_points_here_and_there_and_points_measured_twice_are_no_map():
    assert map_from_positions(SPECTRA, [0, 1, 3, 7, 15, 31], [5, 3, 9, 1, 20, 11]) is None
    assert map_from_positions(SPECTRA, [0, 0, 1, 1, 0, 1], [0, 1, 0, 1, 0, 1]) is None
