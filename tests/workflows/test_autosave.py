"""Trainings in progress are saved by one rule, found again, and do not fill the disk."""

import os
import re

import pytest

from napari_hyperspectral.cube import Cube
from napari_hyperspectral.examples.pairing import pairing_of
from napari_hyperspectral.examples.source import FileSource, ImageSource
from napari_hyperspectral.io import write
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.card import Card
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.workflows.autosave import (
    KEPT,
    autosave_folder,
    autosave_path,
    discard_autosave,
    interrupted_training,
)

RECIPE = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=1))
OTHER = RECIPE.model_copy(update={"training": Training(epochs=2)})


@pytest.fixture
def machine(tmp_path):
    return Machine(cache=tmp_path / "cache")


@pytest.fixture
def source(noisy, clean):
    return ImageSource([{"noisy": noisy, "clean": clean}])


def test_a_file_is_named_by_time_task_and_fingerprint(machine, source):
    path = autosave_path(machine, RECIPE, source)
    assert path.parent == machine.cache / "trainings"
    assert re.fullmatch(r"[\d-]{10} [\d-]{15} denoise [0-9a-f]{12}\.safetensors", path.name)


def test_the_latest_training_of_a_recipe_on_its_examples_is_found_again(machine, source, noisy):
    assert interrupted_training(machine, RECIPE, source) is None
    paths = [autosave_path(machine, RECIPE, source) for _ in range(3)]
    for path in reversed(paths):
        path.touch()
    assert interrupted_training(machine, RECIPE, source) == paths[-1]
    assert interrupted_training(machine, OTHER, source) is None
    others = ImageSource([{"noisy": noisy, "clean": noisy}])
    assert interrupted_training(machine, RECIPE, others) is None


def test_files_are_the_same_examples_from_wherever_they_are_named(tmp_path, monkeypatch, noisy):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.npz", noisy)
    write(tmp_path / "b.npz", noisy)
    roles = {"noisy": Cube, "clean": Cube}

    def identity(*paths):
        words = list(zip(roles, map(str, paths), strict=True))
        return FileSource(pairing_of(roles, words)).identity

    assert identity("a.npz", "b.npz") == identity(tmp_path / "a.npz", tmp_path / "b.npz")
    assert identity("a.npz", "b.npz") != identity("b.npz", "a.npz")


def test_of_all_trainings_those_saved_last_are_kept(machine, source):
    folder = autosave_folder(machine)
    folder.mkdir(parents=True)
    for number in range(15):
        path = folder / f"{number:02} denoise.safetensors"
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    running = folder / "00 denoise.safetensors"
    os.utime(running, (2000, 2000))  # began first, and has just been saved again
    autosave_path(machine, RECIPE, source).touch()
    kept = sorted(folder.iterdir())
    assert len(kept) == KEPT
    assert running in kept
    assert folder / "06 denoise.safetensors" not in kept
    assert folder / "07 denoise.safetensors" in kept


@pytest.mark.parametrize(("ended", "left"), [("done", False), ("by hand", True)])
def test_only_a_training_that_a_person_stopped_can_still_be_resumed(tmp_path, ended, left):
    path = tmp_path / "training.safetensors"
    path.touch()
    axis = {"names": ["a"]}
    discard_autosave(path, Card(recipe={}, input_bands=axis, output_bands=axis, ended=ended))
    assert path.exists() == left
