"""What the plugin does inside napari, on real viewers."""

import threading
import warnings
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QTimer

import napari_hyperspectral
from napari_hyperspectral import ChannelAxis, Cube, SpectralAxis, samples
from napari_hyperspectral._napari import commands, readers, reading
from napari_hyperspectral._napari.paths import without_companions
from napari_hyperspectral._napari.writers import LayerNotWrittenError
from napari_hyperspectral.cube import describe
from napari_hyperspectral.io import read, read_labels, write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.progress import Progress

PLUGIN = "napari-hyperspectral"
MANIFEST = Path(napari_hyperspectral.__file__).with_name("napari.yaml")


@pytest.fixture
def viewer(make_napari_viewer, npe2pm_):
    npe2pm_.register(PluginManifest.from_file(MANIFEST))
    return make_napari_viewer()


@pytest.fixture
def npe2pm_(npe2pm):
    """The plugins of a test: napari's own, and us."""
    npe2pm.register(PluginManifest.from_distribution("napari"))
    return npe2pm


def test_the_manifest_is_valid_and_every_name_in_it_leads_somewhere():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == PLUGIN


@pytest.mark.parametrize("name", ["a.hdr", "a.npz", "a.ome.tif", "a.tif", "a.mat", "a.zarr"])
def test_a_saved_layer_opens_as_the_cube_it_was(viewer, cube, tmp_path, name):
    data, attributes, _ = to_layer(replace(cube, metadata={}))
    layer = viewer.add_image(data, **attributes)
    assert layer.save(tmp_path / name, plugin=PLUGIN) == [str(tmp_path / name)]
    (opened,) = viewer.open(tmp_path / name, plugin=PLUGIN)
    back = from_layer(*opened.as_layer_data_tuple())
    assert np.array_equal(back.data, cube.data)
    assert back.axis == cube.axis
    assert (back.pixel_size, back.origin, back.pixel_unit) == (
        cube.pixel_size,
        cube.origin,
        cube.pixel_unit,
    )
    assert back.history == cube.history


def test_saved_labels_keep_their_classes(viewer, labels, tmp_path):
    data, attributes, _ = to_layer(labels)
    viewer.add_labels(data, **attributes).save(tmp_path / "l.npz", plugin=PLUGIN)
    back = read_labels(tmp_path / "l.npz")
    assert (back.classes, back.pixel_size) == (labels.classes, labels.pixel_size)
    (layer,) = viewer.open(tmp_path / "l.npz", plugin=PLUGIN)
    assert np.array_equal(layer.data, labels.data)


def test_saving_again_replaces_the_file_as_napari_has_asked(viewer, cube, tmp_path):
    data, attributes, _ = to_layer(cube)
    layer = viewer.add_image(data, **attributes)
    layer.save(tmp_path / "a.npz", plugin=PLUGIN)
    layer.data = layer.data * 2
    layer.save(tmp_path / "a.npz", plugin=PLUGIN)
    assert np.array_equal(read(tmp_path / "a.npz").data, cube.data * 2)


def test_why_a_layer_cannot_be_written_reaches_the_person(viewer, cube, tmp_path):
    layer = viewer.add_image(cube.data.astype(np.int64) * 2**40)
    with pytest.raises(LayerNotWrittenError, match="int64"):
        layer.save(tmp_path / "a.tif", plugin=PLUGIN)
    assert not list(tmp_path.iterdir())


def test_an_array_of_a_file_is_named_after_two_colons(viewer, tmp_path, rng):
    low, high = rng.normal(size=(2, 5, 7, 4))
    np.savez(tmp_path / "pair.npz", low=low, high=high)
    (layer,) = viewer.open(f"{_address(tmp_path)}/pair.npz::high@yxb", plugin=PLUGIN)
    assert np.array_equal(layer.data, np.moveaxis(high, -1, 0))


def test_an_array_deep_in_a_file_is_named_by_its_groups(viewer, tmp_path, rng):
    data = rng.normal(size=(5, 7, 4))
    with h5py.File(tmp_path / "a b.h5", "w") as file:
        file["scan/one/data"], file["scan/two/data"] = data, data + 1
    (layer,) = viewer.open(f"{_address(tmp_path)}/a%20b.h5::scan/two/data@yxb", plugin=PLUGIN)
    assert np.array_equal(layer.data, np.moveaxis(data + 1, -1, 0))


def test_several_images_of_a_file_become_several_layers(viewer, tmp_path, rng):
    a, b = (rng.normal(size=(6, 5, 7)).astype(np.float32) for _ in range(2))
    tifffile.imwrite(tmp_path / "a.tif", a)
    tifffile.imwrite(tmp_path / "b.tif", b)
    layers = viewer.open([tmp_path / "a.tif", tmp_path / "b.tif"], plugin=PLUGIN)
    assert [np.array_equal(layer.data, data) for layer, data in zip(layers, (a, b))] == [True] * 2


