"""Baselines are tuned honestly: on the training pixels, over blocks, beyond the edge of the grid."""

import numpy as np
import pytest

from napari_hyperspectral.classics.tuning import block_folds, class_folds
from napari_hyperspectral.evaluation.baselines.baseline import TrainingSpectra
from napari_hyperspectral.evaluation.baselines.denoising import (
    raw_baseline,
    truncation_baseline,
    tune_truncation,
)
from napari_hyperspectral.metrics import fitted_mse

BANDS = 60
ALL = np.ones(BANDS, bool)


@pytest.fixture
def spectra(rng):
    """60 bands, 90 spectra in 6 blocks: mixtures of two broad peaks, under noise, another unit."""
    place = np.arange(BANDS)[:, None]
    peaks = np.exp(-(((place - np.array([20, 40])) / 6) ** 2))
    clean = (peaks @ rng.uniform(1, 3, (2, 90)))[:, None]
    noisy = 10 * clean + rng.normal(0, 5, clean.shape)
    return TrainingSpectra(noisy, clean, np.arange(90) // 15)


def test_truncation_is_closer_to_the_truth_than_raw_data(spectra):
    worst = fitted_mse(raw_baseline(spectra, ALL).run(spectra.input), spectra.target)
    truncated = truncation_baseline(spectra, ALL).run(spectra.input)
    assert fitted_mse(truncated, spectra.target) < 0.5 * worst


@pytest.mark.parametrize("baseline", [raw_baseline, truncation_baseline])
def test_methods_come_out_in_the_unit_of_the_target(spectra, baseline):
    result = baseline(spectra, ALL).run(spectra.input)
    assert result.mean() == pytest.approx(spectra.target.mean(), rel=1e-3)


def test_the_rank_of_the_mixture_is_found(spectra):
    assert tune_truncation(spectra, ALL).settings == "rank 2"


def test_bad_bands_change_nothing(spectra):
    good = np.arange(BANDS) != 30
    spoiled = spectra.input.copy()
    spoiled[30] = np.random.default_rng(1).normal(0, 1e6, (1, 90))
    for baseline in (raw_baseline, truncation_baseline):
        with_spike = baseline(spectra._replace(input=spoiled), good)
        without = baseline(spectra, good)
        assert with_spike.settings == without.settings
        errors = [
            fitted_mse(method.run(data), spectra.target, good=good)
            for method, data in ((with_spike, spoiled), (without, spectra.input))
        ]
        assert errors[0] == pytest.approx(errors[1], rel=1e-6)


def test_folds_never_tear_a_block_apart():
    block = np.repeat([7, 3, 9, 1], 5)
    validated = []
    for train, validation in block_folds(block):
        assert not set(block[train]) & set(block[validation])
        validated += list(validation)
    assert sorted(validated) == list(range(20))


def test_a_single_block_is_cut_into_halves():
    folds = list(block_folds(np.zeros(6, int)))
    assert [fold.validation.tolist() for fold in folds] == [[0, 1, 2], [3, 4, 5]]


def test_every_class_is_learned_in_every_fold_even_from_a_single_block():
    classes = np.array([1] * 12 + [2] * 6 + [3] * 3)
    block = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6])
    folds = list(class_folds(classes, block))
    assert len(folds) == 3
    for train, validation in folds:
        assert set(classes[train]) == {1, 2, 3}
        torn = {b for b in block[train] if b in block[validation]}
        assert torn <= {6}
