"""What a denoising network has to beat: raw data, Savitzky–Golay, PCA, and regression on PCA."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...classics.tuning import block_folds, least_mean
from ...metrics import fitted_mse
from ...metrics.values import GoodBands
from ...spectra.decompose import PrincipalComponents
from ...spectra.smooth import savitzky_golay
from .baseline import (
    Baseline,
    IntensityArray,
    TrainingSpectra,
    Values,
    raw,
    without_bad_bands,
)
from .regression import MOST_COMPONENTS, ranks_of, tune_ridge

FilterErrors: TypeAlias = dict[tuple[int, int], float]
"""Fitted error of each Savitzky–Golay filter, by its order and its window in bands."""
_HIGHEST_ORDER: Final = 12
"""Polynomials of higher order follow the noise."""


def denoising_baselines(
    spectra: TrainingSpectra,
    good: GoodBands,
) -> Iterator[Baseline]:
    """Yield raw data, Savitzky–Golay, truncation to principal components, and ridge regression.

    Each is tuned when it is asked for.

    Parameters
    ----------
    spectra : TrainingSpectra
        With clean spectra as targets.
    good : ndarray of bool, shape (band,)
        Bands that count.
    """
    few = spectra.subsampled()
    yield raw_baseline(spectra, good)
    # tuned on few spectra, brought to the target's unit by all of them
    yield _in_target_unit(tune_savitzky_golay(few, good), spectra, good)
    yield truncation_baseline(spectra, good)
    # a regression has learned that unit already
    yield tune_denoising_ridge(few, good)


def raw_baseline(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return raw data in the unit of the target; `good` is (band,): bands that count."""
    return _in_target_unit(Baseline("raw", "", raw), spectra, good)


def truncation_baseline(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return truncation to principal components, tuned, in the unit of the target."""
    return _in_target_unit(tune_truncation(spectra.subsampled(), good), spectra, good)


def tune_savitzky_golay(
    spectra: TrainingSpectra,
    good: GoodBands,
    orders: int = 4,
    windows: int = 81,
) -> Baseline:
    """Return the Savitzky–Golay filter that comes closest to the clean training spectra.

    All orders up to `orders` and odd windows up to `windows` bands are tried; where the best lies
    on the edge of that grid, the grid is widened. `good` is (band,): bands that count.
    """
    bands = len(spectra.input)
    scores: FilterErrors = {}
    while True:
        _score_filters(scores, spectra, good, orders, min(windows, bands))
        order, window = min(scores, key=lambda setting: scores[setting])
        widest = max(window for _, window in scores)
        on_edge = window == widest
        if on_edge and windows < bands:
            windows *= 2
        elif order == orders and orders < _HIGHEST_ORDER:
            orders += 2
        else:
            break

    def smooth(data: IntensityArray) -> NDArray[np.floating]:
        return savitzky_golay(data, order, window, good=good)

    settings = f"SG({order}, {window})"
    return Baseline("Savitzky–Golay", settings, smooth)


def tune_truncation(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return the truncation to the number of principal components with the least error.

    The error is that on the validation blocks of a cross-validation, over the bands that are
    `good`, (band,).
    """
    input = without_bad_bands(spectra.input, good)  # (band, 1, spectrum)
    errors: dict[int, list[float]] = {}
    for fold in block_folds(spectra.block):
        train = input[:, :, fold.train]
        noisy = input[:, :, fold.validation]
        clean = spectra.target[:, :, fold.validation]
        # the first components of many are those of few: one decomposition a fold
        components = PrincipalComponents.of(train, MOST_COMPONENTS)
        for rank in ranks_of(components):
            truncated = components.first(rank).truncate(noisy)
            error = fitted_mse(truncated, clean, good=good)
            errors.setdefault(rank, []).append(error)
    rank = least_mean(errors)
    components = PrincipalComponents.of(input, rank)

    def truncate(data: IntensityArray) -> NDArray[np.float32]:
        return components.truncate(without_bad_bands(data, good))

    return Baseline("PCA", f"rank {rank}", truncate)


def tune_denoising_ridge(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return the ridge regression from noisy to clean spectra with the least fitted error.

    Bands that are not `good`, (band,), are neither used nor learned.
    """
    target = np.where(good[:, None, None], spectra.target, 0)
    learned = spectra._replace(target=target)

    def error(prediction: IntensityArray, truth: Values) -> float:
        return fitted_mse(prediction, truth, good=good)

    return tune_ridge(learned, good, error)


def _score_filters(
    scores: FilterErrors,
    spectra: TrainingSpectra,
    good: GoodBands,
    orders: int,
    widest: int,
) -> None:
    """Add the error of each order and window of a grid that is not among the scores yet."""
    windows = range(1, widest + 1, 2)
    for order, window in product(range(orders + 1), windows):
        # a polynomial of as many coefficients as bands smooths nothing
        if order >= window or (order, window) in scores:
            continue
        smooth = savitzky_golay(spectra.input, order, window, good=good)
        error = fitted_mse(smooth, spectra.target, good=good)
        scores[order, window] = error


def _in_target_unit(
    baseline: Baseline,
    spectra: TrainingSpectra,
    good: GoodBands,
) -> Baseline:
    """Return a baseline whose results are brought to the target by one scale and offset."""
    result = np.asarray(baseline.run(spectra.input), np.float64)
    target = np.asarray(spectra.target, np.float64)
    known = np.isfinite(result) & np.isfinite(target)
    known &= good[:, None, None]
    x = result[known]
    y = target[known]
    x_centred = x - x.mean()
    y_centred = y - y.mean()
    power = float(np.square(x_centred).sum())
    # a constant result is brought to the mean of the target
    scale = 0.0
    if power > 0:
        scale = float(x_centred @ y_centred) / power
    offset = float(y.mean() - scale * x.mean())

    def run(data: IntensityArray) -> NDArray[np.float32]:
        fitted = scale * baseline.run(data) + offset
        return fitted.astype(np.float32)

    return baseline._replace(run=run)
