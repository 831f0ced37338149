"""What augmentation changes, and what it leaves alone: targets, missing values, equal seeds."""

import numpy as np
import pytest
import torch

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.recipe.augmentation import (
    Augment,
    Augmentation,
    Batch,
    shifted,
    standard_deviation,
)

CENTRES = np.array([520.0, 514, 511, 507, 500, 498, 491, 490])
AXIS = SpectralAxis(CENTRES, "nm")
OFF = {"turns": False}
IN_SPACE = {"turns": True, "elastic": 2.0, "rotate": 30.0, "zoom": 0.3}
IN_SPECTRA = {
    "shift": 4.0,
    "gain": 0.5,
    "noise": 0.2,
    "baseline": 0.4,
    "photons": 20.0,
    "spikes": 0.3,
    "spectral_flip": True,
}
each_change = pytest.mark.parametrize(
    "change", [{name: value} for name, value in {**IN_SPACE, **IN_SPECTRA}.items()], ids=str
)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def varied(batch, seed=0, *, axis=AXIS, output_axis=..., classes=0, spread=1.0, **settings):
    return Augment(
        Augmentation(**{**OFF, **settings}),
        axis,
        axis if output_axis is ... else output_axis,
        classes=classes,
        input_std=spread,
    )(batch, chance(seed))


@pytest.fixture
def batch():
    """Six images of eight bands and 9 × 9 pixels with a hole; targets are twice as bright."""
    input = 1 + torch.rand(6, 8, 9, 9)
    input[2, 3, 4, 5] = torch.nan
    input[:, 6] = torch.nan  # a bad band
    return Batch(input, 2 * input)


def same(one, other):
    return all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in zip(one, other))


def coordinates(scale=1, size=(40, 48)):
    """An image, (1, 2, y, x), of its own coordinates in coarse pixels from the centre."""
    y, x = ((torch.arange(n * scale) + 0.5) / scale - n / 2 for n in size)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None]


def test_with_everything_off_batches_stay_as_they_are(batch):
    assert same(varied(batch), batch)


@each_change
def test_equal_seeds_give_equal_batches_and_others_do_not(change, batch):
    assert same(varied(batch, 5, **change), varied(batch, 5, **change))
    assert any(not same(varied(batch, 5, **change), varied(batch, n, **change)) for n in range(4))


@each_change
def test_a_batch_is_never_changed_in_place(change, batch):
    before = Batch(batch.input.clone(), batch.target.clone())
    varied(batch, **change)
    assert same(batch, before)


@pytest.mark.parametrize("name", IN_SPECTRA)
def test_along_the_spectrum_missing_values_stay_where_they_are(name, batch):
    whole = batch if name != "spectral_flip" else Batch(batch.input[:, :3], batch.target[:, :3])
    axis = AXIS.take(slice(0, whole.input.shape[1]))
    for seed in range(3):
        made = varied(whole, seed, axis=axis, **{name: IN_SPECTRA[name]})
        for part, old in zip(made, whole, strict=True):
            assert torch.equal(part.isnan(), old.isnan())


@pytest.mark.parametrize("name", IN_SPACE)
def test_in_space_missing_values_move_with_their_pixel_and_do_not_spread(name):
    input = torch.ones(1, 3, 30, 34)
    input[0, 1, 10:20, 12:20] = torch.nan
    made = varied(Batch(input, input), axis=AXIS.take([0, 1, 2]), **{name: IN_SPACE[name]})
    assert same(made, (made.target, made.input))
    share = made.input.isnan().float().mean() / input.isnan().float().mean()
    assert 0.5 < share < 1.8
    assert made.input[made.input.isfinite()] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), [4, 5, 6, 7, 0, 1, 2, 3]])
def test_lines_move_by_their_shift_in_the_unit_of_the_axis(order):
    centres = torch.tensor(CENTRES[order].copy())
    line = (3 * centres).float()[None, :, None, None].repeat(2, 1, 1, 2)
    moved = shifted(line, torch.tensor([2.0, -5.0], dtype=torch.float64), centres)
    target = 3 * (centres - torch.tensor([[2.0], [-5.0]])).clamp(490, 520)  # ends are held
    for column in range(2):
        assert moved[:, :, 0, column].numpy() == pytest.approx(target.numpy(), rel=1e-6)


