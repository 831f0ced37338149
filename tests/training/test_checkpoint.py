"""A checkpoint is a model file, and holds what a resume needs under one prefix."""

import pytest
import torch
from safetensors.torch import load_file

from napari_hyperspectral import Model, Recipe, Training, fit
from napari_hyperspectral.errors import FileFormatError
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.progress import Stop, run
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.checkpoint import Checkpoint
from napari_hyperspectral.training.fit import fit_steps

RECIPE = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=4, average=0.9))


@pytest.fixture
def examples(noisy, clean):
    return [RECIPE.example(noisy=noisy, clean=clean)]


@pytest.fixture
def path(examples, tmp_path):
    """The file of a training that was stopped in its third epoch."""
    path = tmp_path / "going.safetensors"

    def stop(progress):
        if progress.done == 35:
            raise Stop

    run(fit_steps(RECIPE, examples, autosave=path), stop)
    return path


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(t, other[n]) for n, t in one.items())


def test_what_only_a_resume_needs_stands_under_one_prefix(path):
    names = set(load_file(path))
    beginnings = {name.split(".")[0] for name in names}
    assert beginnings == {"normalise", "module", "last", "checkpoint"}
    assert {"checkpoint.steps", "checkpoint.loss_sum"} < names


def test_a_checkpoint_read_and_written_again_is_the_same(path, tmp_path):
    checkpoint = Checkpoint.read(path)
    again = tmp_path / "again.safetensors"
    checkpoint.write(again)
    assert equal(load_file(path), load_file(again))
    assert Checkpoint.read(again).model.card == checkpoint.model.card


def test_a_checkpoint_is_a_model_and_saved_as_one_it_is_no_checkpoint(path, tmp_path):
    model = Model.load(path)
    assert equal(model.network.state_dict(), Checkpoint.read(path).model.network.state_dict())
    saved = model.save(tmp_path / "model.safetensors")
    assert not any(name.startswith("checkpoint.") for name in load_file(saved))
    with pytest.raises(
        FileFormatError, match="it holds a trained model, not a training in progress"
    ):
        Checkpoint.read(saved)


def test_a_training_that_was_done_is_done_when_it_is_resumed(examples, tmp_path):
    path = tmp_path / "done.safetensors"
    model = fit(RECIPE, examples, autosave=path)
    steps = list(fit_steps(RECIPE, examples, autosave=path, resume=True))
    assert steps == []
    again = Model.load(path)
    assert again.card.ended == model.card.ended == "done"
    assert equal(again.network.state_dict(), model.network.state_dict())


def test_recipes_are_compared_as_recipes_not_as_they_were_written(path, examples, monkeypatch):
    """A setting that the file does not name has its default in both."""
    from napari_hyperspectral.models import card as cards

    read = cards.card_from_json

    def without_defaults(text, path):
        card = read(text, path)
        recipe = RECIPE.model_dump(mode="json", exclude_defaults=True)
        recipe["task"] = {"kind": "denoise"}
        recipe["method"]["kind"] = "pixelwise"
        return card.model_copy(update={"recipe": recipe})

    monkeypatch.setattr(cards, "card_from_json", without_defaults)
    assert fit(RECIPE, examples, autosave=path, resume=True).card.ended == "done"
