"""Ridge regression on principal components: from spectra to cleaner spectra, or to channels.

Source: Hoerl & Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634, on the components of
Pearson 1901, https://doi.org/10.1080/14786440109462720.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor

from ..devices import tensor_of
from ..networks.base import FittedModule, Ports
from ..spectra.arrays import Mask
from ..spectra.decompose import ComponentRegression, PrincipalComponents
from .base import Arrays, Classic, Rows, TrainingData
from .residual import ResidualFilter, residual_arrays
from .surroundings import ComponentMaps, radius_of
from .tuning import block_folds, least_mean

RANKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100)
_PENALTIES: Final = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
_SIGMAS: Final = (0.0, 1.0, 2.0)
"""Pixel and surroundings, as standard deviations in pixels."""
_RESIDUAL_SIGMA: Final = 1.0
"""Of the Gaussian over neighbours that smooths residuals, in pixels."""
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
    keep_residual: bool = True
    """Whether what the training spectra do not explain is kept, smoothed, where it is more than their
    noise: a material that was not among them remains visible. For outputs with the bands of the
    input."""

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
        if not self._keeps_residual(ports):
            return LinearMap(self._sigmas)
        return LinearMap(self._sigmas, ResidualFilter(self._residual_sigma))

    def floats_per_pixel(self, ports: Ports) -> int:
        features = len(self._sigmas) * min(ports.bands_in, RANKS[-1])
        floats = 2 * ports.bands_in + 3 * features + ports.bands_out
        if self._keeps_residual(ports):
            floats += 4 * ports.bands_in
        return floats

    def fit(self, data: TrainingData) -> Arrays:
        if self.surroundings:
            arrays = _fit_with_surroundings(data, self._sigmas, self.components)
        else:
            arrays = linear_map(data, self.components)
        if not self._keeps_residual(data.ports):
            return arrays
        return _with_residual(arrays, data, self._sigmas, self._residual_sigma)

    def describe(self, arrays: Arrays) -> str:
        return f"{len(arrays['features.directions'])} components"

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=1)

    def _keeps_residual(self, ports: Ports) -> bool:
        return self.keep_residual and ports.same_bands

    @property
    def _residual_sigma(self) -> float:
        return _RESIDUAL_SIGMA if self.surroundings else 0.0


class LinearMap(FittedModule):
    """An affine map from component maps to the output, pixel by pixel."""

    weights: Tensor
    """Shape (out, feature)."""
    offset: Tensor
    """Shape (out,)."""

    def __init__(
        self, sigmas: tuple[float, ...] = (0.0,), residual: ResidualFilter | None = None
    ) -> None:
        super().__init__()
        self.features = ComponentMaps(sigmas)
        self.residual = residual
        self.register_buffer("weights", torch.empty(0, 0))
        self.register_buffer("offset", torch.empty(0))

    def set_to_zero(self, ports: Ports) -> None:
        """Map everything to 0, so that it can run before it is fitted."""
        self.features.mean = torch.zeros(ports.bands_in)
        self.features.directions = torch.zeros(1, ports.bands_in)
        self.weights = torch.zeros(ports.bands_out, len(self.features.sigmas))
        self.offset = torch.zeros(ports.bands_out)
        if self.residual is not None:
            self.residual.good = torch.ones(ports.bands_in)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        mapped = torch.einsum("of,nfyx->noyx", self.weights, features)
        mapped = mapped + self.offset[:, None, None]
        if self.residual is None:
            return mapped
        # the first features are those of the pixel itself
        scores = features[:, : len(self.features.directions)]
        explained = torch.einsum("cb,ncyx->nbyx", self.features.directions, scores)
        residual = x - self.features.mean[:, None, None] - explained
        measured = x != 0  # 0 stands for what was not
        kept: Tensor = self.residual(torch.where(measured, residual, 0.0))
        return mapped + kept


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
    targets = _without_empty_bands(data.targets)
    known = np.isfinite(targets).all(axis=1)
    ranks = [rank] if rank else list(RANKS)
    rank, penalty = _tuned(spectra, targets, data, ranks)
    components = PrincipalComponents.of(_in_row(spectra), rank)
    best = ComponentRegression.fit(
        components, _in_row(spectra[known]), _in_row(targets[known]), penalty
    )
    return {
        "features.mean": components.mean,
        "features.directions": components.directions,
        "weights": best.weights.T,
        "offset": best.offset,
    }


def complete_targets(targets: Rows) -> Mask:
    """Return which targets, (pixel, out), are known in all bands that are known at all, (pixel,)."""
    known = np.isfinite(targets)  # (pixel, out)
    in_all_bands = np.isfinite(_without_empty_bands(targets)).all(axis=1)
    complete: Mask = np.logical_and(in_all_bands, known.any(axis=1))
    return complete


def _without_empty_bands(targets: Rows) -> Rows:
    """Return targets, (pixel, out), with 0 in bands of which nothing is known, such as bad ones."""
    empty = ~np.isfinite(targets).any(axis=0)
    return np.where(empty, 0, targets)


def _with_residual(
    arrays: Arrays, data: TrainingData, sigmas: tuple[float, ...], residual_sigma: float
) -> Arrays:
    """Return the numbers of a map that keeps residuals, from those of a map that does not."""
    plain = LinearMap(sigmas)
    plain.set_arrays(arrays)
    mapped = data.rows(_applied(plain, image.input) for image in data.images)
    mean = plain.features.mean.numpy()
    directions = plain.features.directions.numpy()
    residual = residual_arrays(data, mapped, mean, directions, residual_sigma)
    return {**arrays, **_named("residual.", residual)}


def _applied(module: LinearMap, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a map makes of an image, (band, y, x) to (out, y, x)."""
    with torch.no_grad():
        mapped: NDArray[np.float32] = module(tensor_of(image)[None])[0].numpy()
    return mapped


