"""What the tasks that predict intensities share: paired examples and the loss."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from ..cube import Cube
from ..networks import Normalise, Normalised
from ..place.same import WAYS_OUT_OF_SIZES, check_same_place
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
"""Data range of normalised intensities: three standard deviations to either side of the mean."""


class IntensityTask(Task):
    """A task that predicts intensities; targets of NaN are ignored."""

    predicts_intensities: ClassVar[bool] = True
    ignore_value: ClassVar[float] = float("nan")
    penalty: Penalty = "l1"
    """Loss of each intensity. l1: absolute error, keeps peaks sharper; l2: squared error, predicts the
    mean of what is possible and suits counting noise; huber: l2 up to one standard deviation of the
    data and l1 beyond; charbonnier: l1 without its corner at 0."""
    angle: Annotated[float, Ge(0)] = 0.0
    """Weight of the spectral angle of each pixel, in radians: shape of spectra, not brightness."""
    ssim: Annotated[float, Ge(0)] = 0.0
    """Weight of 1 − SSIM (structural similarity) of each band; for networks that see images."""
    frc: Annotated[float, Ge(0)] = 0.0
    """Weight of the Fourier ring correlation loss of each band: detail at all scales, blind to
    brightness; for networks that see images."""
    correlation: Annotated[float, Ge(0)] = 0.0
    """Weight of 1 − Pearson correlation of each band over the pixels of a batch."""

    def has_target(self, target: Tensor) -> Tensor:
        return target.isfinite().any(dim=1)


def paired_example(input: Cube, target: Cube, *, same_pixels: bool = False) -> Example:
    """Pair an input with a target of the same pixels; their bands may differ.

    Parameters
    ----------
    input, target : Cube
        Of equal sizes, (…, y, x).
    same_pixels : bool
        See `PairSettings`.

    Raises
    ------
    ValueError
        If their pixels, or their places, differ, or none is measured in both.
    """
    input_pixels = input.shape[:-3] + input.shape[-2:]  # the shapes without bands
    target_pixels = target.shape[:-3] + target.shape[-2:]
    if input_pixels != target_pixels or input.dims != target.dims:
        raise ValueError(
            f"{input.name!r} is {input.shape}, its target {target.name!r} {target.shape}; they "
            f"must show the same pixels, or samples (bands may differ): {WAYS_OUT_OF_SIZES}"
        )
    check_same_place(input, target, same_pixels=same_pixels)
    input_planes = measured_planes(input)  # (plane, band, y, x)
    target_planes = measured_planes(target)  # (plane, out, y, x)
    has_input = np.isfinite(input_planes).any(axis=1)
    has_target = np.isfinite(target_planes).any(axis=1)
    known = np.asarray(has_input & has_target)
    if not known.any():
        raise ValueError(
            f"no pixel is measured in both {input.name!r} and {target.name!r}; "
            "pair images of the same place"
        )
    return Example(
        input=input_planes,
        target=target_planes,
        sampling_classes=known.astype(np.int64),
        input_axis=input.axis,
        output_axis=target.axis,
        source=source_of(input.name, target.name),
        pixel_size=input.pixel_sides,
        pixel_unit=input.pixel_unit,
    )


def intensity_loss(
    network: Normalised, input: Tensor, target: Tensor, task: IntensityTask
) -> Tensor:
    """Run a network on a batch and return its loss, see `normalised_loss`.

    Parameters
    ----------
    network : Normalised
        The network with its normalisation.
    input : Tensor, shape (batch, band, y, x)
        In its own unit.
    target : Tensor, shape (batch, out, y · scale, x · scale)
        In its own unit; NaN is ignored.
    task : IntensityTask
        Its settings choose the terms.
    """
    normalised_target = network.normalise.target(target, input)
    prediction = network.module(network.normalise(input))
    return normalised_loss(prediction, normalised_target, task, network.normalise)


def normalised_loss(
    prediction: Tensor,
    target: Tensor,
    task: IntensityTask,
    normalise: Normalise,
    weight: Tensor | None = None,
) -> Tensor:
    """Return the loss of normalised intensities: the penalty and all terms that have a weight.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, out, y, x)
        Normalised by `normalise.target`; NaN in `target` is ignored.
    task : IntensityTask
        Its settings choose the terms.
    normalise : Normalise
        Undoes the shift for the spectral angle: spectra less their mean have other angles.
    weight : Tensor, shape (batch, out, 1, 1), optional
        Of the errors that the penalty counts.

    Raises
    ------
    ValueError
        If a term compares images, but the batch holds single spectra.
    """
    _check_images(prediction, task)
    # half precision loses small differences of large numbers
    with torch.autocast(prediction.device.type, enabled=False):
        prediction = prediction.float()
        target = target.float()
        penalty = _PENALTIES[task.penalty]
        if weight is None:
            loss = penalty(prediction, target)
        else:
            loss = penalty(weight * prediction, weight * target)
        if task.angle:
            loss = loss + task.angle * _angle(prediction, target, normalise)
        if task.ssim:
            loss = loss + task.ssim * losses.ssim(prediction, target, data_range=_RANGE)
        if task.frc:
            # patches are cut out of images: their edges are no detail
            loss = loss + task.frc * losses.frc(prediction, target, hann=True)
        if task.correlation:
            loss = loss + task.correlation * losses.correlation(prediction, target)
    return loss


def _angle(prediction: Tensor, target: Tensor, normalise: Normalise) -> Tensor:
    """Return the spectral angle of intensities in proportion to those of the target."""
    std = normalise.target_std[:, None, None]
    mean = normalise.target_mean[:, None, None]
    return losses.spectral_angle(prediction * std + mean, target * std + mean)


def _check_images(prediction: Tensor, task: IntensityTask) -> None:
    used = [name for name in ("ssim", "frc") if getattr(task, name)]
    if used and prediction.shape[-2:] == (1, 1):
        raise ValueError(
            f"only images have {' and '.join(used)}, but this network sees one spectrum at a time: "
            f"set {' and '.join(used)} to 0, or choose a network that sees images"
        )
