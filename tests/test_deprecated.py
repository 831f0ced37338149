"""What version 0.1 promised is kept for a version: with a warning where it has a new name."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_hyperspectral import Recipe, Training, errors, finish, fit, io
from napari_hyperspectral.cli import app
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import NETWORKS, Pixelwise
from napari_hyperspectral.progress import Progress
from napari_hyperspectral.tasks import TASKS, Denoise

ROOT = Path(__file__).parents[1]
KINDS = {
    "bandwise_edsr", "densenet", "efficientnet", "fnet", "hyrisr", "pixelwise", "resnet",
    "resunet1d", "rrdb", "segnet", "spectral_unet", "subspace_rcan", "unet", "uwunet",
    "calibrate", "classify_images", "classify_spectra", "denoise", "predict_channels", "restore",
    "segment", "super_resolve",
}  # fmt: skip


def counting():
    yield Progress(1, 2)
    return "counted"


def test_finish_runs_a_job_and_returns_anything_else_as_it_is():
    steps = []
    with pytest.warns(DeprecationWarning, match="not needed any more"):
        assert finish(counting(), steps.append) == "counted"
    assert steps == [Progress(1, 2)]
    with pytest.warns(DeprecationWarning, match="not needed any more"):
        assert finish("a model") == "a model"


def test_examples_are_made_by_the_names_that_the_task_asks_for(noisy, clean):
    assert Denoise.asks_for() == {"noisy": Cube, "clean": Cube}
    recipe = Recipe(
        task=Denoise(), method=Pixelwise(width=4), training=Training(epochs=2, validation=0)
    )
    card = fit(recipe, [recipe.example(noisy=noisy, clean=clean)]).card
    assert len(card.losses) == 2
    assert np.isfinite(card.losses).all()
    assert card.started_from == ""


def test_a_cube_names_its_axes(noisy):
    assert noisy.dims == ("band", "y", "x")


def test_readers_raise_the_error_that_io_names():
    assert io.FileFormatError is errors.FileFormatError


def test_every_kind_of_task_and_network_keeps_its_name():
    kinds = {choice.model_fields["kind"].default for choice in (*TASKS, *NETWORKS)}
    assert kinds >= KINDS


@pytest.mark.parametrize("option", ["-o", "--resume", "--force", "--from", "--dry-run"])
def test_the_command_train_keeps_its_options(option):
    told = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).output
    assert option in told


def test_the_extra_all_and_the_tested_versions_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "all" in project["optional-dependencies"]
    assert (ROOT / "constraints.txt").is_file()


def test_a_preprocessing_is_a_chain_of_the_same_steps():
    from napari_hyperspectral.spectra.preprocessing import Preprocessing

    with pytest.warns(DeprecationWarning, match="is a Chain of steps now"):
        chain = Preprocessing(first=700, background="als", smoothness=1e4, normalise="percentile")
    old = {"first": 700, "background": "als", "smoothness": 1e4, "normalise": "percentile"}
    with pytest.warns(DeprecationWarning, match="preprocessing is a chain of steps now"):
        assert Recipe(task=Denoise(), preprocessing=old).preprocessing == chain
    assert [step.kind for step in chain.steps] == ["crop", "asls_baseline", "normalise_percentile"]
    with pytest.raises(ValueError, match="bakground"):
        Recipe(task=Denoise(), preprocessing={"bakground": "als"})