def _named(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    """Return the numbers of a part of a module by their names in the whole."""
    return {prefix + name: array for name, array in arrays.items()}


def _tuned(
    spectra: Rows, targets: Rows, data: TrainingData, ranks: Sequence[int]
) -> tuple[int, float]:
    """Return rank and penalty of the least error on blocks of the training pixels."""
    step = -(-len(spectra) // _MOST_SPECTRA)
    pixels = np.arange(0, len(spectra), step)
    known = np.isfinite(targets[pixels]).all(axis=1)
    pixels = pixels[known]
    errors: dict[tuple[int, float], list[float]] = {}
    for fold in block_folds(data.blocks[pixels]):
        train = pixels[fold.train]
        validation = pixels[fold.validation]
        train_spectra = _in_row(spectra[train])
        train_targets = _in_row(targets[train])
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
    ranks = [rank] if rank else list(RANKS)
    components = PrincipalComponents.of(_in_row(spectra), max(ranks))
    maps = ComponentMaps(sigmas)
    maps.set_arrays({"mean": components.mean, "directions": components.directions})
    features = data.rows(maps.of_image(image.input) for image in data.images)
    count = len(components)
    gain = _gain_of_blurred(features, count)
    features = features * gain
    targets = _without_empty_bands(data.targets)
    known = np.flatnonzero(np.isfinite(targets).all(axis=1))
    step = -(-len(known) // _MOST_SPECTRA)
    pixels = known[::step]
    errors: dict[_Tuned, list[float]] = {}
    # surroundings reach into other blocks: larger ones have fewer such pixels
    blocks = data.blocks_for(radius_of(sigmas))
    for fold in block_folds(blocks[pixels]):
        train = pixels[fold.train]
        validation = pixels[fold.validation]
        for setting in _settings(ranks, count):
            columns = _columns(setting, count, len(sigmas))
            weights, offset = _ridge(features[train][:, columns], targets[train], setting.penalty)
            predicted = features[validation][:, columns] @ weights + offset
            error = data.error(predicted, validation)
            errors.setdefault(setting, []).append(error)
    best = least_mean(errors) if errors else _Tuned(min(ranks), min(ranks), 0.0)
    columns = _columns(best, count, len(sigmas))
    weights, offset = _ridge(features[known][:, columns], targets[known], best.penalty)
    kept = min(best.rank, count)
    mapped = np.zeros((len(sigmas) * count, weights.shape[1]))
    mapped[columns] = weights * gain[columns, None]
    by_sigma = mapped.reshape(len(sigmas), count, -1)[:, :kept]
    return {
        "features.mean": components.mean,
        "features.directions": components.first(best.rank).directions,
        "weights": by_sigma.reshape(len(sigmas) * kept, -1).T,
        "offset": offset,
    }


_MOST_MAPS: Final = 30
"""Component maps whose surroundings are looked at; more are noise."""


class _Tuned(NamedTuple):
    """What is chosen on blocks."""

    rank: int
    """Components of the pixel itself."""
    blurred: int
    """The first of them, whose surroundings enter."""
    penalty: float


def _settings(ranks: Sequence[int], count: int) -> Iterator[_Tuned]:
    """Yield what to try for spectra of so many components."""
    for rank, penalty in product(ranks, _PENALTIES):
        if rank > count:
            continue
        yield _Tuned(rank, min(rank, _MOST_MAPS), penalty)
        if rank > _MOST_MAPS:
            yield _Tuned(rank, 0, penalty)


def _columns(setting: _Tuned, count: int, sigmas: int) -> list[int]:
    """Return which features enter, of `count` components at all sigmas; the first sigma is 0."""
    columns = list(range(min(setting.rank, count)))
    for sigma in range(1, sigmas):
        columns += range(sigma * count, sigma * count + min(setting.blurred, count))
    return columns


def _gain_of_blurred(features: Rows, count: int) -> Rows:
    """Return what brings blurred maps to the spread of their component, (feature,).

    Blurred maps vary less, and must not be shrunk more for it.
    """
    spread = features.std(axis=0)  # (sigma · component,)
    of_component = np.tile(spread[:count], len(spread) // max(count, 1))
    gain: Rows = np.divide(of_component, spread, out=np.ones_like(spread), where=spread > 0)
    return gain


def _ridge(features: Rows, targets: Rows, penalty: float) -> tuple[Rows, Rows]:
    """Return weights, (feature, out), and offset, (out,), of a regression of rows.

    The penalty is relative to the largest variance, as in `ComponentRegression`.
    """
    features = features.astype(np.float64)
    centre = features.mean(axis=0)
    centred = features - centre
    mean = targets.mean(axis=0, dtype=np.float64)
    gram = centred.T @ centred
    shrink = penalty * np.diag(gram).max(initial=0.0) * np.eye(len(gram))
    weights = np.linalg.pinv(gram + shrink, hermitian=True) @ centred.T @ (targets - mean)
    return weights, mean - centre @ weights


def _in_row(rows: Rows) -> Rows:
    """Return spectra, (pixel, band), as an image of one row, (band, 1, pixel)."""
    return rows.T[:, None]
