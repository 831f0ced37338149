"""What is shown of the layers that are prepared: their size and axis, and the colours of results."""

from __future__ import annotations

import math
from typing import Final

from napari.layers import Image as ImageLayer
from napari.layers import Layer

from ...axis import SpectralAxis
from ...cube import Cube
from ...layers import axis_in_metadata
from ..explore.layers import data_of

_COPIED: Final = ("blending", "opacity", "gamma", "interpolation2d", "projection_mode", "colormap")
"""What a prepared layer has in common with its source."""


def about_layer(layer: ImageLayer) -> str:
    """Return what a layer holds: "500 bands · 501–1802 cm⁻¹ · 40 × 40 px"."""
    *leading, bands, height, width = data_of(layer).shape
    axis = axis_in_metadata(layer.metadata)
    words = [f"{bands} bands" if bands != 1 else "1 band"]
    if isinstance(axis, SpectralAxis) and axis.kind != "index" and len(axis) == bands:
        low, high = axis.centres.min(), axis.centres.max()
        words.append(f"{low:.4g}–{high:.4g} {axis.symbol}".strip())
    planes = "".join(f"{size} × " for size in leading)
    return " · ".join([*words, f"{planes}{height} × {width} px"])


def values_of(cube: Cube) -> int:
    """Return the number of values in a cube."""
    return math.prod(cube.shape)


def show_alike(layer: Layer, source: Layer) -> None:
    """Give a layer the colours of another one."""
    for name in _COPIED:
        setattr(layer, name, getattr(source, name))
