"""Figures of merit agree with values worked out by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_hyperspectral import metrics
from napari_hyperspectral.metrics.phase_congruency import phase_congruency

TARGET = np.array([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1)


@pytest.fixture
def table():
    """Three classes, rows are the truth: 8 of 10, 3 of 4 and 1 of 6 are found."""
    return np.array([[8, 2, 0], [1, 3, 0], [5, 0, 1]])


def test_errors_of_one_and_three_have_a_mean_square_of_five():
    predicted = TARGET + np.array([1.0, -1.0, 3.0, -3.0]).reshape(4, 1, 1)
    assert metrics.mse(predicted, TARGET) == 5
    assert metrics.rmse(predicted, TARGET) == pytest.approx(5**0.5)


def test_an_error_of_a_hundredth_of_the_range_is_forty_decibels():
    assert metrics.psnr(TARGET + 0.04, TARGET, data_range=4) == pytest.approx(40)


def test_a_perfect_prediction_has_endless_decibels():
    assert metrics.psnr(TARGET, TARGET, data_range=4) == float("inf")


def test_decibels_need_a_range():
    with pytest.raises(ValueError, match="has no peak"):
        metrics.psnr(TARGET, TARGET, data_range=0)


def test_two_flat_images_are_as_similar_as_their_brightness():
    one, three = np.full((2, 12, 13), 1.0), np.full((2, 12, 13), 3.0)
    light = (0.01 * 10) ** 2
    target = (2 * 1 * 3 + light) / (1 + 9 + light)
    assert metrics.ssim(one, three, data_range=10) == pytest.approx(target)
    assert metrics.ssim(one, one, data_range=10) == pytest.approx(1)


@pytest.fixture
def cells(rng):
    """Two channels of bright discs on a dark ground, grey values between 0 and 200."""
    y, x = np.mgrid[:61, :75]
    centres = rng.uniform((5, 5), (56, 70), (2, 8, 2))
    return np.stack(
        [
            200.0 * np.any([(y - top) ** 2 + (x - left) ** 2 < 36 for top, left in each], axis=0)
            for each in centres
        ]
    )


def features(predicted, target, data_range=255, **options):
    return metrics.fsim(predicted, target, data_range=data_range, **options)


def test_features_are_alike_whatever_is_added_to_all_pixels(cells):
    assert features(cells, cells) == pytest.approx(1)
    assert features(cells + 40, cells) == pytest.approx(1)


def test_features_are_as_alike_in_any_unit_and_from_every_side(cells, rng):
    noisy = cells + rng.normal(0, 30, cells.shape)
    found = features(noisy, cells)
    assert found < 0.95
    assert features(cells, noisy) == pytest.approx(found)
    assert features(noisy / 1000, cells / 1000, 0.255) == pytest.approx(found)
    assert features(np.rot90(noisy, axes=(1, 2)), np.rot90(cells, axes=(1, 2))) == pytest.approx(
        found, rel=1e-3
    )


def test_features_are_the_less_alike_the_more_blur_or_noise_there_is(cells, rng):
    noise = rng.normal(0, 1, cells.shape)
    blurred = [features(gaussian_filter(cells, (0, s, s)), cells) for s in (0, 0.7, 1.5, 3)]
    noisy = [features(cells + s * noise, cells) for s in (0, 5, 15, 50)]
    for alike in (blurred, noisy):
        assert np.diff(alike).max() < -0.05
    assert features(100 + 50 * noise, cells) < noisy[-1]


def test_edges_are_found_however_faint_they_are():
    """Phase congruency at a step of one part in a hundred is that at a full step."""
    strong = np.zeros((48, 96))
    strong[:, 20:68] = 250.0
    faint, full = (phase_congruency(image) for image in (strong / 100, strong))
    np.testing.assert_allclose(faint, full, atol=1e-3)
    assert full[24, [19, 20, 67, 68]] == pytest.approx(np.ones(4), abs=0.05)
    assert full[24, 44] < 0.5


def test_noise_has_no_edges(rng):
    edges = phase_congruency(rng.normal(0, 5, (64, 80)))
    assert edges.mean() < 0.1


def test_features_count_where_they_are_known_and_asked_for(cells, rng):
    predicted = cells.copy()
    predicted[:, 40:] = np.nan
    assert features(predicted, cells) == pytest.approx(1)
    predicted[:, 40:] = rng.normal(100, 50, predicted[:, 40:].shape)
    above = np.zeros(cells.shape[1:], bool)
    above[:24] = True
    assert features(predicted, cells, where=above) > 0.9
    assert features(predicted, cells, where=~above) < 0.6
    predicted[0] = 0
    assert features(predicted, cells, where=above, good=np.array([False, True])) > 0.9


def test_large_images_are_judged_at_the_size_they_are_viewed(cells, rng):
    large = cells.repeat(8, axis=1).repeat(8, axis=2)  # 488 × 600: by blocks of 2 × 2
    blocks = rng.normal(0, 20, (2, 244, 2, 300, 2))
    blocks -= blocks.mean(axis=(2, 4), keepdims=True)
    noisy = large + blocks.reshape(large.shape)
    assert features(noisy, large) == pytest.approx(1)
    assert features(noisy[:, :300], large[:, :300]) < 0.9


def test_two_flat_images_have_no_features():
    assert np.isnan(features(np.full((1, 20, 30), 3.0), np.full((1, 20, 30), 3.0)))
    with pytest.raises(ValueError, match="has no peak"):
        features(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), 0)


def test_similarity_is_that_of_scikit_image_band_by_band(rng):
    compare = pytest.importorskip("skimage.metrics").structural_similarity
    target = rng.normal(size=(3, 20, 17)).cumsum(axis=-1)
    predicted = target + rng.normal(0, 0.5, target.shape)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [compare(a, b, data_range=8, **options) for a, b in zip(target, predicted)]
    found = metrics.ssim(predicted, target, data_range=8)
    assert found == pytest.approx(np.mean(expected), abs=1e-9)


def test_similarity_counts_windows_that_know_all_their_pixels(rng):
    target = rng.normal(size=(2, 30, 30))
    predicted = target.copy()
    predicted[:, :10] = np.nan
    assert metrics.ssim(predicted, target, data_range=4) == pytest.approx(1)
    predicted[:, :10] = -target[:, :10]
    below = np.zeros((30, 30), bool)
    below[15:] = True  # no window centred here reaches what is wrong
    assert metrics.ssim(predicted, target, data_range=4, where=below) == pytest.approx(1)
    assert metrics.ssim(predicted, target, data_range=4) < 0.9


def test_similarity_needs_a_range():
    with pytest.raises(ValueError, match="has no peak"):
        metrics.ssim(TARGET, TARGET, data_range=0)


def test_a_tenth_off_in_one_of_two_bands_is_a_known_ergas():
    target = np.stack([np.full((3, 4), 10.0), np.full((3, 4), 2.0)])
    predicted = target + np.array([1.0, 0.0]).reshape(2, 1, 1)
    assert metrics.ergas(predicted, target, scale=4) == pytest.approx(25 * (0.1**2 / 2) ** 0.5)
    assert metrics.ergas(target, target, scale=4) == 0
    target[1] = 0  # a band without a mean says nothing
    assert metrics.ergas(target + 1, target, scale=1) == pytest.approx(10)


def test_orthogonal_spectra_are_ninety_degrees_apart_and_diagonals_forty_five():
    target = np.zeros((2, 1, 2))
    target[0] = 1  # both spectra point along the first band
    predicted = np.array([[[0.0, 1.0]], [[5.0, 1.0]]])
    assert metrics.spectral_angle(predicted, target) == pytest.approx((90 + 45) / 2)


def test_the_angle_ignores_brightness_and_dark_spectra():
    assert metrics.spectral_angle(7 * TARGET, TARGET) == pytest.approx(0, abs=1e-5)
    dark = np.concatenate([TARGET, np.zeros_like(TARGET)], axis=2)
    assert metrics.spectral_angle(dark, np.tile(TARGET, (1, 1, 2))) == pytest.approx(0, abs=1e-5)


def test_correlation_is_one_up_to_scale_and_offset_and_minus_one_upside_down():
    assert metrics.pearson(3 * TARGET + 2, TARGET) == pytest.approx(1)
    assert metrics.pearson(-TARGET, TARGET) == pytest.approx(-1)
    assert np.isnan(metrics.pearson(np.ones_like(TARGET), TARGET))


def test_correlation_of_a_hand_worked_example():
    predicted = np.array([1.0, 3.0, 2.0, 4.0]).reshape(4, 1, 1)
    assert metrics.pearson(predicted, TARGET) == pytest.approx(0.8)


def test_the_fitted_error_forgives_each_spectrum_its_scale_and_offset():
    target = np.tile(TARGET, (1, 1, 2))
    predicted = target * [2.0, -0.5] + [1.0, 9.0]
    assert metrics.fitted_mse(predicted, target) == pytest.approx(0, abs=1e-15)


def test_the_fitted_error_of_a_constant_is_the_variance_of_the_normalised_target():
    # (1, 2, 3, 4) / 4 has variance 0.078125
    assert metrics.fitted_mse(np.ones_like(TARGET), TARGET) == pytest.approx(0.078125)


def test_the_fitted_error_of_a_hand_worked_example():
    # target (0, 1, 0, 1), prediction (0, 1, 1, 2): slope 0.5, residuals (0, .5, -.5, 0)
    target = np.array([0.0, 1.0, 0.0, 1.0]).reshape(4, 1, 1)
    predicted = np.array([0.0, 1.0, 1.0, 2.0]).reshape(4, 1, 1)
    assert metrics.fitted_mse(predicted, target) == pytest.approx(0.125)


def test_the_fitted_error_ignores_targets_without_light():
    target = np.concatenate([TARGET, -TARGET], axis=2)
    assert metrics.fitted_mse(target**2, target) == metrics.fitted_mse(TARGET**2, TARGET)


@pytest.mark.parametrize(
    "figure",
    [
        metrics.mse,
        metrics.rmse,
        metrics.spectral_angle,
        metrics.pearson,
        metrics.fitted_mse,
        lambda p, t, **how: metrics.psnr(p, t, data_range=4, **how),
    ],
)
class TestEveryFigureOfIntensities:
    def test_ignores_missing_values_on_either_side(self, figure):
        predicted = TARGET + np.array([0.5, -0.25, 0.125, 0.5]).reshape(4, 1, 1)
        expected = figure(predicted, TARGET)
        more_predicted = np.concatenate([predicted, [[[np.nan]], [[8.0]]]])
        more_target = np.concatenate([TARGET, [[[3.0]], [[np.nan]]]])
        assert figure(more_predicted, more_target) == pytest.approx(expected)

    def test_ignores_bad_bands(self, figure):
        predicted = TARGET + np.array([0.5, -0.25, 0.125, 0.5]).reshape(4, 1, 1)
        more = figure(
            np.concatenate([predicted, [[[1e9]]]]),
            np.concatenate([TARGET, [[[0.0]]]]),
            good=np.array([True] * 4 + [False]),
        )
        assert more == pytest.approx(figure(predicted, TARGET))

    def test_says_nan_when_nothing_is_left(self, figure):
        assert np.isnan(figure(np.full_like(TARGET, np.nan), TARGET))

    def test_refuses_another_shape(self, figure):
        with pytest.raises(ValueError, match="they must be alike"):
            figure(TARGET[:3], TARGET)


def test_the_confusion_table_counts_true_classes_in_rows_and_leaves_out_the_unlabelled():
    predicted = np.array([[1, 2, 2, 0, 1]])
    target = np.array([[1, 2, 1, 1, 0]])
    assert metrics.confusion(predicted, target, 2).tolist() == [[1, 1], [0, 1]]


def test_the_confusion_table_refuses_a_class_too_many():
    with pytest.raises(ValueError, match="class 3 among 2 classes"):
        metrics.confusion(np.array([[3]]), np.array([[1]]), 2)


def test_accuracies_of_a_hand_worked_table(table):
    assert metrics.overall_accuracy(table) == 12 / 20
    assert metrics.class_accuracy(table) == pytest.approx([0.8, 0.75, 1 / 6])
    assert metrics.average_accuracy(table) == pytest.approx((0.8 + 0.75 + 1 / 6) / 3)


def test_kappa_of_a_hand_worked_table(table):
    chance = (10 * 14 + 4 * 5 + 6 * 1) / 400
    assert metrics.kappa(table) == pytest.approx((0.6 - chance) / (1 - chance))


def test_kappa_is_zero_when_rows_and_columns_are_independent_and_one_when_all_is_right():
    assert metrics.kappa(np.outer([2, 3], [4, 1])) == pytest.approx(0)
    assert metrics.kappa(np.diag([5, 7])) == 1


def test_overlaps_of_a_hand_worked_table(table):
    assert metrics.iou(table) == pytest.approx([8 / 16, 3 / 6, 1 / 6])
    assert metrics.f1(table) == pytest.approx([16 / 24, 6 / 9, 2 / 7])


def test_absent_classes_do_not_count_in_averages():
    table = np.array([[4, 0, 0], [0, 0, 0], [2, 0, 2]])
    assert metrics.average_accuracy(table) == 0.75
    assert np.isnan(metrics.class_accuracy(table)[1])
    assert np.isnan(metrics.iou(table)[1])
