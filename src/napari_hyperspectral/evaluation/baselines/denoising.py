"""What a denoising network has to beat: raw data, Savitzky–Golay, PCA, and regression on PCA."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...metrics import fitted_mse
from ...metrics.values import GoodBands
from ...spectra.decompose import PrincipalComponents
from ...spectra.smooth import savitzky_golay
from .baseline import (
    Baseline,
    Intensities,
    TrainingSpectra,
    Values,
    raw,
    without_bad_bands,
)
from .regression import MOST_COMPONENTS, ranks_of, tune_ridge
from .tuning import block_folds, least_mean

_HIGHEST_ORDER: Final = 12
"""Polynomials of higher order follow the noise."""


def denoising_baselines(spectra: TrainingSpectra, good: GoodBands) -> Iterator[Baseline]:
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
    yield _in_target_unit(Baseline("raw", "", raw), spectra, good)
    yield _in_target_unit(tune_savitzky_golay(few, good), spectra, good)
    yield _in_target_unit(tune_truncation(few, good), spectra, good)
    yield tune_denoising_ridge(few, good)


def tune_savitzky_golay(
    spectra: TrainingSpectra, good: GoodBands, orders: int = 4, windows: int = 81
) -> Baseline:
    """Return the Savitzky–Golay filter that comes closest to the clean training spectra.

    All orders up to `orders` and odd windows up to `windows` bands are tried; where the best lies
    on the edge of that grid, the grid is widened.
    """
    bands = len(spectra.input)
    scores: dict[tuple[int, int], float] = {}
    while True:
        _score_filters(scores, spectra, good, orders, min(windows, bands))
        order, window = min(scores, key=lambda setting: scores[setting])
        widest = max(window for _, window in scores)
        if window == widest and windows < bands:
            windows *= 2
        elif order == orders and orders < _HIGHEST_ORDER:
            orders += 2
        else:
            break

    def smooth(data: Intensities) -> NDArray[np.floating]:
        return savitzky_golay(data, order, window, good=good)

    return Baseline("Savitzky–Golay", f"SG({order}, {window})", smooth)


def tune_truncation(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return the truncation to the number of principal components with the least error.

    The error is that on the validation blocks of a cross-validation.
    """
    input = without_bad_bands(spectra.input, good)  # (band, 1, spectrum)
    errors: dict[int, list[float]] = {}
    for fold in block_folds(spectra.block):
        components = PrincipalComponents.of(input[:, :, fold.train], MOST_COMPONENTS)
        noisy = input[:, :, fold.validation]
        clean = spectra.target[:, :, fold.validation]
        for rank in ranks_of(components):
            truncated = components.first(rank).truncate(noisy)
            errors.setdefault(rank, []).append(fitted_mse(truncated, clean, good=good))
    rank = least_mean(errors)
    components = PrincipalComponents.of(input, rank)

    def truncate(data: Intensities) -> NDArray[np.float32]:
        return components.truncate(without_bad_bands(data, good))

    return Baseline("PCA", f"rank {rank}", truncate)


def tune_denoising_ridge(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return the ridge regression from noisy to clean spectra with the least fitted error."""
    # bad bands of the target are not to be learned
    target = np.where(good[:, None, None], spectra.target, 0)

    def error(prediction: Intensities, truth: Values) -> float:
        return fitted_mse(prediction, truth, good=good)

    return tune_ridge(spectra._replace(target=target), good, error)


def _score_filters(
    scores: dict[tuple[int, int], float],
    spectra: TrainingSpectra,
    good: GoodBands,
    orders: int,
    widest: int,
) -> None:
    """Add the error of each order and window of a grid that is not among the scores yet."""
    for order, window in product(range(orders + 1), range(1, widest + 1, 2)):
        if order >= window or (order, window) in scores:
            continue
        smooth = savitzky_golay(spectra.input, order, window, good=good)
        scores[order, window] = fitted_mse(smooth, spectra.target, good=good)


def _in_target_unit(baseline: Baseline, spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return a baseline whose results are brought to the target by one scale and offset."""
    result = np.asarray(baseline.run(spectra.input), np.float64)
    target = np.asarray(spectra.target, np.float64)
    known = np.isfinite(result) & np.isfinite(target) & good[:, None, None]
    x = result[known]
    y = target[known]
    power = float(np.square(x - x.mean()).sum())
    scale = 0.0
    if power > 0:
        scale = float((x - x.mean()) @ (y - y.mean())) / power
    offset = float(y.mean() - scale * x.mean())

    def run(data: Intensities) -> NDArray[np.float32]:
        return (scale * baseline.run(data) + offset).astype(np.float32)

    return baseline._replace(run=run)
