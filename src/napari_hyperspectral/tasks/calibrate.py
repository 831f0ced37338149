"""Calibration: from spectra of one instrument to those that another would have measured.

Source: the learned form of instrument standardisation (Wang et al. 1991,
https://doi.org/10.1021/ac00023a016), as spectrai offers it for Raman spectra. Ours: axes may
differ in length, range and spacing, and results carry the axis of the reference.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis
from ..cube import Cube
from ..networks import Normalisation, Normalised
from . import selection
from .base import Example, PairSettings
from .intensities import IntensityTask, intensity_loss, paired_example


class Calibrate(PairSettings, IntensityTask):
    """Learn to turn spectra into those of a reference instrument, from samples measured by both."""

    source: ClassVar[str] = "Wang et al. 1991, https://doi.org/10.1021/ac00023a016"
    maps_spectra: ClassVar[bool] = True
    has_linear_solution: ClassVar[bool] = True
    input_name: ClassVar[str] = "measured"
    target_name: ClassVar[str | None] = "reference"
    selection_name: ClassVar[str] = "fitted error"
    kind: Literal["calibrate"] = "calibrate"
    normalise: Normalisation = "mean"
    """How spectra are normalised, and results scaled back. mean, maximum: each spectrum, with its
    reference, by its own; band, cube: by mean and standard deviation of the training data, of each
    band or of all bands together, to calibrate brightness as well."""

    def example(self, *, measured: Cube, reference: Cube) -> Example:
        """Pair spectra with those that the reference instrument measured of the same samples.

        Raises
        ------
        ValueError
            If their numbers, or places, differ, or no spectrum is measured by both.
        """
        return paired_example(measured, reference, same_pixels=self.same_pixels)

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return intensity_loss(network, input, target, self)

    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        return selection.fitted_error(prediction, target)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        return cube.after(
            f"calibrated to {output_axis}",
            data=predicted,
            axis=output_axis,
            intensity_unit=None,
            name=f"{cube.name} calibrated".strip(),
        )
