"""What an error costs: one definition of each loss, with its source.

Intensities are (batch, band, y, x); where `target` is NaN it teaches nothing, and costs nothing.
Classes are 1, 2, …, as (batch, y, x), beside scores as (batch, class, y, x); 0 is unlabelled and
costs nothing. Where classes are mixed, they are the share of each, (batch, class, y, x), and 0 in
all where nothing is known. All losses are single numbers, 0 where nothing is wrong or nothing is known (the
classes' entropies only come near it), with slopes that are finite everywhere.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_TINY: Final = 1e-12
_SILENT: Final = 1e-10
"""A Fourier ring of so little power, beside the mean of all rings, holds no structure; nor does a
band, beside its target."""
_WINDOW: Final = 11
_WIDTH: Final = 1.5


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error."""
    return _mean(_error(prediction, target).abs(), target.isfinite())


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return _mean(_error(prediction, target).square(), target.isfinite())


def huber(prediction: Tensor, target: Tensor, *, knee: float = 1.0) -> Tensor:
    """Mean of half the square of errors up to `knee`, and of their size beyond it.

    Source: Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """
    size = _error(prediction, target).abs()
    cost = torch.where(size <= knee, size.square() / 2, knee * (size - knee / 2))
    return _mean(cost, target.isfinite())


def charbonnier(prediction: Tensor, target: Tensor, *, knee: float = 1e-3) -> Tensor:
    """Mean of √(error² + knee²) − knee: the absolute error without its corner.

    Source: Charbonnier et al. 1994, https://doi.org/10.1109/ICIP.1994.413553
    """
    cost = (_error(prediction, target).square() + knee**2).sqrt() - knee
    return _mean(cost, target.isfinite())


