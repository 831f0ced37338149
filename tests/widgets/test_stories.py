"""Whole stories of people at the window, by mouse and keyboard: from a file to a picture of it."""

import csv

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_hyperspectral import samples
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import read
from napari_hyperspectral.layers import to_layer
from napari_hyperspectral.spectra.ranges.range_map import RangeMap, range_map

from .by_hand import Hand

PLUGIN = "napari-hyperspectral"


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    return viewer


@pytest.fixture
def hand(viewer):
    return Hand(viewer)


def opened(viewer, path, qtbot):
    """Open a file as from the menu, and the Spectrum dock; return the layers and the dock."""
    layers = viewer.open(path, plugin=PLUGIN)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Spectrum")
    qtbot.wait(300)  # the window arranges it
    return layers, dock


def hover(hand, dock, layer, y, x, qtbot):
    """Point at a pixel until its spectrum is shown; return that."""
    dock.curves = []
    hand.point_at(layer, y, x)
    qtbot.waitUntil(lambda: bool(dock.curves), timeout=5000)
    return dock.curves[0]


def click(dock, text):
    buttons = [button for button in dock.findChildren(QPushButton) if button.text() == text]
    buttons[0].click()


def choose(dock, text):
    """Choose an entry of the dock's menu."""
    actions = dock.tools.menu_button.menu().actions()
    next(action for action in actions if action.text() == text).trigger()


def mapped(dock, text, qtbot):
    """Wait for a map whose name has a text; return its layer."""
    qtbot.waitUntil(lambda: dock.ranges.map.layer is not None, timeout=10_000)
    qtbot.waitUntil(lambda: text in dock.ranges.map.layer.name, timeout=10_000)
    return dock.ranges.map.layer


def drag_range(hand, dock, low, high, qtbot):
    """Drag both ends of the range that is shown to other places."""
    (_start, end), *_others = dock.ranges.ranges
    hand.drag_in_plot(dock, end, high)
    (start, _end), *_others = dock.ranges.ranges
    hand.drag_in_plot(dock, start, low)
    (start, end), *_others = dock.ranges.ranges
    tolerance = (high - low) / 5  # a pixel of the screen is some units of the axis
    assert start == pytest.approx(low, abs=tolerance)
    assert end == pytest.approx(high, abs=tolerance)
    return start, end


def test_a_raman_map_becomes_maps_and_a_table(
    data_folder, viewer, hand, qtbot, tmp_path, monkeypatch
):
    path = data_folder / "raman_thp1" / "thp1_map001_L5.mat"
    (layer,), dock = opened(viewer, path, qtbot)
    cube = read(path)
    # the first picture has structure in it
    shown = cube.data[viewer.dims.current_step[0]]
    low, high = layer.contrast_limits
    assert np.mean((shown > low) & (shown < high)) > 0.9
    # look, and pin
    curve = hover(hand, dock, layer, 24, 22, qtbot)
    assert np.allclose(curve.y, cube.data[:, 24, 22])
    hand.click(layer, 2, 3)
    qtbot.waitUntil(lambda: any(curve.kind == "pin" for curve in dock.curves), timeout=5000)
    assert any(np.allclose(curve.y, cube.data[:, 2, 3]) for curve in dock.curves)
    # drag a range, and keep its map
    hand.press(Qt.Key.Key_R)
    assert dock.ranges.mode == "range"
    start, end = drag_range(hand, dock, 1420, 1480, qtbot)
    kept = mapped(dock, "cm⁻¹", qtbot)
    want = range_map(cube, RangeMap(start=start, end=end)).data[0]
    qtbot.waitUntil(lambda: np.allclose(kept.data, want, rtol=1e-4), timeout=10_000)
    click(dock, "Keep")
    # three ranges as colours
    hand.press(Qt.Key.Key_G)
    picture = mapped(dock, "RGB", qtbot)
    assert picture.rgb
    assert kept in viewer.layers
    hand.press(Qt.Key.Key_G)
    assert picture not in viewer.layers
    # choose a band in the plot
    hand.click_in_plot(dock, 1450)
    band = viewer.dims.current_step[0]
    assert cube.axis.centres[band] == pytest.approx(1450, abs=6)
    # save what is shown
    table = tmp_path / "spectra.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(table), ""))
    choose(dock, "Save spectra…")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["Spectrum"] for row in rows}) == len(dock.curves)
    assert len(rows) == 500 * len(dock.curves)


