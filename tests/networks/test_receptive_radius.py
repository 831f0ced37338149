"""Networks of a U shape see exactly as far as they say: tiles are neither wrong nor too large."""

import pytest
import torch
from torch import nn

from napari_hyperspectral.networks import FNet, Ports, SegNet, UNet

NETWORKS = [
    *(
        UNet(along=along, width=1, depth=depth, residual=residual, upsampling=up, norm="none")
        for along, depth, residual, up in (
            ("image", 0, False, "linear"),
            ("image", 1, True, "linear"),
            ("image", 2, False, "linear"),
            ("image", 3, False, "nearest"),
            ("image", 2, True, "transposed"),
            ("volume", 1, False, "linear"),
            ("volume", 2, True, "nearest"),
        )
    ),
    *(
        SegNet(along=along, width=1, depth=depth, norm="none")
        for along, depth in (("image", 1), ("image", 2), ("image", 3), ("volume", 1))
    ),
    FNet(width=1, depth=0),
    FNet(width=1, depth=2),
    FNet(along="volume", width=1, depth=1),
]


def named(settings):
    return "-".join(str(value) for _, value in settings)


@pytest.mark.parametrize("settings", NETWORKS, ids=named)
def test_the_farthest_pixel_that_changes_is_as_far_as_the_network_says(settings):
    """With nothing but positive weights; one pixel becomes brighter than all others."""
    body = settings.build(Ports(bands_in=1, bands_out=1)).double().eval()
    for parameter in body.parameters():
        nn.init.constant_(parameter, float(parameter.ndim > 1))
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.ones_(module.weight)
    middle = settings.stride * -(-(settings.receptive_radius + 1) // settings.stride)
    # in an empty image no sum is too large to be changed by the last of the new light; SegNet
    # goes farthest where another place becomes the greatest of its neighbours, as by chance
    draw, count = (torch.rand, 16) if settings.kind == "segnet" else (torch.zeros, 1)
    images = draw(count, 1, 3 * middle, 3 * middle, dtype=torch.float64)
    farthest = 0
    for place in range(middle, middle + settings.stride):
        brighter = images.clone()
        brighter[..., place, place] += 100
        with torch.inference_mode():
            changed = torch.nonzero((body(brighter) != body(images)).any(0)[0])
        farthest = max(farthest, int((changed - place).abs().max()))
    assert farthest == settings.receptive_radius
