"""The dock and the command line give files of the same names, with the same content."""

from itertools import chain

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")

from napari_hyperspectral.io import read, write
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise, Segment, SuperResolve
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.widgets import predict as predict_dock
from napari_hyperspectral.widgets import train as train_dock
from napari_hyperspectral.workflows.resume import Resumption, resumption

MACHINE = Machine(device="cpu", threads=1)
HERE = ("--device", "cpu", "--threads", "1")


@pytest.fixture
def dock(make_napari_viewer_proxy, monkeypatch, tmp_path, qtbot):
    """Open a dock on a machine whose cache is a folder of its own."""
    machine = MACHINE.model_copy(update={"cache": tmp_path / "dock cache"})
    for module in (train_dock, predict_dock):
        monkeypatch.setattr(module, "preferred_machine", lambda: machine)
    opened = []

    def open_dock(name):
        viewer = make_napari_viewer_proxy()
        opened.append(viewer.window.add_plugin_dock_widget("napari-hyperspectral", name)[1])
        return opened[-1]

    yield open_dock
    for widget in opened:
        widget.stop()
        qtbot.waitUntil(lambda widget=widget: not widget.panel.running, timeout=10_000)


@pytest.fixture
def sources(tmp_path, clean):
    """A plain file, one whose name has two points, and an array in a file of several."""
    write(tmp_path / "cell.npz", clean)
    write(tmp_path / "scan.2.npz", clean)
    np.savez(tmp_path / "all.npz", low=np.asarray(clean.data), high=np.asarray(clean.data))
    return ["cell.npz", "scan.2.npz"]


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def predicted_by_dock(qtbot, widget, model, sources, folder, *, probabilities=False):
    widget.model = model
    widget.files = sources
    widget.folder = folder
    widget.suffix = ".npz"
    widget.probabilities.value = probabilities
    widget.predict()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=60_000)
    assert widget.predicted_files.failed == {}
    return names_in(folder)


def trained(task, **images):
    recipe = Recipe(task=task, method=Pixelwise.smallest(), training=Training(epochs=1))
    return fit(recipe, [recipe.example(**images)], machine=MACHINE)


def test_results_and_probabilities(run, dock, sources, clean, truth, tmp_path, qtbot):
    model = trained(Segment(), cube=clean, labels=truth).save(tmp_path / "m.safetensors")
    words = (*sources, "-o", "by command", "--suffix", ".npz", "--probabilities", *HERE)
    assert run("predict", model, *words)[0] == 0
    in_dock = predicted_by_dock(
        qtbot, dock("Predict"), model, sources, tmp_path / "by dock", probabilities=True
    )
    assert in_dock == names_in(tmp_path / "by command")
    assert in_dock == [
        "cell_predicted.npz",
        "cell_probabilities.npz",
        "scan.2_predicted.npz",
        "scan.2_probabilities.npz",
    ]
    for name in ("cell_probabilities.npz", "scan.2_probabilities.npz"):
        ours, theirs = (read(tmp_path / folder / name) for folder in ("by dock", "by command"))
        np.testing.assert_array_equal(ours.data, theirs.data)


def test_arrays_of_one_file(run, dock, sources, tmp_path, qtbot):
    cube = read(tmp_path / "all.npz::low@byx")
    model = trained(Denoise(), noisy=cube, clean=cube).save(tmp_path / "m.safetensors")
    arrays = ["all.npz::low@byx", "all.npz::high@byx"]
    words = (*arrays, "-o", "by command", "--suffix", ".npz", *HERE)
    assert run("predict", model, *words)[0] == 0
    in_dock = predicted_by_dock(qtbot, dock("Predict"), model, arrays, tmp_path / "by dock")
    assert in_dock == names_in(tmp_path / "by command")
    assert in_dock == ["all_high_predicted.npz", "all_low_predicted.npz"]


def test_reports(run, dock, sources, clean, tmp_path, qtbot):
    model = trained(SuperResolve(scale=2), fine=clean).save(tmp_path / "m.safetensors")
    words = (*sources, "-o", "by command", "--suffix", ".npz", *HERE)
    assert run("predict", model, *words)[0] == 0
    in_dock = predicted_by_dock(qtbot, dock("Predict"), model, sources, tmp_path / "by dock")
    assert in_dock == names_in(tmp_path / "by command")
    assert {"cell_report/report.md", "scan.2_report/report.json"} <= set(in_dock)


def test_models_and_trainings_in_progress(run, dock, clean, noisy, tmp_path, qtbot):
    write(tmp_path / "noisy.npz", noisy)
    write(tmp_path / "clean.npz", clean)
    recipe = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=2))
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    widget = dock("Train")
    widget.recipe = recipe
    widget.choose_files(noisy=tmp_path / "noisy.npz", clean=tmp_path / "clean.npz")
    widget._copy_command()
    program, *words = widget.form.command_line.split()
    assert program == "napari-hyperspectral"
    caches = (tmp_path / "command cache", tmp_path / "dock cache")
    assert run(*words, *HERE, "--cache", caches[0])[0] == 0
    widget.train()
    qtbot.waitUntil(lambda: widget.model is not None, timeout=60_000)
    in_progress = [[path.name for path in (cache / "trainings").iterdir()] for cache in caches]
    assert [name.split(" ")[2] for name in chain(*in_progress)] == ["denoise", "denoise"]
    by_command = Model.load(tmp_path / words[-1])
    assert words[-1] == "model.safetensors"  # which the dock offers, too
    weights = by_command.network.state_dict()
    for name, tensor in widget.model.network.state_dict().items():
        assert (tensor == weights[name]).all()
    widget.save_model(tmp_path / "by dock.safetensors")


def test_what_the_dock_left_unfinished_the_command_line_resumes(
    run, dock, clean, noisy, tmp_path, qtbot
):
    write(tmp_path / "noisy.npz", noisy)
    write(tmp_path / "clean.npz", clean)
    training = Training(epochs=100_000, batch_size=4)
    recipe = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=training)
    widget = dock("Train")
    widget.recipe = recipe
    widget.choose_files(noisy=tmp_path / "noisy.npz", clean=tmp_path / "clean.npz")
    widget.train()
    qtbot.waitUntil(lambda: len(widget._losses.validation) > 1, timeout=60_000)
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=20_000)
    (saved,) = (tmp_path / "dock cache" / "trainings").iterdir()
    assert widget.model.card.ended == "by hand"
    machine = Machine(cache=tmp_path / "dock cache")
    examples = [recipe.example(noisy=read("noisy.npz"), clean=read("clean.npz"))]
    found = resumption(machine, recipe, examples, tmp_path / "m.safetensors", overwrite=False)
    assert found == Resumption(autosave=saved)
