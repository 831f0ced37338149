"""A model against the truth of a test set: whole images that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..cube import Cube, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_classes_steps
from ..progress import Job, one_of_many
from ..tasks import Task
from ..tasks.classes import own_names
from ..training.record import fingerprint
from .about import about_model
from .classical import method_title
from .evaluate import evaluate_steps
from .illustrations.classes import image_class_pictures
from .image_classes import (
    image_class_rows,
    image_classes_steps,
    plane_classes,
    plane_probabilities,
)
from .merit import better_of, main_figure, ranked
from .pairs import EvaluationPair, Images, input_and_target, renumbered
from .pictures.base import Picture
from .removed import removed_noise_steps
from .reports import Report, Row, Table, Value
from .spread import paired_difference, spread_of

_LEFT_OUT: Final = ("guard",)
"""Columns of an evaluation that say nothing here: no pixel of the image is for training."""
_PAIRED: Final = (
    "Differences are paired: both methods on the same image. One that is less than two standard "
    "errors from 0 may be chance."
)
_MOST_PICTURED: Final = 3
"""Images that are all shown; of more, three are chosen."""


def evaluate_test_set_steps(
    model: Model,
    images: Sequence[Images],
    *,
    machine: Machine | None = None,
) -> Job[Report]:
    """Compare a model with the truth of images that it was not trained on.

    Next to it stand what needs no training, and the classical methods that were trained on the same
    pixels and are kept in the model.

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
    pictures: list[Sequence[Picture]] = []
    tested = []
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
        pictures.append(
            [replace(picture, title=f"{name}: {picture.title}") for picture in report.images]
        )
        tested.append(f"{name}: {int(pair.test.sum()):,} pixels")
    shown, note = _shown_pictures(pictures, rows, count)
    means = _mean_rows(rows)
    table = Table("Image by image", rows + means, better_of(rows), ["image"])
    tables = [table]
    if means:
        tables += [_deviations_table(rows), _paired_table(rows)]
        note.append(_PAIRED)
    about = about_model(model, tested)
    return Report(_title(model, images), tables, [*notes, *note], shown, about)


def _paired_table(rows: Sequence[Row]) -> Table:
    """Return how the model, the first method of the rows, differs from each other one."""
    figure = main_figure(rows)
    model = str(rows[0]["method"])
    others = dict.fromkeys(str(row["method"]) for row in rows)  # in order, each once
    del others[model]
    paired: list[Row] = []
    for other in others:
        difference, lower = paired_difference(rows, figure, model, other, pair_by=["image"])
        better = lower
        if better_of(rows)[figure] == "higher":
            better = difference.number - lower
        row: Row = {
            "against": other,
            f"{figure}, difference": difference.mean,
            "standard error": difference.standard_error,
            "better on": f"{better} of {difference.number}",
        }
        paired.append(row)
    return Table(f"{model} less other methods, image by image", paired)


def _named(pictures: Sequence[Picture], name: str) -> list[Picture]:
    """Return pictures whose titles name the image they are of, if it has to be said."""
    if not name:
        return list(pictures)
    return [replace(picture, title=f"{name}: {picture.title}") for picture in pictures]