def test_gaps_are_bridged_for_their_neighbours():
    line = (3 * torch.tensor(CENTRES)).float()[None, :, None, None].clone()
    line[0, [2, 3, 6]] = torch.nan
    moved = shifted(line, torch.tensor([2.0], dtype=torch.float64), torch.tensor(CENTRES))[
        0, :, 0, 0
    ]
    known = torch.tensor([0, 1, 4, 5])
    assert moved[known].numpy() == pytest.approx(3 * (CENTRES[known] - 2), rel=1e-6)
    assert moved[[2, 3, 6]].isnan().all()


def test_targets_move_along_only_where_they_are_spectra_too(batch):
    made = varied(batch, shift=4.0)
    assert not same(made, batch)
    assert torch.allclose(made.target, 2 * made.input, equal_nan=True)
    assert same(varied(batch, shift=4.0, output_axis=None), (made.input, batch.target))


def test_targets_on_bands_of_their_own_move_along_on_these():
    finer = SpectralAxis(np.arange(480, 531), "nm")
    line, target = (
        torch.tensor(axis.centres).float()[None, :, None, None].repeat(9, 1, 1, 1)
        for axis in (AXIS, finer)
    )
    made = varied(Batch(line, target), output_axis=finer, shift=4.0)
    by = (made.input - line)[:, 3]
    assert by.abs().max() > 2
    assert torch.allclose((made.target - target)[:, 25], by, atol=1e-4)
    with pytest.raises(ValueError, match="by shift wants one unit, input has 8 bands, 520–490 nm"):
        varied(Batch(line, target), output_axis=SpectralAxis(np.arange(51) + 9.0, "um"), shift=4.0)


def test_shifts_are_no_greater_than_asked_for():
    line = torch.tensor(CENTRES).float()[None, :, None, None].repeat(500, 1, 1, 1)
    moved = (varied(Batch(line, line), shift=1.5).input - line)[:, 3]
    assert -1.5 <= moved.min() < -1.4
    assert 1.4 < moved.max() <= 1.5


def test_brightness_changes_within_its_bounds_and_targets_alike(batch):
    many = Batch(*(part[:1].repeat(400, 1, 1, 1) for part in batch))
    made = varied(many, gain=0.5)
    factor = made.input[:, 0, 0, 0] / many.input[:, 0, 0, 0]
    assert 1 / 1.5 <= factor.min() < 0.68
    assert 1.48 < factor.max() <= 1.5001
    assert torch.allclose(made.target, 2 * made.input, equal_nan=True)
    assert torch.equal(
        varied(batch, gain=0.5, output_axis=None).target.nan_to_num(), batch.target.nan_to_num()
    )


def test_noise_has_the_spread_asked_for_and_targets_have_none():
    flat = torch.full((4, 8, 40, 40), 9.0)
    flat[:, :4] = 0
    made = varied(Batch(flat, flat), noise=0.1, spread=5.0)
    assert (made.input - flat).std() == pytest.approx(0.5, rel=0.02)
    made = varied(Batch(flat, flat), photons=4.0)
    assert (made.input - flat)[:, 4:].var() == pytest.approx(9 / 4, rel=0.03)
    assert torch.equal(made.input[:, :4], flat[:, :4])  # no light, no shot noise
    assert torch.equal(made.target, flat)


def test_backgrounds_are_smooth_positive_and_no_higher_than_their_share():
    spectra = torch.zeros(300, 8, 1, 1)
    spectra[:, 3] = 10.0
    made = varied(Batch(spectra, spectra), baseline=0.3)
    added = (made.input - spectra)[:, :, 0, 0].numpy()
    assert added.min() >= 0
    assert 2 < added.max() <= 3
    cubics = np.polynomial.polynomial.polyfit(CENTRES - 505, added.T, 3)
    fitted = np.polynomial.polynomial.polyval(CENTRES - 505, cubics)
    np.testing.assert_allclose(fitted, added, atol=1e-4)
    assert torch.equal(made.target, spectra)


