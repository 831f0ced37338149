"""A coarse image is what an instrument of larger pixels would have measured, in its place."""

import numpy as np
import pytest
import torch
from PIL import Image

from napari_hyperspectral.tasks.degradation import Degradation

KINDS = [
    {"kind": "area"},
    {"kind": "decimate"},
    {"kind": "bicubic"},
    {"kind": "area", "psf": 0.9},
    {"kind": "decimate", "psf": 0.9},
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: "-".join(map(str, k.values())))
each_scale = pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])


@pytest.fixture
def fine():
    return torch.randn(2, 24 * 2, 24 * 3, dtype=torch.float64)


def test_binning_is_the_mean_of_each_block():
    fine = torch.arange(24.0).reshape(4, 6)
    blocks = [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert Degradation(scale=2).degrade(fine).tolist() == blocks


def test_decimation_takes_the_row_and_column_it_is_told(fine):
    told = Degradation(kind="decimate", scale=4, row=1, column=3)
    assert torch.equal(told.degrade(fine), fine[:, 1::4, 3::4])
    middle = Degradation(kind="decimate", scale=3)
    assert torch.equal(middle.degrade(fine), fine[:, 1::3, 1::3])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_that_of_the_imaging_library_but_for_the_border(scale, fine):
    ours = Degradation(kind="bicubic", scale=scale).degrade(fine)[0]
    height, width = ours.shape
    picture = Image.fromarray(fine[0].float().numpy())
    theirs = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    inside = (slice(2, -2), slice(2, -2))
    assert np.allclose(ours[inside], theirs[inside], atol=1e-5)


def test_a_point_is_blurred_to_the_width_of_the_psf():
    point = torch.zeros(1, 61, dtype=torch.float64)
    point[0, 30] = 1
    blurred = Degradation(kind="decimate", scale=1, psf=2.5).degrade(point.expand(61, 61))[0]
    places = torch.arange(61.0, dtype=torch.float64) - 30
    assert blurred.sum() == pytest.approx(1)
    assert (blurred * places.square()).sum().sqrt() == pytest.approx(2.5, rel=0.01)


@each_scale
@each_kind
def test_a_constant_stays_what_it_is_and_scale_one_without_blur_is_no_change(kind, scale, fine):
    degradation = Degradation(scale=scale, **kind)
    assert torch.allclose(
        degradation.degrade(torch.full_like(fine, 7.0)), torch.tensor(7.0).double()
    )
    if scale == 1 and "psf" not in kind:
        assert torch.allclose(degradation.degrade(fine), fine)


@each_scale
@each_kind
def test_the_centre_of_a_coarse_pixel_lies_where_the_offset_says(kind, scale):
    """On a slope, what is measured is where it was measured."""
    degradation = Degradation(scale=scale, **kind)
    y, x = torch.meshgrid(*(torch.arange(12.0 * scale),) * 2, indexing="ij")
    row, column = degradation.first_centre
    inside = slice(5, 7)
    centres = scale * torch.arange(12.0)[inside]
    for slope, centre, axis in ((y, row, 0), (x, column, 1)):
        found = degradation.degrade(slope)[inside, inside].mean(1 - axis)
        assert torch.allclose(found, centres + centre, atol=1e-4)


@each_scale
@each_kind
def test_the_adjoint_is_the_adjoint(kind, scale, fine):
    degradation = Degradation(scale=scale, **kind)
    coarse = torch.randn_like(degradation.degrade(fine))
    ours, theirs = (
        (degradation.degrade(fine) * coarse).sum(),
        (fine * degradation.adjoint(coarse)).sum(),
    )
    assert torch.allclose(ours, theirs)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@each_kind
def test_a_projection_agrees_with_the_measurement_and_moves_no_further_than_it_must(
    kind, scale, fine
):
    degradation = Degradation(scale=scale, **kind)
    coarse = degradation.degrade(fine)
    begun = fine + torch.randn_like(fine)
    projected = degradation.project(begun, coarse)
    astray = (degradation.degrade(begun) - coarse).abs().max()
    assert (degradation.degrade(projected) - coarse).abs().max() < 0.01 * astray
    # nearest: what it changed is at right angles to what degrades to nothing
    unseen = degradation.project(torch.randn_like(fine), torch.zeros_like(coarse))
    moved = projected - begun
    cosine = (moved * unseen).sum() / moved.norm() / unseen.norm()
    assert abs(cosine) < 1e-3
    assert (projected - fine).norm() < (begun - fine).norm()


@each_kind
def test_a_projection_changes_little_beyond_its_margin(kind):
    degradation = Degradation(scale=2, **kind)
    coarse = torch.zeros(1, 1 + 2 * 48)[None].expand(1, 97, 97).clone()
    coarse[0, 48, 48] = 1
    changed = degradation.project(torch.zeros(1, 194, 194), coarse).abs()
    near = slice(2 * (48 - degradation.margin), 2 * (49 + degradation.margin))
    greatest = changed.max()
    changed[0, near, near] = 0
    assert changed.max() < 2e-3 * greatest


def test_what_was_not_measured_has_no_say():
    fine = torch.arange(16.0).reshape(4, 4)
    fine[0, 0] = fine[2, 2] = fine[2, 3] = fine[3, 2] = torch.nan
    coarse = Degradation(scale=2).measured(fine)
    assert coarse[0].tolist() == [pytest.approx((1 + 4 + 5) / 3), 4.5]
    assert coarse[1, 1].isnan()
    assert Degradation(scale=2).degrade(fine)[0, 0].isnan()
    kept = Degradation(scale=2).project(torch.zeros(4, 4), coarse)
    assert kept[2:, 2:].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_only_some_phases_look_alike_when_turned():
    assert Degradation(kind="decimate", scale=3).symmetric
    assert not Degradation(kind="decimate", scale=4).symmetric
    assert Degradation(kind="area", scale=4).symmetric


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="not both in a block of 2 × 2"):
        Degradation(kind="decimate", scale=2, column=2)
    with pytest.raises(ValueError, match="5 × 6 fine pixels are no multiple of 2; crop them"):
        Degradation(scale=2).degrade(torch.zeros(5, 6))


@pytest.mark.parametrize(
    ("kind", "psf", "within"), [("area", 0, 1e-5), ("area", 1, 0.01), ("bicubic", 0, 0.01)]
)
def test_a_projection_keeps_the_flux_of_means(kind, psf, within, fine):
    """From an image that has lost half of its light."""
    degradation = Degradation(kind=kind, scale=4, psf=psf)
    measured = degradation.degrade(fine.exp())
    flux = degradation.project(fine.exp() / 2, measured).mean() / measured.mean()
    assert flux == pytest.approx(1, abs=within)


def test_a_projection_on_points_leaves_the_light_between_them_as_it_is(fine):
    degradation = Degradation(kind="decimate", scale=4)
    dark = fine.exp() / 2
    brought_up = degradation.project(dark, degradation.degrade(fine.exp())) != dark
    assert brought_up.double().mean() == 1 / 16
