"""The sample data of napari.yaml, as layers."""

from __future__ import annotations

from collections.abc import Sequence

from .. import samples
from ..cube import Image
from ..layers import LayerData, to_layer
from .first_picture import first_pictures, show_when_added


def raman_cell() -> list[LayerData]:
    """Return a simulated Raman map of a cell, noisy and clean."""
    noisy, clean = samples.raman_cell()
    return _shown([clean, noisy])


def land_scene() -> list[LayerData]:
    """Return a simulated landscape and its classes."""
    return _shown(samples.land_scene())


def indian_pines() -> list[LayerData]:
    """Return Indian Pines and its ground truth."""
    return _shown(samples.indian_pines())


def _shown(images: Sequence[Image]) -> list[LayerData]:
    """Return the layers of images, which are shown like those of files."""
    import napari

    layers = [to_layer(image) for image in images]
    pictures = first_pictures(images, layers)
    viewer = napari.current_viewer()
    if viewer is not None:
        show_when_added(viewer, pictures)
    return layers
