"""What the spectrum dock shows, on real viewers."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.layers import from_layer, labels_layer, to_layer
from napari_hyperspectral.picture.band_text import BandText
from napari_hyperspectral.widgets.explore import saving
from napari_hyperspectral.widgets.explore.events import LAYER_EVENTS
from napari_hyperspectral.widgets.spectrum import SpectrumWidget


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot):
    widget = SpectrumWidget(viewer)
    qtbot.addWidget(widget)
    return widget


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def hover(viewer, dock, position):
    event = SimpleNamespace(position=position, type="mouse_move")
    for callback in viewer.mouse_move_callbacks:
        if getattr(callback, "__self__", None) is dock:
            callback(viewer, event)
    dock.refresh()


def overlay(viewer):
    return viewer.canvas.overlays.text


def expected(cube, *index):
    return np.where(cube.axis.good, cube.data[index], np.nan)


def test_the_spectrum_under_the_cursor_is_that_of_the_pixel_there(viewer, dock, cube):
    add(viewer, cube)  # pixels of 0.5 × 0.25 µm, the first at (10, -3.5)
    hover(viewer, dock, (0, 10 + 3 * 0.5 + 0.2, -3.5 + 5 * 0.25 - 0.1))
    (curve,) = dock.curves
    assert curve.name == "cell"
    assert np.array_equal(curve.x, cube.axis.centres)
    assert np.array_equal(curve.y, expected(cube, slice(None), 3, 5), equal_nan=True)


def test_bands_that_all_have_one_wavelength_are_plotted_one_after_the_other(viewer, dock, cube):
    bands = len(cube.axis)
    add(viewer, replace(cube, axis=SpectralAxis([513.342] * bands, "nm", bad=cube.axis.bad)))
    hover(viewer, dock, (0, 10, -3.5))
    (curve,) = dock.curves
    assert curve.x.tolist() == list(range(bands))
    assert np.array_equal(curve.y, expected(cube, slice(None), 0, 0), equal_nan=True)


def test_outside_the_cube_there_is_no_spectrum(viewer, dock, cube):
    add(viewer, cube)
    hover(viewer, dock, (0, 9.7, -3.5))
    assert dock.curves == []


def test_units_of_other_layers_do_not_move_the_pixel(viewer, dock, cube):
    add(viewer, cube)
    add(viewer, replace(cube, pixel_unit="nm", pixel_size=(500, 250), origin=(10e3, -3.5e3)))
    layer = viewer.layers[0]
    world = layer.data_to_world((0, 3, 5))
    hover(viewer, dock, world)
    assert np.array_equal(dock.curves[0].y, expected(cube, slice(None), 3, 5), equal_nan=True)


def test_the_plane_and_frame_shown_are_those_of_the_spectrum(viewer, dock, stack):
    layer = add(viewer, stack)
    viewer.dims.set_point(range(2), layer.data_to_world((1, 2, 0, 0, 0))[:2])
    hover(viewer, dock, layer.data_to_world((1, 2, 0, 4, 6)))
    y = expected(stack, 1, 2, slice(None), 4, 6)
    assert np.array_equal(dock.curves[0].y, y, equal_nan=True)


def test_cubes_that_share_an_axis_are_compared_and_others_left_out(viewer, dock, cube, rng):
    other = Cube(rng.normal(size=(3, 5, 7)), SpectralAxis([1, 2, 3], "nm"))
    add(viewer, other)
    add(viewer, replace(cube, name="noisy"))
    add(viewer, replace(cube, name="clean"))
    hover(viewer, dock, (0, 10, -3.5))
    assert [curve.name for curve in dock.curves] == ["clean", "noisy"], "the topmost first"
    assert len({curve.colour for curve in dock.curves}) == 2
    viewer.layers["clean"].visible = False
    dock.refresh()
    assert [curve.name for curve in dock.curves] == ["noisy"]


def test_the_band_is_named_on_the_image(viewer, dock, cube):
    add(viewer, cube)
    viewer.dims.set_current_step(0, 3)
    dock.refresh()
    assert overlay(viewer).text == "520.7 cm⁻¹ (band 4/6)"
    assert overlay(viewer).visible
    dock.named.value = False
    dock.refresh()
    assert not overlay(viewer).visible


def test_choosing_a_position_in_the_plot_moves_the_slider_to_the_nearest_band(viewer, dock, cube):
    add(viewer, cube)
    for value, band in ((600.0, 5), (522.0, 3), (0.0, 0)):
        dock.choose_band_near(value)
        assert viewer.dims.current_step[0] == band


def test_a_click_in_the_plot_moves_the_slider(viewer, dock, cube, qtbot):
    from qtpy.QtCore import QPointF, Qt

    add(viewer, cube)
    dock.refresh()
    box = dock.plot.getPlotItem().getViewBox()
    box.setRange(xRange=(500, 610), yRange=(0, 1), padding=0)
    click = SimpleNamespace(
        button=lambda: Qt.MouseButton.LeftButton,
        double=lambda: False,
        scenePos=lambda: box.mapViewToScene(QPointF(532, 0.5)),
    )
    dock.plot.scene().sigMouseClicked.emit(click)
    assert viewer.dims.current_step[0] == 4


def test_a_drawn_region_has_the_mean_of_its_pixels(viewer, dock, cube):
    add(viewer, cube)
    box = np.array([(0.5, 1.5), (0.5, 4.5), (3.5, 4.5), (3.5, 1.5)])
    viewer.add_shapes(
        [box], shape_type="rectangle", scale=cube.pixel_size, translate=cube.origin, name="roi"
    )
    dock.show_regions()
    (curve,) = dock.curves
    inside = cube.data[:, 1:4, 2:5].reshape(6, -1)
    good = cube.axis.good
    assert curve.name == "cell · roi (9 px)"
    assert curve.y[good] == pytest.approx(inside.mean(axis=1)[good])
    assert curve.sd == pytest.approx(inside.std(axis=1), rel=1e-5)


def test_every_class_of_labels_has_the_mean_of_its_pixels_in_its_colour(viewer, dock, cube, labels):
    add(viewer, cube)
    layer = add(viewer, labels)
    layer.selected_label = 2
    dock.show_regions()
    numbers = [number for number in np.unique(labels.data).tolist() if number]
    assert len(dock.curves) == len(numbers) > 1
    good = cube.axis.good
    for number, curve in zip(numbers, dock.curves, strict=True):
        pixels = cube.data[:, labels.data == number]
        assert curve.name == f"cell · {labels.classes[number - 1]} ({pixels.shape[1]} px)"
        assert curve.y[good] == pytest.approx(pixels.mean(axis=1)[good])
        assert curve.sd == pytest.approx(pixels.std(axis=1), rel=1e-4)
        colour = 255 * layer.get_color(number)[:3]
        assert curve.colour == "#{:02x}{:02x}{:02x}".format(*colour.astype(int))


def test_regions_of_several_cubes_are_those_of_the_selected_one_first(viewer, dock, cube, labels):
    add(viewer, replace(cube, name="raw"))
    smooth = add(viewer, replace(cube, name="smooth", data=cube.data / 2))
    add(viewer, labels)
    viewer.layers.selection.active = smooth
    dock.show_regions()
    count = len(np.unique(labels.data)) - 1
    assert [curve.name.split(" · ")[0] for curve in dock.curves] == [
        *["smooth"] * count,
        *["raw"] * count,
    ]
    assert [curve.faint for curve in dock.curves] == [False] * count + [True] * count


def test_regions_are_computed_in_a_worker_a_few_pixels_first(viewer, cube, rng, qtbot, monkeypatch):
    data = rng.normal(size=(6, 60, 60)).astype(np.float32)
    add(viewer, Cube(data, cube.axis, name="large"))
    painted = viewer.add_labels(np.ones((60, 60), np.uint8), name="all")
    dock = SpectrumWidget(viewer)
    qtbot.addWidget(dock)
    shown = []
    dock._means.computed.connect(shown.append)
    dock.show()
    qtbot.waitUntil(lambda: len(shown) == 2, timeout=5000)
    (sampled,), (exact,) = shown
    assert sampled.spectra.pixels < 1000
    assert exact.spectra.pixels == 3600
    assert dock.curves[0].y[0] == pytest.approx(data[0].mean(), abs=1e-6)
    painted.paint((30, 30), 2)
    qtbot.waitUntil(lambda: len(dock.curves) == 2, timeout=5000)


def test_a_hidden_dock_reads_nothing(viewer, cube, labels, qtbot):
    read = []

    class File:
        shape, dtype, ndim, size = cube.shape, cube.data.dtype, 3, cube.data.size

        def __getitem__(self, key):
            read.append(key)
            return cube.data[key]

    dock = SpectrumWidget(viewer)
    qtbot.addWidget(dock)
    _, attributes, _ = to_layer(cube)
    viewer.add_image(File(), **attributes)
    painted = add(viewer, labels)
    read.clear()
    event = SimpleNamespace(position=(0, 10, -3.5), type="mouse_move")
    dock.on_mouse_move(viewer, event)
    dock.on_change()
    painted.paint((1, 1), 1)
    qtbot.wait(300)
    assert read == []
    dock.show()
    qtbot.waitUntil(lambda: len(dock.curves) > 1, timeout=5000)
    assert read


def test_labels_painted_on_one_plane_of_a_stack_have_its_spectra(viewer, dock, stack):
    from napari.layers import Layer

    add(viewer, stack)
    data, attributes, kind = labels_layer(stack)
    data[1, 2, 0, :2, :3] = 1
    viewer.add_layer(Layer.create(data, attributes, kind))
    viewer.dims.set_point(range(2), viewer.layers[0].data_to_world((1, 2, 0, 0, 0))[:2])
    dock.refresh()
    dock.show_regions()
    good = stack.axis.good
    want = stack.data[1, 2, :, :2, :3].reshape(6, -1).mean(axis=1)
    assert dock.curves[0].y[good] == pytest.approx(want[good])


def test_pins_stay_until_they_are_cleared(viewer, dock, cube):
    layer = add(viewer, cube)
    dock.pin(tuple(layer.data_to_world((0, 1, 2))))
    dock.refresh()
    assert [curve.name for curve in dock.curves] == ["cell · ① (1, 2)"]
    hover(viewer, dock, layer.data_to_world((0, 4, 6)))
    assert [curve.kind for curve in dock.curves] == ["cursor", "pin"]
    dock.clear_pins()
    dock.refresh()
    assert [curve.kind for curve in dock.curves] == ["cursor"]


def test_pins_are_points_that_are_deleted_and_moved_one_by_one(viewer, dock, cube):
    layer = add(viewer, cube)
    for column in (2, 3, 4):
        dock.pin(tuple(layer.data_to_world((0, 1, column))))
    dock.refresh()
    assert viewer.layers.selection.active is layer, "people go on with their cube"
    pins = viewer.layers["pins"]
    assert pins.features["pin"].tolist() == [1, 2, 3]
    assert np.allclose(pins.data, [(1, 2), (1, 3), (1, 4)])
    assert np.allclose(pins.extent.world[0], layer.data_to_world((0, 1, 2))[1:])
    names = [curve.name for curve in dock.curves]
    colours = [curve.colour for curve in dock.curves]
    assert names == ["cell · ① (1, 2)", "cell · ② (1, 3)", "cell · ③ (1, 4)"]
    assert len(set(colours)) == 3
    pins.selected_data = {1}
    pins.remove_selected()
    dock.refresh()
    assert [curve.name for curve in dock.curves] == ["cell · ① (1, 2)", "cell · ② (1, 4)"]
    assert pins.features["pin"].tolist() == [1, 2]
    pins.data = [(3, 0), (1, 4)]
    dock.refresh()
    assert dock.curves[0].name == "cell · ① (3, 0)"
    assert np.array_equal(dock.curves[0].y, expected(cube, slice(None), 3, 0), equal_nan=True)


def test_copied_spectra_are_a_table(viewer, dock, cube, qapp):
    layer = add(viewer, cube)
    hover(viewer, dock, layer.data_to_world((0, 4, 6)))
    dock.copy()
    head, *rows = qapp.clipboard().text().splitlines()
    assert head.split("\t")[:2] == ["Spectrum", "Raman shift (cm⁻¹)"]
    assert len(rows) == 6
    assert float(rows[3].split("\t")[2]) == pytest.approx(cube.data[3, 4, 6])


def test_saved_spectra_are_a_table_that_is_never_overwritten_unasked(viewer, dock, cube, tmp_path):
    layer = add(viewer, replace(cube, name="cell, live"))
    with pytest.raises(ValueError, match="no spectrum is shown"):
        dock.save_spectra(tmp_path / "spectra.csv")
    dock.show_point(layer.data_to_world((0, 4, 6)))
    path = dock.save_spectra(tmp_path / "spectra.csv")
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["Spectrum", "Raman shift (cm⁻¹)", "Intensity", "Standard deviation"]
    assert [row[0] for row in rows] == ["cell, live"] * 6
    assert [float(row[1]) for row in rows] == pytest.approx(list(cube.axis.centres))
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"spectra\.csv exists already"):
        dock.save_spectra(path)
    assert path.read_text() == "precious"


def test_a_suffix_added_to_a_chosen_name_overwrites_nothing(
    viewer, dock, cube, tmp_path, monkeypatch
):
    layer = add(viewer, cube)
    dock.show_point(layer.data_to_world((0, 4, 6)))
    (tmp_path / "mine.csv").write_text("precious")
    complaints = []
    monkeypatch.setattr(saving, "show_error", complaints.append)
    monkeypatch.setattr(
        saving.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), "")
    )
    actions = dock.tools.menu_button.menu().actions()
    save = next(action for action in actions if action.text() == "Save spectra…")
    save.trigger()
    assert (tmp_path / "mine.csv").read_text() == "precious"
    assert complaints == ["not saved: mine.csv exists already; choose another name"]
    (tmp_path / "mine.csv").unlink()
    save.trigger()
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8").startswith("Spectrum,Raman shift")


def test_scripts_see_what_is_drawn(viewer, dock, cube, labels):
    layer = add(viewer, cube)
    dock.show_point(layer.data_to_world((0, 4, 6)))
    x, y = dock.spectra["cell"]
    assert np.array_equal(x, cube.axis.centres)
    assert np.array_equal(y, expected(cube, slice(None), 4, 6), equal_nan=True)
    add(viewer, labels)
    dock.show_regions()
    assert next(iter(dock.spectra)) == "cell"
    assert "cell · lipid droplet (6 px)" in dock.spectra


def test_cubes_on_another_axis_are_named_as_left_out(viewer, dock, cube, rng):
    add(viewer, Cube(rng.normal(size=(3, 5, 7)), SpectralAxis([1, 2, 3], "nm"), name="land"))
    add(viewer, cube)
    dock.refresh()
    assert "is another: land." in dock._hint.text()
    viewer.layers.remove(viewer.layers["land"])
    dock.refresh()
    assert "Not shown" not in dock._hint.text()


def test_spectra_are_shown_in_another_unit_and_so_are_those_of_other_cubes(viewer, dock, cube, rng):
    nanometres = 1e7 / (1e7 / cube.axis.excitation_nm - cube.axis.centres)
    add(viewer, replace(cube, axis=SpectralAxis(nanometres, "nm"), name="emission"))
    raman = add(viewer, cube)
    dock.show_point(raman.data_to_world((0, 3, 5)))
    assert set(dock.spectra) == {"cell"}, "the laser line of the other is not known"
    dock.choose_unit("wavelength (nm)")
    dock.refresh()
    assert dock.spectra["cell"][0] == pytest.approx(nanometres)
    assert dock.spectra["emission"][0] == pytest.approx(nanometres)
    dock.reset_choices()  # as napari does where layers change
    assert dock["unit"].value == "wavelength (nm)"
    dock.choose_band_near(nanometres[4])
    assert viewer.dims.current_step[0] == 4
    assert from_layer(*raman.as_layer_data_tuple()).axis == cube.axis, "the cube keeps its axis"
    with pytest.raises(ValueError, match="m/z"):
        dock.choose_unit("m/z")


def test_the_plot_is_saved_as_a_picture(viewer, dock, cube, tmp_path):
    layer = add(viewer, cube)
    dock.show_point(layer.data_to_world((0, 3, 5)))
    dock.save_picture(tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text()
    dock.save_picture(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"neither \.png nor \.svg"):
        dock.save_picture(tmp_path / "plot.jpg")


def test_channels_are_named_below_the_plot(viewer, dock, cube, rng):
    add(viewer, Cube(rng.normal(size=(2, 5, 7)), ChannelAxis(("DAPI", "actin")), name="stains"))
    dock.refresh()
    bottom = dock.plot.getAxis("bottom")
    assert [name for _, name in bottom._tickLevels[0]] == ["DAPI", "actin"]


def test_a_region_is_read_once_for_all_bands_and_anew_for_each_plane(
    viewer, dock, stack, monkeypatch
):
    layer = add(viewer, stack)
    _, y, x = stack.shape[-3:]
    box = np.array([(0, 0), (0, x), (y, x), (y, 0)]) * stack.pixel_size + stack.origin
    viewer.add_shapes([box], shape_type="rectangle")
    dock.refresh()
    dock.show_regions()
    read = []
    monkeypatch.setattr(dock, "_start_means", lambda: read.append(viewer.dims.current_step[:2]))
    for band in (1, 2, 3):
        viewer.dims.set_current_step(2, band)
        dock.refresh()
    assert read == []
    viewer.dims.set_point(range(2), layer.data_to_world((1, 2, 0, 0, 0))[:2])
    dock.refresh()
    assert read == [(1, 2)]


def test_the_dock_works_through_the_proxy_that_plugins_get(make_napari_viewer_proxy, qtbot, cube):
    viewer = make_napari_viewer_proxy()
    dock = SpectrumWidget(viewer)
    qtbot.addWidget(dock)
    add(viewer, cube)
    layer = viewer.layers[0]
    for column in (2, 5):
        dock.show_point(layer.data_to_world((0, 3, column)))
        y = expected(cube, slice(None), 3, column)
        assert np.array_equal(dock.spectra["cell"][1], y, equal_nan=True)
    dock.choose_band_near(522.0)
    dock.refresh()
    assert overlay(viewer).text == "520.7 cm⁻¹ (band 4/6)"


def test_closing_the_dock_in_napari_leaves_nothing_behind(viewer, cube):
    layer = add(viewer, cube)
    BandText.of(viewer)  # stays: the band is named without docks, too
    before = _listeners(viewer, layer)
    for _ in range(2):
        dock, widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Spectrum")
        widget.refresh()
        dock.destroyOnClose()  # the × of the dock
        assert widget.parent() is None
        assert _listeners(viewer, layer) == before
        assert "cm⁻¹" in overlay(viewer).text


def _listeners(viewer, layer):
    """Return how many listen to the viewer and a layer, emitter by emitter."""
    emitters = [
        viewer.dims.events.current_step,
        viewer.dims.events.ndisplay,
        viewer.layers.selection.events.changed,
        *(getattr(viewer.layers.events, name) for name in ("inserted", "removed", "reordered")),
        *(getattr(layer.events, name) for name in LAYER_EVENTS if name in layer.events.emitters),
    ]
    callbacks = (viewer.mouse_move_callbacks, viewer.mouse_drag_callbacks)
    return [len(each) for each in (*callbacks, *(e.callbacks for e in emitters))]


def test_layers_come_go_and_change_their_names(viewer, dock, cube):
    first, second = add(viewer, cube), add(viewer, replace(cube, name="second"))
    hover(viewer, dock, (0, 10, -3.5))
    viewer.layers.remove(first)
    second.name = "renamed"
    dock.refresh()
    assert [curve.name for curve in dock.curves] == ["renamed"]
    viewer.layers.clear()
    dock.refresh()
    assert dock.curves == []
    assert not overlay(viewer).visible


def test_what_is_no_cube_does_no_harm(viewer, dock, labels):
    viewer.add_image(np.zeros((20, 30)))
    viewer.add_points(np.zeros((2, 2)))
    add(viewer, labels)
    hover(viewer, dock, (1.0, 2.0))
    dock.choose_band_near(500)
    assert dock.curves == []
    viewer.add_image(np.arange(2 * 20 * 30).reshape(2, 20, 30), name="foreign")
    hover(viewer, dock, (0, 1.0, 2.0))
    assert [curve.y.tolist() for curve in dock.curves] == [[32.0, 632.0]]


def test_only_one_pixel_is_read_under_the_cursor(viewer, dock, cube):
    read = []

    class File:
        shape, dtype, ndim, size = cube.shape, cube.data.dtype, 3, cube.data.size

        def __getitem__(self, key):
            read.append(key)
            return cube.data[key]

    _, attributes, _ = to_layer(cube)
    viewer.add_image(File(), **attributes)
    dock.refresh()
    read.clear()
    hover(viewer, dock, (0, 10.5, -3))
    assert read == [(slice(None), 1, 2)]


def test_a_closed_dock_leaves_the_viewer_as_it_was(viewer, cube, qtbot):
    overlay(viewer).text, overlay(viewer).visible = "mine", True
    widget = SpectrumWidget(viewer)
    layer = add(viewer, cube)
    widget.refresh()
    before = len(viewer.mouse_move_callbacks)
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()
    assert len(viewer.mouse_move_callbacks) == before - 1
    assert (overlay(viewer).text, overlay(viewer).visible) == ("mine", True)
    layer.name = "still here"
    viewer.dims.set_current_step(0, 2)
    viewer.layers.remove(layer)
