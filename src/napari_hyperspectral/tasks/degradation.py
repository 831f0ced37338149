"""How a coarse image comes from a fine one: what an instrument of larger pixels would have measured.

One form for all kinds: along each axis, a coarse pixel is a weighted sum of fine ones, and the
next coarse pixel takes the same weights `scale` fine pixels further on. Beyond its border an
image goes on as it ends. Coarse pixel i covers the fine pixels i · scale to (i + 1) · scale - 1;
`Degradation.first_centre` says where in the fine grid the centre of the first one lies.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple, Self

import torch
from annotated_types import Ge
from pydantic import model_validator
from torch import Tensor

from ..settings import Settings

Sampling = Literal["area", "decimate", "bicubic"]
"""area: a coarse pixel is the mean of its block, as on a camera or by binning. decimate: one pixel
of each block, as in a point scan of larger steps. bicubic: as MATLAB's imresize."""

_MIDDLE: Final = -1
_LOST: Final = 1e-3
"""Patterns of which less than this share of the power gets through are not restored: what is there
in a measurement is noise."""
_HALF: Final = 0.5
"""A coarse pixel is missing where less than this share of its weight was measured."""


class Degradation(Settings):
    """From a fine image to a coarse one, and back as far as that is certain."""

    kind: Sampling = "area"
    """What a coarse pixel is: the mean of a block, one pixel of it, or a bicubic mean around it."""
    scale: Annotated[int, Ge(1)]
    """Fine rows, and columns, of a coarse pixel."""
    psf: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of a Gaussian blur before the sampling, in fine pixels; 0 blurs nothing."""
    row: Annotated[int, Ge(_MIDDLE)] = _MIDDLE
    """Row of the block that decimation takes, from 0; -1: the middle (of four, 2)."""
    column: Annotated[int, Ge(_MIDDLE)] = _MIDDLE
    """Column of the block that decimation takes, from 0; -1: the middle (of four, 2)."""

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
        return all(centre == (self.scale - 1) / 2 for centre in self.first_centre)

    @property
    def margin(self) -> int:
        """How far, in coarse pixels, a value has a say in `project`."""
        longest = max(len(self._taps(phase).weights) for phase in (self.row, self.column))
        overlap = -(-longest // self.scale) - 1
        return 4 * overlap

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
        rows = _taken(fine, self._taps(self.row), self.scale, -2)
        return _taken(rows, self._taps(self.column), self.scale, -1)

    def measured(self, fine: Tensor) -> Tensor:
        """Return what `degrade` does, each coarse pixel from what is known (no NaN) of its part.

        It is NaN where that is less than half.
        """
        known = fine.isfinite()
        if bool(known.all()):
            return self.degrade(fine)
        share = self.degrade(known.to(fine.dtype))
        coarse = self.degrade(torch.where(known, fine, 0.0))
        return torch.where(share >= _HALF, coarse / share.clamp_min(_HALF), torch.nan)

    def adjoint(self, coarse: Tensor) -> Tensor:
        """Return coarse images spread over the fine grid: the adjoint of `degrade`."""
        columns = _given_back(coarse, self._taps(self.column), self.scale, -1)
        return _given_back(columns, self._taps(self.row), self.scale, -2)

    def project(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return the images nearest to `fine` that degrade to `coarse`.

        In one step: along each axis, the patterns that coarse pixels overlap in are told apart by
        an eigendecomposition. Patterns that a wide `psf` all but extinguishes stay as in `fine`,
        and so does what is missing (NaN) in `coarse`.

        Parameters
        ----------
        fine : Tensor, shape (…, y · scale, x · scale)
        coarse : Tensor, shape (…, y, x)

        Source: the projection onto an affine set, Boyd & Vandenberghe 2004, Convex Optimization,
        §8.1, https://web.stanford.edu/~boyd/cvxbook/
        """
        astray = (coarse - self.degrade(fine)).nan_to_num(0.0)
        rows, columns = (
            _patterns(self._taps(phase), self.scale, size)
            for phase, size in zip((self.row, self.column), coarse.shape[-2:], strict=True)
        )
        power = torch.outer(rows.power, columns.power).to(astray)
        # not cut off sharply: a value would then be heard of far beyond the margin
        inverse = power / (power.square() + (_LOST * power.max()).square())
        up, across = rows.shapes.to(astray), columns.shapes.to(astray)
        missing = up @ (inverse * (up.T @ astray @ across)) @ across.T
        return fine + self.adjoint(missing)

    def _taps(self, phase: int) -> _Taps:
        return _blurred(_sampling(self.kind, self.scale, phase), self.psf)


