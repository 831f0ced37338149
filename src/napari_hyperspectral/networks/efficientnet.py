"""EfficientNet, Tan and Le 2019, along spectra, images or volumes, by MONAI."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

from annotated_types import Ge, Le
from torch import nn

from .base import Ports
from .blocks.backbones import Backbone, monai_missing, with_layers
from .blocks.layers import Dims, Norm


class _Size(NamedTuple):
    width: float
    depth: float
    dropout: float


_SIZES: Final = (
    _Size(1.0, 1.0, 0.2),
    _Size(1.0, 1.1, 0.2),
    _Size(1.1, 1.2, 0.3),
    _Size(1.2, 1.4, 0.3),
    _Size(1.4, 1.8, 0.4),
    _Size(1.6, 2.2, 0.4),
    _Size(1.8, 2.6, 0.5),
    _Size(2.0, 3.1, 0.5),
    _Size(2.2, 3.6, 0.5),
)
"""How many times as wide and as deep as b0 the sizes b0 to b8 are."""
_STAGES: Final = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)
"""Stages of b0, table 1 of the paper, as MONAI spells them: repeats, kernel, stride, expansion,
channels in and out, share of the squeeze."""
_STEM: Final = 32
"""Channels of the first layer of b0."""
_EVEN: Final = 64
"""Side of images that MONAI pads convolutions for; of any multiple of 32, halves are exact."""


class EfficientNet(Backbone):
    """EfficientNet that classifies spectra, or whole images, with few weights."""

    source: ClassVar[str] = (
        "Tan and Le 2019, EfficientNet: rethinking model scaling for convolutional neural "
        "networks, https://arxiv.org/abs/1905.11946; layers of MONAI, https://monai.io"
    )
    drops_paths: ClassVar[bool] = True
    kind: Literal["efficientnet"] = "efficientnet"
    size: Annotated[int, Ge(0), Le(8)] = 0
    """Size, from b0, the smallest, to b8: each is wider and deeper than the one before."""
    width: Annotated[int, Ge(1), Le(512)] = _STEM
    """Channels of the first layer of b0; all others are in proportion. Published: 32."""
    norm: Norm = "group"
    """Normalisation between layers. Published: batch, which needs batches of many examples; group, by
    statistics of each image, works as well with a single image."""

    def layers_for(self, dims: Dims, channels: int, outputs: int) -> nn.Module:
        try:
            from monai.networks.nets.efficientnet import EfficientNet as Layers
        except ImportError as error:
            raise monai_missing("EfficientNet") from error
        size = _SIZES[self.size]
        layers = Layers(
            list(_STAGES),
            dims,
            channels,
            outputs,
            size.width * self.width / _STEM,
            size.depth,
            size.dropout,
            _EVEN,
        )
        return with_layers(layers, dims, self.norm, None)

    def floats_per_pixel(self, ports: Ports) -> int:
        wide = int(6 * _SIZES[self.size].width * self.width)
        return 2 * ports.bands_in + wide * self.depth_with_padding(ports)

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4)
