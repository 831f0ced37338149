"""The Place dock brings a layer onto the pixels of another, and says how far it was moved."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from napari.layers import Layer

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.place.same import difference_in_pixels
from napari_hyperspectral.transform import Transform


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def dock(viewer, qtbot):
    widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Place")[1]
    yield widget
    widget.stop()
    qtbot.waitUntil(lambda: not widget.panel.running, timeout=10_000)


@pytest.fixture
def scan(rng):
    data = gaussian_filter(rng.normal(size=(3, 40, 50)), (0, 2, 2)).astype(np.float32)
    place = {"pixel_size": (2.0, 2.0), "origin": (10.0, 5.0), "pixel_unit": "um"}
    return Cube(data, SpectralAxis([500.0, 600.0, 700.0], "nm"), name="scan", **place)


def add(viewer, image):
    return viewer.add_layer(Layer.create(*to_layer(image)))


def test_labels_are_resampled_and_a_moved_image_is_registered(viewer, dock, qtbot, scan):
    ids = np.ones((40, 50), np.uint8)
    place = {"pixel_size": (2.0, 2.0), "origin": (14.0, 5.0), "pixel_unit": "um"}
    fixed = add(viewer, scan)
    roi = add(viewer, Labels(ids, name="roi", **place))
    dock.choose(roi, fixed)
    dock.resample()
    qtbot.waitUntil(lambda: dock.result is not None, timeout=20_000)
    labels = from_layer(*dock.result.as_layer_data_tuple())
    assert difference_in_pixels(scan, labels) == 0
    assert not labels.numpy()[:2].any()
    assert labels.numpy()[2:].all()

    moved = add(viewer, replace(scan, origin=(16.0, 1.0), name="moved"))
    dock.choose(moved, fixed)
    dock.register()
    qtbot.waitUntil(lambda: dock.registration is not None, timeout=20_000)
    np.testing.assert_allclose(dock.registration.shift, (-3, 2), atol=0.1)
    assert "residual 0.0" in dock.panel.status.text()


def test_a_turned_image_is_registered_by_points(viewer, dock, qtbot, scan):
    marks = np.array([[3.0, 4.0], [30.0, 10.0], [20.0, 45.0]])
    fixed = add(viewer, scan)
    turned = add(viewer, replace(scan, transform=Transform.turned(20), name="turned"))
    world = [turned.data_to_world((0, *mark))[-2:] for mark in marks]
    points = viewer.add_points(np.array(world), name="marks")
    on_fixed = viewer.add_points(2 * marks + (10.0, 5.0), name="marks on scan")
    dock.choose(turned, fixed)
    dock.keep_pixels.value = True
    dock.register(points, on_fixed)
    qtbot.waitUntil(lambda: dock.registration is not None, timeout=20_000)
    assert dock.registration.residual < 1e-6
    back = from_layer(*dock.result.as_layer_data_tuple())
    assert difference_in_pixels(scan, back) < 1e-6


def test_what_is_missing_is_said(viewer, dock, scan, monkeypatch):
    complaints = []
    monkeypatch.setattr("napari_hyperspectral.widgets.panel.show_error", complaints.append)
    dock.resample()
    layer = add(viewer, scan)
    dock.choose(layer, layer)
    dock.resample()
    assert "choose the image" in complaints[0]
    assert "choose two layers" in complaints[1]
