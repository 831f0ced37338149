"""Changing training data at random, in ways that should not change the answer.

All of it works on whole batches, on the device where they are. The random numbers are drawn on the
CPU, so that equal seeds give equal batches on every device, to rounding.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn import functional

from ..axis import Axis, SpectralAxis
from ..settings import RecipeLike, Settings

_SWELL: Final = 32
"""Pixels between two points at which an elastic displacement is drawn."""
_SPIKE: Final = 10.0
"""Mean height of a cosmic ray, in spreads of the input."""
_BACKGROUND: Final = 3
"""Order of random backgrounds."""


class Augmentation(Settings):
    """How training data are varied at random; each batch in another way."""

    turns: bool = True
    """Turn images by quarters and mirror them."""
    shift: Annotated[float, Ge(0)] = 0.0
    """Greatest shift along the spectrum, in the unit of the axis; ends are held. Targets that are
    spectra of the same light move along."""
    gain: Annotated[float, Ge(0)] = 0.0
    """Greatest change of brightness: 0.2 is a factor between 1/1.2 and 1.2. Targets that are spectra
    of the same light change along."""
    noise: Annotated[float, Ge(0)] = 0.0
    """Read noise added to the input: its standard deviation, as a share of that of all
    intensities in the training data."""
    baseline: Annotated[float, Ge(0)] = 0.0
    """Height, at most, of a smooth background under the input: a share of the span of a spectrum
    (in images the mean span, everywhere the same background)."""
    photons: Annotated[float, Ge(0)] = 0.0
    """Counts that an intensity of one stands for: noise of a variance of intensity / photons is
    added to the input, normal as that of many counts is. 0 adds none."""
    spikes: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of spectra that a cosmic ray hits, in one band of the input."""
    elastic: Annotated[float, Ge(0)] = 0.0
    """Greatest random displacement within images, in pixels; smooth over some 32 pixels."""
    rotate: Annotated[float, Ge(0), Le(180)] = 0.0
    """Greatest turn of images, in degrees; corners are filled by reflection."""
    zoom: Annotated[float, Ge(0)] = 0.0
    """Greatest change of size of images: 0.2 is a factor between 1/1.2 and 1.2."""
    mixup: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of spectra, or of images, that are mixed with another one of the same step (of one
    shown alone: with another of the training data, or another window of the only image), targets
    alike. Of classes, a target then says which share each has; where one of two pixels is
    unlabelled, both mixed are: with few painted pixels, little is left to learn from."""
    mixup_alpha: Annotated[float, Gt(0)] = 0.2
    """How mixup shares: by Beta(α, α). At 0.2, as published, one of the two is mostly faint; at 1
    any shares are equally likely; much more than 1 makes halves."""
    spectral_flip: bool = False
    """Reverse every second spectrum. No instrument does that; published systems do."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = {}
        if recipe.per_spectrum:
            why = "The network sees one spectrum at a time: there are no images to move."
            reasons = dict.fromkeys(("turns", "elastic", "rotate", "zoom"), why)
        if self.mixup == 0:
            reasons["mixup_alpha"] = "Nothing is mixed: mixup is 0."
        return reasons


class Batch(NamedTuple):
    """Some input with what should come of it."""

    input: Tensor
    """Shape (batch, band, y, x)."""
    target: Tensor
    """Shape (batch, out, y · scale, x · scale), of tasks about whole images (batch, out, 1, 1);
    the task's `unlabelled` where nothing is to be learned. Of classes, `out` is 1, their number; once
    mixed, the share of each, and 0 in all where nothing is to be learned."""


