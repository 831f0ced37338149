"""The Predict dock beyond prediction: models judged by the truth, dwell times, released weights."""

import json
import time

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.io import write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.card import read_card
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import HyRISR, Pixelwise, Ports
from napari_hyperspectral.progress import Progress, run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment, SuperResolve
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.widgets import import_weights as import_weights
from napari_hyperspectral.widgets import predict as docks

MACHINE = Machine(device="cpu", threads=1)


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.setattr(docks, "preferred_machine", lambda: MACHINE)


@pytest.fixture
def complaints(monkeypatch):
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", told.append)
    monkeypatch.setattr("napari_hyperspectral.widgets.report_view.show_error", told.append)
    return told


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def dock(viewer, qtbot):
    widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Predict")[1]
    yield widget
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)


@pytest.fixture
def learn():
    def learn(task, *examples):
        recipe = Recipe(task=task, method=Pixelwise.smallest(), training=Training(epochs=1))
        return fit(recipe, [recipe.example(**e) for e in examples], machine=MACHINE)

    return learn


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def press(qtbot, dock):
    qtbot.mouseClick(dock.panel.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.panel.running, timeout=30_000)


def test_before_there_is_a_model_nobody_knows_what_it_is_compared_with(viewer, dock, noisy):
    layer = add(viewer, noisy)
    with pytest.raises(ValueError, match="choose a model first"):
        dock.choose_truth(noisy=layer)
    with pytest.raises(ValueError, match="choose a model first"):
        dock.choose_truth_files(noisy="low")


def test_a_model_is_judged_by_layers_as_by_python(
    viewer, dock, learn, noisy, clean, qtbot, tmp_path
):
    model = learn(Denoise(), {"noisy": noisy, "clean": clean})
    dock.model = model.save(tmp_path / "model.safetensors")
    other = noisy.after("moved on", data=np.roll(noisy.data, 3, axis=1), name="unseen")
    target = clean.after("moved on", data=np.roll(clean.data, 3, axis=1), name="clean")
    dock.choose_truth(noisy=add(viewer, other), clean=add(viewer, target))
    assert dock.panel.start_button.text() == "Evaluate"
    press(qtbot, dock)
    told = run(evaluate_test_set_steps(model, [{"noisy": other, "clean": target}], machine=MACHINE))
    assert dock.report.report.to_markdown() == told.to_markdown()
    assert "denoise on 1 image" in dock.report.text
    assert dock.results == []  # the layers stay as they are
    dock.tabs.setCurrentIndex(0)
    assert dock.panel.start_button.text() == "Predict"


def test_a_model_is_judged_by_files_of_which_a_list_says_that_they_test(
    dock, learn, clean, truth, qtbot, tmp_path, complaints
):
    dock.model = learn(Segment(), {"cube": clean, "labels": truth})
    for name in ("one", "two"):
        write(tmp_path / f"{name}.npz", clean.after("copied", name=name))
        write(tmp_path / f"{name}_labels.npz", truth)
    rows = ["cube,labels,split", "one.npz,one_labels.npz,train", "two.npz,two_labels.npz,test"]
    (tmp_path / "all.csv").write_text("\n".join(rows))
    dock.choose_truth_files(list=tmp_path / "all.csv")
    press(qtbot, dock)
    assert complaints == []
    (table,) = dock.report.report.tables
    assert {row["image"] for row in table.rows} == {"two"}
    assert any("to train the model" in note for note in dock.report.report.notes)


def test_the_truth_asked_for_is_that_of_the_model(viewer, dock, learn, noisy, clean):
    dock.tabs.setCurrentWidget(dock.truth)
    assert dock.truth.examples.kinds == {}
    assert not dock.panel.start_button.isEnabled()
    dock.model = learn(Denoise(), {"noisy": noisy, "clean": clean})
    assert list(dock.truth.examples.kinds) == ["noisy", "clean"]
    pairs = [{"image": clean, "label": "fine"}, {"image": noisy, "label": "grainy"}]
    dock.model = learn(ClassifyImages(), *pairs, *pairs)
    assert dock.truth.examples.kinds["label"] is str
    dock.model = None
    assert not dock.truth._sources.isVisibleTo(dock)
    dock.model = learn(ClassifyImages(), *pairs, *pairs)
    assert dock.truth._sources.isVisibleTo(dock)


