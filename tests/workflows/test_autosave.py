"""Trainings in progress are saved by one rule, and do not fill the disk."""

import os
import re

import pytest

from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.workflows.autosave import (
    KEPT,
    autosave_folder,
    autosave_path,
    saved_trainings,
)

RECIPE = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=1))


@pytest.fixture
def machine(tmp_path):
    return Machine(cache=tmp_path / "cache", threads=1)


def test_a_file_is_named_by_time_and_task(machine):
    path = autosave_path(machine, RECIPE)
    assert path.parent == machine.cache / "trainings"
    assert re.fullmatch(r"[\d-]{10} [\d-]{15} denoise [0-9a-f]{6}\.safetensors", path.name)


def test_trainings_are_listed_from_the_latest_whatever_else_lies_there(machine, noisy, clean):
    example = RECIPE.example(noisy=noisy, clean=clean)
    paths = [autosave_path(machine, RECIPE) for _ in range(2)]
    for path in reversed(paths):
        fit(RECIPE, [example], machine=machine, autosave=path)
    (autosave_folder(machine) / "notes.safetensors").write_bytes(b"no model")
    assert [path for path, _ in saved_trainings(machine)] == paths[::-1]


def test_of_all_trainings_those_saved_last_are_kept(machine):
    folder = autosave_folder(machine)
    folder.mkdir(parents=True)
    for number in range(15):
        path = folder / f"{number:02} denoise.safetensors"
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    running = folder / "00 denoise.safetensors"
    os.utime(running, (2000, 2000))  # began first, and has just been saved again
    autosave_path(machine, RECIPE).touch()
    kept = sorted(folder.iterdir())
    assert len(kept) == KEPT
    assert running in kept
    assert folder / "06 denoise.safetensors" not in kept
    assert folder / "07 denoise.safetensors" in kept


def test_trainings_that_have_ended_make_room_first(machine, noisy, clean):
    folder = autosave_folder(machine)
    ended = folder / "99 denoise.safetensors"
    fit(RECIPE, [RECIPE.example(noisy=noisy, clean=clean)], machine=machine, autosave=ended)
    for number in range(KEPT):
        path = folder / f"{number:02} denoise.safetensors"
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    autosave_path(machine, RECIPE)
    assert not ended.exists()
    assert (folder / "01 denoise.safetensors").exists()
