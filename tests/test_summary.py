"""What a card tells people is what was set, and no more."""

import json

from napari_hyperspectral import Recipe, SpectralAxis
from napari_hyperspectral.augmentation import Augmentation
from napari_hyperspectral.axis import axis_to_json
from napari_hyperspectral.card import Card
from napari_hyperspectral.preprocessing import Preprocessing
from napari_hyperspectral.summary import lines_of_card
from napari_hyperspectral.tasks import Denoise


def told(**parts):
    recipe = Recipe(task=Denoise(angle=0.5), **parts)
    axis = axis_to_json(SpectralAxis([500.0, 510.0, 520.0], "nm"))
    return lines_of_card(Card(recipe=json.loads(recipe.model_dump_json()), takes=axis, gives=axis))


def test_steps_that_do_nothing_are_not_told():
    plain = told(augmentation=Augmentation(turns=False))
    assert "preprocessing" not in plain
    assert "augmentation" not in plain


def test_steps_are_told_with_the_settings_that_matter_to_them():
    full = told(
        preprocessing=Preprocessing(first=505.0, background="polynomial", order=2),
        augmentation=Augmentation(shift=1.5),
    )
    assert full["preprocessing"] == "first 505.0, background polynomial, order 2"
    assert full["augmentation"] == "turns on, shift 1.5"


def test_terms_of_no_weight_are_left_out():
    assert told()["task"] == "denoise (normalise mean, penalty l1, angle 0.5)"