class Augment:
    """Vary batches as the settings say.

    What is missing (NaN) stays missing: in images it moves along with its pixel, in spectra it
    stays with its band. Nothing else becomes missing but what mixup mixes with it.

    Parameters
    ----------
    settings : Augmentation
        What is varied, and how much.
    input_axis : SpectralAxis or ChannelAxis
        Bands of the input.
    output_axis : SpectralAxis, ChannelAxis or None
        Bands of the targets, where these are spectra of the same light as the input; else None.
    classes : int
        How many classes targets are numbers of; 0 where they are intensities.
    spread : float
        Standard deviation of the input over all training data; see `spread_of`.

    Raises
    ------
    ValueError
        If spectra are to be changed along an axis that is none (named channels), or to be shifted
        with targets in another unit.
    """

    def __init__(
        self,
        settings: Augmentation,
        input_axis: Axis,
        output_axis: Axis | None,
        *,
        classes: int = 0,
        spread: float = 1.0,
    ) -> None:
        along = [name for name in ("shift", "baseline", "spectral_flip") if getattr(settings, name)]
        if along and not isinstance(input_axis, SpectralAxis):
            raise ValueError(
                f"augmentation by {' and '.join(along)} wants a spectrum, the cube has {input_axis}; "
                "switch it off"
            )
        if settings.shift and output_axis is not None and _unit(input_axis) != _unit(output_axis):
            raise ValueError(
                f"augmentation by shift wants one unit, input has {input_axis}, target {output_axis}; "
                "convert an axis, or switch it off"
            )
        self.settings = settings
        self._classes, self._spread = classes, spread
        self._centres = _centres(input_axis)
        self._target_centres = None if output_axis is None else _centres(output_axis)

    def __call__(self, batch: Batch, chance: torch.Generator) -> Batch:
        """Return a batch that was varied in space, then along its spectra."""
        return self.in_spectra(self.in_space(batch, chance), chance)

    def in_space(self, batch: Batch, chance: torch.Generator) -> Batch:
        """Return a batch, turned and warped: input and target alike."""
        if self.settings.turns:
            quarters, mirror = _draw(4, chance), _draw(2, chance)
            batch = Batch(*(_turned(part, quarters, mirror) for part in batch))
        height, width = batch.input.shape[-2:]
        if not self.warps or min(height, width) == 1:  # a row of spectra is no image
            return batch
        warp = self._warp(len(batch.input), (height, width), chance)
        input = _sampled(batch.input, warp.places(height, width), smooth=True)
        if batch.target.shape[-2:] == (1, 1):  # of whole images, moved or not
            return Batch(input, batch.target)
        places = warp.places(*batch.target.shape[-2:])
        return Batch(input, _sampled(batch.target, places, smooth=not self._classes))

    def in_spectra(self, batch: Batch, chance: torch.Generator) -> Batch:
        """Return a batch of other spectra and intensities."""
        settings = self.settings
        if self.mixes and len(batch.input) > 1:
            batch = self._mixed(batch, chance)
        if settings.spectral_flip:
            batch = self._flipped(batch, chance)
        if settings.shift:
            batch = self._shifted(batch, chance)
        if settings.baseline:
            background = self._background(batch.input, chance)
            batch = batch._replace(input=batch.input + background)
        if settings.gain:
            batch = self._brightened(batch, chance)
        if settings.photons or settings.noise:
            batch = batch._replace(input=self._noisy(batch.input, chance))
        if settings.spikes:
            batch = batch._replace(input=self._spiked(batch.input, chance))
        return batch

    @property
    def warps(self) -> bool:
        """Whether images are moved by parts of a pixel, and so interpolated."""
        return bool(self.settings.elastic or self.settings.rotate or self.settings.zoom)

    @property
    def mixes(self) -> bool:
        """Whether examples are mixed with each other: then, one alone wants company."""
        return bool(self.settings.mixup)

    def _mixed(self, batch: Batch, chance: torch.Generator) -> Batch:
        """Mix a share of the spectra, or images, with another of the batch, targets alike.

        Source: mixup, Zhang et al. 2018, https://arxiv.org/abs/1710.09412
        """
        count = len(batch.input)
        partner = torch.arange(count) + torch.randint(1, count, (count,), generator=chance)
        keep = _beta(self.settings.mixup_alpha, count, chance)
        hit = torch.rand(count, generator=chance) < self.settings.mixup
        device = batch.input.device
        partner, keep = (partner % count).to(device), torch.where(hit, keep, 1.0).to(device)
        target = _shares(batch.target, self._classes) if self._classes else batch.target
        made = Batch(*(_mixture(part, partner, keep) for part in (batch.input, target)))
        # the share of an unlabelled one is that of no class
        return made._replace(target=made.target.nan_to_num(0.0)) if self._classes else made

    def _warp(self, count: int, size: tuple[int, int], chance: torch.Generator) -> _Warp:
        angle = math.radians(self.settings.rotate) * _both_ways((count,), chance)
        shrink = torch.exp(-math.log1p(self.settings.zoom) * _both_ways((count,), chance))
        sine, cosine = shrink * angle.sin(), shrink * angle.cos()
        points = [max(2, 1 + round(side / _SWELL)) for side in size]
        pull = self.settings.elastic * _both_ways((count, 2, *points), chance)
        return _Warp(size, torch.stack([cosine, sine], dim=1), pull)

    def _flipped(self, batch: Batch, chance: torch.Generator) -> Batch:
        flip = torch.rand(len(batch.input), 1, 1, 1, generator=chance) < 0.5
        flip = flip.to(batch.input.device)
        input = torch.where(flip, batch.input.flip(1), batch.input)
        if self._target_centres is None:
            return batch._replace(input=input)
        return Batch(input, torch.where(flip, batch.target.flip(1), batch.target))

    def _shifted(self, batch: Batch, chance: torch.Generator) -> Batch:
        by = self.settings.shift * _both_ways((len(batch.input),), chance).double()
        input = shifted(batch.input, by, self._centres)
        if self._target_centres is None:
            return batch._replace(input=input)
        return Batch(input, shifted(batch.target, by, self._target_centres))

    def _background(self, input: Tensor, chance: torch.Generator) -> Tensor:
        """Return a smooth background, (batch, band, 1, 1), from 0 to its height.

        In Bernstein's polynomials, which add up to 1 and are never negative.
        """
        known = input.isfinite()
        high = torch.where(known, input, -torch.inf).amax(dim=1)
        low = torch.where(known, input, torch.inf).amin(dim=1)
        span = torch.where(known.any(dim=1), high - low, torch.nan)
        height = self.settings.baseline * span.nanmean(dim=(1, 2)).nan_to_num(0.0)
        centres = self._centres - self._centres.min()
        u = centres / centres.max().clamp_min(torch.finfo(torch.float64).tiny)
        order = torch.arange(_BACKGROUND + 1)[:, None]
        choose = torch.tensor([[math.comb(_BACKGROUND, k)] for k in range(_BACKGROUND + 1)])
        shapes = (choose * u**order * (1 - u) ** (_BACKGROUND - order)).float()  # (order, band)
        shares = torch.rand(len(input), _BACKGROUND + 1, generator=chance) @ shapes
        return height[:, None, None, None] * shares[:, :, None, None].to(input.device)

    def _brightened(self, batch: Batch, chance: torch.Generator) -> Batch:
        change = math.log1p(self.settings.gain) * _both_ways((len(batch.input), 1, 1, 1), chance)
        factor = change.exp().to(batch.input.device)
        target = batch.target if self._target_centres is None else batch.target * factor
        return Batch(batch.input * factor, target)

    def _noisy(self, input: Tensor, chance: torch.Generator) -> Tensor:
        variance: Tensor | float = (self.settings.noise * self._spread) ** 2
        if self.settings.photons:
            variance = variance + input.clamp_min(0) / self.settings.photons
        normal = torch.randn(input.shape, generator=chance).to(input.device)
        return input + normal * torch.as_tensor(variance).sqrt()

    def _spiked(self, input: Tensor, chance: torch.Generator) -> Tensor:
        count, bands, *size = input.shape
        one = (count, 1, *size)
        hit = torch.rand(one, generator=chance) < self.settings.spikes
        band = torch.randint(bands, one, generator=chance)
        height = -_SPIKE * self._spread * torch.log1p(-torch.rand(one, generator=chance))
        spike = torch.where(hit, height, 0.0)
        device = input.device
        return input.scatter_add(1, band.to(device), spike.to(device, input.dtype))


