"""Colours of the first picture: a colormap by what was measured, and true colours."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, SpectralAxis
from ..cube import Cube
from ..layers import RGB
from .bands import true_colour_bands

_COLORMAPS: Final = {
    "wavelength": "gray",
    "raman_shift": "viridis",
    "wavenumber": "viridis",
    "mz": "inferno",
    "energy": "magma",
    "frequency": "magma",
    "index": "gray",
}
_PIXELS: Final = 2_000_000
"""Pixels of a picture in true colours, at most; of larger images every k-th row and column."""
_STRETCH: Final = (1, 99)
"""Percentiles of each colour that become 0 and 255."""


def colormap_of(axis: Axis) -> str:
    """Return the name of the colormap that cubes with an axis are shown in."""
    return _COLORMAPS[axis.kind] if isinstance(axis, SpectralAxis) else "gray"


def in_true_colours(cube: Cube) -> Cube | None:
    """Return a picture of a cube as an eye would see it, or None where visible bands are missing.

    Three bands are read, each stretched from its 1st to its 99th percentile; of images with more
    than two million pixels, only every k-th row and column.

    Parameters
    ----------
    cube : Cube
        Shape (band, y, x), on an axis of wavelengths; of stacks there is no picture.

    Returns
    -------
    Cube or None
        Red, green and blue, uint8, shape (3, y, x).
    """
    bands = true_colour_bands(cube.axis)
    if bands is None or len(cube.shape) > 3 or min(cube.shape[1:]) < 2:
        return None
    every = math.ceil(math.sqrt(cube.shape[1] * cube.shape[2] / _PIXELS))
    pixels = slice(None, None, every)
    colours = [cube.data[band : band + 1, pixels, pixels] for band in bands]
    picture = np.concatenate([_stretched(np.asarray(colour), cube) for colour in colours])
    centre_of_first = (every - 1) / 2
    height, width = cube.pixel_size
    centres = ", ".join(f"{cube.spectral_axis.centres[band]:g}" for band in bands)
    return cube.after(
        f"true colours from the bands at {centres} {cube.spectral_axis.symbol}",
        data=picture,
        axis=RGB,
        pixel_size=(every * height, every * width),
        intensity_unit=None,
        metadata={},
        **cube.place_at(centre_of_first, centre_of_first),
    )


def _stretched(colour: NDArray[Any], cube: Cube) -> NDArray[np.uint8]:
    """Return a band, (1, y, x), as uint8; 0 where nothing was measured."""
    missing = colour == cube.metadata.get("nodata")
    values = np.where(missing, np.nan, colour.astype(np.float64))
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite, _STRETCH)
    share = (values - low) / max(high - low, np.finfo(float).tiny)
    grey: NDArray[np.float64] = np.nan_to_num(255 * np.clip(share, 0, 1))
    return grey.astype(np.uint8)
