"""What super-resolution begins with: the recipe of its benchmark, and bicubic as a method to beat."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_hyperspectral import Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import Bicubic
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import BandwiseEDSR, enlarged
from napari_hyperspectral.recipe.candidates import candidates_for, measured_recipe
from napari_hyperspectral.recipe.methods import classics_for
from napari_hyperspectral.tasks import Denoise, SuperResolve
from napari_hyperspectral.training.classic import training_data
from napari_hyperspectral.training.plan import plan_training

TASKS = [
    SuperResolve(scale=3, project=False),
    SuperResolve(scale=2, degradation="decimate", row=0, project=False),
]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.degradation)


@pytest.fixture
def fine(rng):
    """Noise at all frequencies with a mean and a scale of its own in each band, (4, 24, 36)."""
    data = 5 + np.arange(1, 5)[:, None, None] * rng.normal(size=(4, 24, 36))
    return Cube(data.astype(np.float32), SpectralAxis(np.arange(4.0) + 500, "nm"))


def interpolating(task, fine):
    recipe = Recipe(task=task, method=Bicubic())
    return fit(recipe, [recipe.example(fine=fine)])


@each_task
def test_bicubic_is_the_enlarged_image(task, fine):
    found = predict(interpolating(task, fine), fine).data
    expected = enlarged(torch.from_numpy(fine.data)[None], task.scale, task.offset)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@each_task
def test_tiles_of_bicubic_leave_no_seams(task, fine, monkeypatch):
    model = interpolating(task, fine)
    whole = predict(model, fine).data
    monkeypatch.setattr("napari_hyperspectral.prediction.predict.tile_side", lambda *_: 6)
    np.testing.assert_allclose(predict(model, fine).data, whole, atol=1e-4)


def test_bicubic_is_consistent_with_its_input_where_its_task_projects(fine):
    task = SuperResolve(scale=2, input_noise="none")
    found = predict(interpolating(task, fine), fine)
    again = task.degradation_model.degrade(torch.from_numpy(found.data)).numpy()
    np.testing.assert_allclose(again, fine.data, atol=2e-3 * fine.data.std())


def test_bicubic_is_saved_and_loaded(fine, tmp_path):
    model = interpolating(SuperResolve(scale=2), fine)
    model.save(tmp_path / "bicubic.safetensors")
    loaded = Model.load(tmp_path / "bicubic.safetensors")
    assert np.array_equal(predict(loaded, fine).data, predict(model, fine).data)


def test_bicubic_leaves_missing_pixels_of_one_band_to_themselves(fine):
    model = interpolating(SuperResolve(scale=2, project=False), fine)
    holes = fine.data.copy()
    holes[1, 3, 4] = np.nan
    found = predict(model, replace(fine, data=holes)).data
    assert np.isnan(found[1, 6:8, 8:10]).all()
    assert np.array_equal(found[0], predict(model, fine).data[0])


def test_bicubic_is_a_method_of_super_resolution_alone():
    assert classics_for(SuperResolve(scale=4)) == (Bicubic,)
    assert Bicubic not in classics_for(Denoise())


def test_targets_of_finer_pixels_are_rows_of_their_means(fine):
    recipe = Recipe(task=SuperResolve(scale=2), method=Bicubic(), training=Training(validation=0))
    plan = plan_training(recipe, [recipe.example(fine=fine)])
    normalise = interpolating(recipe.task, fine).network.normalise
    data = training_data(plan, normalise)
    blocks = fine.data.reshape(4, 12, 2, 18, 2).mean(axis=(2, 4))
    expected = normalise.target(torch.from_numpy(blocks)[None], torch.zeros(1, 4, 12, 18))
    np.testing.assert_allclose(data.targets.T, expected[0].reshape(4, -1), atol=1e-5)


def test_super_resolution_begins_as_its_benchmark():
    task = SuperResolve(scale=4)
    assert (task.degradation, task.project, task.input_noise) == ("bicubic", True, "as measured")
    first, second = candidates_for(Recipe(task=task))
    assert first.method == Bicubic()
    assert second.method == BandwiseEDSR()
    recipe = measured_recipe(
        Recipe(task=task, method=BandwiseEDSR(width=16), training=Training(seed=3))
    )
    assert recipe.method == BandwiseEDSR(width=16)
    assert recipe.training.patch_size == 24
    assert recipe.training.average == 0.99
    assert recipe.training.seed == 3


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_bands_count_by_the_error_of_their_interpolation(fine, balance):
    task = SuperResolve(scale=2, balance=balance, input_noise="none")
    network = interpolating(task, fine).network
    example = task.example(fine=fine)
    input = torch.from_numpy(example.input)
    target = torch.from_numpy(example.target)
    target[:, 0] *= 3  # three times the detail
    target[:, :, :4] = torch.nan  # unknown: counts nowhere
    with torch.no_grad():
        found = float(task.loss(network, input, target))
        interpolated = network.module(network.normalise(input))
        error = (interpolated - network.normalise.target(target, input))[0, :, 4:]
    error = error.numpy()
    weight = np.sqrt(np.square(error).mean(axis=(1, 2))) ** -balance
    expected = (weight / weight.mean() * np.abs(error).mean(axis=(1, 2))).mean()
    assert found == pytest.approx(expected, rel=1e-4)
