"""Coarse images made for training are as noisy as a measurement: how much, where, and what it buys."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.baselines.interpolation import consistent_baseline
from napari_hyperspectral.evaluation.pairs import input_and_target
from napari_hyperspectral.metrics import rmse
from napari_hyperspectral.networks import BandwiseEDSR
from napari_hyperspectral.tasks import SuperResolve
from napari_hyperspectral.tasks.degradation import Degradation
from napari_hyperspectral.training.batches import batches_of
from napari_hyperspectral.training.plan import plan_training

READ, GAIN = 0.3, 0.05
DEGRADATIONS = [
    Degradation(kind="area", scale=3),
    Degradation(kind="bicubic", scale=2),
    Degradation(kind="decimate", scale=4),
    Degradation(kind="area", scale=2, psf=0.8),
]
each = pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda d: f"{d.kind}{d.psf:g}")


def smooth_scene(seed, side=72):
    """Three materials in soft blobs, (12, side, side): low rank, and no noise."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    amounts = np.zeros((3, side, side))
    for material in range(3):
        for _ in range(12):
            row, column = chance.uniform(0, side, 2)
            radius = chance.uniform(3, 6)
            distance = np.hypot(y - row, x - column)
            amounts[material] += 1 / (1 + np.exp(3 * (distance - radius)))
    spectra = chance.uniform(0.5, 3, (12, 3))
    data = 1 + np.einsum("bm,myx->byx", spectra, amounts)
    return Cube(data.astype(np.float32), SpectralAxis(np.arange(12.0) + 500, "nm"))


def with_noise(cube, seed):
    chance = np.random.default_rng(seed)
    sigma = np.sqrt(READ**2 + GAIN * cube.data)
    data = cube.data + sigma * chance.normal(size=cube.shape)
    return cube.after("noise", data=data.astype(np.float32))


@each
def test_the_share_of_noise_that_averages_keep_is_what_white_noise_keeps(degradation):
    noise = torch.randn(4, 240, 240, generator=torch.Generator().manual_seed(0))
    found = float(degradation.degrade(noise).var())
    assert found == pytest.approx(degradation.noise_share, rel=0.1)


@pytest.mark.parametrize("scale", [2, 4])
def test_an_input_is_as_noisy_as_its_fine_image(scale):
    """Of a flat scene, the standard deviation of the coarse image is that of the fine one."""
    flat = Cube(np.full((16, 96, 96), 5, np.float32), SpectralAxis(np.arange(16.0) + 500, "nm"))
    noisy = with_noise(flat, 0)
    coarse, fine = input_and_target(SuperResolve(scale=scale), {"fine": noisy})
    assert np.array_equal(fine.data, noisy.data)
    assert coarse.data.std() == pytest.approx(fine.data.std(), rel=0.05)
    assert coarse.data.mean() == pytest.approx(5, rel=0.01)


def test_without_the_setting_an_input_is_the_degraded_image():
    task = SuperResolve(scale=2, input_noise="none")
    noisy = with_noise(smooth_scene(0), 0)
    coarse, fine = input_and_target(task, {"fine": noisy})
    degraded = task.degradation_model.degrade(torch.from_numpy(fine.data)).numpy()
    assert np.array_equal(coarse.data, degraded)
    assert task.example(fine=noisy).noise == (0.0, 0.0)


def test_the_noise_is_that_of_the_measurement_and_stands_in_the_card():
    recipe = Recipe(
        task=SuperResolve(scale=2),
        method=BandwiseEDSR.smallest(),
        training=Training(epochs=1, patches_per_epoch=1, validation=0),
    )
    example = recipe.example(fine=with_noise(smooth_scene(0), 0))
    read_variance, gain = example.noise
    sigma = np.sqrt(read_variance + 4 * gain)
    assert sigma == pytest.approx(np.sqrt(READ**2 + 4 * GAIN), rel=0.1)
    card = fit(recipe, [example]).card
    assert card.noise == example.noise
    assert "with its noise" in card.trained_on[0].name


def test_each_batch_has_noise_of_its_own_and_equal_seeds_the_same():
    recipe = Recipe(
        task=SuperResolve(scale=2),
        method=BandwiseEDSR.smallest(),
        training=Training(patches_per_epoch=2, validation=0, patch_size=64),
    )
    plan = plan_training(recipe, [recipe.example(fine=with_noise(smooth_scene(0), 0))])
    cpu = torch.device("cpu")
    first, again = (list(batches_of(plan, cpu).epoch(0)) for _ in range(2))
    for batch, same in zip(first, again, strict=True):
        assert torch.equal(batch.input, same.input)
        added = batch.input - recipe.task.degradation_model.degrade(batch.target)
        assert added.std() > 0
    assert not torch.equal(first[0].input, first[1].input)


