"""Degradation: the coarse image that an instrument of larger pixels would have measured.

All kinds have one form: along each axis, a coarse pixel is a weighted sum of fine ones, and the
next coarse pixel has the same weights `scale` fine pixels further on. Images are padded by their
border. Coarse pixel i covers the fine pixels i · scale to (i + 1) · scale - 1;
`Degradation.first_centre` says where in the fine grid the centre of the first one lies.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple, Self, TypeAlias

import torch
from annotated_types import Ge
from pydantic import model_validator
from torch import Tensor
from torch.nn import functional

from ..scale import power_of_two
from ..settings import Settings

DegradationKind = Literal["area", "decimate", "bicubic"]
"""area: a coarse pixel is the mean of its block, as on a camera or by binning. decimate: one pixel
of each block, as in a point scan of larger steps. bicubic: as MATLAB's imresize."""

NoiseNumbers: TypeAlias = tuple[float, float]
"""Variance of the noise at a mean of 0, and per unit of the mean."""

_MIDDLE: Final = -1
_NOISE_FLOOR: Final = 1e-3
"""Patterns that keep less than this share of their power are not restored: of them, a measurement
holds noise alone."""
_MIN_MEASURED: Final = 0.5
"""A coarse pixel is missing where less than this share of its weight was measured."""
_WINDOW: Final = 2
"""Coarse pixels to each side over which differences are compared with noise."""
_BLUR_CUTOFF: Final = 4
"""Standard deviations at which the Gaussian of the psf is cut off."""


def noise_unit(noise: NoiseNumbers) -> float:
    """Return a power of two, in the unit of the intensities, that suits the size of their noise."""
    read_variance, gain = noise
    return power_of_two(max(math.sqrt(read_variance), gain))


