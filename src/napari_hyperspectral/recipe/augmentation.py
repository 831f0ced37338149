"""Augmentation: training data varied at random, in ways that leave the target the same.

It works on whole batches, on their device. The random numbers are drawn on the CPU, so that equal
seeds give equal batches on every device, to rounding.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor
from torch.nn import functional

from ..axis import Axis, SpectralAxis, axis_in_full
from ..scale import power_of_two, scale_of
from ..settings import RecipeLike, Settings
from .warp import Warp, random_warp, sampled, uniform

_SPIKE_HEIGHT: Final = 10.0
"""Mean height of a cosmic ray, in standard deviations of the input."""
_BASELINE_ORDER: Final = 3
"""Order of the polynomials that random baselines are made of."""


class Augmentation(Settings):
    """Augmentation of the training data; each batch is varied anew."""

    turns: bool = True
    """Rotate images by multiples of 90° and mirror them."""
    shift: Annotated[float, Ge(0)] = 0.0
    """Largest shift along the spectrum, in the unit of the axis; ends are extended. Targets that are
    spectra of the same sample are shifted as well."""
    gain: Annotated[float, Ge(0)] = 0.0
    """Largest change of brightness: 0.2 is a factor between 1/1.2 and 1.2. Targets that are spectra
    of the same sample change as well."""
    noise: Annotated[float, Ge(0)] = 0.0
    """Read noise added to the input: its standard deviation, relative to that of all intensities of
    the training data."""
    baseline: Annotated[float, Ge(0)] = 0.0
    """Largest height of a smooth baseline added to the input, relative to the range of a spectrum (in
    images to the mean range, with one baseline for all pixels)."""
    photons: Annotated[float, Ge(0)] = 0.0
    """Shot noise added to the input: photons at an intensity of 1, so that the variance is intensity
    / photons. 0 adds none."""
    spikes: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of spectra with a cosmic ray, in one band of the input."""
    elastic: Annotated[float, Ge(0)] = 0.0
    """Elastic deformation: largest displacement within images, in pixels; smooth over some 32
    pixels."""
    rotate: Annotated[float, Ge(0), Le(180)] = 0.0
    """Largest rotation of images, in degrees; corners are filled by reflection."""
    zoom: Annotated[float, Ge(0)] = 0.0
    """Largest change of the size of images: 0.2 is a factor between 1/1.2 and 1.2."""
    mixup: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of spectra, or images, that are mixed with another one of the batch, and their targets
    with its target (in a batch of one: with another one of the training data, or another patch of
    the only image). Where one of two mixed pixels is unlabelled, the result is unlabelled: with few
    painted pixels, few targets are left."""
    mixup_alpha: Annotated[float, Gt(0)] = 0.2
    """Distribution of the shares in mixup: Beta(α, α). 0.2, as published: one of the two is mostly
    faint; 1: all shares are equally likely; much more than 1: halves."""
    spectral_flip: bool = False
    """Reverse every second spectrum, as published systems do; no instrument does."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = {}
        if recipe.per_spectrum:
            why = "The network sees one spectrum at a time: there are no images to move."
            reasons = dict.fromkeys(("turns", "elastic", "rotate", "zoom"), why)
        if self.mixup == 0:
            reasons["mixup_alpha"] = "Nothing is mixed: mixup is 0."
        return reasons


class Batch(NamedTuple):
    """Inputs with their targets."""

    input: Tensor
    """Shape (batch, band, y, x)."""
    target: Tensor
    """Shape (batch, out, y · scale, x · scale), of image-level tasks (batch, out, 1, 1); the task's
    `ignore_value` where there is no target. Of classes, `out` is 1, the number of the class; after
    mixup the share of each class, and 0 in all where there is no target."""


