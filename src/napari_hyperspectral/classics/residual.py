"""What a linear map cannot explain: kept, smoothed, where it is more than noise.

A regression on components removes whatever its training spectra did not contain: noise, and unknown
materials. The residual of the components is smoothed here; a spectrum keeps none of it where its
energy, the Q statistic of Jackson & Mudholkar 1979
(https://doi.org/10.1080/00401706.1979.10489779), is that of the training spectra, and nearly all
where it is far more: the positive-part shrinkage of James & Stein (Baranchik 1970,
https://doi.org/10.1214/aoms/1177697104).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..devices import tensor_of
from ..networks.base import FittedModule
from .base import Arrays, Rows, TrainingData, TrainingImage
from .surroundings import blurred

_SIGMAS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0)
"""Standard deviations, in bands, of the Gaussians that spectra may be smoothed by."""
_TRUNCATE: Final = 4.0
"""Standard deviations at which a Gaussian ends."""
_QUANTILE: Final = 0.99
"""Share of the training spectra whose residual counts as noise."""
_MOST_SPECTRA: Final = 1000
"""Spectra to choose the width of the Gaussian on: one number needs no more."""
_SIDE: Final = 128
"""Largest side, in pixels, of the part of an image in which the energy of noise is found."""
_LEAST_CORRELATION: Final = 0.5
"""Of explained inputs and predictions: below it, the output is another quantity than the input."""
_LEAST_FREE: Final = 0.1
"""Smallest share of a residual that the fit may have left; less would be divided by nearly 0."""


class ResidualFilter(FittedModule):
    """Smooth the residual of a spectrum, and keep the share of it that is more than noise.

    Parameters
    ----------
    pixel_sigma : float
        Standard deviation, in pixels, of the Gaussian over neighbours; 0: each spectrum by itself.
    """

    kernel: Tensor
    """Gaussian along the spectrum, shape (2 · radius + 1,)."""
    good: Tensor
    """1 in good bands and 0 in bad ones, shape (band,)."""
    limit: Tensor
    """Energy of a smooth residual up to which it is noise, shape (); infinite: nothing is kept."""
    unit: Tensor
    """Intensities of the output for those of the input, both normalised, shape ()."""

    def __init__(self, pixel_sigma: float = 0.0) -> None:
        super().__init__()
        self.pixel_sigma = pixel_sigma
        self.register_buffer("kernel", torch.ones(1))
        self.register_buffer("good", torch.empty(0))
        self.register_buffer("limit", torch.tensor(torch.inf))
        self.register_buffer("unit", torch.ones(()))

    def forward(self, residual: Tensor) -> Tensor:
        """Return what is kept of residuals, (batch, band, y, x), in the unit of the output."""
        smooth = self.smoothed(residual)
        energy = smooth.square().sum(dim=1, keepdim=True)  # (batch, 1, y, x)
        least = torch.finfo(energy.dtype).tiny
        share = (1 - self.limit / energy.clamp_min(least)).clamp_min(0)
        return self.unit * share * smooth

    def smoothed(self, residual: Tensor) -> Tensor:
        """Return residuals, (batch, band, y, x), smoothed over bands and pixels."""
        over_pixels = blurred(residual, self.pixel_sigma)
        return _over_bands(over_pixels, self.kernel, self.good)


def nothing_kept(bands: int) -> Arrays:
    """Return the numbers of a `ResidualFilter` that keeps nothing."""
    return {
        "kernel": np.ones(1),
        "good": np.ones(bands),
        "limit": np.array(np.inf),
        "unit": np.array(1.0),
    }


def residual_arrays(
    data: TrainingData,
    predicted: Rows,
    mean: Rows,
    directions: Rows,
    pixel_sigma: float,
) -> Arrays:
    """Return the numbers of the `ResidualFilter` of a linear map.

    Parameters
    ----------
    data : TrainingData
        Normalised spectra and targets of the same bands.
    predicted : ndarray, shape (pixel, band)
        What the linear map makes of the training spectra.
    mean, directions : ndarray, shapes (band,) and (component, band)
        Components that it explains.
    pixel_sigma : float
        Standard deviation, in pixels, of the Gaussian over neighbours.
    """
    bands = data.ports.bands_in
    good = data.good.astype(np.float32)
    scores = (data.spectra - mean) @ directions.T  # (pixel, component)
    explained = mean + scores @ directions
    if _correlation(explained, predicted) < _LEAST_CORRELATION:
        return nothing_kept(bands)
    parts = _parts(data)
    arrays = {
        **nothing_kept(bands),
        "kernel": _best_kernel(data, parts, good, pixel_sigma),
        "good": good,
        # the slope of what has noise over what has none is not made smaller by the noise
        "unit": np.array(1 / _slope(predicted, explained)),
    }
    smoother = ResidualFilter(pixel_sigma)
    smoother.set_arrays(arrays)
    power = np.square(scores).sum(axis=0)
    energies = [_energies(part.image, smoother, mean, directions, power) for part in parts]
    limit = np.quantile(np.concatenate(energies), _QUANTILE)
    return {**arrays, "limit": np.array(limit)}


class _Part(NamedTuple):
    """A part of an image that is quick to filter."""

    image: TrainingImage
    pixels: NDArray[np.intp]
    """Which of all training pixels lie in it, shape (pixel,)."""


def _parts(data: TrainingData) -> list[_Part]:
    """Return a part of each image, around its training pixels."""
    parts = []
    first = 0
    for image in data.images:
        y, x = np.nonzero(image.train)
        middle = len(y) // 2
        row = max(0, int(y[middle]) - _SIDE // 2)
        column = max(0, int(x[middle]) - _SIDE // 2)
        rows = slice(row, row + _SIDE)
        columns = slice(column, column + _SIDE)
        inside = (y >= row) & (y < row + _SIDE) & (x >= column) & (x < column + _SIDE)
        part = TrainingImage(image.input[:, rows, columns], image.train[rows, columns])
        parts.append(_Part(part, first + np.flatnonzero(inside)))
        first += len(y)
    return parts


def _best_kernel(
    data: TrainingData, parts: Sequence[_Part], good: NDArray[np.float32], pixel_sigma: float
) -> NDArray[np.float32]:
    """Return the Gaussian that brings inputs, smoothed over pixels, closest to their targets."""
    pixels = np.concatenate([part.pixels for part in parts])
    inputs = np.concatenate([_over_pixels(part.image, pixel_sigma) for part in parts])
    known = np.isfinite(data.targets[pixels]).any(axis=1)
    step = max(1, int(known.sum()) // _MOST_SPECTRA)
    pixels = pixels[known][::step]
    targets = data.targets[pixels]
    spectra = torch.from_numpy(inputs[known][::step])[:, :, None, None]  # as images of one pixel
    least = np.inf
    best = np.ones(1, np.float32)
    for sigma in _SIGMAS:
        kernel = _gaussian(sigma)
        smooth = _over_bands(spectra, torch.from_numpy(kernel), torch.from_numpy(good))
        rows = smooth[:, :, 0, 0].numpy()
        slope = _slope(rows, targets)
        offset = np.nanmean(targets - slope * rows)
        error = data.error(slope * rows + offset, pixels)
        if error < least:
            least = error
            best = kernel
    return best


def _over_pixels(image: TrainingImage, pixel_sigma: float) -> NDArray[np.float32]:
    """Return the spectra of the training pixels, (pixel, band), smoothed over neighbours."""
    with torch.no_grad():
        smooth = blurred(tensor_of(image.input)[None], pixel_sigma)[0]
    by_pixel = np.moveaxis(smooth.numpy(), 0, -1)  # (y, x, band)
    rows: NDArray[np.float32] = by_pixel[image.train].astype(np.float32)
    return rows


def _energies(
    image: TrainingImage,
    smoother: ResidualFilter,
    mean: Rows,
    directions: Rows,
    power: Rows,
) -> Rows:
    """Return the energy of the smooth residual of each training pixel, (pixel,).

    As if it had not been among those that the components, whose scores have this power, (component,),
    were fitted to.
    """
    centred = np.moveaxis(image.input, 0, -1) - mean  # (y, x, band)
    scores = centred @ directions.T
    explained = scores @ directions
    known = np.moveaxis(image.input, 0, -1) != 0  # 0: nothing was measured
    residual = np.where(known, centred - explained, 0).astype(np.float32)
    with torch.no_grad():
        smooth = smoother.smoothed(torch.from_numpy(np.moveaxis(residual, -1, 0)[None]))
    energy = smooth[0].square().sum(dim=0).numpy()[image.train]
    # leverage, by which a spectrum has turned the components towards itself
    leverage = np.square(scores[image.train]) @ (1 / np.maximum(power, np.finfo(float).tiny))
    free = np.maximum(1 - leverage, _LEAST_FREE)
    energies: Rows = energy / free**2
    return energies


def _over_bands(image: Tensor, kernel: Tensor, good: Tensor) -> Tensor:
    """Return an image, (batch, band, y, x), smoothed over its good bands; bad ones become 0."""
    count, bands, height, width = image.shape
    radius = len(kernel) // 2
    weights = kernel[None, None, :, None].to(image)  # (1, 1, band, 1)
    mask = good[None, None, :, None].to(image)
    flat = image.reshape(count, 1, bands, height * width)
    total = functional.conv2d(flat * mask, weights, padding=(radius, 0))
    weight = functional.conv2d(mask, weights, padding=(radius, 0))
    least = torch.finfo(weight.dtype).tiny
    smooth = mask * total / weight.clamp_min(least)
    return smooth.reshape(count, bands, height, width)


def _gaussian(sigma: float) -> NDArray[np.float32]:
    radius = math.ceil(_TRUNCATE * sigma)
    distance = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    normalised: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return normalised


def _slope(x: Rows, y: Rows) -> float:
    """Return the slope of y over x where both are known; 0 where x is constant."""
    known = np.isfinite(x) & np.isfinite(y)
    centred_x = x[known] - x[known].mean(dtype=np.float64)
    centred_y = y[known] - y[known].mean(dtype=np.float64)
    power = float(np.square(centred_x).sum())
    if power == 0:
        return 0.0
    return float((centred_x * centred_y).sum() / power)


def _correlation(x: Rows, y: Rows) -> float:
    """Return the Pearson correlation of two tables; 0 where one is constant."""
    slope = _slope(x, y)
    squared = slope * _slope(y, x)
    return float(np.copysign(np.sqrt(squared), slope))
