"""A setting that is called inactive does nothing: the other half of `test_settings`."""

from dataclasses import replace
from typing import Literal, get_args, get_origin

import pytest
from pydantic import ValidationError
from test_settings import ONCE, QUICK, another, different, fingerprint, images  # noqa: F401

from napari_hyperspectral import Training
from napari_hyperspectral.networks import (
    NETWORKS,
    RRDB,
    BandwiseEDSR,
    Pixelwise,
    SpectralUNet,
    SubspaceRCAN,
    UNet,
    UwUNet,
)
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.inactive import inactive_settings
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.tasks import (
    TASKS,
    ClassifyImages,
    Denoise,
    Restore,
    Segment,
    SuperResolve,
)
from napari_hyperspectral.training.validation_split import splits_of

PIXELWISE = Pixelwise(width=8)
U = SpectralUNet(components=4, width=4, depth=1)


def once(**changes):
    return ONCE.model_copy(update=changes)


RECIPES = {
    "of single spectra": Recipe(task=Denoise(), method=PIXELWISE, training=ONCE),
    "of images": Recipe(task=Denoise(), method=U, training=ONCE),
    "that hold out nothing": Recipe(task=Denoise(), method=U, training=once(validation=0)),
    "that hold out images": Recipe(
        task=Denoise(), method=U, training=once(validation_split="images")
    ),
    "of whole images": Recipe(task=ClassifyImages(), method=U, training=ONCE),
    "of classes": Recipe(task=Segment(), method=PIXELWISE, training=ONCE),
    "of means of blocks": Recipe(
        task=SuperResolve(scale=2), method=SubspaceRCAN.smallest(), training=ONCE
    ),
    "of a pixel off the middle": Recipe(
        task=SuperResolve(scale=2, degradation="decimate"),
        method=BandwiseEDSR.smallest(),
        training=ONCE,
    ),
    "without a discriminator": Recipe(
        task=Restore(scale=2, adversarial=0), method=RRDB.smallest(), training=ONCE
    ),
    "of sharper images": Recipe(
        task=Restore(scale=1, psf=1.5, discriminator_width=2),
        method=RRDB.smallest(),
        training=ONCE,
    ),
    "of a U without steps": Recipe(
        task=Denoise(), method=UNet.smallest().model_copy(update={"depth": 0}), training=ONCE
    ),
    "of a nested U": Recipe(
        task=Denoise(),
        method=UwUNet.smallest().model_copy(update={"variant": "nested"}),
        training=ONCE,
    ),
    "of a single U": Recipe(
        task=Denoise(), method=UwUNet.smallest().model_copy(update={"unets": 1}), training=ONCE
    ),
    "of classes by all bands": Recipe(task=Segment(), method=RRDB.smallest(), training=ONCE),
}


def with_others(recipe, places):
    """Return a recipe with another value of each of these settings."""
    for place in places:
        part, name = place.split(".")
        settings = getattr(recipe, part)
        changed = settings.model_copy(update={name: another(settings, name)})
        recipe = recipe.model_copy(update={part: changed})
    return recipe


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_inactive_settings_leave_losses_weights_and_predictions_as_they_are(recipe, images):  # noqa: F811
    if recipe.training.validation_split == "images":
        images = {"denoise": 3 * images["denoise"]}
    places = inactive_settings(recipe, from_scratch=True)
    assert not different(
        fingerprint(recipe, images), fingerprint(with_others(recipe, places), images)
    )


def variants(settings):
    """Yield settings that differ from these in one choice, switch or count."""
    yield settings
    for name, field in type(settings).model_fields.items():
        values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if field.annotation is bool:
            values = (True, False)
        if field.annotation in (int, float):
            values = (0, 1)
        for value in values:
            try:
                yield type(settings).model_validate(settings.model_dump() | {name: value})
            except ValidationError:  # a setting that may not be 0, say
                continue


def test_every_setting_that_may_be_inactive_is_so_in_one_of_these_recipes():
    networks = [n for kind in NETWORKS for n in variants(kind.smallest())]
    tasks = [t for kind in TASKS for t in variants(kind(**QUICK.get(kind, {})))]
    tasks += variants(Restore(scale=2, psf=1.0))  # at ×1, a psf is needed
    recipes = [
        *(Recipe(task=Denoise(), method=network) for network in networks),
        *(Recipe(task=task, method=BandwiseEDSR.smallest()) for task in tasks),
        *(Recipe(task=task, method=RRDB.smallest()) for task in tasks),
        *(Recipe(task=Denoise(), training=training) for training in variants(Training())),
        *(Recipe(task=Denoise(), augmentation=part) for part in variants(Augmentation())),
    ]
    shown = {place for recipe in RECIPES.values() for place in inactive_settings(recipe)}
    assert {place for recipe in recipes for place in inactive_settings(recipe)} == shown


def test_each_part_of_a_recipe_tells_its_own_inactive_settings():
    recipe = RECIPES["of sharper images"]
    parts = dict(recipe)
    assert parts["task"].inactive(recipe).keys() == {"degradation", "row", "column"}
    assert parts["augmentation"].inactive(recipe).keys() == {"mixup_alpha"}
    places = {f"{part}.{name}" for part, s in recipe for name in s.inactive(recipe)}
    assert places == inactive_settings(recipe).keys()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_inactive_settings_are_settings_of_the_recipe_and_their_reasons_sentences(recipe):
    for place, reason in inactive_settings(recipe, from_scratch=True).items():
        part, name = place.split(".")
        assert name in type(getattr(recipe, part)).model_fields
        assert reason.endswith(".")


def test_rows_listed_for_validation_are_held_out_though_validation_is_0(noisy, clean):
    recipe = Recipe(task=Denoise(), method=PIXELWISE, training=once(validation=0))
    example = recipe.example(noisy=noisy, clean=clean)
    _, listed = splits_of(recipe, [example, replace(example, for_validation=True)])
    assert listed.validation.all()
    assert (
        "nothing is held out but what a list names"
        in inactive_settings(recipe)["training.validation_split"]
    )


def test_a_setting_that_a_choice_uses_is_active():
    of_spectra = inactive_settings(Recipe(task=Denoise(), method=PIXELWISE))
    assert "training.patch_size" in of_spectra
    assert "training.batch_size" not in of_spectra
    of_images = inactive_settings(Recipe(task=Denoise(), method=U))
    assert "training.patch_size" not in of_images
    assert of_images["training.batch_size"].startswith("The network sees images")
    steps = Recipe(task=Denoise(), method=U, training=once(schedule="step"))
    assert (
        not {"training.drop", "training.every", "training.block"} & inactive_settings(steps).keys()
    )
    assert "training.frozen" not in inactive_settings(steps)
    assert "training.frozen" in inactive_settings(steps, from_scratch=True)
