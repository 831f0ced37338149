"""The Train dock beyond layers: files, whole images, previews, presets, starts from a model."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
import torch

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import write
from napari_hyperspectral.layers import to_layer
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import Pixelwise, UNet
from napari_hyperspectral.recipe.presets import PRESETS
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.renamed import chain_of_preprocessing
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment
from napari_hyperspectral.training.fit import fit
from napari_hyperspectral.widgets import train

BRIEF = Recipe(
    task=Denoise(),
    method=Pixelwise(width=8),
    training=Training(epochs=3, batch_size=16, learning_rate=2e-3),
)
AXIS = SpectralAxis(np.linspace(600, 1700, 12), "1/cm", "raman_shift")


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """One thread, and a cache that nobody else uses."""
    machine = Machine(device="cpu", threads=1, cache=tmp_path / "cache")
    monkeypatch.setattr(train, "preferred_machine", lambda: machine)
    return machine


@pytest.fixture
def pairs(rng):
    """Three noisy cubes and their clean ones."""
    found = []
    for size in (9, 7, 8):
        clean = (5 + rng.uniform(0, 40, (12, size, 6))).astype(np.float32)
        noisy = rng.poisson(clean).astype(np.float32)
        found.append((Cube(noisy, AXIS, name="noisy"), Cube(clean, AXIS, name="clean")))
    return found


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def widget(viewer, qtbot):
    widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Train")[1]
    widget.recipe = BRIEF
    yield widget
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def trained(qtbot, widget):
    widget.train()
    qtbot.waitUntil(lambda: widget.model is not None and not widget.panel.running, timeout=60_000)
    return widget.model


def weights(model):
    return list(model.network.state_dict().values())


def test_folders_teach_what_their_layers_would(qtbot, widget, viewer, pairs, tmp_path):
    """Files of two folders are paired by their names, whatever their order on the disk."""
    for number in (2, 0, 1):
        for role, cube in zip(("noisy", "clean"), pairs[number], strict=True):
            (tmp_path / role).mkdir(exist_ok=True)
            write(tmp_path / role / f"cell{number}.npz", cube)
    widget.choose_files(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    shown = widget.form.files.table
    assert [shown.item(row, 0).text() for row in range(3)] != []
    assert all("cell1" in shown.item(1, column).text() for column in (0, 1))
    by_files = trained(qtbot, widget)
    examples = [BRIEF.example(noisy=noisy, clean=clean) for noisy, clean in pairs]
    by_hand = fit(BRIEF, examples, machine=Machine(device="cpu", threads=1))
    assert all(map(torch.equal, weights(by_files), weights(by_hand)))


def test_what_names_leave_open_is_said_before_training(widget, pairs, tmp_path):
    for role, count in (("noisy", 2), ("clean", 3)):
        (tmp_path / role).mkdir()
        for number in range(count):
            write(tmp_path / role / f"cell{number}.npz", pairs[number][0])
    widget.choose_files(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    assert "cell2" in widget.form.files._message.text()
    assert not widget.form.files.table.isVisibleTo(widget)
    widget.train()
    assert "cell2" in widget.panel.status.text()
    assert not widget.panel.running


def test_whole_images_are_learned_with_a_word_each(qtbot, widget, viewer, pairs):
    widget.recipe = BRIEF.model_copy(
        update={"task": ClassifyImages(), "training": Training(epochs=1, validation=0)}
    )
    layers = [add(viewer, noisy) for noisy, _ in pairs]
    words = ("cell", "tissue", "cell")
    widget.choose(
        *({"image": layer, "label": word} for layer, word in zip(layers, words, strict=True))
    )
    assert trained(qtbot, widget).card.classes == ("cell", "tissue")
    with pytest.raises(ValueError, match="'label' is a text, not a layer"):
        widget.choose(image=layers[0], label=layers[1])


def test_the_preview_shows_what_training_is_shown_first(qtbot, widget, viewer, pairs):
    for cube in pairs[0]:
        add(viewer, cube)
    widget.recipe = BRIEF.model_copy(
        update={
            "preprocessing": Chain.model_validate(chain_of_preprocessing({"background": "minimum"}))
        }
    )
    widget.preview()
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and not widget.panel.running, timeout=20_000)
    input = viewer.layers["input"].data
    assert input.shape == (12, 1, 16)
    assert np.allclose(input.min(axis=0), 0)


def test_a_preset_fills_the_form(widget):
    row = next(i for i, preset in enumerate(PRESETS) if preset.recipe.task.kind == "segment")
    widget["preset"].value = PRESETS[row]
    assert widget.recipe == PRESETS[row].recipe
    assert PRESETS[row].title in widget.panel.status.text()
    assert widget["preset"].value is PRESETS[row]
    widget["epochs"].value += 1
    assert widget["preset"].value is None, "it is another experiment now"


def test_training_starts_from_the_model_chosen(qtbot, widget, viewer, pairs, tmp_path):
    widget.choose(**{cube.name: add(viewer, cube) for cube in pairs[0]})
    first = trained(qtbot, widget)
    path = first.save(tmp_path / "first.safetensors")
    widget.start = path
    assert "first.safetensors (denoise, pixelwise" in widget.form.start_model.text
    widget._model = None
    second = trained(qtbot, widget)
    assert second.card.started_from
    examples = [BRIEF.example(noisy=pairs[0][0], clean=pairs[0][1])]
    machine = Machine(device="cpu", threads=1)
    by_hand = fit(BRIEF, examples, machine=machine, start=first)
    assert all(map(torch.equal, weights(second), weights(by_hand)))
    widget.start = None
    assert widget.form.start_model.text == ""


def test_what_cannot_fit_is_said_before_training(qtbot, widget, viewer, pairs, monkeypatch):
    for cube in pairs[0]:
        add(viewer, cube)
    qtbot.waitUntil(lambda: "GB on cpu" in widget.summary, timeout=5_000)
    monkeypatch.setattr("napari_hyperspectral.training.memory.free_bytes", lambda _: 2**20)
    widget.recipe = BRIEF.model_copy(update={"training": Training(epochs=4)})
    qtbot.waitUntil(lambda: "this training needs about" in widget.summary, timeout=5_000)


def test_names_of_classes_typed_into_the_table_are_those_of_the_model(qtbot, widget, viewer, pairs):
    cube = add(viewer, pairs[0][0])
    painted = viewer.add_labels(np.repeat([[1, 1, 0, 0, 2, 2]], 9, axis=0), name="labels")
    widget.recipe = BRIEF.model_copy(
        update={"task": Segment(), "training": Training(epochs=1, validation=0)}
    )
    widget.choose(cube=cube, labels=painted)
    assert widget.form.classes.layer.name == "labels"
    widget.form.classes.item(1, 1).setText("stroma")
    assert trained(qtbot, widget).card.classes == ("class 1", "stroma")
    widget.recipe = BRIEF
    assert widget.form.classes.isHidden()


def test_settings_that_do_nothing_beside_the_others_are_grey(widget):
    def alive(part, name):
        return part[name].enabled

    training = widget.form.training
    assert not alive(training, "patch_size")
    assert "one spectrum at a time" in training["patch_size"].tooltip
    assert not alive(training, "every")
    training["schedule"].value = "step"
    assert alive(training, "every")
    widget.recipe = BRIEF.model_copy(update={"method": UNet.smallest()})
    assert alive(training, "patch_size")
    assert not alive(training, "batch_size")
    assert alive(widget.form.method.form, "upsampling")
    widget.form.method.form["depth"].value = 0
    assert not alive(widget.form.method.form, "upsampling")
    assert widget.recipe.method.depth == 0


def test_what_to_freeze_is_grey_until_training_starts_from_a_model(widget, pairs, tmp_path):
    frozen = widget.form.training["frozen"]
    assert not frozen.enabled
    noisy, clean = pairs[0]
    example = BRIEF.example(noisy=noisy, clean=clean)
    begun = fit(BRIEF, [example], machine=Machine(device="cpu", threads=1))
    widget.start = begun.save(tmp_path / "begun.safetensors")
    assert frozen.enabled
    widget.start = None
    assert "from scratch" in frozen.tooltip


def test_labels_that_are_missing_are_made_by_a_button(viewer, widget, pairs):
    cube, _clean = pairs[0]
    data, attributes, _kind = to_layer(cube)
    layer = viewer.add_image(data, **attributes)
    widget.recipe = Recipe(task=Segment(), method=Pixelwise())
    examples = widget.form.examples
    button = examples.labels_button.native
    assert not button.isHidden()
    with pytest.raises(ValueError, match="make labels for the cube first"):
        _ = examples.images
    button.click()
    assert viewer.layers[-1].data.shape == layer.data.shape[1:]
    assert viewer.layers[-1] in examples.layers[0].values()
    assert button.isHidden(), "there is nothing left to make"
