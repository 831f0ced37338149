"""SegNet, Badrinarayanan et al. 2017, on images or through volumes.

The 13 convolutions of VGG16 with five halvings, and their mirror image: max pooling on the way down
remembers positions, to which values return on the way up. Dropout in the inner half, as
in Kendall et al. 2015, https://arxiv.org/abs/1511.02680.

Ours: channels do not grow with the bands, as in spectrai, where 500 bands mean 1.5 billion
parameters; activation and normalisation are settings. Written anew from these facts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor, nn
from torch.nn import functional

from ..random_numbers import Dropout
from .base import ImageNetwork, NetworkModule, Ports
from .blocks.adapters import AsVolume, padded_length
from .blocks.layers import CONV, Activation, Dims, Layers, Norm, normalises_images


class SegNet(ImageNetwork):
    """Encoder-decoder that upsamples by the positions of its max pooling (SegNet)."""

    source: ClassVar[str] = (
        "Badrinarayanan et al. 2017, SegNet: A Deep Convolutional Encoder-Decoder Architecture "
        "for Image Segmentation, https://doi.org/10.1109/TPAMI.2016.2644615"
    )
    kind: Literal["segnet"] = "segnet"
    along: Literal["image", "volume"] = "image"
    """image: over rows and columns, all bands at once. volume: through the cube, the bands being
    the depth; takes much more memory."""
    width: Annotated[int, Ge(1), Le(1024)] = 64
    """Channels of the first level; each level below has twice as many, up to eight times.
    Published: 64."""
    depth: Annotated[int, Ge(1), Le(6)] = 5
    """Times the image is halved: how far around a pixel it sees. Published: 5."""
    activation: Activation = "relu"
    """Activation after each convolution but the last. relu: 0 below 0; leaky relu: a tenth of it;
    prelu: a share of it that is learned."""
    norm: Norm = "batch"
    """Normalisation after each convolution but the last: batch by statistics of the training data,
    layer by those of each pixel, instance and group by those of the image, with which tiles of large
    images are only nearly exact."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Dropout: share of activations in the inner half of the network that are set to 0 in each training
    step, against overfitting."""

    @property
    def uses_image_statistics(self) -> bool:
        return normalises_images(self.norm)

    def build(self, ports: Ports) -> NetworkModule:
        if self.along == "volume":
            return AsVolume(_Mirrored(self, 3, 1, 1), self.stride, ports)
        return _SegNet(self, ports)

    @property
    def receptive_radius(self) -> int:
        receptive_radius = 0
        for level in reversed(range(self.depth)):  # in pixels of each level
            receptive_radius = 2 * receptive_radius + 1 + 2 * _convolutions(level)
        return receptive_radius

    @property
    def stride(self) -> int:
        return int(2**self.depth)

    def floats_per_pixel(self, ports: Ports) -> int:
        ends = 2 * (ports.bands_in + ports.bands_out)
        if self.along == "volume":
            return ends + 6 * self.width * padded_length(ports.bands_in, self.stride)
        return ends + 6 * self.width

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=2, depth=1)


class _SegNet(NetworkModule):
    """SegNet on images."""

    def __init__(self, settings: SegNet, ports: Ports) -> None:
        super().__init__()
        self.mirrored = _Mirrored(settings, 2, ports.bands_in, ports.bands_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mirrored(x)
        return out


class _Mirrored(nn.Module):
    """Convolutions with max pooling, and their mirror image, with 2 or 3 axes."""

    def __init__(self, settings: SegNet, dims: Dims, channels_in: int, channels_out: int) -> None:
        super().__init__()
        layers = Layers(dims, settings.activation, settings.norm)
        widths = [settings.width * min(2**level, 8) for level in range(settings.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (before, wide) in enumerate(zip([channels_in, *widths], widths)):
            repeats = _convolutions(level) - 1
            inner = level >= settings.depth // 2
            drop = [Dropout(settings.dropout)] if inner else []
            # the order in which layers are made decides their initial weights
            more = [layers.convolution(wide, wide) for _ in range(repeats)]
            first = layers.convolution(before, wide)
            self.down.append(nn.Sequential(first, *more, *drop))
            more = [layers.convolution(wide, wide) for _ in range(repeats)]
            last = [layers.convolution(wide, before)] if level else []
            self.up.insert(0, nn.Sequential(*more, *last, *drop))
        self.end = CONV[dims](widths[0], channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = []  # positions of the maxima, and the shape before, of each level
        for block in self.down:
            features = block(x)
            x, indices = _max_pooled(features)
            pooled.append((indices, features.shape))
        for block in self.up:
            indices, shape = pooled.pop()
            x = block(_unpooled(x, indices, shape))
        out: Tensor = self.end(x)
        return out


def _max_pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maximum of each 2 × 2 (× 2) pixels, and its index in the flat image."""
    pool = functional.max_pool3d if x.ndim == 5 else functional.max_pool2d
    maxima, indices = pool(x, 2, return_indices=True)
    return maxima, indices


def _unpooled(x: Tensor, indices: Tensor, shape: torch.Size) -> Tensor:
    """Return values at the positions of the maxima in images of this shape, 0 elsewhere."""
    image = x.new_zeros(shape).flatten(2)
    return image.scatter(2, indices.flatten(2), x.flatten(2)).reshape(shape)


def _convolutions(level: int) -> int:
    """Return the number of convolutions at a level, on the way down and on the way up."""
    return 2 if level < 2 else 3
