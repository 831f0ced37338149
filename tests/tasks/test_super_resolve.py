"""Finer pixels: learned from degraded images, laid where the coarse ones lay."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.metrics import rmse
from napari_hyperspectral.networks import (
    RRDB,
    BandwiseEDSR,
    SpectralUNet,
    SubspaceRCAN,
    build_module,
)
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.tasks import SuperResolve
from napari_hyperspectral.training.batches import batches_of
from napari_hyperspectral.training.plan import plan_training


def scene(seed, side=64):
    """Discs of two materials, (6, side, side + 8): sharp edges that a network can learn."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, : side + 8]
    amounts = np.zeros((2, side, side + 8), np.float32)
    for material in (0, 1):
        for _ in range(14):
            row, column, radius = (
                chance.uniform(0, side),
                chance.uniform(0, side),
                chance.uniform(3, 8),
            )
            amounts[material, np.hypot(y - row, x - column) < radius] = chance.uniform(0.5, 1)
    spectra = np.array([[1, 3, 6, 3, 1, 0.5], [0.5, 1, 1, 2, 5, 2]], np.float32)
    data = 1 + np.einsum("mb,myx->byx", spectra, amounts)
    axis = SpectralAxis(np.arange(6.0) + 500, "nm")
    return Cube(data, axis, pixel_size=(0.5, 0.25), origin=(10.0, 20.0), pixel_unit="um")


def coarse(cube, task):
    """Return what the instrument of the task would have measured of a cube."""
    data = task.degradation_model.degrade(torch.from_numpy(cube.data)).numpy()
    height, width = cube.pixel_size
    row, column = task.degradation_model.first_centre
    return replace(
        cube,
        data=data,
        pixel_size=(height * task.scale, width * task.scale),
        origin=(cube.origin[0] + row * height, cube.origin[1] + column * width),
    )


@pytest.mark.parametrize("degradation", ["area", "decimate", "bicubic"])
@pytest.mark.parametrize("scale", [2, 3])
def test_a_pair_holds_the_image_and_its_degraded_self(degradation, scale):
    task = SuperResolve(scale=scale, degradation=degradation, psf=0.7)
    fine = scene(0, 24)
    pair = task.example(fine=fine)
    height, width = 24 // scale, 32 // scale
    assert pair.input.shape == (1, 6, height, width)
    cut = fine.data[:, : height * scale, : width * scale]
    assert np.array_equal(pair.target[0], cut)
    assert np.array_equal(
        pair.input[0], task.degradation_model.degrade(torch.from_numpy(cut)).numpy()
    )
    assert ("cropped to 24 × 30" in pair.source) == (scale == 3)
    assert pair.pixel_size == (0.5 * scale, 0.25 * scale)


@pytest.mark.parametrize("degradation", ["area", "decimate"])
def test_a_result_lies_where_the_fine_image_lay(degradation):
    task = SuperResolve(scale=4, degradation=degradation, project=False)
    fine = scene(0)
    found = task.result(fine.data, fine.axis, coarse(fine, task))
    assert found.pixel_size == fine.pixel_size
    assert found.origin == pytest.approx(fine.origin)
    assert found.history[-1] == "super-resolved ×4"


def test_a_network_beats_cubic_interpolation_on_an_image_it_has_not_seen():
    task = SuperResolve(scale=2, project=True, penalty="l2")
    recipe = Recipe(
        task=task,
        method=SubspaceRCAN(components=2, width=16, groups=1, blocks=2, attention=False),
        training=Training(
            epochs=15, learning_rate=1e-2, patches_per_epoch=8, patch_size=24, validation=0.0
        ),
    )
    model = fit(recipe, [recipe.example(fine=scene(seed)) for seed in range(3)])
    unseen = scene(7)
    input = coarse(unseen, task)
    found = predict(model, input)
    cubic = functional.interpolate(
        torch.from_numpy(input.data)[None], scale_factor=2, mode="bicubic"
    )
    assert rmse(found.data, unseen.data) < 0.8 * rmse(cubic[0].numpy(), unseen.data)
    # and it agrees with what was measured, so that no flux is gained or lost
    again = task.degradation_model.degrade(torch.from_numpy(found.data)).numpy()
    assert np.abs(again - input.data).max() < 1e-4
    assert found.data.mean(axis=(1, 2)) == pytest.approx(input.data.mean(axis=(1, 2)), rel=1e-4)


