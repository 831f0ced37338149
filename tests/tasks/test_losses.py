"""Losses have the values that one works out by hand, and slopes that lead somewhere."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_hyperspectral.tasks import losses

INTENSITIES = {
    "l1": losses.l1,
    "l2": losses.l2,
    "huber": losses.huber,
    "charbonnier": losses.charbonnier,
    "spectral angle": losses.spectral_angle,
    "ssim": lambda made, target: losses.ssim(made, target, data_range=1.0),
    "frc": losses.frc,
    "frc, hann": lambda made, target: losses.frc(made, target, hann=True),
    "correlation": losses.correlation,
}
CLASSES = {
    "cross-entropy": losses.cross_entropy,
    "binary": losses.binary_cross_entropy,
    "focal": losses.focal,
    "dice": losses.dice,
}
FILLING = ("ssim", "frc", "frc, hann")
"""What looks at neighbourhoods: there, what is not known looks as it is made."""
every_intensity_loss = pytest.mark.parametrize("loss", INTENSITIES.values(), ids=INTENSITIES)
every_class_loss = pytest.mark.parametrize("loss", CLASSES.values(), ids=CLASSES)


@pytest.fixture
def image(rng):
    """Two images of three bands, (2, 3, 16, 21), between 0 and 1."""
    return torch.from_numpy(rng.uniform(0, 1, (2, 3, 16, 21)).astype(np.float32))


def column(*values):
    """One pixel with one band for each value."""
    return torch.tensor(values, dtype=torch.float32)[None, :, None, None]


def slope_of(loss, made, target):
    made = made.clone().requires_grad_()
    loss(made, target).backward()
    return made.grad


@pytest.mark.parametrize(
    ("loss", "cost"),
    [
        (losses.l1, (3 + 0.5 + 0) / 3),
        (losses.l2, (9 + 0.25 + 0) / 3),
        (losses.huber, (2.5 + 0.125 + 0) / 3),
        (losses.charbonnier, (3 + 0.5 + 0 - 2e-3) / 3),
    ],
)
def test_errors_cost_what_they_cost_by_hand(loss, cost):
    assert float(loss(column(4, 1.5, 7), column(1, 2, 7))) == pytest.approx(cost, abs=1e-5)


def test_a_spectral_angle_of_zeros_never_asks_for_the_slope_of_no_angle(monkeypatch):
    """The slope of atan2(0, 0) is NaN in torch 2.4, and 0 in newer ones."""
    asked = []

    def watched(opposite, adjacent):
        asked.append(bool(((opposite == 0) & (adjacent == 0)).any()))
        return opposite.atan2(adjacent)

    monkeypatch.setattr(torch, "atan2", watched)
    prediction = torch.zeros(1, 3, 2, 2, requires_grad=True)
    losses.spectral_angle(prediction, torch.zeros(1, 3, 2, 2)).backward()
    assert asked == [False]
    assert prediction.grad.isfinite().all()


def test_a_spectral_angle_is_that_between_two_arrows():
    assert float(losses.spectral_angle(column(3, 0), column(1, 1))) == pytest.approx(math.pi / 4)
    assert float(losses.spectral_angle(column(0, 2), column(1, 0))) == pytest.approx(math.pi / 2)
    assert float(losses.spectral_angle(column(-1, -2), column(1, 2))) == pytest.approx(math.pi)


def test_a_spectral_angle_is_blind_to_brightness_and_to_dark_pixels(image):
    assert float(losses.spectral_angle(1e-9 * image, 1e-9 * image.flip(1))) == pytest.approx(
        float(losses.spectral_angle(image, image.flip(1))), rel=1e-3
    )
    assert float(losses.spectral_angle(5 * image, image)) < 1e-5
    assert losses.spectral_angle(image, 0 * image) == 0


def test_ssim_of_flat_images_is_a_matter_of_brightness():
    dark, bright = torch.full((1, 1, 12, 14), 0.2), torch.full((1, 1, 12, 14), 0.6)
    likeness = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    loss = losses.ssim(dark, bright, data_range=1.0)
    assert float(loss) == pytest.approx(1 - likeness, abs=1e-5)


def test_ssim_is_that_of_gaussian_means_and_spreads(image):
    one, other = image[0, 0].double().numpy(), image[1, 1].double().numpy()

    def blurred(x):
        return gaussian_filter(x, 1.5, truncate=3.4)[5:-5, 5:-5]

    mean, mean2 = blurred(one), blurred(other)
    spread, spread2 = blurred(one**2) - mean**2, blurred(other**2) - mean2**2
    common = blurred(one * other) - mean * mean2
    likeness = (2 * mean * mean2 + 0.01**2) * (2 * common + 0.03**2)
    likeness /= (mean**2 + mean2**2 + 0.01**2) * (spread + spread2 + 0.03**2)
    loss = losses.ssim(image[:1, :1], image[1:, 1:2], data_range=1.0)
    assert float(loss) == pytest.approx(1 - likeness.mean(), abs=1e-5)


@pytest.mark.parametrize("size", [(2, 2), (3, 10), (1, 7), (10, 11)])
def test_ssim_looks_at_images_smaller_than_its_window(size, rng):
    small = torch.from_numpy(rng.uniform(0, 1, (1, 2, *size)).astype(np.float32))
    assert float(losses.ssim(small, small, data_range=1.0)) == pytest.approx(0, abs=1e-6)
    assert losses.ssim(1 - small, small, data_range=1.0) > 0.05


def test_fourier_rings_see_shifts_and_inverted_contrast(image):
    square = image[:, :, :, :16]
    for one in (image, square):
        assert float(losses.frc(one, one)) == pytest.approx(0, abs=1e-9)
        assert losses.frc(one.roll(1, -1), one) > 0.3
        assert losses.frc(one.roll(1, -2), one) > 0.3
        assert float(losses.frc(1 - one, one)) == pytest.approx(4.0, abs=1e-5)


def test_fourier_rings_are_blind_to_scale_and_offset(image):
    assert float(losses.frc(0.1 * image + 5, image)) == pytest.approx(0, abs=1e-6)


def test_images_without_structure_agree_in_all_fourier_rings(image):
    flat = torch.full_like(image, 3.3)
    assert losses.frc(flat, flat) == 0
    assert float(losses.frc(flat, image)) == pytest.approx(1, abs=1e-3)


def test_a_fourier_ring_of_one_frequency_is_told_from_the_others():
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    wave = torch.cos(2 * torch.pi * 3 * x / 24)[None, None]
    other = torch.sin(2 * torch.pi * 3 * y / 24)[None, None]
    # of 12 rings only the third has any power: there, crossed waves correlate not at all
    assert float(losses.frc(wave, wave + other)) == pytest.approx(
        (1 - 0.5**0.5) ** 2 / 12, abs=1e-4
    )
    assert float(losses.frc(other, wave)) == pytest.approx(1 / 12, abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_a_line_of_pixels_has_no_fourier_rings(size):
    with pytest.raises(ValueError, match="no Fourier rings"):
        losses.frc(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size))


def test_correlation_is_pearsons(image):
    found, target = image, (image + image.roll(1, 0)).double()
    r = np.mean(
        [
            np.corrcoef(found[:, b].flatten().numpy(), target[:, b].flatten().numpy())[0, 1]
            for b in range(3)
        ]
    )
    assert float(losses.correlation(found, target.float())) == pytest.approx(1 - r, abs=1e-5)
    assert float(losses.correlation(-image, image)) == pytest.approx(2, abs=1e-5)
    assert losses.correlation(image, torch.ones_like(image)) == 0


@every_intensity_loss
def test_what_is_right_costs_nothing_and_an_error_something(loss, image):
    assert float(loss(image, image)) == pytest.approx(0, abs=1e-6)
    assert loss(image.flip(1, 2), image) > 0.01


@every_intensity_loss
def test_slopes_are_finite_everywhere(loss, image):
    flat, missing = torch.full_like(image, 0.7), torch.full_like(image, torch.nan)
    images = (image, flat, torch.zeros_like(image))
    for made in images:
        for target in (*images, missing):
            assert slope_of(loss, made, target).isfinite().all()


@every_intensity_loss
def test_following_the_slope_brings_an_image_closer(loss, image):
    made = image.roll(1, 0).clone().requires_grad_()
    steps = torch.optim.Adam([made], 0.02)
    first = float(loss(made.detach(), image))
    for _ in range(30):
        steps.zero_grad()
        loss(made, image).backward()
        steps.step()
    assert float(loss(made.detach(), image)) < 0.6 * first


@pytest.mark.parametrize("name", INTENSITIES)
def test_what_is_not_known_costs_nothing_and_teaches_nothing(name, image):
    loss, made, target = INTENSITIES[name], image.flip(1, 2), image.clone()
    target[0, 1, 3:7, 5:9] = torch.nan
    assert loss(made, target).isfinite()
    if name not in FILLING:
        assert (slope_of(loss, made, target)[target.isnan()] == 0).all()
    assert loss(made, torch.full_like(image, torch.nan)) == 0
    target[1] = torch.nan  # an image of which nothing is known leaves the mean alone
    assert float(loss(made, target)) == pytest.approx(float(loss(made[:1], target[:1])), rel=1e-4)


@pytest.mark.parametrize("name", FILLING)
def test_what_is_not_known_looks_as_it_is_made(name, image):
    loss, target = INTENSITIES[name], image.clone()
    target[:, :, 4:, :] = torch.nan
    made = image.clone()
    made[:, :, 6:, :] += 3
    assert float(loss(made, target)) == pytest.approx(0, abs=1e-6)


def test_entropies_are_those_by_hand():
    scores = column(math.log(3), 0.0)  # 3 : 1, and logits of 3/4 and 1/2
    first = torch.ones(1, 1, 1, dtype=torch.long)
    assert float(losses.cross_entropy(scores, first)) == pytest.approx(-math.log(0.75))
    assert float(losses.cross_entropy(scores, 2 * first)) == pytest.approx(-math.log(0.25))
    binary = -(math.log(0.75) + math.log(0.5)) / 2
    assert float(losses.binary_cross_entropy(scores, first)) == pytest.approx(binary)
    focal = -(0.25**2) * math.log(0.75)
    assert float(losses.focal(scores, first)) == pytest.approx(focal)
    assert float(losses.dice(scores, first)) == pytest.approx(1 - 2 * 0.75 / 1.75)


def test_smoothing_spreads_certainty_over_all_classes():
    scores, first = column(math.log(3), 0.0), torch.ones(1, 1, 1, dtype=torch.long)
    smooth = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    found = losses.cross_entropy(scores, first, smoothing=0.2)
    assert float(found) == pytest.approx(smooth)


@every_class_loss
def test_the_right_class_costs_less_than_the_wrong_one(loss):
    ids = torch.tensor([[[1, 2, 3], [3, 2, 1]]])
    right = 9.0 * (2 * torch.nn.functional.one_hot(ids - 1, 3).movedim(-1, 1) - 1)
    assert loss(right, ids) < 0.01
    assert loss(right.roll(1, 1), ids) > 0.5


@every_class_loss
def test_unlabelled_pixels_cost_nothing(loss, rng):
    scores = torch.from_numpy(rng.normal(0, 1, (1, 3, 2, 4)))
    ids = torch.tensor([[[1, 2, 0, 0], [3, 2, 0, 0]]])
    assert float(loss(scores, ids)) == pytest.approx(float(loss(scores[..., :2], ids[..., :2])))
    assert (slope_of(loss, scores, ids)[..., 2:] == 0).all()
    assert loss(scores, 0 * ids) == 0


@pytest.mark.parametrize("name", ["cross-entropy", "binary", "focal"])
def test_balanced_classes_count_alike_however_often_they_are_there(name, rng):
    loss = CLASSES[name]
    scores = torch.from_numpy(rng.normal(0, 1, (1, 2, 1, 10)))
    ids = torch.tensor([[[1] * 8 + [2] * 2]])
    parts = [loss(scores[..., :8], ids[..., :8]), loss(scores[..., 8:], ids[..., 8:])]
    balanced = loss(scores, ids, balance=losses.balancing_weights(ids, 2))
    assert float(balanced) == pytest.approx(float(sum(parts) / 2))


def test_focus_leaves_easy_pixels_alone():
    easy, hard = column(4.0, 0.0), column(0.0, 0.5)
    first = torch.ones(1, 1, 1, dtype=torch.long)
    plain = losses.cross_entropy(hard, first) / losses.cross_entropy(easy, first)
    assert losses.focal(hard, first) / losses.focal(easy, first) > 100 * plain
    assert float(losses.focal(hard, first, focus=0)) == pytest.approx(
        float(losses.cross_entropy(hard, first))
    )


def test_a_small_class_overlaps_as_much_as_a_large_one():
    ids = torch.tensor([[[1] * 9 + [2]]])
    all_first = torch.tensor([30.0, -30.0])[None, :, None, None].expand(1, 2, 1, 10)
    assert float(losses.dice(all_first, ids)) == pytest.approx((1 - 18 / 19 + 1) / 2)


@every_class_loss
def test_whole_shares_cost_what_their_classes_do(loss, rng):
    scores = torch.from_numpy(rng.normal(0, 1, (2, 3, 2, 4)))
    ids = torch.from_numpy(rng.integers(0, 4, (2, 2, 4)))
    shares = torch.stack([ids == k for k in (1, 2, 3)], dim=1).double()
    assert float(loss(scores, shares)) == pytest.approx(float(loss(scores, ids)))
    assert torch.equal(losses.balancing_weights(shares, 3), losses.balancing_weights(ids, 3))


@pytest.mark.parametrize("name", ["cross-entropy", "binary", "focal"])
def test_a_mixed_target_costs_the_mean_of_both_by_their_shares(name, rng):
    loss, scores = CLASSES[name], torch.from_numpy(rng.normal(0, 1, (1, 3, 1, 1)))
    one, two = (float(loss(scores, torch.full((1, 1, 1), k))) for k in (1, 3))
    shares = torch.tensor([0.8, 0.0, 0.2])[None, :, None, None]
    assert float(loss(scores, shares)) == pytest.approx(0.8 * one + 0.2 * two, rel=1e-5)


@every_class_loss
def test_class_weights_multiply_the_loss_of_a_class_even_in_a_batch_of_one_class(loss, rng):
    scores, weights = torch.from_numpy(rng.normal(0, 1, (1, 2, 1, 6))), torch.tensor([1.0, 2.5])
    for k, weight in ((1, 1.0), (2, 2.5)):
        ids = torch.full((1, 1, 6), k)
        weighted = loss(scores, ids, class_weights=weights)
        assert float(weighted) == pytest.approx(weight * float(loss(scores, ids)), rel=1e-5)
    both = torch.tensor([[[1, 1, 1, 2, 2, 2]]])
    halves = [loss(scores[..., s], both[..., s]) for s in (slice(3), slice(3, 6))]
    if loss is not losses.dice:  # it looks at all pixels for each class
        weighted = loss(scores, both, class_weights=weights)
        assert float(weighted) == pytest.approx(float(halves[0] + 2.5 * halves[1]) / 2, rel=1e-5)


def test_class_weights_multiply_those_of_balance(rng):
    scores = torch.from_numpy(rng.normal(0, 1, (1, 2, 1, 10)))
    ids = torch.tensor([[[1] * 8 + [2] * 2]])
    one, two = (losses.cross_entropy(scores[..., s], ids[..., s]) for s in (slice(8), slice(8, 10)))
    balance, weights = losses.balancing_weights(ids, 2), torch.tensor([1.0, 3.0])
    found = losses.cross_entropy(scores, ids, balance=balance, class_weights=weights)
    assert float(found) == pytest.approx(float(one + 3 * two) / 2, rel=1e-5)


def test_overlap_of_classes_that_do_not_exclude_each_other_is_of_their_own_probabilities():
    scores = column(math.log(3), 0.0)  # sigmoids of 3/4 and 1/2, a softmax of 3/4 and 1/4
    first = torch.ones(1, 1, 1, dtype=torch.long)
    both = column(9.0, 9.0)
    per_spectrum = losses.dice(both, first, independent=True)
    assert float(per_spectrum) == pytest.approx(0, abs=1e-3)  # the second is not asked for
    assert float(losses.dice(both, first)) == pytest.approx(1 - 2 * 0.5 / 1.5)
    found = losses.dice(scores, torch.full((1, 1, 1), 2), independent=True)
    assert float(found) == pytest.approx(1 - 2 * 0.5 / 1.5)
