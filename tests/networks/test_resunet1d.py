"""The DeepeR network, against the published figures."""

import json

import pytest
import torch

from napari_hyperspectral.networks import Ports, ResUNet1D

PUBLISHED = Ports(bands_in=500, bands_out=500)


@pytest.mark.parametrize(("norm", "published"), [("none", 2_081_767), ("batch", 2_087_273)])
def test_it_has_the_published_number_of_parameters(norm, published):
    with torch.device("meta"):
        body = ResUNet1D(norm=norm).build(PUBLISHED)
    assert sum(p.numel() for p in body.parameters()) == published


def test_its_keys_and_shapes_are_those_of_the_released_state_dict():
    widths = {"conv1": (1, 64), "conv2": (64, 128), "conv3": (128, 256), "conv4": (256, 128)}
    state = ResUNet1D().build(PUBLISHED).state_dict()
    assert len(state) == 78
    for name, (channels_in, channels_out) in widths.items():
        assert state[f"{name}.0.body.0.weight"].shape == (channels_out, channels_in, 3)
        assert state[f"{name}.1.body.4.bias"].shape == (channels_out,)
    assert state["conv3.2.body.0.weight"].shape == (128, 256, 3)
    assert state["conv6.0.body.1.weight"].shape == (1,)
    assert state["linear7.body.4.weight"].shape == (500, 500)


def test_its_keys_are_those_on_record(data_folder):
    record = data_folder.parent / "reference" / "deeper-state-dict-keys.json"
    known = json.loads(record.read_text())["state_dicts"]["ResUNet 500"]
    state = ResUNet1D().build(PUBLISHED).state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == known


def test_without_dense_layers_one_set_of_weights_serves_every_length():
    settings = ResUNet1D(width=4, dense=False)
    state = settings.build(Ports(bands_in=500, bands_out=500)).state_dict()
    other = settings.build(Ports(bands_in=37, bands_out=37))
    other.load_state_dict(state)
    assert other(torch.randn(1, 37, 2, 3)).shape == (1, 37, 2, 3)


def test_batch_normalisation_follows_each_activation_and_no_dense_layer():
    body = ResUNet1D(width=4, norm="batch").build(Ports(bands_in=12, bands_out=12))
    order = [type(layer).__name__ for layer in body.conv1[1].body]
    assert order == 3 * ["Conv1d", "PReLU", "BatchNorm1d"]
    assert not any("running" in name for name in body.linear7.state_dict())


@pytest.mark.parametrize("bands", [1, 3, 8])
def test_batch_normalisation_learns_from_one_spectrum_of_few_bands(bands):
    body = ResUNet1D(width=4, norm="batch").build(Ports(bands_in=bands, bands_out=bands))
    body(torch.randn(1, bands, 1, 1)).sum().backward()
    assert all(p.grad.isfinite().all() for p in body.parameters())
