"""What every network keeps. A new member of `AnyNetwork` is tested by being one."""

import weakref
from collections import Counter
from typing import Literal, get_args, get_origin

import pytest
import torch
from pydantic import TypeAdapter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_hyperspectral.networks import (
    NETWORKS,
    AnyNetwork,
    DenseNet,
    EfficientNet,
    Ports,
    build_module,
    tile_geometry_of,
)


def variants(kind):
    """Return the smallest settings of a network, and those with one choice or switch changed."""
    smallest = kind.smallest()
    others = {
        name: get_args(field.annotation)
        if get_origin(field.annotation) is Literal
        else (True, False)
        for name, field in kind.model_fields.items()
        if field.annotation is bool or get_origin(field.annotation) is Literal
    }
    return [smallest] + [
        smallest.model_copy(update={name: choice})
        for name, choices in others.items()
        for choice in choices
        if choice != getattr(smallest, name)
    ]


def named(settings):
    """Return the name of a network, and what is not as in its smallest settings."""
    smallest = type(settings).smallest()
    return "-".join(
        [type(settings).__name__] + [str(v) for n, v in settings if v != getattr(smallest, n)]
    )


def marks_of(settings):
    """Return the mark of a hundred layers and more, where it is not the smallest of its kind."""
    hundred_layers = isinstance(settings, DenseNet | EfficientNet)
    is_smallest = settings == type(settings).smallest()
    return pytest.mark.slow if hundred_layers and not is_smallest else ()


EVERY = [settings for kind in NETWORKS for settings in variants(kind)]
PORTS = [Ports(bands_in=i, bands_out=o) for i, o in ((1, 1), (5, 5), (5, 3), (37, 2))]

each_network = pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
each_variant = pytest.mark.parametrize(
    "settings",
    [pytest.param(settings, marks=marks_of(settings), id=named(settings)) for settings in EVERY],
)
each_ports = pytest.mark.parametrize("ports", PORTS, ids=lambda p: f"{p.bands_in}-{p.bands_out}")


def served(settings, ports):
    """Return ports that a network serves: some give one answer for the whole image only."""
    return ports.model_copy(update={"image_level": settings.output_level == "image"})


def image(settings, ports, batch=2, sides=(3, 2)):
    height, width = (max(side, 1) * settings.stride for side in sides)
    return torch.randn(batch, ports.bands_in, height, width)


@each_ports
@each_variant
def test_pixels_stay_and_bands_come_out_as_the_ports_say(settings, ports):
    ports = served(settings, ports)
    input = image(settings, ports)
    out = build_module(settings, ports)(input)
    sides = (1, 1) if ports.image_level else input.shape[-2:]
    assert out.shape == (2, ports.bands_out, *sides)


@pytest.mark.parametrize("side", [1, 37, 53])
@each_network
def test_any_number_of_bands_and_pixels_goes_through(kind, side):
    """Of 501 bands and of one, of one pixel and of odd sides, padded to the stride."""
    settings = kind.smallest()
    padded = -(-side // settings.stride)
    for bands in (1, 501) if side == 1 else (4,):
        ports = served(settings, Ports(bands_in=bands, bands_out=bands))
        input = image(settings, ports, sides=(padded, padded), batch=1)
        with torch.inference_mode():
            out = build_module(settings, ports).eval()(input)
        assert out.isfinite().all()


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@each_network
def test_all_networks_that_answer_by_pixel_can_upscale(kind, scale):
    settings = kind.smallest()
    if settings.output_level == "image":
        with pytest.raises(ValueError, match="one answer for a whole image"):
            build_module(settings, Ports(bands_in=4, bands_out=4, scale=scale))
        return
    ports = Ports(bands_in=4, bands_out=4, scale=scale)
    input = image(settings, ports)
    out = build_module(settings, ports)(input)
    assert out.shape == (2, 4, scale * input.shape[2], scale * input.shape[3])


@each_network
def test_all_networks_can_answer_for_the_whole_image(kind):
    settings = kind.smallest()
    ports = Ports(bands_in=5, bands_out=3, image_level=True)
    assert build_module(settings, ports)(image(settings, ports)).shape == (2, 3, 1, 1)


@each_variant
@pytest.mark.parametrize("ports", PORTS[1:3], ids=lambda p: f"{p.bands_in}-{p.bands_out}")
def test_learning_reaches_every_parameter(settings, ports):
    """From some start: a leaky unit that sees one sign only hides its slope from one sample."""
    ports = served(settings, ports)
    still = {name for name, _ in build_module(settings, ports).named_parameters()}
    for seed in range(8):
        torch.manual_seed(seed)
        body = build_module(settings, ports)
        body(image(settings, ports, 8, (4, 4))).square().sum().backward()
        still -= {n for n, p in body.named_parameters() if p.grad is not None and p.grad.any()}
        if not still:
            return
    assert not still


@each_variant
def test_no_pixel_beyond_the_reach_changes_a_result(settings):
    """From several starts: a small network of rectified units may be blind at one pixel.

    Where averages over the image enter, every pixel changes every result.
    """
    if settings.output_level == "image":
        assert settings.uses_image_statistics
        return
    side = (2 * settings.receptive_radius // settings.stride + 4) * settings.stride
    middle, touched = side // 2, []
    for seed in range(4 if settings.operates_on == "spectrum" else 16):
        torch.manual_seed(seed)
        body = settings.build(Ports(bands_in=4, bands_out=4)).double().eval()
        x = torch.randn(1, 4, side, side, dtype=torch.float64, requires_grad=True)
        body(x)[0, :, middle, middle].sum().backward()
        touched.append(torch.nonzero(x.grad[0].abs().sum(0)))
    far = (torch.cat(touched) - middle).abs().max()
    if settings.uses_image_statistics:
        assert far > settings.receptive_radius
    else:
        assert settings.receptive_radius / 3 <= far <= settings.receptive_radius


@each_variant
def test_equal_seeds_build_equal_networks(settings):
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(build_module(settings, served(settings, PORTS[1])).state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))


@each_network
def test_settings_survive_json(kind):
    adapter = TypeAdapter(AnyNetwork)
    for settings in (kind(), *variants(kind)):
        assert adapter.validate_json(adapter.dump_json(settings)) == settings


class Alive(TorchDispatchMode):
    """Counts the numbers of all tensors that are alive at once, views once, and keeps the peak."""

    def __init__(self):
        super().__init__()
        self.shared, self.now, self.peak = Counter(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                memory = tensor.untyped_storage()
                key, numbers = memory._cdata, memory.nbytes() // 4
                self.now += 0 if self.shared[key] else numbers
                self.shared[key] += 1
                weakref.finalize(tensor, self._gone, key, numbers)
        self.peak = max(self.peak, self.now)
        return out

    def _gone(self, key, numbers):
        self.shared[key] -= 1
        self.now -= 0 if self.shared[key] else numbers


@each_network
def test_the_default_network_needs_about_the_memory_it_says(kind):
    """Prediction is tiled by this figure: too small runs out of memory, too large crawls."""
    settings = kind()
    scale = 1 if settings.output_level == "image" else 8
    ports = served(settings, Ports(bands_in=100, bands_out=100, scale=scale))
    stride = tile_geometry_of(settings, ports).stride
    side = -(-16 // stride) * stride
    with torch.device("meta"):
        body = build_module(settings, ports).eval()
    input = torch.empty(1, 100, side, side, device="meta")
    with torch.no_grad(), Alive() as alive:
        body(input)
    needed = alive.peak / side**2
    assert needed / 1.15 <= tile_geometry_of(settings, ports).floats <= 6 * needed
