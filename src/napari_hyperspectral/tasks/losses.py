"""Losses: one definition of each, with its source.

Intensities are (batch, band, y, x); a target of NaN is ignored. Classes are 1, 2, … as
(batch, y, x), their scores (batch, class, y, x); class 0 is unlabelled and ignored. After mixup,
classes are the share of each, (batch, class, y, x), and 0 in all where a pixel is unlabelled.

All losses are scalars: 0 where prediction and target agree (the entropies of classes only come near
it) or where there is no target, with gradients that are finite everywhere.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ..scale import power_of_two
from .fourier_rings import frequencies_of, over_rings, power_of

_TINY: Final = 1e-12
"""Keeps square roots and divisions away from 0, where their gradients are infinite."""
_NO_POWER: Final = 1e-10
"""A Fourier ring of less than this share of the mean power has no structure; nor has a predicted
band of less than this share of its target's power."""
_IMAGE: Final = (-2, -1)
_ALL_PIXELS: Final = (0, 2, 3)
"""Axes of one image, and of all images of a batch."""
_SSIM_WINDOW: Final = 11
"""Side of the window, in pixels, and standard deviation of its Gaussian, as published."""
_SSIM_SIGMA: Final = 1.5


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error, in the unit of the images, (batch, band, y, x)."""
    cost = _error(prediction, target).abs()
    return _mean(cost, target.isfinite())


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, in the square of the unit of the images, (batch, band, y, x)."""
    cost = _error(prediction, target).square()
    return _mean(cost, target.isfinite())


def huber(
    prediction: Tensor,
    target: Tensor,
    *,
    knee: float = 1.0,
) -> Tensor:
    """Mean of half the square of errors up to `knee`, and of their size beyond it.

    Images are (batch, band, y, x), `knee` is in their unit.
    Source: Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """
    size = _error(prediction, target).abs()
    small = size.square() / 2
    large = knee * (size - knee / 2)
    cost = torch.where(size <= knee, small, large)
    return _mean(cost, target.isfinite())


def charbonnier(
    prediction: Tensor,
    target: Tensor,
    *,
    knee: float = 1e-3,
) -> Tensor:
    """Mean of √(error² + knee²) − knee: the absolute error without its corner.

    Images are (batch, band, y, x), `knee` is in their unit.
    Source: Charbonnier et al. 1994, https://doi.org/10.1109/ICIP.1994.413553
    """
    squared = _error(prediction, target).square()
    cost = (squared + knee**2).sqrt() - knee
    return _mean(cost, target.isfinite())


