"""Normalisation as part of a network: its numbers are buffers, saved and moved with the weights."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from ..base import NetworkModule

Normalisation: TypeAlias = Literal["band", "cube", "mean", "maximum"]
"""band, cube: by mean and standard deviation of the training set, of each band or of all bands
together. mean, maximum: first each spectrum by its own mean or maximum, then as cube."""
ImageNormalisation: TypeAlias = Literal["image"]
"""Each image by its own maximum and by nothing else, as the super-resolution of DeepeR; tiles of an
image by that of the image, but windows in training by their own, as theirs."""

_LEAST: Final = 0.2
"""Of the typical mean or maximum, a spectrum has this much at least: without a baseline, the mean
of a dark one is near 0, and dividing by it would make its noise louder than all signals."""


class Normalise(nn.Module):
    """Bring spectra to zero mean and unit spread, and results back to the units of the target.

    Missing values (NaN) and bad bands become 0, which is the mean of the training set.
    """

    def __init__(
        self, scale: Normalisation | ImageNormalisation, bands_in: int, bands_out: int
    ) -> None:
        super().__init__()
        self.scale = scale
        for name, size in (("input", bands_in), ("target", bands_out)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        self.register_buffer("good", torch.ones(bands_in, dtype=torch.bool))
        self.register_buffer("floor", torch.zeros(()))

    input_mean: Tensor
    input_std: Tensor
    target_mean: Tensor
    target_std: Tensor
    good: Tensor
    floor: Tensor
    """Spectra whose own mean or maximum is less are divided by this; 0 before `fit`."""

    def fit(self, input: Tensor, target: Tensor | None, good: Tensor) -> None:
        """Take the statistics of training spectra, each (spectrum, band); NaN counts for nothing.

        `target` is None where targets are no intensities.
        """
        self.good.copy_(good)
        if self.scale == "image":
            return
        spectra = input[:, :, None, None]
        if self.scale in ("mean", "maximum"):
            own = self._measured(spectra)
            self.floor.copy_(_LEAST * own[own > 0].square().mean().sqrt().nan_to_num(0.0))
        own = self._own(spectra)[:, :, 0, 0]
        self._take("input", torch.where(good, input / own, torch.nan))
        if target is not None:
            self._take("target", target / own)

    def transfer_from(self, other: Normalise) -> bool:
        """Take the numbers that another model was trained with, where they hold for any data.

        Those of spectra divided by their own mean or maximum do. Those in the unit of an
        instrument do not: fitted afresh, they bring new data to where its weights expect them.
        Returns whether spectra are now normalised as they were for the other model.
        """
        if self.scale != other.scale:
            return False
        if self.scale in ("mean", "maximum"):
            for name in ("input_mean", "input_std", "target_mean", "target_std"):
                mine: Tensor = getattr(self, name)  # one number for all bands
                mine.copy_(getattr(other, name)[:1].expand_as(mine))
        return True

    def forward(self, x: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Normalise intensities, (batch, band, y, x); of tiles, `image_maximum` is of their images."""
        x = (x / self._own(x, image_maximum) - _spread_out(self.input_mean)) / _spread_out(
            self.input_std
        )
        return torch.where(_spread_out(self.good), x, 0.0).nan_to_num(0.0)

    def target(self, target: Tensor, input: Tensor) -> Tensor:
        """Normalise targets, (batch, out, y, x), by the scale of the input they belong to."""
        target = target / self._own(input)
        return (target - _spread_out(self.target_mean)) / _spread_out(self.target_std)

    def inverse(self, result: Tensor, input: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Undo `target`: bring results to the units of the target."""
        result = result * _spread_out(self.target_std) + _spread_out(self.target_mean)
        return result * self._own(input, image_maximum)

    def image_maximum(self, x: Tensor) -> Tensor:
        """Return the greatest value of each image, (batch, 1, 1, 1), on the device of `x`.

        Minus infinity where nothing was measured: of an image in parts, it is the greatest of
        theirs.
        """
        known = torch.where(_spread_out(self.good.to(x.device)), x, torch.nan)
        return known.nan_to_num(nan=-torch.inf, posinf=-torch.inf).amax(dim=(1, 2, 3), keepdim=True)

    def _own(self, x: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """Return the scale of each spectrum itself, (batch, 1, y, x); `least` for dark spectra.

        One number, 1, where spectra keep their own, and one an image where it has one scale: it
        fits results of any size.
        """
        if self.scale in ("band", "cube"):
            return x.new_ones(1, 1, 1, 1)
        if self.scale == "image":
            image_maximum = self.image_maximum(x) if image_maximum is None else image_maximum
            return torch.where(image_maximum.isfinite() & (image_maximum > 0), image_maximum, 1.0)
        own, least = self._measured(x), torch.where(self.floor > 0, self.floor, 1.0)
        return torch.where(own.isfinite() & (own > self.floor), own, least)

    def _measured(self, x: Tensor) -> Tensor:
        """Return mean or maximum of each spectrum, (batch, 1, y, x), whatever it is."""
        known = torch.where(_spread_out(self.good), x, torch.nan)
        if self.scale == "mean":
            return known.nanmean(dim=1, keepdim=True)
        return known.nan_to_num(nan=-torch.inf).amax(dim=1, keepdim=True)

    def _take(self, name: str, spectra: Tensor) -> None:
        over = 0 if self.scale == "band" else (0, 1)
        mean = spectra.nanmean(dim=over, keepdim=True)
        spread = (spectra - mean).square().nanmean(dim=over, keepdim=True).sqrt()
        mean, spread = mean.nan_to_num(0.0), spread.nan_to_num(1.0)
        getattr(self, f"{name}_mean").copy_(mean.expand(1, spectra.shape[1])[0])
        getattr(self, f"{name}_std").copy_(
            torch.where(spread > 1e-12, spread, 1.0).expand(1, spectra.shape[1])[0]
        )


class Normalised(nn.Module):
    """A network with its normalisation: intensities in; intensities, or class scores, out."""

    def __init__(self, normalise: Normalise, module: NetworkModule, intensities: bool) -> None:
        super().__init__()
        self.normalise = normalise
        self.module = module
        self.intensities = intensities

    def forward(self, x: Tensor, image_maximum: Tensor | None = None) -> Tensor:
        """(batch, bands_in, y, x) to (batch, bands_out, y, x).

        Where `x` are tiles of images that are scaled by their own maximum, `image_maximum` is that of
        the images, (batch, 1, 1, 1).
        """
        out: Tensor = self.module(self.normalise(x, image_maximum)).float()
        return self.normalise.inverse(out, x, image_maximum) if self.intensities else out


def _spread_out(bands: Tensor) -> Tensor:
    return bands[:, None, None]
