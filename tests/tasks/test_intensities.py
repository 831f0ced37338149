"""Tasks of intensities cost what their settings say, and say which of them need images."""

from typing import get_args

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.networks import Normalise, Pixelwise, SpectralUNet
from napari_hyperspectral.tasks import Denoise, PredictChannels, losses
from napari_hyperspectral.tasks.intensities import normalised_loss

TERMS = ("angle", "ssim", "frc", "correlation")


@pytest.fixture
def normalise(rng):
    spectra = torch.from_numpy(rng.uniform(5, 9, (50, 4)).astype(np.float32))
    scale = Normalise("band", 4, 4)
    scale.fit(spectra, spectra, torch.ones(4, dtype=torch.bool))
    return scale


@pytest.fixture
def pair(rng):
    return torch.from_numpy(rng.normal(0, 1, (2, 1, 4, 9, 12)).astype(np.float32))


def test_terms_add_up_by_their_weights(pair, normalise):
    plain = normalised_loss(*pair, Denoise(), normalise)
    assert plain == losses.l2(*pair)
    for term in TERMS:
        once, twice = (normalised_loss(*pair, Denoise(**{term: w}), normalise) for w in (1, 2))
        assert float(twice - plain) == pytest.approx(2 * float(once - plain), rel=1e-4)
        assert once > plain


def test_every_penalty_is_another_cost(pair, normalise):
    choices = get_args(Denoise.model_fields["penalty"].annotation)
    costs = [float(normalised_loss(*pair, Denoise(penalty=p), normalise)) for p in choices]
    assert len({round(cost, 5) for cost in costs}) == len(choices) == 4


def test_angles_are_those_of_intensities_not_of_their_normalised_selves(pair, normalise):
    input = torch.zeros(1, 4, 9, 12)
    measured = [normalise.inverse(image, input) for image in pair]
    cost = normalised_loss(*pair, Denoise(angle=1), normalise) - losses.l2(*pair)
    assert float(cost) == pytest.approx(float(losses.spectral_angle(*measured)), rel=1e-3)


@pytest.mark.parametrize("term", TERMS)
def test_missing_targets_cost_nothing_in_any_term(term, pair, normalise):
    made, target = pair.clone()
    target[..., 6:] = torch.nan
    made.requires_grad_()
    cost = normalised_loss(made, target, PredictChannels(**{term: 1}), normalise)
    cost.backward()
    assert cost.isfinite()
    assert made.grad.isfinite().all()
    made = torch.where(target.isfinite(), target, made.detach())
    right = normalised_loss(made, target, PredictChannels(**{term: 1}), normalise)
    assert float(right) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("term", ["ssim", "frc"])
def test_single_spectra_are_no_images(term, noisy, clean):
    recipe = Recipe(task=Denoise(**{term: 0.1}), method=Pixelwise(), training=Training(epochs=1))
    with pytest.raises(ValueError, match=f"set {term} to 0, or choose a network that sees images"):
        fit(recipe, [recipe.example(noisy=noisy, clean=clean)])


@pytest.mark.parametrize("penalty", ["l1", "l2", "huber", "charbonnier"])
def test_every_penalty_brings_a_cube_closer_to_the_truth(penalty, noisy, clean):
    recipe = Recipe(
        task=Denoise(penalty=penalty),
        method=Pixelwise(width=32, dropout=0.0),
        training=Training(epochs=12, learning_rate=1e-2),
    )
    model = fit(recipe, [recipe.example(noisy=noisy, clean=clean)])
    denoised = predict(model, noisy)
    assert _rms(denoised.data - clean.data) < 0.7 * _rms(noisy.data - clean.data)


@pytest.mark.parametrize("term", TERMS)
def test_a_cube_comes_closer_to_the_truth_with_every_term(term, noisy, clean):
    recipe = Recipe(
        task=Denoise(**{term: 0.3}),
        method=SpectralUNet(components=4, width=8, depth=1),
        training=Training(epochs=20, patches_per_epoch=4, patch_size=16, learning_rate=1e-2),
    )
    model = fit(recipe, [recipe.example(noisy=noisy, clean=clean)])
    denoised = predict(model, noisy)
    assert _rms(denoised.data - clean.data) < 0.7 * _rms(noisy.data - clean.data)


def _rms(error):
    return np.sqrt(np.mean(np.square(error)))
