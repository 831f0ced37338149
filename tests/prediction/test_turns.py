"""The mean over flips and quarter turns: what it is, where it changes nothing, where it is refused."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.cube import Labels
from napari_hyperspectral.networks import BandwiseEDSR, Pixelwise, UNet, UwUNet
from napari_hyperspectral.networks.blocks.turns import ORIENTATIONS, turned, turned_back
from napari_hyperspectral.prediction.predict import predict_classes
from napari_hyperspectral.tasks import Denoise, Segment, SuperResolve

IMAGE_NETWORKS = [UNet.smallest(), UwUNet.smallest()]


def learned(network, **images):
    recipe = Recipe(
        task=Denoise(normalise="cube"),
        method=network,
        training=Training(epochs=2, patches_per_epoch=2),
    )
    return fit(recipe, [recipe.example(**images)])


def in_orientation(cube, orientation):
    data = turned(torch.from_numpy(cube.numpy()), orientation)
    return cube.after("turned", data=data.contiguous().numpy())


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turning_back_undoes_a_turn(orientation):
    image = torch.arange(2 * 3 * 5).reshape(2, 3, 5)
    assert torch.equal(turned_back(turned(image, orientation), orientation), image)


def test_the_eight_orientations_of_an_image_differ():
    image = torch.arange(9).reshape(3, 3)
    seen = {tuple(turned(image, orientation).flatten().tolist()) for orientation in ORIENTATIONS}
    assert len(seen) == 8


def test_it_is_the_mean_of_the_predictions_of_the_eight_turned_images(noisy, clean):
    noisy = noisy.after("cut", data=noisy.data[..., :16, :24])  # multiples of the stride
    clean = clean.after("cut", data=clean.data[..., :16, :24])
    model = learned(UNet.smallest(), noisy=noisy, clean=clean)
    each = []
    for orientation in ORIENTATIONS:
        found = torch.from_numpy(predict(model, in_orientation(noisy, orientation)).data)
        each.append(turned_back(found, orientation).numpy())
    mean = predict(model, noisy, turns=True)
    np.testing.assert_allclose(mean.data, np.mean(each, axis=0), atol=1e-4 * clean.data.std())
    assert np.abs(each[1] - each[0]).max() > 0
    assert mean.history[-1] == "mean over 8 flips and quarter turns"


@pytest.mark.parametrize("network", IMAGE_NETWORKS, ids=lambda n: n.kind)
def test_tiles_of_it_leave_no_seams(noisy, clean, network, monkeypatch):
    model = learned(network, noisy=noisy, clean=clean)
    whole = predict(model, noisy, turns=True).data
    monkeypatch.setattr("napari_hyperspectral.prediction.predict.tile_side", lambda *_: 6)
    tiled = predict(model, noisy, turns=True).data
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * whole.std())


def test_it_changes_nothing_where_single_spectra_are_seen(noisy, clean):
    model = learned(Pixelwise.smallest(), noisy=noisy, clean=clean)
    plain = predict(model, noisy)
    assert model.card.turns == "the same"
    with pytest.warns(UserWarning, match="denoise, pixelwise: .* changes nothing"):
        mean = predict(model, noisy, turns=True)
    assert np.array_equal(mean.data, plain.data)
    assert mean.history == plain.history


def test_a_network_that_averages_turns_itself_does_so_once(clean):
    recipe = Recipe(
        task=SuperResolve(scale=2),
        method=BandwiseEDSR.smallest(),
        training=Training(epochs=1, patches_per_epoch=1),
    )
    model = fit(recipe, [recipe.example(fine=clean)])
    assert np.array_equal(predict(model, clean, turns=True).data, predict(model, clean).data)
    single = recipe.model_copy(
        update={"method": BandwiseEDSR.smallest().model_copy(update={"ensemble": False})}
    )
    alone = fit(single, [recipe.example(fine=clean)])
    np.testing.assert_allclose(
        predict(alone, clean, turns=True).data, predict(model, clean).data, atol=1e-5
    )


def test_a_point_scan_off_the_middle_is_not_turned(clean):
    recipe = Recipe(
        task=SuperResolve(scale=2, degradation="decimate"),
        method=UNet.smallest(),
        training=Training(epochs=1, patches_per_epoch=1),
    )
    model = fit(recipe, [recipe.example(fine=clean)])
    assert model.card.turns == "refused"
    with pytest.raises(ValueError, match="Predict without turns"):
        predict(model, clean, turns=True)


def test_classes_are_those_of_the_mean_scores(clean):
    brightest = 1 + (clean.data[0] > np.median(clean.data[0])).astype(np.uint8)
    labels = Labels(brightest, ("dark", "bright"))
    recipe = Recipe(
        task=Segment(),
        method=UNet.smallest(),
        training=Training(epochs=2, patches_per_epoch=2, validation=0),
    )
    model = fit(recipe, [recipe.example(cube=clean, labels=labels)])
    classes, probabilities = predict_classes(model, clean, turns=True)
    assert np.array_equal(classes.data, 1 + probabilities.data.argmax(axis=0))
    np.testing.assert_allclose(probabilities.data.sum(axis=0), 1, atol=1e-5)
