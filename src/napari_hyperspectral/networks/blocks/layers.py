"""Activation and normalisation as settings of a network.

Each call gives a module of its own: places that shared one PReLU would share its slope.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation: TypeAlias = Literal["relu", "leaky relu", "prelu"]
"""relu: nothing below 0. leaky relu: a tenth of it. prelu: a share of it that is learned."""

Norm: TypeAlias = Literal["none", "batch", "instance", "layer", "group"]
"""batch: by statistics of the training set. layer: over the channels of each pixel. instance,
group: of each image, over its pixels, and over its channels one by one or in groups.

none, batch and layer give in tiles what they give in one piece; instance and group do not."""

Dims: TypeAlias = Literal[1, 2, 3]
"""Axes that a convolution moves along: those of spectra, images or volumes."""

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
_CHANNELS_A_GROUP: Final = 4
_LEAST_VARIANCE: Final = 1e-5


def normalises_images(norm: Norm) -> bool:
    """Tell whether averages over the image enter, so that tiles are only nearly right."""
    return norm in ("instance", "group")


def activation_of(activation: Activation) -> nn.Module:
    """Return a fresh activation."""
    if activation == "prelu":
        return nn.PReLU()
    return nn.LeakyReLU(0.1) if activation == "leaky relu" else nn.ReLU()


def norm_of(norm: Norm, channels: int, dims: Dims) -> nn.Module:
    """Return a fresh normalisation for (batch, channels, …) with `dims` axes of space.

    Any number of channels goes: groups have four channels, or more where four do not fit. A layer
    norm of one channel would always give 0, and is left out.
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
    """What the convolutions of a network have in common."""

    dims: Dims
    activation: Activation
    norm: Norm

    def convolution(self, channels_in: int, channels_out: int) -> nn.Sequential:
        """Return a convolution of 3 along each axis, normalisation and activation."""
        # after it, the mean over each channel is subtracted: a bias would do nothing
        bias = self.norm not in ("batch", "instance")
        return nn.Sequential(
            CONV[self.dims](channels_in, channels_out, 3, padding=1, bias=bias),
            norm_of(self.norm, channels_out, self.dims),
            activation_of(self.activation),
        )


class _GroupNorm(nn.Module):
    """Group normalisation, Wu and He 2018, https://arxiv.org/abs/1803.08494.

    With as many groups as channels it is instance normalisation. Torch's own refuses images of
    one pixel; here they become the bias.
    """

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.groups, self.weight, self.bias, _LEAST_VARIANCE)


class _LayerNorm(nn.Module):
    """Over the channels of each pixel, as in ConvNeXt, https://arxiv.org/abs/2201.03545."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)
        shape = self.weight.shape
        normal = functional.layer_norm(last, shape, self.weight, self.bias, _LEAST_VARIANCE)
        return normal.movedim(-1, 1)


def _groups(channels: int) -> int:
    """Return the largest number of equal groups of at least four channels; 1 for fewer."""
    most = max(1, channels // _CHANNELS_A_GROUP)
    return max(count for count in range(1, most + 1) if channels % count == 0)
