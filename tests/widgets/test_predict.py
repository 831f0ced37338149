"""The Predict dock: results lie where their source lies, and one bad file ends nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from qtpy.QtCore import Qt

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling
from napari_hyperspectral.io import FileFormatError, read, write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.prediction.predict import predict
from napari_hyperspectral.progress import Progress
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise, Segment
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.widgets import predict as docks
from napari_hyperspectral.workflows.targets import targets_in_folder

MACHINE = Machine(device="cpu", threads=1)


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.setattr(docks, "preferred_machine", lambda: MACHINE)


@pytest.fixture
def complaints(monkeypatch):
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", told.append)
    return told


@pytest.fixture(scope="module")
def noisy():
    """A cube on an axis that is not uniform, away from the origin, that is not square."""
    axis = SpectralAxis(600 + np.arange(8) ** 1.5, "1/cm", "raman_shift", excitation_nm=532)
    return Cube(
        np.random.default_rng(0).normal(10, 2, (8, 5, 7)).astype(np.float32),
        axis,
        pixel_size=(0.5, 0.25),
        origin=(10.0, -3.5),
        pixel_unit="um",
        name="cell",
    )


@pytest.fixture(scope="module")
def model(noisy):
    """A denoiser, hardly trained."""
    recipe = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=1))
    return fit(recipe, [recipe.task.example(noisy=noisy, clean=noisy)], machine=MACHINE)


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def widget(viewer, qtbot):
    widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Predict")[1]
    yield widget
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def run(qtbot, widget):
    qtbot.mouseClick(widget.panel.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=30_000)


def test_a_result_is_a_layer_in_the_same_place_with_the_same_axis(
    qtbot, viewer, widget, model, noisy
):
    source = add(viewer, noisy)
    widget.model = model
    widget.choose(source)
    run(qtbot, widget)
    (layer,) = widget.results
    assert layer.name == "cell denoised"
    for place in ("scale", "translate", "units", "axis_labels"):
        assert list(getattr(layer, place)) == list(getattr(source, place)), place
    result = from_layer(*layer.as_layer_data_tuple())
    expected = predict(model, noisy, machine=MACHINE)
    np.testing.assert_array_equal(result.data, expected.data)
    assert result.axis == noisy.axis
    assert result.history[-1] == "denoised"


def test_classes_come_as_a_label_layer(qtbot, viewer, widget, noisy, labels):
    recipe = Recipe(task=Segment(), method=Pixelwise.smallest(), training=Training(epochs=1))
    example = recipe.task.example(cube=noisy, labels=labels)
    widget.model = fit(recipe, [example], machine=MACHINE)
    source = add(viewer, noisy)
    widget.choose(source)
    run(qtbot, widget)
    (layer,) = widget.results
    assert layer.as_layer_data_tuple()[2] == "labels"
    assert layer.data.shape == (5, 7)
    assert list(layer.scale) == [0.5, 0.25]


def test_classes_of_a_stack_lie_on_their_planes_and_on_all_bands(qtbot, viewer, widget, noisy):
    """napari would take the planes of labels (z, y, x) for bands of a cube (z, band, y, x)."""
    ids = np.where(np.arange(7) < 3, 1, 2) * np.ones((5, 1), int)
    recipe = Recipe(task=Segment(), method=Pixelwise.smallest(), training=Training(epochs=1))
    example = recipe.task.example(cube=noisy, labels=Labels(ids))
    widget.model = fit(recipe, [example], machine=MACHINE)
    planes = np.stack([noisy.data] * 3)
    layer = add(viewer, Cube(planes, noisy.axis, z=Sampling(2.0, 1.0, "um"), pixel_unit="um"))
    widget.choose(layer)
    run(qtbot, widget)
    (found,) = widget.results
    assert found.data.shape == (3, 1, 5, 7)
    viewer.dims.set_current_step(1, 6)  # on any band, the middle plane is on the slice
    world = (3.0, 6.0, 0.0, 0.0)
    assert found.world_to_data(world)[:2].round().tolist() == [1, 0]
    assert from_layer(*found.as_layer_data_tuple()).dims == ("z", "y", "x")


def test_several_layers_are_predicted_one_after_another(qtbot, viewer, widget, model, noisy):
    wider = noisy.after("doubled", name="wider", data=np.tile(noisy.data, (1, 1, 2)))
    widget.model = model
    widget.choose(add(viewer, noisy), add(viewer, wider))
    run(qtbot, widget)
    assert [(one.name, one.data.shape) for one in widget.results] == [
        ("cell denoised", (8, 5, 7)),
        ("wider denoised", (8, 5, 14)),
    ]


def test_a_stopped_prediction_brings_the_layers_done_by_then(
    qtbot, viewer, widget, model, noisy, monkeypatch
):
    def slow(model, cube, *, turns, machine):
        for step in range(1 if cube.name == "cell" else 10_000):
            yield Progress(step, 10_000)
            time.sleep(0.01)
        return cube

    monkeypatch.setattr("napari_hyperspectral.workflows.predict.predict_steps", slow)
    widget.model = model
    widget.choose(add(viewer, noisy), add(viewer, noisy.after("copied", name="other")))
    widget.predict()
    qtbot.waitUntil(lambda: "2 of 2" in widget.panel.status.text(), timeout=10_000)
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)
    assert len(widget.results) == 1


def test_a_model_file_shows_its_card_and_predicts_as_the_model(
    qtbot, viewer, widget, model, noisy, tmp_path
):
    widget.model = model.save(tmp_path / "model.safetensors")
    assert f"{model.card.parameters:,}" in widget.card.toPlainText()
    widget.choose(add(viewer, noisy))
    run(qtbot, widget)
    expected = predict(model, noisy, machine=MACHINE)
    np.testing.assert_array_equal(widget.results[0].data, expected.data)


def test_a_file_that_is_no_model_is_refused_and_the_one_before_stays(widget, model, tmp_path):
    widget.model = model
    wrong = tmp_path / "pickle.safetensors"
    wrong.write_bytes(b"\x80\x04\x95 not a model")
    with pytest.raises(FileFormatError, match=r"pickle.safetensors: not a model file"):
        widget.model = wrong
    assert widget.model is model


def test_another_axis_is_refused_with_the_reason(qtbot, viewer, widget, model, complaints):
    other = Cube(np.ones((8, 2, 3), np.float32), SpectralAxis.index(8), name="bare")
    widget.model = model
    widget.choose(add(viewer, other))
    run(qtbot, widget)
    assert widget.results == []
    assert complaints == [widget.panel.status.text()]
    assert "the cube has 8 bands without a spectral unit" in complaints[0]
    assert widget.panel.start_button.isEnabled()


def test_without_a_model_there_is_nothing_to_press(widget, viewer, noisy):
    add(viewer, noisy)
    assert not widget.panel.start_button.isEnabled()


def test_layers_are_followed_and_keep_their_ticks(viewer, widget, noisy):
    first, _second = add(viewer, noisy), add(viewer, noisy.after("copied", name="other"))
    viewer.add_labels(np.ones((5, 7), int))
    widget.choose(first)
    first.name = "renamed"
    viewer.layers.move(0, 2)
    assert widget.chosen == [first]
    assert [layer.name for layer in widget["layers"].choices] == ["other", "renamed"]
    viewer.layers.remove(first)
    assert [one.name for one in widget.chosen] == ["other"]  # the only one left


def test_a_batch_goes_on_after_a_bad_file_and_says_what_failed(
    qtbot, widget, model, noisy, tmp_path
):
    good = [write(tmp_path / f"{name}.npz", noisy) for name in ("one", "three")]
    bad = tmp_path / "two.npz"
    bad.write_bytes(b"PK damaged")
    widget.model = model
    widget.files = [good[0], bad, tmp_path / "missing.npz", good[1]]
    widget.folder, widget.suffix = tmp_path / "results", ".npz"
    run(qtbot, widget)
    assert [path.name for path in widget.predicted_files.written] == [
        "one_predicted.npz",
        "three_predicted.npz",
    ]
    assert list(widget.predicted_files.failed) == [str(bad), str(tmp_path / "missing.npz")]
    told = widget.results_view.failures.text()
    assert told.startswith("2 failed:\n• two.npz: ")
    assert "• missing.npz: there is no file" in told
    written = read(widget.predicted_files.written[0])
    expected = predict(model, noisy, machine=MACHINE)
    np.testing.assert_array_equal(written.data, expected.data)
    assert written.axis == noisy.axis


def test_files_that_exist_are_overwritten_only_when_one_says_so(
    qtbot, widget, model, noisy, tmp_path, monkeypatch
):
    source = write(tmp_path / "one.npz", noisy)
    there = tmp_path / "one_predicted.npz"
    there.write_text("precious")
    widget.model, widget.files, widget.folder, widget.suffix = model, [source], tmp_path, ".npz"
    answers = iter([docks.QMessageBox.StandardButton.Cancel, docks.QMessageBox.StandardButton.No])
    monkeypatch.setattr(docks.QMessageBox, "question", lambda *_: next(answers))
    run(qtbot, widget)
    assert widget.predicted_files is None
    run(qtbot, widget)
    assert "exists already" in widget.predicted_files.failed[str(source)]
    assert there.read_text() == "precious"
    widget.predict(overwrite=True)
    qtbot.waitUntil(lambda: not widget.panel.running)
    assert read(there).shape == (8, 5, 7)
    assert widget.panel.status.text() == f"wrote 1 file to {tmp_path}"


def test_two_files_never_write_to_one(qtbot, widget, model, noisy, tmp_path, complaints):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    widget.files = [write(tmp_path / folder / "one.npz", noisy) for folder in ("a", "b")]
    widget.model, widget.folder = model, tmp_path
    run(qtbot, widget)
    assert len(complaints) == 1
    assert "would both be named one_…; write them into different folders" in complaints[0]


def test_a_stopped_batch_keeps_what_it_wrote(qtbot, widget, model, noisy, tmp_path, monkeypatch):
    sources = [write(tmp_path / f"{n}.npz", noisy) for n in range(4)]

    def slow(model, cube, *, turns, machine):
        for _ in range(10):
            yield Progress(1, 10)
            time.sleep(0.02)
        return cube

    monkeypatch.setattr("napari_hyperspectral.workflows.predict.predict_steps", slow)
    widget.model, widget.files, widget.suffix = model, sources, ".npz"
    widget.folder = tmp_path / "out"
    widget.predict()
    qtbot.waitUntil(lambda: (tmp_path / "out" / "0_predicted.npz").exists(), timeout=10_000)
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)
    assert 1 <= len(widget.predicted_files.written) < 4
    assert list(widget.predicted_files.failed.values()) == ["stopped"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("scan.ome.tif", "scan_predicted.npz"),
        ("scan.2.HDR", "scan.2_predicted.npz"),
        ("folder/all.mat::cube@yxb", "all_cube_predicted.npz"),
        ("plain", "plain_predicted.npz"),
    ],
)
def test_a_result_is_named_after_its_source(source, name, tmp_path):
    (target,) = targets_in_folder(tmp_path, [source], ".npz")
    assert target.result == tmp_path / name


def test_results_can_be_written_by_every_suffix_that_writers_have(widget):
    shown = set(widget["suffix"].choices)
    assert {".hdr", ".npz", ".mat", ".ome.tif", ".tif", ".zarr", ".h5"} <= shown
    assert widget.suffix == ".ome.tif"
