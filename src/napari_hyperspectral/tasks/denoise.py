"""Denoising: from a noisy cube to a clean one of the same bands.

Source: Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178. Ours: any number of
bands, an invertible normalisation, and missing values that are ignored and stay missing.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis, axis_difference, axis_in_full
from ..cube import Cube
from ..networks import Normalisation, Normalised
from ..place.same import WAYS_OUT_OF_SIZES, check_same_place
from . import selection
from .base import Example, PairSettings, measured_planes, source_of
from .intensities import IntensityTask, Penalty, intensity_loss


class Denoise(PairSettings, IntensityTask):
    """Learn to remove noise from pairs of noisy and clean measurements of the same pixels."""

    source: ClassVar[str] = "Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178"
    preserves_bands: ClassVar[bool] = True
    has_linear_solution: ClassVar[bool] = True
    input_name: ClassVar[str] = "noisy"
    target_name: ClassVar[str | None] = "clean"
    selection_name: ClassVar[str] = "fitted error"
    kind: Literal["denoise"] = "denoise"
    penalty: Penalty = "l2"
    """Loss of each intensity. l2: squared error, predicts the mean of what is possible and suits
    counting noise; l1: absolute error, keeps peaks sharper, as published; huber: l2 up to one standard
    deviation of the data and l1 beyond; charbonnier: l1 without its corner at 0."""
    normalise: Normalisation = "mean"
    """How spectra are normalised, and results scaled back. mean, maximum: each spectrum by its own
    (maximum as in DeepeR; noise biases it); band, cube: by mean and standard deviation of the training
    data, of each band or of all bands together."""

    def example(self, *, noisy: Cube, clean: Cube) -> Example:
        """Pair a noisy cube with a clean one of equal shape and bands.

        Raises
        ------
        ValueError
            If shapes, bands or places differ, or no pixel is measured in both.
        """
        if noisy.shape != clean.shape:
            raise ValueError(
                f"noisy {noisy.name!r} is {noisy.shape}, clean {clean.name!r} is {clean.shape}; "
                f"they must show the same pixels and bands: {WAYS_OUT_OF_SIZES}"
            )
        check_same_place(noisy, clean, same_pixels=self.same_pixels)
        if not noisy.axis.same_bands(clean.axis):
            raise ValueError(
                f"noisy {noisy.name!r} has {axis_in_full(noisy.axis)}, clean {clean.name!r} has "
                f"{axis_in_full(clean.axis)}; they differ in "
                f"{axis_difference(noisy.axis, clean.axis)}: resample one to the bands of the other"
            )
        input = measured_planes(noisy)  # (plane, band, y, x)
        target = measured_planes(clean)
        good = noisy.axis.good & clean.axis.good
        target = np.where(good[:, None, None], target, np.float32(np.nan))
        known = np.asarray((np.isfinite(input) & np.isfinite(target)).any(axis=1))
        if not known.any():
            raise ValueError(
                f"no pixel is measured in both {noisy.name!r} and {clean.name!r}; "
                "pair cubes of the same place"
            )
        return Example(
            input=input,
            target=target,
            sampling_classes=known.astype(np.int64),
            input_axis=noisy.axis,
            output_axis=clean.axis,
            source=source_of(noisy.name, clean.name),
            pixel_size=noisy.pixel_sides,
            pixel_unit=noisy.pixel_unit,
        )

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return intensity_loss(network, input, target, self)

    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        return selection.fitted_error(prediction, target)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        return cube.after("denoised", data=predicted, name=f"{cube.name} denoised".strip())