def _shown_pictures(
    pictures: Sequence[Sequence[Picture]],
    rows: Sequence[Row],
    count: int,
) -> tuple[list[Picture], list[str]]:
    """Return the pictures of all images, of many those of the best, median and worst one.

    `rows` are those of all methods of each of the `count` images, the model's first. With what is
    left out comes a note on it.
    """
    if count <= _MOST_PICTURED:
        return [picture for image in pictures for picture in image], []
    methods = len(rows) // count
    order = ranked(rows[::methods])
    chosen = (order[-1], order[count // 2], order[0])
    shown = [picture for number in chosen for picture in pictures[number]]
    return shown, [
        f"Pictures are of the worst, the median and the best of {count} images, by the first figure "
        "of the model."
    ]


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
    own = method_title(model.recipe.method)
    count = len(images)
    rows: list[Row] = []
    notes: list[str] = []
    truth: list[int] = []
    predicted: dict[str, list[int]] = {}
    probabilities = []
    for number, example in enumerate(images):
        cube, label = _image_and_label(model.recipe.task, example)
        name = cube.name or f"image {number + 1}"
        if label not in classes:
            raise ValueError(
                f"{name} is {label!r}; the model knows {', '.join(classes)}; "
                "label it as one of these, or leave it out"
            )
        job = predict_classes_steps(model, cube, machine=machine)
        result, scores = yield from one_of_many(job, 2 * number, 2 * count, name)
        probabilities.append(plane_probabilities(result, scores))
        classics = image_classes_steps(model.baselines, cube, machine)
        others = yield from one_of_many(classics, 2 * number + 1, 2 * count, name)
        for method, of_planes in ({own: plane_classes(result)} | others).items():
            known = [index for index in of_planes if index]
            predicted.setdefault(method, []).extend(known)
        measured = [index for index in plane_classes(result) if index]
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
    overall_rows = image_class_rows(model, count, predicted, truth)
    overall = Table("All images", overall_rows, better_of(overall_rows))
    by_image = Table("Image by image", rows)
    pictures = image_class_pictures(
        own,
        classes,
        np.array(predicted[own]),
        np.array(truth),
        np.concatenate(probabilities, axis=1),
    )
    about = about_model(model, [f"{row['image']}: {row['truth']}" for row in rows])
    return Report(_title(model, images), [overall, by_image], notes, pictures, about)


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
    nothing = np.zeros(size, bool)
    trusts = model.recipe.task.trusts_pixels
    return EvaluationPair(input, target, nothing, np.asarray(test), trusts)


def _with_numbers_of(model: Model, labels: Labels) -> Labels:
    """Return labels with the class numbers of a model, by the names of the classes.

    Labels without names are taken to have the model's numbers, as `tasks.classes.own_names` says.
    """
    names = model.card.classes
    own = own_names(labels, names)
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
    refitted = bool(used) and model.card.refitted
    if refitted or any(trained.training_pixels for trained in used):
        return [f"{name} was used to train the model: figures on it are too good."]
    if used:  # held out as a whole
        return [
            f"{name} was used for validation in the training of the model, to choose its best "
            "epoch: figures on it are a little too good."
        ]
    return []


def _mean_rows(rows: Sequence[Row]) -> list[Row]:
    """Return a row a method with the means over the images, where there are several."""
    methods = dict.fromkeys(row["method"] for row in rows)
    if len(rows) == len(methods):
        return []
    means: list[Row] = []
    for method in methods:
        alike = [row for row in rows if row["method"] == method]
        pixels = 0
        for row in alike:
            pixels += int(row["pixels"] or 0)
        mean: dict[str, Value] = {
            "image": "mean",
            "pixels": pixels,
            "method": method,
            "settings": alike[0]["settings"],
        }
        for heading in _figures_of_all(alike):
            mean[heading] = spread_of(row[heading] for row in alike).mean
        means.append(mean)
    return means


def _deviations_table(rows: Sequence[Row]) -> Table:
    """Return how far the figures of each method differ between images."""
    deviations: list[Row] = []
    for method in dict.fromkeys(row["method"] for row in rows):
        alike = [row for row in rows if row["method"] == method]
        row: dict[str, Value] = {"method": method}
        for heading in _figures_of_all(alike):
            row[heading] = spread_of(one[heading] for one in alike).std
        deviations.append(row)
    return Table("Standard deviation between images", deviations)


def _figures_of_all(rows: Sequence[Row]) -> list[str]:
    """Return the headings of the figures that all rows have: a line of pixels has no FSIM."""
    headings = []
    for heading, value in rows[0].items():
        in_all = all(heading in row for row in rows)
        if isinstance(value, float) and in_all:
            headings.append(heading)
    return headings


def _title(model: Model, images: Sequence[Images]) -> str:
    count = len(images)
    unit = "image" if count == 1 else "images"
    kind = model.card.task_kind.replace("_", " ")
    return f"{kind} on {count} {unit}"