def spectral_angle(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean spectral angle between prediction and target, in radians; blind to brightness.

    Images are (batch, band, y, x), in any unit. Pixels whose target is all zero have no direction
    and are left out. From differences of unit
    spectra, since the gradient of the arc cosine is infinite at an angle of 0. Sources: Kruse
    et al. 1993, https://doi.org/10.1016/0034-4257(93)90013-N; Kahan 2006, "How futile are mindless
    assessments of roundoff in floating-point computation", § 12.
    """
    known = target.isfinite()
    present = torch.where(known, target, 0.0)
    predicted = torch.where(known, prediction, 0.0)
    # brought near 1 first: the square of 1e-23 is 0 in float32
    greatest = present.abs().amax()
    scale = torch.where(greatest > 0, greatest, 1.0)
    predicted = _direction(predicted / scale)
    true = _direction(present / scale)
    # all (batch, 1, y, x)
    difference = _length(predicted - true)
    total = _length(predicted + true)
    # of two spectra of zeros, whose angle has no slope: in torch 2.4 it is NaN
    total = torch.where(difference + total > 0, total, 1.0)
    angle = 2 * torch.atan2(difference, total)
    is_present = present != 0
    has_direction = is_present.any(dim=1, keepdim=True)
    return _mean(angle, has_direction)


def ssim(
    prediction: Tensor,
    target: Tensor,
    *,
    data_range: float,
) -> Tensor:
    """Mean over bands of 1 − SSIM, the structural similarity.

    The window is a Gaussian of 11 pixels, σ = 1.5; in smaller images it is as large as the image.
    Missing target pixels take the predicted value. Source: Wang et al. 2004,
    https://doi.org/10.1109/TIP.2003.819861

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, band, y, x)
        In one unit.
    data_range : float
        Greatest possible value less the smallest: declared, not taken from an image.
    """
    # by a power of two, which costs no digit: squares of very small numbers are 0 in float32
    unit = power_of_two(data_range)
    prediction = prediction / unit
    data_range = data_range / unit
    target, known = _filled(prediction, target / unit)
    predicted_mean = _blurred(prediction)
    target_mean = _blurred(target)
    predicted_variance = _blurred(prediction.square()) - predicted_mean**2
    target_variance = _blurred(target.square()) - target_mean**2
    covariance = _blurred(prediction * target) - predicted_mean * target_mean
    # the paper's C1 and C2, which keep quotients of dark and of flat regions finite
    c1 = (0.01 * data_range) ** 2
    c2 = (0.03 * data_range) ** 2
    light = 2 * predicted_mean * target_mean + c1
    structure = 2 * covariance + c2
    similarity = light * structure
    similarity = similarity / (predicted_mean**2 + target_mean**2 + c1)
    similarity = similarity / (predicted_variance + target_variance + c2)
    cost = 1 - similarity.mean(dim=_IMAGE)  # (batch, band)
    return _mean(cost, _has_any(known))


def frc(
    prediction: Tensor,
    target: Tensor,
    *,
    hann: bool = False,
) -> Tensor:
    """Mean over the rings of (1 − FRC)²: 0 where all frequencies correlate, 4 for a negative.

    FRC(q) = Re Σ F₁F₂* / √(Σ|F₁|² Σ|F₂|²) over the frequencies of ring q = 1 … n/2, n being the
    shorter side; where sides differ, rings are of equal frequency. The real part makes it
    see inverted contrast; 0/0 is 1, so that images without any structure agree. It is blind to the
    mean of an image (q = 0) and to its scale: add a loss that sees them. Missing target pixels take
    the predicted value. Sources: Saxton & Baumeister 1982,
    https://doi.org/10.1111/j.1365-2818.1982.tb00405.x; as a loss, HyReS 2025,
    https://arxiv.org/abs/2503.02908

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, band, y, x)
        At least 2 × 2 pixels.
    hann : bool
        Fade images out at their edges by a Hann window: edges are no detail.

    Raises
    ------
    ValueError
        If the images are narrower than 2 pixels: they have no rings.
    """
    height, width = prediction.shape[-2:]
    if min(height, width) < 2:
        raise ValueError(f"images of {height} × {width} pixels have no Fourier rings; 2 × 2 have")
    prediction, target = _by_scale_of_target(prediction, target)
    target, known = _filled(prediction, target)
    predicted = frequencies_of(prediction, hann)
    true = frequencies_of(target, hann)
    product = (predicted * true.conj()).real
    # all (batch, band, ring)
    common = over_rings(product, height, width)
    predicted_power = over_rings(power_of(predicted), height, width)
    true_power = over_rings(power_of(true), height, width)
    power = (predicted_power + true_power).detach()
    mean_power = power.mean(dim=-1, keepdim=True)
    floor = _TINY + _NO_POWER * mean_power  # makes 0/0 one, with finite gradients
    ring_correlation = _normalised(common, predicted_power, true_power, floor)
    cost = (1 - ring_correlation).square()
    cost = cost.mean(dim=-1)  # (batch, band)
    return _mean(cost, _has_any(known))


def correlation(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over bands of 1 − r, r being Pearson's correlation over all pixels of a batch.

    Images are (batch, band, y, x), each in a unit of its own. A band whose target is constant has
    no correlation, and is left out. Source: Pearson 1895,
    https://doi.org/10.1098/rspl.1895.0041
    """
    prediction, target = _by_scale_of_target(prediction, target)
    known = target.isfinite()
    predicted = torch.where(known, prediction, 0.0)
    predicted = _centred(predicted, known)
    true = torch.where(known, target, 0.0)
    true = _centred(true, known)
    # all (band,)
    predicted_power = predicted.square().sum(dim=_ALL_PIXELS)
    true_power = true.square().sum(dim=_ALL_PIXELS)
    common = (predicted * true).sum(dim=_ALL_PIXELS)
    floor = _TINY + _NO_POWER * true_power.detach()
    r = _normalised(common, predicted_power, true_power, floor)
    count = known.sum(dim=_ALL_PIXELS)
    varies = true_power > _TINY * count
    return _mean(1 - r, varies)