def spread_of(images: list[np.ndarray], most: int = 2**20) -> float:
    """Return the standard deviation of images of any shape, of some `most` values of each.

    1 where nothing differs.
    """
    some = [image.reshape(-1)[:: image.size // most | 1] for image in images]
    values = np.concatenate(some)
    values = values[np.isfinite(values)].astype(np.float64)
    return (float(values.std()) if len(values) else 0.0) or 1.0


def shifted(spectra: Tensor, by: Tensor, centres: Tensor) -> Tensor:
    """Move spectra along their axis, by linear interpolation; ends are held.

    What is missing stays so in its band, and is bridged by straight lines for its neighbours.

    Parameters
    ----------
    spectra : Tensor, shape (batch, band, y, x)
        Intensities.
    by : Tensor of float64, shape (batch,)
        Shifts, in the unit of `centres`.
    centres : Tensor of float64, shape (band,)
        In any order.
    """
    order = centres.argsort(stable=True)
    centres, back = centres[order], order.argsort()
    target = centres - by[:, None]
    right = torch.searchsorted(centres, target).clamp(1, max(len(centres) - 1, 1))
    right = right.clamp_max(len(centres) - 1)
    left = (right - 1).clamp_min(0)
    gap = centres[right] - centres[left]
    share = torch.where(gap > 0, (target - centres[left]) / gap, 0.0).clamp(0, 1)
    device = spectra.device
    share = share.to(spectra.dtype).to(device)[:, :, None, None]
    sorted_ = spectra[:, order.to(device)]
    whole = _bridged(sorted_, centres)
    rows = torch.arange(len(spectra), device=device)[:, None]
    moved = whole[rows, left.to(device)] * (1 - share) + whole[rows, right.to(device)] * share
    return torch.where(sorted_.isfinite(), moved, torch.nan)[:, back.to(device)]


def _bridged(spectra: Tensor, centres: Tensor) -> Tensor:
    """Fill what is missing by straight lines, ends held; what is missing wholly stays so."""
    known = spectra.isfinite()
    if known.all():
        return spectra
    last = spectra.shape[1] - 1
    band = torch.arange(last + 1, device=spectra.device)[:, None, None]
    before = torch.where(known, band, -1).cummax(dim=1).values
    after = torch.where(known, band, last + 1).flip(1).cummin(dim=1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(0, last)
    right = torch.where(after > last, before, after).clamp(0, last)
    places = centres.to(spectra.dtype).to(spectra.device)
    gap = places[right] - places[left]
    share = torch.where(gap > 0, (places[band] - places[left]) / gap, 0.0)
    line = spectra.gather(1, left) * (1 - share) + spectra.gather(1, right) * share
    return torch.where(known, spectra, line)


class _Warp(NamedTuple):
    """Where in an image the pixels of a warped one come from."""

    size: tuple[int, int]  # of the input, in pixels
    turn: Tensor  # (batch, 2): cosine and sine, times what is shrunk
    pull: Tensor  # (batch, 2, point, point): y and x, pixels

    def places(self, rows: int, columns: int) -> Tensor:
        """Return the places for a grid over the image as `grid_sample` wants them.

        Grids may be finer than the input: the warp is the same.
        """
        y, x = ((2 * torch.arange(n) + 1) / n - 1 for n in (rows, columns))
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij"))  # edges of the image are at ±1
        half = torch.tensor(self.size)[:, None, None] / 2
        y, x = grid * half  # pixels from the centre
        cosine, sine = self.turn.T[:, :, None, None]
        turned = torch.stack([cosine * y - sine * x, sine * y + cosine * x], dim=1)
        corners = grid.flip(0).permute(1, 2, 0).expand(len(self.turn), -1, -1, -1)
        pulled = functional.grid_sample(
            self.pull, corners, mode="bicubic", padding_mode="border", align_corners=True
        )
        return ((turned + pulled) / half).flip(1).permute(0, 2, 3, 1)


def _sampled(image: Tensor, places: Tensor, *, smooth: bool) -> Tensor:
    """Return an image at other places: between pixels (smooth), or of the nearest one."""

    def at(values: Tensor, mode: str) -> Tensor:
        return functional.grid_sample(
            values, places, mode=mode, padding_mode="reflection", align_corners=False
        )

    places = places.to(image)
    known = image.isfinite()
    if known.all():
        return at(image, "bilinear" if smooth else "nearest")
    weight = known.to(image.dtype)
    nearest = at(weight, "nearest") > 0.5
    if not smooth:
        return torch.where(nearest, at(torch.where(known, image, 0.0), "nearest"), torch.nan)
    mean = at(torch.where(known, image, 0.0), "bilinear") / at(weight, "bilinear")
    return torch.where(nearest, mean, torch.nan)


def _mixture(part: Tensor, partner: Tensor, keep: Tensor) -> Tensor:
    """Return `keep` of each and the rest of its partner; missing (NaN) where either is."""
    keep = keep[:, None, None, None]
    # where a spectrum is kept whole, a missing value of its partner must not reach it
    return torch.where(keep == 1, part, keep * part + (1 - keep) * part[partner])


def _shares(ids: Tensor, classes: int) -> Tensor:
    """Return the share of each class, (batch, class, y, x), of ids, (batch, 1, y, x); NaN for 0."""
    shares = functional.one_hot(ids[:, 0].long(), classes + 1)[..., 1:].movedim(-1, 1)
    return torch.where(ids > 0, shares.to(ids.dtype), torch.nan)


def _beta(alpha: float, count: int, chance: torch.Generator) -> Tensor:
    """Return numbers from 0 to 1 by Beta(alpha, alpha)."""
    seed = int(torch.randint(2**62, (1,), generator=chance))  # torch's own takes no generator
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, count)).float()


def _turned(image: Tensor, quarters: int, mirror: int) -> Tensor:
    turned = torch.rot90(image, quarters, dims=(-2, -1))
    return turned.flip(-1) if mirror else turned


def _unit(axis: Axis) -> tuple[str, str | None] | None:
    return (axis.kind, axis.unit) if isinstance(axis, SpectralAxis) else None


def _centres(axis: Axis) -> Tensor:
    """Return the centres of bands, (band,); of named channels their numbers."""
    centres = axis.centres if isinstance(axis, SpectralAxis) else np.arange(len(axis))
    return torch.tensor(centres, dtype=torch.float64)


def _both_ways(shape: tuple[int, ...], chance: torch.Generator) -> Tensor:
    """Return numbers from −1 to 1."""
    return 2 * torch.rand(shape, generator=chance) - 1


def _draw(below: int, chance: torch.Generator) -> int:
    return int(torch.randint(below, (1,), generator=chance))
