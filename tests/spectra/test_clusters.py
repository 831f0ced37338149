"""Clusters of known mixtures are found by every method; labels agree with scikit-learn's and scipy's."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.progress import Stop
from napari_hyperspectral.spectra.clusters.maps import cluster, cluster_steps
from napari_hyperspectral.spectra.clusters.methods import (
    CLUSTERINGS,
    HDBSCAN,
    AnyClustering,
    Hierarchical,
    KMeans,
)

AXIS = SpectralAxis(np.linspace(400, 700, 24), "nm")
METHODS = {
    "k_means": KMeans(clusters=3),
    "hierarchical": Hierarchical(clusters=3),
    "hdbscan": HDBSCAN(smallest=0.1),
}


@pytest.fixture
def truth(rng):
    """Three materials of unequal sizes, 16 × 20 pixels."""
    return rng.choice(3, (16, 20), p=[0.2, 0.5, 0.3])


@pytest.fixture
def cube(truth, rng):
    pure = np.exp(-(((AXIS.centres - np.array([[450], [550], [650]])) / 50) ** 2))
    data = pure[truth].transpose(2, 0, 1) + 0.02 * rng.normal(size=(24, *truth.shape))
    return Cube(data.astype(np.float32), AXIS, name="cell", pixel_size=(2, 3))


@pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)
def test_materials_are_found_the_largest_first(cube, truth, settings):
    found = cluster(cube, settings)
    labels = found.labels.numpy()
    assert adjusted_rand_score(truth.ravel(), labels.ravel()) == 1
    assert np.bincount(labels.ravel())[1:].tolist() == sorted(np.bincount(truth.ravel()))[::-1]
    assert found.labels.classes == ("cluster 1", "cluster 2", "cluster 3")
    assert found.labels.pixel_size == (2, 3)
    assert found.labels.history[-1] == f"found 3 clusters by {settings.title}"
    for number in (1, 2, 3):
        mean = cube.data[:, labels == number].mean(axis=1)
        np.testing.assert_allclose(found.spectra.spectra()[number - 1], mean, atol=1e-6)


@pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)
def test_missing_pixels_are_in_no_cluster_and_bad_bands_change_nothing(cube, settings):
    expected = cluster(cube, settings).labels.numpy()
    spoilt = cube.data.copy()
    spoilt[5] = 1e6 * np.arange(20)
    spoilt[:, 2, 3] = np.nan
    bad = replace(AXIS, bad=np.arange(24) == 5)
    labels = cluster(replace(cube, data=spoilt, axis=bad), settings).labels.numpy()
    assert labels[2, 3] == 0
    labels[2, 3] = expected[2, 3]
    assert adjusted_rand_score(labels.ravel(), expected.ravel()) == 1


@pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)
def test_all_others_join_the_nearest_cluster_of_a_sample(cube, truth, settings, monkeypatch):
    monkeypatch.setattr(type(settings), "most_spectra", 80)
    stack = replace(
        cube, data=dask.array.from_array(np.stack([cube.data, cube.data[:, ::-1]])), z=Sampling()
    )
    found = cluster(stack, settings)
    both = np.stack([truth, truth[::-1]])
    assert adjusted_rand_score(both.ravel(), found.labels.numpy().ravel()) == 1
    assert "in 40 spectra (1 of 4 rows and columns)" in found.labels.history[-1]


def test_hierarchical_clusters_are_those_of_scipy(rng):
    data = rng.normal(size=(6, 8, 9)).astype(np.float32)
    cube = Cube(data, SpectralAxis.index(6))
    for method in ("ward", "average", "complete"):
        labels = cluster(cube, Hierarchical(clusters=5, linkage=method)).labels.numpy()
        expected = fcluster(linkage(cube.spectra(), method), 5, "maxclust")
        assert adjusted_rand_score(labels.ravel(), expected) == 1


def test_equal_seeds_give_equal_labels_and_a_job_stops_between_starts(cube):
    settings = KMeans(clusters=5, seed=3)
    first, second = (cluster(cube, settings).labels.numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    job = cluster_steps(cube, settings)
    for _ in range(4):
        next(job)
    with pytest.raises(Stop):
        job.throw(Stop())


def test_what_cannot_be_clustered_is_refused(cube):
    with pytest.raises(ValueError, match="all spectra are alike"):
        cluster(replace(cube, data=np.ones_like(cube.data)))
    few = replace(cube, data=cube.data[:, :1, :3])
    with pytest.raises(ValueError, match="3 measured spectra, too few for 4 clusters"):
        cluster(few)


@pytest.mark.parametrize("method", CLUSTERINGS)
def test_every_method_is_in_the_list_and_cites_its_source(method):
    settings = method()
    read = TypeAdapter(AnyClustering).validate_json(settings.model_dump_json())
    assert read == settings
    assert "https://" in method.source
