"""RRDB and its discriminator, beside what is published of them."""

import pytest
import torch

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.networks import RRDB, BandwiseEDSR, Ports, build_module, enlarged
from napari_hyperspectral.networks.blocks.discriminator import Discriminator, random_bands
from napari_hyperspectral.tasks import Segment

PUBLISHED = RRDB(width=64, blocks=23, growth=32, bands="jointly")


def test_sizes_are_as_published():
    with torch.device("meta"):
        colour = PUBLISHED.build(Ports(bands_in=3, bands_out=3, scale=4))
        discriminator = Discriminator()
    assert sum(p.numel() for p in colour.parameters()) == 16_697_987
    one_channel_less_than_colour = 2 * 64 * 9
    assert (
        sum(p.numel() for p in discriminator.parameters())
        == 4_376_897 - one_channel_less_than_colour
    )


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_one_by_one_no_band_is_made_of_another(scale):
    body = RRDB.smallest().build(Ports(bands_in=6, bands_out=6, scale=scale)).eval()
    image = torch.randn(2, 6, 5, 7)
    other = image.clone()
    other[:, 2] += 1
    changed = (body(image) - body(other)).abs().amax(dim=(0, 2, 3)) > 0
    assert changed.tolist() == [False, False, True, False, False, False]
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    assert torch.allclose(body(image)[:, order], body(image[:, order]), atol=1e-6)


@pytest.mark.parametrize(
    "network", [RRDB.smallest(), BandwiseEDSR.smallest()], ids=lambda n: n.kind
)
def test_each_class_is_made_of_all_bands_were_there_as_many_of_both(network):
    ports = Segment().ports(SpectralAxis.index(3), ChannelAxis(("one", "two", "three")))
    image = torch.randn(1, 3, 5, 7, requires_grad=True)
    build_module(network, ports).eval()(image)[:, 0].sum().backward()
    assert (image.grad.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_together_bands_are_made_of_each_other():
    settings = RRDB.smallest().model_copy(update={"bands": "jointly"})
    body = settings.build(Ports(bands_in=6, bands_out=6))
    image = torch.randn(1, 6, 5, 7)
    other = image.clone()
    other[:, 2] += 1
    assert ((body(image) - body(other)).abs().amax(dim=(0, 2, 3)) > 0).all()


def test_slopes_are_those_of_all_bands_at_once():
    """In training, bands go through in parts that are computed again for their slopes."""
    body = RRDB.smallest().build(Ports(bands_in=9, bands_out=9))
    image = torch.randn(1, 9, 5, 7)
    body.train()(image).square().sum().backward()
    found = [p.grad.clone() for p in body.parameters()]
    body.zero_grad()
    body.each(image[0, :, None]).square().sum().backward()
    target = [p.grad for p in body.parameters()]
    assert all(torch.allclose(f, w, rtol=1e-4, atol=1e-5) for f, w in zip(found, target))


def test_an_untrained_network_stays_near_the_interpolation():
    body = RRDB().build(Ports(bands_in=2, bands_out=2, scale=4))
    image = torch.randn(1, 2, 12, 12)
    assert (body(image) - enlarged(image, 4)).std() < 0.1 * image.std()


def test_the_discriminator_scores_each_pixel_of_images_of_any_size():
    discriminator = Discriminator(width=2, depth=2)
    assert discriminator(torch.randn(2, 3, 13, 7)).shape == (6, 1, 13, 7)


def test_the_discriminator_learns_to_tell_the_smooth_from_the_sharp():
    discriminator = Discriminator(width=8, depth=1)
    optimiser = torch.optim.Adam(discriminator.parameters(), lr=3e-3)

    def shown():
        sharp = torch.randn(4, 1, 16, 16)
        return sharp, torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)

    for _ in range(30):
        measured, made = (discriminator(image) for image in shown())
        optimiser.zero_grad()
        (made - measured).mean().backward()
        optimiser.step()
    measured, made = (discriminator(image).mean() for image in shown())
    assert measured > made


def test_of_many_bands_some_are_shown_and_of_few_all():
    assert sorted(random_bands(5).tolist()) == [0, 1, 2, 3, 4]
    assert len(set(random_bands(100).tolist())) == 8


def test_the_choice_of_version_0_1_for_all_bands_in_one_network_is_read():
    assert RRDB.model_validate({"bands": "together"}).bands == "jointly"
