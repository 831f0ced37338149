"""Every dock of the manifest is set through magicgui's interface, and each setting arrives."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    FileEdit,
    FloatSlider,
    FunctionGui,
    LineEdit,
    SpinBox,
    TupleEdit,
)
from magicgui.widgets import Select as SelectBox
from npe2 import PluginManifest

import napari_hyperspectral
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.layers import from_layer, labels_for, to_layer
from napari_hyperspectral.spectra.axes import ConvertAxis
from napari_hyperspectral.spectra.steps.chain import STEPS, Chain
from napari_hyperspectral.widgets.dock import Dock
from napari_hyperspectral.widgets.forms.chain_form import ChainForm
from napari_hyperspectral.widgets.forms.examples import ExampleList
from napari_hyperspectral.widgets.forms.fields import ListLine, OptionalEdit
from napari_hyperspectral.widgets.forms.file_choice import FileChoice, PlaceEdit
from napari_hyperspectral.widgets.forms.form import Chooser, Form
from napari_hyperspectral.widgets.forms.model_choice import ModelEdit
from napari_hyperspectral.widgets.forms.numbers import FloatEdit
from napari_hyperspectral.widgets.forms.source_files import FileList, SourceFiles

PLUGIN = "napari-hyperspectral"


def display_names():
    manifest = PluginManifest.from_file(files(napari_hyperspectral).joinpath("napari.yaml"))
    return [widget.display_name for widget in manifest.contributions.widgets]


@pytest.fixture
def cube(rng):
    axis = SpectralAxis(np.linspace(500, 600, 6), "nm")
    return Cube(rng.uniform(1, 9, (6, 5, 7)).astype(np.float32), axis, name="cube")


@pytest.fixture
def viewer(make_napari_viewer_proxy, cube):
    viewer = make_napari_viewer_proxy()
    for image in (cube, replace(cube, name="other"), labels_for(cube)):
        data, attributes, kind = to_layer(image)
        getattr(viewer, f"add_{kind}")(data, **attributes)
    viewer.add_points(np.zeros((3, 2)))
    return viewer


def opened(viewer, name):
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]


def another(field, folder):
    """Return another legal value of a widget."""
    match field:
        case CheckBox():
            return not field.value
        case SpinBox() | FloatEdit() | FloatSlider():
            now = field.value
            legal = (
                new for new in (now + 1, now - 1, now / 2, 0.5) if field.min <= new <= field.max
            )
            return next(new for new in legal if new != now)
        case ComboBox():
            return next((choice for choice in field.choices if choice != field.value), field.value)
        case SelectBox():
            return list(field.choices)[:1]
        case ListLine():
            return (1.0, 2.0) if field._item is float else ("one=1", "two=2")
        case TupleEdit():
            return tuple(another(inner, folder) for inner in field)
        case OptionalEdit():
            return another(field.inner, folder) if field.value is None else None
        case PlaceEdit() | FileList() | LineEdit():
            return [str(folder)] if isinstance(field, FileList) else str(folder)
        case FileEdit():
            return folder
        case _:
            raise AssertionError(f"how is {field} set?")


def settings_of(widget):
    """Yield every widget of a single setting in a widget: of a chooser, those of all its classes."""
    match widget:
        case Chooser():
            for kind in widget.kinds:
                widget["kind"].value = kind
                yield from settings_of(widget.form)
        case Form():
            yield from widget.fields.values()
        case ExampleList() | FileChoice() | SourceFiles() | FunctionGui():
            for inside in widget._list:
                if inside.name and inside.name != "call_button":
                    yield from settings_of(inside)
        case ChainForm():
            widget.value = Chain.model_validate([kind() for kind in STEPS])
            for step in widget.forms:
                yield step.switch
                yield from settings_of(step.form)
        case ModelEdit():  # takes the file of a model: see test_predict
            return
        case _ if hasattr(widget, "value"):
            yield widget
        case _:
            for inside in widget:
                yield from settings_of(inside)


def test_all_settings_of_every_dock_are_set_and_told_through_magicgui(viewer, tmp_path):
    for name in display_names():  # in one viewer, as each takes seconds
        dock = opened(viewer, name)
        assert isinstance(dock, Dock | FunctionGui), name
        heard = []
        dock.changed.connect(heard.append)
        count = 0
        for part in list(dock.values) if isinstance(dock, Dock) else [dock]:
            for field in settings_of(part):
                value = another(field, tmp_path)
                if value == field.value:  # the only choice
                    continue
                heard.clear()
                field.value = value
                assert field.value == value, (name, field)
                assert heard or value is None, (name, field)
                count += 1
        assert count, name
        dock.reset_choices()


def test_settings_are_found_by_their_names_in_a_dock(viewer):
    dock = opened(viewer, "Train")
    dock["epochs"].value = 7
    assert dock.recipe.training.epochs == 7
    assert dock["training.epochs"] is dock["epochs"]
    assert dock.task.value == dock.recipe.task
    assert dock.asdict()["training"].epochs == 7
    with pytest.raises(KeyError, match=r"several .* 'kind'.*task.kind, method.kind"):
        dock["kind"]
    with pytest.raises(KeyError, match="no widget called 'epoch'"):
        dock["epoch"]
    with pytest.raises(AttributeError, match="epoch"):
        _ = dock.epoch


def test_tools_make_layers_of_the_cube_that_is_chosen(viewer, cube):
    band = opened(viewer, "Band map")
    viewer.layers["other"].name = "renamed"
    band["cube"].value = viewer.layers["renamed"]
    band["at"].value = 540.0
    band["call_button"].native.click()
    np.testing.assert_array_equal(viewer.layers[-1].data, cube.data[2])
    viewer.layers["renamed"].name = "again"
    assert band["cube"].value.name == "again"

    rgb = opened(viewer, "RGB of three bands")
    assert [rgb[name].value for name in ("red", "green", "blue")] == [583.33, 550.0, 516.67]
    rgb(cube=viewer.layers["cube"])
    assert viewer.layers[-1].rgb
    np.testing.assert_allclose(viewer.layers[-1].data[..., 0].max(), 255)

    opened(viewer, "Labels for a cube")(cube=viewer.layers["cube"])
    assert viewer.layers[-1].data.shape[-2:] == (5, 7)
    assert viewer.layers[-1].name == "cube labels [1]", "those painted before stay"

    convert = opened(viewer, "Convert axis")
    convert["step"].value = ConvertAxis(quantity="wavelength (um)")
    convert(cube=viewer.layers["cube"])
    axis = from_layer(*viewer.layers["cube"].as_layer_data_tuple()).axis
    np.testing.assert_allclose(axis.centres, cube.axis.centres / 1000)


def test_a_tool_says_what_it_cannot_do(viewer, monkeypatch):
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.tools.show_error", told.append)
    count = len(viewer.layers)
    opened(viewer, "Band map")(cube=viewer.layers["cube"], at=9999.0)
    assert "no band lies at 9999" in told[0]
    assert len(viewer.layers) == count
