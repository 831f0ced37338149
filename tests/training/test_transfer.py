"""Starting from a trained model: other data, other bands, other classes, frozen parts."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.networks import FNet, Pixelwise, SpectralUNet, UNet
from napari_hyperspectral.progress import Stop
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.tasks import Denoise, Segment
from napari_hyperspectral.training.fit import fit_steps

NETWORK = SpectralUNet(components=3, width=4, depth=1, dropout=0)
ONCE = Training(epochs=1, patches_per_epoch=1, validation=0)


def scene(bands, classes=2):
    rng = np.random.default_rng(bands)
    ids = np.add.outer(np.arange(12), np.arange(12)) % classes + 1
    data = ids * np.arange(1.0, bands + 1)[:, None, None] + rng.normal(size=(bands, 12, 12))
    cube = Cube(data.astype(np.float32), SpectralAxis(np.arange(bands) + 500.0, "nm"))
    return {"cube": cube, "labels": Labels(ids.astype(np.uint8))}


def train(training=ONCE, network=NETWORK, start=None, task=None, **images):
    recipe = Recipe(task=task or Segment(), method=network, training=training)
    return fit(recipe, [recipe.example(**images)], start=start)


def weights(model):
    return dict(model.network.module.named_parameters())


def test_a_step_too_small_to_matter_leaves_what_was_taken_over():
    first = train(**scene(5))
    still = ONCE.model_copy(update={"learning_rate": 1e-12})
    second = train(still, start=first, **scene(5))
    for name, weight in weights(first).items():
        assert torch.allclose(weight, weights(second)[name], atol=1e-9)


@pytest.mark.parametrize("other", [scene(9), scene(5, classes=3)], ids=["bands", "classes"])
def test_what_fits_is_taken_over_and_the_rest_starts_afresh(other):
    first = train(**scene(5))
    frozen = ONCE.model_copy(update={"frozen": "what was learned", "learning_rate": 0.01})
    second = train(frozen, start=first, **other)
    fresh = train(frozen, **other)
    kept = {n for n, w in weights(first).items() if w.shape == weights(second)[n].shape}
    new = set(weights(second)) - kept
    assert kept
    assert new
    assert all(torch.equal(weights(first)[name], weights(second)[name]) for name in kept)
    assert weights(second).keys() == weights(fresh).keys()
    assert any(not torch.equal(weights(fresh)[name], weights(second)[name]) for name in kept)
    assert f"{len(first.network.module.state_dict()) - len(new)} of " in second.card.started_from


def test_the_first_half_stays_and_the_second_learns():
    first = train(**scene(5))
    frozen = ONCE.model_copy(update={"frozen": "first half", "learning_rate": 0.01})
    second = train(frozen, start=first, **scene(5))
    stayed = [torch.equal(w, weights(second)[name]) for name, w in weights(first).items()]
    assert stayed == sorted(stayed, reverse=True)
    assert sum(stayed) == len(stayed) // 2


def test_statistics_of_frozen_layers_stay_with_their_weights():
    """What a frozen batch normalisation subtracts was learned, as were its weights."""
    network = UNet(width=2, depth=1, norm="batch")
    first = train(network=network, **scene(5))
    other = scene(5, classes=3)  # the last layer learns
    frozen = ONCE.model_copy(update={"frozen": "what was learned"})
    second = train(frozen, network, start=first, **other)
    free = train(network=network, start=first, **other)
    before, after, moved = (dict(m.network.module.named_buffers()) for m in (first, second, free))
    means = [name for name in before if name.endswith("running_mean")]
    assert means
    for name in means:
        assert torch.equal(before[name], after[name])
        assert not torch.equal(before[name], moved[name])


def test_what_begins_afresh_in_the_first_half_is_not_frozen():
    first = train(**scene(5))
    frozen = ONCE.model_copy(update={"frozen": "first half", "learning_rate": 0.01})
    second = train(frozen, start=first, **scene(9))
    fresh = train(frozen.model_copy(update={"learning_rate": 1e-12}), start=first, **scene(9))
    name = next(iter(weights(first)))  # of the bands, which are others
    assert weights(first)[name].shape != weights(second)[name].shape
    assert not torch.allclose(weights(second)[name], weights(fresh)[name], atol=1e-6)


def pair(gain, seed):
    """Return a noisy and a clean cube, as an instrument of this gain measures them."""
    rng = np.random.default_rng(seed)
    axis = SpectralAxis(np.arange(8) + 500.0, "nm")
    clean = gain * (2 + rng.uniform(0, 1 + seed, (8, 12, 12)))
    noisy = clean + 0.1 * gain * rng.normal(size=clean.shape)
    return {"noisy": Cube(noisy.astype(np.float32), axis), "clean": Cube(np.float32(clean), axis)}


def denoiser(normalise, gain, seed, start=None):
    training = ONCE.model_copy(update={"learning_rate": 1e-12 if start else 0.01})
    task = Denoise(normalise=normalise)
    return train(
        training, Pixelwise(width=8, linear_skip=False), start=start, task=task, **pair(gain, seed)
    )


@pytest.mark.parametrize("normalise", ["mean", "maximum"])
def test_what_is_taken_over_sees_spectra_as_it_learned_to(normalise):
    """Spectra of their own scale: other data have another spread, which is no reason for another."""
    first = denoiser(normalise, gain=1, seed=1)
    second = denoiser(normalise, gain=1, seed=5, start=first)
    noisy = pair(1, 1)["noisy"]
    one, two = (predict(model, noisy).data for model in (first, second))
    assert np.allclose(one, two, rtol=1e-4)


def test_another_gain_is_no_other_measurement_to_what_is_taken_over():
    first = denoiser("cube", gain=1, seed=1)
    second = denoiser("cube", gain=1000, seed=1, start=first)
    one = predict(first, pair(1, 1)["noisy"]).data
    two = predict(second, pair(1000, 1)["noisy"]).data
    assert np.allclose(1000 * one, two, rtol=1e-3)


def test_a_start_that_was_normalised_otherwise_is_told():
    first = denoiser("maximum", gain=1, seed=1)
    with pytest.warns(UserWarning, match="normalises by maximum.*this recipe by mean"):
        denoiser("mean", gain=1, seed=1, start=first)


def test_a_start_shortens_the_way():
    """Ten epochs, and one epoch more, are better than one epoch."""
    images = scene(5)
    ten = ONCE.model_copy(update={"epochs": 10, "learning_rate": 0.01})
    start = train(ten, **images)
    assert train(start=start, **images).card.losses[0] < train(**images).card.losses[0]


def test_a_model_that_shares_nothing_is_refused():
    other = train(network=FNet.smallest(), **scene(5))
    with pytest.raises(ValueError, match="no weight of the model to start from"):
        train(start=other, **scene(5))


def test_nothing_left_to_learn_is_refused():
    first = train(**scene(5))
    with pytest.raises(ValueError, match="nothing left to train"):
        train(ONCE.model_copy(update={"frozen": "what was learned"}), start=first, **scene(5))


def test_a_resumed_transfer_knows_its_past_and_what_is_frozen(tmp_path):
    first = train(**scene(5))
    path = tmp_path / "going.safetensors"
    training = Training(
        epochs=4, patches_per_epoch=2, validation=0, frozen="first half", learning_rate=0.01
    )
    recipe = Recipe(task=Segment(), method=NETWORK, training=training)
    examples = [recipe.example(**scene(5))]
    job = fit_steps(recipe, examples, start=first, autosave=path)
    for _ in range(4):
        next(job)
    with pytest.raises(StopIteration):
        job.throw(Stop())
    resumed = fit(recipe, examples, autosave=path, resume=True)
    assert first.card.created in resumed.card.started_from
    whole = fit(recipe, examples, start=first)
    assert all(torch.equal(w, weights(whole)[n]) for n, w in weights(resumed).items())


def test_an_example_prepared_otherwise_than_the_recipe_says_is_refused():
    recipe = Recipe(task=Denoise(), method=Pixelwise.smallest(), training=ONCE)
    cube = scene(5)["cube"]
    example = recipe.example(noisy=cube, clean=cube)
    other = recipe.model_copy(
        update={"preprocessing": Chain.model_validate([{"kind": "minimum_baseline"}])}
    )
    with pytest.raises(ValueError, match="was not preprocessed as the recipe says"):
        fit(other, [example])
