"""Restoration by an FRC-GAN, as HyReS does it: finer pixels, or sharper ones, made up likely.

Generative: a critic rewards what looks measured, so fine detail is invented in the manner of the
training images where the measurement leaves it open. What is not left open is held: the result,
degraded, is the input. Nothing needs to be measured finer: the cube itself, degraded once more,
teaches what its finer self may look like (internal learning), if its detail is alike at both
sizes. Sources: HyReS 2025, https://arxiv.org/abs/2503.02908 (of which no code is public: losses as
its text describes them, weights ours); Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661;
Shocher et al. 2018, https://arxiv.org/abs/1712.06087 (internal learning).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from ..axis import Axis
from ..cube import Cube
from ..networks import Normalised, Ports
from ..networks.blocks.discriminator import Discriminator, shown_bands
from ..settings import RecipeLike
from . import losses
from .intensities import intensity_cost
from .super_resolution import SuperResolutionTask


class Restore(SuperResolutionTask):
    """Generative: learn from a cube itself to make it finer and sharper, held to what was measured.

    Give the very cube that is to be restored, or better ones of the same kind.
    """

    source: ClassVar[str] = "HyReS 2025, https://arxiv.org/abs/2503.02908"
    kind: Literal["restore"] = "restore"
    scale: Literal[1, 2, 3, 4, 8] = 4
    """How many times smaller pixels get, in rows and in columns; 1 only takes the blur (psf) out."""
    project: bool = True
    """Change each result as little as needed to agree with its input: degraded, it is the input
    again, noise and all. Then each band keeps its flux: exactly with area, nearly with bicubic or a
    psf; not with decimate, which measures nothing between its points."""
    frc: Annotated[float, Ge(0)] = 0.1
    """Weight of the Fourier ring loss of each band: detail at all scales, blind to brightness."""
    adversarial: Annotated[float, Ge(0)] = 0.005
    """Weight of the critic's doubts: more makes results look more measured, and more made up. 0
    trains without a critic."""
    consistency: Annotated[float, Ge(0)] = 1.0
    """Weight of the difference between the degraded result and the input."""
    discriminator_width: Annotated[int, Ge(1), Le(512)] = 32
    """Channels of the critic's first level. Real-ESRGAN's: 64."""

    @model_validator(mode="after")
    def _something_is_lost(self) -> Self:
        if self.scale == 1 and not self.psf:
            raise ValueError("at ×1 and without a psf nothing is lost: set the psf, or a scale")
        return self

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = super().inactive(recipe)
        if self.adversarial == 0:
            reasons["discriminator_width"] = "There is no discriminator: adversarial is 0."
        return reasons

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        truth = network.normalise.target(target, input)
        prediction = network.module(network.normalise(input))
        return self._content(network, prediction, truth, input)

    def discriminator(self, ports: Ports) -> nn.Module | None:
        return Discriminator(self.discriminator_width) if self.adversarial else None

    def adversarial_losses(
        self, network: Normalised, discriminator: nn.Module, input: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        truth = network.normalise.target(target, input)
        prediction = network.module(network.normalise(input))
        content = self._content(network, prediction, truth, input)
        shown = shown_bands(prediction.shape[1]).to(prediction.device)
        prediction, truth = prediction[:, shown], truth[:, shown]
        measured = torch.where(truth.isfinite(), truth, prediction.detach())
        loss = content + self.adversarial * _doubt(discriminator(prediction))
        return loss, (
            _doubt(discriminator(measured)) + _doubt(-discriminator(prediction.detach()))
        ) / 2

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        return self.finer(predicted, cube, "restored (generative)")

    def _content(
        self, network: Normalised, prediction: Tensor, target: Tensor, input: Tensor
    ) -> Tensor:
        cost = intensity_cost(prediction, target, self, network.normalise)
        if self.consistency:
            # only of pixels whose finer selves are there: those held out are to judge, not to teach
            there = functional.avg_pool2d(target.isfinite().float(), self.scale) == 1
            measured = network.normalise.target(input, input)
            measured = torch.where(there, measured, measured.new_tensor(torch.nan))
            cost = cost + self.consistency * losses.l1(
                self.degradation_model.degrade(prediction.float()), measured
            )
        return cost


def _doubt(judged: Tensor) -> Tensor:
    """Return −log of the probability that what was judged was measured, on average."""
    return functional.softplus(-judged.float()).mean()
