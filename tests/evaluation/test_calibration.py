"""Probabilities are calibrated where a model that is 80 % sure is right in 80 of 100 cases."""

import numpy as np
import pytest

from napari_hyperspectral.evaluation.calibration import ProbabilityCalibration


def sampled(rng, sure, right):
    """Return probabilities of two classes and a truth: so sure, and so often right."""
    truth = np.ones(10_000, int)
    predicted = np.where(rng.random(10_000) < right, 0, 1)
    probabilities = np.full((2, 10_000), 1 - sure)
    probabilities[predicted, np.arange(10_000)] = sure
    return probabilities, truth


def test_a_calibrated_model_has_no_calibration_error(rng):
    assert ProbabilityCalibration.of(*sampled(rng, 0.8, 0.8)).error < 0.01


def test_the_error_is_the_distance_between_sure_and_right(rng):
    calibration = ProbabilityCalibration.of(*sampled(rng, 0.95, 0.7))
    assert calibration.error == pytest.approx(0.25, abs=0.01)
    assert calibration.mean_confidence == pytest.approx(0.95)
    assert calibration.mean_accuracy == pytest.approx(0.7, abs=0.01)


def test_what_is_unlabelled_or_not_measured_is_not_counted(rng):
    probabilities, truth = sampled(rng, 0.8, 0.8)
    truth[:100] = 0
    probabilities[:, 100:300] = np.nan
    assert ProbabilityCalibration.of(probabilities, truth).count.sum() == 9_700


def test_certainty_has_a_bin():
    calibration = ProbabilityCalibration.of(np.array([[1.0], [0.0]]), np.array([1]))
    assert calibration.count.tolist() == [0] * 14 + [1]
    assert calibration.error == 0
