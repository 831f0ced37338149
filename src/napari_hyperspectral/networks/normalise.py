"""Normalisation as part of a network: its numbers are buffers, saved and moved with the weights."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from .base import Body

Scale: TypeAlias = Literal["band", "cube", "mean", "maximum"]
"""band, cube: by mean and standard deviation of the training set, of each band or of all bands
together. mean, maximum: first each spectrum by its own mean or maximum, then as cube."""
ImageScale: TypeAlias = Literal["image"]
"""Each image by its own maximum and by nothing else, as the super-resolution of DeepeR; of an image
that is seen in tiles, each tile by its own."""

_LEAST: Final = 0.2
"""Of the typical mean or maximum, a spectrum has this much at least: without a baseline, the mean
of a dark one is near 0, and dividing by it would make its noise louder than all signals."""


class Normalise(nn.Module):
    """Bring spectra to zero mean and unit spread, and results back to the units of the target.

    Missing values (NaN) and bad bands become 0, which is the mean of the training set.
    """

    def __init__(self, scale: Scale | ImageScale, bands_in: int, bands_out: int) -> None:
        super().__init__()
        self.scale = scale
        for name, size in (("given", bands_in), ("wanted", bands_out)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_spread", torch.ones(size))
        self.register_buffer("good", torch.ones(bands_in, dtype=torch.bool))
        self.register_buffer("least", torch.zeros(()))

    given_mean: Tensor
    given_spread: Tensor
    wanted_mean: Tensor
    wanted_spread: Tensor
    good: Tensor
    least: Tensor
    """Spectra whose own mean or maximum is less are divided by this; 0 before `fit`."""

    def fit(self, given: Tensor, wanted: Tensor | None, good: Tensor) -> None:
        """Take the statistics of training spectra, each (spectrum, band); NaN counts for nothing.

        `wanted` is None where targets are no intensities.
        """
        self.good.copy_(good)
        if self.scale == "image":
            return
        spectra = given[:, :, None, None]
        if self.scale in ("mean", "maximum"):
            own = self._measured(spectra)
            self.least.copy_(_LEAST * own[own > 0].square().mean().sqrt().nan_to_num(0.0))
        own = self._own(spectra)[:, :, 0, 0]
        self._take("given", torch.where(good, given / own, torch.nan))
        if wanted is not None:
            self._take("wanted", wanted / own)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise intensities, (batch, band, y, x)."""
        x = (x / self._own(x) - _spread_out(self.given_mean)) / _spread_out(self.given_spread)
        return torch.where(_spread_out(self.good), x, 0.0).nan_to_num(0.0)

    def target(self, wanted: Tensor, given: Tensor) -> Tensor:
        """Normalise targets, (batch, out, y, x), by the scale of the input they belong to."""
        wanted = wanted / self._own(given)
        return (wanted - _spread_out(self.wanted_mean)) / _spread_out(self.wanted_spread)

    def inverse(self, result: Tensor, given: Tensor) -> Tensor:
        """Undo `target`: bring results to the units of the target."""
        result = result * _spread_out(self.wanted_spread) + _spread_out(self.wanted_mean)
        return result * self._own(given)

    def _own(self, x: Tensor) -> Tensor:
        """Return the scale of each spectrum itself, (batch, 1, y, x); `least` for dark spectra.

        One number, 1, where spectra keep their own, and one an image where it has one scale: it
        fits results of any size.
        """
        if self.scale in ("band", "cube"):
            return x.new_ones(1, 1, 1, 1)
        if self.scale == "image":
            brightest = self._measured(x).amax(dim=(-2, -1), keepdim=True)
            return torch.where(brightest.isfinite() & (brightest > 0), brightest, 1.0)
        own, least = self._measured(x), torch.where(self.least > 0, self.least, 1.0)
        return torch.where(own.isfinite() & (own > self.least), own, least)

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
        getattr(self, f"{name}_spread").copy_(
            torch.where(spread > 1e-12, spread, 1.0).expand(1, spectra.shape[1])[0]
        )


class Normalised(nn.Module):
    """A network with its normalisation: intensities in; intensities, or class scores, out."""

    def __init__(self, normalise: Normalise, body: Body, intensities: bool) -> None:
        super().__init__()
        self.normalise = normalise
        self.body = body
        self.intensities = intensities

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands_in, y, x) to (batch, bands_out, y, x)."""
        out: Tensor = self.body(self.normalise(x))
        return self.normalise.inverse(out.float(), x) if self.intensities else out.float()


def _spread_out(bands: Tensor) -> Tensor:
    return bands[:, None, None]
