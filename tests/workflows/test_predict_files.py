"""Many cubes are predicted one after the other; what fails or is stopped leaves the others alone."""

import pytest

from napari_hyperspectral.io import read, write
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.progress import Stop, run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.workflows.predict_files import (
    PredictionRequest,
    predict_files_steps,
    predict_layers_steps,
)
from napari_hyperspectral.workflows.targets import targets_in_folder

MACHINE = Machine(device="cpu", threads=1)


@pytest.fixture
def model(noisy, clean):
    recipe = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=1))
    return fit(recipe, [recipe.example(noisy=noisy, clean=clean)], machine=MACHINE)


@pytest.fixture
def sources(tmp_path, noisy):
    good = [str(write(tmp_path / f"{name}.npz", noisy)) for name in ("a", "c")]
    (tmp_path / "b.npz").write_bytes(b"PK damaged")
    return [good[0], str(tmp_path / "b.npz"), good[1]]


def job(model, sources, folder, **options):
    targets = targets_in_folder(folder, sources, ".npz")
    return predict_files_steps(PredictionRequest((model,)), sources, targets, MACHINE, **options)


def test_a_file_that_fails_is_named_and_the_others_are_written(model, sources, tmp_path):
    steps = []
    predicted = run(job(model, sources, tmp_path / "out"), steps.append)
    names = ["a_predicted.npz", "c_predicted.npz"]
    assert [path.name for path in predicted.written] == names
    assert list(predicted.failed) == [sources[1]]
    assert list(predicted.errors) == [sources[1]]
    assert read(predicted.written[0]).history[-1] == "denoised"
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {step.total for step in steps} == {3000}
    assert [step.note for step in steps if step.note.startswith("reading")] == [
        "reading a.npz",
        "reading b.npz",
        "reading c.npz",
    ]


def test_what_exists_is_overwritten_only_when_asked(model, sources, tmp_path):
    there = tmp_path / "a_predicted.npz"
    there.write_text("precious")
    predicted = run(job(model, sources[:1], tmp_path))
    assert "exists already" in predicted.failed[sources[0]]
    assert there.read_text() == "precious"
    assert run(job(model, sources[:1], tmp_path, overwrite=True)).written == [there]


@pytest.mark.parametrize("stopped_in", ["reading c", "3 of 3"])
def test_what_is_stopped_keeps_what_is_written(model, sources, tmp_path, stopped_in):
    def stop(step):
        if step.note.startswith(stopped_in):
            raise Stop

    predicted = run(job(model, sources, tmp_path / "out"), stop)
    assert [path.name for path in predicted.written] == ["a_predicted.npz"]
    assert predicted.failed[sources[2]] == "stopped"


def test_stopped_layers_are_those_done_by_then(model, noisy):
    def stop(step):
        if step.note.startswith("2 of 3"):
            raise Stop

    request = PredictionRequest((model,))
    predicted = run(predict_layers_steps(request, [noisy] * 3, MACHINE), stop)
    assert len(predicted.results) == 1
