"""Where docks go when they are opened, on a small screen."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

PLUGIN = "napari-hyperspectral"
DOCKS = ("Spectrum", "Axis", "Components", "Place", "Train", "Predict")
SMALL_SCREEN = (1366, 768)


@pytest.fixture
def window(make_napari_viewer, npe2pm_):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*SMALL_SCREEN)
    return viewer.window


def test_the_plot_goes_to_the_bottom_and_others_become_tabs_of_a_window_that_does_not_grow(
    window, qtbot
):
    docks = {}
    for name in DOCKS[:4]:
        docks[name], _ = window.add_plugin_dock_widget(PLUGIN, name)
        qtbot.wait(50)
    main = docks["Spectrum"].parent()
    assert main.dockWidgetArea(docks["Spectrum"]) == Qt.DockWidgetArea.BottomDockWidgetArea
    tabs = set(main.tabifiedDockWidgets(docks["Place"]))
    assert tabs == {docks["Axis"], docks["Components"]}
    assert docks["Place"].isVisible(), "the last one is in front"
    assert (main.width(), main.height()) <= SMALL_SCREEN
    docks["Axis"].setFloating(True)
    docks["Axis"].setFloating(False)
    assert isinstance(docks["Axis"], QDockWidget)
