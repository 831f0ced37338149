"""A network that sees one spectrum at a time, all bands at once."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from annotated_types import Ge, Le, Lt
from torch import Tensor, nn

from ..random_numbers import Dropout
from .base import NetworkModule, Ports, SpectrumNetwork


class Pixelwise(SpectrumNetwork):
    """Multilayer perceptron on each spectrum; fast, needs little data, ignores neighbours."""

    source: ClassVar[str] = (
        "Rumelhart et al. 1986, Learning representations by back-propagating errors, "
        "https://doi.org/10.1038/323533a0"
    )
    kind: Literal["pixelwise"] = "pixelwise"
    width: Annotated[int, Ge(1), Le(4096)] = 128
    """Units of each hidden layer."""
    layers: Annotated[int, Ge(1), Le(8)] = 2
    """Hidden layers."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Dropout: share of hidden units that are set to 0 in each training step, against overfitting."""

    def build(self, ports: Ports) -> NetworkModule:
        return _Pixelwise(self, ports)

    def floats_per_pixel(self, ports: Ports) -> int:
        return 2 * max(ports.bands_in, ports.bands_out, self.width)

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4, layers=1)


class _Pixelwise(NetworkModule):
    def __init__(self, settings: Pixelwise, ports: Ports) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = ports.bands_in
        for _ in range(settings.layers):
            layers += [nn.Conv2d(channels, settings.width, 1), nn.GELU()]
            layers += [Dropout(settings.dropout)]
            channels = settings.width
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, ports.bands_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out
