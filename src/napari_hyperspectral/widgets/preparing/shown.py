"""What is shown of the layers that are prepared: their size and axis, and the colours of results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from napari.layers import Image as ImageLayer
from napari.layers import Layer

from ...axis import SpectralAxis
from ...cube import Cube
from ...layers import LayerData, axis_in_metadata
from ...settings import reason_of
from ...spectra.steps.parts import is_lazy
from ..explore.layers import data_of

_COPIED: Final = ("blending", "opacity", "gamma", "interpolation2d", "projection_mode", "colormap")
"""What a prepared layer has in common with its source."""

_LARGEST_LAZY: Final = 2**28
"""Values of a lazy layer that is prepared band by band as it is shown; larger ones go to a file."""


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


def too_large(cube: Cube) -> bool:
    """Whether a lazy cube takes too long to be prepared whenever a band of it is shown."""
    return is_lazy(cube.data) and math.prod(cube.shape) > _LARGEST_LAZY


def in_gigabytes(cubes: Sequence[Cube]) -> str:
    """Return how large prepared cubes are together: "1.5 GB"."""
    values = sum(math.prod(cube.shape) for cube in cubes)
    return f"{4 * values / 2**30:.1f} GB"


def add_layers(
    viewer: Any, prepared: Sequence[LayerData], sources: Sequence[Layer | None]
) -> list[Layer]:
    """Add prepared cubes as layers, in the colours of the layers they were made of."""
    added = []
    for data, attributes, kind in prepared:
        layer = Layer.create(data, attributes, kind)
        for source in sources:
            if source is not None and layer.name.startswith(f"{source.name} · prepared"):
                _show_alike(layer, source)
        added.append(viewer.add_layer(layer))
    return added


def outcome(text: str, errors: Mapping[str, Exception]) -> list[str]:
    """Return what was made, and what failed, and why, a line each."""
    lines = [text] if text else []
    for name, error in errors.items():
        lines.append(f"{Path(name).name} failed: {reason_of(error)}")
    return lines


def _show_alike(layer: Layer, source: Layer) -> None:
    """Give a layer the colours of another one."""
    for name in _COPIED:
        setattr(layer, name, getattr(source, name))
