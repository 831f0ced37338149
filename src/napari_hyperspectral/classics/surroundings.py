"""Component maps of an image and of its surroundings, as features for regressions and classifiers."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..devices import tensor_of
from ..networks.base import FittedModule
from ..spectra.decompose import PrincipalComponents
from .base import Arrays, Rows, TrainingData, TrainingImage
from .precision import in_full_precision, widest

_CONSTANT: Final = 1e-6
"""Standard deviation of a feature below which it is constant, where spectra have one of about 1."""
_MOST_SPECTRA: Final = 50_000
"""Spectra whose principal components are found."""
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
        """Return features, (batch, sigma · component, y, x), of normalised spectra.

        They are rounded from double precision, so that tiles have those of the image bit for bit:
        trees ask on which side of a threshold a feature is.
        """
        with in_full_precision(x):
            scores = self.scores(x)
            maps = [blurred(scores, sigma).to(x.dtype) for sigma in self.sigmas]
            return torch.cat(maps, dim=1)

    def scores(self, x: Tensor) -> Tensor:
        """Return the scores, (batch, component, y, x), of normalised spectra, in double precision."""
        centred = widest(x) - self.mean[:, None, None]
        return torch.einsum("cb,nbyx->ncyx", self.directions.to(centred), centred)

    def of_image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of an image, (band, y, x) to (feature, y, x)."""
        with torch.no_grad():
            features: NDArray[np.float32] = self(tensor_of(image)[None])[0].numpy()
        return features

    def rows_of(self, image: TrainingImage) -> NDArray[np.float32]:
        """Return the features of the training pixels of an image, (pixel, feature).

        Only one blurred map is held at a time: images may be large.
        """
        train = torch.from_numpy(image.train)
        with torch.no_grad():
            scores = self.scores(tensor_of(image.input)[None])  # (1, component, y, x)
            columns = []
            for sigma in self.sigmas:
                for component in scores[0]:
                    blurred_map = blurred(component[None, None], sigma)[0, 0]
                    columns.append(blurred_map[train].float())
        rows: NDArray[np.float32] = torch.stack(columns, dim=1).numpy()
        return rows


class PixelFeatures(FittedModule):
    """What a classifier or a tree sees of each pixel, each feature at mean 0 and deviation 1.

    Parameters
    ----------
    sigmas : tuple of float
        Of the component maps of the surroundings, as in `ComponentMaps`; none: the features are the
        spectrum itself.
    """

    mean: Tensor
    """Of each feature over the training pixels, shape (feature,); so is `std`."""
    std: Tensor

    def __init__(self, sigmas: tuple[float, ...]) -> None:
        super().__init__()
        self.maps = ComponentMaps(sigmas) if sigmas else None
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("std", torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        """Return features, (batch, feature, y, x), of normalised spectra."""
        features = x
        if self.maps is not None:
            features = self.maps(x)
        return (features - self.mean[:, None, None]) / self.std[:, None, None]

    def rows(self, x: Tensor) -> Tensor:
        """Return features, (pixel, feature), of the pixels of a batch, row by row."""
        features: Tensor = self(x)
        return features.movedim(1, -1).flatten(end_dim=-2)

    def fit(self, data: TrainingData, components: int) -> tuple[Arrays, Rows]:
        """Fit it to the training pixels; return its numbers, and their features.

        Features have shape (pixel, feature), and are those of a prediction bit for bit.

        Parameters
        ----------
        data : TrainingData
            Training pixels.
        components : int
            Most component maps that are blurred.
        """
        arrays: Arrays = {}
        rows = data.spectra
        if self.maps is not None:
            some = rows[:: -(-len(rows) // _MOST_SPECTRA)]
            numbers = component_arrays(some, components)
            if not len(numbers["directions"]):
                raise ValueError(
                    "the spectra of all training pixels are equal, so that nothing can be learned from "
                    "them; choose others"
                )
            self.maps.set_arrays(numbers)
            arrays = {f"maps.{name}": array for name, array in numbers.items()}
            rows = np.concatenate([self.maps.rows_of(image) for image in data.images])
        std = rows.std(axis=0, dtype=np.float64)
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        # a constant feature tells nothing: 0 by 1 is left of it
        std = np.where(std > _CONSTANT, std, 1.0).astype(np.float32)
        return {**arrays, "mean": mean, "std": std}, (rows - mean) / std


def component_arrays(spectra: Rows, rank: int) -> Arrays:
    """Return mean and directions of at most `rank` principal components of spectra, (pixel, band)."""
    components = PrincipalComponents.of(spectra.T[:, None], rank)
    return {"mean": components.mean, "directions": components.directions}


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Return maps, (batch, map, y, x), blurred by a Gaussian; the image goes on as it ends."""
    if sigma == 0 or maps.shape[1] == 0:  # a single spectrum has no components
        return maps
    weights = _gaussian(sigma)
    radius = len(weights) // 2
    height, width = maps.shape[-2:]
    padded = functional.pad(maps, (radius, radius, radius, radius), mode="replicate")
    # sums of shifted images are several times faster than convolutions in double precision
    down = torch.zeros_like(padded[..., :height, :])
    for shift, weight in enumerate(weights):
        down.add_(padded[..., shift : shift + height, :], alpha=weight)
    both = torch.zeros_like(maps)
    for shift, weight in enumerate(weights):
        both.add_(down[..., shift : shift + width], alpha=weight)
    return both


def _gaussian(sigma: float) -> list[float]:
    """Return the weights of a Gaussian, which sum up to 1."""
    radius = radius_of((sigma,))
    distance = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    normalised: list[float] = (weights / weights.sum()).tolist()
    return normalised