def test_cosmic_rays_hit_one_band_of_as_many_spectra_as_asked_for():
    flat = torch.zeros(2, 8, 50, 60)
    made = varied(Batch(flat, flat), spikes=0.3, spread=2.0)
    hit = made.input > 0
    assert hit.any(dim=1).float().mean() == pytest.approx(0.3, abs=0.02)
    assert hit.sum(dim=1).max() == 1
    assert made.input[hit].mean() == pytest.approx(20, rel=0.1)
    assert torch.equal(made.target, flat)


def test_every_second_spectrum_is_reversed_with_its_target(batch):
    made = varied(batch, spectral_flip=True)
    kept, reversed_ = (
        [same((new,), (old,)) for new, old in zip(made.input, parts, strict=True)]
        for parts in (batch.input, batch.input.flip(1))
    )
    assert all(a != b for a, b in zip(kept, reversed_, strict=True))
    assert any(kept)
    assert any(reversed_)
    assert torch.allclose(made.target, 2 * made.input, equal_nan=True)


@pytest.mark.parametrize("name", ["shift", "baseline", "spectral_flip"])
def test_named_channels_are_no_spectrum_to_be_changed_along(name):
    stains = ChannelAxis(("DAPI", "lipid"))
    with pytest.raises(ValueError, match=f"by {name} wants a spectrum, the cube has 2 channels"):
        Augment(Augmentation(**{name: 1}), stains, None)


def test_turned_images_are_the_eight_ways_to_lay_them():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    seen = {str(varied(Batch(image, image), seed, turns=True).input.tolist()) for seed in range(60)}
    assert len(seen) == 8


@pytest.mark.parametrize("change", [{"elastic": 3.0}, {"rotate": 20.0}, {"zoom": 0.2}], ids=str)
def test_a_finer_target_is_warped_by_the_same_field(change):
    image = Batch(*(coordinates(scale).repeat(5, 1, 1, 1) for scale in (1, 3)))
    made = varied(image, axis=AXIS.take([0, 1]), **change)
    coarse = torch.nn.functional.avg_pool2d(made.target, 3)
    inner = np.s_[..., 12:-12, 12:-12]  # beyond, what was reflected comes in
    assert torch.allclose(made.input[inner], coarse[inner], atol=0.02)
    assert (made.input - image.input)[inner].abs().max() > 1


def test_rotations_keep_distances_from_the_centre_and_zooms_their_ratio():
    image, inner = Batch(coordinates(), coordinates()), np.s_[:, 10:-10, 12:-12]
    before = coordinates().square().sum(dim=1)[inner]
    after = varied(image, axis=AXIS.take([0, 1]), rotate=40.0).input.square().sum(dim=1)[inner]
    assert torch.allclose(after, before, atol=1e-2)
    ratio = (
        varied(image, axis=AXIS.take([0, 1]), zoom=0.2).input[0][inner] / coordinates()[0][inner]
    )
    assert ratio.max() - ratio.min() < 1e-3
    assert 1 / 1.2 <= ratio.mean() <= 1.2


def test_elastic_displacements_are_about_as_great_as_asked_for():
    image = Batch(coordinates(), coordinates())
    moved = [
        (varied(image, seed, axis=AXIS.take([0, 1]), elastic=2.0).input - image.input).abs().max()
        for seed in range(8)
    ]
    assert 1 < max(moved) < 2.6


def test_warped_classes_are_classes_and_answers_for_whole_images_stay():
    ids = torch.randint(0, 4, (2, 1, 30, 34)).float()
    input = torch.rand(2, 8, 30, 34)
    warps = {"elastic": 3.0, "rotate": 30.0, "zoom": 0.2}
    made = varied(Batch(input, ids), classes=3, output_axis=None, **warps)
    assert not torch.equal(made.target, ids)
    assert set(made.target.unique().tolist()) == {0, 1, 2, 3}
    whole = torch.tensor([1.0, 2.0])[:, None, None, None]
    made = varied(Batch(input, whole), classes=3, output_axis=None, **warps)
    assert torch.equal(made.target, whole)
    assert not torch.equal(made.input, input)


