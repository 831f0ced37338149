"""From the command line: one model after the other, and the probabilities of classes."""

import json

import numpy as np
import pytest

from napari_hyperspectral.io import read, read_labels, write
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import Pixelwise, UNet
from napari_hyperspectral.prediction.predict import predict
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment, SuperResolve
from napari_hyperspectral.training.fit import fit

MACHINE = Machine(device="cpu", threads=1)
HERE = ("--device", "cpu", "--threads", "1")


@pytest.fixture
def run(run):
    return lambda *words: run(*words, *HERE)


@pytest.fixture
def learn(tmp_path):
    def learn(name, task, *examples, method=None):
        method = method or Pixelwise.smallest()
        recipe = Recipe(task=task, method=method, training=Training(epochs=1))
        model = fit(recipe, [recipe.example(**e) for e in examples], machine=MACHINE)
        model.save(tmp_path / f"{name}.safetensors")
        return f"{name}.safetensors"

    return learn


def test_denoised_then_super_resolved_is_one_command(run, learn, noisy, clean, tmp_path):
    first = learn("denoise", Denoise(normalise="cube"), {"noisy": noisy, "clean": clean})
    second = learn("finer", SuperResolve(scale=2, normalise="cube"), {"fine": clean})
    write(tmp_path / "noisy.npz", noisy)
    words = ("--then", second, "--dwell", "1", "0.1", "--report", "reports", "-o", "fine.npz")
    code, out, _ = run("predict", first, "noisy.npz", *words)
    assert code == 0
    saved = (
        "stands for 40× less dwell time (×2 in rows and columns, 0.1 instead of 1 a pixel), "
        "at a quality that was not measured: the models have no validation pixels"
    )
    lines = out.splitlines()
    assert lines[0] == "fine.npz"
    assert lines[-1].startswith(saved)
    assert "difference PSF, misfit" in out
    assert (tmp_path / "reports" / "noisy_report" / "report.md").is_file()
    between = predict(Model.load(first), noisy, machine=MACHINE)
    by_hand = predict(Model.load(second), between, machine=MACHINE)
    result = read("fine.npz")
    np.testing.assert_allclose(result.numpy(), by_hand.numpy(), rtol=1e-6)
    assert saved in result.history


def test_probabilities_are_written_beside_the_classes(run, learn, clean, truth, tmp_path):
    model = learn("classes", Segment(), {"cube": clean, "labels": truth})
    write(tmp_path / "clean.npz", clean)
    code, _, _ = run("predict", model, "clean.npz", "--probabilities", "-o", "map.npz")
    assert code == 0
    chances = read("map_probabilities.npz")
    assert chances.axis.names == ("first", "second")
    target = read_labels("map.npz").numpy()
    np.testing.assert_array_equal(chances.numpy().argmax(axis=0) + 1, target)


def test_an_image_that_is_classified_is_a_row_of_a_table(run, learn, clean, noisy, tmp_path):
    pairs = [{"image": clean, "label": "fine"}, {"image": noisy, "label": "grainy"}]
    model = learn("whole", ClassifyImages(), *pairs, *pairs)
    write(tmp_path / "noisy.npz", noisy)
    code, out, _ = run("predict", model, "noisy.npz", "-o", "class.npz")
    assert code == 0
    heading, row = (line.split() for line in out.splitlines()[1:])
    assert heading == ["image", "class", "fine", "grainy"]
    scores = json.loads(json.dumps(dict(read_labels("class.npz").metadata)))["scores"]
    assert [float(v) for v in row[2:]] == pytest.approx(
        [scores["fine"], scores["grainy"]], abs=1e-3
    )
    assert row[1] == max(scores, key=scores.get)


def test_probabilities_of_intensities_are_refused(run, learn, noisy, clean, tmp_path):
    model = learn("denoise", Denoise(), {"noisy": noisy, "clean": clean})
    write(tmp_path / "noisy.npz", noisy)
    code, _, err = run("predict", model, "noisy.npz", "--probabilities", "-o", "map.npz")
    assert code == 1
    assert "predicts intensities, which have no probabilities" in err


def test_turns_are_an_option_of_predictions(run, learn, noisy, clean, tmp_path):
    images = {"noisy": noisy, "clean": clean}
    model = learn("image", Denoise(normalise="cube"), images, method=UNet.smallest())
    write(tmp_path / "noisy.npz", noisy)
    code, *_ = run("predict", model, "noisy.npz", "-o", "mean.npz", "--turns")
    assert code == 0
    assert read("mean.npz").history[-1] == "mean over 8 flips and quarter turns"
