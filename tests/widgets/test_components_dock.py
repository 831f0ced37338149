"""The Components dock: maps lie where their cube lies, and say how far they agree."""

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.spectra.components import Unmixing
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
    assert "dim: 100.0% of the pixels have the same component" in dock._agreement.text()
    assert from_layer(*dock.results[2].as_layer_data_tuple()).axis.names[0] == "component 1"


def test_the_spectrum_dock_shows_the_pure_spectra_above_the_map(viewer, dock, qtbot, cell):
    dock.choose(add(viewer, cell))
    dock.settings = Unmixing(count=3)
    dock.unmix()
    qtbot.waitUntil(lambda: bool(dock.results), timeout=20_000)
    spectra = SpectrumWidget(viewer)
    qtbot.addWidget(spectra)
    strip = dock.results[0]
    spectra.show_point(tuple(strip.data_to_world((0, 0, 2))))
    x, y = spectra.spectra["cell components"]
    np.testing.assert_array_equal(x, cell.axis.centres)
    np.testing.assert_array_equal(y, dock.components.spectra.data[:, 0, 2])
    assert "cell" not in spectra.spectra  # the strip covers no pixel of the cube


def test_a_band_and_a_peak_come_as_images(viewer, dock, cell, complaints):
    dock.choose(add(viewer, cell))
    dock.map_band(500)
    assert dock.results[0].name == "cell at 500 nm"
    np.testing.assert_array_equal(dock.results[0].data, cell.data[5])
    dock.map_area(500, 600)
    assert dock.results[0].name == "cell · area of 500–600 nm (above a line)"
    dock.map_area(900, 950)
    assert "no band lies between 900 and 950" in complaints[0]


def test_without_a_cube_nothing_can_be_found(dock, complaints):
    assert not dock.panel.start_button.isEnabled()
    dock.unmix()
    assert "choose a cube" in complaints[0]


def test_what_cannot_be_compared_is_refused_with_the_reason(viewer, dock, qtbot, cell, complaints):
    other = Cube(np.ones((4, 6, 8), np.float32), SpectralAxis.index(4), name="unknown")
    dock.choose(add(viewer, cell), add(viewer, other))
    dock.unmix()
    qtbot.waitUntil(lambda: bool(complaints), timeout=20_000)
    assert "one quantity and unit" in complaints[0]
