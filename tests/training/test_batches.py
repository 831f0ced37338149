"""Batches hold what was measured: no padding in an answer, and company for what is to be mixed."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment
from napari_hyperspectral.training.batches import batches_of
from napari_hyperspectral.training.plan import plan_training

ONE_BAND = SpectralAxis.index(1)
NETWORKS = {"spectra": Pixelwise.smallest(), "images": SpectralUNet.smallest()}


def epoch(task, pairs, network="images", *, augmentation=None, **training):
    """The batches of an epoch."""
    recipe = Recipe(
        task=task,
        method=NETWORKS[network],
        augmentation=augmentation or Augmentation(),
        training=Training(validation=0, **training),
    )
    plan = plan_training(recipe, [recipe.example(**pair) for pair in pairs])
    batches = batches_of(plan, torch.device("cpu"))
    made = list(batches.epoch(0))
    assert len(made) == batches.steps
    return made


def numbered(height, width, first=0.0):
    """An image of which every pixel has another value."""
    values = first + np.arange(height * width, dtype=np.float32)
    return Cube(values.reshape(1, height, width), ONE_BAND)


@pytest.mark.parametrize("image_batch_size", [2, 3, 0])
def test_no_pixel_of_a_whole_image_is_shown_twice_whatever_the_sizes(image_batch_size):
    sizes = [(8, 8), (12, 30), (40, 16), (25, 25)]
    pairs = [{"image": numbered(*s), "label": "ab"[n % 2]} for n, s in enumerate(sizes)]
    network = "spectra"  # of stride 1: no image is too small for it
    for batch in epoch(
        ClassifyImages(), pairs, network, image_batch_size=image_batch_size, patches_per_epoch=4
    ):
        for image in batch.input:
            assert image.unique().numel() == image.numel()


def test_whole_images_are_cut_to_the_smallest_of_a_step_and_no_smaller():
    pairs = [{"image": numbered(*s), "label": "ab"[s[0] % 2]} for s in ((9, 14), (12, 30))]
    shapes = {
        tuple(sorted(b.input.shape[-2:]))
        for b in epoch(ClassifyImages(), pairs, image_batch_size=20)
    }
    assert shapes == {(10, 14)}  # of a stride of 2: one row is mirrored, as in a prediction


def test_a_rim_that_a_stride_wants_is_what_lies_at_the_edge_mirrored():
    pairs = [{"image": numbered(5, 7), "label": "a"}, {"image": numbered(5, 7), "label": "b"}]
    still = Augmentation(turns=False)
    batch = epoch(
        ClassifyImages(), pairs, image_batch_size=4, patches_per_epoch=2, augmentation=still
    )[0]
    assert np.array_equal(
        batch.input[0, 0], np.pad(numbered(5, 7).data[0], ((0, 1), (0, 1)), mode="symmetric")
    )


def constant(value, side=6):
    cube = Cube(np.full((1, side, side), value, np.float32), ONE_BAND)
    return {"noisy": cube, "clean": cube}


MIX = Augmentation(mixup=1.0, mixup_alpha=30.0, turns=False)


def test_an_image_shown_alone_is_mixed_with_another_image():
    pairs = [constant(1.0), constant(100.0)]
    for batch in epoch(Denoise(), pairs, augmentation=MIX, image_batch_size=1, patches_per_epoch=3):
        assert batch.input.shape[0] == 1
        assert 20 < batch.input.min() < batch.input.max() + 1e-3 < 80
        assert torch.equal(batch.input, batch.target)


def test_an_only_image_is_mixed_with_another_window_of_itself():
    pair = {"noisy": numbered(40, 40), "clean": numbered(40, 40)}
    batches = epoch(
        Denoise(), [pair], augmentation=MIX, image_batch_size=1, patches_per_epoch=5, patch_size=8
    )
    steps = [(b.input[..., 0, 1] - b.input[..., 0, 0]).item() for b in batches]
    assert np.allclose(steps, 1, atol=1e-3)  # of both windows, neighbours differ by 1
    corners = [b.input[0, 0, 0, 0].item() for b in batches]
    assert any(abs(corner - round(corner)) > 0.01 for corner in corners)  # of one, they are whole


def test_the_last_spectrum_of_an_epoch_has_company_too():
    pair = {"noisy": numbered(1, 5, 1.0), "clean": numbered(1, 5, 1.0)}
    batches = epoch(Denoise(), [pair], "spectra", augmentation=MIX, batch_size=2)
    assert [len(b.input) for b in batches] == [2, 2, 1]
    last = batches[-1].input.item()
    assert abs(last - round(last)) > 0.01
    assert torch.equal(batches[-1].input, batches[-1].target)


@pytest.mark.parametrize("network", NETWORKS)
def test_painted_classes_are_mixed_in_shares(network):
    ids = np.array([[1, 1, 1, 0], [2, 2, 2, 2]], np.uint8)
    cube = Cube(ids[None].astype(np.float32), ONE_BAND)
    pairs = 2 * [{"cube": cube, "labels": Labels(ids)}]
    task, settings = Segment(), MIX.model_copy(update={"turns": True})
    shares = [b.target for b in epoch(task, pairs, network, augmentation=settings, batch_size=2)]
    assert all(part.shape[1] == 2 for part in shares)
    sums = torch.cat([part.sum(dim=1).flatten() for part in shares])
    assert ((sums < 1e-6) | ((sums - 1).abs() < 1e-6)).all()
    assert any(((part > 0.1) & (part < 0.9)).any() for part in shares)
    assert all(torch.equal(task.has_target(part), part.sum(dim=1) > 0) for part in shares)
