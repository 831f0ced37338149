"""Parameters of `Cube` that readers gather from several sources before there is a cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from ...cube import Sampling
from ...transform import Transform


class Geometry(TypedDict, total=False):
    """Where the pixels, slices and frames of a cube lie."""

    t: Sampling | None
    z: Sampling | None
    pixel_size: tuple[float, float]
    """Height and width, in `pixel_unit`."""
    pixel_unit: str | None
    origin: tuple[float, float]
    """Position (y, x) of the first pixel, in `pixel_unit`."""
    transform: Transform | None


class CubeFields(Geometry, total=False):
    """All parameters of `Cube` but its data and its axis."""

    name: str
    history: tuple[str, ...]
    intensity_unit: str | None
    georeference: Mapping[str, Any] | None
    metadata: Mapping[str, Any]
