"""Restoration: generative, but held to what was measured; learned from the very cube."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from napari_hyperspectral import Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.metrics import rmse, spectral_angle
from napari_hyperspectral.networks import RRDB, SubspaceRCAN
from napari_hyperspectral.tasks import Restore
from napari_hyperspectral.training.discriminator import discriminator_training
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.memory import training_bytes
from napari_hyperspectral.training.plan import plan_training

CPU = torch.device("cpu")
SMALL = RRDB(width=8, blocks=1, growth=4)


@pytest.fixture(scope="module")
def sharp():
    """Stripes and squares in four bands of very different brightness: alike at all sizes."""
    y, x = np.mgrid[:64, :80]
    wedge = ((x // 8 + y // 8) % 2).astype(np.float32) + ((x + 2 * y) % 23 < 8)
    spectrum = np.array([1, 10, 300, 5e4], np.float32)[:, None, None]
    data = spectrum * (1 + wedge + 0.5 * (y > 30))
    return Cube(data, SpectralAxis(np.array([500.1, 600.2, 700.3, 800.4]), "m/z", "mz"))


@pytest.fixture(scope="module")
def measured(sharp):
    data = Restore(scale=2).degradation_model.degrade(torch.from_numpy(sharp.data)).numpy()
    return replace(sharp, data=data, pixel_size=(2.0, 2.0), origin=(0.5, 0.5))


@pytest.fixture(scope="module")
def recipe():
    training = Training(epochs=6, patches_per_epoch=6, learning_rate=1e-2, validation=0.0, seed=1)
    return Recipe(task=Restore(scale=2, discriminator_width=4), method=SMALL, training=training)


@pytest.fixture(scope="module")
def model(measured, recipe):
    return fit(recipe, [recipe.example(fine=measured)])


def test_a_cube_teaches_its_own_restoration(model, measured, sharp):
    restored = predict(model, measured)
    cubic = functional.interpolate(
        torch.from_numpy(measured.data)[None], scale_factor=2, mode="bicubic"
    )[0].numpy()
    found = restored.data
    assert rmse(found / sharp.data, 1 + 0 * found) < 0.95 * rmse(cubic / sharp.data, 1 + 0 * found)
    assert (restored.pixel_size, restored.origin) == ((1.0, 1.0), (0.0, 0.0))
    assert restored.history[-1].startswith("restored (generative) ×2")


def test_what_was_measured_is_kept(model, measured, recipe):
    """Degraded, the result is the input; each band keeps its flux, each spectrum its shape."""
    restored = predict(model, measured).data
    again = recipe.task.degradation_model.degrade(torch.from_numpy(restored)).numpy()
    assert np.abs(again / measured.data - 1).max() < 1e-3
    flux = restored.mean(axis=(1, 2)) / measured.data.mean(axis=(1, 2))
    assert flux == pytest.approx(np.ones(4), abs=0.01)
    assert spectral_angle(again, measured.data) < 0.1


def test_the_adversarial_loss_changes_the_model(measured, recipe, model):
    plain = recipe.model_copy(update={"task": Restore(scale=2, adversarial=0.0)})
    without = fit(plain, [plain.example(fine=measured)])
    weights = (next(iter(m.network.module.state_dict().values())) for m in (model, without))
    assert not torch.equal(*weights)


def test_a_training_with_a_discriminator_is_resumed_as_if_it_had_not_stopped(
    model, measured, recipe, tmp_path
):
    path, pair = tmp_path / "half.safetensors", recipe.example(fine=measured)
    run = fit_steps(recipe, [pair], autosave=path)
    for _ in range(20):
        next(run)
    from napari_hyperspectral.progress import Stop

    with pytest.raises(StopIteration):
        run.throw(Stop())
    kept = load_file(path)
    assert any(name.startswith("checkpoint.discriminator.head") for name in kept)
    assert any(name.startswith("checkpoint.discriminator_optimiser.") for name in kept)
    assert Model.load(path).recipe == recipe
    resumed = fit(recipe, [pair], autosave=path, resume=True)
    ours, theirs = (m.network.state_dict() for m in (resumed, model))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_perfect_result_costs_only_the_adversarial_loss(measured):
    """An image that is its own enlargement: constant bands."""
    flat = replace(measured, data=np.ones_like(measured.data) * 3)
    task = Restore(scale=2, adversarial=0.0)
    recipe = Recipe(task=task, method=SMALL, training=Training(epochs=1, learning_rate=1e-9))
    model = fit(recipe, [recipe.example(fine=flat)])
    torch.nn.init.zeros_(model.network.module.each.leave.weight)
    torch.nn.init.zeros_(model.network.module.each.leave.bias)
    pair = recipe.example(fine=flat)
    batch = (torch.from_numpy(part) for part in (pair.input, pair.target))
    with torch.inference_mode():
        assert float(task.loss(model.network, *batch)) == pytest.approx(0, abs=1e-5)


def test_pixels_held_out_are_not_held_to_the_measurement_while_others_learn(model, measured):
    """The loss is of pixels whose finer selves are given: of the others, nothing counts."""
    task = Restore(scale=2, frc=0.0, adversarial=0.0)
    recipe = Recipe(task=task, method=SMALL, training=Training())
    pair = recipe.example(fine=measured)
    input, target = (torch.from_numpy(part).tile(1, 1, 1, 2) for part in (pair.input, pair.target))
    target[..., 8:] = torch.nan
    assert 4 + SMALL.receptive_radius < input.shape[-1] - 1
    other = input.clone()
    other[..., -1] *= 2  # too far from what is scored to be seen
    with torch.inference_mode():
        one, two = (float(task.loss(model.network, image, target)) for image in (input, other))
    assert one == two > 0


def test_gradients_of_the_discriminator_are_cut_as_those_of_the_network(measured, recipe):
    """Cut to nearly nothing, and stepped by plain descent, a discriminator stays as it began."""
    moved = {}
    for clip in (0.0, 1e-9):
        training = recipe.training.model_copy(
            update={"optimiser": "sgd", "clip": clip, "weight_decay": 0.0}
        )
        changed = recipe.model_copy(update={"training": training})
        plan = plan_training(changed, [changed.example(fine=measured)])
        discriminator = discriminator_training(plan, CPU)
        before = [weight.detach().clone() for weight in discriminator.network.parameters()]
        discriminator.network(torch.rand(1, 4, 16, 16)).square().sum().backward()
        discriminator.step(1.0)
        after = list(discriminator.network.parameters())
        moved[clip] = max(float((a - b).abs().max()) for a, b in zip(after, before, strict=True))
    assert moved[1e-9] < 1e-8 < moved[0.0]


def test_it_works_on_spectral_components_too(measured):
    recipe = Recipe(
        task=Restore(scale=2, discriminator_width=2),
        method=SubspaceRCAN.smallest(),
        training=Training(epochs=1, patches_per_epoch=1, validation=0.0),
    )
    model = fit(recipe, [recipe.example(fine=measured)])
    restored = predict(model, measured).data
    again = recipe.task.degradation_model.degrade(torch.from_numpy(restored)).numpy()
    assert np.abs(again / measured.data - 1).max() < 1e-3


def test_blur_alone_is_taken_out_at_scale_one(sharp):
    task = Restore(scale=1, psf=1.5, adversarial=0.0)
    training = Training(epochs=6, patches_per_epoch=4, learning_rate=1e-2, patch_size=32)
    recipe = Recipe(task=task, method=SMALL, training=training)
    model = fit(recipe, [recipe.example(fine=sharp)])
    blurred = replace(
        sharp, data=task.degradation_model.degrade(torch.from_numpy(sharp.data)).numpy()
    )
    restored = predict(model, blurred).data
    assert rmse(restored / sharp.data, 1 + 0 * restored) < 0.8 * rmse(
        blurred.data / sharp.data, 1 + 0 * restored
    )


def test_the_discriminator_is_counted_in_the_memory_of_a_training(measured, recipe):
    pair = recipe.example(fine=measured)
    plain = recipe.model_copy(update={"task": Restore(scale=2, adversarial=0.0)})
    wide = recipe.model_copy(update={"task": Restore(scale=2, discriminator_width=128)})
    without, little, much = (
        training_bytes(plan_training(r, [pair])) for r in (plain, recipe, wide)
    )
    assert without < little < much
    copies, weights = 6, 4 * 4_375_745  # about four times those of 64 channels
    assert much - without > copies * 4 * weights


def test_nothing_to_restore_is_refused():
    with pytest.raises(ValueError, match="nothing is lost: set the psf, or a scale"):
        Restore(scale=1)