def test_what_had_to_be_guessed_is_said(tmp_path, rng, monkeypatch):
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", told.append)
    np.save(tmp_path / "a.npy", rng.normal(size=(5, 7, 40)))
    ((data, _, kind),) = readers.get_reader(str(tmp_path / "a.npy"))(str(tmp_path / "a.npy"))
    assert (data.ndim, kind) == (3, "image")
    assert told


def test_a_broken_file_says_in_one_sentence_what_is_wrong(viewer, tmp_path):
    (tmp_path / "a.hdr").write_text("ENVI\nsamples = 3\nlines = 4\nbands = 5\ndata type = 4\n")
    with pytest.raises(ValueError, match=r"^a\.hdr: "):
        viewer.open(tmp_path / "a.hdr", plugin=PLUGIN)
    assert not viewer.layers


def test_folders_that_hold_no_images_are_left_to_others(tmp_path, cube):
    (tmp_path / "notes.txt").write_text("…")
    assert readers.get_reader(str(tmp_path)) is None
    write(tmp_path / "a.zarr", cube)
    assert readers.get_reader(str(tmp_path / "a.zarr")) is not None
    (tmp_path / "bands").mkdir()
    tifffile.imwrite(tmp_path / "bands" / "b_1.tif", np.zeros((4, 5), np.uint8))
    assert readers.get_reader(str(tmp_path / "bands")) is not None


def test_tables_of_napari_itself_are_left_to_napari(viewer, tmp_path):
    viewer.add_points(np.arange(6).reshape(3, 2)).save(tmp_path / "points.csv")
    viewer.add_shapes([np.arange(8).reshape(4, 2)]).save(tmp_path / "shapes.csv")
    (tmp_path / "spectra.csv").write_text("wavelength,a,b\n400,1,2\n410,3,4\n")
    ours = [p.name for p in tmp_path.glob("*.csv") if readers.get_reader(str(p)) is not None]
    assert ours == ["spectra.csv"]


def test_folders_named_like_our_stores_are_ours_even_if_they_are_damaged(tmp_path):
    (tmp_path / "a.zspy").mkdir()
    assert readers.get_reader(str(tmp_path / "a.zspy")) is not None
    assert readers.get_reader(str(tmp_path / "nowhere")) is not None, "reading says so"


@pytest.mark.parametrize("order", [("a.hdr", "a.img"), ("a.img", "a.hdr")])
def test_a_header_dropped_with_its_data_is_one_cube(viewer, cube, tmp_path, order):
    write(tmp_path / "a.hdr", cube)
    write(tmp_path / "b.hdr", cube)
    together = [tmp_path / name for name in (*order, "b.img")]
    assert len(viewer.open(together, plugin=PLUGIN)) == 2
    for name in order:
        assert len(viewer.open(tmp_path / name, plugin=PLUGIN)) == 1, "alone either will do"


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        (
            ["/d/a.imzML", "/d/a.ibd", "/d/b.ibd", "/e/a.ibd"],
            ["/d/a.imzML", "/d/b.ibd", "/e/a.ibd"],
        ),
        (["/d/a.raw", "/d/a.rpl"], ["/d/a.rpl"]),
        (["/d/a.img.hdr", "/d/a.img", "/d/scan.hdr", "/d/scan"], ["/d/a.img.hdr", "/d/scan.hdr"]),
        (["/d/a.HDR", "/d/a.IMG", "/d/a.tif"], ["/d/a.HDR", "/d/a.tif"]),
        (["/d/a.tif", "/d/a.tif"], ["/d/a.tif"]),
    ],
)
def test_data_follow_their_header(paths, left):
    assert without_companions(paths, paths) == left


@pytest.fixture
def slow(monkeypatch, cube):
    """Files that take until the event is set, and then are a cube, or raise what is in `error`."""
    control = SimpleNamespace(go=Event(), error=None, told=[])

    def read_slowly(path, *, on_guess, watch):
        for done in range(10_000):
            watch(Progress(done, 10_000))
            if control.go.wait(0.005):
                break
        on_guess("guessed the layout")
        warnings.warn(f"{path}: doubtful", stacklevel=2)
        if control.error:
            raise control.error
        return [cube, cube]

    monkeypatch.setattr(reading, "read_all", read_slowly)
    monkeypatch.setattr(readers, "_WAIT_S", 0.05)
    for name in ("show_warning", "show_error"):
        monkeypatch.setattr(f"napari.utils.notifications.{name}", control.told.append)
    yield control
    control.go.set()


def bars():
    from napari.utils import progress

    return [bar for bar in progress._all_instances if bar.desc.startswith("reading")]


