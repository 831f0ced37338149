"""Super-resolution: smaller pixels than were measured.

Sources: Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178; the bicubic degradation,
Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711. Ours: the degradation is stated, applied to
fine images in training and never in a prediction, results lie where their input lies, and may be
made consistent with it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis
from ..cube import Cube
from ..networks import Normalised
from .intensities import intensity_loss
from .super_resolution import SuperResolutionTask


class SuperResolve(SuperResolutionTask):
    """Learn from fine images, and coarse ones made of them, to give others smaller pixels."""

    source: ClassVar[str] = "Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178"
    kind: Literal["super_resolve"] = "super_resolve"
    scale: Literal[2, 3, 4, 8] = 4
    """Scale: how many times smaller pixels get, in rows and in columns."""

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return intensity_loss(network, input, target, self)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        return self.upscaled_cube(predicted, cube, "super-resolved")
