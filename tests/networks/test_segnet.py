"""SegNet has the published size, and goes back to where the greatest values were."""

import pytest
import torch

from napari_hyperspectral.networks import Ports, SegNet


def parameters(settings, bands, out):
    with torch.device("meta"):
        body = settings.build(Ports(bands_in=bands, bands_out=out))
    return sum(parameter.numel() for parameter in body.parameters())


def test_it_has_as_many_parameters_as_counted_by_hand():
    settings = SegNet(width=2, depth=1, norm="none")
    down, up, end = (5 * 2 * 9 + 2) + (2 * 2 * 9 + 2), 2 * 2 * 9 + 2, 2 * 3 * 9 + 3
    assert parameters(settings, 5, 3) == down + up + end
    down, up, end = (1 * 2 * 27 + 2) + (2 * 2 * 27 + 2), 2 * 2 * 27 + 2, 2 * 1 * 27 + 1
    assert parameters(settings.model_copy(update={"along": "volume"}), 5, 5) == down + up + end


def test_with_three_bands_it_is_as_large_as_the_published_one():
    """29.4 million: 13 convolutions of VGG16 without its dense layers, and their mirror image."""
    assert parameters(SegNet(), 3, 12) / 1e6 == pytest.approx(29.44, abs=0.01)


def test_hundreds_of_bands_make_it_hardly_larger():
    assert parameters(SegNet(), 500, 5) < 1.02 * parameters(SegNet(), 3, 5)


@pytest.mark.parametrize("bands", [1, 5, 33])
def test_volumes_of_any_number_of_bands_come_back_whole(bands):
    body = SegNet(along="volume", width=2, depth=3).build(Ports(bands_in=bands, bands_out=bands))
    assert body(torch.randn(1, bands, 16, 8)).shape == (1, bands, 16, 8)


@pytest.mark.parametrize("along", ["image", "volume"])
def test_a_bright_pixel_goes_back_to_its_own_place(along):
    """With convolutions that pass on what is in their middle, all that is left are the ways."""
    body = SegNet(along=along, width=1, depth=2, norm="none", dropout=0.0)
    body = body.build(Ports(bands_in=1, bands_out=1))
    for parameter in body.parameters():
        torch.nn.init.zeros_(parameter)
        if parameter.ndim > 1:
            parameter.data[(0, *[0], *[1] * (parameter.ndim - 2))] = 1.0
    for y, x in ((0, 0), (5, 2), (7, 7)):
        image = torch.zeros(1, 1, 8, 8)
        image[..., y, x] = 3.0
        assert torch.equal(body(image), image)
