"""Recipes, models and interrupted trainings of version 0.1 still work.

The files were written by version 0.1.0: trainings of a few epochs, and what their models predicted
from noisy.npz.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Model, Recipe, fit, predict, read, read_card, renamed
from napari_hyperspectral.models.model import read_tensors
from napari_hyperspectral.networks import NETWORKS, Pixelwise
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import TASKS, Denoise
from napari_hyperspectral.training.checkpoint import Checkpoint
from napari_hyperspectral.training.plan import plan_training

FOLDER = Path(__file__).parents[1] / "data" / "version-0.1"
RECIPES = sorted(path.name for path in FOLDER.glob("*.json"))
PREDICTING = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "interrupted")
SETTINGS = {kind.__name__: kind for kind in (Training, Augmentation, *TASKS, *NETWORKS)}
RENAMED = [
    (kind, old, new)
    for kind, names in renamed.SETTINGS.items()
    for old, new in names.items()
    if kind != "Recipe"  # which has a task of its own to give
]


@pytest.fixture
def clean():
    return read(FOLDER / "clean.npz")


def resume(recipe, clean, path):
    """Go on with a training, on as many threads as it had."""
    examples = [recipe.example(fine=clean)]
    return fit(recipe, examples, autosave=path, resume=True, machine=Machine(threads=1))


def interrupted():
    """Return the recipe of the interrupted training, and the bytes of its checkpoint."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        recipe = Recipe.model_validate_json((FOLDER / "interrupted.json").read_text())
    return recipe, (FOLDER / "interrupted.safetensors").read_bytes()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_loads_and_names_its_old_settings(name):
    text = (FOLDER / name).read_text()
    with pytest.warns(DeprecationWarning, match="is called .* now") as warned:
        recipe = Recipe.model_validate_json(text)
    messages = {str(warning.message) for warning in warned}
    assert "the setting windows of Training is called patches_per_epoch now" in messages
    old = json.loads(text)["training"]
    assert recipe.training.patches_per_epoch == old["windows"]
    assert recipe.training.patch_size == old["window"]
    assert recipe.training.image_batch_size == old["together"]
    assert recipe.training.validation_split == old["hold_out"]


@pytest.mark.parametrize(("kind", "old", "new"), RENAMED, ids=lambda part: part)
def test_each_old_setting_is_read_with_a_warning(kind, old, new):
    settings = SETTINGS[kind]
    value = settings.model_fields[new].get_default(call_default_factory=True)
    with pytest.warns(DeprecationWarning, match=f"the setting {old} of {kind} is called {new} now"):
        read_again = settings(**{old: value})
    assert getattr(read_again, new) == value


def test_a_recipe_with_a_network_is_read_with_a_warning():
    with pytest.warns(DeprecationWarning, match="the setting network of Recipe is called method"):
        recipe = Recipe(task=Denoise(), network=Pixelwise())
    assert recipe.method == Pixelwise()


def test_the_recipe_in_a_model_file_is_found_by_the_kind_of_its_parts():
    """`renamed` knows the classes by name only, and must not import them."""
    for settings in (*TASKS, *NETWORKS):
        kind = settings.model_fields["kind"].default
        assert settings.__name__.lower() == kind.replace("_", "")


@pytest.mark.filterwarnings("error::DeprecationWarning")
@pytest.mark.parametrize("name", PREDICTING)
def test_a_model_predicts_what_it_predicted_then(name):
    model = Model.load(FOLDER / f"{name}.safetensors")
    predicted = predict(model, read(FOLDER / "noisy.npz"), machine=Machine(threads=1))
    with np.load(FOLDER / "predictions.npz") as expected:
        np.testing.assert_allclose(predicted.numpy(), expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("error::DeprecationWarning")
@pytest.mark.parametrize("name", PREDICTING)
def test_the_last_weights_of_a_model_load_as_well(name):
    path = FOLDER / f"{name}.safetensors"
    last = Model.load(path, weights="last")
    kept = Model.load(path).last
    assert kept.keys() == last.network.state_dict().keys()
    for weight, tensor in last.network.state_dict().items():
        assert torch.equal(tensor, kept[weight])


def test_a_card_says_why_its_training_ended():
    assert read_card(FOLDER / "uninterrupted.safetensors").ended == "done"
    card = read_card(FOLDER / "interrupted.safetensors")
    assert card.ended == "by hand"
    assert card.created.startswith("20")
    assert card.trained_on[0].training_pixels == 18
    assert card.trained_on[0].validation_pixels == 16


@pytest.mark.parametrize(
    ("stopped", "losses", "ended"),
    [
        ("", (0.2, 0.1), "done"),
        ("", (0.2,), ""),
        ("stopped by hand", (0.2,), "by hand"),
        ("no better validation loss for 3 epochs", (0.2,), "patience"),
        ("the loss of epoch 2 was not a number", (0.2,), "diverged"),
    ],
)
def test_the_prose_of_an_old_card_becomes_a_value(stopped, losses, ended):
    old = {"recipe": {"training": {"epochs": 2}}, "losses": losses, "stopped": stopped}
    assert renamed.card_with_new_keys(old)["ended"] == ended


def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(clean, tmp_path):
    recipe, checkpoint = interrupted()
    path = tmp_path / "interrupted.safetensors"
    path.write_bytes(checkpoint)
    resumed = resume(recipe, clean, path)
    expected = Model.load(FOLDER / "uninterrupted.safetensors")
    weights = resumed.network.state_dict()
    assert weights.keys() == expected.network.state_dict().keys()
    for name, tensor in expected.network.state_dict().items():
        # of equal bits where it was made; elsewhere, sums may be taken in another order
        torch.testing.assert_close(weights[name], tensor, rtol=1e-4, atol=1e-6)
    assert resumed.card.losses == pytest.approx(expected.card.losses, rel=1e-5)
    assert resumed.card.best_epoch == expected.card.best_epoch


def test_an_old_checkpoint_is_read_by_the_names_of_today(clean):
    recipe, _ = interrupted()
    checkpoint = Checkpoint.read(FOLDER / "interrupted.safetensors")
    plan = plan_training(recipe, [recipe.example(fine=clean)])
    discriminator = recipe.task.discriminator(plan.ports)
    weights = checkpoint.model.network.state_dict()
    assert checkpoint.average.keys() == weights.keys() == checkpoint.model.last.keys()
    assert checkpoint.discriminator.keys() == discriminator.state_dict().keys()
    assert checkpoint.steps > 0
    assert checkpoint.optimiser
    assert checkpoint.discriminator_optimiser


def test_no_old_name_is_left_in_a_checkpoint_written_today(clean, tmp_path):
    recipe, checkpoint = interrupted()
    path = tmp_path / "interrupted.safetensors"
    path.write_bytes(checkpoint)
    resume(recipe, clean, path)
    beginnings = {name.split(".")[0] for name in read_tensors(path)}
    assert beginnings == {"normalise", "module", "last", "checkpoint"}
    assert "stopped" not in json.loads(read_card(path).model_dump_json())
