"""The band and the contrast that a cube is shown with first."""

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.picture.bands import (
    band_with_structure,
    limits_of_band,
    true_colour_bands,
)
from napari_hyperspectral.picture.sample import sample_of

SHIFTS = SpectralAxis(np.linspace(600, 1800, 12), "1/cm", "raman_shift")


@pytest.fixture
def noise(rng):
    return rng.normal(100, 30, (12, 40, 50))


@pytest.fixture
def disc():
    y, x = np.mgrid[:40, :50]
    return 40.0 * ((y - 20) ** 2 + (x - 25) ** 2 < 120)


def band_of(data, axis=SHIFTS):
    cube = Cube(data, axis)
    return band_with_structure(sample_of(cube), cube.axis)


def test_the_band_of_the_sample_is_shown_and_not_the_noisiest_or_the_brightest(noise, disc):
    noise[7] += disc
    noise[2] *= 10
    noise[9] += 5000
    assert band_of(noise) == 7


def test_spikes_choose_no_band(noise, disc):
    noise[7] += disc
    noise[3, 12, 30:32] = 1e7
    assert band_of(noise) == 7


def test_bad_bands_are_never_shown(noise, disc):
    noise[7] += disc
    noise[4] += 0.8 * disc
    bad = np.arange(12) == 7
    assert band_of(noise, SpectralAxis(SHIFTS.centres, "1/cm", "raman_shift", bad=bad)) == 4


def test_missing_pixels_do_not_hide_the_sample(noise, disc):
    noise[7] += disc
    noise[:, :, ::3] = np.nan
    noise[5] = np.nan
    assert band_of(noise) == 7
    noise[:] = np.nan
    assert band_of(noise) == 0


def test_the_value_of_a_file_for_missing_pixels_is_no_structure(noise, disc):
    noise[7] += disc
    noise[2, :20] = -32768
    cube = Cube(noise, SHIFTS, metadata={"nodata": -32768})
    sample = sample_of(cube)
    assert band_with_structure(sample, cube.axis) == 7
    assert limits_of_band(sample, 2)[0] > -1000


@pytest.mark.parametrize("shape", [(12, 1, 1), (12, 1, 30), (12, 30, 1)])
def test_of_spectra_in_no_image_the_brightest_band_is_shown_if_all_are_alike(shape):
    data = np.zeros(shape)
    data[5] = 1
    assert band_of(data) == 5


def test_contrast_is_that_of_the_band_and_no_spike_moves_it(noise, disc):
    noise[7] += disc
    noise[7, 20, 25] = 1e7
    low, high = limits_of_band(sample_of(Cube(noise, SHIFTS)), 7)
    assert 0 < low < 60
    assert 150 < high < 300
    assert limits_of_band(sample_of(Cube(np.ones((12, 4, 4)), SHIFTS)), 7) is None


def test_frames_and_planes_are_sampled_in_their_middle(noise, disc):
    stack = np.stack([noise, noise + 0, noise])
    stack[1, 7] += disc
    from napari_hyperspectral.cube import Sampling

    cube = Cube(stack, SHIFTS, z=Sampling())
    assert band_with_structure(sample_of(cube), cube.axis) == 7


def test_little_is_read_of_a_large_file():
    read = []

    class File:
        shape, dtype = (1000, 20_000, 20_000), np.dtype(np.uint16)

        def __getitem__(self, key):
            lengths = [len(range(*k.indices(n))) for k, n in zip(key, self.shape, strict=True)]
            read.append(np.prod(lengths))
            return np.ones(lengths, np.uint16)

    axis = SpectralAxis(np.arange(400.0, 1400), "nm")
    sample = sample_of(Cube(File(), axis))
    assert sum(read) < 200_000
    assert len(sample.bands) <= 32
    assert (sample.bands[0], sample.bands[-1]) == (0, 992)


def test_true_colours_need_all_three_colours():
    visible = SpectralAxis(np.arange(400.0, 701, 10), "nm")
    assert true_colour_bands(visible) == (24, 15, 6)
    micrometres = SpectralAxis(visible.centres[::-1] / 1000, "um")
    assert true_colour_bands(micrometres) == (6, 15, 24)
    assert true_colour_bands(SpectralAxis(np.arange(500.0, 701, 10), "nm")) is None
    assert true_colour_bands(SHIFTS) is None
    bad = np.abs(visible.centres - 550) < 30
    assert true_colour_bands(SpectralAxis(visible.centres, "nm", bad=bad)) is None
