"""Each fold validates other pixels, behind a guard band, and every pixel is validated once."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.tasks import ClassifyImages, ClassifySpectra, Denoise, Segment
from napari_hyperspectral.training.clusters import split_classes
from napari_hyperspectral.training.folds import NothingToDivideError, fold_splits, folds_line

AXIS = SpectralAxis([500.0, 510.0, 520.0, 530.0], "nm")


def cube(shape=(18, 20), unit="um"):
    values = np.random.default_rng(0).uniform(1, 2, (4, *shape))
    return Cube(values.astype(np.float32), AXIS, pixel_unit=unit)


def pair(shape=(18, 20), unit="um", **about):
    return replace(Denoise().example(noisy=cube(shape, unit), clean=cube(shape, unit)), **about)


def painted(*, rare=12):
    """Two halves, and a rare class in a corner; the first rows are not labelled."""
    numbers = np.ones((18, 20), np.uint8)
    numbers[:, 10:] = 2
    numbers[:3] = 0
    numbers[-1, :rare] = 3
    return Segment().example(cube=cube(), labels=Labels(numbers, ("one", "two", "rare")))


def shown(label):
    return ClassifyImages().example(image=cube((6, 7)), label=label)


def folds_of(task, examples, count=4, **training):
    recipe = Recipe(task=task, training=Training(**training))
    return fold_splits(recipe, recipe.task.unify_classes(examples), count)


def times_validated(folds, index=0):
    return sum(fold[index].validation.astype(int) for fold in folds)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("task", "example"), [(Segment(), painted()), (Denoise(), pair())])
def test_every_pixel_is_validated_once_over_all_folds(task, example, seed):
    folds = folds_of(task, [example], block=4, seed=seed)
    assert len(folds) == 4
    usable = example.sampling_classes[0] > 0
    assert np.array_equal(times_validated(folds), usable)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("task", "example"), [(Segment(), painted()), (Denoise(), pair())])
def test_every_class_is_on_both_sides_of_every_fold_and_most_of_it_trains(task, example, seed):
    classes = split_classes(task, example, seed=seed)[0]
    numbers = set(classes[classes > 0])
    for (split,) in folds_of(task, [example], block=4, guard=2, seed=seed):
        assert set(classes[split.validation]) == set(classes[split.train]) == numbers
        assert not (split.validation & split.train).any()
        assert all(kept.train >= 0.6 * 0.75 * kept.all for kept in split.kept)


def test_training_pixels_are_beyond_the_guard_band():
    for (split,) in folds_of(Segment(), [painted()], block=6, guard=2):
        validation, train = np.argwhere(split.validation), np.argwhere(split.train)
        nearest = np.abs(validation[:, None] - train[None]).max(axis=2).min()
        assert nearest == split.guard + 1


def test_a_pixel_that_is_alone_in_its_class_trains_in_every_fold():
    example = painted(rare=1)
    folds = folds_of(Segment(), [example], block=4)
    assert times_validated(folds)[-1, 0] == 0
    assert all(split.train[-1, 0] for (split,) in folds)
    assert folds_line([example], folds) == "4 folds; 1 of 300 pixels are validated in none"


def test_lists_are_divided_by_single_spectra_and_lines_of_an_image_by_blocks():
    folds = folds_of(Denoise(), [pair((1, 60), unit=None)], count=5)
    for (split,) in folds:
        assert split.validation.sum() == pytest.approx(12, abs=2)
        assert split.validation.sum() + split.train.sum() == 60
    for (split,) in folds_of(Denoise(), [pair((1, 60))], count=5, block=4):
        assert split.train.sum() < 60 - split.validation.sum()


def test_no_patient_is_on_both_sides_and_each_is_validated_once():
    patients = [f"patient {i // 2}" for i in range(12)]
    for task, images in (
        (ClassifyImages(), [shown("healthy" if i < 6 else "ill") for i in range(12)]),
        (Denoise(), [pair()] * 12),
    ):
        known = [replace(e, group=p) for e, p in zip(images, patients, strict=True)]
        folds = folds_of(task, known, count=3)
        held = np.array([[split.validation.any() for split in fold] for fold in folds])
        assert (held.sum(axis=0) == 1).all()
        assert np.array_equal(held[:, ::2], held[:, 1::2])


def test_images_are_divided_whole_class_by_class():
    images = [shown("bone")] * 8 + [shown("fat")] * 4
    folds = folds_of(ClassifyImages(), images, count=4)
    held = np.array([[split.validation.any() for split in fold] for fold in folds])
    assert (held[:, :8].sum(axis=1) == 2).all()
    assert (held[:, 8:].sum(axis=1) == 1).all()


def test_there_are_no_more_folds_than_images():
    assert len(folds_of(Denoise(), [pair()] * 3, count=5, validation_split="images")) == 3


def test_the_only_image_with_a_class_is_in_training_in_every_fold():
    images = [shown("bone"), shown("bone"), shown("fat")]
    folds = folds_of(ClassifyImages(), images)
    held = [[bool(split.validation.any()) for split in fold] for fold in folds]
    assert sorted(held) == [[False, True, False], [True, False, False]]


def test_files_of_single_spectra_are_divided_file_by_file():
    def file_of(kind):
        labels = Labels(np.ones((1, 1), np.uint8), (kind,))
        return ClassifySpectra().example(spectra=cube((1, 1)), labels=labels)

    files = [file_of("bone")] * 8 + [file_of("fat")] * 4
    folds = folds_of(ClassifySpectra(), files)
    assert all(sum(split.validation.any() for split in fold) == 3 for fold in folds)


def test_what_is_listed_for_validation_is_the_only_fold():
    images = [pair(), pair(for_validation=True)]
    (fold,) = folds_of(Denoise(), images)
    assert [bool(split.validation.any()) for split in fold] == [False, True]
    assert folds_line(images, [fold]).startswith("1 fold; 360 of 720 pixels")


def test_equal_seeds_make_equal_folds_and_others_do_not():
    one, same, other = (folds_of(Segment(), [painted()], seed=seed) for seed in (1, 1, 2))
    for fold, again, _ in zip(one, same, other, strict=True):
        assert np.array_equal(fold[0].validation, again[0].validation)
    assert any(
        not np.array_equal(fold[0].validation, different[0].validation)
        for fold, different in zip(one, other, strict=True)
    )


def test_what_cannot_be_divided_is_refused():
    for examples in ([pair((1, 1))], [pair()]):
        with pytest.raises(NothingToDivideError, match="nothing to divide into folds"):
            folds_of(Denoise(), examples, validation_split="images")
    with pytest.raises(ValueError, match="1 folds divide nothing"):
        folds_of(Denoise(), [pair()], count=1)
