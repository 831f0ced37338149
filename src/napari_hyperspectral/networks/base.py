"""What every network offers."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, Self

from torch import Tensor, nn

from ..settings import Settings


class Ports(Settings):
    """What goes into a network and what comes out."""

    bands_in: int
    """Bands of the cube it takes."""
    bands_out: int
    """Bands, or classes, of what it gives."""


class Body(nn.Module):
    """A network at work on normalised numbers: (batch, bands_in, y, x) to (batch, bands_out, y, x)."""

    def start_from(self, spectra: Tensor) -> None:
        """Take a better start than chance from normalised training spectra, (spectrum, band)."""


class Network(Settings):
    """The settings of a network, and how to build it."""

    source: ClassVar[str]
    """The paper it comes from."""
    view: ClassVar[Literal["spectrum", "image"]]
    """What it looks at: one spectrum at a time, or the whole image at once."""

    @abstractmethod
    def build(self, ports: Ports) -> Body:
        """Return a fresh network for these ports."""

    @property
    @abstractmethod
    def reach(self) -> int:
        """Greatest distance, in pixels, at which an input pixel can change an output pixel."""

    @property
    @abstractmethod
    def stride(self) -> int:
        """Heights and widths must be multiples of this; images are padded to it and cropped back."""

    @abstractmethod
    def floats_a_pixel(self, ports: Ports) -> int:
        """Return about how many numbers a pixel needs at once in a prediction."""

    @classmethod
    @abstractmethod
    def smallest(cls) -> Self:
        """Return settings for tests: the same network, as small as it gets."""


class SpectrumNetwork(Network):
    """A network that looks at one spectrum at a time: no pixel knows of another."""

    view: ClassVar[Literal["spectrum", "image"]] = "spectrum"

    @property
    def reach(self) -> int:
        return 0

    @property
    def stride(self) -> int:
        return 1
