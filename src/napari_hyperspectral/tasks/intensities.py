"""What the tasks that predict intensities share: what they learn from, and what an error costs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from ..cube import Cube
from ..networks import Normalise, Normalised
from . import losses
from .base import Example, Task, measured_planes, source_of

Penalty: TypeAlias = Literal["l1", "l2", "huber", "charbonnier"]
_PENALTIES: Final = {
    "l1": losses.l1,
    "l2": losses.l2,
    "huber": losses.huber,
    "charbonnier": losses.charbonnier,
}
_RANGE: Final = 6.0
"""Of normalised intensities: three spreads to either side of the mean."""


class IntensityTask(Task):
    """A task whose result are intensities; a target of NaN teaches nothing."""

    predicts_intensities: ClassVar[bool] = True
    ignore_value: ClassVar[float] = float("nan")
    penalty: Penalty = "l1"
    """What an error costs. l1: its size, which keeps peaks sharper; l2: its square, which follows the
    mean of what is possible, and is right for counting noise; huber: l2 up to one spread of the
    data and l1 beyond; charbonnier: l1 without its corner at 0."""
    angle: Annotated[float, Ge(0)] = 0.0
    """Weight of the angle (in radians) between the spectra of each pixel: shape, not brightness."""
    ssim: Annotated[float, Ge(0)] = 0.0
    """Weight of 1 − SSIM (structural similarity) of each band. Needs a network that sees images."""
    frc: Annotated[float, Ge(0)] = 0.0
    """Weight of the loss by Fourier ring correlation of each band: detail at all scales, blind to
    brightness. Needs a network that sees images."""
    correlation: Annotated[float, Ge(0)] = 0.0
    """Weight of 1 − Pearson's correlation of each band over the pixels of a batch."""

    def has_target(self, target: Tensor) -> Tensor:
        return target.isfinite().any(dim=1)


def paired_example(input: Cube, target: Cube) -> Example:
    """Pair a cube with another one of the same pixels; their bands may differ.

    Raises
    ------
    ValueError
        If their pixels differ, or none is measured in both.
    """
    sizes = [image.shape[:-3] + image.shape[-2:] for image in (input, target)]
    if sizes[0] != sizes[1] or input.dims != target.dims:
        raise ValueError(
            f"{input.name!r} is {input.shape}, its target {target.name!r} {target.shape}; they "
            "must show the same pixels, or samples (bands may differ): register them first"
        )
    input_planes, target_planes = measured_planes(input), measured_planes(target)
    known = np.asarray(
        np.isfinite(input_planes).any(axis=1) & np.isfinite(target_planes).any(axis=1)
    )
    if not known.any():
        raise ValueError(
            f"no pixel is measured in both {input.name!r} and {target.name!r}; "
            "pair images of the same place"
        )
    return Example(
        input_planes,
        target_planes,
        known.astype(np.int64),
        input.axis,
        target.axis,
        source_of(input.name, target.name),
        input.pixel_size,
        input.pixel_unit,
    )


def intensity_loss(
    network: Normalised, input: Tensor, target: Tensor, task: IntensityTask
) -> Tensor:
    """Return the cost of what a network makes of a batch, see `intensity_cost`.

    Parameters
    ----------
    network : Normalised
        Gives access to normalisation and body.
    input, target : Tensor, shape (batch, band, y, x) and (batch, out, y, x)
        In their own units; what is NaN in `target` costs nothing.
    task : IntensityTask
        Says what errors cost.
    """
    normalised_target = network.normalise.target(target, input)
    prediction = network.module(network.normalise(input))
    return intensity_cost(prediction, normalised_target, task, network.normalise)


def intensity_cost(
    prediction: Tensor, target: Tensor, task: IntensityTask, normalise: Normalise
) -> Tensor:
    """Return the cost of normalised intensities: the penalty and all terms that have a weight.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, out, y, x)
        Normalised as `normalise.target` does it; what is NaN in `target` costs nothing.
    task : IntensityTask
        Says what errors cost.
    normalise : Normalise
        Says where zero lies: spectra that were shifted have other angles.

    Raises
    ------
    ValueError
        If images are to be compared, but there are only single spectra.
    """
    _check_images(prediction, task)
    with torch.autocast(
        prediction.device.type, enabled=False
    ):  # small differences of large numbers
        prediction, target = prediction.float(), target.float()
        cost = _PENALTIES[task.penalty](prediction, target)
        if task.angle:
            spread, mean = normalise.target_std[:, None, None], normalise.target_mean
            spectra = (image * spread + mean[:, None, None] for image in (prediction, target))
            cost = cost + task.angle * losses.spectral_angle(*spectra)
        if task.ssim:
            cost = cost + task.ssim * losses.ssim(prediction, target, data_range=_RANGE)
        if task.frc:
            # windows are cut out of images: their edges are no detail
            cost = cost + task.frc * losses.frc(prediction, target, hann=True)
        if task.correlation:
            cost = cost + task.correlation * losses.correlation(prediction, target)
    return cost


def _check_images(prediction: Tensor, task: IntensityTask) -> None:
    used = [name for name in ("ssim", "frc") if getattr(task, name)]
    if used and prediction.shape[-2:] == (1, 1):
        raise ValueError(
            f"only images have {' and '.join(used)}, but this network sees one spectrum at a time: "
            f"set {' and '.join(used)} to 0, or choose a network that sees images"
        )
