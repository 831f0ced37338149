"""What every method offers, network or classical, and what networks add."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Self

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..settings import RecipeLike, Settings

_CUBIC_RADIUS: Final = 2
"""Pixels at which cubic interpolation sees another one."""


class Ports(Settings):
    """What goes into a network and what comes out."""

    bands_in: int
    """Bands of the input."""
    bands_out: int
    """Bands, or classes, of the output."""
    scale: Annotated[int, Ge(1)] = 1
    """Rows, and columns, of the output for each of the input."""
    image_level: bool = False
    """Whether there is one output for an image, not one for each pixel."""
    offset: tuple[float, float] = (0.0, 0.0)
    """Rows and columns of the output from the middle of a block to where its input was sampled; not
    0 for point scans of even steps."""
    changes_bands: bool = False
    """Whether the output has other bands than the input, even if as many: classes, say."""

    @property
    def same_bands(self) -> bool:
        """Whether the output has the bands of the input."""
        return self.bands_in == self.bands_out and not self.changes_bands


class NetworkModule(nn.Module):
    """The PyTorch module of a network, from and to normalised values.

    (batch, bands_in, y, x) to (batch, bands_out, y · scale, x · scale), or at image level to
    (batch, bands_out, 1, 1).
    """

    def initialise_from(self, spectra: Tensor) -> None:
        """Initialise weights from normalised training spectra, (spectrum, band), where that helps."""


class FittedModule(NetworkModule):
    """A module whose numbers are fitted in one go, and are as many as the data made them.

    They are buffers, empty until `set_arrays` or `load_state_dict` fills them; whatever size a file
    holds is taken over.
    """

    def set_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Fill the buffers with what a fit returned, by their names; floats become float32."""
        state = {}
        for name, array in arrays.items():
            tensor = torch.from_numpy(np.array(array))  # a copy: of 0 dimensions, too
            state[name] = tensor.float() if tensor.is_floating_point() else tensor
        self.load_state_dict(state)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any
    ) -> None:
        for name, buffer in self._buffers.items():
            stored = state_dict.get(prefix + name)
            if buffer is not None and isinstance(stored, Tensor) and stored.shape != buffer.shape:
                self._buffers[name] = buffer.new_empty(stored.shape, dtype=stored.dtype)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class Method(Settings):
    """The settings of a method, network or classical, and how to build its module."""

    source: ClassVar[str]
    """The publication of the method."""
    scales: ClassVar[tuple[int, ...]] = ()
    """Scales that it upsamples by itself; for others, its input is upsampled first."""

    @property
    @abstractmethod
    def operates_on(self) -> Literal["spectrum", "image"]:
        """What one input of it is: a single spectrum, or an image."""

    @property
    def begins_linear(self) -> bool:
        """Whether it begins with a linear map, fitted before its first step, where a task has one."""
        return False

    @property
    def output_level(self) -> Literal["pixel", "image"]:
        """What it has an output for: each pixel, or the image as a whole."""
        return "pixel"

    @property
    def uses_image_statistics(self) -> bool:
        """Whether averages over the image enter, so that tiles are only nearly exact."""
        return False

    @property
    def averages_turns(self) -> bool:
        """Whether a turned image gives the turned result already: a mean over turns changes nothing."""
        return self.operates_on == "spectrum"

    @abstractmethod
    def build(self, ports: Ports) -> NetworkModule:
        """Return a fresh module for these ports, if it supports them: see `build_module`."""

    @property
    @abstractmethod
    def receptive_radius(self) -> int:
        """Greatest distance, in pixels, at which an input pixel can change an output pixel.

        Averages over the image do not count: see `uses_image_statistics`.
        """

    @property
    @abstractmethod
    def stride(self) -> int:
        """Heights and widths must be multiples of this; images are padded, and results cropped."""

    @abstractmethod
    def floats_per_pixel(self, ports: Ports) -> int:
        """Return about how many numbers a prediction holds at once for each pixel of the input."""

    @classmethod
    @abstractmethod
    def smallest(cls) -> Self:
        """Return settings of the smallest method of this kind, for tests."""


class SpectrumMethod(Method):
    """A method that sees one spectrum at a time: pixels do not affect each other."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "spectrum"

    @property
    def receptive_radius(self) -> int:
        return 0

    @property
    def stride(self) -> int:
        return 1


class Network(Method):
    """The settings of a network, which learns by gradient descent."""

    linear_skip: bool = True
    """Begin with the ridge regression of the training spectra, to which the network learns what to
    add: with few spectra it is hardly worse than the regression. Off: as published, the network
    learns everything."""

    @property
    def begins_linear(self) -> bool:
        return self.linear_skip

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = super().inactive(recipe)
        if not recipe.task.has_linear_solution:
            why = "Only for intensities of the same pixels: elsewhere no regression is a solution."
            reasons["linear_skip"] = why
        return reasons


class SpectrumNetwork(SpectrumMethod, Network):
    """A network that sees one spectrum at a time."""


class ImageNetwork(Network):
    """A network that sees images."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "image"