class Degradation(Settings):
    """From a fine image to a coarse one, and back as far as the measurement allows."""

    kind: DegradationKind = "area"
    """Sampling: the mean of a block, one pixel of it, or a bicubic mean around it."""
    scale: Annotated[int, Ge(1)]
    """Fine rows, and columns, of a coarse pixel."""
    psf: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of a Gaussian blur before the sampling, in fine pixels; 0 is none."""
    row: Annotated[int, Ge(_MIDDLE)] = _MIDDLE
    """Row of the block that decimate takes, from 0; -1 is the middle (of four, 2)."""
    column: Annotated[int, Ge(_MIDDLE)] = _MIDDLE
    """Column of the block that decimate takes, from 0; -1 is the middle (of four, 2)."""

    @model_validator(mode="after")
    def _inside_the_block(self) -> Self:
        if max(self.row, self.column) >= self.scale:
            raise ValueError(
                f"row {self.row} and column {self.column} are not both in a block of "
                f"{self.scale} × {self.scale}; they count from 0"
            )
        return self

    @property
    def first_centre(self) -> tuple[float, float]:
        """Row and column of the centre of the first coarse pixel, in fine pixels.

        The centre of the first fine pixel is (0, 0).
        """
        return (self._taps(self.row).centre, self._taps(self.column).centre)

    @property
    def symmetric(self) -> bool:
        """Whether a turned fine image gives the turned coarse one."""
        middle = (self.scale - 1) / 2
        return self.first_centre == (middle, middle)

    @property
    def margin(self) -> int:
        """How far, in coarse pixels, a value changes the result of `project`."""
        longest = max(len(self._taps(phase).weights) for phase in (self.row, self.column))
        overlap = math.ceil(longest / self.scale) - 1  # coarse pixels that share a fine one
        # the inverse of overlapping weights decays further out
        return 4 * overlap + _WINDOW

    @property
    def noise_share(self) -> float:
        """Variance of the noise of a coarse pixel, where that of each fine one is 1."""
        share = 1.0
        for phase in (self.row, self.column):
            weights = self._taps(phase).weights
            share *= sum(weight**2 for weight in weights)
        return share

    def degrade(self, fine: Tensor) -> Tensor:
        """Return coarse images, (…, y, x), of fine ones, (…, y · scale, x · scale).

        A missing value (NaN) makes every coarse pixel missing that it has a part in.

        Raises
        ------
        ValueError
            If a side of `fine` is no multiple of the scale.
        """
        if any(side % self.scale for side in fine.shape[-2:]):
            raise ValueError(
                f"{fine.shape[-2]} × {fine.shape[-1]} fine pixels are no multiple of "
                f"{self.scale}; crop them"
            )
        rows = _degraded(fine, self._taps(self.row), self.scale, -2)
        return _degraded(rows, self._taps(self.column), self.scale, -1)

    def measured(self, fine: Tensor) -> Tensor:
        """Return coarse images as `degrade`, but each pixel from those fine pixels that are measured.

        A coarse pixel is missing (NaN) where they are less than half of its weight.

        Parameters
        ----------
        fine : Tensor, shape (…, y · scale, x · scale)
        """
        known = fine.isfinite()
        if bool(known.all()):
            return self.degrade(fine)
        share = self.degrade(known.to(fine.dtype))  # (…, y, x): measured part of the weight
        coarse = self.degrade(torch.where(known, fine, 0.0))
        return torch.where(
            share >= _MIN_MEASURED, coarse / share.clamp_min(_MIN_MEASURED), torch.nan
        )

    def adjoint(self, coarse: Tensor) -> Tensor:
        """Return coarse images, (…, y, x), spread over the fine grid: the adjoint of `degrade`."""
        columns = _spread_out(coarse, self._taps(self.column), self.scale, -1)
        return _spread_out(columns, self._taps(self.row), self.scale, -2)

    def project(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return the images nearest to `fine` that degrade to `coarse`.

        In one step: an eigendecomposition along each axis separates the patterns in which coarse
        pixels overlap. Patterns that a wide `psf` all but extinguishes stay as in `fine`, and so do
        pixels that are missing (NaN) in `coarse`.

        Parameters
        ----------
        fine : Tensor, shape (…, y · scale, x · scale)
        coarse : Tensor, shape (…, y, x)

        Source: the projection onto an affine set, Boyd & Vandenberghe 2004, Convex Optimization,
        §8.1, https://web.stanford.edu/~boyd/cvxbook/
        """
        return self._corrected(fine, coarse - self.degrade(fine))

    def project_within_noise(self, fine: Tensor, coarse: Tensor, noise: NoiseNumbers) -> Tensor:
        """Return `project`, less of it the more of the difference is noise of the measurement.

        The difference between `coarse` and the degraded `fine` counts by the share of its local
        variance that is no noise: without noise fully, where it is as large as noise not at all.
        Source: the local Wiener filter, Lee 1980, https://doi.org/10.1109/TPAMI.1980.4766994

        Parameters
        ----------
        fine : Tensor, shape (batch, band, y · scale, x · scale)
        coarse : Tensor, shape (batch, band, y, x)
        noise : (float, float)
            Variance of the noise of `coarse` at a mean of 0, and per unit of the mean.
        """
        difference = coarse - self.degrade(fine)
        read_variance, gain = noise
        # in units of the noise: squares of very small intensities are 0 in single precision
        unit = noise_unit(noise)
        level = _local_mean(coarse / unit).clamp_min(0)
        expected = read_variance / unit**2 + gain / unit * level
        found = _local_mean((difference / unit).square())
        share = 1 - expected / found.clamp_min(torch.finfo(found.dtype).tiny)
        return self._corrected(fine, share.clamp_min(0) * difference)

    def _corrected(self, fine: Tensor, difference: Tensor) -> Tensor:
        """Return the images nearest to `fine` that degrade to what it does plus a difference."""
        height, width = difference.shape[-2:]
        rows = _patterns(self._taps(self.row), self.scale, height)
        columns = _patterns(self._taps(self.column), self.scale, width)
        residual = difference.nan_to_num(0.0)
        power = torch.outer(rows.power, columns.power).to(residual)
        # not cut off sharply: a value would then change results far beyond the margin
        inverse = power / (power.square() + (_NOISE_FLOOR * power.max()).square())
        up, across = rows.shapes.to(residual), columns.shapes.to(residual)
        correction = up @ (inverse * (up.T @ residual @ across)) @ across.T
        return fine + self.adjoint(correction)

    def _taps(self, phase: int) -> _Taps:
        return _blurred(_sampling(self.kind, self.scale, phase), self.psf)


class _Taps(NamedTuple):
    """Weights of the fine pixels in coarse pixel 0, along one axis."""

    first: int  # fine pixel of the first weight; may lie before the image
    weights: tuple[float, ...]
    centre: float  # of the coarse pixel, in fine pixels


