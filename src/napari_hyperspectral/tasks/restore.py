"""Restoration by an FRC-GAN, after HyReS: smaller or sharper pixels with plausible detail.

Generative: a discriminator rewards what looks measured, so that fine detail which the measurement
leaves open is invented in the manner of the training images. What was measured is kept: the
result, degraded, is the input. Nothing needs to be measured with smaller pixels: a cube and its
degraded version are a training pair (internal learning), if detail is similar at both scales.
Sources: HyReS 2025, https://arxiv.org/abs/2503.02908 (its code is not public: losses as its text
describes them, weights ours); Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; Shocher et
al. 2018, https://arxiv.org/abs/1712.06087 (internal learning).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

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
from ..networks.blocks.discriminator import Discriminator, random_bands
from ..settings import RecipeLike
from . import losses
from .intensities import normalised_loss
from .super_resolution import SuperResolutionTask

_CPU: Final = torch.device("cpu")


class Restore(SuperResolutionTask):
    """Generative: learn to restore a cube, with smaller or sharper pixels, from the cube itself.

    Train on the cube that is to be restored, or on better ones of the same kind.
    """

    source: ClassVar[str] = "HyReS 2025, https://arxiv.org/abs/2503.02908"
    # what looks measured has a larger squared error than what is blurred
    selection_name: ClassVar[str] = ""
    kind: Literal["restore"] = "restore"
    scale: Literal[1, 2, 3, 4, 8] = 4
    """Scale: how many times smaller pixels get, in rows and in columns; 1 only removes the blur
    (psf)."""
    project: bool = True
    """Change each result as little as needed to be consistent with its input: degraded, it equals the
    input, with its noise. Then each band keeps its flux: exactly with area, nearly with bicubic or a
    psf; not with decimate, which measures nothing between its points."""
    input_noise: Literal["as measured", "none"] = "none"
    """Noise of coarse images in training. as measured: as much as the fine images have (read noise and
    photons, estimated from each), so that the network takes it away, and results keep of what was
    measured what is no noise. none: no more than averages over fine pixels have."""
    frc: Annotated[float, Ge(0)] = 0.1
    """Weight of the Fourier ring correlation loss of each band: detail at all scales, blind to
    brightness."""
    adversarial: Annotated[float, Ge(0)] = 0.005
    """Weight of the adversarial loss: more makes results look more like measurements, with more
    invented detail. 0 trains without a discriminator."""
    consistency: Annotated[float, Ge(0)] = 1.0
    """Weight of the difference between the degraded result and the input."""
    discriminator_width: Annotated[int, Ge(1), Le(512)] = 32
    """Channels of the first level of the discriminator. Real-ESRGAN: 64."""

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
        normalised_target = network.normalise.target(target, input)
        prediction = network.module(network.normalise(input))
        return self._content_loss(network, prediction, normalised_target, input)

    def discriminator(self, ports: Ports) -> nn.Module | None:
        return Discriminator(self.discriminator_width) if self.adversarial else None

    def adversarial_losses(
        self, network: Normalised, discriminator: nn.Module, input: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        normalised_target = network.normalise.target(target, input)
        prediction = network.module(network.normalise(input))
        content = self._content_loss(network, prediction, normalised_target, input)
        chosen = random_bands(prediction.shape[1], network.generator_on(_CPU))
        bands = chosen.to(prediction.device)
        fake = prediction[:, bands]  # (batch, some bands, y · scale, x · scale)
        real = normalised_target[:, bands]
        # where nothing was measured there is nothing to tell apart
        real = torch.where(real.isfinite(), real, fake.detach())
        loss = content + self.adversarial * _real_loss(discriminator(fake))
        real_loss = _real_loss(discriminator(real))
        fake_loss = _real_loss(-discriminator(fake.detach()))
        return loss, (real_loss + fake_loss) / 2

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        return self.upscaled_cube(predicted, cube, "restored (generative)")

    def _content_loss(
        self, network: Normalised, prediction: Tensor, target: Tensor, input: Tensor
    ) -> Tensor:
        """Return the loss of a normalised prediction without that of the discriminator."""
        loss = normalised_loss(prediction, target, self, network.normalise)
        if self.consistency:
            # only where all fine pixels have a target: the others are for validation
            complete = functional.avg_pool2d(target.isfinite().float(), self.scale) == 1
            measured = network.normalise.target(input, input)
            measured = torch.where(complete, measured, measured.new_tensor(torch.nan))
            degraded = self.degradation_model.degrade(prediction.float())
            loss = loss + self.consistency * losses.l1(degraded, measured)
        return loss


def _real_loss(scores: Tensor) -> Tensor:
    """Return the mean of −log of the probability that what was scored is real, that is measured."""
    return functional.softplus(-scores.float()).mean()
