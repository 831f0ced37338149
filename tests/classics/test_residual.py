"""Ridge regression keeps what its training spectra did not contain."""

import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.tasks import Denoise

BANDS = 60
ALL = Training(validation=0)
each_ridge = pytest.mark.parametrize("surroundings", [False, True])


def peak(centre):
    return np.exp(-0.5 * ((np.arange(BANDS) - centre) / 4) ** 2)


def scene(rng, unknown=False, size=(20, 24), noise=0.3):
    """Return a noisy and a clean cube; a third material lies in the right half, if wanted."""
    shares = rng.random((2, *size))
    clean = 4 + 2 * np.einsum("mb,myx->byx", np.stack([peak(12), peak(45)]), shares)
    if unknown:
        clean[:, :, size[1] // 2 :] += 2 * peak(29)[:, None, None]
    noisy = clean + noise * rng.normal(size=clean.shape)
    axis = SpectralAxis(500.0 + np.arange(BANDS), "nm")
    return Cube(noisy.astype(np.float32), axis), Cube(clean.astype(np.float32), axis)


def ridge(rng, **settings):
    noisy, clean = scene(rng)
    recipe = Recipe(task=Denoise(), method=Ridge(**settings), training=ALL)
    return fit(recipe, [recipe.example(noisy=noisy, clean=clean)])


def error(model, noisy, clean):
    return np.square(predict(model, noisy).numpy() - clean.data).mean()


@each_ridge
def test_a_material_that_was_not_trained_on_is_kept(surroundings, rng):
    noisy, clean = scene(np.random.default_rng(1), unknown=True)
    kept = error(ridge(rng, surroundings=surroundings), noisy, clean)
    removed = error(ridge(rng, surroundings=surroundings, keep_residual=False), noisy, clean)
    assert kept < 0.4 * removed


@each_ridge
def test_noise_of_known_materials_is_removed_as_before(surroundings, rng):
    noisy, clean = scene(np.random.default_rng(1))
    training = np.random.default_rng(2)
    kept = error(ridge(training, surroundings=surroundings), noisy, clean)
    training = np.random.default_rng(2)
    removed = error(ridge(training, surroundings=surroundings, keep_residual=False), noisy, clean)
    assert kept < 1.03 * removed


def test_many_components_do_not_hide_how_much_is_noise(rng):
    """Components that follow the noise of the training spectra leave less of theirs than of others'."""
    model = ridge(rng, components=40)
    plain = ridge(np.random.default_rng(0), components=40, keep_residual=False)
    noisy, clean = scene(np.random.default_rng(3))
    assert error(model, noisy, clean) < 1.03 * error(plain, noisy, clean)


def test_missing_values_are_no_residual(rng):
    model = ridge(rng)
    plain = ridge(np.random.default_rng(0), keep_residual=False)
    noisy, _ = scene(np.random.default_rng(3))
    data = noisy.data.copy()
    data[5:20] = np.nan
    holes = Cube(data, noisy.axis)
    difference = predict(model, holes).numpy() - predict(plain, holes).numpy()
    changed = np.nanmax(np.abs(difference), axis=0) > 1e-3
    assert changed.mean() < 0.1


def test_bad_bands_do_not_matter(rng):
    noisy, clean = scene(rng)
    bad = np.zeros(BANDS, bool)
    bad[30] = True
    axis = SpectralAxis(noisy.axis.centres, "nm", bad=bad)
    images = {"noisy": Cube(noisy.data, axis), "clean": Cube(clean.data, axis)}
    recipe = Recipe(task=Denoise(), method=Ridge(), training=ALL)
    model = fit(recipe, [recipe.example(**images)])
    spoiled = noisy.data.copy()
    spoiled[30] = 1e6
    expected = predict(model, Cube(noisy.data, axis)).numpy()[~bad]
    assert np.array_equal(predict(model, Cube(spoiled, axis)).numpy()[~bad], expected)
