"""SegNet, Badrinarayanan et al. 2017, on images or through volumes.

The 13 convolutions of VGG16 with five halvings, and their mirror image: what was the greatest of
its neighbours on the way down goes back to its place on the way up. Dropout in the inner half, as
in Kendall et al. 2015, https://arxiv.org/abs/1511.02680.

Ours: channels do not grow with the bands, as in spectrai, where 500 bands mean 1.5 billion
parameters; activation and normalisation are settings. Written anew from these facts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from annotated_types import Ge, Le, Lt
from torch import Tensor, nn
from torch.nn import functional

from .base import ImageNetwork, NetworkModule, Ports
from .blocks.adapters import AsVolume, padded_length
from .blocks.layers import CONV, Activation, Dims, Layers, Norm, normalises_images


class SegNet(ImageNetwork):
    """Network that finds its way back by where the greatest values were (SegNet)."""

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
    """Times the image is halved: how far around a pixel it looks. Published: 5."""
    activation: Activation = "relu"
    """What is made of values below 0 after each convolution but the last: relu cuts them off, leaky
    relu keeps a tenth of them, prelu a share that it learns."""
    norm: Norm = "batch"
    """How values are kept in range after each convolution but the last: batch by statistics of the
    training set, layer by those of each pixel, instance and group by those of the image at hand,
    with which large images in tiles become only nearly right."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Share of numbers of the inner half silenced at each training step; against learning by
    heart."""

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
    def __init__(self, settings: SegNet, ports: Ports) -> None:
        super().__init__()
        self.mirrored = _Mirrored(settings, 2, ports.bands_in, ports.bands_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mirrored(x)
        return out


class _Mirrored(nn.Module):
    """Convolutions and halvings, and the same backwards, with 2 or 3 axes."""

    def __init__(self, settings: SegNet, dims: Dims, channels_in: int, channels_out: int) -> None:
        super().__init__()
        layers = Layers(dims, settings.activation, settings.norm)
        widths = [settings.width * min(2**level, 8) for level in range(settings.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (before, wide) in enumerate(zip([channels_in, *widths], widths)):
            inner = level >= settings.depth // 2
            drop = [nn.Dropout(settings.dropout)] if inner else []
            again = [layers.convolution(wide, wide) for _ in range(_convolutions(level) - 1)]
            self.down.append(nn.Sequential(layers.convolution(before, wide), *again, *drop))
            again = [layers.convolution(wide, wide) for _ in range(_convolutions(level) - 1)]
            back = [layers.convolution(wide, before)] if level else []
            self.up.insert(0, nn.Sequential(*again, *back, *drop))
        self.end = CONV[dims](widths[0], channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        places = []
        for block in self.down:
            full = block(x)
            x, place = _halved(full)
            places.append((place, full.shape))
        for block in self.up:
            place, shape = places.pop()
            x = x.new_zeros(shape).flatten(2).scatter(2, place.flatten(2), x.flatten(2))
            x = block(x.reshape(shape))
        out: Tensor = self.end(x)
        return out


def _halved(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the greatest of each 2 × 2 (× 2) neighbours, and where in the image it was."""
    pool = functional.max_pool3d if x.ndim == 5 else functional.max_pool2d
    greatest, place = pool(x, 2, return_indices=True)
    return greatest, place


def _convolutions(level: int) -> int:
    """Return how many convolutions there are at a level, on the way down and on the way up."""
    return 2 if level < 2 else 3
