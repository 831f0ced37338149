"""Every part has its share of every class, and no class is lost to the guard band."""

import numpy as np
import pytest

from napari_hyperspectral.training.stratify import KEPT, guarded, stratified, stratified_blocks


@pytest.fixture
def classes():
    """Three classes in stripes, a rare one in a corner, and unlabelled pixels, (1, y, x)."""
    image = np.repeat(np.arange(1, 4), 12)[None, :] * np.ones((30, 1), int)
    image[:5] = 0
    image[25:, :6] = 4  # 30 pixels
    return image[None]


SHARES = [(0.15, 0.85), (0.5, 0.5), (0.2,) * 5, (0.1,) * 10]


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", range(5))
def test_every_usable_pixel_is_in_one_part_and_every_class_in_all(classes, shares, seed):
    parts = stratified_blocks(classes, shares, block=8, seed=seed)
    assert np.array_equal(parts >= 0, classes[0] > 0)
    for part in range(len(shares)):
        assert set(classes[0][parts == part]) == {1, 2, 3, 4}


@pytest.mark.parametrize("seed", range(5))
def test_parts_have_about_their_share_of_each_class(classes, seed):
    parts = stratified_blocks(classes, (0.2, 0.8), block=4, seed=seed)
    for class_id in (1, 2, 3):
        share = (parts[classes[0] == class_id] == 0).mean()
        assert share == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("block", [1, 3, 7, 8])
def test_pixels_of_a_block_stay_together_where_no_class_is_rare(block):
    classes = np.ones((1, 40, 41), int)
    parts = stratified_blocks(classes, (0.5, 0.5), block=block, seed=0)
    for axis in (0, 1):
        changes = np.argwhere(np.diff(parts, axis=axis))[:, axis] % block
        assert len(set(changes)) == 1


def test_planes_share_their_blocks_and_count_with_the_classes_of_each(classes):
    planes = np.concatenate([classes, np.roll(classes, 7, axis=2)])
    parts = stratified_blocks(planes, (0.25,) * 4, block=6, seed=0)
    for part in range(4):
        assert set(planes[:, parts == part].ravel()) >= {1, 2, 3, 4}


def test_a_class_that_is_everywhere_beside_a_rarer_one_is_in_all_parts_too():
    # class 2 has pixels only in blocks of class 1, of which it has one each
    classes = np.zeros((1, 8, 64), int)
    classes[0, :7] = 1
    classes[0, 7, ::8] = 2
    for seed in range(5):
        parts = stratified_blocks(classes, (0.25,) * 4, block=8, seed=seed)
        assert set(parts[classes[0] == 2]) == {0, 1, 2, 3}


def test_units_are_divided_class_by_class(rng):
    counts = np.zeros((40, 2), int)
    counts[:30, 0] = 1
    counts[30:, 1] = 1
    parts = stratified(counts, [0.2] * 5, rng)
    assert (np.bincount(parts[:30]) == 6).all()
    assert (np.bincount(parts[30:]) == 2).all()


def test_equal_seeds_make_equal_parts_and_others_do_not(classes):
    one, same, other = (
        stratified_blocks(classes, (0.3, 0.7), block=6, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("guard", [0, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_every_class_keeps_most_of_its_pixels_to_train_on(classes, guard, seed):
    parts = stratified_blocks(classes, (0.15, 0.85), block=8, seed=seed)
    split = guarded(classes, parts == 0, guard, 0.15)
    for class_id, kept in enumerate(split.kept, start=1):
        of_class = classes[0] == class_id
        assert kept == ((split.train & of_class).sum(), of_class.sum())
        assert kept.train >= KEPT * 0.85 * kept.all > kept.all / 2


def test_the_guard_band_is_as_wide_as_asked_for_where_classes_can_spare_it(classes):
    parts = stratified_blocks(classes, (0.15, 0.85), block=8, seed=3)
    split = guarded(classes, parts == 0, 2, 0.15)
    validation, train = np.argwhere(split.validation), np.argwhere(split.train)
    distances = np.abs(validation[:, None] - train[None]).max(axis=2).min(axis=0)
    assert distances.min() == split.guard + 1
    plain = np.isin(classes[0][split.train], (1, 2, 3))  # the rare one has a narrower band
    assert distances[plain].min() == 3


def test_a_rare_class_does_not_narrow_the_guard_band_of_others():
    classes = np.ones((1, 20, 40), int)
    classes[0, 9:11, 19:21] = 2
    validation = np.zeros((20, 40), bool)
    validation[8:10, 18:20] = True
    split = guarded(classes, validation, 3, 0.15)
    train_of_rare = split.train & (classes[0] == 2)
    assert train_of_rare.sum() == 3
    around = np.zeros_like(validation)
    around[5:13, 15:23] = True
    assert not (split.train & (classes[0] == 1) & around).any()