class Augment:
    """Vary batches as the settings say.

    Missing values (NaN) stay missing: warps move them with their pixel, shifts leave them in their
    band. Only mixup makes more of them.

    Parameters
    ----------
    settings : Augmentation
        What varies, and how much.
    input_axis : SpectralAxis or ChannelAxis
        Bands of the input.
    output_axis : SpectralAxis, ChannelAxis or None
        Bands of the targets where these are spectra of the same sample; else None.
    classes : int
        Number of classes, where targets are classes; 0 where they are intensities.
    input_std : float
        Standard deviation of all inputs of the training data; see `standard_deviation`.

    Raises
    ------
    ValueError
        If spectra are to be varied along named channels, or shifted with targets in another unit.
    """

    def __init__(
        self,
        settings: Augmentation,
        input_axis: Axis,
        output_axis: Axis | None,
        *,
        classes: int = 0,
        input_std: float = 1.0,
    ) -> None:
        _check_axes(settings, input_axis, output_axis)
        self.settings = settings
        self._classes = classes
        self._input_std = input_std
        self._centres = _centres(input_axis)
        self._target_centres = None if output_axis is None else _centres(output_axis)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return a batch varied in space, then along its spectra."""
        return self.in_spectra(self.in_space(batch, generator), generator)

    def in_space(self, batch: Batch, generator: Generator) -> Batch:
        """Return a batch turned and warped, inputs and targets alike."""
        if self.settings.turns:
            quarters = _draw(4, generator)
            mirror = _draw(2, generator)
            batch = Batch(
                _turned(batch.input, quarters, mirror), _turned(batch.target, quarters, mirror)
            )
        height, width = batch.input.shape[-2:]
        if not self.warps or min(height, width) == 1:  # a row of spectra is no image
            return batch
        warp = self._warp(len(batch.input), (height, width), generator)
        input = sampled(batch.input, warp.grid(height, width), interpolate=True)
        if batch.target.shape[-2:] == (1, 1):  # one target for the image, however it is warped
            return Batch(input, batch.target)
        grid = warp.grid(*batch.target.shape[-2:])
        target = sampled(batch.target, grid, interpolate=not self._classes)
        return Batch(input, target)

    def in_spectra(self, batch: Batch, generator: Generator) -> Batch:
        """Return a batch with varied spectra and intensities."""
        settings = self.settings
        if self.mixes and len(batch.input) > 1:
            batch = self._mixed(batch, generator)
        if settings.spectral_flip:
            batch = self._flipped(batch, generator)
        if settings.shift:
            batch = self._shifted(batch, generator)
        if settings.baseline:
            baseline = self._baseline(batch.input, generator)
            batch = batch._replace(input=batch.input + baseline)
        if settings.gain:
            batch = self._brightened(batch, generator)
        if settings.photons or settings.noise:
            batch = batch._replace(input=self._noisy(batch.input, generator))
        if settings.spikes:
            batch = batch._replace(input=self._spiked(batch.input, generator))
        return batch

    @property
    def warps(self) -> bool:
        """Whether images are interpolated, being moved by parts of a pixel."""
        return bool(self.settings.elastic or self.settings.rotate or self.settings.zoom)

    @property
    def mixes(self) -> bool:
        """Whether examples are mixed with each other, so that a batch needs two."""
        return bool(self.settings.mixup)

    def _mixed(self, batch: Batch, generator: Generator) -> Batch:
        """Return a batch with a share of its spectra, or images, mixed with another, targets alike.

        Source: mixup, Zhang et al. 2018, https://arxiv.org/abs/1710.09412
        """
        count = len(batch.input)
        offset = torch.randint(1, count, (count,), generator=generator)  # never its own partner
        share = _beta(self.settings.mixup_alpha, count, generator)
        mixed = torch.rand(count, generator=generator) < self.settings.mixup
        device = batch.input.device
        partner = ((torch.arange(count) + offset) % count).to(device)
        share = torch.where(mixed, share, 1.0).to(device)
        input = _mixture(batch.input, partner, share)
        if not self._classes:
            return Batch(input, _mixture(batch.target, partner, share))
        target = _mixture(_class_shares(batch.target, self._classes), partner, share)
        return Batch(input, target.nan_to_num(0.0))  # unlabelled: a share of 0 in all classes

    def _warp(self, count: int, size: tuple[int, int], generator: Generator) -> Warp:
        settings = self.settings
        return random_warp(
            count,
            size,
            generator,
            rotate=settings.rotate,
            zoom=settings.zoom,
            elastic=settings.elastic,
        )

    def _flipped(self, batch: Batch, generator: Generator) -> Batch:
        flip = torch.rand(len(batch.input), 1, 1, 1, generator=generator) < 0.5
        flip = flip.to(batch.input.device)
        input = torch.where(flip, batch.input.flip(1), batch.input)
        if self._target_centres is None:
            return batch._replace(input=input)
        return Batch(input, torch.where(flip, batch.target.flip(1), batch.target))

    def _shifted(self, batch: Batch, generator: Generator) -> Batch:
        by = self.settings.shift * uniform((len(batch.input),), generator).double()
        input = shifted(batch.input, by, self._centres)
        if self._target_centres is None:
            return batch._replace(input=input)
        return Batch(input, shifted(batch.target, by, self._target_centres))

    def _baseline(self, input: Tensor, generator: Generator) -> Tensor:
        """Return a smooth baseline for each image, (batch, band, 1, 1), between 0 and its height."""
        height = self.settings.baseline * _mean_range(input)
        polynomials = _bernstein_polynomials(self._centres)
        weights = torch.rand(len(input), len(polynomials), generator=generator)
        shape = weights @ polynomials  # (batch, band)
        return height[:, None, None, None] * shape[:, :, None, None].to(input.device)

    def _brightened(self, batch: Batch, generator: Generator) -> Batch:
        random = uniform((len(batch.input), 1, 1, 1), generator)
        factor = (math.log1p(self.settings.gain) * random).exp().to(batch.input.device)
        if self._target_centres is None:
            return batch._replace(input=batch.input * factor)
        return Batch(batch.input * factor, batch.target * factor)

    def _noisy(self, input: Tensor, generator: Generator) -> Tensor:
        """Return intensities with read noise and shot noise."""
        read_noise = self.settings.noise * self._input_std
        # by a power of two: squares of very small intensities are 0 in single precision
        unit = power_of_two(read_noise)
        variance = torch.tensor((read_noise / unit) ** 2, device=input.device)
        if self.settings.photons:
            shot_noise = input.clamp_min(0) / unit / (self.settings.photons * unit)
            variance = variance + shot_noise
        normal = torch.randn(input.shape, generator=generator).to(input.device)
        return input + normal * (unit * variance.sqrt())

    def _spiked(self, input: Tensor, generator: Generator) -> Tensor:
        """Return intensities with a cosmic ray in one band of some spectra."""
        count, bands, *size = input.shape
        spectra = (count, 1, *size)
        hit = torch.rand(spectra, generator=generator) < self.settings.spikes
        band = torch.randint(bands, spectra, generator=generator)
        # exponentially distributed, as energies that cosmic rays leave in a detector
        exponential = -torch.log1p(-torch.rand(spectra, generator=generator))
        spike = torch.where(hit, _SPIKE_HEIGHT * self._input_std * exponential, 0.0)
        device = input.device
        return input.scatter_add(1, band.to(device), spike.to(device, input.dtype))


def standard_deviation(images: list[np.ndarray], values_each: int = 2**20) -> float:
    """Return the standard deviation of images of any shape, from some `values_each` values of each.

    Where all values are equal, a power of two near them.
    """
    samples = []
    for image in images:
        step = image.size // values_each | 1  # odd, so as not to meet the same band again and again
        samples.append(image.reshape(-1)[::step])
    values = np.concatenate(samples)
    values = values[np.isfinite(values)].astype(np.float64)
    if not len(values):
        return 1.0
    return float(values.std()) or scale_of(values)


def shifted(spectra: Tensor, by: Tensor, centres: Tensor) -> Tensor:
    """Shift spectra along their axis, by linear interpolation; ends are extended.

    Missing values stay missing in their band, and are interpolated for their neighbours.

    Parameters
    ----------
    spectra : Tensor, shape (batch, band, y, x)
        Intensities.
    by : Tensor of float64, shape (batch,)
        Shifts, in the unit of `centres`.
    centres : Tensor of float64, shape (band,)
        In any order.
    """
    device = spectra.device
    order = centres.argsort(stable=True)
    original_order = order.argsort().to(device)
    ascending = spectra[:, order.to(device)]
    centres = centres[order]
    # between which bands each shifted band lies, and how far from the left one; all (batch, band)
    sought = centres - by[:, None]
    last = len(centres) - 1
    right = torch.searchsorted(centres, sought).clamp(1, max(last, 1)).clamp_max(last)
    left = (right - 1).clamp_min(0)
    gap = centres[right] - centres[left]
    fraction = torch.where(gap > 0, (sought - centres[left]) / gap, 0.0).clamp(0, 1)
    fraction = fraction.to(spectra.dtype).to(device)[:, :, None, None]
    filled = _interpolated(ascending, centres)
    image = torch.arange(len(spectra), device=device)[:, None]
    moved_left = filled[image, left.to(device)] * (1 - fraction)
    moved = moved_left + filled[image, right.to(device)] * fraction
    return torch.where(ascending.isfinite(), moved, torch.nan)[:, original_order]


def _interpolated(spectra: Tensor, centres: Tensor) -> Tensor:
    """Return spectra with missing bands interpolated, ends extended; empty spectra stay so."""
    known = spectra.isfinite()
    if known.all():
        return spectra
    last = spectra.shape[1] - 1
    band = torch.arange(last + 1, device=spectra.device)[:, None, None]
    # nearest known bands, (batch, band, y, x); -1 and last + 1 where there are none
    before = torch.where(known, band, -1).cummax(dim=1).values
    after = torch.where(known, band, last + 1).flip(1).cummin(dim=1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(0, last)
    right = torch.where(after > last, before, after).clamp(0, last)
    position = centres.to(spectra.dtype).to(spectra.device)
    gap = position[right] - position[left]
    fraction = torch.where(gap > 0, (position[band] - position[left]) / gap, 0.0)
    line = spectra.gather(1, left) * (1 - fraction) + spectra.gather(1, right) * fraction
    return torch.where(known, spectra, line)


def _mean_range(input: Tensor) -> Tensor:
    """Return the range of a spectrum, averaged over each image, (batch,); 0 of empty images."""
    known = input.isfinite()
    high = torch.where(known, input, -torch.inf).amax(dim=1)
    low = torch.where(known, input, torch.inf).amin(dim=1)
    span = torch.where(known.any(dim=1), high - low, torch.nan)  # (batch, y, x)
    return span.nanmean(dim=(1, 2)).nan_to_num(0.0)


def _bernstein_polynomials(centres: Tensor) -> Tensor:
    """Return Bernstein's polynomials along an axis, (polynomial, band): ≥ 0, with a sum of 1."""
    position = centres - centres.min()
    u = position / position.max().clamp_min(torch.finfo(torch.float64).tiny)  # from 0 to 1
    power = torch.arange(_BASELINE_ORDER + 1)[:, None]
    binomial = torch.tensor([[math.comb(_BASELINE_ORDER, k)] for k in range(_BASELINE_ORDER + 1)])
    return (binomial * u**power * (1 - u) ** (_BASELINE_ORDER - power)).float()


