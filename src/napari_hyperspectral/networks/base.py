"""What every network offers."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from ..settings import Settings


class Ports(Settings):
    """What goes into a network and what comes out."""

    bands_in: int
    """Bands of the cube it takes."""
    bands_out: int
    """Bands, or classes, of what it gives."""
    scale: Annotated[int, Ge(1)] = 1
    """Rows, and columns, of what it gives for each of what it takes."""
    image_level: bool = False
    """Whether it gives one answer for an image, not one for each pixel."""
    offset: tuple[float, float] = (0.0, 0.0)
    """Rows and columns of what it gives by which its input was sampled beside the middle of each
    block: point scans of even steps are."""
    changes_bands: bool = False
    """Whether it gives something else than the bands it takes, were it as many: classes, say."""

    @property
    def same_bands(self) -> bool:
        """Whether it gives the bands that it takes."""
        return self.bands_in == self.bands_out and not self.changes_bands


class NetworkModule(nn.Module):
    """A network at work on normalised numbers.

    (batch, bands_in, y, x) to (batch, bands_out, y · scale, x · scale), or to
    (batch, bands_out, 1, 1) where one answer for the whole image is wanted.
    """

    def initialise_from(self, spectra: Tensor) -> None:
        """Take a better start than chance from normalised training spectra, (spectrum, band)."""


class Network(Settings):
    """The settings of a network, and how to build it."""

    source: ClassVar[str]
    """The paper it comes from."""
    scales: ClassVar[tuple[int, ...]] = ()
    """By how much it can upscale by itself; by anything else, its input is upscaled before."""

    @property
    @abstractmethod
    def operates_on(self) -> Literal["spectrum", "image"]:
        """What it looks at: one spectrum at a time, or the whole image at once."""

    @property
    def output_level(self) -> Literal["pixel", "image"]:
        """What it gives a result for: each pixel, or only the image as a whole."""
        return "pixel"

    @property
    def uses_image_statistics(self) -> bool:
        """Whether averages over the image enter: then tiles are only nearly right."""
        return False

    @abstractmethod
    def build(self, ports: Ports) -> NetworkModule:
        """Return a fresh network for these ports, as far as it serves them: see `build_module`."""

    @property
    @abstractmethod
    def receptive_radius(self) -> int:
        """Greatest distance, in pixels, at which an input pixel can change an output pixel.

        Averages over the image, of which `uses_image_statistics` tells, are not counted.
        """

    @property
    @abstractmethod
    def stride(self) -> int:
        """Heights and widths must be multiples of this; images are padded to it and cropped back."""

    @abstractmethod
    def floats_per_pixel(self, ports: Ports) -> int:
        """Return about how many numbers a pixel of the input needs at once in a prediction."""

    @classmethod
    @abstractmethod
    def smallest(cls) -> Self:
        """Return settings for tests: the same network, as small as it gets."""


class SpectrumNetwork(Network):
    """A network that looks at one spectrum at a time: no pixel knows of another."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "spectrum"

    @property
    def receptive_radius(self) -> int:
        return 0

    @property
    def stride(self) -> int:
        return 1


class ImageNetwork(Network):
    """A network that looks at the whole image at once."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "image"


def build_module(network: Network, ports: Ports) -> NetworkModule:
    """Return a fresh network for any ports.

    One that cannot upscale works on an image that was enlarged before, and is asked for the
    difference; one that answers for each pixel is averaged where one answer is wanted.

    Raises
    ------
    ValueError
        If an answer for each pixel is wanted of a network that gives one for the whole image.
    """
    if ports.image_level:
        module = network.build(ports)
        return module if network.output_level == "image" else _Averaged(module)
    if network.output_level == "image":
        raise ValueError(
            f"{type(network).__name__} gives one answer for a whole image, not one for each "
            "pixel; choose a network such as SpectralUNet or UNet"
        )
    if ports.scale == 1 or ports.scale in network.scales:
        return network.build(ports)
    return _Enlarged(network.build(ports.model_copy(update={"scale": 1})), ports)


class Geometry(NamedTuple):
    """What tiles and batches need to know of a network, in pixels of its input."""

    receptive_radius: int
    """How far it sees beyond a pixel."""
    stride: int
    """What heights and widths must be multiples of."""
    floats: int
    """About how many numbers a pixel needs at once in a prediction."""


def geometry_of(network: Network, ports: Ports) -> Geometry:
    """Return the geometry of what `build_module` gives."""
    if ports.image_level or ports.scale == 1 or ports.scale in network.scales:
        return Geometry(network.receptive_radius, network.stride, network.floats_per_pixel(ports))
    cubic = 2
    fine = network.floats_per_pixel(ports) + ports.bands_in + ports.bands_out  # what it is added to
    return Geometry(
        -(-network.receptive_radius // ports.scale) + cubic,
        network.stride // math.gcd(network.stride, ports.scale),
        fine * ports.scale**2,
    )


def enlarged(image: Tensor, scale: int, offset: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Enlarge images, (batch, band, y, x), by cubic interpolation; what was measured stays put.

    `offset` says by how many fine rows and columns the centres of coarse pixels lie beside the
    middle of their areas.
    """
    if not any(offset):
        return functional.interpolate(
            image, scale_factor=scale, mode="bicubic", align_corners=False
        )
    places = [
        ((torch.arange(side * scale, device=image.device) - shift + 0.5) / side / scale) * 2 - 1
        for side, shift in zip(image.shape[-2:], offset, strict=True)
    ]
    y, x = torch.meshgrid(*places, indexing="ij")
    grid = torch.stack([x, y], dim=-1).to(image).expand(len(image), -1, -1, -1)
    return functional.grid_sample(
        image, grid, mode="bicubic", padding_mode="border", align_corners=False
    )


class _Averaged(NetworkModule):
    """The mean of what a network gives for each pixel."""

    def __init__(self, module: NetworkModule) -> None:
        super().__init__()
        self.module = module

    def initialise_from(self, spectra: Tensor) -> None:
        self.module.initialise_from(spectra)

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.module(x).mean(dim=(-2, -1), keepdim=True)
        return mean


class _Enlarged(NetworkModule):
    """A network on an image that was enlarged before; what it gives is added to that image."""

    def __init__(self, module: NetworkModule, ports: Ports) -> None:
        super().__init__()
        self.module = module
        self.scale, self.offset = ports.scale, ports.offset
        # begins close to plain interpolation, which is hard to beat for the first hundred steps
        self.share = nn.Parameter(torch.tensor(0.1)) if ports.same_bands else None

    def initialise_from(self, spectra: Tensor) -> None:
        self.module.initialise_from(spectra)

    def forward(self, x: Tensor) -> Tensor:
        large = enlarged(x, self.scale, self.offset)
        out: Tensor = self.module(large)
        return out if self.share is None else large + self.share * out
