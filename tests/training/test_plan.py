"""A training is planned once: everything that works on its data agrees on what they are."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.tasks import ClassifySpectra, Denoise, Segment, SuperResolve
from napari_hyperspectral.training.batches import batches_of
from napari_hyperspectral.training.plan import plan_training
from napari_hyperspectral.training.previews import preview_of

AXIS = SpectralAxis([500.0, 510.0, 520.0], "nm")
IMAGES = SpectralUNet(components=2, width=2, depth=1)


def cube(shape=(8, 9)):
    data = np.random.default_rng(0).uniform(1, 2, (3, *shape)).astype(np.float32)
    return Cube(data, AXIS, pixel_unit="um")


def painted(*names):
    ids = np.resize(np.arange(1, len(names) + 1, dtype=np.uint8), (8, 9))
    return Labels(ids, names)


@pytest.fixture
def few_and_many():
    """A recipe, and two images of which the first shows fewer classes."""
    mixing = Augmentation(mixup=1.0, mixup_alpha=30.0)
    training = Training(epochs=1, patches_per_epoch=3, image_batch_size=2, validation=0)
    recipe = Recipe(task=Segment(), method=IMAGES, augmentation=mixing, training=training)
    few = recipe.example(cube=cube(), labels=painted("one", "two"))
    many = recipe.example(cube=cube(), labels=painted("one", "two", "three"))
    return recipe, [few, many]


def test_a_plan_is_of_the_longest_list_of_classes(few_and_many):
    plan = plan_training(*few_and_many)
    assert plan.classes == ("one", "two", "three")
    assert plan.ports.bands_out == 3
    assert plan.input_axis == AXIS


def test_batches_and_model_have_the_classes_of_the_plan(few_and_many):
    recipe, examples = few_and_many
    for batch in batches_of(plan_training(recipe, examples), torch.device("cpu")).epoch(0):
        assert batch.target.shape[1] == 3  # a share for each class
    assert fit(recipe, examples).card.classes == ("one", "two", "three")
    assert preview_of(recipe, examples)["1 target"].classes == ("one", "two", "three")


def test_classes_that_come_by_name_are_numbered_once_for_all_examples():
    recipe = Recipe(task=ClassifySpectra(), method=Pixelwise(), training=Training(validation=0))
    ones = Labels(np.ones((1, 4), np.uint8), ("fat",))
    others = Labels(np.ones((1, 4), np.uint8), ("bone",))
    examples = [recipe.example(spectra=cube((1, 4)), labels=labels) for labels in (ones, others)]
    plan = plan_training(recipe, examples)
    numbers = [set(example.target.ravel()) for example in plan.examples]
    assert numbers[0].isdisjoint(numbers[1])
    assert sorted(plan.classes) == ["bone", "fat"]


def test_a_plan_of_bands_has_no_classes_and_knows_the_scale():
    plan = plan_training(*super_resolution())
    assert plan.classes == ()
    assert plan.ports.scale == 2


def super_resolution():
    recipe = Recipe(task=SuperResolve(scale=2), method=IMAGES)
    return recipe, [recipe.example(fine=cube((16, 18)))]


def test_a_plan_does_not_change():
    plan = plan_training(*super_resolution())
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.recipe = None


def test_what_cannot_be_trained_on_is_not_planned():
    recipe = Recipe(task=Denoise(), method=Pixelwise())
    with pytest.raises(ValueError, match="give at least one example"):
        plan_training(recipe, [])
    example = recipe.example(noisy=cube(), clean=cube())
    other = Chain.model_validate([{"kind": "minimum_baseline"}])
    with pytest.raises(ValueError, match="was not preprocessed as the recipe says"):
        plan_training(recipe.model_copy(update={"preprocessing": other}), [example])
    for_validation = dataclasses.replace(example, for_validation=True)
    with pytest.raises(ValueError, match="all examples are held out"):
        plan_training(recipe, [for_validation])
