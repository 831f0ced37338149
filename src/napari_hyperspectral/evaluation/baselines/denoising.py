"""What a denoising network has to beat: raw data, and truncation to principal components.

Other classical methods are models: see `evaluation.classical`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...classics.tuning import block_folds, least_mean
from ...metrics import fitted_mse
from ...metrics.values import GoodBands
from ...spectra.decompose import PrincipalComponents
from .baseline import (
    Baseline,
    IntensityArray,
    TrainingSpectra,
    raw,
    without_bad_bands,
)

_RANKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100)


def raw_baseline(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return raw data in the unit of the target; `good` is (band,): bands that count."""
    return _in_target_unit(Baseline("raw", "", raw), spectra, good)


def truncation_baseline(spectra: TrainingSpectra, good: GoodBands) -> Baseline:
    """Return truncation to principal components, tuned, in the unit of the target."""
    return _in_target_unit(tune_truncation(spectra.subsampled(), good), spectra, good)


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
        components = PrincipalComponents.of(train, _RANKS[-1])
        for rank in _ranks_of(components):
            truncated = components.first(rank).truncate(noisy)
            error = fitted_mse(truncated, clean, good=good)
            errors.setdefault(rank, []).append(error)
    rank = least_mean(errors)
    components = PrincipalComponents.of(input, rank)

    def truncate(data: IntensityArray) -> NDArray[np.float32]:
        return components.truncate(without_bad_bands(data, good))

    return Baseline("PCA", f"rank {rank}", truncate)


def _ranks_of(components: PrincipalComponents) -> list[int]:
    """Return the numbers of components to try, of those that there are."""
    most = max(len(components), 1)
    return [rank for rank in _RANKS if rank <= most]


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
