"""Directions of spectra: PCA is scikit-learn's, MNF divides by the noise; lazy or not."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest
from sklearn.decomposition import PCA

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.spectra.decomposition.directions import Directions, scores

AXIS = SpectralAxis(np.linspace(400, 700, 12), "nm")


@pytest.fixture
def cube(rng):
    """Two smooth maps, and much noise in one band."""
    y, x = np.mgrid[:20, :24] / 20
    maps = np.stack([np.sin(3 * y), x * y])
    spectra = rng.uniform(0, 1, (2, 12))
    data = np.einsum("myx,mb->byx", maps, spectra) + 0.01 * rng.normal(size=(12, 20, 24))
    data[3] += 2 * rng.normal(size=(20, 24))
    return Cube(data.astype(np.float32), AXIS, name="cell", intensity_unit="counts")


def test_principal_components_are_those_of_scikit_learn(cube):
    found = scores(cube, Directions(count=3))
    pca = PCA(3).fit(cube.spectra())
    expected = pca.transform(cube.spectra()).T.reshape(3, 20, 24)
    signs = np.where(pca.components_.sum(axis=1) < 0, -1, 1)
    np.testing.assert_allclose(found.maps.data, expected * signs[:, None, None], atol=1e-4)
    directions = pca.components_ * signs[:, None]
    np.testing.assert_allclose(found.loadings.spectra(), directions, atol=1e-4)
    np.testing.assert_allclose(found.strengths, pca.explained_variance_ratio_, rtol=1e-4)
    assert found.maps.axis.names[0] == "PCA 1"
    assert found.maps.intensity_unit == "counts"


def test_noise_comes_first_in_pca_and_last_in_mnf(cube):
    assert np.abs(scores(cube).loadings.spectra()[0]).argmax() == 3
    found = scores(cube, Directions(method="mnf", count=12))
    first = found.maps.data[0]
    assert np.corrcoef(first[:, 1:].ravel(), first[:, :-1].ravel())[0, 1] > 0.99
    assert found.strengths[0] > 100
    noise = np.diff(found.maps.data, axis=2) / np.sqrt(2)
    np.testing.assert_allclose(np.square(noise).mean(axis=(1, 2)), 1, rtol=1e-3)
    # mean and all loadings times their scores are the cube
    mean = cube.data.mean(axis=(1, 2), keepdims=True)
    rebuilt = mean + np.einsum("myx,mb->byx", found.maps.data, found.loadings.spectra())
    np.testing.assert_allclose(rebuilt, cube.data, atol=1e-2)


@pytest.mark.parametrize("method", ["pca", "mnf"])
def test_lazy_cubes_have_the_same_scores_and_what_is_missing_has_none(cube, method):
    settings = Directions(method=method, count=3)
    expected = scores(cube, settings)
    lazy = replace(cube, data=dask.array.from_array(cube.data, chunks=(5, 7, 11)))
    np.testing.assert_allclose(scores(lazy, settings).maps.data, expected.maps.data, atol=1e-5)
    spoilt = cube.data.copy()
    spoilt[:, 2, 3] = np.nan
    spoilt[5, 4, 4] = np.nan
    spoilt[7] = 1e9
    bad = replace(AXIS, bad=np.arange(12) == 7)
    found = scores(replace(cube, data=spoilt, axis=bad), settings)
    assert np.isnan(found.maps.data[:, 2, 3]).all()
    assert np.isfinite(found.maps.data).sum() == 3 * (20 * 24 - 1)
    assert np.isnan(found.loadings.data[7]).all()


def test_without_neighbours_or_values_there_is_no_noise_and_nothing_to_find(cube):
    one = replace(cube, data=cube.data[:, :1, :1])
    with pytest.raises(ValueError, match="no noise can be estimated"):
        scores(one, Directions(method="mnf"))
    with pytest.raises(ValueError, match="holds no measured value"):
        scores(replace(cube, data=np.full_like(cube.data, np.nan)))
