"""Epoch 0: the linear regression that a network begins as is validated, and may be the best."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.models.summary import lines_of_card
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.progress import Progress, Stop, run
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.history import History

RUINOUS = {"epochs": 3, "learning_rate": 3.0, "schedule": "constant", "patches_per_epoch": 2}
"""At such a rate no epoch is as good as the regression."""
NETWORKS = [Pixelwise(width=8), SpectralUNet.smallest()]


@pytest.fixture
def images(rng):
    """A noisy and a clean cube of mixtures of two spectra."""
    bands = np.arange(12)
    peaks = np.stack([np.exp(-0.5 * ((bands - centre) / 2) ** 2) for centre in (3, 8)])
    clean = 5 + np.einsum("mb,myx->byx", peaks, rng.random((2, 17, 25)))
    noisy = clean + 0.3 * rng.normal(size=clean.shape)
    axis = SpectralAxis(500.0 + bands, "nm")
    return {"noisy": Cube(np.float32(noisy), axis), "clean": Cube(np.float32(clean), axis)}


def recipe_of(method, **training):
    return Recipe(task=Denoise(), method=method, training=Training(**{**RUINOUS, **training}))


def trained(images, method, **training):
    recipe = recipe_of(method, **training)
    return fit(recipe, [recipe.example(**images)])


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("method", NETWORKS, ids=lambda method: method.kind)
def test_a_network_that_never_beats_its_regression_stays_it(images, method, refit):
    model = trained(images, method, refit=refit)
    on_the_same = trained(images, Ridge(), refit=refit)
    expected = predict(on_the_same, images["noisy"]).numpy()
    assert np.allclose(predict(model, images["noisy"]).numpy(), expected, rtol=1e-5, atol=1e-5)
    assert model.card.best_epoch == 0
    assert model.card.trained
    assert len(model.card.losses) == 3
    assert model.card.refitted == refit


def test_the_regression_counts_for_patience(images):
    card = trained(images, Pixelwise(width=8), epochs=9, patience=2).card
    assert len(card.losses) == 2
    assert card.ended == "patience"


def test_the_card_tells_that_no_epoch_was_better(images):
    card = trained(images, Pixelwise(width=8)).card
    lines = lines_of_card(card)
    told = "no epoch was better than the linear regression it starts from"
    assert told in lines["epochs"]
    assert told in card.outcome
    assert lines["validation loss"] == f"{card.start_validation_loss:.4g}"
    assert lines["validation error"] == f"{card.start_validation_error:.4g}"
    assert "training loss" not in lines
    assert "fitted to all" in card.validation


def test_an_epoch_that_is_better_is_kept_beside_the_figures_of_the_start(images):
    bent = Cube(np.abs(images["noisy"].data - 5.5), images["clean"].axis)
    images = {**images, "clean": bent}
    card = trained(images, Pixelwise(width=16, dropout=0), epochs=8, learning_rate=5e-3).card
    assert card.best_epoch > 0
    assert card.validation_errors[card.best_epoch - 1] < card.start_validation_error
    assert not card.outcome
    assert f"{card.start_validation_loss:.4g}" in lines_of_card(card)["linear start"]


def test_the_first_figure_of_a_training_is_that_of_the_regression(images):
    recipe = recipe_of(Pixelwise(width=8))
    steps: list[Progress] = []
    model = run(fit_steps(recipe, [recipe.example(**images)]), steps.append)
    validated = [step for step in steps if step.validation is not None]
    assert validated[0].done == 0
    assert validated[0].validation == model.card.start_validation_loss


@pytest.mark.parametrize("number", [1, 4, 9])
def test_a_resumed_training_remembers_its_regression(images, number, tmp_path):
    recipe = recipe_of(SpectralUNet.smallest(), learning_rate=0.03)
    examples = [recipe.example(**images)]
    path = tmp_path / "going.safetensors"
    job = fit_steps(recipe, examples, autosave=path)
    for _ in range(number):
        next(job)
    with pytest.raises(StopIteration):
        job.throw(Stop())
    resumed = fit(recipe, examples, autosave=path, resume=True)
    complete = fit(recipe, examples)
    assert resumed.card.start_validation_loss == complete.card.start_validation_loss
    assert resumed.card.best_epoch == complete.card.best_epoch
    tensors = complete.network.state_dict()
    for name, tensor in resumed.network.state_dict().items():
        assert torch.equal(tensor, tensors[name])


def test_transfer_that_helps_nothing_is_the_regression_of_the_new_data(images):
    """It is not worse than a training from scratch, which is not worse than the regression."""
    axis = images["noisy"].axis
    flat = {name: Cube(np.float32(9 - cube.data), axis) for name, cube in images.items()}
    recipe = recipe_of(Pixelwise(width=8))
    first = fit(recipe_of(Pixelwise(width=8), epochs=1), [recipe.example(**flat)])
    model = fit(recipe, [recipe.example(**images)], start=first)
    assert model.card.started_from
    assert model.card.stayed_linear
    data = [recipe.example(**images)]
    regression = fit(Recipe(task=Denoise(), method=Ridge()), data)
    errors = []
    for one in (model, regression):
        predicted = predict(one, images["noisy"]).numpy()
        errors.append(np.square(predicted - images["clean"].data).mean())
    assert errors[0] <= 1.02 * errors[1]


def test_a_stop_in_the_first_epoch_keeps_the_regression(images, tmp_path):
    recipe = recipe_of(Pixelwise(width=8))
    job = fit_steps(recipe, [recipe.example(**images)])
    while next(job).done < 5:
        pass
    with pytest.raises(StopIteration) as end:
        job.throw(Stop())
    model = Model.load(end.value.value.save(tmp_path / "stopped.safetensors"))
    regression = trained(images, Ridge(), refit=False)
    expected = predict(regression, images["noisy"]).numpy()
    assert np.allclose(predict(model, images["noisy"]).numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [{"validation": 0.0}, {}])
def test_without_validation_or_skip_there_is_no_epoch_0(images, training):
    skip = not training
    card = trained(images, Pixelwise(width=8, linear_skip=not skip), **training).card
    assert card.start_validation_loss is None
    assert card.best_epoch > 0


@pytest.mark.parametrize(("start", "best_epoch"), [(0.1, 0), (0.2, 0), (0.25, 2), (None, 2)])
def test_of_equal_epochs_the_first_is_the_best_the_start_included(start, best_epoch):
    one = History(Training())
    one.add_start(start, {"weight": torch.tensor(0)}, None)
    for number, validation in enumerate((0.3, 0.2, 0.2), start=1):
        one.add(1.0, validation, {"weight": torch.tensor(number)})
    assert one.best_epoch == best_epoch
    assert int(one.best["weight"]) == best_epoch
