"""What illustrations share: the first plane of an image, its pixels, and its bands."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, SpectralAxis
from ...cube import Cube, Labels
from ...metrics.values import Floats
from ..pictures.maps import PixelGrid

_LEAST_SIDE: Final = 4
"""Of fewer pixels to a side there is no map, but a list of spectra."""


def first_plane(image: NDArray[Any], trailing: int) -> NDArray[Any]:
    """Return the first plane of an image, (…, plane): its last `trailing` axes."""
    leading = image.ndim - trailing
    plane: NDArray[Any] = image[(0,) * leading]
    return plane


def grid_of(image: Cube | Labels) -> PixelGrid:
    """Return where the pixels of an image lie."""
    rows, columns = image.shape[-2:]
    if image.pixel_unit is None:
        return PixelGrid((rows, columns))
    unit = image.pixel_unit.replace("um", "µm")
    return PixelGrid((rows, columns), image.pixel_sides, unit)


def has_map(grid: PixelGrid) -> bool:
    """Tell whether there are enough rows and columns for a map."""
    return min(grid.shape) >= _LEAST_SIDE


def band_positions(axis: Axis) -> tuple[Floats, str]:
    """Return where the bands of an axis are plotted, (band,), and the title of that axis."""
    if isinstance(axis, SpectralAxis):
        return axis.centres, axis.title
    return np.arange(1.0, len(axis) + 1), axis.title


def around(mask: NDArray[np.bool_], margin: int = 2) -> tuple[slice, slice]:
    """Return the rows and columns around the pixels of a mask, (y, x), with a margin."""
    spans = []
    for axis in (1, 0):
        some = np.flatnonzero(mask.any(axis=axis))
        first = max(int(some[0]) - margin, 0)
        last = min(int(some[-1]) + margin + 1, mask.shape[1 - axis])
        spans.append(slice(first, last))
    rows, columns = spans
    return rows, columns


def on_image(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return values of the pixels of a mask, (pixel,), as an image, (y, x), NaN elsewhere."""
    image = np.full(mask.shape, np.nan)
    image[mask] = values
    return image
