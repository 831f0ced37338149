"""The classifiers of MONAI, applied to spectra, images and volumes of any size.

MONAI (https://monai.io, Apache-2.0) has the published networks for signals, images and volumes.
Here their normalisations and activations are replaced by ours, as its own settings choose them in
some layers only (1.6: not inside the blocks of ResNet), and inputs are padded to their smallest size.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final, Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from ...errors import MissingPackageError
from ...random_numbers import Dropout, Randomised, drawing_from
from ..base import Network, NetworkModule, Ports
from .layers import Activation, Dims, Norm, activation_of, norm_of

Along: TypeAlias = Literal["spectrum", "image", "volume"]

_STRIDE: Final = 32
"""All of them halve their input five times."""
_DIMS: Final[dict[str, Dims]] = {"spectrum": 1, "image": 2, "volume": 3}


class Backbone(Network):
    """A classifier: layers that halve a signal, image or volume until one output is left."""

    drops_paths: ClassVar[bool] = False
    """Whether its layers draw random numbers themselves in training."""
    along: Along = "spectrum"
    """Axes of its convolutions. spectrum: the bands of each pixel, with an output for each pixel; image:
    rows and columns, with bands as channels; volume: rows, columns and bands. The last two have one
    output for the image."""

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
        layers = self.layers_for(_DIMS[self.along], channels, ports.bands_out)
        return _Classifier(self.along, layers, drops_paths=self.drops_paths)

    def depth_with_padding(self, ports: Ports) -> int:
        """Return the number of bands along which its convolutions move, with those of the padding."""
        if self.along == "image":
            return 1
        return max(2 * _STRIDE, ports.bands_in)

    @abstractmethod
    def layers_for(self, dims: Dims, channels: int, outputs: int) -> nn.Module:
        """Return layers from (batch, channels, …), with `dims` further axes, to (batch, outputs)."""


class _Classifier(NetworkModule, Randomised):
    """Layers of a classifier, applied to each spectrum, to the image or to the volume.

    Parameters
    ----------
    along : str
        What it is applied to.
    layers : Module
        Its layers.
    drops_paths : bool
        Whether layers of MONAI draw random numbers themselves: which branches to leave out.
    """

    def __init__(self, along: Along, layers: nn.Module, *, drops_paths: bool) -> None:
        super().__init__()
        self.along = along
        self.layers = layers
        self.drops_paths = drops_paths

    def forward(self, x: Tensor) -> Tensor:
        batch, bands, height, width = x.shape
        match self.along:
            case "image":
                inputs = x
            case "volume":
                inputs = x[:, None]  # (batch, 1, band, y, x)
            case "spectrum":
                inputs = x.permute(0, 2, 3, 1).reshape(-1, 1, bands)
        generator = None
        if self.training and self.drops_paths:
            generator = self.generator_on(x.device)
        with drawing_from(generator):
            outputs: Tensor = self.layers(_large_enough(inputs))
        if self.along == "spectrum":
            return outputs.reshape(batch, height, width, -1).permute(0, 3, 1, 2)
        return outputs[:, :, None, None]


def _large_enough(x: Tensor) -> Tensor:
    """Return inputs padded by their last values, so that two values are left after all halvings.

    A single one has no variance: with one image in a batch, batch and instance normalisation refuse
    it, and others make it 0.
    """
    smallest = [2 * _STRIDE, *[_STRIDE] * (x.ndim - 3)]
    padding: list[int] = []  # functional.pad begins with the last axis
    for needed, size in zip(smallest[::-1], x.shape[:1:-1], strict=True):
        padding += [0, max(0, needed - size)]
    if not any(padding):
        return x
    return functional.pad(x, padding, mode="replicate")


def with_layers(
    layers: nn.Module, dims: Dims, norm: Norm, activation: Activation | None
) -> nn.Module:
    """Return layers with this normalisation and activation in place of batch norm and ReLU.

    Without an activation, theirs stay.
    """
    for name, layer in layers.named_children():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            setattr(layers, name, norm_of(norm, layer.num_features, dims))
        elif isinstance(layer, nn.ReLU) and activation is not None:
            setattr(layers, name, activation_of(activation))
        elif isinstance(layer, nn.Dropout | nn.Dropout2d | nn.Dropout3d):
            of_channels = not isinstance(layer, nn.Dropout)
            setattr(layers, name, Dropout(layer.p, of_channels=of_channels))
        else:
            with_layers(layer, dims, norm, activation)
    return layers


def monai_missing(kind: str) -> MissingPackageError:
    """Return the error that says how to install MONAI."""
    return MissingPackageError("MONAI", "classifiers", kind)
