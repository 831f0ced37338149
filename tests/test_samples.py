"""What is true of the sample images."""

import sys

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from napari_hyperspectral.io import MissingPackageError
from napari_hyperspectral.samples import (
    LAND_CLASSES,
    camera_counts,
    indian_pines,
    land_scene,
    raman_cell,
)


def test_equal_seeds_give_equal_cells_and_others_do_not():
    first, again, other = (raman_cell(seed, (20, 24))[0].numpy() for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_counts_vary_as_a_real_raman_map_does(rng):
    for mean in (2.0, 10.0, 80.0):
        counts = camera_counts(np.full(200_000, mean), rng)
        assert counts.mean() == pytest.approx(mean, rel=0.01)
        assert counts.var() == pytest.approx(0.56 + 0.22 * mean, rel=0.02)


def test_the_noise_of_the_cell_follows_the_same_law_and_is_white_along_the_spectrum():
    noisy, clean = raman_cell()
    noise = (noisy.numpy() - clean.numpy()) / np.sqrt(0.56 + 0.22 * clean.numpy())
    assert noise.std() == pytest.approx(1, abs=0.005)
    assert abs((noise[1:] * noise[:-1]).mean()) < 0.005


def test_the_cell_has_its_bands_where_the_molecules_have_them():
    clean = raman_cell()[1]
    brightest = {
        "lipid": np.unravel_index(_height(clean, 1300).argmax(), clean.shape[1:]),
        "DNA": np.unravel_index(_height(clean, 785).argmax(), clean.shape[1:]),
    }
    lipid, dna = (clean.data[:, y, x] for y, x in brightest.values())
    for spectrum, bands in ((lipid, (1300, 1440, 1745)), (dna, (785, 1003, 1578))):
        sharp = spectrum - uniform_filter1d(spectrum, 25)
        for shift in bands:
            near = clean.axis.between(shift - 12, shift + 12)
            assert abs(clean.axis.centres[near[sharp[near].argmax()]] - shift) < 5
    assert brightest["lipid"] != brightest["DNA"]


def test_the_cell_lies_on_an_axis_that_a_detector_gives():
    axis = raman_cell(0, (8, 9))[0].axis
    assert (axis.kind, axis.unit) == ("raman_shift", "1/cm")
    assert axis.centres[[0, -1]] == pytest.approx([600, 1800])
    assert axis.monotonic
    assert not axis.uniform
    wavelengths = 1e7 / (1e7 / axis.excitation_nm - axis.centres)
    assert np.diff(wavelengths) == pytest.approx(np.diff(wavelengths)[0])


def test_every_class_of_the_land_scene_lies_in_it_whatever_the_seed():
    for seed in range(4):
        cube, labels = land_scene(seed)
        pixels = np.bincount(labels.numpy().ravel(), minlength=7)
        assert labels.classes == LAND_CLASSES
        assert (pixels[1:] > 100).all()
        assert 0 < pixels[0] < 0.25 * labels.data.size
        assert cube.shape[1:] == labels.shape


def test_equal_seeds_give_equal_scenes():
    first, again, other = (land_scene(seed, (40, 50))[0].numpy() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_land_reflects_as_its_classes_do():
    cube, labels = land_scene()
    mean = {
        name: cube.numpy()[:, labels.numpy() == i].mean(axis=1)
        for i, name in enumerate(labels.classes, start=1)
    }
    red, infrared, short = (cube.axis.nearest(nm) for nm in (670, 860, 2200))
    for name in ("crops", "forest", "grassland"):  # the normalised difference of vegetation
        assert _contrast(mean[name][infrared], mean[name][red]) > 0.3
    assert _contrast(mean["soil"][infrared], mean["soil"][red]) < 0.3
    assert mean["water"][short] < 0.02 < 0.08 < mean["road"][short]
    assert (cube.numpy() >= 0).all()
    assert cube.numpy()[cube.axis.good].max() < 1


def test_bands_in_which_the_air_is_opaque_are_bad_and_noisy():
    cube = land_scene()[0]
    assert cube.axis.bad[cube.axis.nearest(1400)]
    assert cube.axis.bad[cube.axis.nearest(1900)]
    assert 10 < cube.axis.bad.sum() < 20
    rough = np.abs(np.diff(cube.numpy(), axis=2)).mean(axis=(1, 2))
    assert rough[cube.axis.bad].min() > 3 * np.median(rough[cube.axis.good])


def test_pixels_on_borders_are_mixtures_and_not_labelled():
    cube, labels = land_scene()
    wet = cube.numpy()[cube.axis.nearest(860)]
    water = labels.numpy() == 1
    beside = np.zeros_like(water)
    beside[1:] |= water[:-1]
    mixed = beside & (labels.numpy() == 0)
    assert mixed.sum() > 50
    assert np.median(wet[water]) < np.median(wet[mixed]) < np.median(wet[labels.numpy() > 1])


def test_indian_pines_is_the_scene_everybody_knows_on_its_true_axis():
    pytest.importorskip("tensorly")
    cube, labels = indian_pines()
    assert (cube.shape, cube.data.dtype) == ((200, 145, 145), np.uint16)
    assert np.count_nonzero(labels.numpy()) == 10_249
    assert np.bincount(labels.numpy().ravel())[[1, 2, 9, 16]].tolist() == [46, 1428, 20, 93]
    assert len(labels.classes) == 16
    assert labels.classes[8] == "Oats"
    assert (cube.axis.centres[0], cube.axis.unit, cube.axis.kind) == (400.02, "nm", "wavelength")
    assert not cube.axis.monotonic  # its spectrometers overlap
    assert cube.axis.centres[103] - cube.axis.centres[102] > 60  # bands 104 to 108 are left out
    assert (cube.pixel_size, cube.pixel_unit) == ((20.0, 20.0), "m")
    assert "R7RX991C" in cube.metadata["origin"]


def test_without_its_wheel_indian_pines_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorly.datasets", None)
    with pytest.raises(MissingPackageError, match=r"needs tensorly: pip install .*\[samples\]"):
        indian_pines()


def _height(cube, shift):
    """How far a band stands above its surroundings, (y, x)."""
    around = (cube.nearest(shift - 25) + cube.nearest(shift + 25)) / 2
    return cube.nearest(shift) - around


def _contrast(one, other):
    return (one - other) / (one + other)
