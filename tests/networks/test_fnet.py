"""The U-Net of pytorch_fnet, on images and through volumes, has the published sizes."""

import pytest
import torch

from napari_hyperspectral.networks import FNet, Ports


def parameters(settings, bands, out):
    with torch.device("meta"):
        body = settings.build(Ports(bands_in=bands, bands_out=out))
    return sum(parameter.numel() for parameter in body.parameters())


def by_hand(channels_in, wide, depth, axes):
    """Parameters of a U: weights, biases, and two numbers a channel of batch normalisation."""
    three, two = 3**axes, 2**axes
    pair = [(channels_in * three + 3) * wide, (wide * three + 3) * wide]
    if not depth:
        return sum(pair)
    steps = [(wide * two + 3) * wide, (2 * wide * two + 3) * wide]
    after = [(2 * wide * three + 3) * wide, (wide * three + 3) * wide]
    return sum(pair + steps + after) + by_hand(wide, 2 * wide, depth - 1, axes)


def test_through_volumes_it_has_23_million_parameters_whatever_the_number_of_planes():
    end = 32 * 27 + 1
    assert by_hand(1, 32, 4, axes=3) + end == 23_280_769
    assert parameters(FNet(along="volume"), 32, 32) == 23_280_769
    assert parameters(FNet(along="volume"), 45, 45) == 23_280_769
    assert parameters(FNet(along="volume"), 45, 2) == 23_280_769 + 45 * 2 + 2


def test_on_images_it_has_as_many_as_before():
    end = 32 * 9 + 1
    assert by_hand(1, 32, 4, axes=2) == 8_115_936
    assert parameters(FNet(), 1, 1) == 8_115_936 + end


def test_on_images_its_keys_are_those_of_models_that_were_saved():
    state = FNet(width=2, depth=1).build(Ports(bands_in=3, bands_out=1)).state_dict()
    assert state["u.before.0.weight"].shape == (2, 3, 3, 3)
    assert state["u.inside.3.before.0.weight"].shape == (4, 2, 3, 3)
    assert state["u.after.4.running_mean"].shape == (2,)
    assert state["out.weight"].shape == (1, 2, 3, 3)


@pytest.mark.parametrize("planes", [1, 7, 16])
def test_what_it_finds_in_a_plane_depends_on_planes_around_it(planes):
    torch.manual_seed(0)
    body = FNet(along="volume", width=4, depth=2).build(Ports(bands_in=planes, bands_out=planes))
    x = torch.randn(1, planes, 8, 8, requires_grad=True)
    body.eval()(x)[0, planes // 2].sum().backward()
    assert x.grad[0].abs().sum((1, 2)).count_nonzero() == planes
