"""The Predict dock with a second model, probabilities, and images classified as a whole."""

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")

from napari_hyperspectral.io import read, write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.card import read_card
from napari_hyperspectral.networks import Pixelwise, UNet
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment, SuperResolve
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.widgets import predict as docks

MACHINE = Machine(device="cpu", threads=1)


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.setattr(docks, "preferred_machine", lambda: MACHINE)


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
def learn(tmp_path):
    def learn(task, *examples):
        recipe = Recipe(task=task, method=Pixelwise.smallest(), training=Training(epochs=1))
        model = fit(recipe, [recipe.example(**e) for e in examples], machine=MACHINE)
        return model.save(tmp_path / f"{task.kind}.safetensors")

    return learn


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def test_a_second_model_runs_on_what_the_first_one_made(viewer, dock, learn, noisy, clean, qtbot):
    dock.model = learn(Denoise(normalise="cube"), {"noisy": noisy, "clean": clean})
    dock.second_model = learn(SuperResolve(scale=2, normalise="cube"), {"fine": clean})
    assert dock.second.text == "super_resolve.safetensors (super_resolve)"
    dock.choose(add(viewer, noisy))
    dock.predict()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    (layer,) = dock.results
    assert layer.data.shape == (12, 40, 52)
    history = from_layer(*layer.as_layer_data_tuple()).history
    steps = [line.split()[0].rstrip(",") for line in history[-4:]]
    assert steps == ["denoised", "super-resolved", "stands", "compared"]
    saved = "stands for 4× less dwell time (×2 in rows and columns)"
    assert [line for line in history if line.startswith(saved)]
    told = dock.report.text  # of the finer image and what it was made from
    assert "Restoration of noisy denoised" in told
    assert "difference PSF, misfit" in told
    dock.second_model = None
    assert dock.second.text == ""


def test_probabilities_come_below_the_classes(viewer, dock, learn, clean, truth, qtbot):
    dock.model = learn(Denoise(), {"noisy": clean, "clean": clean})
    assert not dock["probabilities"].native.isVisibleTo(dock)
    dock.second_model = learn(Segment(), {"cube": clean, "labels": truth})
    assert dock["probabilities"].native.isVisibleTo(dock)
    dock["probabilities"].value = True
    dock.choose(add(viewer, clean))
    dock.predict()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    chances, classes = dock.results
    np.testing.assert_array_equal(chances.data.argmax(axis=0) + 1, classes.data)
    np.testing.assert_allclose(chances.data.sum(axis=0), 1, atol=1e-6)
    assert from_layer(*chances.as_layer_data_tuple()).axis.names == ("first", "second")


def test_probabilities_of_files_are_written_beside_the_classes(
    dock, learn, clean, truth, qtbot, tmp_path
):
    dock.model = learn(Segment(), {"cube": clean, "labels": truth})
    dock["probabilities"].value = True
    dock.files = [write(tmp_path / "cell.npz", clean)]
    dock.folder, dock.suffix = tmp_path / "out", ".npz"
    dock.predict()
    qtbot.waitUntil(lambda: dock.predicted_files is not None, timeout=20_000)
    names = ["cell_predicted.npz", "cell_probabilities.npz"]
    assert [path.name for path in dock.predicted_files.written] == names
    assert read(dock.predicted_files.written[1]).axis.names == ("first", "second")


def test_finer_images_of_files_have_a_report_beside_them(dock, learn, clean, qtbot, tmp_path):
    dock.model = learn(SuperResolve(scale=2), {"fine": clean})
    dock.files = [write(tmp_path / "cell.npz", clean)]
    dock.folder, dock.suffix = tmp_path / "out", ".npz"
    dock.predict()
    qtbot.waitUntil(lambda: dock.predicted_files is not None, timeout=30_000)
    assert dock.predicted_files.failed == {}
    made = sorted(path.name for path in (tmp_path / "out" / "cell_report").iterdir())
    assert made[-3:] == ["report.html", "report.json", "report.md"]
    assert len(made) == 7  # and four pictures


def test_images_that_are_classified_are_rows_of_a_table(viewer, dock, learn, clean, noisy, qtbot):
    pairs = [{"image": clean, "label": "fine"}, {"image": noisy, "label": "grainy"}]
    dock.model = learn(ClassifyImages(), *pairs, *pairs)
    dock.choose(add(viewer, clean.after("named", name="one")), add(viewer, noisy))
    dock.predict()
    qtbot.waitUntil(lambda: len(dock.results) == 2, timeout=20_000)
    heading = [dock.results_view.scores.horizontalHeaderItem(c).text() for c in range(4)]
    assert heading == ["image", "class", "fine", "grainy"]
    rows = [[dock.results_view.scores.item(r, c).text() for c in range(4)] for r in range(2)]
    assert [row[0] for row in rows] == ["one", "noisy"]
    about = dock.results[0].metadata["hyperspectral"]["metadata"]
    assert about["scores"]["fine"] == pytest.approx(float(rows[0][2]), abs=1e-3)
    assert dock.results_view.scores.isVisibleTo(dock)


def test_the_mean_over_turns_is_offered_where_it_changes_anything(dock, learn, noisy, clean):
    assert not dock.options.turns.enabled
    dock.model = learn(Denoise(normalise="cube"), {"noisy": noisy, "clean": clean})
    dock["turns"].value = True
    assert not dock.options.turns.enabled
    assert "changes nothing" in dock.options.turns.tooltip
    assert not dock.options.averages_turns
    of_spectra = read_card(dock.model)
    of_images = of_spectra.model_copy(update={"turns": "another result"})
    of_point_scans = of_spectra.model_copy(update={"turns": "refused"})
    dock.options.follow([of_spectra, of_images])
    assert dock.options.averages_turns
    assert "eight" in dock.options.turns.tooltip
    dock.options.follow([of_images, of_point_scans])
    assert not dock.options.averages_turns
    assert "another scan" in dock.options.turns.tooltip


def test_the_mean_over_turns_is_in_the_history_of_what_the_dock_predicted(
    viewer, dock, noisy, clean, qtbot
):
    recipe = Recipe(
        task=Denoise(normalise="cube"),
        method=UNet.smallest(),
        training=Training(epochs=1, patches_per_epoch=1, validation=0),
    )
    dock.model = fit(recipe, [recipe.example(noisy=noisy, clean=clean)], machine=MACHINE)
    dock["turns"].value = True
    dock.choose(add(viewer, noisy))
    dock.predict()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    history = from_layer(*dock.results[0].as_layer_data_tuple()).history
    assert history[-1] == "mean over 8 flips and quarter turns"
