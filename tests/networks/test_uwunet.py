"""UwU-Net has the sizes that were published, and what was wrong with the released one is not."""

import pytest
import torch

from napari_hyperspectral.networks import FNet, Ports, UwUNet
from napari_hyperspectral.networks.fnet import SpatialU


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("settings", "bands", "out", "count"),
    [
        (UwUNet(middle=100, legacy=True), 200, 17, 8_412_733),
        (UwUNet(middle=100, legacy=True), 200, 1, 8_387_773),
        (UwUNet(middle=100, legacy=True), 200, 5, 8_392_285),
        (UwUNet(middle=8, legacy=True), 10, 5, 8_118_889),
        (UwUNet(middle=100, legacy=True, shared=False), 200, 17, 138_272_333),
        (UwUNet(middle=8, legacy=True, shared=False), 10, 5, 40_583_789),
        (UwUNet(middle=100, legacy=True, variant="nested"), 200, 17, 10_269_282),
    ],
)
def test_it_has_as_many_parameters_as_the_published_one(settings, bands, out, count):
    with torch.device("meta"):
        assert parameters(settings.build(Ports(bands_in=bands, bands_out=out))) == count


def test_the_u_inside_has_as_many_parameters_as_that_of_pytorch_fnet():
    with torch.device("meta"):
        assert parameters(SpatialU(1, 32, 4)) == 8_115_936
    assert FNet().stride == 16


def test_it_sees_as_far_as_was_measured_of_the_released_one():
    assert (
        UwUNet(legacy=True).receptive_radius - 2 == 114
    )  # less the pair of layers for other outputs


@pytest.mark.parametrize("variant", ["parallel", "nested"])
def test_it_can_go_below_the_mean_and_the_released_one_cannot(variant):
    x = torch.randn(2, 6, 16, 16)
    for legacy in (False, True):
        torch.manual_seed(0)
        settings = UwUNet(variant=variant, unets=3, width=4, depth=2, legacy=legacy)
        out = settings.build(Ports(bands_in=6, bands_out=3))(x)
        assert bool((out < 0).any()) is not legacy


def test_maps_seen_one_by_one_are_what_they_are_all_at_once():
    torch.manual_seed(0)
    body = UwUNet(unets=3, width=4, depth=1).build(Ports(bands_in=5, bands_out=2))
    body.eval()
    x = torch.randn(2, 5, 8, 8)
    one_by_one = body(x)
    body.training = True  # only the body itself: what it consists of stays as it is
    assert torch.allclose(body(x), one_by_one, atol=1e-6)
