"""Activations and normalisations, in any number of channels and axes."""

from typing import get_args

import pytest
import torch
from torch import nn

from napari_hyperspectral.networks.blocks.layers import (
    Layers,
    Norm,
    activation_of,
    norm_of,
    normalises_images,
)

each_norm = pytest.mark.parametrize("norm", get_args(Norm))
each_dims = pytest.mark.parametrize("dims", [1, 2, 3])


def validation(norm, channels, dims):
    """Return a normalisation with weights and biases that are not those of the start."""
    layer = norm_of(norm, channels, dims).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


@pytest.mark.parametrize(
    ("activation", "below"), [("relu", 0.0), ("leaky relu", -0.1), ("prelu", -0.25)]
)
def test_activations_keep_what_is_above_0_and_differ_below(activation, below):
    assert activation_of(activation)(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx(
        [below, 2.0]
    )


def test_every_convolution_learns_a_slope_of_its_own():
    layers = Layers(2, "prelu", "batch")
    places = nn.Sequential(*(layers.convolution(3, 3) for _ in range(4)))
    places(torch.randn(2, 3, 5, 5)).square().sum().backward()
    slopes = {
        p.grad.item() for m in places.modules() if isinstance(m, nn.PReLU) for p in m.parameters()
    }
    assert len(slopes) == 4


@each_dims
@each_norm
@pytest.mark.parametrize("channels", [1, 2, 7, 12, 64])
def test_a_single_pixel_of_any_number_of_channels_stays_finite(channels, norm, dims):
    x = torch.randn(1, channels, *[1] * dims, requires_grad=True)
    out = validation(norm, channels, dims)(x)
    out.sum().backward()
    assert out.isfinite().all()
    assert x.grad.isfinite().all()


@each_dims
@each_norm
def test_only_averages_over_the_image_see_what_is_beside_a_tile(norm, dims):
    layer, image = validation(norm, 6, dims), torch.randn(2, 6, *[5] * dims)
    tile = (slice(None), slice(None), *[slice(1, 3)] * dims)
    same = torch.allclose(layer(image)[tile], layer(image[tile]), atol=1e-5)
    assert same is not normalises_images(norm)


@each_dims
def test_a_layer_norm_gives_each_pixel_mean_0_and_spread_1_over_its_channels(dims):
    out = norm_of("layer", 50, dims)(3 + 2 * torch.randn(2, 50, *[3] * dims))
    assert torch.allclose(out.mean(1), torch.zeros(()), atol=1e-5)
    assert torch.allclose(out.var(1, correction=0), torch.ones(()), atol=1e-3)


def test_a_layer_norm_of_one_channel_does_not_wipe_it_out():
    x = torch.randn(1, 1, 4, 4)
    assert torch.equal(norm_of("layer", 1, 2)(x), x)


@each_dims
def test_an_instance_norm_gives_each_channel_of_each_image_mean_0_and_spread_1(dims):
    out = norm_of("instance", 3, dims)(3 + 2 * torch.randn(2, 3, *[7] * dims)).flatten(2)
    assert torch.allclose(out.mean(2), torch.zeros(()), atol=1e-5)
    assert torch.allclose(out.var(2, correction=0), torch.ones(()), atol=1e-3)


@pytest.mark.parametrize(
    ("channels", "groups"), [(1, 1), (3, 1), (7, 1), (8, 2), (12, 3), (64, 16), (50, 10)]
)
def test_groups_are_equal_and_of_four_channels_or_more(channels, groups):
    x = torch.randn(2, channels, 5, 4)
    assert torch.allclose(
        norm_of("group", channels, 2)(x), nn.GroupNorm(groups, channels)(x), atol=1e-5
    )


@each_norm
def test_a_bias_that_would_do_nothing_is_left_out(norm):
    """A shift of what is normalised is one only where its mean is not taken away."""
    x, layer = torch.randn(2, 8, 9), norm_of(norm, 8, 1)
    shift = torch.randn(8, 1)
    shifts = not torch.allclose(layer(x + shift), layer(x), atol=1e-4)
    assert shifts is (Layers(1, "relu", norm).convolution(2, 8)[0].bias is not None)
