"""Warping images at random: turned by any angle, zoomed and locally displaced."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

_POINT_DISTANCE: Final = 32
"""Pixels between two points of the coarse grid on which elastic displacements are drawn."""


class Warp(NamedTuple):
    """Where in an image the pixels of a warped one come from."""

    size: tuple[int, int]
    """Height and width of the image, in pixels."""
    turn: Tensor
    """Shape (batch, 2): cosine and sine of the angle, times the zoom."""
    displacement: Tensor
    """Shape (batch, 2, y, x) on a coarse grid of points: y and x, in pixels."""

    def grid(self, rows: int, columns: int) -> Tensor:
        """Return the sampling grid of `grid_sample`, (batch, y, x, 2), for rows × columns pixels.

        They may be finer than those of the image, as targets are: the warp is the same.
        """
        y = _centres(rows)
        x = _centres(columns)
        regular = torch.stack(torch.meshgrid(y, x, indexing="ij"))  # (2, y, x), edges at ±1
        half = torch.tensor(self.size)[:, None, None] / 2
        y, x = regular * half  # in pixels from the centre
        cosine, sine = self.turn.T[:, :, None, None]
        turned = torch.stack([cosine * y - sine * x, sine * y + cosine * x], dim=1)
        # grid_sample counts x before y
        points = regular.flip(0).permute(1, 2, 0).expand(len(self.turn), -1, -1, -1)
        displaced = functional.grid_sample(
            self.displacement, points, mode="bicubic", padding_mode="border", align_corners=True
        )
        return ((turned + displaced) / half).flip(1).permute(0, 2, 3, 1)


def random_warp(
    count: int,
    size: tuple[int, int],
    generator: Generator,
    *,
    rotate: float,
    zoom: float,
    elastic: float,
) -> Warp:
    """Return another warp for each of `count` images.

    Parameters
    ----------
    count : int
        Images.
    size : (int, int)
        Their height and width, in pixels.
    generator : Generator
        Source of the random numbers.
    rotate : float
        Largest angle, in degrees.
    zoom : float
        Largest change of size: 0.2 is a factor between 1/1.2 and 1.2.
    elastic : float
        Largest local displacement, in pixels.
    """
    angle = math.radians(rotate) * uniform((count,), generator)
    factor = torch.exp(-math.log1p(zoom) * uniform((count,), generator))
    cosine = factor * angle.cos()
    sine = factor * angle.sin()
    points = [max(2, 1 + round(side / _POINT_DISTANCE)) for side in size]
    displacement = elastic * uniform((count, 2, *points), generator)
    return Warp(size, torch.stack([cosine, sine], dim=1), displacement)


def sampled(image: Tensor, grid: Tensor, *, interpolate: bool) -> Tensor:
    """Return images at other positions: interpolated, or the nearest pixel, as classes want it.

    Parameters
    ----------
    image : Tensor, shape (batch, band, y, x)
        Missing values (NaN) stay missing, and enter no interpolation.
    grid : Tensor, shape (batch, y, x, 2)
        Positions as `grid_sample` takes them.
    interpolate : bool
        Whether to interpolate linearly.
    """
    grid = grid.to(image)
    known = image.isfinite()
    if known.all():
        return _at(image, grid, "bilinear" if interpolate else "nearest")
    filled = torch.where(known, image, 0.0)
    weight = known.to(image.dtype)
    nearest_known = _at(weight, grid, "nearest") > 0.5
    if interpolate:
        values = _at(filled, grid, "bilinear") / _at(weight, grid, "bilinear")
    else:
        values = _at(filled, grid, "nearest")
    return torch.where(nearest_known, values, torch.nan)


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Return random numbers from −1 to 1."""
    return 2 * torch.rand(shape, generator=generator) - 1


def _at(image: Tensor, grid: Tensor, mode: str) -> Tensor:
    return functional.grid_sample(
        image, grid, mode=mode, padding_mode="reflection", align_corners=False
    )


def _centres(pixels: int) -> Tensor:
    """Return the centres of pixels, (pixel,), in an image whose edges are at ±1."""
    return (2 * torch.arange(pixels) + 1) / pixels - 1
