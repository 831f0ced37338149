"""The Train dock: what a person clicks is what Python does, and nothing gets lost."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.layers import to_layer
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import Pixelwise, ResUNet1D
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise, Segment
from napari_hyperspectral.training.fit import fit, fit_steps
from napari_hyperspectral.widgets import train
from napari_hyperspectral.widgets.curve import Losses
from napari_hyperspectral.widgets.preferences import preferred_machine

BRIEF = Recipe(
    task=Denoise(),
    method=ResUNet1D.smallest(),
    training=Training(epochs=5, batch_size=16, seed=3, learning_rate=2e-3),
)
PLAIN = BRIEF.method.model_copy(update={"linear_skip": False})
LONG = BRIEF.model_copy(update={"training": Training(epochs=100_000, batch_size=4)})


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """One thread, and a cache that nobody else uses."""
    machine = Machine(device="cpu", threads=1, cache=tmp_path / "cache")
    monkeypatch.setattr(train, "preferred_machine", lambda: machine)
    return machine


@pytest.fixture
def pair(rng):
    """A noisy and a clean cube of 12 bands, 9 by 11 pixels."""
    axis = SpectralAxis(np.linspace(600, 1700, 12) ** 1.01, "1/cm", "raman_shift")
    peaks = np.exp(-(((np.arange(12) - rng.uniform(2, 9, (9, 11, 1))) / 1.5) ** 2))
    clean = np.moveaxis(5 + 40 * peaks, -1, 0).astype(np.float32)
    noisy = rng.poisson(clean).astype(np.float32)
    about = {"pixel_size": (0.5, 0.25), "pixel_unit": "um"}
    return Cube(noisy, axis, name="noisy", **about), Cube(clean, axis, name="clean", **about)


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def dock(viewer):
    """The Train dock, opened as the menu opens it."""
    return viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Train")[1]


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def widget(viewer, pair, qtbot):
    for cube in pair:
        add(viewer, cube)
    widget = dock(viewer)
    widget.recipe = BRIEF
    yield widget
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def trained(qtbot, widget):
    qtbot.waitUntil(lambda: widget.model is not None and not widget.panel.running, timeout=60_000)
    return widget.model


def begun(qtbot, widget):
    qtbot.waitUntil(lambda: len(widget._losses.training) > 0, timeout=20_000)


def same_weights(one, other):
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_five_epochs_by_clicking_give_the_weights_that_python_gives(qtbot, widget, pair, machine):
    noisy, clean = pair
    press(qtbot, widget.panel.start_button)
    clicked = trained(qtbot, widget)
    example = BRIEF.task.example(noisy=noisy, clean=clean)
    written = fit(BRIEF, [example], machine=machine)
    assert same_weights(clicked, written)
    assert clicked.card.losses == written.card.losses
    assert len(clicked.card.losses) == 5


def test_the_recipe_of_the_forms_is_the_recipe_put_in(widget):
    recipe = Recipe(
        task=Segment(classes=("a", "b, c"), smoothing=0.125),
        method=Pixelwise(width=7, dropout=1 / 3),
        training=Training(epochs=3, learning_rate=3e-5, schedule="cosine"),
    )
    widget.recipe = recipe
    assert widget.recipe == recipe


def test_layers_are_found_by_the_names_that_the_task_gives_them(widget, viewer):
    assert {n: layer.name for n, layer in widget.form.examples.layers[0].items()} == {
        "noisy": "noisy",
        "clean": "clean",
    }
    viewer.layers["noisy"].name = "raw"
    assert widget.form.examples.layers[0]["noisy"].name == "raw"
    assert widget.form.examples[0]["noisy"].current_choice == "raw"


def test_a_task_asks_for_its_own_layers(widget, viewer, pair):
    widget.recipe = BRIEF.model_copy(update={"task": Segment()})
    assert list(widget.form.examples.layers[0]) == ["cube", "labels"]
    assert widget.form.examples.layers[0]["labels"] is None
    labels = viewer.add_labels(np.ones((9, 11), int), name="painted")
    assert widget.form.examples.layers[0]["labels"] == labels
    viewer.layers.remove("painted")
    assert widget.form.examples.layers[0]["labels"] is None


def test_a_layer_that_cannot_be_what_it_is_chosen_for_is_refused(widget, viewer):
    labels = viewer.add_labels(np.ones((9, 11), int), name="painted")
    with pytest.raises(ValueError, match="layer 'painted' cannot be 'noisy'"):
        widget.choose(noisy=labels)
    with pytest.raises(ValueError, match="there is no 'target' to choose, only noisy, clean"):
        widget.choose(target=viewer.layers["clean"])


def test_several_cubes_of_different_sizes_train_together(qtbot, widget, viewer, pair):
    smaller = [add(viewer, c.after("cropped", data=c.data[:, :7, :5])) for c in pair]
    widget.choose(
        {"noisy": viewer.layers["noisy"], "clean": viewer.layers["clean"]},
        {"noisy": smaller[0], "clean": smaller[1]},
    )
    widget.train()
    seen = trained(qtbot, widget).card.trained_on
    assert [one.shape for one in seen] == [(1, 12, 9, 11), (1, 12, 7, 5)]


def test_labels_painted_on_one_band_are_the_pixels_of_all(qtbot, widget, viewer):
    painted = viewer.add_labels(np.zeros((12, 9, 11), int), name="labels")
    painted.data[4, :3], painted.data[7, 6:] = 1, 2
    widget.recipe = BRIEF.model_copy(update={"task": Segment(), "method": Pixelwise.smallest()})
    widget.choose(cube=viewer.layers["noisy"], labels=painted)
    widget.train()
    card = trained(qtbot, widget).card
    assert card.classes == ("class 1", "class 2")
    (seen,) = card.trained_on
    assert 0 < seen.training_pixels + seen.validation_pixels <= 3 * 11 + 3 * 11


def test_stop_keeps_the_best_so_far_in_a_file_that_loads(qtbot, widget, tmp_path):
    widget.recipe = LONG
    widget.train()
    qtbot.waitUntil(lambda: len(widget._losses.validation) > 1, timeout=20_000)
    asked = time.monotonic()
    press(qtbot, widget.panel.stop_button)
    model = trained(qtbot, widget)
    assert time.monotonic() - asked < 5  # of a training of hours
    assert model.card.ended == "by hand"
    assert widget.panel.status.text() == "trained: stopped by hand"
    saved = widget.save_model(tmp_path / "model.safetensors")
    assert same_weights(Model.load(saved), model)


def test_running_out_of_memory_is_said_and_training_can_begin_again(
    qtbot, widget, monkeypatch, capsys
):
    def fail(*_args, **_settings):
        yield from ()
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 TiB")

    monkeypatch.setattr("napari_hyperspectral.workflows.train.fit_steps", fail)
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", told.append)
    press(qtbot, widget.panel.start_button)
    assert not widget.panel.start_button.isEnabled()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)
    assert told == [widget.panel.status.text()]
    assert told[0].startswith("out of memory; choose a smaller batch size")
    assert widget.panel.start_button.isEnabled()
    assert not widget.panel.stop_button.isEnabled()
    assert not widget.save_button.isEnabled()
    monkeypatch.undo()
    monkeypatch.setattr(train, "preferred_machine", lambda: Machine(threads=1, device="cpu"))
    widget.recipe = BRIEF.model_copy(update={"training": Training(epochs=1)})
    press(qtbot, widget.panel.start_button)
    assert len(trained(qtbot, widget).card.losses) == 1


def test_layers_that_do_not_belong_together_are_told_before_and_after(
    qtbot, widget, viewer, pair, monkeypatch
):
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", lambda text: None)
    smaller = add(viewer, pair[1].after("cropped", data=pair[1].data[:, :7]))
    widget.choose(noisy=viewer.layers["noisy"], clean=smaller)
    qtbot.waitUntil(lambda: "must show the same pixels" in widget.summary)
    widget.train()
    qtbot.waitUntil(lambda: not widget.panel.running)
    assert "must show the same pixels" in widget.panel.status.text()
    assert widget.model is None


def test_without_layers_it_says_what_to_do(viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", lambda text: None)
    widget = dock(viewer)
    press(qtbot, widget.panel.start_button)
    assert widget.panel.status.text() == (
        "choose a layer for 'noisy'; open a file or a sample first"
    )


def test_the_summary_counts_the_weights_that_training_makes(qtbot, widget):
    qtbot.waitUntil(lambda: "weights" in widget.summary)
    counted = widget.summary
    widget.train()
    parameters = trained(qtbot, widget).card.parameters
    assert counted.startswith(
        f"{parameters:,} weights, which see one spectrum at a time, and about"
    )
    assert "; 99 training pixels" in counted


def test_the_curve_ends_as_the_card_says(qtbot, widget):
    widget.recipe = BRIEF.model_copy(update={"method": PLAIN})
    widget.train()
    card = trained(qtbot, widget).card
    assert widget.curve.shown == {
        "training": list(card.losses),
        "validation": list(card.validation_losses),
    }
    html = widget.card.toPlainText()
    assert f"{card.losses[card.best_epoch - 1]:.4g}" in html
    assert f"5 of 5, best {card.best_epoch}" in html


def test_the_curve_begins_with_the_regression_which_the_dock_names_if_it_stays_the_best(
    qtbot, widget
):
    ruinous = BRIEF.training.model_copy(update={"learning_rate": 0.2, "schedule": "constant"})
    widget.recipe = BRIEF.model_copy(update={"training": ruinous})
    widget.train()
    card = trained(qtbot, widget).card
    assert card.stayed_linear
    shown = widget.curve.shown["validation"]
    assert shown == [card.start_validation_loss, *card.validation_losses]
    assert "no epoch was better than the linear regression" in widget.panel.status.text()


def test_no_epoch_is_missing_from_the_curve_however_fast_they_are(pair):
    noisy, clean = pair
    losses = Losses(BRIEF.training.epochs)
    job = fit_steps(
        BRIEF, [BRIEF.task.example(noisy=noisy, clean=clean)], machine=Machine(threads=1)
    )
    card = run(job, losses.add).card
    assert losses.training == dict(enumerate(card.losses, start=1))
    assert losses.validation == dict(
        enumerate((card.start_validation_loss, *card.validation_losses))
    )


def test_a_model_is_never_overwritten_unasked(qtbot, widget, tmp_path):
    widget.train()
    trained(qtbot, widget)
    path = tmp_path / "model.safetensors"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"model.safetensors exists already"):
        widget.save_model(path)
    assert path.read_text() == "precious"


def test_the_dialog_that_saves_adds_the_suffix_and_asks_again(qtbot, widget, tmp_path, monkeypatch):
    widget.train()
    trained(qtbot, widget)
    asked = []
    monkeypatch.setattr(
        train.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "model"), "")
    )
    monkeypatch.setattr(
        train.QMessageBox,
        "question",
        lambda *_: asked.append(1) or train.QMessageBox.StandardButton.No,
    )
    press(qtbot, widget.save_button)
    press(qtbot, widget.save_button)
    assert [path.name for path in tmp_path.glob("model*")] == ["model.safetensors"]
    assert asked == [1]


def test_a_recipe_goes_to_a_file_and_back(widget, tmp_path):
    widget.save_recipe(tmp_path / "recipe.json")
    assert json.loads((tmp_path / "recipe.json").read_text())["training"]["seed"] == 3
    widget.recipe = LONG
    widget.load_recipe(tmp_path / "recipe.json")
    assert widget.recipe == BRIEF


def test_the_command_line_names_layers_and_the_suffix_of_models(widget):
    widget._copy_command()
    assert QApplication.clipboard().text() == (
        "napari-hyperspectral train recipe.json noisy=NOISY clean=CLEAN -o model.safetensors"
    )


def test_a_training_under_way_lies_in_the_cache(qtbot, widget, machine):
    widget.train()
    model = trained(qtbot, widget)
    (saved,) = (machine.cache / "trainings").glob("*.safetensors")
    assert Model.load(saved).card.losses == model.card.losses


def test_the_trained_model_goes_to_the_predict_dock(qtbot, widget, viewer):
    widget.train()
    model = trained(qtbot, widget)
    press(qtbot, widget.predict_button)
    _, predicting = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Predict")
    assert predicting.model is model
    predicting.choose(viewer.layers["noisy"])
    predicting.predict()
    qtbot.waitUntil(lambda: bool(predicting.results), timeout=20_000)
    assert "noisy denoised" in viewer.layers


def test_the_machine_is_the_one_of_the_preferences(viewer, tmp_path, monkeypatch):
    from napari.settings import get_plugin_settings

    said = get_plugin_settings("napari-hyperspectral").machine
    for name, value in (("device", "cpu"), ("threads", 3), ("cache", str(tmp_path))):
        monkeypatch.setattr(said, name, value)
    assert preferred_machine() == Machine(device="cpu", threads=3, cache=tmp_path)
    monkeypatch.setattr(said, "cache", "")
    assert preferred_machine().cache == Machine().cache


def test_closing_the_dock_ends_its_training(qtbot, viewer, pair):
    for cube in pair:
        add(viewer, cube)
    frame, widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Train")
    widget.recipe = LONG
    widget.train()
    begun(qtbot, widget)
    (worker,) = widget.panel._workers
    del widget
    frame.destroyOnClose()  # what its cross does
    del frame
    gc.collect()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=2_000)


def test_a_closed_dock_that_somebody_keeps_ends_its_training_too(qtbot, viewer, pair):
    for cube in pair:
        add(viewer, cube)
    frame, widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Train")
    widget.recipe = LONG
    widget.train()
    begun(qtbot, widget)
    frame.destroyOnClose()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)
    assert widget.model.card.ended == "by hand"
    widget.deleteLater()


def test_an_interrupted_training_goes_on_where_it_ended(qtbot, widget, machine):
    widget.recipe = LONG
    widget.train()
    qtbot.waitUntil(lambda: max(widget._losses.training, default=0) > 2, timeout=20_000)
    widget.stop()
    before = trained(qtbot, widget).card.losses
    (saved,) = (machine.cache / "trainings").glob("*.safetensors")
    widget.recipe = BRIEF
    widget.resume(saved)
    assert widget.recipe == LONG
    qtbot.waitUntil(lambda: len(widget._losses.training) > 0, timeout=20_000)
    assert min(widget._losses.training) > len(before), "not from the first epoch"
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)
    assert widget.model.card.losses[: len(before)] == before


CLOSING = """
    import time
    import napari
    from qtpy.QtCore import QTimer
    from napari_hyperspectral.machine import Machine
    from napari_hyperspectral.networks import ResUNet1D
    from napari_hyperspectral.recipe.recipe import Recipe
    from napari_hyperspectral.recipe.training import Training
    from napari_hyperspectral.tasks import Denoise
    from napari_hyperspectral.widgets import train
    import numpy as np
    from pathlib import Path

    machine = Machine(device="cpu", threads=1, cache=Path(CACHE))
    train.preferred_machine = lambda: machine
    viewer = napari.Viewer()
    for name in ("noisy", "clean"):
        viewer.add_image(np.random.default_rng(0).random((60, 10, 40), np.float32), name=name)
    widget = train.TrainWidget(viewer)
    viewer.window.add_dock_widget(widget)
    widget.recipe = Recipe(task=Denoise(), network=ResUNet1D(width=8), training=Training(epochs=10_000))
    widget.train()

    def close():
        if not widget._losses.training:
            QTimer.singleShot(100, close)
            return
        print(f"closing {time.monotonic()}", flush=True)
        viewer.close()

    close()
    napari.run()
"""


@pytest.mark.slow  # in test_jobs any endless job is ended
def test_closing_the_viewer_ends_a_process_that_would_train_for_hours(tmp_path):
    """Within a second or two; within ten on a busy machine."""
    code = textwrap.dedent(CLOSING).replace("CACHE", repr(str(tmp_path)))
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    over = time.monotonic()
    assert ended.returncode == 0, ended.stderr
    assert over - float(ended.stdout.split("closing ")[1]) < 10.0
