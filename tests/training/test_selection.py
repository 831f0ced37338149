"""The figure of an epoch is the task's error of all its validation pixels, or of every so many."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training import selection
from napari_hyperspectral.training.plan import plan_training
from napari_hyperspectral.training.selection import ValidationRows

AXIS = SpectralAxis(np.linspace(500, 600, 12), "nm")


@pytest.fixture
def pair(rng):
    """A noisy and a clean cube of 14 by 15 pixels."""
    clean = rng.uniform(1, 2, (12, 14, 15)).astype(np.float32)
    noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    return Cube(noisy, AXIS, pixel_unit="um"), Cube(clean, AXIS, pixel_unit="um")


@pytest.mark.parametrize("method", [Pixelwise(width=8), SpectralUNet(width=2, depth=1)])
def test_it_is_the_error_of_what_the_model_predicts_for_the_validation_pixels(pair, method):
    noisy, clean = pair
    recipe = Recipe(
        task=Denoise(), method=method, training=Training(epochs=2, block=4, refit=False)
    )
    example = recipe.example(noisy=noisy, clean=clean)
    model = fit(recipe, [example])
    held_out = plan_training(recipe, [example]).splits[0].validation
    predicted = predict(model, noisy).numpy()
    expected = recipe.task.selection_error(predicted[:, held_out].T, clean.data[:, held_out].T)
    errors = (model.card.start_validation_error, *model.card.validation_errors)
    found = errors[model.card.best_epoch]
    assert found == pytest.approx(expected, rel=1e-4)


def test_of_very_many_pixels_every_so_many_count_whatever_the_batches(pair, monkeypatch):
    noisy, clean = pair
    recipe = Recipe(task=Denoise(), training=Training(validation=0.5, block=4, guard=0))
    plan = plan_training(recipe, [recipe.example(noisy=noisy, clean=clean)])
    held_out = plan.splits[0].validation
    prediction = noisy.data[:, held_out].T
    target = clean.data[:, held_out].T
    count = len(target)
    monkeypatch.setattr(selection, "MOST_VALUES", 12 * count // 3)
    rows = ValidationRows(plan)
    for part in torch.split(torch.arange(count), 7):
        images = (torch.from_numpy(each[part])[:, :, None, None] for each in (prediction, target))
        rows.add(*images)
    expected = recipe.task.selection_error(prediction[::3], target[::3])
    assert rows.error() == pytest.approx(expected)


def test_without_validation_pixels_there_is_none(pair):
    noisy, clean = pair
    training = Training(validation=0, epochs=1)
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=training)
    card = fit(recipe, [recipe.example(noisy=noisy, clean=clean)]).card
    assert card.validation_errors == (None,)
