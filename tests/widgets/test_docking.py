"""Where docks go when they are opened, on a small screen."""

import pytest
from qtpy.QtCore import Qt

PLUGIN = "napari-hyperspectral"
SMALL_SCREEN = (1366, 768)


@pytest.fixture
def window(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*SMALL_SCREEN)
    return viewer.window


def test_the_plot_goes_to_the_bottom_and_others_become_tabs_of_a_window_that_does_not_grow(
    window, qtbot
):
    docks = {}
    for name in ("Spectrum", "Axis", "Convert axis", "Place"):
        docks[name], _ = window.add_plugin_dock_widget(PLUGIN, name)
        qtbot.wait(50)
    main = docks["Spectrum"].parent()
    others = {docks["Axis"], docks["Convert axis"]}
    qtbot.waitUntil(lambda: set(main.tabifiedDockWidgets(docks["Place"])) == others, timeout=5000)
    assert main.dockWidgetArea(docks["Spectrum"]) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert docks["Place"].isVisible(), "the last one is in front"
    qtbot.waitUntil(lambda: main.height() <= SMALL_SCREEN[1], timeout=5000)
    assert main.width() <= SMALL_SCREEN[0]
