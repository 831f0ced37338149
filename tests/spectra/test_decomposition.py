"""Components: the purest corners, factors, how many, which are spikes; measured on real scenes."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read
from napari_hyperspectral.progress import Stop, run
from napari_hyperspectral.spectra.components import (
    Unmixing,
    abundance_maps_steps,
    end_members_steps,
)
from napari_hyperspectral.spectra.decomposition.corners import (
    farthest_corners,
    grown_corners,
    volume,
)
from napari_hyperspectral.spectra.decomposition.count import suggested_count
from napari_hyperspectral.spectra.decomposition.directions import Directions, scores
from napari_hyperspectral.spectra.decomposition.factors import factors_steps
from napari_hyperspectral.spectra.decomposition.sample import sampled_spectra
from napari_hyperspectral.spectra.decomposition.spikes import (
    COSMIC_RAYS,
    spiky_components,
    spiky_share,
)
from napari_hyperspectral.spectra.scaling import by_vector
from napari_hyperspectral.spectra.unmix import abundances

AXIS = SpectralAxis(np.linspace(500, 1800, 60), "1/cm", "raman_shift")


@pytest.fixture
def pure():
    return np.exp(-(((AXIS.centres - np.array([[700], [1100], [1500]])) / 150) ** 2)) + 0.05


@pytest.fixture
def mixtures(pure, rng):
    """Three substances in 20 × 24 pixels, none of which is pure, with a little noise."""
    shares = rng.dirichlet([1, 1, 1], (20, 24))
    shares = 0.8 * shares + 0.2 / 3
    data = np.einsum("yxm,mb->byx", shares, pure) + 0.003 * rng.normal(size=(60, 20, 24))
    return Cube(data.astype(np.float32), AXIS, name="cell")


def test_the_corners_of_many_starts_are_never_worse_than_those_of_one(rng):
    points = rng.normal(size=(500, 5))
    for seed in range(5):
        one = farthest_corners(points, seed)
        many = farthest_corners(points, seed, 20)
        grown = grown_corners(points, many)
        assert volume(points[one]) <= volume(points[many]) <= volume(points[grown])
        for corner in range(5):  # no exchange enlarges it
            tried = np.repeat(points[grown][None], 500, axis=0)
            tried[:, corner] = points
            assert np.abs(np.linalg.det(tried)).max() <= volume(points[grown]) * (1 + 1e-6)


def test_curve_resolution_finds_substances_that_are_pure_nowhere(mixtures, pure):
    """Three peaks that overlap little: factors are closer to them than the purest pixels are."""
    errors = {}
    for method in ("vca", "mcr_als"):
        found = run(end_members_steps(mixtures, Unmixing(count=3, method=method))).spectra()
        cosines = found @ pure.T / np.linalg.norm(pure, axis=1)
        cosines /= np.linalg.norm(found, axis=1)[:, None]
        errors[method] = np.degrees(np.arccos(cosines.max(axis=0))).max()
    assert errors["mcr_als"] < errors["vca"]


def test_factors_multiply_to_the_table_and_stop_when_asked(pure, rng):
    shares = rng.dirichlet([1, 1, 1], 200)
    table = shares @ pure
    start = pure + 0.05 * rng.uniform(size=pure.shape)
    found = run(factors_steps(table, start))
    assert found.lack_of_fit < 0.01
    assert found.spectra.min() >= 0
    assert found.amounts.min() >= 0
    np.testing.assert_allclose(found.amounts.max(axis=0), 1)
    job = factors_steps(table, start)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.throw(Stop())
    assert end.value.value.spectra.shape == pure.shape


@pytest.mark.parametrize("sparsity", [0.02, 0.3])
def test_sparse_abundances_are_those_of_scikit_learn(pure, rng, sparsity):
    """Of equally long pure spectra, the penalty is `alpha` times the number of bands there."""
    unit = pure / np.linalg.norm(pure, axis=1, keepdims=True)
    table = rng.dirichlet([1, 1, 1], 12) @ pure + 0.02 * rng.normal(size=(12, 60))
    found = abundances(table, 3 * unit, sparsity=sparsity)
    for spectrum, shares in zip(table, found, strict=True):
        penalty = sparsity * (unit @ spectrum).max()
        lasso = Lasso(penalty / 60, positive=True, fit_intercept=False, tol=1e-12, max_iter=10**6)
        np.testing.assert_allclose(3 * shares, lasso.fit(unit.T, spectrum).coef_, atol=1e-6)


def test_a_penalty_of_abundances_that_sum_to_one_is_refused():
    with pytest.raises(ValueError, match="choose sum_to_one or sparsity"):
        Unmixing(sum_to_one=True, sparsity=0.1)
    with pytest.raises(ValueError, match="choose one of both"):
        abundances(np.eye(3), np.eye(3), sum_to_one=True, sparsity=0.1)


def test_the_number_of_components_is_found_and_the_reason_is_told(mixtures):
    suggested = suggested_count(mixtures)
    assert suggested.components == 3
    assert suggested.above_noise == 2
    assert suggested.reason.startswith("spectra differ in 2 directions by more than their noise")
    assert sum(suggested.signal) == pytest.approx(1)


def test_in_noise_alone_there_are_as_few_components_as_can_be(rng):
    cube = Cube(rng.normal(10, 1, (60, 20, 24)).astype(np.float32), AXIS)
    assert suggested_count(cube).components == 2
    assert "nothing in these spectra" in suggested_count(cube).reason


def test_a_component_that_is_a_spike_is_named():
    axis = SpectralAxis(np.linspace(500, 1800, 300), "1/cm", "raman_shift")
    spectra = np.exp(-(((axis.centres - np.array([[700], [1100]])) / 50) ** 2)) + 0.05
    spectra[1, 30:32] += 20
    cube = Cube.from_spectra(spectra, axis)
    (spike,) = spiky_components(cube)
    assert (spike.component, spike.band) == (2, 30)
    assert "component 2 is a spike at 630.4 cm⁻¹ (band 31/300)" in spike.line(axis)
    bad = np.isin(np.arange(300), (30, 31))
    assert spiky_components(replace(cube, axis=replace(axis, bad=bad))) == ()
    masses = SpectralAxis(axis.centres, "m/z")
    assert spiky_components(replace(cube, axis=masses)) == ()


def test_a_sample_is_a_regular_grid_of_all_planes(rng):
    data = rng.normal(size=(3, 7, 9)).astype(np.float32)
    cube = Cube(data, SpectralAxis.index(3))
    everything = run(sampled_spectra(cube))
    assert (everything.every, everything.line) == (1, "")
    np.testing.assert_array_equal(everything.table, cube.spectra())
    few = run(sampled_spectra(cube, 20))
    assert few.every == 2
    np.testing.assert_array_equal(few.table[0], data[:, 0, 0])
    assert len(few.table) == 4 * 5


@pytest.fixture(scope="module")
def samson(data_folder):
    """Samson, spectra of unit length, with the dominant material of the reference."""
    file = np.load(data_folder / "samson" / "samson_95x95x156.npz")
    data = by_vector(np.ascontiguousarray(file["cube"].transpose(2, 0, 1)))
    truth = file["abundances"].transpose(2, 0, 1).argmax(axis=0)
    return Cube(data, SpectralAxis.index(156), name="Samson"), truth


@pytest.mark.parametrize("seed", range(10))
def test_on_samson_vca_agrees_with_the_reference_whatever_the_seed(samson, seed):
    """Agreement: share of pixels whose most abundant component is the reference's, best matched."""
    cube, truth = samson
    settings = Unmixing(count=3, seed=seed)
    members = run(end_members_steps(cube, settings))
    for least, constraint in ((0.90, {"sum_to_one": True}), (0.93, {})):
        maps = run(abundance_maps_steps(members, cube, Unmixing(**constraint)))
        dominant = maps.data.argmax(axis=0)
        agreements = [np.mean(np.take(p, dominant) == truth) for p in permutations(range(3))]
        assert max(agreements) >= least


def test_the_number_of_materials_in_samson_is_suggested(samson):
    cube, _ = samson
    fewer_bands = Cube(cube.data[::3], SpectralAxis.index(52))
    assert suggested_count(fewer_bands).components == 3


def test_without_cosmic_rays_no_component_of_a_cell_is_a_spike(data_folder):
    """THP-1, uncropped: of six components two are spikes as measured, and none once they are bridged."""
    cell = read(data_folder / "raman_thp1" / "thp1_map001_L5.mat")
    assert 0 < spiky_share(cell).spiky < 20
    assert "spectra have a spike, as of a cosmic ray: remove them" in spiky_share(cell).line
    assert len(spiky_components(run(end_members_steps(cell, Unmixing(count=6))))) == 2
    cleaned = COSMIC_RAYS.on(cell)
    for count in (4, 12):
        for method in ("vca", "n_findr", "mcr_als"):
            settings = Unmixing(count=count, method=method)
            assert spiky_components(run(end_members_steps(cleaned, settings))) == ()
    for method in ("pca", "mnf"):
        assert spiky_components(scores(cleaned, Directions(method=method)).loadings) == ()
