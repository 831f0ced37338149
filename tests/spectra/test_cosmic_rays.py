"""Cosmic rays are found, and peaks of the sample are not taken for them."""

import numpy as np
import pytest

from napari_hyperspectral import read
from napari_hyperspectral.spectra.cosmic_rays import (
    spikes_along_spectra,
    spikes_among_neighbours,
    without_spikes,
)

BANDS = np.arange(200.0)


def scene(rng, shape=(12, 13)):
    """Return a scene of broad peaks that vary in space, with noise."""
    heights = rng.uniform(60, 100, shape)
    spectra = 50 + 0.1 * BANDS[:, None, None] + heights * peak(60, 6) + 80 * peak(140, 10)
    return spectra + rng.normal(0, 2, spectra.shape)


def peak(centre, width):
    return np.exp(-0.5 * ((BANDS - centre) / width) ** 2)[:, None, None]


def struck(data, rng, number=40):
    """Return data with spikes of one to three bands, and where their tops are."""
    spiked = data.copy()
    tops = np.zeros(data.shape, bool)
    pixels = rng.choice(data[0].size, number, replace=False)
    for pixel in pixels:
        y, x = np.unravel_index(pixel, data.shape[1:])
        band = rng.integers(3, len(data) - 3)
        for shift in range(rng.integers(1, 4)):
            spiked[band + shift, y, x] += rng.uniform(60, 800)
            tops[band + shift, y, x] = True
    return spiked, tops


def test_injected_spikes_are_found_and_little_else(rng):
    spiked, tops = struck(scene(rng), rng)
    for find in (spikes_along_spectra, spikes_among_neighbours):
        found = find(spiked, margin=0)
        recall = (found & tops).sum() / tops.sum()
        precision = (found & tops).sum() / found.sum()
        assert recall > 0.95
        assert precision > 0.95


def test_spectra_without_spikes_are_the_clean_ones_again(rng):
    clean = scene(rng)
    spiked, _ = struck(clean, rng)
    repaired = without_spikes(spiked, spikes_along_spectra(spiked))
    assert np.abs(spiked - clean).max() > 500
    assert np.abs(repaired - clean).max() < 30
    untouched = repaired == spiked.astype(np.float32)
    assert untouched.mean() > 0.99


@pytest.mark.parametrize("width", [2.5, 4, 8])
def test_a_peak_broader_than_a_spike_survives_however_high_it_is(width):
    spectrum = 1 + 1e4 * peak(100, width) + np.random.default_rng(0).normal(0, 1, (200, 1, 1))
    assert not spikes_along_spectra(spectrum).any()


def test_a_sharp_peak_that_the_neighbours_have_too_is_no_spike_among_them(rng):
    sharp = scene(rng) + rng.uniform(130, 170, (12, 13)) * peak(100, 0.7)
    assert spikes_along_spectra(sharp)[100].all()
    assert not spikes_among_neighbours(sharp).any()


def test_the_scores_are_those_of_whitaker_and_hayes(rng):
    spectrum = rng.normal(0, 1, 200)
    spectrum[80] += 50
    differences = np.diff(spectrum)
    middle = np.median(differences)
    scores = 0.6745 * (differences - middle) / np.median(np.abs(differences - middle))
    rise, fall = scores[79], -scores[80]
    lower = min(rise, fall)
    assert spikes_along_spectra(spectrum, lower * 0.999, margin=0, band=0).nonzero()[0] == [80]
    assert not spikes_along_spectra(spectrum, lower * 1.001, margin=0, band=0).any()


def test_missing_values_and_bad_bands_are_no_spikes_and_stay(rng):
    data = scene(rng, (5, 6)).astype(np.float32)
    data[30, 2, 2] = np.nan
    data[:, 4, 4] = np.nan
    data[77] = 1e5
    good = BANDS != 77
    for find in (spikes_along_spectra, spikes_among_neighbours):
        spikes = find(data, good=good)
        assert not spikes.any()
    spikes[31, 2, 2] = True
    repaired = without_spikes(data, spikes, good=good)
    assert np.array_equal(np.isnan(repaired), np.isnan(data))
    assert (repaired[77, :4] == 1e5).all()
    assert repaired[31, 2, 2] == pytest.approx(
        (2 * data[29, 2, 2] + data[32, 2, 2] * 2) / 4, rel=0.2
    )


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_constant_spectra_have_no_spikes(value):
    flat = np.full((9, 3, 4), value)
    assert not spikes_along_spectra(flat).any()
    assert not spikes_among_neighbours(flat).any()
    assert not spikes_along_spectra(flat[:1]).any()
    assert not spikes_among_neighbours(flat[:, :1, :1]).any()


def test_the_known_cosmic_rays_of_a_raman_map_are_found_and_its_peaks_stay(data_folder):
    cube = read(data_folder / "raman_thp1" / "thp1_map001_L5.mat")
    data = cube.numpy()
    along = spikes_along_spectra(data)
    among = spikes_among_neighbours(data)
    both = along & among
    assert both[43:46, 29, 28].all()  # 1300 counts where the neighbours have 3
    assert both[64:66, 32, 30].all()  # 368 where they have 15
    for spikes in (along, among):
        assert 2 <= np.count_nonzero(spikes.any(axis=0)) <= 4
        # of no band in several pixels: that would be a peak
        assert np.count_nonzero(spikes, axis=(1, 2)).max() == 1


def test_impossible_settings_are_refused():
    data = np.zeros((9, 3, 3))
    with pytest.raises(ValueError, match="threshold is 0"):
        spikes_along_spectra(data, 0)
    with pytest.raises(ValueError, match="spikes are 0 bands wide"):
        spikes_along_spectra(data, width=0)
    with pytest.raises(ValueError, match="a square of 4 pixels"):
        spikes_among_neighbours(data, size=4)
