"""Segmentation: from a cube to a class for each pixel, learned from a few painted pixels.

Source: the masked loss over a whole image is that of Zheng et al. 2020,
https://doi.org/10.1109/TGRS.2020.2967821.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Lt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..axis import Axis, ChannelAxis
from ..cube import Cube, Labels
from ..networks import Normalised, Scale
from .base import Example, Task, measured_planes, planes

_MOST_CLASSES = 1000


class Segment(Task):
    """Learn classes from painted labels; unlabelled pixels (0) teach nothing."""

    source: ClassVar[str] = "Zheng et al. 2020, https://doi.org/10.1109/TGRS.2020.2967821"
    intensities: ClassVar[bool] = False
    unlabelled: ClassVar[float] = 0.0
    spectra: ClassVar[tuple[str, ...]] = ("cube",)
    kind: Literal["segment"] = "segment"
    classes: tuple[str, ...] = ()
    """Names of the classes painted 1, 2, …; left empty, they come with the labels."""
    balance: bool = True
    """Let every class count alike, however many pixels were painted of it."""
    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Doubt about the labels: this share of certainty is spread over all classes."""
    normalise: Scale = "band"
    """How spectra are brought to one scale before the network. band or cube: by mean and spread of
    the training set, of each band or of all together; mean or maximum: each spectrum by its own,
    which takes away differences in brightness."""

    def example(self, *, cube: Cube, labels: Labels) -> Example:
        """Pair a cube with painted labels of the same pixels.

        Raises
        ------
        ValueError
            If sizes differ, fewer than two classes are painted, a label is negative, or there are
            more classes than names.
        """
        wanted_shape = tuple(n for n, d in zip(cube.shape, cube.dims, strict=True) if d != "band")
        if labels.shape != wanted_shape:
            raise ValueError(
                f"labels {labels.name!r} are {labels.shape}, the pixels of cube {cube.name!r} "
                f"are {wanted_shape}; make a label image of that size"
            )
        ids = planes(labels.numpy(), 2)
        if ids.min() < 0 or ids.max() > _MOST_CLASSES:
            raise ValueError(
                f"labels {labels.name!r} run from {ids.min()} to {ids.max()}; "
                f"wanted 0 for unlabelled and 1 to {_MOST_CLASSES} for the classes"
            )
        given = measured_planes(cube)
        ids = np.where(np.isfinite(given).any(axis=1), ids, 0)
        if len(np.unique(ids[ids > 0])) < 2:
            raise ValueError(
                f"labels {labels.name!r} hold {len(np.unique(ids[ids > 0]))} painted classes "
                "on measured pixels; paint at least two"
            )
        return Example(
            given,
            ids[:, None].astype(np.float32),
            ids,
            cube.axis,
            self._named(labels, int(ids.max())),
            f"{cube.name} → {labels.name}",
            cube.pixel_size,
            cube.pixel_unit,
            labels.colours,
        )

    def loss(self, network: Normalised, given: Tensor, wanted: Tensor) -> Tensor:
        scores = network(given)
        ids = wanted[:, 0].long() - 1  # (batch, y, x); -1 where nothing was painted
        entropy = functional.cross_entropy(
            scores, ids, ignore_index=-1, reduction="none", label_smoothing=self.smoothing
        )
        painted = ids >= 0
        weight = painted.float()
        if self.balance:
            counts = torch.bincount(ids[painted], minlength=scores.shape[1]).float()
            weight = torch.where(painted, 1 / counts.clamp_min(1)[ids.clamp_min(0)], 0.0)
        return (entropy * weight).sum() / weight.sum().clamp_min(1e-12)

    def teaches(self, wanted: Tensor) -> Tensor:
        return wanted[:, 0] > 0

    def result(self, predicted: NDArray[np.float32], gives: Axis, cube: Cube) -> Labels:
        assert isinstance(gives, ChannelAxis)
        missing = np.isnan(predicted).all(axis=-3)
        ids = np.where(missing, 0, np.nan_to_num(predicted).argmax(axis=-3) + 1)
        return Labels(
            ids.astype(np.uint8 if len(gives) < 256 else np.uint16),
            gives.names,
            pixel_size=cube.pixel_size,
            origin=cube.origin,
            pixel_unit=cube.pixel_unit,
            z=cube.z,
            t=cube.t,
            name=f"{cube.name} classes".strip(),
            history=(*cube.history, "segmented"),
        )

    def _named(self, labels: Labels, most: int) -> ChannelAxis:
        names = self.classes or labels.classes
        if names and len(names) < most:
            raise ValueError(
                f"labels {labels.name!r} go up to {most}, but only {len(names)} classes have "
                f"names ({', '.join(names)}); name them all, or none"
            )
        return ChannelAxis(tuple(names) or tuple(f"class {i}" for i in range(1, most + 1)))
