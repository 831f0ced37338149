"""Cubic interpolation: what every network that gives finer pixels has to beat.

Source: Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711 (with a = −3/4, as PyTorch has it:
sharper than his −1/2). Where its task projects results, it is consistent with its input as theirs.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self

from torch import Tensor

from ..networks.base import FittedModule, Ports, enlarged
from .base import Arrays, ImageClassic, TrainingData

_RADIUS: Final = 2
"""Pixels at which cubic interpolation sees another one."""


class Bicubic(ImageClassic):
    """Cubic interpolation of each band; it learns nothing, and invents nothing."""

    source: ClassVar[str] = "Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711"
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    uses_targets: ClassVar[bool] = False
    kind: Literal["bicubic"] = "bicubic"

    @property
    def averages_turns(self) -> bool:
        return True  # the interpolation of a turned image is the turned one

    @property
    def receptive_radius(self) -> int:
        return _RADIUS

    def build(self, ports: Ports) -> FittedModule:
        return _Bicubic(ports)

    def floats_per_pixel(self, ports: Ports) -> int:
        return ports.bands_in * (1 + 2 * ports.scale**2)

    def fit(self, data: TrainingData) -> Arrays:
        return {}  # there is nothing to fit

    @classmethod
    def smallest(cls) -> Self:
        return cls()


class _Bicubic(FittedModule):
    def __init__(self, ports: Ports) -> None:
        super().__init__()
        self.scale = ports.scale
        self.offset = ports.offset

    def forward(self, x: Tensor) -> Tensor:
        return enlarged(x, self.scale, self.offset)
