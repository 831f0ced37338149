"""What every format owes to the docks: its layers are explored, whatever class their arrays have."""

from fnmatch import fnmatch
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from napari.utils.notifications import NotificationSeverity, notification_manager

from napari_hyperspectral.io import FORMATS, write
from napari_hyperspectral.layers import axis_in_metadata

PLUGIN = "napari-hyperspectral"
MADE = [form for form in FORMATS if form.writer]
MEASURED = [form for form in FORMATS if not form.writer]
SMALL = 400_000
"""Bytes of a measured file that is opened here."""


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def docks(viewer):
    opened = {}
    for name in ("Spectrum", "Components"):
        _dock, opened[name] = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    return SimpleNamespace(spectrum=opened["Spectrum"], components=opened["Components"])


def explore(viewer, docks, path, qtbot):
    """Open a file; move over it, pin a spectrum, change the band, choose it to be taken apart."""
    viewer.layers.clear()
    viewer.open(str(path), plugin=PLUGIN)
    cubes = [layer for layer in viewer.layers if axis_in_metadata(layer.metadata) is not None]
    for cube in cubes:
        viewer.layers.selection.active = cube
        middle = [(low + high) / 2 for low, high in np.asarray(cube.extent.world).T]
        docks.spectrum.show_point(tuple(middle))
        docks.spectrum.pin(tuple(middle))
        docks.spectrum.refresh()
        docks.spectrum.choose_band_near(docks.spectrum.plot.positions[-1])
        docks.spectrum.refresh()
        assert docks.spectrum.curves, path
        docks.spectrum.clear_pins()
        docks.components.choose(cube)
    qtbot.wait(1)
    return cubes


def errors():
    """Return the messages of errors that napari showed."""
    severe = NotificationSeverity.ERROR
    return [note.message for note in notification_manager.records if note.severity >= severe]


def small_files(folder):
    """Return the small files in a folder, the smallest first; none that are damaged on purpose."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and "damaged" not in path.parts and path.stat().st_size < SMALL:
            found.append((path.stat().st_size, path))
    return [path for _size, path in sorted(found)]


def first_of(form, paths):
    """Return the first file that has a name such as a format has; None where there is none."""
    for path in paths:
        if any(fnmatch(path.name.lower(), pattern) for pattern in form.patterns):
            return path
    return None


def test_files_of_every_format_that_is_written_are_explored(viewer, docks, cube, tmp_path, qtbot):
    notification_manager.records.clear()
    for form in MADE:  # in one viewer, as each takes seconds
        folder = tmp_path / form.name.replace(" ", "-")
        folder.mkdir()
        pattern = (form.writes or form.patterns)[0].rstrip("/")
        path = folder / pattern.replace("*", "scan 1")
        write(path, cube, format=form.name)
        assert explore(viewer, docks, path, qtbot), form.name
        assert errors() == [], form.name


@pytest.mark.slow
def test_measured_files_of_other_formats_are_explored(viewer, docks, data_folder, qtbot):
    notification_manager.records.clear()
    count = 0
    paths = small_files(data_folder)
    for form in MEASURED:
        path = first_of(form, paths)
        if path is None:
            continue
        explore(viewer, docks, path, qtbot)
        assert errors() == [], path.name
        count += 1
    if not count:
        pytest.skip("no small measured files")
