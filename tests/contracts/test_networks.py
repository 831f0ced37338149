"""What every network keeps. A new member of `AnyNetwork` is tested by being one."""

import pytest
import torch
from pydantic import TypeAdapter

from napari_hyperspectral.networks import NETWORKS, AnyNetwork, Ports

PORTS = [Ports(bands_in=i, bands_out=o) for i, o in ((1, 1), (5, 5), (5, 3), (37, 2))]

each_network = pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
each_ports = pytest.mark.parametrize("ports", PORTS, ids=lambda p: f"{p.bands_in}-{p.bands_out}")


@each_ports
@each_network
def test_pixels_stay_and_bands_come_out_as_the_ports_say(kind, ports):
    settings = kind.smallest()
    height, width = 3 * settings.stride, 2 * settings.stride
    out = settings.build(ports)(torch.randn(2, ports.bands_in, height, width))
    assert out.shape == (2, ports.bands_out, height, width)


@each_ports
@each_network
def test_learning_reaches_every_parameter(kind, ports):
    """From some start: a leaky unit that sees one sign only hides its slope from one sample."""
    settings = kind.smallest()
    still = {name for name, _ in settings.build(ports).named_parameters()}
    for seed in range(8):
        torch.manual_seed(seed)
        body = settings.build(ports)
        body(torch.randn(8, ports.bands_in, *[4 * settings.stride] * 2)).square().sum().backward()
        still -= {n for n, p in body.named_parameters() if p.grad is not None and p.grad.any()}
    assert not still


@each_network
def test_no_pixel_beyond_the_reach_changes_a_result(kind):
    """From several starts: a small network of rectified units may be blind at one pixel."""
    settings = kind.smallest()
    side = (2 * settings.reach // settings.stride + 4) * settings.stride
    middle, touched = side // 2, []
    for seed in range(16):
        torch.manual_seed(seed)
        body = settings.build(Ports(bands_in=4, bands_out=4)).double().eval()
        x = torch.randn(1, 4, side, side, dtype=torch.float64, requires_grad=True)
        body(x)[0, :, middle, middle].sum().backward()
        touched.append(torch.nonzero(x.grad[0].abs().sum(0)))
    far = (torch.cat(touched) - middle).abs().max()
    assert settings.reach / 2 <= far <= settings.reach


@each_network
def test_equal_seeds_build_equal_networks(kind):
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(kind.smallest().build(PORTS[1]).state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))


@each_network
def test_settings_survive_json(kind):
    adapter = TypeAdapter(AnyNetwork)
    for settings in (kind(), kind.smallest()):
        assert adapter.validate_json(adapter.dump_json(settings)) == settings


@each_network
def test_the_default_network_needs_about_the_memory_it_says(kind):
    """Prediction is tiled by this figure: too small runs out of memory, too large crawls."""
    ports = Ports(bands_in=100, bands_out=100)
    settings = kind()
    body = settings.build(ports).eval()
    sizes = []
    for module in body.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, i, out: sizes.append(out.numel()))
    with torch.inference_mode():
        body(torch.randn(1, 100, 16, 16))
    largest = max(sizes) / 256
    assert largest <= settings.floats_a_pixel(ports) <= 40 * largest
