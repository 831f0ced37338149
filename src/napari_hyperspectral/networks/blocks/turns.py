"""The mean of a network over the flips and quarter turns of its input.

Sources: Lim et al. 2017, https://arxiv.org/abs/1707.02921 (self-ensemble); Timofte et al. 2016,
https://arxiv.org/abs/1511.02228
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from torch import Tensor

Orientation: TypeAlias = tuple[int, bool]
"""Quarter turns, and whether the turned image is mirrored."""

ORIENTATIONS: Final[tuple[Orientation, ...]] = (
    (0, False),
    (1, False),
    (2, False),
    (3, False),
    (0, True),
    (1, True),
    (2, True),
    (3, True),
)
"""All of an image; the first is the image itself."""


def turned(image: Tensor, orientation: Orientation) -> Tensor:
    """Return images, (…, y, x), turned by quarters, and then mirrored."""
    quarters, mirror = orientation
    image = torch.rot90(image, quarters, dims=(-2, -1))
    return image.flip(-1) if mirror else image


def turned_back(image: Tensor, orientation: Orientation) -> Tensor:
    """Undo `turned`."""
    quarters, mirror = orientation
    image = image.flip(-1) if mirror else image
    return torch.rot90(image, -quarters, dims=(-2, -1))


def mean_over_turns(
    run: Callable[[Tensor], Tensor],
    image: Tensor,
    orientations: tuple[Orientation, ...] = ORIENTATIONS,
) -> Tensor:
    """Return the mean of what a network makes of images in all orientations, turned back.

    Parameters
    ----------
    run : callable
        The network: from (batch, band, y, x) to float32, (batch, out, y · scale, x · scale).
    image : Tensor, shape (batch, band, y, x)
    orientations : tuple of orientations
        Those that count; the first is the image as it is.
    """
    total = run(image)
    # one by one: eight results at once would be most of the memory
    for orientation in orientations[1:]:
        result = run(turned(image, orientation))
        total = total + turned_back(result, orientation)
    return total / len(orientations)