def test_a_truth_of_another_size_or_place_is_refused_in_words(
    viewer, dock, learn, noisy, clean, qtbot, complaints
):
    dock.model = learn(Denoise(), {"noisy": noisy, "clean": clean})
    less = clean.after("cropped", data=clean.data[:, 1:])
    dock.choose_truth(noisy=add(viewer, noisy), clean=add(viewer, less))
    press(qtbot, dock)
    assert dock.report.report is None
    assert complaints == ["the cube has (20, 26) pixels, the truth (19, 26); give (20, 26) pixels"]
    elsewhere = add(viewer, clean)
    elsewhere.translate = (0, 0, 3)
    dock.choose_truth(noisy=add(viewer, noisy), clean=elsewhere)
    press(qtbot, dock)
    assert dock.report.report is None
    assert "switch on Same pixels (same_pixels, --same-pixels)" in complaints[1]
    dock.truth.same_pixels = True
    press(qtbot, dock)
    assert len(complaints) == 2
    assert dock.report.report is not None


def test_an_evaluation_can_be_stopped(viewer, dock, learn, noisy, clean, qtbot, monkeypatch):
    def slow(model, ground, **_):
        for step in range(10_000):
            yield Progress(step, 10_000)
            time.sleep(0.01)

    monkeypatch.setattr("napari_hyperspectral.evaluation.test_set.evaluate_steps", slow)
    dock.model = learn(Denoise(), {"noisy": noisy, "clean": clean})
    dock.choose_truth(noisy=add(viewer, noisy), clean=add(viewer, clean))
    dock.evaluate()
    qtbot.waitUntil(lambda: dock.panel.bar.maximum() == 100, timeout=10_000)
    dock.stop()
    qtbot.waitUntil(lambda: not dock.panel.running, timeout=10_000)
    assert dock.panel.status.text() == "stopped"
    assert dock.report.report is None


def test_a_report_is_copied_and_saved_but_over_nothing(
    viewer, dock, learn, noisy, clean, qtbot, tmp_path, monkeypatch, complaints
):
    dock.model = learn(Denoise(), {"noisy": noisy, "clean": clean})
    dock.choose_truth(noisy=add(viewer, noisy), clean=add(viewer, clean))
    press(qtbot, dock)
    dock.report.copy()
    assert QApplication.clipboard().text() == dock.report.report.to_markdown()
    folder = tmp_path / "report"
    monkeypatch.setattr(
        "napari_hyperspectral.widgets.report_view.QFileDialog.getSaveFileName",
        lambda *_: (str(folder), ""),
    )
    dock.report.save_button.click()
    assert json.loads((folder / "report.json").read_text())["title"] == "denoise on 1 image"
    (folder / "report.md").write_text("mine")
    dock.report.save_button.click()
    assert complaints == ["report exists already; choose the name of a new folder"]
    assert (folder / "report.md").read_text() == "mine"


def test_dwell_times_tell_what_was_saved_with_the_result_and_in_its_history(
    viewer, dock, learn, noisy, clean, qtbot, tmp_path
):
    dock.model = learn(Denoise(), {"noisy": noisy, "clean": clean})
    finer = learn(SuperResolve(scale=2), {"fine": clean})
    dock.second_model = finer.save(tmp_path / "finer.safetensors")
    assert dock.dwell is None
    dock.dwell = (1.0, 0.1)
    dock.choose(add(viewer, noisy))
    press(qtbot, dock)
    saved = "stands for 40× less dwell time (×2 in rows and columns, 0.1 instead of 1 a pixel)"
    assert saved in dock.panel.status.text()
    history = from_layer(*dock.results[0].as_layer_data_tuple()).history
    assert [line for line in history if line.startswith(saved)]
    dock.files = [write(tmp_path / "cell.npz", noisy)]
    dock.folder, dock.suffix = tmp_path / "out", ".npz"
    press(qtbot, dock)
    assert saved in dock.panel.status.text()


