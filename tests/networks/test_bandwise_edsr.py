"""BandwiseEDSR: what no single band and no brightness may change."""

import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import BandwiseEDSR, Ports, enlarged
from napari_hyperspectral.tasks import SuperResolve

SMALL = BandwiseEDSR(width=8, blocks=2, bands_per_step=2)


@pytest.fixture
def body():
    torch.manual_seed(0)
    return SMALL.build(Ports(bands_in=5, bands_out=5, scale=2)).eval()


@pytest.fixture
def coarse():
    return torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_bands_in_another_order_give_results_in_that_order(body, coarse):
    order = [3, 1, 4, 0, 2]
    torch.testing.assert_close(body(coarse[:, order]), body(coarse)[:, order])


@torch.no_grad()
def test_a_brighter_or_shifted_image_gives_a_brighter_or_shifted_result(body, coarse):
    torch.testing.assert_close(body(7 * coarse + 3), 7 * body(coarse) + 3, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_mean_over_all_turns_turns_with_the_image(body, coarse):
    turned = body(coarse.rot90(1, (-2, -1)).flip(-1))
    torch.testing.assert_close(turned, body(coarse).rot90(1, (-2, -1)).flip(-1))


@torch.no_grad()
def test_a_step_is_about_so_many_bands_of_each_image_and_interpolates_the_others(body, coarse):
    made = body.train()(coarse)
    changed = (made != enlarged(coarse, 2)).any(dim=-1).any(dim=-1)
    assert changed.sum(dim=1).tolist() == [2, 2]


def test_a_step_in_half_precision_is_nearly_the_same(body, coarse):
    torch.manual_seed(2)
    full = body.train()(coarse)
    torch.manual_seed(2)
    body.trunk.register_forward_hook(lambda *call: call[-1].bfloat16())  # as autocast gives it
    torch.testing.assert_close(body(coarse), full, rtol=0, atol=0.01)


def test_what_is_learned_on_one_scene_is_better_than_interpolation_on_another():
    learned, tested = scene(0), scene(1)
    task = SuperResolve(scale=2, degradation="area", input_noise="none")  # the scenes have none
    training = Training(epochs=8, patches_per_epoch=20, image_batch_size=2, patch_size=12, learning_rate=5e-3,
                        validation=0)  # fmt: skip
    recipe = Recipe(task=task, method=SMALL, training=training)
    model = fit(recipe, [recipe.example(fine=learned)])
    coarse = task.degradation_model.degrade(torch.from_numpy(tested.numpy()))
    made = predict(model, tested.after("degraded", data=coarse.numpy())).numpy()
    plain = enlarged(coarse[None], 2)[0].numpy()
    assert abs(made - tested.data).mean() < 0.9 * abs(plain - tested.data).mean()


def scene(seed):
    """Bright discs of random places and spectra, (3, 40, 40)."""
    chance = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    places = 40 * torch.rand(12, 2, 1, 1, generator=chance)
    discs = ((y - places[:, 0]).hypot(x - places[:, 1]) < 5).float()
    spectra = torch.rand(3, 12, generator=chance)
    image = torch.einsum("bd,dyx->byx", spectra, discs)
    return Cube(image.numpy(), SpectralAxis([500.0, 510.0, 520.0], "nm"), name=f"scene {seed}")


def test_recipes_of_version_0_1_say_how_many_bands_a_step_has():
    with pytest.warns(DeprecationWarning, match="bands_per_step"):
        assert BandwiseEDSR.model_validate({"at_once": 3}) == BandwiseEDSR(bands_per_step=3)