@pytest.mark.parametrize("size", [(1, 1), (5, 6)], ids=["spectra", "images"])
def test_mixtures_have_the_mixed_target(size):
    input = torch.rand(200, 8, *size)
    made = varied(Batch(input, 3 * input[:, :2]), mixup=0.5, output_axis=None)
    changed = (made.input != input).flatten(1).any(dim=1)
    assert changed.float().mean() == pytest.approx(0.5, abs=0.1)
    assert torch.allclose(made.target, 3 * made.input[:, :2], atol=1e-6)
    low, high = input.amin(dim=0), input.amax(dim=0)
    assert ((made.input >= low - 1e-6) & (made.input <= high + 1e-6)).all()


def unit_shares(count, **settings):
    """How much is kept of each of `count` spectra: spectrum i is 1 in band i and 0 elsewhere."""
    own = torch.eye(count)[:, :, None, None]
    axis = SpectralAxis.index(count)
    made = varied(Batch(own, own), axis=axis, mixup=1.0, **settings).input[:, :, 0, 0]
    return made.diagonal(), made


def test_every_one_is_mixed_with_another_one_and_never_with_itself():
    for count in (2, 3, 50):
        keep, made = unit_shares(count, mixup_alpha=50.0)  # near halves: nobody is kept whole
        assert torch.allclose(made.sum(dim=1), torch.ones(count))
        assert ((made > 0).sum(dim=1) == 2).all()
        assert ((keep > 0.2) & (keep < 0.8)).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_follow_beta(alpha):
    keep, _ = unit_shares(2000, mixup_alpha=alpha)
    assert keep.mean() == pytest.approx(0.5, abs=0.03)
    assert keep.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_one_alone_is_not_mixed():
    alone = Batch(torch.rand(1, 8, 3, 4), torch.rand(1, 8, 3, 4))
    assert same(varied(alone, mixup=1.0), alone)


def test_mixed_classes_have_the_shares_of_what_is_mixed():
    ids = torch.tensor([1.0, 2, 3] * 20)[:, None, None, None]
    input = torch.eye(3)[ids.long().flatten() - 1][:, :, None, None]  # band k is 1 in class k
    axis = SpectralAxis.index(3)
    made = varied(
        Batch(input, ids), axis=axis, output_axis=None, classes=3, mixup=0.7, mixup_alpha=1.0
    )
    assert torch.allclose(made.target, made.input)
    assert ((made.target > 0.1).sum(dim=1) == 2).any()


def test_what_is_mixed_with_an_unlabelled_pixel_teaches_nothing():
    ids = torch.tensor([[1.0, 0, 2, 0], [1, 1, 0, 0]]).reshape(2, 1, 1, 4)
    input = torch.rand(2, 8, 1, 4)
    made = varied(Batch(input, ids), output_axis=None, classes=2, mixup=1.0, mixup_alpha=5.0)
    assert made.target.sum(dim=1).reshape(2, 4).tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert made.target[:, 0, 0, 0].tolist() == [1, 1]
    kept = varied(Batch(input, ids), output_axis=None, classes=2, mixup=1e-9).target
    assert torch.equal(kept.argmax(dim=1, keepdim=True) + kept.sum(dim=1, keepdim=True), ids)


def test_the_standard_deviation_images_is_that_of_their_measured_values(rng):
    noise = rng.normal(3, 2, (1, 5, 70, 90)).astype(np.float32)
    noise[0, 2] = np.nan
    assert standard_deviation([noise, noise]) == pytest.approx(2, rel=0.02)
    assert standard_deviation([noise], values_each=3000) == pytest.approx(2, rel=0.1)
    assert standard_deviation([np.full((2, 3), np.nan)]) == 1


def test_one_band_and_one_pixel_can_be_varied_too():
    batch = Batch(torch.full((3, 1, 1, 1), 2.0), torch.full((3, 1, 1, 1), 2.0))
    made = varied(batch, axis=AXIS.take([0]), **{**IN_SPACE, **IN_SPECTRA})
    assert made.input.isfinite().all()
    assert made.target.isfinite().all()
