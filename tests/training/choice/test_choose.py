"""Choosing a method by measurement."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hyperspectral import Recipe
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import Ridge, SavitzkyGolay
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.prediction.predict import predict
from napari_hyperspectral.progress import Cancelled, Progress, Stop, run
from napari_hyperspectral.recipe import candidates
from napari_hyperspectral.recipe.candidates import Candidate, candidates_for, measured_recipe
from napari_hyperspectral.recipe.choice import Choose
from napari_hyperspectral.recipe.methods import unsuitable
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import TASKS, Denoise
from napari_hyperspectral.training.choice.compare import ComparedMethod
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.loop import fit_plan_steps

BANDS, HEIGHT, WIDTH = 20, 13, 18


@pytest.fixture
def pair() -> dict[str, Cube]:
    """Mixtures of two spectra, and the same with noise: linear regression is right."""
    rng = np.random.default_rng(0)
    axis = SpectralAxis.index(BANDS)
    peaks = rng.uniform(0, 1, (2, BANDS))
    shares = rng.uniform(0, 1, (2, HEIGHT, WIDTH))
    clean = 1 + np.einsum("cb,cyx->byx", peaks, shares)
    noisy = clean + rng.normal(0, 0.3, clean.shape)
    return {
        "noisy": Cube(noisy.astype(np.float32), axis, name="noisy"),
        "clean": Cube(clean.astype(np.float32), axis, name="clean"),
    }


@pytest.fixture
def two(monkeypatch) -> None:
    """Let a filter and a regression be the only candidates."""
    only = (Candidate(SavitzkyGolay(window=1, order=0)), Candidate(Ridge()))
    monkeypatch.setattr(candidates, "_CANDIDATES", {"denoise": only})


def choose(pair, **settings) -> Model:
    recipe = Recipe(task=Denoise(), method=Choose(**settings))
    return run(fit_steps(recipe, [recipe.example(**pair)]))


def test_the_method_of_least_error_on_the_folds_is_trained_on_all_pixels(pair, two):
    model = choose(pair)
    assert isinstance(model.recipe.method, Ridge)
    smooth, ridge = model.card.compared
    assert ridge.error < 0.5 * smooth.error
    assert len(ridge.errors) == len(smooth.errors) == 3
    assert model.card.trained_on[0].training_pixels == HEIGHT * WIDTH
    assert model.card.trained_on[0].validation_pixels == 0
    assert f"trained on all {HEIGHT * WIDTH} pixels" in model.card.validation
    assert model.card.compared_by == "fitted error"


def test_the_chosen_model_is_the_one_that_its_own_recipe_trains(pair, two):
    model = choose(pair)
    recipe = model.recipe
    alone = run(fit_steps(recipe, [recipe.example(**pair)]))
    one = predict(model, pair["noisy"])
    other = predict(alone, pair["noisy"])
    np.testing.assert_array_equal(one.data, other.data)


def test_equal_seeds_choose_alike(pair, two):
    first, second = choose(pair), choose(pair)
    errors = [[row.errors for row in model.card.compared] for model in (first, second)]
    assert errors[0] == errors[1]


def test_the_comparison_travels_in_the_file(pair, two, tmp_path):
    model = choose(pair)
    model.save(tmp_path / "m.safetensors")
    assert Model.load(tmp_path / "m.safetensors").card.compared == model.card.compared


def test_what_is_too_slow_for_the_budget_is_left_out_and_says_so(pair, monkeypatch):
    slow = Candidate(Pixelwise(width=2048, layers=8), {"epochs": 100_000})
    monkeypatch.setattr(candidates, "_CANDIDATES", {"denoise": (Candidate(Ridge()), slow)})
    model = choose(pair, budget=2.0)
    assert isinstance(model.recipe.method, Ridge)
    row = model.card.compared[1]
    assert row.error is None
    assert "give more time" in row.note


def test_a_network_is_trained_for_as_long_as_there_is_time(pair, monkeypatch):
    network = Candidate(Pixelwise.smallest(), {"epochs": 3})
    monkeypatch.setattr(candidates, "_CANDIDATES", {"denoise": (Candidate(Ridge()), network)})
    model = choose(pair, budget=60.0)
    row = model.card.compared[1]
    assert row.note == ""
    assert len(row.errors) == 3


def test_stopped_it_takes_the_best_so_far(pair, two):
    recipe = Recipe(task=Denoise())

    def stop_at_ridge(step: Progress) -> None:
        if "Ridge" in step.note:
            raise Stop

    model = run(fit_steps(recipe, [recipe.example(**pair)]), stop_at_ridge)
    assert isinstance(model.recipe.method, SavitzkyGolay)


def test_stopped_before_anything_was_compared_there_is_no_model(pair, two):
    recipe = Recipe(task=Denoise())
    job = fit_steps(recipe, [recipe.example(**pair)])
    next(job)
    with pytest.raises(Cancelled, match="stopped before its end"):
        job.throw(Stop())


def test_a_network_cannot_choose_its_epoch_on_the_fold_that_tests_it(pair, monkeypatch):
    plans = []

    def noted(plan, **options):
        plans.append(plan)
        return fit_plan_steps(plan, **options)

    monkeypatch.setattr("napari_hyperspectral.training.choice.compare.fit_plan_steps", noted)
    network = Candidate(Pixelwise.smallest(), {"epochs": 2})
    monkeypatch.setattr(candidates, "_CANDIDATES", {"denoise": (Candidate(Ridge()), network)})
    choose(pair, budget=60.0)
    assert len(plans) >= 7  # three folds each, and a trial
    for plan in plans:
        (split,) = plan.splits
        assert not split.validation.any()
        assert split.train.sum() < HEIGHT * WIDTH


def test_of_equal_methods_a_classical_one_that_sees_neighbours_is_preferred():
    methods = [Pixelwise(), Ridge(), Ridge(surroundings=True)]
    equal = [ComparedMethod("", Recipe(task=Denoise(), method=method), [0.5]) for method in methods]
    best = min(equal, key=lambda method: method.preference)
    assert best.recipe.method == Ridge(surroundings=True)


def test_settings_made_by_hand_are_kept():
    recipe = Recipe(task=Denoise(), training=Training(epochs=7))
    for candidate in candidates_for(recipe):
        assert candidate.recipe(recipe).training.epochs == 7


def test_a_method_chosen_by_hand_is_trained_as_it_was_measured_to_do_best():
    for candidate in candidates_for(Recipe(task=Denoise())):
        recipe = Recipe(task=Denoise(), method=candidate.method)
        training = measured_recipe(recipe).training
        for name, value in candidate.training.items():
            assert getattr(training, name) == value


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_every_task_has_candidates_that_suit_it(task):
    recipe = Recipe(task=task())
    for candidate in candidates_for(recipe):
        made = candidate.recipe(recipe)  # settings that do not exist are refused here
        assert made.method == candidate.method
        if hasattr(candidate.method, "predicts"):
            assert unsuitable(type(candidate.method), recipe.task) == ""
