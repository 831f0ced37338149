"""Ridge regression on principal components: from spectra to cleaner spectra, or to channels.

Source: Hoerl & Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634, on the components of
Pearson 1901, https://doi.org/10.1080/14786440109462720.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from ..networks.base import FittedModule, Ports
from ..spectra.decompose import ComponentRegression, PrincipalComponents
from .base import Arrays, Classic, Rows, TrainingData
from .surroundings import ComponentMaps, radius_of
from .tuning import block_folds, least_mean

RANKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100)
_PENALTIES: Final = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
_SIGMAS: Final = (0.0, 1.0, 2.0)
"""Pixel and surroundings, as standard deviations in pixels."""
_MOST_SPECTRA: Final = 4000
"""Spectra to tune on; more take longer and change nothing."""


class Ridge(Classic):
    """Linear regression on principal components; hard to beat where training spectra are few."""

    source: ClassVar[str] = (
        "Hoerl & Kennard 1970, Ridge regression, https://doi.org/10.1080/00401706.1970.10488634"
    )
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    kind: Literal["ridge"] = "ridge"
    components: Annotated[int, Ge(0), Le(1000)] = 0
    """Number of principal components; 0: the best on blocks of the training pixels."""
    surroundings: bool = False
    """Whether the components of the surroundings, blurred, enter as well."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "image" if self.surroundings else "spectrum"

    @property
    def receptive_radius(self) -> int:
        return radius_of(self._sigmas)

    @property
    def stride(self) -> int:
        return 1

    @property
    def _sigmas(self) -> tuple[float, ...]:
        return _SIGMAS if self.surroundings else _SIGMAS[:1]

    def build(self, ports: Ports) -> LinearMap:
        return LinearMap(self._sigmas)

    def floats_per_pixel(self, ports: Ports) -> int:
        features = len(self._sigmas) * min(ports.bands_in, RANKS[-1])
        return 2 * ports.bands_in + 3 * features + ports.bands_out

    def fit(self, data: TrainingData) -> Arrays:
        if self.surroundings:
            return _fit_with_surroundings(data, self._sigmas, self.components)
        return linear_map(data, self.components)

    def describe(self, arrays: Arrays) -> str:
        return f"{len(arrays['features.directions'])} components"

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=1)


