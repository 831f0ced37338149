"""A U-Net that tells measured bands from predicted ones, pixel by pixel, as in Real-ESRGAN.

Three times halved by strided convolutions, three times doubled by interpolation, with skips added;
spectral norms bound its gradients. Sources: Wang et al. 2021,
https://arxiv.org/abs/2107.10833; Miyato et al. 2018, https://arxiv.org/abs/1802.05957. Written anew
from these facts. Ours: one band at a time, images of any size.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_MAX_BANDS: Final = 8
"""Bands that a step shows to the discriminator at most, chosen at random."""


class Discriminator(nn.Module):
    """Scores of each pixel of each band: above 0 it looks measured, below 0 predicted.

    Parameters
    ----------
    width : int
        Channels of the first level. Published: 64.
    depth : int
        Times the image is halved. Published: 3.
    """

    def __init__(self, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        steps = list(pairwise(widths))
        self.enter = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.ModuleList()
        for fine, coarse in steps:
            self.down.append(_normed(fine, coarse, 4, stride=2))
        self.up = nn.ModuleList()
        for fine, coarse in reversed(steps):
            self.up.append(_normed(coarse, fine, 3))
        self.after = nn.Sequential(
            _normed(width, width, 3), nn.LeakyReLU(0.2),
            _normed(width, width, 3), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, band, y, x) to (batch · band, 1, y, x)."""
        x = x.flatten(0, 1)[:, None]  # each band an image of its own
        height, width = x.shape[-2:]
        stride = 2 ** len(self.down)
        x = functional.pad(x, (0, -width % stride, 0, -height % stride), mode="replicate")
        features = _leaky(self.enter(x))
        skips = []
        for down in self.down:
            skips.append(features)
            features = _leaky(down(features))
        for up in self.up:
            features = functional.interpolate(features, scale_factor=2, mode="bilinear")
            features = _leaky(up(features)) + skips.pop()
        scores: Tensor = self.head(self.after(features))
        return scores[..., :height, :width]


def shown_bands(count: int) -> int:
    """Return how many of `count` bands a step shows: all of few, some of many."""
    return min(count, _MAX_BANDS)


def random_bands(count: int, generator: Generator | None = None) -> Tensor:
    """Return which of `count` bands a step shows, as indices; the generator is one on the CPU."""
    order = torch.randperm(count, generator=generator)
    return order[: shown_bands(count)]


def _normed(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Module:
    """Return a convolution with spectral norm."""
    conv = nn.Conv2d(channels_in, channels_out, size, stride=stride, padding=1, bias=False)
    normed: nn.Module = spectral_norm(conv)
    return normed


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)
