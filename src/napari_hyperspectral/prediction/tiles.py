"""Tiles: parts of an image that go through a network at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import torch

from ..machine import Machine
from ..networks import Geometry

_CPU_TILE_BYTES: Final = 256 * 2**20
"""Larger tiles make a CPU no faster, and stopping slower."""


class Tile(NamedTuple):
    """A part of an image that goes through the network at once."""

    outer: tuple[slice, slice]  # what the network is shown, in the image
    kept: tuple[slice, slice]  # what is kept, in the image
    within: tuple[slice, slice]  # what is kept, in what the network was shown


def tiles(height: int, width: int, side: int, receptive_radius: int, stride: int) -> Iterator[Tile]:
    """Yield tiles that cover an image; each kept core has a halo of `receptive_radius` around it.

    Halos end at the image, and begin at multiples of `stride`, so that the coarse grids of a
    network lie as they do in the whole image.
    """
    yield from _tiles_of(
        (slice(0, height), slice(0, width)), (height, width), side, receptive_radius, stride
    )


def _tiles_of(
    part: tuple[slice, slice], size: tuple[int, int], side: int, receptive_radius: int, stride: int
) -> Iterator[Tile]:
    """Yield tiles that cover a part of an image of this size; it begins at multiples of `stride`."""
    side = max(stride, side // stride * stride)
    halo = -(-receptive_radius // stride) * stride
    for y in range(part[0].start, part[0].stop, side):
        for x in range(part[1].start, part[1].stop, side):
            kept = [
                (start, min(start + side, whole.stop))
                for start, whole in zip((y, x), part, strict=True)
            ]
            outer = [
                (max(0, start - halo), min(stop + halo, end))
                for (start, stop), end in zip(kept, size, strict=True)
            ]
            yield Tile(
                tuple(slice(a, b) for a, b in outer),  # type: ignore[arg-type]
                tuple(slice(a, b) for a, b in kept),  # type: ignore[arg-type]
                tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(kept, outer)),  # type: ignore[arg-type]
            )


Pieces = list[tuple[tuple[int, ...], Tile]]


def pieces(leading: list[int], height: int, width: int, side: int, geometry: Geometry) -> Pieces:
    """Return the tiles of each plane that are to be predicted."""
    return [
        (place, tile)
        for place in np.ndindex(*leading)
        for tile in tiles(height, width, side, geometry.receptive_radius, geometry.stride)
    ]


def halved(todo: Pieces, side: int, geometry: Geometry, height: int, width: int) -> Pieces:
    """Cut the tiles that are still to do into smaller ones."""
    size = (height, width)
    return [
        (place, small)
        for place, tile in todo
        for small in _tiles_of(tile.kept, size, side, geometry.receptive_radius, geometry.stride)
    ]


def tile_side(
    geometry: Geometry, machine: Machine, device: torch.device, size: tuple[int, int]
) -> int:
    """Return the side of what is kept of a tile that, with its halo, keeps to the memory allowed.

    An image that fits in whole is one tile: it has no halo.
    """
    allowed = machine.tile_memory * 2**20
    quick = min(allowed, _CPU_TILE_BYTES) if device.type == "cpu" else allowed
    pixels, few = (memory / (4 * geometry.floats) for memory in (allowed, quick))
    padded = [-(-side // geometry.stride) * geometry.stride for side in size]
    if padded[0] * padded[1] <= (pixels if geometry.receptive_radius else few):
        return max(padded)
    halo = 2 * geometry.receptive_radius
    # of a smaller tile, most would be halo: computed again and again, and thrown away
    side = max(int(few**0.5) - halo, min(int(pixels**0.5) - halo, halo))
    return max(geometry.stride, side)
