"""Take the pictures of the docks: ``python docs/screenshots.py DATA [NAME …]``.

DATA is the folder of real measurements; names choose among the pictures. It needs a screen, or
``xvfb-run -a -s "-screen 0 1600x1200x24"``. ``docs/scene.py`` draws the picture of the front page.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_hyperspectral.io import read
from napari_hyperspectral.layers import to_layer
from napari_hyperspectral.networks import ResUNet1D
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.spectra.axes import CalibrateAxis
from napari_hyperspectral.tasks import Denoise

IMAGES = Path(__file__).with_name("images")


def spectrum(data: Path) -> Path:
    """Spectra of a THP-1 cell (Kallepitis et al. 2017): under the cursor, pinned, of a region."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1300, 760)
    cube = read(data / "raman_thp1" / "thp1_L5_40x40x500.npz::cube@yxb")
    array, attributes, _ = to_layer(cube)
    viewer.add_image(array, **attributes | {"name": "THP-1 cell", "colormap": "viridis"})
    _, dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Spectrum")
    dock.setMinimumWidth(450)
    dock.choose_band_near(1450)
    region = viewer.add_shapes(
        [np.array([(10, 14), (10, 22), (20, 22), (20, 14)])],
        shape_type="ellipse",
        scale=cube.pixel_size,
        units=attributes["units"][1:],
        name="region",
        edge_color="white",
        face_color="#ffffff30",
        edge_width=0.3,
    )
    viewer.layers.selection.active = region
    layer = viewer.layers[0]
    dock.pin(tuple(layer.data_to_world((0, 2, 2))))
    viewer.reset_view()
    here = tuple(layer.data_to_world((0, 24, 22)))
    return save(viewer, "spectrum.png", lambda: dock.show_point(here))


def train(data: Path) -> Path:
    """A small ResUNet after 20 epochs on two maps of the same cells (Horgan et al. 2021)."""
    viewer, dock = _trained(data)
    dock.tabs.setCurrentWidget(dock.curve)
    _wait(1)
    _stack(viewer)
    return save(viewer, "train.png")


def predict(data: Path) -> Path:
    """The map of 0.1 s a pixel denoised, below the one of 1 s a pixel."""
    viewer, trained = _trained(data)
    trained.predict()
    _, dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Predict")
    viewer.window.remove_dock_widget(trained)
    dock.choose(viewer.layers["0.1 s a pixel"])
    dock.predict()
    _wait(60, lambda: dock.results)
    _wait(1)
    _stack(viewer)
    return save(viewer, "predict.png")


def axis(data: Path) -> Path:
    """Calibrating a Raman map by three peaks of its mean spectrum, the Spectrum dock below."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1300, 900)
    cube = read(data / "raman_thp1" / "thp1_L5_40x40x500.npz::cube@yxb")
    array, attributes, _ = to_layer(cube)
    layer = viewer.add_image(array, **attributes | {"name": "THP-1 cell", "colormap": "viridis"})
    _, dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Axis")
    _, spectra = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Spectrum")
    dock.setMinimumWidth(450)
    dock.step = CalibrateAxis()
    dock.find_peaks()
    measured = [float(dock.peaks.table.item(row, 0).text()) for row in range(8)]
    known = {1003.0: "1001.4", 1450.0: "1450.5", 1660.0: "1660.1"}
    for place, text in known.items():
        row = min(range(8), key=lambda i: abs(measured[i] - place))
        dock.peaks.table.item(row, 1).setText(text)
    spectra.choose_band_near(1450)
    viewer.reset_view()
    here = tuple(layer.data_to_world((0, 24, 22)))
    return save(viewer, "axis.png", lambda: spectra.show_point(here))


def components(data: Path) -> Path:
    """Components of a THP-1 cell (Kallepitis et al. 2017), their maps and the mixed colours."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1300, 900)
    cube = read(data / "raman_thp1" / "thp1_L5_40x40x500.npz::cube@yxb")
    cube = cube.between(800, 1800)  # below, two cosmic rays would be taken for components
    array, attributes, _ = to_layer(cube)
    layer = viewer.add_image(array, **attributes | {"name": "THP-1 cell", "colormap": "viridis"})
    _, dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Components")
    dock.setMinimumWidth(420)
    dock.choose(layer)
    dock.search()
    _wait(30, lambda: dock.results)
    _wait(1)
    viewer.reset_view()
    return save(viewer, "components.png")


def _trained(data: Path) -> tuple[napari.Viewer, Any]:
    """Return a viewer with a pair of Raman maps, and its Train dock when it is done with them."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 900)
    layers = {}
    for name, array, title in (
        ("noisy", "low", "0.1 s a pixel"),
        ("clean", "high", "1 s a pixel"),
    ):
        cube = read(data / "raman_pairs" / f"pairs_11x44x500.npz::{array}@yxb")
        intensities, attributes, _ = to_layer(cube)
        layers[name] = viewer.add_image(intensities, **attributes | {"name": title})
    _, dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Train")
    dock.recipe = Recipe(
        task=Denoise(),
        method=ResUNet1D(width=16),
        training=Training(epochs=20, learning_rate=2e-3),
    )
    dock.choose(**layers)
    dock.train()
    _wait(600, lambda: dock.model is not None)
    return viewer, dock


def _stack(viewer: napari.Viewer) -> None:
    """Show all layers below each other, at a band with structure."""
    viewer.canvas.grid.enabled = True
    viewer.canvas.grid.shape = (-1, 1)
    viewer.dims.set_current_step(0, 357)
    for layer in viewer.layers:
        layer.colormap = "viridis"
        layer.reset_contrast_limits()
    viewer.reset_view()


def _wait(seconds: float, until: Callable[[], object] = lambda: False) -> None:
    """Process events of the viewer until something is there, but no longer than this."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        QApplication.processEvents()
        time.sleep(0.01)


def save(viewer: napari.Viewer, name: str, before=lambda: None) -> Path:
    """Save a picture of the whole window, and close it."""
    for _ in range(20):
        QApplication.processEvents()
    before()
    for _ in range(20):
        QApplication.processEvents()
    IMAGES.mkdir(exist_ok=True)
    viewer.screenshot(str(IMAGES / name), canvas_only=False, flash=False)
    viewer.close()
    return IMAGES / name


if __name__ == "__main__":
    folder, *chosen = sys.argv[1:]
    for take in (spectrum, axis, components, train, predict):
        if not chosen or take.__name__ in chosen:
            print(take(Path(folder)))
