"""Something of everything is held out, no group is torn, and no class is lost."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.tasks import ClassifyImages, ClassifySpectra, Denoise, Segment
from napari_hyperspectral.training.clusters import split_classes
from napari_hyperspectral.training.validation_split import splits_of, validation_line

AXIS = SpectralAxis([500.0, 510.0, 520.0], "nm")
SEEDS = range(6)


def cube(shape=(9, 10)):
    return Cube(np.ones((3, *shape), np.float32), AXIS)


def file_of(kind, count=1):
    """Spectra of one class, as a file in a folder of its name is."""
    labels = Labels(np.ones((1, count), np.uint8), (kind,))
    return ClassifySpectra().example(spectra=cube((1, count)), labels=labels)


def painted(*classes):
    ids = np.resize(np.array(classes, np.uint8), (9, 10))
    return Segment().example(cube=cube(), labels=Labels(ids, ("one", "two", "three")))


def shown(label):
    return ClassifyImages().example(image=cube(), label=label)


def pair(shape=(9, 10), **about):
    return replace(Denoise().example(noisy=cube(shape), clean=cube(shape)), **about)


def split(task, examples, **training):
    recipe = Recipe(task=task, training=Training(**training))
    return splits_of(recipe, recipe.task.unify_classes(examples))


def held_whole(task, examples, **training):
    """Return of each example whether it is held out, when none is cut."""
    splits = split(task, examples, **training)
    assert all(one.validation.any() != one.train.any() for one in splits)
    return [bool(one.validation.any()) for one in splits]


def test_of_files_of_one_spectrum_the_share_is_held_out_class_by_class():
    kinds = ["bone"] * 30 + ["fat"] * 10
    for seed in SEEDS:
        held = held_whole(ClassifySpectra(), [file_of(kind) for kind in kinds], seed=seed)
        assert (sum(held[:30]), sum(held[30:])) == (5, 2)


def test_single_spectra_among_images_are_held_out_whole_and_images_in_blocks():
    splits = split(Denoise(), [pair(), *[pair((1, 1))] * 4])
    assert splits[0].validation.any()
    assert splits[0].train.any()
    assert sum(one.validation.sum() for one in splits[1:]) == 1


def test_the_only_spectrum_teaches():
    assert held_whole(Denoise(), [pair((1, 1))]) == [False]


def test_a_class_of_one_file_is_not_held_out():
    files = [file_of(kind, count=5) for kind in ("a", "b", "c", "a")]
    for seed in SEEDS:
        held = held_whole(ClassifySpectra(), files, validation_split="images", seed=seed)
        assert held in ([True, False, False, False], [False, False, False, True])


def test_the_only_image_with_a_class_is_not_held_out():
    images = [painted(1, 2), painted(1, 2, 3), painted(2, 1)]
    for seed in SEEDS:
        held = held_whole(Segment(), images, validation_split="images", validation=0.6, seed=seed)
        assert held == [True, False, True]


@pytest.mark.parametrize("validation_split", ["images", "groups"])
def test_where_each_file_has_a_class_of_its_own_none_can_be_held_out(validation_split):
    files = [replace(file_of(kind, count=5), group=kind) for kind in "ab"]
    with pytest.raises(ValueError, match=r"has a class that no other has; give more .* hold out"):
        split(ClassifySpectra(), files, validation_split=validation_split)
    assert held_whole(
        ClassifySpectra(), files, validation_split=validation_split, validation=0
    ) == [False, False]


@pytest.mark.parametrize("validation_split", ["blocks", "images", "groups"])
def test_no_patient_is_on_both_sides(validation_split):
    patients = [f"patient {i // 2}" for i in range(12)]
    for task, images in (
        (ClassifyImages(), [shown("healthy" if i < 6 else "ill") for i in range(12)]),
        (Denoise(), [pair()] * 12),
    ):
        known = [replace(e, group=p) for e, p in zip(images, patients, strict=True)]
        for seed in SEEDS:
            held = held_whole(task, known, validation_split=validation_split, seed=seed)
            assert 0 < sum(held) < 12
            assert held[::2] == held[1::2]


def test_images_without_a_group_are_held_out_one_by_one_beside_groups():
    images = [pair(group=group) for group in ("rat", "rat", "", "", "")]
    found = {tuple(held_whole(Denoise(), images, seed=seed)) for seed in range(20)}
    assert {held[2:] for held in found if sum(held) == 1} == {
        (True, False, False), (False, True, False), (False, False, True)
    }  # fmt: skip
    assert all(held[0] == held[1] for held in found)


@pytest.mark.parametrize("validation_split", ["blocks", "images"])
def test_one_group_for_all_changes_nothing(validation_split):
    ours, theirs = (
        split(Denoise(), [pair(group=group)] * 3, validation_split=validation_split)
        for group in ("rat", "")
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.validation, other.validation)


@pytest.mark.parametrize("share", [0, 0.5])
def test_what_is_there_to_validate_is_held_out_and_nothing_else(share):
    images = [pair(for_validation=i == 2, group=f"rat {i}") for i in range(4)]
    assert held_whole(Denoise(), images, validation=share) == [False, False, True, False]


def test_the_last_of_a_class_is_not_for_validation():
    files = [file_of("a", 5), file_of("b", 5), replace(file_of("c", 5), for_validation=True)]
    with pytest.raises(
        ValueError, match="all of class c is held out; keep some of it for training"
    ):
        split(ClassifySpectra(), files)
    with pytest.raises(ValueError, match="all examples are held out"):
        split(Denoise(), [pair(for_validation=True)])


@pytest.mark.parametrize(
    ("examples", "line"),
    [
        ([pair((1, 1))], ""),
        ([pair()], "blocks of 1 of 1 images"),
        ([pair(group="rat")], "blocks of 1 of 1 images; rat on both sides, there being no other"),
        ([pair(), pair(for_validation=True)], "1 of 2 examples as a whole, as listed"),
        ([pair(group=g) for g in "abb"], "1 of 3 examples as a whole; all of a"),
    ],
)
def test_it_is_told_what_was_held_out(examples, line):
    found = validation_line(examples, split(Denoise(), examples, seed=1))
    assert found.startswith(line)
    assert bool(found) == bool(line)


def test_no_material_of_a_real_map_loses_most_of_its_pixels(data_folder):
    pairs = np.load(data_folder / "raman_pairs" / "pairs_11x44x500.npz")
    axis = SpectralAxis(np.arange(500.0), "1/cm", "raman_shift")
    noisy, clean = (Cube(np.moveaxis(pairs[name], -1, 0), axis) for name in ("low", "high"))
    example = Denoise().example(noisy=noisy, clean=clean)
    for seed in SEEDS:
        (one,) = split(Denoise(), [example], seed=seed)
        assert len(one.kept) == 6
        assert all(kept.train > kept.all / 2 for kept in one.kept)
        corner = np.zeros_like(one.train)
        corner[9:, 33:] = True  # a material that is nowhere else
        clusters = split_classes(Denoise(), example, seed=seed)[0]  # (y, x), from 1
        for cluster in range(1, int(clusters.max()) + 1):
            assert one.validation[clusters == cluster].any()
        assert one.train[corner].mean() > 0.5
        assert one.validation.mean() == pytest.approx(0.15, abs=0.03)


def test_it_is_told_what_is_left_of_the_class_that_loses_most():
    numbers = np.ones((9, 10), np.uint8)
    numbers[4:, 5:] = 2
    image = Segment().example(cube=cube(), labels=Labels(numbers, ("one", "two")))
    (one,) = split(Segment(), [image], block=4)
    counts = [
        (int((one.train & (numbers == number)).sum()), int((numbers == number).sum()))
        for number in (1, 2)
    ]
    train, pixels = min(counts, key=lambda each: each[0] / each[1])
    assert validation_line([image], [one]).endswith(f"loses most trains on {train} of {pixels}")
