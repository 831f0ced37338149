"""Denoising learns from the noisy cube alone, and what it predicts from never holds the answer."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import LowRank, Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.validation import validate_steps
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.methods import unsuitable
from napari_hyperspectral.tasks import DenoiseSelfSupervised
from napari_hyperspectral.tasks.denoise_self_supervised import _PARTS

ONE = Machine(device="cpu", threads=1)
AXIS = SpectralAxis.index(24)
QUICK = Training(epochs=25, batch_size=64, learning_rate=0.01, validation=0.2, block=4)
each_way = pytest.mark.parametrize("hidden", _PARTS)


def scene(gain=20):
    """Two materials in a gradient: (photon counts, expected counts), each (24, 18, 20)."""
    band = np.arange(24)[:, None]
    spectra = 1 + 3 * np.exp(-(((band - [7, 16]) / 3) ** 2))
    share = np.linspace(0, 1, 20) * np.ones((18, 1))
    clean = gain * np.tensordot(spectra, np.stack([share, 1 - share]), 1)
    noisy = np.random.default_rng(0).poisson(clean)
    return noisy.astype(np.float32), clean.astype(np.float32)


@each_way
def test_every_value_is_hidden_once_and_nothing_seen_depends_on_it(hidden):
    task = DenoiseSelfSupervised(hidden=hidden)
    input = torch.from_numpy(scene()[0])[None]
    hidden_at = torch.zeros_like(input)
    for number in range(_PARTS[hidden]):
        pair = task._pair(input, input, number)
        answered = pair.target.isfinite()
        hidden_at += answered
        if hidden == "counts":  # both hold photons of their own
            torch.testing.assert_close((pair.input + pair.target) / 2, input)
            continue
        changed = torch.where(answered, 1e6, input)
        torch.testing.assert_close(task._pair(changed, changed, number).input, pair.input)
        torch.testing.assert_close(pair.target[answered], input[answered])
    assert (hidden_at == (2 if hidden == "counts" else 1)).all()


@each_way
def test_missing_values_are_no_targets_and_are_not_filled_into_others(hidden):
    task = DenoiseSelfSupervised(hidden=hidden)
    input = torch.from_numpy(scene()[0])[None]
    input[:, 5:8, 3:6, 4:7] = torch.nan
    for number in range(_PARTS[hidden]):
        pair = task._pair(input, input, number)
        assert not pair.target[input.isnan()].isfinite().any()
        assert pair.input[:, :4].isfinite().all()


@pytest.mark.parametrize("hidden", ["half-bands", "bands", "counts"])
def test_spectra_come_closer_to_the_truth_without_any_clean_one(hidden):
    noisy, clean = scene()
    recipe = Recipe(
        task=DenoiseSelfSupervised(hidden=hidden),
        method=Pixelwise(width=16, dropout=0),
        training=QUICK,
    )
    model = fit(recipe, [recipe.example(noisy=Cube(noisy, AXIS))], machine=ONE)
    denoised = predict(model, Cube(noisy, AXIS), machine=ONE)
    assert np.square(denoised.data - clean).mean() < 0.4 * np.square(noisy - clean).mean()
    assert f"({hidden} hidden in training)" in denoised.history[-1]


def test_images_come_closer_to_the_truth_by_hidden_pixels():
    noisy, clean = scene()
    training = Training(epochs=15, patches_per_epoch=4, learning_rate=0.003, validation=0)
    recipe = Recipe(
        task=DenoiseSelfSupervised(hidden="pixels"),
        method=SpectralUNet(components=3, width=8, depth=0, dropout=0),
        training=training,
    )
    model = fit(recipe, [recipe.example(noisy=Cube(noisy, AXIS))], machine=ONE)
    denoised = predict(model, Cube(noisy, AXIS), machine=ONE)
    assert np.square(denoised.data - clean).mean() < 0.4 * np.square(noisy - clean).mean()


def test_the_validation_loss_is_the_same_each_time_and_is_least_for_the_truth():
    noisy, clean = scene()
    example = DenoiseSelfSupervised().example(noisy=Cube(noisy, AXIS))
    recipe = Recipe(task=DenoiseSelfSupervised(hidden="counts"), method=Pixelwise(), training=QUICK)
    model = fit(recipe, [example], machine=ONE)
    input = torch.from_numpy(noisy)[None]
    with torch.no_grad():
        first = model.recipe.task.loss(model.network, input, input)
        assert model.recipe.task.loss(model.network, input, input) == first
        truth = model.network.normalise.target(torch.from_numpy(clean)[None], input)
        model.network.module.forward = lambda _: truth
        assert model.recipe.task.loss(model.network, input, input) < first


def test_hidden_pixels_need_a_network_that_sees_images():
    recipe = Recipe(task=DenoiseSelfSupervised(hidden="pixels"), method=Pixelwise(), training=QUICK)
    with pytest.raises(ValueError, match="hide bands instead"):
        fit(recipe, [recipe.example(noisy=Cube(scene()[0], AXIS))], machine=ONE)


@pytest.mark.parametrize("change", [-300, 0.5])
def test_what_is_not_counted_in_photons_cannot_be_halved(change):
    cube = Cube(scene()[0] + np.float32(change), AXIS, name="corrected")
    with pytest.raises(ValueError, match="'corrected' holds values that are no photon counts"):
        DenoiseSelfSupervised(hidden="counts").example(noisy=cube)


def test_low_rank_needs_no_target_and_regressions_are_refused():
    assert unsuitable(LowRank, DenoiseSelfSupervised()) == ""
    assert "learns from targets" in unsuitable(Ridge, DenoiseSelfSupervised())


def test_the_card_says_what_was_removed():
    noisy, clean = scene(gain=50)
    method = LowRank(smooth=False)
    recipe = Recipe(task=DenoiseSelfSupervised(normalise="cube"), method=method)
    cube = Cube(noisy, AXIS, name="cell", intensity_unit="counts")
    example = recipe.example(noisy=cube)
    model = fit(recipe, [example], machine=ONE)
    model = run(validate_steps(model, [example], [{"noisy": cube}], machine=ONE))
    (figures,) = model.card.metrics["figures"]
    assert figures["components"] == 0
    assert figures["removed σ"] == pytest.approx(1, abs=0.1)
    (note,) = model.card.metrics["notes"]
    assert "· mean) counts" in note
    assert "white (" in note
    assert model.card.tuned.startswith("rank ")
    denoised = predict(model, cube, machine=ONE)
    assert np.square(denoised.data - clean).mean() < 0.1 * np.square(noisy - clean).mean()
