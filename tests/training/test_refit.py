"""After the best epoch is known, the same training sees everything; its figures stay the first's."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.evaluation.validation import validate_steps
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.progress import Stop, run
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.plan import plan_training
from napari_hyperspectral.training.refit import everything

SMALL = Pixelwise(width=8, linear_skip=False)
"""One that must learn: with the skip, the regression may be its best epoch."""


def recipe_of(method=SMALL, **training):
    settings = {"epochs": 4, "schedule": "constant", "learning_rate": 0.02, **training}
    return Recipe(task=Denoise(), method=method, training=Training(**settings))


@pytest.fixture
def example(noisy, clean):
    return Denoise().example(noisy=noisy, clean=clean)


def weights(network):
    return list(network.state_dict().values())


def same(one, other):
    return all(map(torch.equal, weights(one), weights(other)))


def stopped_at(steps, number):
    """Run a job until its step `number`, and return its result."""
    seen = []

    def watch(step):
        seen.append(step)
        if len(seen) == number:
            raise Stop

    return run(steps, watch)


def count_of(steps):
    seen = []
    run(steps, seen.append)
    return len(seen)


def test_the_model_is_that_of_a_training_on_everything_until_the_best_epoch(example):
    model = fit(recipe_of(epochs=6), [example])
    best = model.card.best_epoch
    longer = recipe_of(epochs=best, validation=0)
    assert same(model.network, fit(longer, [example]).network)
    assert len(model.card.refit_losses) == best
    assert len(model.card.losses) == 6


def test_the_schedule_is_that_of_the_training_that_was_validated(example, monkeypatch):
    rates = []
    monkeypatch.setattr(
        "napari_hyperspectral.training.loop.set_learning_rate",
        lambda optimiser, rate: rates.append(round(rate, 9)),
    )
    recipe = recipe_of(epochs=5, schedule="plateau", every=1)
    model = fit(recipe, [example])
    plan = plan_training(recipe, [example])
    steps = -(-int(plan.splits[0].train.sum()) // 32)
    steps_of_refit = -(-int(everything(plan).splits[0].train.sum()) // 32)
    first = rates[: 5 * steps : steps]
    again = rates[5 * steps :: steps_of_refit]
    assert again == first[: model.card.best_epoch]


def test_the_validated_network_is_kept_and_has_the_figures(example, noisy, clean):
    recipe = recipe_of()
    model = fit(recipe, [example])
    without = fit(recipe_of(refit=False), [example])
    assert same(model.validated, without.network)
    assert not same(model.network, without.network)
    assert model.card.validation_errors == without.card.validation_errors
    images = [{"noisy": noisy, "clean": clean}]
    figures = run(validate_steps(model, [example], images)).card.metrics["figures"]
    assert figures == run(validate_steps(without, [example], images)).card.metrics["figures"]


def test_the_card_says_that_the_weights_saw_everything(example):
    card = fit(recipe_of(), [example]).card
    pixels = int(example.sampling_classes.sum())
    assert card.refitted
    assert card.validation.endswith(
        f"% of the pixels, then trained on all {pixels} for {card.best_epoch} epochs"
    ) or card.validation.endswith("for 1 epoch")
    assert not fit(recipe_of(refit=False), [example]).card.refitted


def test_a_refitted_file_is_not_judged_by_pixels_that_it_has_seen(example, noisy, clean, tmp_path):
    path = fit(recipe_of(), [example]).save(tmp_path / "model.safetensors")
    loaded = Model.load(path)
    images = [{"noisy": noisy, "clean": clean}]
    assert not run(validate_steps(loaded, [example], images)).card.metrics


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.95])
def test_interrupted_in_either_part_it_ends_where_an_unbroken_one_does(example, tmp_path, share):
    recipe = recipe_of(average=0.9)
    unbroken = fit(recipe, [example])
    path = tmp_path / "going.safetensors"
    number = int(share * count_of(fit_steps(recipe, [example])))
    broken = stopped_at(fit_steps(recipe, [example], autosave=path), number)
    assert broken.card.ended == "by hand"
    again = fit(recipe, [example], autosave=path, resume=True)
    assert same(again.network, unbroken.network)
    assert same(again.validated, unbroken.validated)
    assert again.card.refit_losses == unbroken.card.refit_losses
    assert again.card.validation == unbroken.card.validation
    over = fit(recipe, [example], autosave=path, resume=True)
    assert same(over.network, unbroken.network)
    assert same(over.validated, unbroken.validated)


def test_stopped_in_the_refit_the_validated_model_is_kept(example, tmp_path):
    recipe = recipe_of()
    steps = count_of(fit_steps(recipe, [example]))
    path = tmp_path / "going.safetensors"
    stopped = stopped_at(fit_steps(recipe, [example], autosave=path), steps - 1)
    without = fit(recipe_of(refit=False), [example])
    assert same(stopped.network, without.network)
    assert same(Model.load(path).network, without.network)
    assert not stopped.card.refitted


def test_nothing_is_refitted_where_nothing_of_the_training_images_was_held_out(example):
    listed = [example, replace(example, for_validation=True)]
    assert not fit(recipe_of(), listed).card.refitted
    assert not fit(recipe_of(validation=0), [example]).card.refitted


def test_a_classical_method_is_fitted_again_to_everything(example, noisy):
    model = fit(recipe_of(Ridge()), [example])
    everywhere = fit(recipe_of(Ridge(), validation=0), [example])
    assert model.card.refitted
    assert np.array_equal(predict(model, noisy).numpy(), predict(everywhere, noisy).numpy())


def test_a_refit_starts_from_the_same_model_as_the_training(example):
    start = fit(recipe_of(validation=0, seed=5), [example])
    model = fit(recipe_of(), [example], start=start)
    best = model.card.best_epoch
    again = fit(recipe_of(epochs=best, validation=0), [example], start=start)
    assert same(model.network, again.network)


def test_losses_are_shown_once(example):
    seen = []
    run(fit_steps(recipe_of(), [example], machine=Machine()), seen.append)
    refit = [step for step in seen if step.note.startswith("training on everything")]
    assert refit
    assert all(step.loss is None for step in refit)
    assert refit[-1].done == refit[-1].total
