"""Draw the picture of the front page: ``python docs/scene.py`` (needs the extra ``samples``).

Indian Pines (AVIRIS; Baumgardner et al. 2015, https://doi.org/10.4231/R7RX991C): the scene in false
colours, the class that a network predicts for each pixel, and the mean spectra of some classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from numpy.typing import NDArray

from napari_hyperspectral import Cube, Labels, Recipe, SpectralAxis, Training, fit, predict_classes
from napari_hyperspectral.networks import SpectralUNet
from napari_hyperspectral.samples import indian_pines
from napari_hyperspectral.tasks import Segment

PICTURE = Path(__file__).with_name("images") / "scene.png"
COLOURS = {
    "Alfalfa": "#b5cf6b",
    "Corn-notill": "#f2a104",
    "Corn-mintill": "#f7c948",
    "Corn": "#fbe7a1",
    "Grass-pasture": "#8fce6a",
    "Grass-trees": "#4fa34a",
    "Grass-pasture-mowed": "#c7e8a8",
    "Hay-windrowed": "#e07a5f",
    "Oats": "#e9c6a8",
    "Soybean-notill": "#3d6fb4",
    "Soybean-mintill": "#6ba3d6",
    "Soybean-clean": "#b1d3ee",
    "Wheat": "#a8577e",
    "Woods": "#1f5d3a",
    "Buildings-Grass-Trees-Drives": "#7a6a8f",
    "Stone-Steel-Towers": "#4a4a4a",
}
PLOTTED = ("Hay-windrowed", "Woods", "Corn-notill", "Soybean-mintill", "Wheat")
FALSE_COLOURS_NM = (860.0, 650.0, 550.0)
WATER_VAPOUR_NM = ((1330.0, 1440.0), (1790.0, 1970.0))
"""The sample has no bands there: lines are not drawn across."""


def predicted(cube: Cube, labels: Labels) -> Labels:
    """Return the class of every pixel, by a network trained on the labelled half of the scene."""
    recipe = Recipe(task=Segment(), method=SpectralUNet(), training=Training(epochs=60))
    model = fit(recipe, [recipe.example(cube=cube, labels=labels)])
    classes, _ = predict_classes(model, cube)
    return classes


def false_colours(cube: Cube) -> NDArray[np.float64]:
    """Return red, green and blue from infrared, red and green, shape (y, x, 3), from 0 to 1."""
    assert isinstance(cube.axis, SpectralAxis)
    bands = [cube.numpy()[cube.axis.nearest(nm)] for nm in FALSE_COLOURS_NM]
    image = np.stack(bands, axis=-1).astype(float)
    low, high = np.percentile(image, (2, 98), axis=(0, 1))
    return np.clip((image - low) / (high - low), 0, 1) ** 0.8


def draw(cube: Cube, labels: Labels, classes: Labels) -> None:
    """Draw the three panels side by side, and save them."""
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 12})
    figure = plt.figure(figsize=(15, 5.7), dpi=110, facecolor="white")
    side, bottom = 4.35 / 15, 0.155  # of square images, as a share of the width
    height = 4.35 / 5.7
    scene = figure.add_axes((0.01, bottom, side, height))
    map_ = figure.add_axes((0.315, bottom, side, height))
    spectra = figure.add_axes((0.655, bottom + 0.045, 0.325, height - 0.045))
    scene.imshow(false_colours(cube))
    scene.set_title("Indian Pines at 860, 650 and 550 nm")
    draw_classes(map_, classes)
    draw_spectra(spectra, cube, labels)
    for axes in (scene, map_):
        axes.set_axis_off()
    patches = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=patches, loc="lower center", ncols=8, frameon=False, fontsize=9.5)
    figure.savefig(PICTURE)
    plt.close(figure)


def draw_classes(axes: Axes, classes: Labels) -> None:
    """Draw the predicted classes in their colours."""
    colours = ListedColormap([COLOURS[name] for name in classes.classes])
    axes.imshow(classes.numpy(), cmap=colours, vmin=0.5, vmax=len(colours.colors) + 0.5)
    axes.set_title("Class of each pixel, predicted")


def draw_spectra(axes: Axes, cube: Cube, labels: Labels) -> None:
    """Draw mean and standard deviation of the spectra of some classes."""
    assert isinstance(cube.axis, SpectralAxis)
    order = np.argsort(cube.axis.centres, kind="stable")  # the spectrometers overlap
    nm = cube.axis.centres[order]
    opaque = [(nm > low) & (nm < high) for low, high in WATER_VAPOUR_NM]
    gaps = np.flatnonzero(np.diff(nm) > 50) + 1
    for name in PLOTTED:
        pixels = cube.numpy()[:, labels.numpy() == labels.classes.index(name) + 1]
        mean, spread = (part[order] / 1000 for part in (pixels.mean(axis=1), pixels.std(axis=1)))
        mean[np.any(opaque, axis=0)] = np.nan
        x = np.insert(nm, gaps, np.nan)
        y, sd = np.insert(mean, gaps, np.nan), np.insert(spread, gaps, np.nan)
        axes.plot(x, y, color=COLOURS[name], linewidth=2, label=name)
        axes.fill_between(x, y - sd, y + sd, color=COLOURS[name], alpha=0.15, linewidth=0)
    axes.set(title="Mean spectra of five classes", xlabel="Wavelength / nm", xlim=(380, 2510))
    axes.set_ylabel("Radiance / 10³ digital numbers")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)
    axes.legend(frameon=False)


if __name__ == "__main__":
    cube, labels = indian_pines()
    draw(cube, labels, predicted(cube, labels))
    print(PICTURE)
