"""The sample data of napari.yaml, as layers."""

from __future__ import annotations

from .. import samples
from ..layers import LayerData, to_layer


def raman_cell() -> list[LayerData]:
    """Return a simulated Raman map of a cell, noisy and clean."""
    noisy, clean = samples.raman_cell()
    return [to_layer(clean), to_layer(noisy)]


def land_scene() -> list[LayerData]:
    """Return a simulated landscape and its classes."""
    return [to_layer(image) for image in samples.land_scene()]


def indian_pines() -> list[LayerData]:
    """Return Indian Pines and its ground truth."""
    return [to_layer(image) for image in samples.indian_pines()]