@pytest.fixture
def weights(tmp_path):
    """Weights for six bands with the names of the released RCAN files, without their groups."""
    state = HyRISR().build(Ports(bands_in=6, bands_out=6, scale=2)).state_dict()
    torch.save(state, tmp_path / "RCAN_2x.pt")
    return tmp_path / "RCAN_2x.pt"


def test_released_weights_become_a_model_file_that_is_chosen(dock, weights, qtbot, monkeypatch):
    monkeypatch.setattr(docks.QFileDialog, "getOpenFileName", lambda *_, **__: (str(weights), ""))
    asked = []
    monkeypatch.setattr(
        import_weights.ImportWeightsDialog, "open", lambda dialog: asked.append(dialog)
    )
    dock._browse_clicked()
    (dialog,) = asked
    assert dialog.axis == SpectralAxis(np.linspace(500, 1800, 500), "1/cm", "raman_shift")
    dialog.form.settings = import_weights.BandSettings(first=600, bands=6)
    dialog.accept()
    qtbot.waitUntil(lambda: not dock.panel.running, timeout=30_000)
    made = weights.with_suffix(".safetensors")
    assert dock.model == made
    card = read_card(made)
    assert card.input_axis == SpectralAxis(np.linspace(600, 1800, 6), "1/cm", "raman_shift")
    assert Model.load(made).recipe.task.scale == 2
    assert dock.panel.start_button.isEnabled()


def test_released_weights_for_other_bands_are_refused_with_their_number(
    dock, weights, qtbot, complaints
):
    dialog = dock.offer_import(weights)
    dialog.accept()
    qtbot.waitUntil(lambda: not dock.panel.running, timeout=30_000)
    assert "is for 6 bands, the axis has 500" in complaints[0]
    assert not weights.with_suffix(".safetensors").exists()
    assert dock.model is None
    assert not dock.panel.start_button.isEnabled()


def test_a_model_file_is_overwritten_only_when_one_says_so(weights, qtbot, monkeypatch):
    there = weights.with_suffix(".safetensors")
    there.write_text("precious")
    dialog = import_weights.ImportWeightsDialog(weights)
    qtbot.addWidget(dialog)
    answers = iter(
        [
            import_weights.QMessageBox.StandardButton.No,
            import_weights.QMessageBox.StandardButton.Yes,
        ]
    )
    monkeypatch.setattr(import_weights.QMessageBox, "question", lambda *_: next(answers))
    with qtbot.assertNotEmitted(dialog.accepted):
        dialog.accept()
    assert not dialog.overwrite
    with qtbot.waitSignal(dialog.accepted):
        dialog.accept()
    assert dialog.overwrite
    assert there.read_text() == "precious"  # the dialog itself writes nothing


def test_the_axis_of_weights_may_come_from_a_file_and_be_typed_again(weights, qtbot, tmp_path):
    dialog = import_weights.ImportWeightsDialog(weights)
    qtbot.addWidget(dialog)
    (tmp_path / "axis.csv").write_text("Raman shift (1/cm)\n500\n510\n530\n")
    dialog.take_axis(tmp_path / "axis.csv")
    assert dialog.axis.centres.tolist() == [500, 510, 530]
    assert not dialog.form.enabled
    dialog._axis_button.click()
    assert len(dialog.axis) == 500


@pytest.mark.parametrize(
    ("name", "told"), [("model.pt", "saved as .safetensors"), ("no/where.safetensors", "no folder")]
)
def test_a_model_file_that_cannot_be_written_keeps_the_dialog_open(weights, qtbot, name, told):
    dialog = import_weights.ImportWeightsDialog(weights)
    qtbot.addWidget(dialog)
    dialog.target_edit.value = weights.parent / name
    with qtbot.assertNotEmitted(dialog.accepted):
        dialog.accept()
    assert told in dialog._message.text()
