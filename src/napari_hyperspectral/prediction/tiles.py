"""Tiles: parts of an image that go through a network at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import torch

from ..machine import Machine
from ..networks import TileGeometry
from ..networks.blocks.padding import padded_size

_MEGABYTE: Final = 2**20
_CPU_TILE_BYTES: Final = 256 * _MEGABYTE
"""Larger tiles make a CPU no faster, and stopping slower."""
_FLOAT_BYTES: Final = 4

Region: TypeAlias = tuple[slice, slice]
"""Rows and columns."""
PlaneIndex: TypeAlias = tuple[int, ...]
"""Index along t and z, where there are any."""


class Tile(NamedTuple):
    """A part of an image that goes through the network at once: a core within a halo."""

    outer: Region
    """What the network is shown, in the image."""
    kept: Region
    """The core, whose result is kept, in the image."""
    within: Region
    """The core in what the network was shown."""


class PlaneTile(NamedTuple):
    """A tile of one plane of a stack or series."""

    plane: PlaneIndex
    tile: Tile


def tiles(
    height: int,
    width: int,
    side: int,
    geometry: TileGeometry,
) -> Iterator[Tile]:
    """Yield tiles that cover an image.

    Each core has a halo of the receptive radius around it. Halos end at the image, and begin at
    multiples of the stride, so that the coarse grids of a network lie as they do in the whole
    image.
    """
    rows = slice(0, height)
    columns = slice(0, width)
    yield from _tiles_of((rows, columns), (height, width), side, geometry)


def plane_tiles(
    leading: Sequence[int],
    size: tuple[int, int],
    side: int,
    geometry: TileGeometry,
) -> list[PlaneTile]:
    """Return the tiles of each plane, for a cube with axes of `leading` sizes before its bands."""
    listed = []
    for plane in np.ndindex(*leading):
        for tile in tiles(*size, side, geometry):
            listed.append(PlaneTile(plane, tile))
    return listed


def subdivided(
    remaining: Sequence[PlaneTile],
    size: tuple[int, int],
    side: int,
    geometry: TileGeometry,
) -> list[PlaneTile]:
    """Cut the tiles that remain into smaller ones, whose cores have at most this side."""
    smaller = []
    for plane, tile in remaining:
        for part in _tiles_of(tile.kept, size, side, geometry):
            smaller.append(PlaneTile(plane, part))
    return smaller


def tile_side(
    geometry: TileGeometry,
    machine: Machine,
    device: torch.device,
    size: tuple[int, int],
) -> int:
    """Return the side of the core of a tile that, with its halo, fits in the memory allowed.

    An image that fits as a whole is one tile: it has no halo.
    """
    allowed = machine.tile_memory * _MEGABYTE
    efficient = allowed
    if device.type == "cpu":
        efficient = min(allowed, _CPU_TILE_BYTES)
    pixel_bytes = _FLOAT_BYTES * geometry.floats
    most_pixels = allowed / pixel_bytes
    efficient_pixels = efficient / pixel_bytes
    height = padded_size(size[0], geometry.stride)
    width = padded_size(size[1], geometry.stride)
    in_one = efficient_pixels
    if geometry.receptive_radius:
        # what tiles would compute twice, in their halos, outweighs what large ones cost
        in_one = most_pixels
    if height * width <= in_one:
        return max(height, width)
    halo = 2 * geometry.receptive_radius
    most = int(most_pixels**0.5) - halo
    # of a smaller tile, most would be halo: computed again and again, and thrown away
    least = min(most, halo)
    side = max(int(efficient_pixels**0.5) - halo, least)
    return max(geometry.stride, side)


class _Span(NamedTuple):
    """A tile along one axis: the fields are those of `Tile`."""

    outer: slice
    kept: slice
    within: slice


def _tiles_of(
    part: Region,
    size: tuple[int, int],
    side: int,
    geometry: TileGeometry,
) -> Iterator[Tile]:
    """Yield tiles that cover a part of an image of this size; it begins at multiples of the stride."""
    stride = geometry.stride
    # cores begin at multiples of the stride, as the coarse grids of the network do
    side = max(stride, side // stride * stride)
    halo = padded_size(geometry.receptive_radius, stride, least=0)
    part_rows, part_columns = part
    height, width = size
    columns = list(_spans(part_columns, width, side, halo))
    for row in _spans(part_rows, height, side, halo):
        for column in columns:
            yield Tile(
                outer=(row.outer, column.outer),
                kept=(row.kept, column.kept),
                within=(row.within, column.within),
            )


def _spans(
    part: slice,
    size: int,
    side: int,
    halo: int,
) -> Iterator[_Span]:
    """Yield spans that cover a part of an axis of this size."""
    for start in range(part.start, part.stop, side):
        stop = min(start + side, part.stop)
        # a halo ends where the image does: there is nothing beyond
        first = max(0, start - halo)
        last = min(stop + halo, size)
        yield _Span(
            outer=slice(first, last),
            kept=slice(start, stop),
            within=slice(start - first, stop - first),
        )
