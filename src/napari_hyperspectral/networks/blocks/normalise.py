"""Normalisation as part of a network: its statistics are buffers, saved and moved with the weights."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from ...random_numbers import Randomised
from ...scale import ROUNDING, power_of_two
from ..base import NetworkModule

Normalisation: TypeAlias = Literal["band", "cube", "mean", "maximum"]
"""band, cube: by mean and standard deviation of the training data, of each band or of all bands
together. mean, maximum: first each spectrum by its own mean or maximum, then as cube."""
ImageNormalisation: TypeAlias = Literal["image"]
"""Each image by its own maximum and by nothing else, as the super-resolution of DeepeR; tiles of an
image by the maximum of the image, but patches in training by their own, as theirs."""

_FLOOR: Final = 0.2
"""Smallest divisor of a spectrum, relative to the typical mean or maximum: without a baseline, the
mean of a dark spectrum is near 0, and dividing by it would make its noise larger than all signals."""


class Normalise(nn.Module):
    """Bring inputs to zero mean and unit standard deviation, and results back to the target's unit.

    Missing values (NaN) and bad bands become 0, which is the mean of the training data.

    Parameters
    ----------
    kind : str
        See `Normalisation` and `ImageNormalisation`.
    bands_in, bands_out : int
        Bands of inputs and of targets.
    """

    input_mean: Tensor
    """Shape (bands_in,); so is `input_std`."""
    input_std: Tensor
    target_mean: Tensor
    """Shape (bands_out,); so is `target_std`."""
    target_std: Tensor
    good: Tensor
    """Which bands of the input are good, shape (bands_in,)."""
    floor: Tensor
    """Smallest divisor of a spectrum, where each has its own; 0 before `fit`."""

    def __init__(
        self, kind: Normalisation | ImageNormalisation, bands_in: int, bands_out: int
    ) -> None:
        super().__init__()
        self.kind = kind
        for name, size in (("input", bands_in), ("target", bands_out)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        self.register_buffer("good", torch.ones(bands_in, dtype=torch.bool))
        self.register_buffer("floor", torch.zeros(()))

    def fit(self, input: Tensor, target: Tensor | None, good: Tensor) -> None:
        """Set the statistics to those of the training data; NaN is ignored.

        Parameters
        ----------
        input : Tensor, shape (spectrum, band)
            Inputs of the training data.
        target : Tensor, shape (spectrum, out), or None
            Their targets; None where these are no intensities.
        good : Tensor of bool, shape (band,)
            Which bands of the input are good.
        """
        self.good.copy_(good)
        if self.kind == "image":
            return
        input = torch.where(good, input, torch.nan)
        scale = _scale_of(input)
        pixels = (input / scale)[:, :, None, None]  # (spectrum, band, 1, 1)
        by_own_level = self.kind in ("mean", "maximum")
        if by_own_level:
            self.floor.copy_(_FLOOR * _typical(self._level(pixels)))
        divisor = self._divisor(pixels)[:, :, 0, 0]  # (spectrum, 1), in units of the scale
        divided = pixels[:, :, 0, 0] / divisor
        self._set_statistics("input", divided, 1.0 if by_own_level else scale)
        if target is not None:
            target_scale = _scale_of(target)
            divided = target / target_scale / divisor
            unit = target_scale / scale if by_own_level else target_scale
            self._set_statistics("target", divided, unit)
        self.floor.mul_(scale)

    def transfer_from(self, other: Normalise) -> bool:
        """Take the statistics of another model, where they hold for any data.

        Those of spectra divided by their own mean or maximum do. Those in the unit of an
        instrument do not: fitted afresh, they bring new data to where the weights expect them.

        Returns whether spectra are now normalised as they were for the other model.
        """
        if self.kind != other.kind:
            return False
        if self.kind in ("mean", "maximum"):
            for name in ("input_mean", "input_std", "target_mean", "target_std"):
                own: Tensor = getattr(self, name)  # one number for all bands
                own.copy_(getattr(other, name)[:1].expand_as(own))
        return True

    def forward(self, x: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Return normalised intensities.

        Parameters
        ----------
        x : Tensor, shape (batch, band, y, x)
            Intensities, in the unit of the input.
        image_maximum : Tensor, shape (batch, 1, 1, 1), optional
            Where `x` are tiles, `image_maximum` of their images.
        """
        x = x / self._divisor(x, image_maximum)
        x = (x - _per_band(self.input_mean)) / _per_band(self.input_std)
        return torch.where(_per_band(self.good), x, 0.0).nan_to_num(0.0)

    def target(self, target: Tensor, input: Tensor) -> Tensor:
        """Return normalised targets, (batch, out, y, x), each by the divisor of its input."""
        target = target / self._divisor(input)
        return (target - _per_band(self.target_mean)) / _per_band(self.target_std)

    def inverse(self, result: Tensor, input: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Undo `target`: return results, (batch, out, y, x), in the unit of the target."""
        result = result * _per_band(self.target_std) + _per_band(self.target_mean)
        return result * self._divisor(input, image_maximum)

    def image_maximum(self, x: Tensor) -> Tensor:
        """Return the maximum of each image, (batch, 1, 1, 1), over good bands, on the device of `x`.

        Minus infinity where nothing was measured: of an image in parts, it is the maximum of theirs.
        """
        known = torch.where(_per_band(self.good.to(x.device)), x, torch.nan)
        values = known.nan_to_num(nan=-torch.inf, posinf=-torch.inf)
        return values.amax(dim=(1, 2, 3), keepdim=True)

    def _divisor(self, x: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Return what intensities are divided by first, in a shape that fits results of any size.

        (batch, 1, y, x) where spectra have their own, (batch, 1, 1, 1) where images have, else 1.
        """
        if self.kind in ("band", "cube"):
            return x.new_ones(1, 1, 1, 1)
        if self.kind == "image":
            maximum = self.image_maximum(x) if image_maximum is None else image_maximum
            return torch.where(maximum.isfinite() & (maximum > 0), maximum, 1.0)
        level = self._level(x)
        floor = torch.where(self.floor > 0, self.floor, 1.0)
        return torch.where(level.isfinite() & (level > self.floor), level, floor)

    def _level(self, x: Tensor) -> Tensor:
        """Return mean or maximum of each spectrum over good bands, (batch, 1, y, x)."""
        known = torch.where(_per_band(self.good), x, torch.nan)
        if self.kind == "mean":
            return known.nanmean(dim=1, keepdim=True)
        return known.nan_to_num(nan=-torch.inf).amax(dim=1, keepdim=True)

    def _set_statistics(self, name: str, spectra: Tensor, unit: float) -> None:
        """Set mean and standard deviation to those of spectra, (spectrum, band), times a unit.

        Bands that are constant but for rounding errors have a standard deviation of one unit.
        """
        over = 0 if self.kind == "band" else (0, 1)
        mean = spectra.nanmean(dim=over, keepdim=True)
        std = (spectra - mean).square().nanmean(dim=over, keepdim=True).sqrt()
        mean = mean.nan_to_num(0.0)
        std = std.nan_to_num(1.0)
        greatest = spectra.abs().nan_to_num(0.0).amax(dim=over, keepdim=True)
        std = torch.where(std > ROUNDING * greatest, std, 1.0)
        bands = spectra.shape[1]
        getattr(self, f"{name}_mean").copy_(unit * mean.expand(1, bands)[0])
        getattr(self, f"{name}_std").copy_(unit * std.expand(1, bands)[0])


class Normalised(Randomised):
    """A network with its normalisation: intensities in; intensities, or class scores, out."""

    def __init__(
        self, normalise: Normalise, module: NetworkModule, predicts_intensities: bool
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.module = module
        self.predicts_intensities = predicts_intensities

    def forward(self, x: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Return predictions, (batch, bands_out, y · scale, x · scale), in the unit of the target.

        Parameters
        ----------
        x : Tensor, shape (batch, bands_in, y, x)
            Intensities, in the unit of the input.
        image_maximum : Tensor, shape (batch, 1, 1, 1), optional
            Where `x` are tiles, `Normalise.image_maximum` of their images.
        """
        out: Tensor = self.module(self.normalise(x, image_maximum)).float()
        if not self.predicts_intensities:
            return out
        return self.normalise.inverse(out, x, image_maximum)


def _scale_of(spectra: Tensor) -> float:
    """Return the power of two below the greatest magnitude of spectra; see `scale.power_of_two`."""
    magnitudes = spectra.abs().nan_to_num(nan=0.0, posinf=0.0)
    return power_of_two(float(magnitudes.amax())) if magnitudes.numel() else 1.0


def _typical(levels: Tensor) -> Tensor:
    """Return the root mean square of the levels above 0, shape (); 1 where there is none."""
    bright = levels[levels > ROUNDING]
    if not bright.numel():
        return levels.new_ones(())
    return bright.square().mean().sqrt()


def _per_band(values: Tensor) -> Tensor:
    """Return values, (band,), as (band, 1, 1), to go with images."""
    return values[:, None, None]
