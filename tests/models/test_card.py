"""A card names its task and network, and says why its training ended."""

import json

import pytest

from napari_hyperspectral import Recipe, SpectralAxis, Training, fit
from napari_hyperspectral.axis import axis_to_json
from napari_hyperspectral.models.card import Card
from napari_hyperspectral.models.summary import lines_of_card
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.tasks import Denoise

RECIPE = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=9, patience=3))


def card(**about):
    axis = axis_to_json(SpectralAxis([500.0, 510.0], "nm"))
    recipe = json.loads(RECIPE.model_dump_json())
    return Card(recipe=recipe, input_bands=axis, output_bands=axis, **about)


def test_a_card_names_the_kinds_of_its_task_and_network():
    assert (card().task_kind, card().method_kind) == ("denoise", "pixelwise")


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        ("by hand", "stopped by hand"),
        ("patience", "no better validation loss for 3 epochs"),
        ("diverged", "the loss of epoch 3 was not a number"),
        ("done", ""),
        ("", ""),
    ],
)
def test_why_a_training_ended_is_a_value_that_people_read_as_a_text(ended, text):
    one = card(ended=ended, losses=(2.0, 1.0), validation_losses=(2.0, 1.0), best_epoch=2)
    assert one.ending == text
    in_brackets = f" ({text})" if text else ""
    assert lines_of_card(one)["epochs"] == f"2 of 9{in_brackets}, best 2"


def test_a_value_that_is_none_of_these_is_refused():
    with pytest.raises(ValueError, match="ended"):
        card(ended="stopped by hand")


def test_old_names_of_a_card_answer_with_a_warning():
    one = card(ended="by hand", created="2026-01-01T00:00:00+00:00")
    with pytest.warns(DeprecationWarning, match="created now"):
        assert one.made == one.created
    with pytest.warns(DeprecationWarning, match=r"replaced by Card\.ended"):
        assert one.stopped == "stopped by hand"


def test_weights_are_trained_once_an_epoch_is_behind_them():
    assert not card().trained
    assert card(losses=(1.0,), best_epoch=1).trained


def test_a_model_parses_its_recipe_once(noisy, clean):
    once = RECIPE.model_copy(update={"training": Training(epochs=1)})
    model = fit(once, [once.example(noisy=noisy, clean=clean)])
    assert model.recipe == once
    assert model.recipe is model.recipe


def test_a_training_that_becomes_nan_later_keeps_its_best_epoch(noisy, clean, monkeypatch):
    loss, calls = Denoise.loss, []

    def spoilt(self, network, input, target):
        calls.append(1)
        value = loss(self, network, input, target)
        return value * float("nan") if len(calls) > 30 else value

    monkeypatch.setattr(Denoise, "loss", spoilt)
    model = fit(RECIPE, [RECIPE.example(noisy=noisy, clean=clean)])
    assert model.card.ended == "diverged"
    assert model.card.trained
    assert model.card.best_epoch <= len(model.card.losses) < 9
