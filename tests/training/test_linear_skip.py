"""Networks that begin as the ridge regression of their training spectra."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.classics.linear_skip import LinearSkip
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import NETWORKS, Pixelwise, ResUNet1D, SpectralUNet, build_module
from napari_hyperspectral.recipe.building import geometry_of, module_of, receptive_radius_of
from napari_hyperspectral.recipe.inactive import inactive_settings
from napari_hyperspectral.recipe.presets import PRESETS
from napari_hyperspectral.tasks import Calibrate, Denoise, PredictChannels, Segment, SuperResolve

BANDS = 12
SIZE = (14, 17)
BEFORE = Training(epochs=1, patches_per_epoch=1, learning_rate=1e-12, validation=0)
"""A first step too small to matter."""


def spectra(rng, axis=None):
    """Return a noisy and a clean cube of mixtures of two spectra."""
    bands = np.arange(BANDS)
    peaks = [np.exp(-0.5 * ((bands - centre) / 2) ** 2) for centre in (3, 8)]
    shares = rng.random((2, *SIZE))
    clean = 5 + np.einsum("mb,myx->byx", np.stack(peaks), shares)
    noisy = clean + 0.3 * rng.normal(size=clean.shape)
    axis = axis or SpectralAxis(500.0 + bands, "nm")
    return Cube(noisy.astype(np.float32), axis), Cube(clean.astype(np.float32), axis)


def stains(cube):
    return Cube(cube.data[:2] + cube.data[7:9], ChannelAxis(("a", "b")))


def images_of(task, rng):
    noisy, clean = spectra(rng)
    match task:
        case Denoise():
            return {"noisy": noisy, "clean": clean}
        case Calibrate():
            shorter = Cube(clean.data[::2], SpectralAxis(500.0 + np.arange(0, BANDS, 2), "nm"))
            return {"measured": noisy, "reference": shorter}
        case _:
            return {"cube": noisy, "target": stains(clean)}


def trained(task, method, training, images):
    recipe = Recipe(task=task, method=method, training=training)
    return fit(recipe, [recipe.example(**images)])


BY_PIXEL = [kind for kind in NETWORKS if kind.smallest().output_level == "pixel"]


@pytest.mark.parametrize("task", [Denoise(), Calibrate(), PredictChannels()], ids=lambda t: t.kind)
@pytest.mark.parametrize("method", [Pixelwise.smallest(), SpectralUNet.smallest()])
def test_before_its_first_step_a_network_equals_ridge(task, method, rng):
    images = images_of(task, rng)
    regression = trained(task, Ridge(), BEFORE, images)
    network = trained(task, method, BEFORE, images)
    cube = next(iter(images.values()))
    expected = predict(regression, cube).numpy()
    assert np.allclose(predict(network, cube).numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", BY_PIXEL, ids=lambda kind: kind.__name__)
def test_every_network_by_pixel_begins_with_the_regression(kind, rng):
    images = images_of(Denoise(), rng)
    method = kind.smallest()
    model = trained(Denoise(), method, BEFORE, images)
    regression = trained(Denoise(), Ridge(), BEFORE, images)
    expected = predict(regression, images["noisy"]).numpy()
    assert np.allclose(predict(model, images["noisy"]).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_training_improves_on_the_regression_where_the_truth_is_not_linear(rng):
    noisy, _ = spectra(rng)
    bent = Cube(np.abs(noisy.data - 5.5), ChannelAxis([f"c{i}" for i in range(BANDS)]))
    images = {"cube": noisy, "target": bent}
    training = Training(epochs=60, validation=0)
    network = trained(PredictChannels(), Pixelwise(width=32, dropout=0), training, images)
    regression = trained(PredictChannels(), Ridge(), training, images)
    errors = []
    for model in (network, regression):
        errors.append(np.square(predict(model, noisy).numpy() - bent.data).mean())
    assert errors[0] < 0.7 * errors[1]


def test_a_network_without_the_skip_is_as_before():
    recipe = Recipe(task=Denoise(), method=Pixelwise(linear_skip=False))
    axis = SpectralAxis(np.arange(5.0), "nm")
    ports = recipe.task.ports(axis, axis)
    plain = build_module(recipe.method, ports).state_dict()
    assert module_of(recipe, ports).state_dict().keys() == plain.keys()


def test_classes_and_smaller_pixels_have_no_linear_start():
    for task in (Segment(), SuperResolve()):
        recipe = Recipe(task=task, method=SpectralUNet())
        axis = SpectralAxis(np.arange(5.0), "nm")
        assert not isinstance(module_of(recipe, task.ports(axis, axis)), LinearSkip)
        assert "method.linear_skip" in inactive_settings(recipe)
    assert "method.linear_skip" not in inactive_settings(Recipe(task=Denoise()))


def test_a_saved_network_with_its_regression_predicts_the_same(rng, tmp_path):
    images = images_of(Denoise(), rng)
    training = Training(epochs=2, validation=0, average=0.9)
    model = trained(Denoise(), SpectralUNet.smallest(), training, images)
    loaded = Model.load(model.save(tmp_path / "m.safetensors"))
    expected = predict(model, images["noisy"]).numpy()
    assert np.array_equal(predict(loaded, images["noisy"]).numpy(), expected)


def test_tiles_count_the_memory_of_the_regression():
    axis = SpectralAxis(np.arange(50.0), "nm")
    floats = []
    for skip in (False, True):
        recipe = Recipe(task=Denoise(), method=Pixelwise(linear_skip=skip))
        geometry = geometry_of(recipe, recipe.task.ports(axis, axis))
        assert geometry.receptive_radius == receptive_radius_of(recipe) == 0
        floats.append(geometry.floats)
    assert floats[1] > floats[0]


def test_published_recipes_have_no_linear_skip():
    assert not any(preset.recipe.method.linear_skip for preset in PRESETS)


def test_recipes_of_version_0_1_have_no_linear_skip():
    old = {"task": {"kind": "denoise"}, "network": {"kind": "resunet1d"}}
    with pytest.warns(DeprecationWarning, match="network of Recipe"):
        recipe = Recipe.model_validate(old)
    assert recipe.method == ResUNet1D(linear_skip=False)


def test_targets_that_are_nowhere_complete_have_no_regression_to_begin_with(rng):
    noisy, clean = spectra(rng)
    data = clean.data.copy()
    data[0, :, ::2] = np.nan
    data[1, :, 1::2] = np.nan
    images = {"noisy": noisy, "clean": Cube(data, clean.axis)}
    model = trained(Denoise(), Pixelwise.smallest(), BEFORE, images)
    assert np.isfinite(predict(model, noisy).numpy()).all()
    assert torch.allclose(model.network.module.gain, torch.ones(BANDS))


def test_transfer_begins_with_the_regression_of_the_new_data(rng):
    first = trained(
        Denoise(), Pixelwise.smallest(), Training(epochs=3, validation=0), images_of(Denoise(), rng)
    )
    images = images_of(Denoise(), np.random.default_rng(5))
    recipe = first.recipe.model_copy(update={"training": BEFORE})
    second = fit(recipe, [recipe.example(**images)], start=first)
    regression = trained(Denoise(), Ridge(), BEFORE, images)
    expected = predict(regression, images["noisy"]).numpy()
    assert np.allclose(predict(second, images["noisy"]).numpy(), expected, rtol=1e-4, atol=1e-4)
    weights = dict(first.network.module.module.named_parameters())
    for name, weight in second.network.module.module.named_parameters():
        assert torch.allclose(weight, weights[name], atol=1e-6)
