"""Densely connected networks, Huang et al. 2017, along spectra, images or volumes, by MONAI."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from annotated_types import Ge, Le, Lt
from torch import nn

from .base import Ports
from .blocks.backbones import Backbone, monai_missing, with_layers
from .blocks.layers import Activation, Dims, Norm

_LAYOUTS: Final = {
    121: (32, (6, 12, 24, 16)),
    161: (48, (6, 12, 36, 24)),
    169: (32, (6, 12, 32, 32)),
    201: (32, (6, 12, 48, 32)),
}
"""Growth, and layers of each size of the image: table 1 of the paper."""


class DenseNet(Backbone):
    """Densely connected network (DenseNet) that classifies spectra, or whole images."""

    source: ClassVar[str] = (
        "Huang et al. 2017, Densely connected convolutional networks, "
        "https://arxiv.org/abs/1608.06993; layers of MONAI, https://monai.io"
    )
    kind: Literal["densenet"] = "densenet"
    layers: Literal[121, 161, 169, 201] = 121
    """Layers, as published; each sees the outputs of all before it in its block."""
    growth: Annotated[int, Ge(0), Le(512)] = 0
    """Channels that each layer adds; 0 means the published 32 (161 layers: 48)."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Dropout: share of channels that are set to 0 in each training step, against overfitting."""
    norm: Norm = "group"
    """Normalisation between layers. Published: batch, which needs batches of many examples; group, by
    statistics of each image, works as well with a single image."""
    activation: Activation = "relu"
    """Activation between layers. relu: 0 below 0; leaky relu: a tenth of it; prelu: a share of it that
    is learned. Published: relu."""

    def layers_for(self, dims: Dims, channels: int, outputs: int) -> nn.Module:
        try:
            from monai.networks.nets.densenet import DenseNet as Layers
        except ImportError as error:
            raise monai_missing("DenseNet") from error
        growth = self._growth
        _, counts = _LAYOUTS[self.layers]
        layers = Layers(
            dims, channels, outputs, 2 * growth, growth, counts, dropout_prob=self.dropout
        )
        return with_layers(layers, dims, self.norm, self.activation)

    @property
    def _growth(self) -> int:
        return self.growth or _LAYOUTS[self.layers][0]

    def floats_per_pixel(self, ports: Ports) -> int:
        return 2 * ports.bands_in + 16 * self._growth * self.depth_with_padding(ports)

    @classmethod
    def smallest(cls) -> Self:
        return cls(growth=2)
