"""What a network is shown can be looked at, as images that know what they are."""

import numpy as np
import pytest

from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment, SuperResolve
from napari_hyperspectral.training.previews import preview_names, preview_of

IMAGES = SpectralUNet(components=2, width=2, depth=1)


def test_a_batch_of_spectra_is_a_list_of_measured_ones(noisy, clean):
    recipe = Recipe(task=Denoise(), method=Pixelwise(), training=Training(batch_size=7))
    shown = preview_of(recipe, [recipe.example(noisy=noisy, clean=clean)])
    assert list(shown) == preview_names(recipe) == ["input", "target"]
    measured = noisy.data.reshape(12, -1).T.tolist()
    places = [measured.index(spectrum) for spectrum in shown["input"].data[:, 0].T.tolist()]
    assert len(set(places)) == 7
    np.testing.assert_array_equal(shown["target"].data[:, 0], clean.data.reshape(12, -1)[:, places])


def test_epochs_vary_and_are_those_of_the_seed(noisy, clean):
    recipe = Recipe(task=Denoise(), method=Pixelwise(), augmentation=Augmentation(noise=0.1))
    examples = [recipe.example(noisy=noisy, clean=clean)]
    first, again, second = (preview_of(recipe, examples, n)["input"].data for n in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_labels_of_a_window_are_labels_with_names(noisy, truth):
    recipe = Recipe(
        task=Segment(),
        method=IMAGES,
        augmentation=Augmentation(turns=False),
        training=Training(patch_size=16, image_batch_size=2, validation=0),
    )
    shown = preview_of(recipe, [recipe.example(cube=noisy, labels=truth)])
    assert list(shown) == preview_names(recipe) == ["1 input", "1 target", "2 input", "2 target"]
    patch_size, ids = shown["1 input"].data, shown["1 target"].data
    y, x = np.argwhere(noisy.data[0] == patch_size[0, 0, 0])[0]
    np.testing.assert_array_equal(ids, truth.data[y : y + 16, x : x + 16])
    assert shown["1 target"].classes == ("first", "second")
    assert shown["1 target"].pixel_size == noisy.pixel_size


def test_what_is_wanted_of_a_coarse_image_lies_on_it(clean):
    recipe = Recipe(task=SuperResolve(scale=2), method=IMAGES, training=Training(validation=0))
    shown = preview_of(recipe, [recipe.example(fine=clean)])
    input, target = shown["1 input"], shown["1 target"]
    assert (input.pixel_size, target.pixel_size) == ((1.0, 1.0), clean.pixel_size)
    assert target.shape[-1] == 2 * input.shape[-1]
    assert (input.origin, target.origin) == ((0.0, 0.0), (-0.25, -0.25))  # of the first pixel


def test_a_whole_image_is_labelled_all_over(noisy, clean):
    recipe = Recipe(task=ClassifyImages(), method=IMAGES, training=Training(validation=0))
    named = {"healthy": noisy, "ill": clean}
    examples = [recipe.example(image=cube, label=name) for name, cube in named.items()]
    target = preview_of(recipe, examples)["1 target"]
    assert target.classes == ("healthy", "ill")
    assert len(np.unique(target.data)) == 1
    assert target.data.size > 1


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="give at least one example"):
        preview_of(Recipe(task=Denoise()), [])
