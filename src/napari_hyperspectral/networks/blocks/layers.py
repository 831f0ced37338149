"""Activation and normalisation as settings of a network.

Each call returns a fresh module: layers that shared one PReLU would share its slope.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation: TypeAlias = Literal["relu", "leaky relu", "prelu"]
"""Below 0, relu is 0, leaky relu a tenth of the value, prelu a share of it that is learned."""

Norm: TypeAlias = Literal["none", "batch", "instance", "layer", "group"]
"""batch: by statistics of the training data. layer: over the channels of each pixel. instance,
group: over the pixels of each image, and over its channels one by one or in groups.

With none, batch and layer, tiles are exact; with instance and group they are not."""

Dims: TypeAlias = Literal[1, 2, 3]
"""Axes of a convolution: 1 for spectra, 2 for images, 3 for volumes."""

CONV: Final[dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]]] = {
    1: nn.Conv1d,
    2: nn.Conv2d,
    3: nn.Conv3d,
}
TRANSPOSED: Final[dict[int, type[nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d]]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
BATCH_NORM: Final = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL: Final = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_MIN_GROUP: Final = 4
"""Channels that a group of the group normalisation has at least."""
_EPSILON: Final = 1e-5
"""Added to variances, as in PyTorch's own normalisations."""


def normalises_images(norm: Norm) -> bool:
    """Whether averages over the image enter, so that tiles are only nearly exact."""
    return norm in ("instance", "group")


def activation_of(activation: Activation) -> nn.Module:
    """Return a fresh activation."""
    match activation:
        case "relu":
            return nn.ReLU()
        case "leaky relu":
            return nn.LeakyReLU(0.1)
        case "prelu":
            return nn.PReLU()


def norm_of(norm: Norm, channels: int, dims: Dims) -> nn.Module:
    """Return a fresh normalisation for (batch, channels, …) with `dims` further axes.

    Any number of channels works: groups have four channels, or more where four do not divide it. A
    layer norm of one channel would always be 0, and is left out.
    """
    match norm:
        case "none":
            return nn.Identity()
        case "batch":
            return BATCH_NORM[dims](channels)
        case "instance":
            return _GroupNorm(channels, channels)
        case "layer":
            return _LayerNorm(channels) if channels > 1 else nn.Identity()
        case "group":
            return _GroupNorm(_groups(channels), channels)


class Layers(NamedTuple):
    """What all convolutions of a network share."""

    dims: Dims
    activation: Activation
    norm: Norm

    def convolution(self, channels_in: int, channels_out: int) -> nn.Sequential:
        """Return a convolution of size 3 along each axis, normalisation and activation."""
        # these subtract the mean of each channel, so that a bias would do nothing
        bias = self.norm not in ("batch", "instance")
        return nn.Sequential(
            CONV[self.dims](channels_in, channels_out, 3, padding=1, bias=bias),
            norm_of(self.norm, channels_out, self.dims),
            activation_of(self.activation),
        )


class _GroupNorm(nn.Module):
    """Group normalisation, Wu and He 2018, https://arxiv.org/abs/1803.08494.

    With as many groups as channels it is instance normalisation. PyTorch's own refuses images of
    one pixel; here they become the bias.
    """

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.groups, self.weight, self.bias, _EPSILON)


class _LayerNorm(nn.Module):
    """Over the channels of each pixel, as in ConvNeXt, https://arxiv.org/abs/2201.03545."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.movedim(1, -1)
        shape = self.weight.shape
        normalised = functional.layer_norm(channels_last, shape, self.weight, self.bias, _EPSILON)
        return normalised.movedim(-1, 1)


def _groups(channels: int) -> int:
    """Return the largest number of equal groups of at least four channels; 1 for fewer channels."""
    limit = max(1, channels // _MIN_GROUP)
    return max(count for count in range(1, limit + 1) if channels % count == 0)
