"""Component maps of an image and of its surroundings, as features for regressions and classifiers."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..networks.base import FittedModule
from ..spectra.decompose import PrincipalComponents
from .base import Arrays, Rows

_TRUNCATE: Final = 4.0
"""Standard deviations at which a Gaussian ends."""


def radius_of(sigmas: tuple[float, ...]) -> int:
    """Return how far, in pixels, the widest of these Gaussians sees."""
    return max((math.ceil(_TRUNCATE * sigma) for sigma in sigmas), default=0)


class ComponentMaps(FittedModule):
    """Scores of principal components, blurred by Gaussians of several widths.

    Parameters
    ----------
    sigmas : tuple of float
        Standard deviations of the Gaussians, in pixels; 0 is the pixel itself.
    """

    mean: Tensor
    """Mean spectrum, shape (band,)."""
    directions: Tensor
    """Shape (component, band)."""

    def __init__(self, sigmas: tuple[float, ...]) -> None:
        super().__init__()
        self.sigmas = sigmas
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("directions", torch.empty(0, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Return features, (batch, sigma · component, y, x), of normalised spectra."""
        centred = x - self.mean[:, None, None]
        scores = torch.einsum("cb,nbyx->ncyx", self.directions, centred)
        maps = [blurred(scores, sigma) for sigma in self.sigmas]
        return torch.cat(maps, dim=1)

    def of_image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of an image, (band, y, x) to (feature, y, x)."""
        with torch.no_grad():
            features: NDArray[np.float32] = self(torch.from_numpy(image)[None])[0].numpy()
        return features


def component_arrays(spectra: Rows, rank: int) -> Arrays:
    """Return mean and directions of at most `rank` principal components of spectra, (pixel, band)."""
    components = PrincipalComponents.of(spectra.T[:, None], rank)
    return {"mean": components.mean, "directions": components.directions}


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Return maps, (batch, map, y, x), blurred by a Gaussian; the image goes on as it ends."""
    if sigma == 0:
        return maps
    kernel = _gaussian(sigma).to(maps)
    radius = len(kernel) // 2
    count, channels, height, width = maps.shape
    flat = maps.reshape(count * channels, 1, height, width)
    padded = functional.pad(flat, (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(padded, kernel[None, None, :, None])
    both = functional.conv2d(rows, kernel[None, None, None, :])
    return both.reshape(count, channels, height, width)


def _gaussian(sigma: float) -> Tensor:
    """Return the weights of a Gaussian, which sum up to 1."""
    radius = radius_of((sigma,))
    distance = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (distance / sigma) ** 2)
    return weights / weights.sum()
