"""Baselines are tuned honestly: on the training pixels, over blocks, beyond the edge of the grid."""

import numpy as np
import pytest

from napari_hyperspectral.classics.tuning import block_folds, class_folds
from napari_hyperspectral.evaluation.baselines.baseline import TrainingSpectra
from napari_hyperspectral.evaluation.baselines.denoising import (
    denoising_baselines,
    tune_savitzky_golay,
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


def test_each_method_is_closer_to_the_truth_than_raw_data(spectra):
    raw, *methods = denoising_baselines(spectra, ALL)
    worst = fitted_mse(raw.run(spectra.input), spectra.target)
    assert [method.name for method in methods] == ["Savitzky–Golay", "PCA", "PCA + ridge"]
    for method in methods:
        assert fitted_mse(method.run(spectra.input), spectra.target) < 0.5 * worst


def test_methods_come_out_in_the_unit_of_the_target(spectra):
    for method in denoising_baselines(spectra, ALL):
        assert method.run(spectra.input).mean() == pytest.approx(spectra.target.mean(), rel=1e-3)


def test_a_filter_on_the_edge_of_the_grid_widens_it(spectra):
    narrow = tune_savitzky_golay(spectra, ALL, orders=0, windows=3)
    wide = tune_savitzky_golay(spectra, ALL)
    assert narrow.settings != "SG(0, 3)"
    errors = [fitted_mse(m.run(spectra.input), spectra.target) for m in (narrow, wide)]
    assert errors[0] < 1.05 * errors[1]


def test_the_rank_of_the_mixture_is_found(spectra):
    assert tune_truncation(spectra, ALL).settings == "rank 2"


def test_bad_bands_change_nothing(spectra):
    good = np.arange(BANDS) != 30
    spoiled = spectra.input.copy()
    spoiled[30] = np.random.default_rng(1).normal(0, 1e6, (1, 90))
    for with_spike, without in zip(
        denoising_baselines(spectra._replace(input=spoiled), good),
        denoising_baselines(spectra, good),
    ):
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


@pytest.mark.parametrize("fold", [0, 1, 2, 3])
def test_baselines_have_their_reference_figures_on_real_raman_pairs(data_folder, fold):
    file = np.load(data_folder / "raman_pairs" / "pairs_11x44x500.npz")
    low, high = (np.moveaxis(file[name], -1, 0) for name in ("low", "high"))
    column = np.arange(44)
    train = np.broadcast_to((column < 11 * fold - 2) | (column >= 11 * fold + 13), (11, 44))
    y, x = np.nonzero(train)
    spectra = TrainingSpectra(low[:, train][:, None], high[:, train][:, None], x // 8 * 11 + y // 8)
    test = (slice(None), slice(None), slice(11 * fold, 11 * fold + 11))
    methods = list(denoising_baselines(spectra, np.ones(500, bool)))
    errors = {m.name: fitted_mse(m.run(low[test]), high[test]) for m in methods}
    assert errors["raw"] == pytest.approx(0.012, rel=0.05)
    assert errors["Savitzky–Golay"] == pytest.approx(
        [0.00113, 0.00110, 0.00109, 0.00148][fold], rel=0.05
    )
    # the reference figure of the last fold is that of the best rank, known only afterwards
    assert errors["PCA + ridge"] == pytest.approx(
        [0.00049, 0.00046, 0.00048, 0.0020][fold], rel=0.03 if fold < 3 else 0.12
    )
