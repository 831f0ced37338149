"""Rare materials become clusters, single outliers do not, and nothing but the seed decides."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.tasks import Denoise, PredictChannels, Segment, SuperResolve
from napari_hyperspectral.training.clusters import (
    FEWEST_SPECTRA,
    MOST_CLUSTERS,
    cluster_image,
    split_classes,
)

BANDS = np.arange(40.0)


def peak(centre):
    return 1 + 5 * np.exp(-(((BANDS - centre) / 3) ** 2))


@pytest.fixture
def rare(rng):
    """Where the rare material is in an image of two, (y, x), and its spectra, (1, band, y, x)."""
    mask = np.zeros((20, 24), bool)
    mask[15:, 18:] = True  # 30 of 480 pixels
    spectra = np.where(mask[..., None], peak(10), peak(25))
    brightness = rng.uniform(0.5, 3, mask.shape)[..., None]
    noisy = brightness * spectra + rng.normal(0, 0.2, (*mask.shape, len(BANDS)))
    return mask, np.moveaxis(noisy, -1, 0)[None].astype(np.float32)


def clusters_of(planes, *, per_spectrum=True, seed=0):
    usable = np.ones((len(planes), *planes.shape[2:]), bool)
    return cluster_image(planes, usable, per_spectrum=per_spectrum, seed=seed)


def test_a_rare_material_is_in_clusters_of_its_own_however_bright(rare):
    mask, planes = rare
    numbers = clusters_of(planes)[0]
    assert not set(numbers[mask]) & set(numbers[~mask])


def test_there_are_a_handful_of_clusters_numbered_from_1(rare):
    _, planes = rare
    numbers = clusters_of(planes)
    assert set(np.unique(numbers)) == set(range(1, MOST_CLUSTERS + 1))
    assert np.bincount(numbers.ravel())[1:].min() >= FEWEST_SPECTRA


def test_a_single_outlier_is_no_cluster_and_hides_none(rare):
    mask, planes = rare
    planes[0, 3, 2, 2] = 500.0  # a cosmic ray
    numbers = clusters_of(planes)[0]
    assert np.bincount(numbers.ravel())[1:].min() >= FEWEST_SPECTRA
    assert not set(numbers[mask]) & set(numbers[~mask])


def test_spectra_that_are_all_alike_are_one_cluster():
    assert (clusters_of(np.ones((2, 3, 9, 10), np.float32)) == 1).all()


@pytest.mark.parametrize("per_spectrum", [True, False])
def test_missing_values_neither_make_clusters_nor_break_them(rare, per_spectrum):
    mask, planes = rare
    planes[0, 30:, :4] = np.nan
    planes[0, 7] = np.nan  # a bad band
    numbers = clusters_of(planes, per_spectrum=per_spectrum)
    assert (numbers > 0).all()
    assert not set(numbers[0][mask]) & set(numbers[0][~mask]) or not per_spectrum


def test_pixels_that_are_not_used_have_no_cluster(rare):
    mask, planes = rare
    numbers = cluster_image(planes, mask[None], per_spectrum=True, seed=0)
    assert np.array_equal(numbers[0] > 0, mask)


def test_clusters_of_a_large_image_are_found_among_some_of_its_spectra(rare, monkeypatch):
    mask, planes = rare
    monkeypatch.setattr("napari_hyperspectral.training.clusters._SAMPLE", 200)
    for seed in range(3):
        numbers = clusters_of(planes, seed=seed)[0]
        assert np.array_equal(numbers, clusters_of(planes, seed=seed)[0])
        assert not set(numbers[mask]) & set(numbers[~mask])


def test_threads_do_not_change_clusters(rng):
    planes = rng.normal(size=(1, 300, 40, 50)).astype(np.float32)
    alone = clusters_of(planes)
    with threadpool_limits(2):
        assert np.array_equal(clusters_of(planes), alone)


def test_examples_are_split_by_clusters_of_what_is_predicted_or_by_their_own_classes(rare):
    mask, planes = rare
    axis = SpectralAxis(BANDS, "nm")
    clean = Cube(planes[0], axis)
    flat = Cube(np.ones_like(planes[0]), axis)
    target = clusters_of(planes)
    denoised = Denoise().example(noisy=flat, clean=clean)
    assert np.array_equal(split_classes(Denoise(), denoised, seed=0), target)
    sharpened = SuperResolve(scale=2).example(fine=clean)
    assert split_classes(SuperResolve(scale=2), sharpened, seed=0).shape == (1, 10, 12)
    bright = Cube(np.where(mask, 9.0, 1.0)[None], SpectralAxis([1.0], "nm"))
    stained = PredictChannels().example(cube=flat, target=bright)
    numbers = split_classes(PredictChannels(), stained, seed=0)[0]
    assert len(set(numbers[mask])) == len(set(numbers[~mask])) == 1
    assert set(numbers[mask]) != set(numbers[~mask])
    painted = replace(denoised, sampling_classes=mask[None] + 1)
    assert split_classes(Segment(), painted, seed=0) is painted.sampling_classes
