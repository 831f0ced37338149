"""What a prediction of spectra or channels has to beat: the mean, ridge regression, boosted trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...classics.tuning import block_folds, least_mean
from ...metrics import mse
from ...metrics.values import GoodBands
from ...spectra.decompose import ComponentRegression, PrincipalComponents
from ...training.splits import Mask
from ..pairs import spectra_in_row
from .baseline import Baseline, IntensityArray, TrainingSpectra, Values, without_bad_bands

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ErrorOf: TypeAlias = Callable[[IntensityArray, Values], float]
"""Error of a prediction against the truth, each of shape (band, 1, spectrum)."""
Features: TypeAlias = NDArray[np.floating]
"""What trees see of each pixel, shape (…, y, x, feature) or (pixel, feature)."""
_RANKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100)
_PENALTIES: Final = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
_TREE_COMPONENTS: Final = 5
_TREE_BLURS: Final = (0, 1, 2, 4, 8)
"""Standard deviations, in pixels, of the blurs by which the trees see the surroundings."""
MOST_COMPONENTS: Final = _RANKS[-1]


def regression_baselines(
    input: IntensityArray,
    target: IntensityArray,
    train: Mask,
    good: GoodBands,
) -> Iterator[Baseline]:
    """Yield the mean of each channel, a ridge regression of each spectrum, and boosted trees.

    Each is tuned when it is asked for. The trees see the surroundings of a pixel as well.

    Parameters
    ----------
    input, target : ndarray, shape (…, band, y, x) and (…, channel, y, x)
    train : ndarray of bool, shape (y, x)
        The pixels whose `target` may be looked at.
    good : ndarray of bool, shape (band,)
        Bands of `input` that are to be used.
    """
    targets = spectra_in_row(target, train)  # (channel, 1, pixel)
    std = np.nanstd(targets, axis=(1, 2), keepdims=True)  # (channel, 1, 1)
    std = np.where(std > 0, std, 1.0)

    def error(prediction: IntensityArray, truth: Values) -> float:
        # by the spread of each channel, so that all count alike
        return mse(prediction / std, truth / std)

    yield mean_baseline(target, train)
    spectra = TrainingSpectra.of(input, targets, train)
    yield tune_ridge(spectra.subsampled(), good, error)
    yield fit_trees(input, targets, train, good)


def mean_baseline(target: IntensityArray, train: Mask) -> Baseline:
    """Return the mean of each channel over the training pixels: nothing else was learned.

    Parameters
    ----------
    target : ndarray, shape (…, channel, y, x)
    train : ndarray of bool, shape (y, x)
        The pixels whose `target` may be looked at.
    """
    targets = spectra_in_row(target, train)  # (channel, 1, pixel)
    mean = np.nanmean(targets, axis=(1, 2), keepdims=True)  # (channel, 1, 1)

    def constant(data: IntensityArray) -> IntensityArray:
        *planes, _, height, width = data.shape
        shape = (*planes, len(mean), height, width)
        return np.broadcast_to(mean, shape)

    return Baseline("mean", "", constant)


def tune_ridge(
    spectra: TrainingSpectra,
    good: GoodBands,
    error: ErrorOf,
) -> Baseline:
    """Return the ridge regression on principal components with the least cross-validation error.

    Parameters
    ----------
    spectra : TrainingSpectra
        With spectra or channels as targets.
    good : ndarray of bool, shape (band,)
        Bands of the input that are used.
    error : callable
        What is least for the best: takes a prediction and the truth, each (band, 1, spectrum).
    """
    input = without_bad_bands(spectra.input, good)  # (band, 1, spectrum)
    target = spectra.target
    errors: dict[tuple[int, float], list[float]] = {}
    for fold in block_folds(spectra.block):
        train_input = input[:, :, fold.train]
        train_target = target[:, :, fold.train]
        validation_input = input[:, :, fold.validation]
        validation_target = target[:, :, fold.validation]
        # the first components of many are those of few: one decomposition a fold
        components = PrincipalComponents.of(train_input, MOST_COMPONENTS)
        for rank, penalty in product(ranks_of(components), _PENALTIES):
            regression = ComponentRegression.fit(
                components.first(rank),
                train_input,
                train_target,
                penalty,
            )
            prediction = regression(validation_input)
            fold_error = error(prediction, validation_target)
            setting = (rank, penalty)
            errors.setdefault(setting, []).append(fold_error)
    rank, penalty = least_mean(errors)
    # once more, on all training pixels
    components = PrincipalComponents.of(input, rank)
    best = ComponentRegression.fit(components, input, target, penalty)

    def run(data: IntensityArray) -> NDArray[np.float32]:
        return best(without_bad_bands(data, good))

    settings = f"rank {rank}, penalty {penalty:g}"
    return Baseline("PCA + ridge", settings, run)


def fit_trees(
    input: IntensityArray,
    targets: IntensityArray,
    train: Mask,
    good: GoodBands,
    seed: int = 0,
) -> Baseline:
    """Return gradient-boosted trees on blurred principal components, an ensemble a channel.

    Their number is chosen on a tenth of the training pixels. Source: Friedman 2001,
    https://doi.org/10.1214/aos/1013203451

    Parameters
    ----------
    input : ndarray, shape (…, band, y, x)
    targets : ndarray, shape (channel, 1, pixel)
        Of the training pixels only.
    train : ndarray of bool, shape (y, x)
    good : ndarray of bool, shape (band,)
    """
    spectra = spectra_in_row(input, train)
    train_spectra = without_bad_bands(spectra, good)
    components = PrincipalComponents.of(train_spectra, _TREE_COMPONENTS)

    def features(data: IntensityArray) -> Features:
        return _blurred_scores(components, without_bad_bands(data, good))

    # of the image, not of its training pixels alone: blurs need neighbours
    image = features(input)  # (…, y, x, feature)
    table = _rows(image[..., train, :])
    ensembles = [_fit_ensemble(table, target, seed) for target in targets[:, 0]]

    def run(data: IntensityArray) -> NDArray[np.float32]:
        image = features(data)  # (…, y, x, feature)
        size = image.shape[:-1]
        table = _rows(image)
        channels = []
        for trees in ensembles:
            channel = trees.predict(table)
            channels.append(channel.reshape(size))
        stacked = np.stack(channels, axis=-3)
        return stacked.astype(np.float32)

    blurs = ", ".join(map(str, _TREE_BLURS))
    return Baseline("trees", f"blurs {blurs}", run)


def ranks_of(components: PrincipalComponents) -> list[int]:
    """Return the numbers of components to try, of those that there are."""
    most = max(len(components), 1)
    return [rank for rank in _RANKS if rank <= most]


def _fit_ensemble(
    table: Features,
    target: IntensityArray,
    seed: int,
) -> HistGradientBoostingRegressor:
    """Return trees from features, (pixel, feature), to a channel, (pixel,), where it is known."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    known = np.isfinite(target)
    trees = HistGradientBoostingRegressor(
        early_stopping=True,
        random_state=seed,
    )
    trees.fit(table[known], target[known])
    return trees


def _rows(features: Features) -> Features:
    """Return the features of all pixels as a table, (pixel, feature)."""
    count = features.shape[-1]
    return features.reshape(-1, count)


def _blurred_scores(
    components: PrincipalComponents,
    data: IntensityArray,
) -> Features:
    """Return the scores of each pixel, blurred more and more: (…, y, x, feature)."""
    from scipy.ndimage import gaussian_filter

    *planes, _, height, width = data.shape
    scores = components.scores(data)
    scores = scores.reshape(*planes, height, width, -1)
    # neither planes nor features are blurred into each other
    leading = (0,) * len(planes)
    blurred = []
    for blur in _TREE_BLURS:
        std = (*leading, blur, blur, 0)
        blurred.append(gaussian_filter(scores, std))
    return np.concatenate(blurred, axis=-1)
