"""Where the system refuses more memory, prediction and training go on in smaller parts."""

import os
import sys
import traceback
import warnings
from contextlib import suppress

import numpy as np
import psutil
import pytest

from napari_hyperspectral import Cube, Machine, Recipe, SpectralAxis, Training, fit, predict
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


def exit_code(work):
    """Do some work in a process of its own; 0 if nothing fails."""
    process = os.fork()
    if not process:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def limit_to(megabytes):
    """Let the process have so much more memory, and then no more."""
    used = psutil.Process().memory_info().vms
    limit = used + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def leave_free(megabytes):
    """Take all memory but so much, and return what takes it."""
    limit_to(256)
    taken = []
    with suppress(MemoryError):  # also what the process has and does not use
        while True:
            taken.append(bytearray(2**20))
    del taken[-megabytes:]
    return taken


def test_tiles_that_do_not_fit_are_halved(model, cube, monkeypatch):
    expected = np.asarray(predict(model, cube, machine=ONE).data)
    predict_tile, shapes, taken = prediction._Prediction._predict_tile, [], []

    def scarce(job, network, tile, *others):
        if not shapes:
            taken.append(leave_free(48))
        shapes.append(tile.shape)
        return predict_tile(job, network, tile, *others)

    monkeypatch.setattr(prediction._Prediction, "_predict_tile", scarce)

    def work():
        found = np.asarray(predict(model, cube, machine=ONE).data)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
        assert len(set(shapes)) > 1, shapes

    assert exit_code(work) == 0


@pytest.mark.slow
def test_steps_that_do_not_fit_are_taken_in_parts(cube, monkeypatch):
    part = Cube(cube.data[:, :200, :200], cube.axis)
    examples = [RECIPE.example(noisy=part, clean=part)]
    compute, steps, taken = gradients.Gradients.compute, [], []

    def scarce(job, batch, *others):
        if not steps:
            taken.append(leave_free(12))
        steps.append(batch.input.shape)
        return compute(job, batch, *others)

    monkeypatch.setattr(gradients.Gradients, "compute", scarce)

    def work():
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            trained = fit(RECIPE, examples, machine=ONE)
        assert np.isfinite(trained.card.losses).all()
        assert any("memory ran out" in str(each.message) for each in told), steps

    assert exit_code(work) == 0
