"""Examples come from images in memory or from files, and are the same."""

import dask.array as da
import numpy as np
import pytest

from napari_hyperspectral.cube import Cube
from napari_hyperspectral.examples.pairing import pairing_of
from napari_hyperspectral.examples.source import FileSource, ImageSource
from napari_hyperspectral.io import write
from napari_hyperspectral.progress import Stop, run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.tasks import Denoise

RECIPE = Recipe(task=Denoise())
ROLES = {"noisy": Cube, "clean": Cube}


@pytest.fixture
def in_memory(noisy, clean):
    return ImageSource([{"noisy": noisy, "clean": clean}, {"noisy": clean, "clean": clean}])


@pytest.fixture
def pairing(tmp_path, noisy, clean):
    write(tmp_path / "n.npz", noisy)
    write(tmp_path / "c.npz", clean)
    names = (("noisy", "n"), ("clean", "c"), ("noisy", "c"), ("clean", "c"))
    return pairing_of(ROLES, [(role, str(tmp_path / f"{name}.npz")) for role, name in names])


def test_files_give_the_examples_that_their_images_give(in_memory, pairing):
    steps = []
    of_files = run(FileSource(pairing).examples(RECIPE), steps.append)
    of_images = run(in_memory.examples(RECIPE))
    for one, other in zip(of_files, of_images, strict=True):
        np.testing.assert_array_equal(one.input, other.input)
        np.testing.assert_array_equal(one.target, other.target)
    assert [(step.done, step.total) for step in steps] == [(1, 2), (2, 2)]
    images = FileSource(pairing).images
    assert len(images) == 2
    np.testing.assert_array_equal(images[-1]["noisy"].data, in_memory.images[-1]["noisy"].data)
    assert [list(pair) for pair in images[:1]] == [["noisy", "clean"]]


def test_the_reading_of_files_is_watched_and_can_be_stopped(pairing):
    def stop(step):
        raise Stop

    with pytest.raises(Stop):
        run(FileSource(pairing, watch=stop).examples(RECIPE))


def test_only_small_images_in_memory_are_quick(in_memory, pairing, clean):
    assert in_memory.quick
    assert not FileSource(pairing).quick
    lazy = clean.after("made lazy", data=da.from_array(clean.data))
    assert not ImageSource([{"noisy": lazy, "clean": clean}]).quick
    wide = np.broadcast_to(clean.data[:, :1, :1], (12, 2000, 2000))
    assert not ImageSource([{"noisy": clean.after("widened", data=wide)}]).quick


def test_a_source_says_how_many_examples_it_has(in_memory, pairing):
    assert str(in_memory) == "2 examples"
    assert str(FileSource(pairing)) == "2 examples from files"
    assert str(ImageSource(in_memory.images[:1])) == "1 example"


def test_texts_tell_examples_apart_as_images_do(clean):
    one, other = (ImageSource([{"image": clean, "label": word}]) for word in ("a", "b"))
    assert one.identity != other.identity
    assert one.identity == ImageSource(one.images).identity
