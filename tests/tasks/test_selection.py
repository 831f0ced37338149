"""The figure that chooses between epochs and methods is 0 for the truth, and no mean wins it."""

import numpy as np
import pytest

from napari_hyperspectral import metrics
from napari_hyperspectral.tasks import (
    Calibrate,
    ClassifyImages,
    ClassifySpectra,
    Denoise,
    PredictChannels,
    Restore,
    Segment,
    SuperResolve,
)

INTENSITIES = [Denoise(), Calibrate(), PredictChannels(), SuperResolve(), Restore()]
CLASSES = [Segment(), ClassifySpectra(), ClassifyImages()]


@pytest.fixture
def target(rng):
    """Spectra as rows, (pixel, band), of two materials."""
    bands = np.linspace(0, 1, 20)
    peaks = np.stack([np.exp(-(((bands - centre) / 0.1) ** 2)) for centre in (0.3, 0.7)])
    shares = rng.dirichlet([1, 1], 50)
    return rng.uniform(1, 3, (50, 1)) * (1 + shares @ peaks)


@pytest.mark.parametrize("task", INTENSITIES, ids=lambda task: task.kind)
def test_the_truth_has_no_error_noise_has_some_and_the_mean_more(task, target, rng):
    noisy = target + rng.normal(0, 0.05, target.shape)
    mean = np.broadcast_to(target.mean(axis=0), target.shape)
    errors = [task.selection_error(each, target) for each in (target, noisy, mean)]
    assert errors[0] == pytest.approx(0, abs=1e-12)
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("task", INTENSITIES, ids=lambda task: task.kind)
def test_what_has_no_target_counts_for_nothing(task, target, rng):
    prediction = target + rng.normal(0, 0.05, target.shape)
    expected = task.selection_error(prediction, target)
    more = np.concatenate([target, np.full((3, 20), np.nan)])
    padded = np.concatenate([prediction, np.ones((3, 20))])
    assert task.selection_error(padded, more) == pytest.approx(expected)
    assert np.isnan(task.selection_error(prediction, np.full_like(target, np.nan)))


def test_spectra_are_compared_on_the_bands_that_have_a_target(target, rng):
    prediction = target + rng.normal(0, 0.05, target.shape)
    good = np.arange(20) % 5 > 0
    masked = np.where(good, target, np.nan)
    expected = metrics.fitted_mse(prediction.T[:, None], target.T[:, None], good=good)
    assert Denoise().selection_error(prediction, masked) == pytest.approx(expected)


def test_spectra_may_be_brighter_and_lie_higher_but_not_be_of_another_shape(target):
    assert Denoise().selection_error(3 * target + 7, target) == pytest.approx(0, abs=1e-12)


def test_channels_count_alike_and_a_constant_one_is_not_correlated(rng):
    target = rng.normal(size=(100, 2)) * [1, 1000]
    prediction = np.stack([target[:, 0], np.ones(100)], axis=1)
    assert PredictChannels().selection_error(prediction, target) == pytest.approx(0.5)
    empty = np.stack([target[:, 0], np.zeros(100)], axis=1)
    assert PredictChannels().selection_error(prediction, empty) == pytest.approx(0)


@pytest.mark.parametrize("task", CLASSES, ids=lambda task: task.kind)
def test_of_classes_it_is_the_share_of_wrong_pixels_over_that_of_a_guess(task):
    scores = np.array([[2.0, 1.0], [0.5, 0.7], [-1.0, -2.0], [0.0, 9.0], [np.nan, np.nan]])
    classes = np.array([[1.0], [2.0], [2.0], [0.0], [1.0]])
    right_by_chance = (2 * 2 + 2 * 1) / 4**2  # of class 1: two true, two predicted; of 2: two, one
    expected = (2 / 4) / (1 - right_by_chance)
    assert task.selection_error(scores, classes) == pytest.approx(expected)
    assert task.selection_error(scores, classes.astype(int)[:, 0]) == pytest.approx(expected)


def test_predicting_the_commonest_class_is_worth_nothing_however_rare_the_other_is():
    classes = np.array([2] + 99 * [1])
    nothing_found = np.tile([1.0, 0.0], (100, 1))
    found_with_two_mistakes = nothing_found.copy()
    found_with_two_mistakes[:3] = [0.0, 1.0]
    assert Segment().selection_error(nothing_found, classes) == pytest.approx(1)
    assert Segment().selection_error(found_with_two_mistakes, classes) < 0.6


def test_kappa_is_that_of_the_metrics_and_of_a_single_class_the_share_of_wrong_pixels(rng):
    scores = rng.normal(size=(50, 3))
    classes = rng.integers(1, 4, 50)
    table = metrics.confusion(scores.argmax(axis=1) + 1, classes, 3)
    assert Segment().selection_error(scores, classes) == pytest.approx(1 - metrics.kappa(table))
    one_class = np.ones(50, int)
    wrong = (scores.argmax(axis=1) > 0).mean()
    assert Segment().selection_error(scores, one_class) == pytest.approx(wrong)


def test_every_figure_has_a_name_and_a_generative_task_has_none():
    assert all(task.selection_name for task in (*INTENSITIES[:-1], *CLASSES))
    assert not Restore(scale=2).selection_name
