"""Padding images to what a network with a stride takes: one rule for training and prediction."""

from __future__ import annotations

import torch
from torch import Tensor


def padded_size(size: int, stride: int, least: int = 1) -> int:
    """Return the smallest multiple of `stride`, of `least` strides or more, that holds `size`."""
    strides = -(-size // stride)  # rounded up
    return max(strides, least) * stride


def pad_by_reflection(image: Tensor, height: int, width: int) -> Tensor:
    """Pad an image, (…, y, x), at its end to a height and width by its own mirror image.

    The pixel at the edge comes twice, and a small image is mirrored again and again: as
    ``numpy.pad`` does with the mode "symmetric".
    """
    return _pad_axis(_pad_axis(image, -2, height), -1, width)


def _pad_axis(image: Tensor, axis: int, target_size: int) -> Tensor:
    size = image.shape[axis]
    if size == target_size:
        return image
    # to the end and back is one period: 0 1 2 2 1 0 0 1 2 …
    step = torch.arange(target_size, device=image.device) % (2 * size)
    index = torch.where(step < size, step, 2 * size - 1 - step)
    return image.index_select(axis, index)