def test_the_interpolation_is_in_the_unit_of_the_input():
    """A network that gives nothing leaves the enlarged image, whatever the bands' scales."""
    recipe = Recipe(
        task=SuperResolve(scale=2, project=False),
        method=SubspaceRCAN(components=2, width=4, groups=1, blocks=1),
        training=Training(epochs=1, learning_rate=1e-12),
    )
    fine = scene(1)
    loud = replace(
        fine, data=fine.data * np.array([1, 10, 100, 1, 1, 1e4], np.float32)[:, None, None]
    )
    model = fit(recipe, [recipe.example(fine=loud)])
    torch.nn.init.zeros_(model.network.module.leave.weight)
    torch.nn.init.zeros_(model.network.module.leave.bias)
    input = coarse(loud, recipe.task)
    found = predict(model, input).data
    cubic = functional.interpolate(
        torch.from_numpy(input.data)[None], scale_factor=2, mode="bicubic"
    )
    assert np.allclose(found, cubic[0], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("network", [SubspaceRCAN, BandwiseEDSR, RRDB, SpectralUNet])
def test_networks_begin_where_a_point_scan_was_measured(network):
    """On a slope, what a network adds to (here: nothing) does not lie beside it."""
    task = SuperResolve(scale=4, degradation="decimate", row=0, column=3)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(80.0), indexing="ij")
    slope = torch.stack([y, x])[None]
    axis = SpectralAxis.index(2)
    body = build_module(network.smallest(), task.ports(axis, axis))
    for weight in body.parameters():
        torch.nn.init.zeros_(weight)
    with torch.inference_mode():
        made = body.eval()(task.degradation_model.degrade(slope))
    inside = (..., slice(12, -12), slice(12, -12))
    assert torch.allclose(made[inside], slope[inside], atol=0.2)  # unaligned, it is 1.5 off


def test_a_turned_point_scan_is_the_scan_of_the_turned_image():
    task = SuperResolve(scale=2, degradation="decimate")
    fine = torch.randn(1, 3, 8, 12)
    input = task.degradation_model.degrade(fine)
    turned, target = (torch.rot90(image, 1, dims=(-2, -1)) for image in (input, fine))
    after_augmentation, same = task.after_augmentation(turned, target, warped=False)
    assert torch.equal(after_augmentation, task.degradation_model.degrade(target))
    assert not torch.equal(after_augmentation, turned)
    assert same is target
    held_out = target.clone()
    held_out[..., 2:4, 2:4] = torch.nan
    assert torch.equal(
        task.after_augmentation(turned, held_out, warped=False)[0][..., 1, 1], turned[..., 1, 1]
    )


def test_what_is_missing_or_bad_stays_so():
    fine = scene(0, 24)
    bad = SpectralAxis(fine.axis.centres, "nm", bad=[False, True, False, False, False, False])
    data = fine.data.copy()
    data[:, :4, :4] = np.nan
    pair = SuperResolve(scale=4).example(fine=replace(fine, data=data, axis=bad))
    assert np.isnan(pair.input[0, :, 0, 0]).all()
    assert np.isnan(pair.input[0, 1]).all()
    assert pair.sampling_classes[0, 0, 0] == 0
    assert pair.sampling_classes.sum() == 6 * 8 - 1


def test_a_warped_image_is_degraded_after_its_warp():
    """The coarse pixels of the other order are interpolated: what they lost, nobody should learn."""
    task = SuperResolve(scale=2, input_noise="none")
    recipe = Recipe(
        task=task,
        method=SubspaceRCAN.smallest(),
        augmentation=Augmentation(rotate=30, zoom=0.2),
        training=Training(validation=0, patches_per_epoch=2),
    )
    examples = [recipe.example(fine=scene(0, 24))]
    batches = batches_of(plan_training(recipe, examples), torch.device("cpu"))
    for input, target in batches.epoch(0):
        again = task.degradation_model.degrade(target)
        assert torch.allclose(input, again, atol=1e-6)


def test_a_projected_result_agrees_up_to_borders_that_the_network_had_padded():
    task = SuperResolve(scale=2, degradation="bicubic", project=True)
    recipe = Recipe(
        task=task,
        method=SpectralUNet(components=2, width=2, depth=3),  # takes multiples of 4
        training=Training(epochs=1, patches_per_epoch=1),
    )
    model = fit(recipe, [recipe.example(fine=scene(0))])
    whole = coarse(scene(1), task)
    input = replace(whole, data=whole.data[:, :29, :33])
    found = torch.from_numpy(predict(model, input).data)
    assert torch.allclose(
        task.degradation_model.degrade(found), torch.from_numpy(input.data), atol=1e-3
    )


def test_tiles_of_a_projected_result_leave_no_seams(monkeypatch):
    recipe = Recipe(
        task=SuperResolve(scale=2, degradation="bicubic", project=True),
        method=SpectralUNet(components=2, width=4, depth=1),
        training=Training(epochs=1),
    )
    fine = scene(0)
    model = fit(recipe, [recipe.example(fine=fine)])
    whole = predict(model, fine).data
    monkeypatch.setattr("napari_hyperspectral.prediction.predict.tile_side", lambda *_: 24)
    assert np.allclose(predict(model, fine).data, whole, atol=1e-3 * whole.std())


def test_a_phase_outside_the_block_and_an_image_of_less_than_a_block_are_refused():
    with pytest.raises(ValueError, match="not both in a block of 2 × 2"):
        SuperResolve(scale=2, degradation="decimate", row=2)
    small = replace(scene(0, 24), data=scene(0, 24).data[:, :5, :7])
    with pytest.raises(ValueError, match=r"5 × 7 pixels, fewer than a coarse pixel at ×8"):
        SuperResolve(scale=8).example(fine=small)