def _mixture(values: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    """Return `share` of each and the remainder of its partner; missing (NaN) where either is."""
    share = share[:, None, None, None]
    mixed = share * values + (1 - share) * values[partner]
    # where nothing is mixed, a missing value of the partner must not spread
    return torch.where(share == 1, values, mixed)


def _class_shares(labels: Tensor, classes: int) -> Tensor:
    """Return the share of each class, (batch, class, y, x); NaN where unlabelled.

    From the number of the class, (batch, 1, y, x).
    """
    shares = functional.one_hot(labels[:, 0].long(), classes + 1)[..., 1:].movedim(-1, 1)
    return torch.where(labels > 0, shares.to(labels.dtype), torch.nan)


def _beta(alpha: float, count: int, generator: Generator) -> Tensor:
    """Return numbers from 0 to 1 by Beta(alpha, alpha)."""
    seed = int(torch.randint(2**62, (1,), generator=generator))  # torch's own takes no generator
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, count)).float()


def _turned(image: Tensor, quarters: int, mirror: int) -> Tensor:
    turned = torch.rot90(image, quarters, dims=(-2, -1))
    return turned.flip(-1) if mirror else turned


def _check_axes(settings: Augmentation, input_axis: Axis, output_axis: Axis | None) -> None:
    """Refuse to vary spectra along an axis that is no spectrum, or along two of different units."""
    along = [name for name in ("shift", "baseline", "spectral_flip") if getattr(settings, name)]
    if along and not isinstance(input_axis, SpectralAxis):
        raise ValueError(
            f"augmentation by {' and '.join(along)} wants a spectrum, the cube has {input_axis}; "
            "switch it off"
        )
    if settings.shift and output_axis is not None and _unit(input_axis) != _unit(output_axis):
        raise ValueError(
            f"augmentation by shift wants one unit, input has {axis_in_full(input_axis)}, "
            f"target {axis_in_full(output_axis)}; "
            "convert an axis, or switch it off"
        )


def _unit(axis: Axis) -> tuple[str, str | None] | None:
    """Return kind and unit of a spectral axis."""
    return (axis.kind, axis.unit) if isinstance(axis, SpectralAxis) else None


def _centres(axis: Axis) -> Tensor:
    """Return the centres of bands, (band,); of named channels their numbers."""
    centres = axis.centres if isinstance(axis, SpectralAxis) else np.arange(len(axis))
    return torch.tensor(centres, dtype=torch.float64)


def _draw(below: int, generator: Generator) -> int:
    return int(torch.randint(below, (1,), generator=generator))