class _Taps(NamedTuple):
    """What coarse pixel 0 takes of the fine pixels along one axis."""

    first: int  # fine pixel of the first weight; may lie before the image
    weights: tuple[float, ...]
    centre: float  # of the coarse pixel, in fine pixels


def _sampling(kind: Sampling, scale: int, phase: int) -> _Taps:
    centre = (scale - 1) / 2
    match kind:
        case "area":
            return _Taps(0, (1 / scale,) * scale, centre)
        case "decimate":
            taken = scale // 2 if phase == _MIDDLE else phase
            return _Taps(taken, (1.0,), float(taken))
        case "bicubic":
            first, last = math.ceil(centre - 2 * scale), math.floor(centre + 2 * scale)
            weights = [_keys((place - centre) / scale) for place in range(first, last + 1)]
            return _Taps(first, tuple(w / sum(weights) for w in weights), centre)


def _keys(distance: float) -> float:
    """Return the cubic convolution kernel with a = -1/2.

    Source: Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711; stretched by the scale, as
    MATLAB's imresize does, it lets through no more than the coarse grid can hold.
    """
    d = abs(distance)
    if d <= 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def _blurred(taps: _Taps, sigma: float) -> _Taps:
    """Return taps that blur by a Gaussian first, cut off at four standard deviations."""
    if not sigma:
        return taps
    half = math.ceil(4 * sigma)
    bell = [math.exp(-0.5 * (place / sigma) ** 2) for place in range(-half, half + 1)]
    weights = [0.0] * (len(taps.weights) + 2 * half)
    for i, weight in enumerate(taps.weights):
        for j, height in enumerate(bell):
            weights[i + j] += weight * height / sum(bell)
    return _Taps(taps.first - half, tuple(weights), taps.centre)


def _places(taps: _Taps, scale: int, coarse: int, device: torch.device) -> Tensor:
    """Return which fine pixel each weight falls on, (weight, coarse pixel)."""
    fine = torch.arange(coarse, device=device) * scale + taps.first
    steps = torch.arange(len(taps.weights), device=device)[:, None]
    return (fine + steps).clamp(0, coarse * scale - 1)


def _taken(fine: Tensor, taps: _Taps, scale: int, axis: int) -> Tensor:
    size = fine.shape[axis] // scale
    parts = zip(taps.weights, _places(taps, scale, size, fine.device), strict=True)
    weight, places = next(parts)
    coarse = weight * fine.index_select(axis, places)
    for weight, places in parts:
        coarse = coarse + weight * fine.index_select(axis, places)
    return coarse


def _given_back(coarse: Tensor, taps: _Taps, scale: int, axis: int) -> Tensor:
    shape = list(coarse.shape)
    shape[axis] *= scale
    fine = coarse.new_zeros(shape)
    places = _places(taps, scale, coarse.shape[axis], coarse.device)
    for weight, under in zip(taps.weights, places, strict=True):
        fine = fine.index_add(axis, under, weight * coarse)
    return fine


class _Patterns(NamedTuple):
    """Coarse patterns along one axis, none of which hears of the others, and their power."""

    power: Tensor  # (pattern,)
    shapes: Tensor  # (coarse pixel, pattern)


@lru_cache(maxsize=16)
def _patterns(taps: _Taps, scale: int, size: int) -> _Patterns:
    with torch.inference_mode(False):  # kept for later, when slopes may be wanted
        spread = _given_back(torch.eye(size, dtype=torch.float64), taps, scale, -1)
        return _Patterns(*torch.linalg.eigh(_taken(spread, taps, scale, -1)))
