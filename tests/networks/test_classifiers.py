"""ResNet, DenseNet and EfficientNet: as published in size, and fit for spectra and small images."""

import sys

import pytest
import torch
from torch import nn

from napari_hyperspectral.errors import MissingPackageError
from napari_hyperspectral.networks import DenseNet, EfficientNet, Ports, ResNet, build_module

KINDS = (ResNet, DenseNet, EfficientNet)
PHOTOGRAPHS = Ports(bands_in=3, bands_out=1000, image_level=True)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
each_way = pytest.mark.parametrize("along", ["spectrum", "image", "volume"])


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (ResNet(layers=18), 11_689_512),
        (ResNet(layers=34), 21_797_672),
        (ResNet(layers=50), 25_557_032),
        (ResNet(layers=101), 44_549_160),
        (ResNet(layers=152), 60_192_808),
        (DenseNet(layers=121), 7_978_856),
        (DenseNet(layers=161), 28_681_000),
        (DenseNet(layers=169), 14_149_480),
        (DenseNet(layers=201), 20_013_928),
        (EfficientNet(size=0), 5_288_548),
        (EfficientNet(size=7), 66_347_960),
    ],
    ids=lambda part: getattr(part, "kind", str(part)),
)
def test_on_photographs_they_have_the_published_number_of_parameters(settings, count):
    with torch.device("meta"):
        body = settings.model_copy(update={"along": "image"}).build(PHOTOGRAPHS)
    assert sum(p.numel() for p in body.parameters()) == count


@each_way
@each_kind
@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_one_small_image_can_be_learned_from(kind, along, norm):
    """Down to one place, there would be no spread to normalise by."""
    settings = kind.smallest().model_copy(update={"along": along, "norm": norm})
    body = build_module(settings, Ports(bands_in=1, bands_out=3, image_level=True)).train()
    out = body(torch.randn(1, 1, 1, 1))
    assert out.isfinite().all()


@each_kind
@pytest.mark.parametrize("norm", ["none", "layer", "group"])
def test_the_normalisation_that_was_chosen_is_everywhere(kind, norm):
    body = kind.smallest().model_copy(update={"norm": norm}).build(PHOTOGRAPHS)
    assert not [m for m in body.modules() if isinstance(m, nn.BatchNorm1d)]


@pytest.mark.parametrize("kind", [ResNet, DenseNet], ids=lambda kind: kind.__name__)
def test_the_activation_that_was_chosen_is_everywhere(kind):
    body = kind.smallest().model_copy(update={"activation": "prelu"}).build(PHOTOGRAPHS)
    slopes = [m for m in body.modules() if isinstance(m, nn.PReLU)]
    assert len(slopes) > 8
    assert not [m for m in body.modules() if isinstance(m, nn.ReLU)]


@each_kind
def test_along_spectra_no_pixel_knows_of_another(kind):
    body = kind.smallest().build(Ports(bands_in=20, bands_out=3)).eval()
    image = torch.randn(1, 20, 3, 4)
    with torch.inference_mode():
        alone = body(image[:, :, 1:2, 2:3])
        torch.testing.assert_close(body(image)[:, :, 1:2, 2:3], alone, atol=1e-5, rtol=1e-4)


@each_kind
def test_along_spectra_weights_do_not_grow_with_the_bands(kind):
    """The released 1D networks took bands for channels: a perceptron that grew with the bands."""
    counts = []
    for bands in (50, 500):
        with torch.device("meta"):
            body = kind.smallest().build(Ports(bands_in=bands, bands_out=3))
        counts.append(sum(p.numel() for p in body.parameters()))
    assert counts[0] == counts[1]


@each_kind
def test_without_monai_the_extra_that_brings_it_is_named(kind, monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(MissingPackageError, match=r"napari-hyperspectral\[classifiers\]"):
        kind().build(PHOTOGRAPHS)
