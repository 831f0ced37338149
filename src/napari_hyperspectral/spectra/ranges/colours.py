"""Pictures in false colours: of three ranges of the axis, and of the strongest components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from ...axis import ChannelAxis
from ...cube import Cube
from ...progress import Job, part_of, run
from ...settings import Settings
from ..arrays import Array, Float32, Intensities
from ..decompose import PrincipalComponents
from .blocks import numbers_steps
from .range_map import RangeMap, range_map_steps

_RGB: Final = ChannelAxis(("red", "green", "blue"))
"""What layers show in colours."""
_MOST_SPECTRA: Final = 2**14
"""Spectra that components are found in, at most: every k-th row and column of larger images."""


class Stretch(Settings):
    """Which intensities are black, and which are full colour."""

    low: Annotated[float, Ge(0), Le(50)] = 1.0
    """Percentile of each colour that becomes black."""
    high: Annotated[float, Ge(50), Le(100)] = 99.0
    """Percentile of each colour that becomes full: no spike may darken the others."""


def rgb_of_ranges(cube: Cube, ranges: Sequence[RangeMap], stretch: Stretch | None = None) -> Cube:
    """Return a picture whose red, green and blue are three ranges; see `rgb_of_ranges_steps`."""
    return run(rgb_of_ranges_steps(cube, ranges, stretch))


def rgb_of_ranges_steps(
    cube: Cube, ranges: Sequence[RangeMap], stretch: Stretch | None = None
) -> Job[Cube]:
    """Yield progress; return a picture whose red, green and blue are the maps of three ranges.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x), with a spectral axis. May be lazy.
    ranges : sequence of RangeMap
        Of red, green, blue.
    stretch : Stretch, optional
        Default: from the 1st to the 99th percentile of each.

    Returns
    -------
    Cube
        Shape (…, 3, y, x), uint8; black where a map has no value.

    Raises
    ------
    ValueError
        If there are not three ranges, or one holds too few bands.
    """
    if len(ranges) != len(_RGB):
        raise ValueError(f"a picture has three colours, got {len(ranges)} ranges; choose three")
    maps = []
    for number, settings in enumerate(ranges):
        start, end = 100 * number // 3, 100 * (number + 1) // 3
        colour = _RGB.names[number]
        maps.append((yield from part_of(range_map_steps(cube, settings), start, end, colour)))
    titles = []
    for colour, settings in zip(_RGB.names, ranges, strict=True):
        titles.append(f"{colour} {settings.title(cube.spectral_axis)}")
    step = f"made a picture: {', '.join(titles)}"
    colours = np.concatenate([image.data for image in maps], axis=-3)
    return _picture(cube, colours, step, "RGB of three ranges", stretch)


def false_colours(cube: Cube, stretch: Stretch | None = None) -> Cube:
    """Return a picture of the three strongest principal components; see `false_colours_steps`."""
    return run(false_colours_steps(cube, stretch))


def false_colours_steps(cube: Cube, stretch: Stretch | None = None) -> Job[Cube]:
    """Yield progress; return a picture whose red, green and blue are principal components.

    Components are found in a regular grid of at most 16,384 spectra, in good bands. Their signs are
    such that most of each points up.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is read some rows at a time.
    stretch : Stretch, optional
        Default: from the 1st to the 99th percentile of each.

    Returns
    -------
    Cube
        Shape (…, 3, y, x), uint8. Where spectra vary in fewer directions, the others are black.

    Raises
    ------
    ValueError
        If no value was measured.
    """
    good = cube.axis.good
    components = PrincipalComponents.of(_grid(cube)[..., good, :, :], len(_RGB))
    signs = np.where(components.directions.sum(axis=1) < 0, -1.0, 1.0)

    def scores(part: Intensities) -> Array:
        measured = np.isfinite(part[good]).any(axis=0)
        table = components.scores(part[good]) * signs  # (pixel, component)
        colours = np.full((len(_RGB), *part.shape[1:]), np.nan)
        colours[: len(components)] = table.T.reshape(-1, *part.shape[1:])
        return np.where(measured, colours, np.nan)

    bands = slice(0, len(cube.axis))
    data = yield from numbers_steps(cube.data, bands, scores, len(_RGB), "projecting the spectra")
    step = "made a picture of the three strongest principal components"
    return _picture(cube, data, step, "false colours (principal components)", stretch)


def _grid(cube: Cube) -> Intensities:
    """Return every k-th row and column of a cube, at most so many spectra in all."""
    *planes, _, height, width = cube.shape
    every = math.ceil(math.sqrt(math.prod(planes) * height * width / _MOST_SPECTRA))
    pixels = slice(every // 2 if every <= min(height, width) else 0, None, every)
    return np.asarray(cube.data[..., pixels, pixels])


def _picture(cube: Cube, colours: Float32, step: str, what: str, stretch: Stretch | None) -> Cube:
    """Return three maps, (…, 3, y, x), as a picture."""
    stretch = stretch or Stretch()
    picture = np.empty(colours.shape, np.uint8)
    for colour in range(len(_RGB)):
        picture[..., colour, :, :] = _stretched(colours[..., colour, :, :], stretch)
    return cube.after(
        f"{step}; stretched from percentile {stretch.low:g} to {stretch.high:g}",
        data=picture,
        axis=_RGB,
        intensity_unit=None,
        metadata={},
        name=f"{cube.name} · {what}" if cube.name else what,
    )


def _stretched(image: Float32, stretch: Stretch) -> NDArray[np.uint8]:
    """Return an image as uint8; 0 where it has no value, or only one."""
    finite = image[np.isfinite(image)].astype(np.float64)
    if not finite.size:
        return np.zeros(image.shape, np.uint8)
    # values of the image, never between two: one of them may be a spike
    low = np.percentile(finite, stretch.low, method="higher")
    high = np.percentile(finite, stretch.high, method="lower")
    share = (image - low) / max(high - low, np.finfo(np.float32).tiny)
    grey: NDArray[np.float64] = np.nan_to_num(255 * np.clip(share, 0, 1))
    return np.rint(grey).astype(np.uint8)
