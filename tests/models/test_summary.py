"""What a card tells people is what was set, and no more."""

import json

import pytest

from napari_hyperspectral import Recipe, SpectralAxis, Training, fit
from napari_hyperspectral.axis import axis_to_json
from napari_hyperspectral.models.card import Card
from napari_hyperspectral.models.summary import lines_of_card
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.inactive import inactive_settings
from napari_hyperspectral.renamed import chain_of_preprocessing
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.tasks import Denoise, Segment


def told(card=None, **parts):
    recipe = Recipe(task=Denoise(angle=0.5), **parts)
    axis = axis_to_json(SpectralAxis([500.0, 510.0, 520.0], "nm"))
    about = {
        "recipe": json.loads(recipe.model_dump_json()),
        "input_bands": axis,
        "output_bands": axis,
    }
    return lines_of_card(Card(**about, **(card or {})))


def test_steps_that_do_nothing_are_not_told():
    plain = told(augmentation=Augmentation(turns=False))
    assert "preprocessing" not in plain
    assert "augmentation" not in plain


def test_steps_are_told_with_the_settings_that_matter_to_them():
    full = told(
        preprocessing=Chain.model_validate(
            chain_of_preprocessing({"first": 505.0, "background": "polynomial", "order": 2})
        ),
        augmentation=Augmentation(shift=1.5),
    )
    assert full["preprocessing"] == "crop (first 505.0), polynomial baseline (order 2)"
    assert full["augmentation"] == "turns on, shift 1.5"


def test_terms_of_no_weight_are_left_out():
    assert told()["task"] == "denoise (normalise mean, penalty l2, angle 0.5)"


@pytest.mark.parametrize(
    ("validation", "why"),
    [(0, "validation was 0"), (0.2, "there was too little to hold any of it out")],
)
def test_a_training_that_held_nothing_out_says_why_and_what_it_means(validation, why):
    epochs = {"losses": (0.5, 0.25), "validation_losses": (None, None), "best_epoch": 2}
    lines = told(epochs, training=Training(validation=validation))
    assert lines["training loss"] == "0.25"
    assert lines["validation loss"] == (
        f"none, as {why}: the training loss does not tell how good it is on other data"
    )


def test_settings_that_do_nothing_are_not_told():
    recipe = Recipe(task=Segment(), method=Pixelwise())
    every = told(method=Pixelwise())
    assert "linear skip on" in every["method"]
    names = tuple(inactive_settings(recipe))
    assert "method.linear_skip" in names
    told_of_classes = told({"inactive_settings": names}, method=Pixelwise())
    assert "linear skip" not in told_of_classes["method"]


def test_a_card_names_the_settings_that_do_nothing(clean, truth):
    recipe = Recipe(
        task=Segment(), method=Pixelwise.smallest(), training=Training(epochs=1, validation=0)
    )
    card = fit(recipe, [recipe.example(cube=clean, labels=truth)]).card
    assert "method.linear_skip" in card.inactive_settings