def soon(do):
    """Do something while napari waits for a file, as soon as its progress bar shows how far it is."""

    def try_again():
        shows_progress = any(bar.total for bar in bars())
        QTimer.singleShot(50, do if shows_progress else try_again)

    try_again()


def test_what_takes_long_is_read_while_the_window_goes_on(viewer, slow, tmp_path):
    path = tmp_path / "a.wdf"
    path.touch()
    seen = []

    def look():
        seen.extend((bar.desc, bar.total) for bar in bars())
        slow.go.set()

    soon(look)
    opened = viewer.open(path, plugin=PLUGIN)
    assert seen == [("reading a.wdf", 10_000)]
    assert opened == list(viewer.layers)
    assert len(opened) == 2, "a script has its layers when it goes on"
    assert opened[0].source.path == str(path)
    assert slow.told[-1] == "guessed the layout"
    assert not bars()


def test_a_long_reading_can_be_cancelled(viewer, slow, tmp_path):
    (tmp_path / "a.wdf").touch()
    soon(lambda: bars()[0].cancel())
    assert viewer.open(tmp_path / "a.wdf", plugin=PLUGIN) == []
    assert (len(viewer.layers), slow.told) == (0, [])
    assert not bars()


@pytest.mark.parametrize("error", [ValueError("a.wdf: ends early"), RuntimeError("no idea")])
@pytest.mark.filterwarnings("ignore:.*doubtful")
def test_why_a_long_reading_failed_is_raised_like_that_of_a_short_one(
    viewer, slow, tmp_path, error
):
    (tmp_path / "a.wdf").touch()
    slow.error = error
    soon(slow.go.set)
    with pytest.raises(type(error), match=str(error)):
        viewer.open(tmp_path / "a.wdf", plugin=PLUGIN)
    assert not viewer.layers
    assert not bars()


def test_closing_the_viewer_ends_a_long_reading(viewer, slow, tmp_path, qtbot):
    (tmp_path / "a.wdf").touch()
    soon(viewer.close)
    assert viewer.open(tmp_path / "a.wdf", plugin=PLUGIN) == []
    assert not bars()
    qtbot.waitUntil(
        lambda: not any(t.name.startswith("reading") for t in threading.enumerate()), timeout=5000
    )


def test_without_a_viewer_reading_waits_for_the_end(slow, tmp_path):
    slow.go.set()
    with pytest.warns(UserWarning, match="doubtful"):
        assert len(readers.read_layers(str(tmp_path / "a.wdf"))) == 2


def text_on(viewer):
    overlay = viewer.canvas.overlays.text
    return overlay.text if overlay.visible else ""


def test_the_first_picture_shows_the_sample(viewer, tmp_path, rng):
    data = rng.normal(100, 30, (12, 40, 50))
    data[7, 10:30, 10:30] += 300
    axis = SpectralAxis(np.linspace(600, 1800, 12), "1/cm", "raman_shift")
    write(tmp_path / "map.npz", Cube(data.astype(np.float32), axis))
    (layer,) = viewer.open(tmp_path / "map.npz", plugin=PLUGIN)
    assert viewer.dims.current_step[0] == 7
    assert layer.contrast_limits[1] > 300
    assert layer.colormap.name == "viridis"
    assert text_on(viewer) == "1363.6 cm⁻¹ (band 8/12)", "also without any dock"
    viewer.dims.set_current_step(0, 0)
    assert text_on(viewer) == "600.0 cm⁻¹ (band 1/12)"
    viewer.open(tmp_path / "map.npz", plugin=PLUGIN)
    assert viewer.dims.current_step[0] == 0, "a person has chosen this band"
    viewer.layers.clear()
    assert text_on(viewer) == ""
    viewer.canvas.overlays.text.text = "of somebody else"
    viewer.canvas.overlays.text.visible = True
    viewer.open(tmp_path / "map.npz", plugin=PLUGIN)
    assert text_on(viewer) == "of somebody else"


def test_visible_wavelengths_are_shown_in_true_colours_until_another_band_is_looked_at(
    viewer, tmp_path, rng, qtbot
):
    axis = SpectralAxis(np.arange(400.0, 701, 20), "nm")
    scene = Cube(rng.uniform(size=(16, 30, 20)), axis, pixel_size=(2.0, 2.0), pixel_unit="um")
    write(tmp_path / "scene.npz", scene)
    (cube,) = viewer.open(tmp_path / "scene.npz", plugin=PLUGIN)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=5000)
    picture = viewer.layers[1]
    assert picture.rgb
    assert np.array_equal(picture.extent.world, cube.extent.world[:, 1:])
    assert viewer.layers.selection.active is cube
    assert text_on(viewer) == f"{cube.name} · true colour"
    viewer.dims.set_current_step(0, 3)
    assert not picture.visible
    assert text_on(viewer) == "460.0 nm (band 4/16)"
    picture.visible = True
    viewer.dims.set_current_step(0, 4)
    assert picture.visible, "who shows it again wants it"


