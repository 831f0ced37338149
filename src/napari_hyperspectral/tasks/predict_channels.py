"""Image-to-image prediction: from a cube to images of other channels of the same place.

Fluorescence from SRS or phase contrast without a label, drug maps from mass spectra.
Sources: Ounkomol et al. 2018, https://doi.org/10.1038/s41592-018-0111-2; Manifold et al. 2021,
https://doi.org/10.1038/s42256-021-00309-y. Ours: results in the unit of the target, any number
of channels, and pixels without a target that teach nothing.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..cube import Cube
from ..networks import Normalised, Ports
from .base import Example
from .intensities import IntensityTask, Penalty, intensity_loss, paired_example


class PredictChannels(IntensityTask):
    """Learn to predict other channels (fluorescence, drug maps) from a cube of the same place."""

    source: ClassVar[str] = (
        "Ounkomol et al. 2018, https://doi.org/10.1038/s41592-018-0111-2; Manifold et al. 2021, "
        "https://doi.org/10.1038/s42256-021-00309-y"
    )
    input_name: ClassVar[str] = "cube"
    target_name: ClassVar[str | None] = "target"
    kind: Literal["predict_channels"] = "predict_channels"
    penalty: Penalty = "l2"
    """What an error costs: l2 follows the mean of what is possible, as published; l1 its median,
    which is darker and sharper where most of an image is background; huber is l2 up to one spread
    of the data and l1 beyond; charbonnier is l1 without its corner."""
    normalise: Literal["band", "cube"] = "band"
    """How intensities are brought to one scale before the network: by mean and spread of the
    training set, of each band or of all bands together. Channels are treated alike, and brought
    back to their own unit."""

    def example(self, *, cube: Cube, target: Cube) -> Example:
        """Pair a cube with images of the same pixels.

        Raises
        ------
        ValueError
            If their pixels differ, or none is measured in both.
        """
        return paired_example(cube, target)

    def ports(self, input_axis: Axis, output_axis: Axis) -> Ports:
        # plane 3 of a stack is plane 3 of its stain; band 3 of a spectrum is no stain, by no name
        stacks = isinstance(input_axis, SpectralAxis) and input_axis.kind == "index"
        ports = super().ports(input_axis, output_axis)
        return ports.model_copy(update={"changes_bands": ports.changes_bands or not stacks})

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return intensity_loss(network, input, target, self)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        what = (
            ", ".join(output_axis.names)
            if isinstance(output_axis, ChannelAxis)
            else str(output_axis)
        )
        return cube.after(
            f"predicted {what}",
            data=predicted,
            axis=output_axis,
            intensity_unit=None,
            name=f"{cube.name} predicted".strip(),
        )