def _sampling(kind: DegradationKind, scale: int, phase: int) -> _Taps:
    """Return the weights of a sampling without blur; of decimate, `phase` is the pixel taken."""
    centre = (scale - 1) / 2
    match kind:
        case "area":
            return _Taps(0, (1 / scale,) * scale, centre)
        case "decimate":
            taken = scale // 2 if phase == _MIDDLE else phase
            return _Taps(taken, (1.0,), float(taken))
        case "bicubic":
            first = math.ceil(centre - 2 * scale)
            last = math.floor(centre + 2 * scale)
            weights = [_keys((pixel - centre) / scale) for pixel in range(first, last + 1)]
            total = sum(weights)
            return _Taps(first, tuple(weight / total for weight in weights), centre)


def _keys(distance: float) -> float:
    """Return the cubic convolution kernel with a = -1/2.

    Source: Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711; stretched by the scale, as
    MATLAB's imresize does, it lets through no more than the coarse grid can hold.
    """
    d = abs(distance)
    if d <= 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    if d < 2:
        return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return 0.0


def _blurred(taps: _Taps, sigma: float) -> _Taps:
    """Return taps that blur by a Gaussian first: their convolution with it."""
    if not sigma:
        return taps
    half = math.ceil(_BLUR_CUTOFF * sigma)
    gaussian = [math.exp(-0.5 * (pixel / sigma) ** 2) for pixel in range(-half, half + 1)]
    total = sum(gaussian)
    weights = [0.0] * (len(taps.weights) + 2 * half)
    for i, weight in enumerate(taps.weights):
        for j, height in enumerate(gaussian):
            weights[i + j] += weight * height / total
    return _Taps(taps.first - half, tuple(weights), taps.centre)


def _local_mean(coarse: Tensor) -> Tensor:
    """Return the mean of the measured pixels around each of coarse images, (batch, band, y, x)."""
    known = coarse.isfinite()
    side = 2 * _WINDOW + 1
    sums = []
    for image in (torch.where(known, coarse, 0.0), known.to(coarse.dtype)):
        # not counted beyond the border, as missing pixels are not
        sums.append(functional.avg_pool2d(image, side, 1, _WINDOW))
    total, count = sums
    return total / count


def _pixels(taps: _Taps, scale: int, coarse: int, device: torch.device) -> Tensor:
    """Return the index of the fine pixel under each weight, (weight, coarse pixel)."""
    first = torch.arange(coarse, device=device) * scale + taps.first
    steps = torch.arange(len(taps.weights), device=device)[:, None]
    return (first + steps).clamp(0, coarse * scale - 1)  # beyond the image, its border


def _degraded(fine: Tensor, taps: _Taps, scale: int, axis: int) -> Tensor:
    """Return images degraded along one axis."""
    coarse_size = fine.shape[axis] // scale
    pixels = _pixels(taps, scale, coarse_size, fine.device)
    coarse = taps.weights[0] * fine.index_select(axis, pixels[0])
    for weight, under in zip(taps.weights[1:], pixels[1:], strict=True):
        coarse = coarse + weight * fine.index_select(axis, under)
    return coarse


def _spread_out(coarse: Tensor, taps: _Taps, scale: int, axis: int) -> Tensor:
    """Return coarse images spread over the fine grid along one axis, the adjoint of `_degraded`."""
    shape = list(coarse.shape)
    shape[axis] *= scale
    fine = coarse.new_zeros(shape)
    pixels = _pixels(taps, scale, coarse.shape[axis], coarse.device)
    for weight, under in zip(taps.weights, pixels, strict=True):
        fine = fine.index_add(axis, under, weight * coarse)
    return fine


class _Patterns(NamedTuple):
    """Coarse patterns along one axis, independent of each other, and their power."""

    power: Tensor  # (pattern,)
    shapes: Tensor  # (coarse pixel, pattern)


@lru_cache(maxsize=16)
def _patterns(taps: _Taps, scale: int, size: int) -> _Patterns:
    """Return the eigenvectors of degrading after spreading, for `size` coarse pixels."""
    with torch.inference_mode(False):  # kept for later, when gradients may be needed
        identity = torch.eye(size, dtype=torch.float64)
        overlap = _degraded(_spread_out(identity, taps, scale, -1), taps, scale, -1)
        power, shapes = torch.linalg.eigh(overlap)
    return _Patterns(power, shapes)