class LinearMap(FittedModule):
    """An affine map from component maps to the output, pixel by pixel."""

    weights: Tensor
    """Shape (out, feature)."""
    offset: Tensor
    """Shape (out,)."""

    def __init__(self, sigmas: tuple[float, ...] = (0.0,)) -> None:
        super().__init__()
        self.features = ComponentMaps(sigmas)
        self.register_buffer("weights", torch.empty(0, 0))
        self.register_buffer("offset", torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        mapped = torch.einsum("of,nfyx->noyx", self.weights, self.features(x))
        return mapped + self.offset[:, None, None]


def linear_map(data: TrainingData, rank: int = 0) -> Arrays:
    """Return the numbers of the `LinearMap` that is the ridge regression of single spectra.

    Parameters
    ----------
    data : TrainingData
        Normalised spectra and targets.
    rank : int
        Number of components; 0: the best one on blocks of the training pixels, as is the penalty.
    """
    spectra = data.spectra
    known = np.isfinite(data.targets).all(axis=1)
    ranks = [rank] if rank else list(RANKS)
    rank, penalty = _tuned(spectra, data, ranks)
    components = PrincipalComponents.of(_in_row(spectra), rank)
    best = ComponentRegression.fit(
        components, _in_row(spectra[known]), _in_row(data.targets[known]), penalty
    )
    return {
        "features.mean": components.mean,
        "features.directions": components.directions,
        "weights": best.weights.T,
        "offset": best.offset,
    }


def _tuned(spectra: Rows, data: TrainingData, ranks: Sequence[int]) -> tuple[int, float]:
    """Return rank and penalty of the least error on blocks of the training pixels."""
    step = -(-len(spectra) // _MOST_SPECTRA)
    pixels = np.arange(0, len(spectra), step)
    known = np.isfinite(data.targets[pixels]).all(axis=1)
    pixels = pixels[known]
    errors: dict[tuple[int, float], list[float]] = {}
    for fold in block_folds(data.blocks[pixels]):
        train = pixels[fold.train]
        validation = pixels[fold.validation]
        train_spectra = _in_row(spectra[train])
        train_targets = _in_row(data.targets[train])
        # the first components of many are those of few: one decomposition a fold
        components = PrincipalComponents.of(train_spectra, max(ranks))
        most = max(len(components), 1)
        for rank, penalty in product(ranks, _PENALTIES):
            if rank > most:
                continue
            first = components.first(rank)
            regression = ComponentRegression.fit(first, train_spectra, train_targets, penalty)
            predicted = regression(_in_row(spectra[validation]))
            error = data.error(predicted[:, 0].T, validation)
            errors.setdefault((rank, penalty), []).append(error)
    if not errors:  # a single pixel, or fewer components than asked for
        return min(ranks), 0.0
    return least_mean(errors)


def _fit_with_surroundings(data: TrainingData, sigmas: tuple[float, ...], rank: int) -> Arrays:
    """Return the ridge regression on component maps and their blurred surroundings."""
    spectra = data.spectra
    ranks = [rank] if rank else [each for each in RANKS if each <= _MOST_MAPS]
    most = max(ranks)
    components = PrincipalComponents.of(_in_row(spectra), most)
    maps = ComponentMaps(sigmas)
    maps.set_arrays({"mean": components.mean, "directions": components.directions})
    features = data.rows(maps.of_image(image.input) for image in data.images)
    count = len(components)
    errors: dict[tuple[int, float], list[float]] = {}
    known = np.flatnonzero(np.isfinite(data.targets).all(axis=1))
    for fold in block_folds(data.blocks[known]):
        train = known[fold.train]
        validation = known[fold.validation]
        for rank, penalty in product(ranks, _PENALTIES):
            if rank > count:
                continue
            columns = _columns(rank, count, len(sigmas))
            weights, offset = _ridge(features[train][:, columns], data.targets[train], penalty)
            predicted = features[validation][:, columns] @ weights + offset
            error = data.error(predicted, validation)
            errors.setdefault((rank, penalty), []).append(error)
    rank, penalty = least_mean(errors) if errors else (min(ranks), 0.0)
    columns = _columns(rank, count, len(sigmas))
    weights, offset = _ridge(features[known][:, columns], data.targets[known], penalty)
    return {
        "features.mean": components.mean,
        "features.directions": components.first(rank).directions,
        "weights": weights.T,
        "offset": offset,
    }


_MOST_MAPS: Final = 30
"""Component maps whose surroundings are looked at; more are noise."""


def _columns(rank: int, count: int, sigmas: int) -> list[int]:
    """Return which features are of the first `rank` of `count` components, at all sigmas."""
    columns: list[int] = []
    for sigma in range(sigmas):
        columns += range(sigma * count, sigma * count + min(rank, count))
    return columns


def _ridge(features: Rows, targets: Rows, penalty: float) -> tuple[Rows, Rows]:
    """Return weights, (feature, out), and offset, (out,), of a regression of rows.

    Features are scaled to a common variance first: blurred maps vary less, and must not be shrunk
    more for it.
    """
    features = features.astype(np.float64)
    centre = features.mean(axis=0)
    spread = features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    scaled = (features - centre) / spread
    mean = targets.mean(axis=0, dtype=np.float64)
    gram = scaled.T @ scaled
    shrink = penalty * len(features) * np.eye(len(gram))
    weights = np.linalg.pinv(gram + shrink, hermitian=True) @ scaled.T @ (targets - mean)
    weights = weights / spread[:, None]
    return weights, mean - centre @ weights


def _in_row(rows: Rows) -> Rows:
    """Return spectra, (pixel, band), as an image of one row, (band, 1, pixel)."""
    return rows.T[:, None]
