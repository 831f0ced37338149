"""What the metadata of a TIFF file say of one of its images, whichever program wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ...axis import Axis
from ..metadata.fields import CubeFields

Sizes: TypeAlias = tuple[tuple[str, int], ...]
"""Axes of a row of planes, slowest first: letters of t, z, b(and), each with its length."""

SHAPE_KEY: Final = "shape"
"""Key that our description has inside a TIFF file: the shape of the data it was written for."""


@dataclass(frozen=True)
class ImageMetadata:
    """Metadata of an image from one source; what that does not state is None or absent."""

    sizes: Sizes | None = None
    axis: Axis | None = None
    fields: CubeFields = field(default_factory=CubeFields)
    description: Mapping[str, Any] | None = None
    """The description that `cube.describe` gave, where we wrote the file."""
