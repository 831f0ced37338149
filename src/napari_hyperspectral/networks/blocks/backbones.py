"""How the classifiers of MONAI look at a cube, and what makes them fit any size.

MONAI (https://monai.io, Apache-2.0) has the published networks for signals, images and volumes
alike. Here they get our layers, for its own take the choice of normalisation and activation in
some places only (1.6: not inside the blocks of ResNet), and images that are never too small for
them.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from ...errors import MissingPackageError
from ..base import Network, NetworkModule, Ports
from .layers import Activation, Dims, Norm, activation_of, norm_of

Along: TypeAlias = Literal["spectrum", "image", "volume"]

_SHRINK: Final = 32
"""All of them halve what they look at five times."""
_DIMS: Final[dict[str, Dims]] = {"spectrum": 1, "image": 2, "volume": 3}


class Backbone(Network):
    """Layers that halve a signal, image or volume until one answer is left."""

    along: Along = "spectrum"
    """What it looks along: each spectrum by itself, which gives each pixel a result; the image,
    with bands as channels, or the volume of bands and image, which give one for the whole image."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "spectrum" if self.along == "spectrum" else "image"

    @property
    def output_level(self) -> Literal["pixel", "image"]:
        return "pixel" if self.along == "spectrum" else "image"

    @property
    def uses_image_statistics(self) -> bool:
        return self.output_level == "image"

    @property
    def receptive_radius(self) -> int:
        return 0

    @property
    def stride(self) -> int:
        return 1

    def build(self, ports: Ports) -> NetworkModule:
        channels = ports.bands_in if self.along == "image" else 1
        return _Looking(self.along, self.layers_for(_DIMS[self.along], channels, ports.bands_out))

    def places(self, ports: Ports) -> int:
        """Return how many places along the spectrum its layers see, repeated ones among them."""
        return 1 if self.along == "image" else max(2 * _SHRINK, ports.bands_in)

    @abstractmethod
    def layers_for(self, dims: Dims, channels: int, answers: int) -> nn.Module:
        """Return layers that take (batch, channels, …), of `dims` sizes, to (batch, answers)."""


class _Looking(NetworkModule):
    def __init__(self, along: Along, layers: nn.Module) -> None:
        super().__init__()
        self.along = along
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        batch, bands, height, width = x.shape
        if self.along == "image":
            seen = x
        elif self.along == "volume":
            seen = x[:, None]
        else:
            seen = x.permute(0, 2, 3, 1).reshape(-1, 1, bands)
        answers: Tensor = self.layers(_large_enough(seen))
        if self.along == "spectrum":
            return answers.reshape(batch, height, width, -1).permute(0, 3, 1, 2)
        return answers[:, :, None, None]


def _large_enough(x: Tensor) -> Tensor:
    """Repeat the last values until two places are left at the end, and never a single one.

    A single one has no spread: with one image in a batch, batch and instance normalisation refuse
    it, and others make it 0.
    """
    least = [2 * _SHRINK, *[_SHRINK] * (x.ndim - 3)]
    missing = [max(0, target - size) for target, size in zip(least, x.shape[2:], strict=True)]
    if not any(missing):
        return x
    return functional.pad(x, [n for pair in missing[::-1] for n in (0, pair)], mode="replicate")


def with_layers(
    layers: nn.Module, dims: Dims, norm: Norm, activation: Activation | None
) -> nn.Module:
    """Return layers with our normalisation and activation in place of batch norm and ReLU.

    No activation leaves theirs.
    """
    for name, layer in layers.named_children():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            setattr(layers, name, norm_of(norm, layer.num_features, dims))
        elif isinstance(layer, nn.ReLU) and activation is not None:
            setattr(layers, name, activation_of(activation))
        else:
            with_layers(layer, dims, norm, activation)
    return layers


def monai_missing(kind: str) -> MissingPackageError:
    """Return the error that tells how to get MONAI."""
    return MissingPackageError("MONAI", "classifiers", kind)
