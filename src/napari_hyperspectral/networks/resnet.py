"""Residual networks, He et al. 2016, along spectra, images or volumes, by MONAI."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from annotated_types import Ge, Le
from torch import nn

from .base import Ports
from .blocks.backbones import Backbone, monai_missing, with_layers
from .blocks.layers import Activation, Dims, Norm

_LAYOUTS: Final = {
    18: ("basic", [2, 2, 2, 2]),
    34: ("basic", [3, 4, 6, 3]),
    50: ("bottleneck", [3, 4, 6, 3]),
    101: ("bottleneck", [3, 4, 23, 3]),
    152: ("bottleneck", [3, 8, 36, 3]),
}
"""Kind of block, and blocks of each size of the image: table 1 of the paper."""


class ResNet(Backbone):
    """Residual network (ResNet) that classifies spectra, or whole images."""

    source: ClassVar[str] = (
        "He et al. 2016, Deep residual learning for image recognition, "
        "https://arxiv.org/abs/1512.03385; layers of MONAI, https://monai.io"
    )
    kind: Literal["resnet"] = "resnet"
    layers: Literal[18, 34, 50, 101, 152] = 18
    """Layers, as published; from 50 on in blocks with a bottleneck."""
    width: Annotated[int, Ge(1), Le(512)] = 64
    """Channels of the first layer; the last have eight times as many, with bottlenecks 32 times."""
    norm: Norm = "group"
    """Normalisation between layers. Published: batch, which needs batches of many examples; group, by
    statistics of each image, works as well with a single image."""
    activation: Activation = "relu"
    """Activation between layers. relu: 0 below 0; leaky relu: a tenth of it; prelu: a share of it that
    is learned. Published: relu."""

    def layers_for(self, dims: Dims, channels: int, outputs: int) -> nn.Module:
        try:
            from monai.networks.nets.resnet import ResNet as Layers
        except ImportError as error:
            raise monai_missing("ResNet") from error
        block, counts = _LAYOUTS[self.layers]
        widths = [self.width * times for times in (1, 2, 4, 8)]
        layers = Layers(
            block,
            counts,
            widths,
            dims,
            channels,
            conv1_t_stride=2,
            num_classes=outputs,
            bias_downsample=False,
        )
        return with_layers(layers, dims, self.norm, self.activation)

    def floats_per_pixel(self, ports: Ports) -> int:
        return 2 * ports.bands_in + 4 * self.width * self.depth_with_padding(ports)

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=2)