def cross_entropy(
    scores: Tensor,
    labels: Tensor,
    *,
    balance: Tensor | None = None,
    class_weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean of −log of the probability (softmax) of the true class.

    Parameters
    ----------
    scores : Tensor, shape (batch, class, y, x)
        Any real numbers.
    labels : Tensor of int64, shape (batch, y, x), or of shares, (batch, class, y, x)
        1, 2, … for the classes, 0 where a pixel is unlabelled.
    balance : Tensor, shape (class,), optional
        Weight of each class in the mean, which is divided by their sum: see `balancing_weights`.
    class_weights : Tensor, shape (class,), optional
        Factor of the loss where each class is right. The mean is not divided by them, so that they
        hold for a batch of one class too.
    smoothing : float
        Label smoothing: share of certainty that is spread over all classes. Source: Szegedy et al.
        2016, https://doi.org/10.1109/CVPR.2016.308
    """
    shares = _shares(scores, labels)
    probability = _smoothed(shares, smoothing)
    logs = scores.log_softmax(dim=1)
    cost = -(probability * logs).sum(dim=1)  # (batch, y, x)
    return _over_labelled(cost, shares, balance, class_weights)


def binary_cross_entropy(
    scores: Tensor,
    labels: Tensor,
    *,
    balance: Tensor | None = None,
    class_weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean of −log of the probability (sigmoid) of each class being there or not.

    Averaged over classes; arguments as for `cross_entropy`: scores of shape
    (batch, class, y, x), labels of (batch, y, x).
    """
    shares = _shares(scores, labels)
    probability = _smoothed(shares, smoothing)
    cost = functional.binary_cross_entropy_with_logits(
        scores,
        probability,
        reduction="none",
    )
    cost = cost.mean(dim=1)  # (batch, y, x)
    return _over_labelled(cost, shares, balance, class_weights)


def focal(
    scores: Tensor,
    labels: Tensor,
    *,
    balance: Tensor | None = None,
    class_weights: Tensor | None = None,
    smoothing: float = 0.0,
    focus: float = 2.0,
) -> Tensor:
    """Cross-entropy with a weight of (1 − p)^focus, p being the probability of the true class.

    Arguments as for `cross_entropy`: scores of shape
    (batch, class, y, x), labels of (batch, y, x). Source: Lin et al. 2017, https://doi.org/10.1109/ICCV.2017.324
    """
    logs = scores.log_softmax(dim=1)
    # rounding may take a probability beyond 1, and a power of what is below 0 is NaN
    doubt = (1 - logs.exp()).clamp_min(0)
    weight = doubt.pow(focus)
    shares = _shares(scores, labels)
    probability = _smoothed(shares, smoothing)
    cost = -(probability * weight * logs).sum(dim=1)  # (batch, y, x)
    return _over_labelled(cost, shares, balance, class_weights)


def dice(
    scores: Tensor,
    labels: Tensor,
    *,
    class_weights: Tensor | None = None,
    independent: bool = False,
) -> Tensor:
    """Mean over the classes of a batch of 1 − 2 Σ pt / (Σ p + Σ t), sums over labelled pixels.

    p is the probability (softmax; sigmoid, where classes are `independent` of each other), t is 1
    for the true class. Small classes count as much as large ones; arguments as for
    `cross_entropy`. Source: Milletari et al. 2016, https://doi.org/10.1109/3DV.2016.79
    """
    shares = _shares(scores, labels)
    labelled = shares.sum(dim=1, keepdim=True) > 0
    probability = scores.sigmoid() if independent else scores.softmax(dim=1)
    probability = torch.where(labelled, probability, 0.0)
    # all (class,)
    true = shares.sum(dim=_ALL_PIXELS)
    common = (probability * shares).sum(dim=_ALL_PIXELS)
    predicted = probability.sum(dim=_ALL_PIXELS)
    total = (predicted + true).clamp_min(_TINY)
    cost = 1 - 2 * common / total
    if class_weights is not None:
        cost = cost * class_weights
    return _mean(cost, true > 0)


def balancing_weights(labels: Tensor, classes: int) -> Tensor:
    """Return weights, shape (class,), that give all classes of a batch the same total.

    A class with less than one pixel in all, as mixup makes them, gets less.

    Parameters
    ----------
    labels : Tensor of int64, shape (batch, y, x), or of shares, (batch, class, y, x)
        As for `cross_entropy`.
    classes : int
        Their number.
    """
    if labels.dim() == 4:
        counts = labels.sum(dim=_ALL_PIXELS)
    else:
        numbers = labels.flatten()
        counts = torch.bincount(numbers, minlength=classes + 1)
        counts = counts[1:]  # the first is of unlabelled pixels
    # a class that is absent has no pixel to weigh: any finite weight will do
    counts = counts.clamp_min(1)
    return counts.float().reciprocal()


def _by_scale_of_target(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return both by the power of two below the greatest magnitude of the target.

    So that what is too little to count is relative to the target, and squares are no 0.
    """
    magnitudes = target.abs().nan_to_num(nan=0.0, posinf=0.0)
    greatest = float(magnitudes.amax()) if magnitudes.numel() else 0.0
    scale = power_of_two(greatest)
    return prediction / scale, target / scale


def _error(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the error of each value; 0, with a gradient of 0, where there is no target."""
    error = prediction - target
    return torch.where(target.isfinite(), error, 0.0)


def _mean(cost: Tensor, counted: Tensor) -> Tensor:
    """Return the mean of what is counted; 0, with a gradient of 0, where nothing is."""
    # not multiplied by `counted`: what is not counted may be NaN
    cost = torch.where(counted, cost, 0.0)
    count = counted.sum()
    return cost.sum() / count.clamp_min(1)


def _has_any(known: Tensor) -> Tensor:
    """Return which bands have any known pixel, (batch, band)."""
    return known.flatten(2).any(dim=2)


def _length(spectra: Tensor) -> Tensor:
    """Return the norm of each spectrum, (batch, 1, y, x), with a finite gradient at 0."""
    return _raised_length(spectra) - math.sqrt(_TINY)


def _direction(spectra: Tensor) -> Tensor:
    """Return spectra of unit norm."""
    return spectra / _raised_length(spectra)


def _raised_length(spectra: Tensor) -> Tensor:
    """Return the norm of each spectrum, (batch, 1, y, x), a little too long and so never 0."""
    power = spectra.square().sum(dim=1, keepdim=True)
    return (power + _TINY).sqrt()


def _filled(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the target with missing values as predicted, and which values were there."""
    known = target.isfinite()
    # detached: what is not measured must not pull on the prediction
    predicted = prediction.detach()
    return torch.where(known, target, predicted), known


def _blurred(image: Tensor) -> Tensor:
    """Return Gaussian means of each band, at the pixels where the window lies within the image."""
    bands = image.shape[1]
    for axis in (-2, -1):
        side = image.shape[axis]
        odd = side - 1 + side % 2  # largest window that has a centre
        window = _gaussian_window(min(_SSIM_WINDOW, odd), image)
        # (band, 1, y, 1), then (band, 1, 1, x): two lines are cheaper than an area
        kernel = window.expand(bands, 1, -1)
        kernel = kernel[..., None] if axis == -2 else kernel[..., None, :]
        image = functional.conv2d(image, kernel, groups=bands)
    return image


def _gaussian_window(size: int, image: Tensor) -> Tensor:
    """Return the weights of SSIM along a line, (size,), of sum 1, as `image` in type."""
    offsets = torch.arange(
        size,
        device=image.device,
        dtype=image.dtype,
    )
    offsets = offsets - size // 2
    variance = _SSIM_SIGMA**2
    window = torch.exp(-(offsets**2) / (2 * variance))
    return window / window.sum()


def _normalised(
    common: Tensor,
    power: Tensor,
    other_power: Tensor,
    floor: Tensor,
) -> Tensor:
    """Return a correlation between −1 and 1; 1 where there is no power above `floor`."""
    length = (power + floor).sqrt()
    other_length = (other_power + floor).sqrt()
    return (common + floor) / (length * other_length)


def _centred(image: Tensor, known: Tensor) -> Tensor:
    """Return bands less their means over the known pixels of a batch; 0 where unknown."""
    total = image.sum(dim=_ALL_PIXELS, keepdim=True)
    count = known.sum(dim=_ALL_PIXELS, keepdim=True)
    mean = total / count.clamp_min(1)
    return torch.where(known, image - mean, 0.0)


def _shares(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the share of each class, (batch, class, y, x); 0 in all where unlabelled."""
    if labels.dim() == 4:
        return labels.to(scores)
    classes = scores.shape[1]
    one_hot = functional.one_hot(labels, classes + 1)  # (batch, y, x, class)
    shares = one_hot[..., 1:]  # the first is of unlabelled pixels
    shares = shares.movedim(-1, 1)
    return shares.to(scores)


def _smoothed(shares: Tensor, smoothing: float) -> Tensor:
    """Return the target probability of each class, (batch, class, y, x)."""
    classes = shares.shape[1]
    certain = shares * (1 - smoothing)
    return certain + smoothing / classes


def _over_labelled(
    cost: Tensor,
    shares: Tensor,
    balance: Tensor | None,
    class_weights: Tensor | None,
) -> Tensor:
    """Return the balanced mean of costs, (batch, y, x), times the weights of their classes."""
    labelled = shares.sum(dim=1) > 0
    cost = torch.where(labelled, cost, 0.0)
    cost = cost * _by_class(shares, class_weights)
    weight = _by_class(shares, balance)
    total = (cost * weight).sum()
    total_weight = weight.sum()
    return total / total_weight.clamp_min(_TINY)


def _by_class(shares: Tensor, values: Tensor | None) -> Tensor:
    """Return the value of each pixel's class, (batch, y, x): 0 where unlabelled.

    Without `values`, shape (class,), it is 1 for all classes.
    """
    if values is None:
        labelled = shares.sum(dim=1) > 0
        return labelled.to(shares)
    value = values.to(shares)[:, None, None]
    return (shares * value).sum(dim=1)