def test_the_total_ion_current_lies_on_top_of_mass_spectra(
    viewer, tmp_path, rng, monkeypatch, qtbot
):
    masses = SpectralAxis(np.arange(100.0, 112), "m/z")
    spectra = Cube(rng.poisson(3, (12, 9, 8)).astype(np.float32), masses, name="tissue")
    current = Cube(spectra.data.sum(0)[None], ChannelAxis(("total ion current",)), name="current")
    monkeypatch.setattr(reading, "read_all", lambda *_, **__: [current, spectra])
    (tmp_path / "a.npz").touch()
    viewer.open(tmp_path / "a.npz", plugin=PLUGIN)
    below, above = viewer.layers
    assert (below.name, above.name) == ("tissue", "current")
    assert above.visible
    qtbot.waitUntil(lambda: viewer.layers.selection.active is below, timeout=5000)
    assert text_on(viewer) == "current"
    viewer.dims.set_current_step(0, 0)
    assert text_on(viewer) == "m/z 100.0 (band 1/12)"


@pytest.mark.parametrize("key", ["raman_cell", "land_scene"])
def test_samples_open_from_the_menu(viewer, key):
    viewer.open_sample(PLUGIN, key)
    expected = getattr(samples, key)()
    shown = [from_layer(*layer.as_layer_data_tuple()) for layer in viewer.layers]
    assert sorted(image.name for image in shown) == sorted(image.name for image in expected)
    for image in expected:
        (same,) = (each for each in shown if each.name == image.name)
        assert describe(same) == describe(image)


def test_labels_for_this_cube_lie_on_it(viewer, cube):
    data, attributes, _ = to_layer(cube)
    layer = viewer.add_image(data, **attributes)
    commands.add_labels_for_cube()
    made = viewer.layers[-1]
    assert made.data.shape == cube.shape[1:]
    assert np.array_equal(made.scale, layer.scale[1:])
    assert np.array_equal(made.translate, layer.translate[1:])
    assert made.units == layer.units[1:]


def test_without_a_cube_there_are_no_labels_but_a_word(viewer, monkeypatch):
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", told.append)
    commands.add_labels_for_cube()
    viewer.add_points(np.zeros((2, 3)), name="dots")
    commands.add_labels_for_cube()
    assert len(viewer.layers) == 1
    assert "Select the layer of a cube" in told[0]
    assert "'dots' is a points layer" in told[1]


def test_labels_of_a_stack_can_be_painted_on_any_band(viewer, stack):
    data, attributes, _ = to_layer(stack)
    layer = viewer.add_image(data, **attributes)
    commands.add_labels_for_cube()
    made = viewer.layers[-1]
    for band in range(6):
        viewer.dims.set_current_step(2, band)
        viewer.dims.set_current_step(1, 2)
        world = layer.data_to_world((1, 2, band, 3, 4))
        assert tuple(round(v) for v in made.world_to_data(world)) == (1, 2, 0, 3, 4)
    made.paint((0, 1, 0, 3, 4), 3)
    assert viewer.dims.nsteps[2] == 6


def test_files_that_napari_would_open_without_an_axis_can_be_made_ours(viewer, tmp_path, cube):
    from napari.settings import get_settings

    plugins = get_settings().plugins
    plugins.extension2reader = {"*.fake": "somebody"}
    commands.prefer_this_plugin()
    assert plugins.extension2reader["*.fake"] == "somebody"
    for pattern in [
        "*.tif",
        "*.npy",
        "*.npz",
        "*.csv",
        "*.lsm",
        "*.seq",
        "*.hdr",
        "*.img",
        "*.raw",
        "*.h5",
        "*.zarr/",
    ]:
        assert plugins.extension2reader[pattern] == PLUGIN
    write(tmp_path / "a.tif", replace(cube, metadata={}))
    (layer,) = viewer.open(tmp_path / "a.tif", plugin=None)
    assert from_layer(*layer.as_layer_data_tuple()).axis == cube.axis


def test_menus_lead_to_the_docks(viewer):
    (spectrum,) = (
        widget
        for widget in PluginManager.instance().get_manifest(PLUGIN).contributions.widgets
        if widget.display_name == "Spectrum"
    )
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Spectrum")
    assert type(widget) is spectrum.get_callable()
    assert "Spectrum" in dock.name


def test_our_preferences_make_the_machine(viewer):
    from napari_hyperspectral.machine import Machine
    from napari_hyperspectral.widgets.preferences import preferred_machine

    (group,) = PluginManifest.from_file(MANIFEST).contributions.configurations.values()
    assert set(group.properties) == set(Machine.model_fields)
    assert preferred_machine() == Machine()


def _address(folder):
    return f"file://localhost{folder.as_uri().removeprefix('file://')}"
