import numpy as np
import pytest

from napari_hyperspectral.training.splits import beyond, block_split, group_split


@pytest.fixture
def classes(rng):
    """Three classes in stripes, a rare one in a corner, and unlabelled pixels."""
    image = np.repeat(np.arange(1, 4), 12)[None, :] * np.ones((30, 1), int)
    image[:5] = 0
    image[25:, :4] = 4
    return image


def test_every_class_is_on_both_sides(classes):
    for seed in range(10):
        split = block_split(classes, 0.2, block=8, guard=3, seed=seed)
        assert set(classes[split.validation]) == set(classes[split.train]) == {1, 2, 3, 4}


def test_the_sides_share_no_pixel_and_keep_the_guard_between(classes):
    split = block_split(classes, 0.2, block=6, guard=2, seed=1)
    validation, train = np.argwhere(split.validation), np.argwhere(split.train)
    nearest = np.abs(validation[:, None] - train[None]).max(axis=2).min()
    assert nearest == split.guard + 1


def test_about_the_share_asked_for_is_drawn_of_each_class(classes):
    split = block_split(classes, 0.3, block=4, seed=0)
    for one in (1, 2, 3):
        share = (split.validation & (classes == one)).sum() / (classes == one).sum()
        assert 0.3 <= share < 0.3 + 16 / 300 + 0.02


def test_unlabelled_pixels_are_on_neither_side(classes):
    split = block_split(classes, 0.3, block=4, guard=1, seed=0)
    assert not (split.validation | split.train)[classes == 0].any()


def test_the_guard_gives_way_before_a_class_is_lost():
    classes = np.ones((1, 12), int)
    split = block_split(classes, 0.3, block=4, guard=50)
    assert split.guard < 50
    assert split.train.sum() * 2 >= 12 - split.validation.sum()


def test_nothing_is_drawn_for_a_share_of_nothing_or_of_a_single_pixel(classes):
    assert not block_split(classes, 0).validation.any()
    assert not block_split(np.ones((1, 1), int), 0.5).validation.any()


def test_equal_seeds_draw_equal_blocks_and_others_do_not(classes):
    one, same, other = (block_split(classes, 0.2, seed=s).validation for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_beyond_measures_along_rows_columns_and_diagonals_alike():
    mask = np.zeros((7, 7), bool)
    mask[3, 3] = True
    assert (~beyond(mask, 2)).sum() == 25
    assert beyond(np.zeros((2, 3), bool), 9).all()


def test_images_of_one_group_are_held_out_together():
    groups = ["a", "a", "b", "b", "c", "c", "d"]
    for seed in range(10):
        validation = group_split(groups, [1] * 7, 0.25, seed)
        assert 0 < sum(validation) < 7
        assert len(set(zip(groups, validation, strict=True))) == 4


def test_every_kind_of_image_stays_among_those_that_teach():
    groups, kinds = [str(i) for i in range(12)], [1] * 8 + [2] * 3 + [3]
    for seed in range(10):
        validation = group_split(groups, kinds, 0.3, seed)
        assert {k for k, out in zip(kinds, validation, strict=True) if not out} == {1, 2, 3}
        assert {k for k, out in zip(kinds, validation, strict=True) if out} == {1, 2}


def test_a_single_group_cannot_be_held_out():
    with pytest.raises(ValueError, match="all images are one group"):
        group_split(["p"] * 3, [1, 1, 2], 0.2, 0)
    assert group_split(["p"] * 3, [1, 1, 2], 0, 0) == [False] * 3
