"""Where the system refuses more memory, prediction and training go on in smaller parts."""

import subprocess
import sys
import warnings
from contextlib import suppress

import numpy as np
import psutil
import pytest

from napari_hyperspectral import Cube, Machine, Model, Recipe, SpectralAxis, Training, fit, predict
from napari_hyperspectral.io import read, write
from napari_hyperspectral.networks import UNet
from napari_hyperspectral.prediction import predict as prediction
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.step import gradients

resource = pytest.importorskip("resource", reason="limits of memory are of POSIX")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept")

ONE = Machine(device="cpu", threads=1)
RECIPE = Recipe(
    task=Denoise(),
    method=UNet(width=16, depth=1),
    training=Training(epochs=1, batch_size=1, patches_per_epoch=1, patch_size=160, refit=False),
)
SIDE = 512


@pytest.fixture(scope="module")
def cube():
    rng = np.random.default_rng(0)
    axis = SpectralAxis(np.linspace(500, 700, 4), "nm")
    return Cube(rng.random((4, SIDE, SIDE), np.float32), axis)


@pytest.fixture(scope="module")
def model(cube):
    corner = Cube(cube.data[:, :32, :32], cube.axis)
    little = RECIPE.training.model_copy(update={"patch_size": 16})
    recipe = RECIPE.model_copy(update={"training": little})
    return fit(recipe, [recipe.example(noisy=corner, clean=corner)], machine=ONE)


def run_in_new_process(work, *paths):
    """Do some work in a process that has no memory of other tests to use up first."""
    command = [sys.executable, __file__, work.__name__, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def limit_to(megabytes):
    """Let the process have so much more memory, and then no more."""
    used = psutil.Process().memory_info().vms
    limit = used + megabytes * 2**20
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def leave_free(megabytes):
    """Take all memory but so much, and return what takes it."""
    limit_to(256)
    taken = []
    with suppress(MemoryError):  # also what the process has and does not use
        while True:
            taken.append(bytearray(2**20))
    del taken[-megabytes:]
    return taken


def test_tiles_that_do_not_fit_are_halved(model, cube, tmp_path):
    model_path = model.save(tmp_path / "model.safetensors")
    write(tmp_path / "cube.npz", cube)
    write(tmp_path / "expected.npz", predict(model, cube, machine=ONE))
    run_in_new_process(
        predict_with_little_memory, model_path, tmp_path / "cube.npz", tmp_path / "expected.npz"
    )


@pytest.mark.slow
def test_steps_that_do_not_fit_are_taken_in_parts(cube, tmp_path):
    write(tmp_path / "part.npz", Cube(cube.data[:, :200, :200], cube.axis))
    run_in_new_process(train_with_little_memory, tmp_path / "part.npz")


def predict_with_little_memory(model_path, cube_path, expected_path):
    model, cube = Model.load(model_path), read(cube_path)
    expected = read(expected_path).numpy()
    predict_tile, shapes = prediction._Prediction._predict_tile, []

    def scarce(job, network, tile, *others):
        if not shapes:
            limit_to(128)
        shapes.append(tile.shape)
        return predict_tile(job, network, tile, *others)

    prediction._Prediction._predict_tile = scarce
    found = np.asarray(predict(model, cube, machine=ONE).data)
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert len(set(shapes)) > 1, shapes


def train_with_little_memory(cube_path):
    part = read(cube_path)
    examples = [RECIPE.example(noisy=part, clean=part)]
    compute, steps, taken = gradients.Gradients.compute, [], []

    def scarce(job, batch, *others):
        if not steps:
            taken.append(leave_free(12))
        steps.append(batch.input.shape)
        return compute(job, batch, *others)

    gradients.Gradients.compute = scarce
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trained = fit(RECIPE, examples, machine=ONE)
    assert np.isfinite(trained.card.losses).all()
    assert any("memory ran out" in str(each.message) for each in told), steps


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
