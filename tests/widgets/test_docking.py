"""Where docks go when they are opened, on a small screen."""

from importlib.resources import files

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QWidget

import napari_hyperspectral
from napari_hyperspectral._napari import commands
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.layers import to_layer

PLUGIN = "napari-hyperspectral"
SMALL_SCREEN = (1366, 768)
NARROW, LOW = 360, 480
"""What a dock may ask for at least, in pixels."""


def display_names():
    manifest = PluginManifest.from_file(files(napari_hyperspectral).joinpath("napari.yaml"))
    return [widget.display_name for widget in manifest.contributions.widgets]


@pytest.fixture
def viewer(make_napari_viewer, rng):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*SMALL_SCREEN)
    axis = SpectralAxis(np.linspace(500, 600, 6), "nm")
    cube = Cube(rng.uniform(1, 9, (6, 5, 7)).astype(np.float32), axis, name="cube of a long name")
    data, attributes, _kind = to_layer(cube)
    viewer.add_image(data, **attributes)
    return viewer


def least_size(widget):
    hint = getattr(widget, "native", widget).minimumSizeHint()
    return hint.width(), hint.height()


def docks_of(viewer):
    """Return the open docks of a viewer by their names."""
    docks = {}
    for dock in viewer.window._qt_window.findChildren(QDockWidget):
        docks[dock.windowTitle().split(" (")[0]] = dock
    return docks


def show_all(dock):
    """Show what a dock shows only after a job."""
    for name in ("tabs", "card", "_plot", "_notes", "_clean"):
        part = getattr(dock, name, None)
        if isinstance(part, QWidget):
            part.setVisible(True)


def test_no_dock_outgrows_a_small_screen_and_all_but_the_plot_are_tabs(viewer, qtbot):
    docks = {}
    for name in display_names():  # in one viewer, as each takes seconds
        docks[name], widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        qtbot.wait(50)
        show_all(widget)
        qtbot.wait(50)
        width, height = least_size(widget)
        assert width <= NARROW, (name, width)
        assert height <= LOW, (name, height)
    plot = docks.pop("Spectrum")
    main = plot.parent()
    *others, last = docks.values()
    qtbot.waitUntil(lambda: set(main.tabifiedDockWidgets(last)) == set(others), timeout=5000)
    assert main.dockWidgetArea(plot) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert last.isVisible(), "the last one is in front"
    qtbot.waitUntil(lambda: main.height() <= SMALL_SCREEN[1], timeout=5000)
    assert main.width() <= SMALL_SCREEN[0]


def test_a_workspace_is_opened_by_one_command(viewer, qtbot):
    commands.open_workspace()
    main = viewer.window._qt_window
    docks = viewer.window.dock_widgets
    opened = {name.split(" (")[0] for name in docks}
    assert {"Spectrum", "Components", "Train", "Predict"} <= opened
    assert opened - {"Spectrum", "Components", "Train", "Predict"} <= {"Prepare"}
    others = [docks_of(viewer)[name] for name in ("Train", "Predict")]
    front = docks_of(viewer)["Components"]
    qtbot.waitUntil(lambda: set(main.tabifiedDockWidgets(front)) >= set(others), timeout=5000)
    qtbot.waitUntil(lambda: main.height() <= SMALL_SCREEN[1], timeout=5000)
    commands.open_workspace()
    assert set(viewer.window.dock_widgets) == set(docks), "the docks that are open stay"
