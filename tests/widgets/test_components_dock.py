"""The Components dock: maps lie where their cube lies, and say how far they agree."""

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.spectra.clusters.methods import KMeans
from napari_hyperspectral.spectra.components import Unmixing
from napari_hyperspectral.spectra.decomposition.directions import Directions
from napari_hyperspectral.widgets.spectrum import SpectrumWidget


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def dock(viewer, qtbot):
    widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Components")[1]
    yield widget
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)


@pytest.fixture
def complaints(monkeypatch):
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", told.append)
    return told


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


@pytest.fixture
def cell(rng):
    axis = SpectralAxis(np.linspace(400, 700, 16), "nm")
    pure = np.exp(-(((axis.centres - np.array([[450], [550], [650]])) / 60) ** 2))
    shares = rng.dirichlet([1, 1, 1], (6, 8))
    data = np.einsum("yxm,mb->byx", shares, pure).astype(np.float32)
    return Cube(data, axis, pixel_size=(0.5, 0.25), origin=(10, -3.5), pixel_unit="um", name="cell")


def test_components_come_as_layers_that_lie_on_the_cube(viewer, dock, qtbot, cell):
    layer = add(viewer, cell)
    dim = add(viewer, cell.after("dimmed", data=0.5 * cell.data, name="dim"))
    dock.choose(layer, dim)
    dock.settings = Unmixing(count=3)
    dock.panel.start_button.click()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    assert [layer.name for layer in dock.results] == [
        "cell components",
        "cell component classes", "cell abundances", "cell composite",
        "dim component classes", "dim abundances", "dim composite",
    ]  # fmt: skip
    for made in dock.results[1:]:
        np.testing.assert_allclose(made.scale[-2:], (0.5, 0.25))
        np.testing.assert_allclose(made.translate[-2:], (10, -3.5))
    picture = dock.results[3]
    assert picture.rgb
    assert picture.visible
    assert "dim: 100.0% of the pixels have the same component" in dock._words.text()
    assert from_layer(*dock.results[2].as_layer_data_tuple()).axis.names[0] == "component 1"


def test_the_spectrum_dock_shows_the_pure_spectra_above_the_map(viewer, dock, qtbot, cell):
    dock.choose(add(viewer, cell))
    dock.settings = Unmixing(count=3)
    dock.search()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    spectra = SpectrumWidget(viewer)
    qtbot.addWidget(spectra)
    strip = dock.results[0]
    spectra.show_point(tuple(strip.data_to_world((0, 0, 2))))
    x, y = spectra.spectra["cell components"]
    np.testing.assert_array_equal(x, cell.axis.centres)
    np.testing.assert_array_equal(y, dock.components.spectra.data[:, 0, 2])
    assert "cell" not in spectra.spectra  # the strip covers no pixel of the cube


@pytest.mark.parametrize(
    ("settings", "layers", "spectra"),
    [
        (Directions(count=2), {"cell scores"}, 2),
        (KMeans(clusters=3), {"cell clusters"}, 3),
    ],
)
def test_directions_and_clusters_are_found_by_the_same_button(
    viewer, dock, qtbot, cell, settings, layers, spectra
):
    dock.choose(add(viewer, cell))
    dock.settings = settings
    dock.panel.start_button.click()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    assert len(dock.results) == len(layers)
    assert all(layer.visible for layer in dock.results)
    assert dock.found.spectra.shape[-1] == spectra
    assert len(dock.found.names) == spectra


def test_the_first_direction_is_in_sight_whatever_band_was_shown(viewer, dock, qtbot, cell):
    dock.choose(add(viewer, cell))
    viewer.dims.set_current_step(0, 12)
    dock.settings = Directions(count=3)
    dock.search()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    assert viewer.dims.current_step[0] == 0
    assert np.isfinite(dock.results[0].get_value((0, 3, 4), world=False))


def test_the_number_of_components_is_suggested_and_filled_in(viewer, dock, qtbot, rng):
    axis = SpectralAxis(np.linspace(400, 700, 40), "nm")
    pure = np.exp(-(((axis.centres - np.array([[450], [550], [650]])) / 40) ** 2))
    y, x = np.mgrid[:24, :24] / 24
    shares = np.stack([y * x, (1 - y) * x, 1 - x])
    data = np.einsum("myx,mb->byx", shares, pure) + rng.normal(0, 0.005, (40, 24, 24))
    dock.choose(add(viewer, Cube(data.astype(np.float32), axis, name="mixed")))
    dock.suggest()
    qtbot.waitUntil(lambda: dock.settings.count == 3, timeout=20_000)
    assert dock.panel.status.text().startswith("3: ")


def test_cosmic_rays_among_components_are_told_and_removed_by_a_button(viewer, dock, qtbot, rng):
    axis = SpectralAxis(np.linspace(600, 1800, 200), "1/cm", "raman_shift")
    peaks = [np.exp(-(((axis.centres - at) / 40) ** 2)) for at in (900, 1450)]
    shares = rng.uniform(0, 100, (2, 12, 12))
    data = np.einsum("myx,mb->byx", shares, np.stack(peaks)) + rng.normal(0, 1, (200, 12, 12))
    data[60, 5, 6] += 20_000
    layer = add(viewer, Cube(data.astype(np.float32), axis, name="struck"))
    dock.choose(layer)
    dock.settings = Unmixing(count=3)
    dock.search()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    assert "is a spike at" in dock._words.text()
    assert not dock._clean.isHidden()
    dock._clean.click()
    clean = "struck · without cosmic rays"
    qtbot.waitUntil(lambda: dock.cube.value.name == clean, timeout=20_000)
    assert float(np.max(dock.cube.value.data)) < 1000
    assert dock._clean.isHidden()


def test_components_are_matched_with_the_spectra_of_files(viewer, dock, qtbot, cell, tmp_path):
    dock.choose(add(viewer, cell))
    with pytest.raises(ValueError, match="find components first"):
        dock.match([])
    dock.settings = Unmixing(count=3)
    dock.search()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    pure = dock.found.spectra.spectra()
    write(tmp_path / "second.npz", Cube.from_spectra(pure[1:2], cell.axis))
    write(tmp_path / "others.npz", Cube.from_spectra(pure[[0, 2]], cell.axis))
    paths = [str(tmp_path / name) for name in ("second.npz", "others.npz")]
    names = dock.match(paths)
    assert names[1].startswith("second")
    assert names[0].startswith("others")
    assert "component 2: second" in dock._words.text()


def test_without_a_cube_nothing_can_be_found(dock, complaints):
    assert not dock.panel.start_button.isEnabled()
    dock.search()
    assert "choose a cube" in complaints[0]


def test_what_cannot_be_compared_is_refused_with_the_reason(viewer, dock, qtbot, cell, complaints):
    other = Cube(np.ones((4, 6, 8), np.float32), SpectralAxis.index(4), name="unknown")
    dock.choose(add(viewer, cell), add(viewer, other))
    dock.search()
    qtbot.waitUntil(lambda: bool(complaints), timeout=20_000)
    assert "one quantity and unit" in complaints[0]
