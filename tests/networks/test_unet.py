"""U-Net and ResUNet have the published sizes, and what was wrong with the released ones is not."""

from itertools import product

import numpy as np
import pytest
import torch

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.networks import Ports, UNet
from napari_hyperspectral.tasks import Calibrate, PredictChannels, Segment

ALONG = ("image", "spectrum", "volume")
each_along = pytest.mark.parametrize("along", ALONG)


def parameters(settings, bands, out):
    with torch.device("meta"):
        body = settings.build(Ports(bands_in=bands, bands_out=out))
    return sum(parameter.numel() for parameter in body.parameters())


def small(**settings):
    return UNet(**{"width": 4, "depth": 2, **settings})


def test_along_spectra_it_has_as_many_parameters_as_counted_by_hand():
    first, second = (1 * 2 * 3 + 2) + (2 * 2 * 3 + 2), (2 * 4 * 3 + 4) + (4 * 4 * 3 + 4)
    up, end = (6 * 2 * 3 + 2) + (2 * 2 * 3 + 2), 2 * 1 + 1
    settings = UNet(along="spectrum", width=2, depth=1, norm="none")
    assert parameters(settings, 30, 30) == first + second + up + end
    residual = 2 * (2 * 2 * 3 + 2) + 2 * (4 * 4 * 3 + 4) + 2 * (2 * 2 * 3 + 2)
    settings = settings.model_copy(update={"residual": True})
    assert parameters(settings, 30, 30) == first + second + up + end + residual
    assert parameters(settings, 30, 5) == first + second + up + end + residual + 30 * 5 + 5


def test_as_many_outputs_as_bands_are_told_from_all_bands():
    """Class 2 of four has nothing to do with band 2 of four; plane 2 of a stain has with plane 2."""
    bands, classes = SpectralAxis.index(4), ChannelAxis(("a", "b", "c", "d"))
    planes = PredictChannels().ports(bands, bands)
    wavelengths = SpectralAxis(np.array([500.0, 501, 502, 503]), "nm")
    shifted = SpectralAxis(wavelengths.centres + 2, "nm")
    for task, input_axis, output_axis in (
        (Segment(), bands, classes),
        (PredictChannels(), bands, classes),
        (PredictChannels(), wavelengths, wavelengths),
        (Calibrate(), wavelengths, shifted),
    ):
        mapped = task.ports(input_axis, output_axis)
        bodies = (small(along="spectrum").build(p) for p in (mapped, planes))
        weights = [sum(weight.numel() for weight in body.parameters()) for body in bodies]
        assert weights[0] - weights[1] == 4 * 4 + 4


@pytest.mark.parametrize(
    ("along", "bands", "out", "width", "widest", "millions"),
    [
        ("spectrum", 500, 500, 64, 256, 2.86),
        ("image", 500, 500, 500, 2000, 524.5),
        ("image", 51, 5, 51, 204, 5.46),
        ("volume", 100, 5, 64, 256, 25.66),
    ],
)
def test_the_sizes_of_spectrai_are_within_reach(along, bands, out, width, widest, millions):
    settings = UNet(along=along, width=width, widest=widest, depth=3, residual=True, norm="none")
    assert parameters(settings, bands, out) / 1e6 == pytest.approx(millions, abs=0.05)


@each_along
def test_without_residual_layers_none_are_built(along):
    plain, residual = (parameters(small(along=along, residual=r), 9, 9) for r in (False, True))
    assert plain < 0.6 * residual


@pytest.mark.parametrize("residual", [False, True])
@each_along
def test_the_end_is_linear_so_that_results_may_be_below_0(along, residual):
    body = small(along=along, residual=residual).build(Ports(bands_in=6, bands_out=6)).eval()
    x = torch.randn(2, 6, 8, 8)
    out = body(x)
    *_, weight, bias = body.parameters()
    for parameter in (weight, bias):
        parameter.data.neg_()
    assert torch.allclose(body(x), -out)


@pytest.mark.parametrize(
    ("along", "norm", "activation"),
    list(product(ALONG, ("none", "instance", "layer", "group"), ("relu", "leaky relu", "prelu"))),
)
def test_slopes_flow_through_residual_layers_with_every_norm_and_activation(
    along, norm, activation
):
    settings = small(along=along, norm=norm, activation=activation, residual=True)
    x = torch.randn(2, 9, 8, 8, requires_grad=True)
    settings.build(Ports(bands_in=9, bands_out=9))(x).square().sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "layer"])
def test_along_spectra_no_pixel_knows_of_another(norm):
    settings = small(along="spectrum", norm=norm)
    body = settings.build(Ports(bands_in=9, bands_out=3)).eval()
    image = torch.randn(1, 9, 3, 4)
    alone = body(image[..., 1:2, 2:3])
    assert torch.allclose(body(image)[..., 1:2, 2:3], alone, atol=1e-5)
    assert not settings.uses_image_statistics
    assert settings.operates_on == "spectrum"


@pytest.mark.parametrize("along", ["spectrum", "volume"])
def test_one_set_of_weights_serves_every_number_of_bands(along):
    settings = small(along=along)
    state = settings.build(Ports(bands_in=501, bands_out=501)).state_dict()
    other = settings.build(Ports(bands_in=1, bands_out=1))
    other.load_state_dict(state)
    assert other(torch.randn(2, 1, 8, 8)).isfinite().all()


@pytest.mark.parametrize("along", ["spectrum", "volume"])
def test_classes_are_told_apart_by_more_than_one_number(along):
    """The mean over all bands, and a weight for each class, would leave scores on one line."""
    torch.manual_seed(0)
    body = small(along=along).build(Ports(bands_in=24, bands_out=3)).eval()
    with torch.inference_mode():
        scores = body(torch.randn(1, 24, 8, 8))[0].flatten(1)  # (class, pixel)
    strengths = torch.linalg.svdvals(scores - scores.mean(1, keepdim=True))
    assert strengths[2] > 0.05 * strengths[0]


def test_a_single_spectrum_of_one_band_can_be_learned_from():
    body = small(along="spectrum").build(Ports(bands_in=1, bands_out=2)).train()
    assert body(torch.randn(1, 1, 1, 1)).isfinite().all()


@each_along
def test_no_level_is_wider_than_the_widest(along):
    body = UNet(along=along, width=4, depth=3, widest=8).build(Ports(bands_in=3, bands_out=3))
    widths = {p.shape[0] for name, p in body.named_parameters() if name.endswith("weight")}
    assert max(widths) == 8