def spectral_angle(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean angle between the spectra of a pixel, in radians; blind to their lengths.

    Pixels whose `target` spectrum is all zero have no direction and are left out. From differences
    of unit spectra, since the slope of the arc cosine is infinite where it matters. Sources: Kruse
    et al. 1993, https://doi.org/10.1016/0034-4257(93)90013-N; Kahan 2006, "How futile are mindless
    assessments of roundoff in floating-point computation", § 12.
    """
    known = target.isfinite()
    present = torch.where(known, target, 0.0)
    scale = present.abs().amax().clamp_min(_TINY)  # the square of 1e-23 is 0 in float32
    found = _direction(torch.where(known, prediction, 0.0) / scale)
    right = _direction(present / scale)
    angle = 2 * torch.atan2(_length(found - right), _length(found + right))
    return _mean(angle, (present != 0).any(dim=1, keepdim=True))


def ssim(prediction: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Mean over bands of 1 − SSIM, the likeness of brightness, contrast and structure nearby.

    The window is a Gaussian of 11 pixels, 1.5 wide; in smaller images, as many as there are.
    Unknown pixels look as `prediction` does. Source: Wang et al. 2004,
    https://doi.org/10.1109/TIP.2003.819861

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, band, y, x)
        Result and target.
    data_range : float
        Greatest possible value less the smallest: declared, not taken from an image.
    """
    target, known = _filled(prediction, target)
    means = _blurred(prediction), _blurred(target)
    spreads = (
        _blurred(prediction.square()) - means[0] ** 2,
        _blurred(target.square()) - means[1] ** 2,
    )
    common = _blurred(prediction * target) - means[0] * means[1]
    light, contrast = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    likeness = (2 * means[0] * means[1] + light) * (2 * common + contrast)
    likeness = likeness / (means[0] ** 2 + means[1] ** 2 + light)
    likeness = likeness / (spreads[0] + spreads[1] + contrast)
    return _mean(1 - likeness.mean(dim=(-2, -1)), known.flatten(2).any(dim=2))


def frc(prediction: Tensor, target: Tensor, *, hann: bool = False) -> Tensor:
    """Mean over the rings of (1 − FRC)²: 0 where all frequencies correlate, 4 for a negative.

    FRC(q) = Re Σ F₁F₂* / √(Σ|F₁|² Σ|F₂|²) over the frequencies of ring q = 1 … n/2, n being the
    shorter side; of sides that differ, rings are those of equal frequency. The real part makes it
    see inverted contrast; 0/0 is 1, so that images without any structure agree. The mean of an
    image (q = 0) is not looked at, nor is its scale: add a loss that does. Unknown pixels look as
    `prediction` does. Sources: Saxton & Baumeister 1982,
    https://doi.org/10.1111/j.1365-2818.1982.tb00405.x; as a loss, HyReS 2025,
    https://arxiv.org/abs/2503.02908

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, band, y, x)
        Result and target, at least 2 × 2 pixels.
    hann : bool
        Let images fade at their edges, so that these make no frequencies of their own.

    Raises
    ------
    ValueError
        If the images are narrower than 2 pixels: they have no rings.
    """
    height, width = prediction.shape[-2:]
    if min(height, width) < 2:
        raise ValueError(f"images of {height} × {width} pixels have no Fourier rings; 2 × 2 have")
    target, known = _filled(prediction, target)
    found, right = (_spectrum(image, hann) for image in (prediction, target))
    common = _over_rings((found * right.conj()).real, height, width)
    powers = [_over_rings(f.real.square() + f.imag.square(), height, width) for f in (found, right)]
    mean = (powers[0] + powers[1]).detach().mean(dim=-1, keepdim=True)
    least = _TINY + _SILENT * mean
    likeness = (common + least) / ((powers[0] + least).sqrt() * (powers[1] + least).sqrt())
    return _mean((1 - likeness).square().mean(dim=-1), known.flatten(2).any(dim=2))


def correlation(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over bands of 1 − r, r being Pearson's correlation over all pixels of a batch.

    A band whose target is constant has no correlation, and is left out. Source: Pearson 1895,
    https://doi.org/10.1098/rspl.1895.0041
    """
    known = target.isfinite()
    found, right = (
        _centred(torch.where(known, image, 0.0), known) for image in (prediction, target)
    )
    powers = [image.square().sum(dim=(0, 2, 3)) for image in (found, right)]
    least = _TINY + _SILENT * powers[1].detach()
    common = (found * right).sum(dim=(0, 2, 3)) + least
    r = common / ((powers[0] + least).sqrt() * (powers[1] + least).sqrt())
    return _mean(1 - r, powers[1] > _TINY * known.sum(dim=(0, 2, 3)))


def cross_entropy(
    scores: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    prices: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean of −log of the probability (softmax) of the right class.

    Parameters
    ----------
    scores : Tensor, shape (batch, class, y, x)
        Any real numbers.
    labels : Tensor of int64, shape (batch, y, x), or of shares, (batch, class, y, x)
        1, 2, … for the classes, 0 where nothing is known.
    weights : Tensor, shape (class,), optional
        How much a pixel of each class counts in the mean: see `balancing`.
    prices : Tensor, shape (class,), optional
        How many times as much an error costs where each class is right. Other than weights, they
        hold for a batch of one class too.
    smoothing : float
        Share of certainty that is spread over all classes. Source: Szegedy et al. 2016,
        https://doi.org/10.1109/CVPR.2016.308
    """
    right = _shares(scores, labels)
    cost = -(_smoothed(right, smoothing) * scores.log_softmax(dim=1)).sum(dim=1)
    return _over_labelled(cost, right, weights, prices)


def binary_cross_entropy(
    scores: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    prices: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean of −log of the probability (sigmoid) of each class being there or not.

    Each class against the rest, averaged over classes; arguments as for `cross_entropy`.
    """
    right = _shares(scores, labels)
    cost = functional.binary_cross_entropy_with_logits(
        scores, _smoothed(right, smoothing), reduction="none"
    )
    return _over_labelled(cost.mean(dim=1), right, weights, prices)


def focal(
    scores: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    prices: Tensor | None = None,
    smoothing: float = 0.0,
    focus: float = 2.0,
) -> Tensor:
    """Cross-entropy in which a class of probability p counts (1 − p)^focus: the easy count less.

    Arguments as for `cross_entropy`. Source: Lin et al. 2017, https://doi.org/10.1109/ICCV.2017.324
    """
    logs = scores.log_softmax(dim=1)
    doubt = (1 - logs.exp()).clamp_min(0).pow(focus)
    right = _shares(scores, labels)
    cost = -(_smoothed(right, smoothing) * doubt * logs).sum(dim=1)
    return _over_labelled(cost, right, weights, prices)


def dice(
    scores: Tensor, labels: Tensor, *, prices: Tensor | None = None, independent: bool = False
) -> Tensor:
    """Mean over the classes that are there of 1 − 2 Σ pt / (Σ p + Σ t), over labelled pixels.

    p is the probability (softmax; sigmoid, where classes are `independent` of each other), t is 1
    for the right class. Small classes count as much as large ones; `prices` as for `cross_entropy`.
    Source: Milletari et al. 2016, https://doi.org/10.1109/3DV.2016.79
    """
    right = _shares(scores, labels)
    labelled = right.sum(dim=1, keepdim=True) > 0
    chance = scores.sigmoid() if independent else scores.softmax(dim=1)
    chance = torch.where(labelled, chance, 0.0)
    there = right.sum(dim=(0, 2, 3))
    common = (chance * right).sum(dim=(0, 2, 3))
    overlap = 2 * common / (chance.sum(dim=(0, 2, 3)) + there).clamp_min(_TINY)
    return _mean((1 - overlap) * (1.0 if prices is None else prices), there > 0)


def balancing(labels: Tensor, classes: int) -> Tensor:
    """Return weights, shape (class,), by which all classes of a batch count alike.

    One of which there is less than a whole pixel, being mixed with others, counts less.
    """
    if labels.dim() == 4:
        counts = labels.sum(dim=(0, 2, 3))
    else:
        counts = torch.bincount(labels.flatten(), minlength=classes + 1)[1:]
    return counts.clamp_min(1).float().reciprocal()


def _error(prediction: Tensor, target: Tensor) -> Tensor:
    return torch.where(target.isfinite(), prediction - target, 0.0)


def _mean(cost: Tensor, counted: Tensor) -> Tensor:
    """Return the mean of what is counted; 0, with a slope of 0, where nothing is."""
    return torch.where(counted, cost, 0.0).sum() / counted.sum().clamp_min(1)


def _length(spectra: Tensor) -> Tensor:
    """Return lengths over bands, with a slope even where they are 0."""
    return (spectra.square().sum(dim=1, keepdim=True) + _TINY).sqrt() - math.sqrt(_TINY)


def _direction(spectra: Tensor) -> Tensor:
    return spectra / (spectra.square().sum(dim=1, keepdim=True) + _TINY).sqrt()


def _filled(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Let what is unknown look as it is made, and return what was known."""
    known = target.isfinite()
    return torch.where(known, target, prediction.detach()), known


def _blurred(image: Tensor) -> Tensor:
    """Return Gaussian means of each band, where the window lies within the image."""
    bands = image.shape[1]
    for axis in (-2, -1):
        size = min(_WINDOW, image.shape[axis] - 1 + image.shape[axis] % 2)
        places = torch.arange(size, device=image.device, dtype=image.dtype) - size // 2
        window = torch.exp(-(places**2) / (2 * _WIDTH**2))
        kernel = (window / window.sum()).expand(bands, 1, size)
        kernel = kernel[..., None] if axis == -2 else kernel[..., None, :]
        image = functional.conv2d(image, kernel, groups=bands)
    return image


def _spectrum(image: Tensor, hann: bool) -> Tensor:
    """Return the frequencies of each band less its mean, (batch, band, y, x // 2 + 1)."""
    image = image - image.mean(dim=(-2, -1), keepdim=True)
    if hann:
        height, width = (
            torch.hann_window(size + 2, periodic=False, device=image.device, dtype=image.dtype)
            for size in image.shape[-2:]
        )
        image = image * height[1:-1, None] * width[1:-1]
    spectrum: Tensor = torch.fft.rfft2(image, norm="ortho")
    return spectrum


def _over_rings(values: Tensor, height: int, width: int) -> Tensor:
    """Sum over the frequencies of each ring: (batch, band, y, x // 2 + 1) to (batch, band, ring)."""
    rings, count = _rings(height, width)
    rings, count = rings.to(values.device), count.to(values)
    sums = values.new_zeros(*values.shape[:2], min(height, width) // 2 + 2)
    # ring 0 is the mean; what is beyond the last ring lies in the corners
    sums = sums.index_add(2, rings, (values * count).flatten(2))
    return sums[..., 1:-1]


@lru_cache(maxsize=32)
def _rings(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the ring of each frequency (flat), and how often it stands for itself and its twin."""
    shorter = min(height, width)
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    rings = (radius * shorter).round().long().clamp_max(shorter // 2 + 1)
    count = torch.full((width // 2 + 1,), 2.0)
    count[0] = 1.0
    if width % 2 == 0:
        count[-1] = 1.0
    return rings.flatten(), count


def _centred(image: Tensor, known: Tensor) -> Tensor:
    """Return bands less their means over the known pixels of a batch; 0 where unknown."""
    count = known.sum(dim=(0, 2, 3), keepdim=True).clamp_min(1)
    return torch.where(known, image - image.sum(dim=(0, 2, 3), keepdim=True) / count, 0.0)


def _shares(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the share of each class, (batch, class, y, x); 0 in all where nothing is known."""
    if labels.dim() == 4:
        return labels.to(scores)
    shares = functional.one_hot(labels, scores.shape[1] + 1)[..., 1:]
    return shares.movedim(-1, 1).to(scores)


def _smoothed(right: Tensor, smoothing: float) -> Tensor:
    """Return the wanted probability of each class, (batch, class, y, x)."""
    return right * (1 - smoothing) + smoothing / right.shape[1]


def _over_labelled(
    cost: Tensor, right: Tensor, weights: Tensor | None, prices: Tensor | None
) -> Tensor:
    """Return the mean of costs, (batch, y, x), by the weights of their classes, at their prices."""
    weight = _of_classes(right, weights)
    cost = torch.where(right.sum(dim=1) > 0, cost, 0.0) * _of_classes(right, prices)
    return (cost * weight).sum() / weight.sum().clamp_min(_TINY)


def _of_classes(right: Tensor, numbers: Tensor | None) -> Tensor:
    """Return the number of each pixel's class, (batch, y, x): 1 where they have none of their own."""
    if numbers is None:
        return (right.sum(dim=1) > 0).to(right)
    return (right * numbers.to(right)[:, None, None]).sum(dim=1)