def build_module(method: Method, ports: Ports) -> NetworkModule:
    """Return a fresh module of a method for any ports.

    A method that cannot upsample works on an enlarged image and predicts the difference to it; at
    image level, outputs for each pixel are averaged.

    Raises
    ------
    ValueError
        If the method has one output for the image, but the ports one for each pixel.
    """
    if ports.image_level:
        module = method.build(ports)
        if method.output_level == "image":
            return module
        return _Averaged(module)
    if method.output_level == "image":
        raise ValueError(
            f"{type(method).__name__} gives one answer for a whole image, not one for each "
            "pixel; choose a network such as SpectralUNet or UNet"
        )
    if ports.scale == 1 or ports.scale in method.scales:
        return method.build(ports)
    return _Enlarged(method.build(ports.model_copy(update={"scale": 1})), ports)


class TileGeometry(NamedTuple):
    """What tiles and batches depend on, in pixels of the input of a network."""

    receptive_radius: int
    """Greatest distance at which an input pixel can change an output pixel."""
    stride: int
    """Heights and widths must be multiples of this."""
    floats: int
    """About how many numbers a prediction holds at once for each pixel."""


def tile_geometry_of(method: Method, ports: Ports) -> TileGeometry:
    """Return the geometry of the module that `build_module` returns."""
    floats = method.floats_per_pixel(ports)
    if ports.image_level or ports.scale == 1 or ports.scale in method.scales:
        return TileGeometry(method.receptive_radius, method.stride, floats)
    # the method works on enlarged pixels, and its output is added to the enlarged image
    floats = (floats + ports.bands_in + ports.bands_out) * ports.scale**2
    radius = math.ceil(method.receptive_radius / ports.scale) + _CUBIC_RADIUS
    stride = method.stride // math.gcd(method.stride, ports.scale)
    return TileGeometry(radius, stride, floats)


def enlarged(image: Tensor, scale: int, offset: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Return images enlarged by cubic interpolation, every detail at its position.

    Parameters
    ----------
    image : Tensor, shape (batch, band, y, x)
    scale : int
        Rows, and columns, of the result for each of the image.
    offset : (float, float)
        Rows and columns of the result from the middle of a coarse pixel to where it was sampled.

    Returns
    -------
    Tensor, shape (batch, band, y · scale, x · scale)
    """
    if not any(offset):
        return functional.interpolate(
            image, scale_factor=scale, mode="bicubic", align_corners=False
        )
    positions = []  # of fine rows, and of fine columns, in an image whose edges are at ±1
    for side, shift in zip(image.shape[-2:], offset, strict=True):
        fine = torch.arange(side * scale, device=image.device) - shift + 0.5
        positions.append((fine / side / scale) * 2 - 1)
    y, x = torch.meshgrid(*positions, indexing="ij")
    grid = torch.stack([x, y], dim=-1).to(image)  # grid_sample counts x before y
    grid = grid.expand(len(image), -1, -1, -1)
    return functional.grid_sample(
        image, grid, mode="bicubic", padding_mode="border", align_corners=False
    )


class _Averaged(NetworkModule):
    """The mean over the image of a network's output for each pixel."""

    def __init__(self, module: NetworkModule) -> None:
        super().__init__()
        self.module = module

    def initialise_from(self, spectra: Tensor) -> None:
        self.module.initialise_from(spectra)

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.module(x).mean(dim=(-2, -1), keepdim=True)
        return mean


class _Enlarged(NetworkModule):
    """A network applied to the enlarged image, to which its output is added."""

    def __init__(self, module: NetworkModule, ports: Ports) -> None:
        super().__init__()
        self.module = module
        self.scale, self.offset = ports.scale, ports.offset
        # starts close to plain interpolation, which is hard to beat for the first hundred steps
        self.share = nn.Parameter(torch.tensor(0.1)) if ports.same_bands else None

    def initialise_from(self, spectra: Tensor) -> None:
        self.module.initialise_from(spectra)

    def forward(self, x: Tensor) -> Tensor:
        large = enlarged(x, self.scale, self.offset)
        out: Tensor = self.module(large)
        if self.share is None:  # outputs are not the bands of the input
            return out
        return large + self.share * out