def test_a_mass_spectrometry_image_shows_its_tissue_and_the_image_of_a_peak(
    data_folder, viewer, hand, qtbot
):
    path = data_folder / "msi_tissue" / "tissue.imzML"
    (cube, survey), dock = opened(viewer, path, qtbot)
    assert survey.visible
    assert list(viewer.layers) == [cube, survey]
    qtbot.waitUntil(lambda: viewer.layers.selection.active == cube, timeout=5000)
    measured = np.argwhere(np.asarray(survey.data).squeeze() > 0)
    y, x = measured[len(measured) // 2].tolist()
    curve = hover(hand, dock, cube, y, x, qtbot)
    assert np.nanmax(curve.y) > 0
    hand.press(Qt.Key.Key_R)
    peak = float(curve.x[np.nanargmax(curve.y)])
    dock["measure"].value = "mean"
    dock["above_line"].value = False
    dock.ranges.set_ranges([(peak - 1, peak + 1)])
    image = mapped(dock, "m/z", qtbot)
    qtbot.waitUntil(lambda: np.nanmax(image.data) > 0, timeout=10_000)
    assert image.data.shape == survey.data.shape[-2:]


def test_a_stack_of_srs_images_is_plotted_over_its_wavenumbers(data_folder, viewer, hand, qtbot):
    path = data_folder / "srs_prm" / "prm_srs_130x130x72.npz"
    (layer,), dock = opened(viewer, path, qtbot)
    cube = read(path)
    curve = hover(hand, dock, layer, 60, 65, qtbot)
    assert np.allclose(curve.y, cube.data[:, 60, 65])
    hand.press(Qt.Key.Key_P)
    hover(hand, dock, layer, 20, 30, qtbot)
    hand.press(Qt.Key.Key_P)
    assert len(dock.pins) == 2
    qtbot.waitUntil(lambda: len(dock.curves) == 3, timeout=5000)
    dock.unit.value = next(choice for choice in dock.unit.choices if "nm" in choice)
    qtbot.waitUntil(lambda: "nm" in dock.axis.title, timeout=5000)
    hand.press(Qt.Key.Key_R)
    assert "cm⁻¹" in mapped(dock, "–", qtbot).name, "maps are named in the unit of the cube"


def test_each_class_has_its_curve_and_a_stroke_changes_it(viewer, hand, qtbot):
    scene, classes = samples.land_scene()
    data, attributes, _ = to_layer(scene)
    cube = viewer.add_image(data, **attributes)
    data, attributes, _ = to_layer(classes)
    painted = viewer.add_labels(data, **attributes)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Spectrum")
    numbers = [number for number in np.unique(classes.data).tolist() if number]

    def regions():
        return [curve for curve in dock.curves if curve.kind == "region"]

    def exact():
        return len(regions()) == len(numbers) and "about" not in str([c.name for c in regions()])

    qtbot.waitUntil(exact, timeout=20_000)
    for number, curve in zip(numbers, regions(), strict=True):
        there = scene.data[:, classes.data == number]
        assert np.allclose(curve.y[scene.axis.good], there.mean(1)[scene.axis.good], rtol=1e-4)
        red, green, blue = (255 * painted.get_color(number)[:3]).astype(int)
        assert curve.colour == f"#{red:02x}{green:02x}{blue:02x}"
    before = int((classes.data == numbers[0]).sum())
    viewer.layers.selection.active = painted
    painted.mode, painted.selected_label, painted.brush_size = "paint", numbers[0], 10
    hand.stroke(cube, (10, 10), (30, 40))
    count = int((painted.data == numbers[0]).sum())
    assert count > before
    qtbot.waitUntil(lambda: f"({count} px)" in regions()[0].name, timeout=20_000)


@pytest.mark.slow
def test_a_large_file_is_explored_without_reading_all_of_it(tmp_path, viewer, hand, qtbot):
    side, bands = 512, 1000
    axis = SpectralAxis(np.linspace(500, 1800, bands), "1/cm", "raman_shift")
    path = large_envi(tmp_path / "map.hdr", side, axis)
    (layer,), dock = opened(viewer, path, qtbot)
    assert not isinstance(layer.data, np.ndarray) or isinstance(layer.data, np.memmap)
    curve = hover(hand, dock, layer, 300, 200, qtbot)
    assert np.array_equal(curve.y, np.asarray(layer.data[:, 300, 200]))
    region = viewer.add_shapes([np.array([(50, 50), (50, 350), (350, 350), (350, 50)])])
    qtbot.waitUntil(lambda: "(90000 px)" in str([c.name for c in dock.curves]), timeout=60_000)
    viewer.layers.remove(region)
    hand.press(Qt.Key.Key_R)
    drag_range(hand, dock, 1000, 1100, qtbot)
    image = mapped(dock, "cm⁻¹", qtbot)
    assert image.data.shape == (side, side)


def large_envi(path, side, axis):
    """Write an ENVI file, line by line."""
    rng = np.random.default_rng(0)
    line = rng.integers(50, 1000, (len(axis), side), dtype=np.uint16)
    with path.with_suffix(".raw").open("wb") as file:
        for number in range(side):
            file.write((line + number % 7).astype("<u2").tobytes())
    centres = ", ".join(f"{centre:.2f}" for centre in axis.centres)
    path.write_text(
        f"ENVI\nsamples = {side}\nlines = {side}\nbands = {len(axis)}\ndata type = 12\n"
        "interleave = bil\nbyte order = 0\nheader offset = 0\n"
        f"wavelength units = Wavenumber\nwavelength = {{{centres}}}\n"
    )
    return path
