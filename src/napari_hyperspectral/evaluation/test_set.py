"""A model against the truth of a test set: whole images that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..cube import Cube, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job, one_of_many
from ..tasks import Task
from ..training.record import fingerprint
from .evaluate import evaluate_steps
from .image_classes import image_class_rows, plane_classes
from .pairs import EvaluationPair, Images, input_and_target, renumbered, test_only_pair
from .removed import removed_noise_steps
from .reports import Report, Row, Table, Value

_LEFT_OUT: Final = ("guard", "settings")
"""Columns of an evaluation that say nothing here: no pixel of the image is for training."""


def evaluate_test_set_steps(
    model: Model,
    images: Sequence[Images],
    *,
    machine: Machine | None = None,
) -> Job[Report]:
    """Compare a model, and the raw data, with the truth of images that it was not trained on.

    Parameters
    ----------
    model : Model
        Trained on other images; the report names those that were used in its training after all.
    images : sequence of mapping of name to image
        As the model's task names them; taken one at a time.
    machine : Machine, optional
        Where the model runs.

    Raises
    ------
    ValueError
        If there is no truth in an image, or it is of a class that the model does not know.
    """
    if not model.recipe.task.has_truth:
        return (yield from _evaluate_removed(model, images, machine))
    if model.recipe.task.image_level:
        return (yield from _evaluate_image_classes(model, images, machine))
    return (yield from _evaluate_pixels(model, images, machine))


def _evaluate_pixels(
    model: Model,
    images: Sequence[Images],
    machine: Machine | None,
) -> Job[Report]:
    """Return a report on the pixels of images, image by image, with their means."""
    count = len(images)
    rows: list[Row] = []
    notes: dict[str, None] = {}  # in order, each once
    for number, example in enumerate(images):
        pair = _test_pair(model, example)
        name = pair.input.name or f"image {number + 1}"
        job = evaluate_steps(model, pair, baselines=False, machine=machine)
        evaluation = yield from one_of_many(job, number, count, name)
        report = evaluation.report
        for row in report.tables[0].rows:
            rows.append({"image": name, **_without_left_out(row)})
        notes |= dict.fromkeys(report.notes)
        renumbered_images = _renumbered_images(model, example, pair)
        notes |= dict.fromkeys(_training_notes(model, renumbered_images, name))
    table = Table("Image by image", rows + _mean_rows(rows))
    return Report(_title(model, images), [table], list(notes))


def _evaluate_removed(
    model: Model,
    images: Sequence[Images],
    machine: Machine | None,
) -> Job[Report]:
    """Return a report on what is removed from images of which nobody knows the truth."""
    rows: list[Row] = []
    notes: list[str] = []
    for number, example in enumerate(images):
        cube = example[model.recipe.task.input_name]
        assert isinstance(cube, Cube)
        name = cube.name or f"image {number + 1}"
        job = removed_noise_steps(model, cube, machine=machine)
        removed = yield from one_of_many(job, number, len(images), name)
        rows.append({"image": name, **removed.row})
        notes.append(f"{name}: {removed.note}")
    return Report(_title(model, images), [Table("What was removed", rows)], notes)


def _without_left_out(row: Row) -> Row:
    """Return a row of an evaluation without the columns that say nothing of a test set."""
    columns: dict[str, Value] = {}
    for heading, value in row.items():
        if heading not in _LEFT_OUT:
            columns[heading] = value
    return columns


def _evaluate_image_classes(
    model: Model,
    images: Sequence[Images],
    machine: Machine | None,
) -> Job[Report]:
    """Return a report on the class of each image, or plane of it."""
    classes = model.card.classes
    count = len(images)
    rows: list[Row] = []
    notes: list[str] = []
    truth: list[int] = []
    predicted: list[int] = []
    for number, example in enumerate(images):
        cube, label = _image_and_label(model.recipe.task, example)
        name = cube.name or f"image {number + 1}"
        if label not in classes:
            raise ValueError(
                f"{name} is {label!r}; the model knows {', '.join(classes)}; "
                "label it as one of these, or leave it out"
            )
        job = predict_steps(model, cube, machine=machine)
        result = yield from one_of_many(job, number, count, name)
        assert isinstance(result, Labels)
        measured = [index for index in plane_classes(result) if index]
        predicted += measured
        # all planes of an image are of its class
        true_class = classes.index(label) + 1
        truth += [true_class] * len(measured)
        rows.append(
            {
                "image": name,
                "truth": label,
                "predicted": _listed(measured, classes),
            }
        )
        notes += _training_notes(model, example, name)
    overall = Table("All images", image_class_rows(model, count, predicted, truth))
    by_image = Table("Image by image", rows)
    return Report(_title(model, images), [overall, by_image], notes)


def _listed(numbers: Sequence[int], classes: Sequence[str]) -> str:
    """Return the names of some class numbers, each once, as one text."""
    names = [classes[number - 1] for number in numbers]
    return ", ".join(dict.fromkeys(names))


def _image_and_label(task: Task, example: Images) -> tuple[Cube, str]:
    """Return the image of an example, and the name of its class."""
    assert task.target_name is not None
    cube = example[task.input_name]
    label = example[task.target_name]
    assert isinstance(cube, Cube)
    return cube, str(label)


def _test_pair(model: Model, images: Images) -> EvaluationPair:
    """Return an image with its truth, all pixels of which are for the test, if they have a truth."""
    input, target = input_and_target(model.recipe.task, images)
    size = input.shape[-2:]
    if isinstance(target, Labels):
        target = _with_numbers_of(model, target)
        known = target.numpy() > 0  # (…, y, x)
    elif target.shape[-2:] == size:
        known = np.isfinite(target.numpy())
    else:  # of finer pixels: masks are of the coarse ones
        known = np.isfinite(input.numpy())
    # in any plane, and of intensities in any band
    test = known.reshape(-1, *size).any(axis=0)
    return test_only_pair(input, target, np.asarray(test))


def _with_numbers_of(model: Model, labels: Labels) -> Labels:
    """Return labels with the class numbers of a model, by the names of the classes.

    Labels without names are taken to have the model's numbers.
    """
    names = model.card.classes
    own = labels.classes or names
    unknown = _unknown_classes(labels, own, names)
    if unknown:
        raise ValueError(
            f"labels {labels.name!r} hold {', '.join(unknown)}; the model knows "
            f"{', '.join(names)}; name them as the model does, or erase them"
        )
    named = labels.after("numbered as the model does", classes=own, colours=())
    return renumbered(named, names)


def _unknown_classes(
    labels: Labels,
    own: Sequence[str],
    names: Sequence[str],
) -> list[str]:
    """Return the classes that labels hold, by their `own` names, and that are none of `names`."""
    ids = labels.numpy()
    unknown = []
    for number in np.unique(ids[ids > 0]):
        if number > len(own):
            unknown.append(f"class {number}")
            continue
        name = own[number - 1]
        if name not in names:
            unknown.append(name)
    return unknown


def _renumbered_images(
    model: Model,
    images: Images,
    pair: EvaluationPair,
) -> Images:
    """Return the images of an example, labels with the class numbers of the model."""
    task: Task = model.recipe.task
    if task.target_name is None:
        return images
    return {
        task.input_name: pair.input,
        task.target_name: pair.target,
    }


def _training_notes(
    model: Model,
    images: Images,
    name: str,
) -> list[str]:
    """Return a note where an image, with the model's class numbers, was used in its training."""
    recipe = model.recipe
    if not recipe.task.predicts_intensities:
        # an example is the same only if its classes have the same numbers
        task = recipe.task.model_copy(update={"classes": model.card.classes})
        recipe = recipe.model_copy(update={"task": task})
    example = recipe.example(**images)
    own = fingerprint(example)
    used = [trained for trained in model.card.trained_on if trained.sha256 == own]
    if any(trained.training_pixels for trained in used):
        return [f"{name} was used to train the model: figures on it are too good."]
    if used:  # held out as a whole
        return [
            f"{name} was used for validation in the training of the model, to choose its best "
            "epoch: figures on it are a little too good."
        ]
    return []


def _mean_rows(rows: Sequence[Row]) -> list[Row]:
    """Return a row a method with the means over the images, where there are several."""
    by_method: dict[Value, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    if len(rows) == len(by_method):
        return []
    means: list[Row] = []
    for method, rows_of_method in by_method.items():
        pixels = 0
        for row in rows_of_method:
            pixels += int(row["pixels"] or 0)
        means.append(
            {
                "image": "mean",
                "pixels": pixels,
                "method": method,
                **_mean_figures(rows_of_method),
            }
        )
    return means


def _mean_figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean of each figure that all rows have: a line of pixels has no FSIM."""
    means: dict[str, float] = {}
    for heading, value in rows[0].items():
        in_all = all(heading in row for row in rows)
        if isinstance(value, float) and in_all:
            mean = np.mean([row[heading] for row in rows])
            means[heading] = float(mean)
    return means


def _title(model: Model, images: Sequence[Images]) -> str:
    count = len(images)
    unit = "image" if count == 1 else "images"
    return f"{model.card.recipe['task']['kind']} on {count} {unit}"
