"""What is true of the spectra of regions."""

import tracemalloc

import numpy as np
import pytest

from napari_hyperspectral.spectra.regions import (
    ellipse_outline,
    moved_mask,
    pixel_spectrum,
    polygon_mask,
    region_spectra,
)


def test_a_region_has_the_mean_and_deviation_of_its_pixels(rng):
    data, mask = rng.normal(size=(4, 30, 20)), rng.random((30, 20)) > 0.7
    found = region_spectra(data, mask)
    assert found.mean == pytest.approx(data[:, mask].mean(axis=1))
    assert found.sd == pytest.approx(data[:, mask].std(axis=1))
    assert found.pixels == mask.sum()


def test_missing_values_are_left_out(rng):
    data = rng.normal(size=(3, 6, 7))
    data[1, 2:4] = np.nan
    data[2] = np.nan
    found = region_spectra(data, np.ones((6, 7), bool))
    assert found.mean[1] == pytest.approx(np.nanmean(data[1]))
    assert found.sd[1] == pytest.approx(np.nanstd(data[1]))
    assert np.isnan(found.mean[2])


def test_a_plane_of_a_stack_is_asked_for(rng):
    data = rng.normal(size=(2, 3, 4, 5, 6))
    mask = np.eye(5, 6, dtype=bool)
    assert region_spectra(data, mask, (1, 2)).mean == pytest.approx(
        data[1, 2][:, mask].mean(axis=1)
    )
    assert pixel_spectrum(data, 3, 4, (1, 0)).tolist() == data[1, 0, :, 3, 4].tolist()


def test_an_empty_region_has_no_spectrum():
    assert region_spectra(np.zeros((3, 4, 5)), np.zeros((4, 5), bool)) is None


def test_little_is_read_of_a_large_file_and_never_much_at_a_time():
    loaded = []

    class File:
        shape = (200, 3000, 3000)

        def __getitem__(self, key):
            shape = [len(range(*k.indices(n))) for k, n in zip(key, self.shape)]
            loaded.append(np.prod(shape))
            return np.broadcast_to(np.float32(2), shape)

    found = region_spectra(File(), np.ones((3000, 3000), bool))
    assert found.mean == pytest.approx(np.full(200, 2.0))
    assert sum(loaded) < 0.02 * np.prod(File.shape)
    assert max(loaded) <= 2**22


def test_a_polygon_holds_the_pixels_whose_centres_it_holds():
    mask = polygon_mask([(0.5, 1.5), (0.5, 3.5), (2.5, 3.5), (2.5, 1.5)], (5, 6))
    assert np.argwhere(mask).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]


def test_a_polygon_reaches_over_the_border_and_need_not_be_convex():
    arrow = [(-3, -3), (-3, 9), (3.5, 2.5), (9, 9), (9, -3)]  # notched at (3.5, 2.5)
    mask = polygon_mask(arrow, (6, 7))
    assert mask[:, :3].all()
    assert not mask[3, 3:].any()
    assert mask[0, 5]


def test_a_small_polygon_on_a_large_image_takes_little_memory():
    tracemalloc.start()
    mask = polygon_mask([(10, 10), (10, 20), (20, 20)], (3000, 3000))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask[11, 15]
    assert most < 2 * mask.nbytes


def test_an_ellipse_fills_its_share_of_its_box():
    box = [(10, 10), (10, 90), (50, 90), (50, 10)]
    share = polygon_mask(ellipse_outline(box), (60, 100)).sum() / (40 * 80)
    assert share == pytest.approx(np.pi / 4, rel=0.02)


def test_a_mask_is_found_again_on_another_grid():
    mask = np.zeros((4, 5), bool)
    mask[1, 2] = True
    fine = moved_mask(mask, np.diag([0.5, 0.5]), np.array([-0.25, -0.25]), (8, 10))
    assert np.argwhere(fine).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
