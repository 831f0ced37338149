"""Image-to-image prediction: from a cube to images of other channels of the same place.

Label-free fluorescence from SRS or phase contrast, drug maps from mass spectra.
Sources: Ounkomol et al. 2018, https://doi.org/10.1038/s41592-018-0111-2; Manifold et al. 2021,
https://doi.org/10.1038/s42256-021-00309-y. Ours: results in the unit of the target, any number
of channels, and pixels without a target, which are ignored.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..cube import Cube
from ..networks import Normalised, Ports
from . import selection
from .base import Example, PairSettings
from .intensities import IntensityTask, Penalty, intensity_loss, paired_example


class PredictChannels(PairSettings, IntensityTask):
    """Learn to predict other channels (fluorescence, drug maps) from a cube of the same pixels."""

    source: ClassVar[str] = (
        "Ounkomol et al. 2018, https://doi.org/10.1038/s41592-018-0111-2; Manifold et al. 2021, "
        "https://doi.org/10.1038/s42256-021-00309-y"
    )
    has_linear_solution: ClassVar[bool] = True
    input_name: ClassVar[str] = "cube"
    target_name: ClassVar[str | None] = "target"
    selection_name: ClassVar[str] = "1 − correlation"
    kind: Literal["predict_channels"] = "predict_channels"
    penalty: Penalty = "l2"
    """Loss of each intensity. l2: squared error, predicts the mean of what is possible, as published;
    l1: absolute error, predicts the median, darker and sharper where most of an image is background;
    huber: l2 up to one standard deviation of the data and l1 beyond; charbonnier: l1 without its
    corner at 0."""
    normalise: Literal["band", "cube"] = "band"
    """How intensities are normalised: by mean and standard deviation of the training data, of each
    band or of all bands together. Channels likewise; results are in the unit of the channels."""

    def example(self, *, cube: Cube, target: Cube) -> Example:
        """Pair a cube with images of the same pixels.

        Raises
        ------
        ValueError
            If their pixels, or places, differ, or none is measured in both.
        """
        return paired_example(cube, target, same_pixels=self.same_pixels)

    def ports(self, input_axis: Axis, output_axis: Axis) -> Ports:
        # plane 3 of a stack is plane 3 of its stain; band 3 of a spectrum is no stain at all
        stacks = isinstance(input_axis, SpectralAxis) and input_axis.kind == "index"
        ports = super().ports(input_axis, output_axis)
        return ports.model_copy(update={"changes_bands": ports.changes_bands or not stacks})

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return intensity_loss(network, input, target, self)

    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        return selection.lack_of_correlation(prediction, target)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        channels = str(output_axis)
        if isinstance(output_axis, ChannelAxis):
            channels = ", ".join(output_axis.names)
        return cube.after(
            f"predicted {channels}",
            data=predicted,
            axis=output_axis,
            intensity_unit=None,
            name=f"{cube.name} predicted".strip(),
        )