def test_validation_has_the_same_noise_in_each_epoch():
    recipe = Recipe(task=SuperResolve(scale=2), method=BandwiseEDSR.smallest())
    plan = plan_training(recipe, [recipe.example(fine=with_noise(smooth_scene(0), 0))])
    batches = batches_of(plan, torch.device("cpu"))
    first, again = (list(batches.validation()) for _ in range(2))
    assert first
    for batch, same in zip(first, again, strict=True):
        assert torch.equal(batch.input, same.input)


def test_missing_pixels_stay_missing():
    noisy = with_noise(smooth_scene(0), 0)
    noisy.data[:, :4, :4] = np.nan
    coarse, _ = input_and_target(SuperResolve(scale=4), {"fine": noisy})
    assert np.isnan(coarse.data[:, 0, 0]).all()
    assert np.isfinite(coarse.data[:, 2:, 2:]).all()


@each
def test_without_noise_the_projection_is_complete(degradation):
    generator = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 2, 48, 48, generator=generator)
    coarse = degradation.degrade(torch.rand(1, 2, 48, 48, generator=generator))
    within = degradation.project_within_noise(fine, coarse, (0.0, 0.0))
    assert torch.allclose(within, degradation.project(fine, coarse), atol=1e-5)


def test_a_projection_within_noise_forces_none_of_it_in(rng):
    """Of the truth with a noisy measurement, full projection makes it noisy again."""
    degradation = Degradation(kind="bicubic", scale=2)
    truth = torch.from_numpy(smooth_scene(1).data)[None]
    noisy = degradation.degrade(truth)
    noisy = noisy + 0.3 * torch.randn(noisy.shape, generator=torch.Generator().manual_seed(0))
    full = (degradation.project(truth, noisy) - truth).std()
    within = (degradation.project_within_noise(truth, noisy, (0.09, 0.0)) - truth).std()
    assert within < 0.4 * full
    wrong = truth + 3 * (truth > truth.mean())  # what noise does not explain is put right
    corrected = degradation.project_within_noise(wrong, noisy, (0.09, 0.0))
    assert (corrected - truth).std() < 0.4 * (wrong - truth).std()


def test_the_consistent_baseline_is_not_made_noisier_than_its_input():
    degradation = Degradation(kind="bicubic", scale=2)
    scene = smooth_scene(2)
    coarse = degradation.degrade(torch.from_numpy(scene.data)).numpy()
    noisy = coarse + 0.3 * np.random.default_rng(0).normal(size=coarse.shape).astype(np.float32)
    forced = consistent_baseline(degradation).run(noisy)
    allowed = consistent_baseline(degradation, (0.09, 0.0)).run(noisy)
    assert rmse(allowed, scene.data) < 0.8 * rmse(forced, scene.data)


def test_a_network_trained_on_a_noisy_scene_is_better_than_interpolation_on_another():
    """Without noise in the inputs of its training, it is far worse: it sharpens the noise."""
    training = Training(
        epochs=1, patches_per_epoch=60, image_batch_size=2, patch_size=16, learning_rate=3e-3,
        validation=0, average=0.9, clip=1.0,
    )  # fmt: skip
    method = BandwiseEDSR(width=12, blocks=1, bands_per_step=4, ensemble=False)
    scene = smooth_scene(5)
    degradation = Degradation(kind="bicubic", scale=2)
    measured = degradation.degrade(torch.from_numpy(scene.data)).numpy()
    coarse = with_noise(scene.after("coarse", data=measured), 9)
    errors = {}
    for input_noise in ("as measured", "none"):
        task = SuperResolve(scale=2, degradation="bicubic", project=True, input_noise=input_noise)
        recipe = Recipe(task=task, method=method, training=training)
        examples = [recipe.example(fine=with_noise(smooth_scene(seed), seed)) for seed in (3, 4)]
        model = fit(recipe, examples, machine=Machine(device="cpu", threads=1))
        found = predict(model, coarse)
        errors[input_noise] = rmse(found.data, scene.data)
    bicubic = rmse(
        torch.nn.functional.interpolate(
            torch.from_numpy(coarse.data)[None], scale_factor=2, mode="bicubic"
        )[0].numpy(),
        scene.data,
    )
    assert errors["as measured"] < 0.97 * bicubic
    assert errors["none"] > bicubic
