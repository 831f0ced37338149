"""A model against the truth of a test set: whole images that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ..cube import Cube, Image, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job, one_of_many
from ..tasks import Task
from ..training.record import fingerprint
from .evaluate import evaluate_steps
from .image_classes import image_class_rows, plane_classes
from .pairs import EvaluationPair, input_and_target, renumbered, test_only_pair
from .reports import Report, Row, Table, Value

Images = Mapping[str, Image | str]
"""The images of an example, or the name of a class, as the task names them."""

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
    if model.recipe.task.image_level:
        return (yield from _evaluate_image_classes(model, images, machine))
    return (yield from _evaluate_pixels(model, images, machine))


def _evaluate_pixels(
    model: Model, images: Sequence[Images], machine: Machine | None
) -> Job[Report]:
    """Return a report on the pixels of images, image by image, with their means."""
    rows: list[Row] = []
    notes: dict[str, None] = {}  # in order, each once
    for number, example in enumerate(images):
        pair = _test_pair(model, example)
        name = pair.input.name or f"image {number + 1}"
        job = evaluate_steps(model, pair, baselines=False, machine=machine)
        evaluation = yield from one_of_many(job, number, len(images), name)
        for row in evaluation.report.tables[0].rows:
            columns = {heading: value for heading, value in row.items() if heading not in _LEFT_OUT}
            rows.append({"image": name, **columns})
        notes |= dict.fromkeys(evaluation.report.notes)
        notes |= dict.fromkeys(
            _training_notes(model, _renumbered_images(model, example, pair), name)
        )
    table = Table("Image by image", rows + _mean_rows(rows))
    return Report(_title(model, images), [table], list(notes))


def _evaluate_image_classes(
    model: Model, images: Sequence[Images], machine: Machine | None
) -> Job[Report]:
    """Return a report on the class of each image, or plane of it."""
    classes = model.card.classes
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
        result = yield from one_of_many(job, number, len(images), name)
        assert isinstance(result, Labels)
        measured = [index for index in plane_classes(result) if index]
        predicted += measured
        truth += [classes.index(label) + 1] * len(measured)
        names = dict.fromkeys(classes[index - 1] for index in measured)
        rows.append({"image": name, "truth": label, "predicted": ", ".join(names)})
        notes += _training_notes(model, example, name)
    overall = Table("All images", image_class_rows(model, len(images), predicted, truth))
    return Report(_title(model, images), [overall, Table("Image by image", rows)], notes)


def _image_and_label(task: Task, example: Images) -> tuple[Cube, str]:
    """Return the image of an example, and the name of its class."""
    assert task.target_name is not None
    cube, label = example[task.input_name], example[task.target_name]
    assert isinstance(cube, Cube)
    return cube, str(label)


def _test_pair(model: Model, images: Images) -> EvaluationPair:
    """Return an image with its truth, all pixels of which are for the test, if they have a truth."""
    input, target = input_and_target(model.recipe.task, images)
    if isinstance(target, Labels):
        target = _with_numbers_of(model, target)
        known = target.numpy() > 0  # (…, y, x)
    elif target.shape[-2:] == input.shape[-2:]:
        known = np.isfinite(target.numpy())
    else:  # of finer pixels: masks are of the coarse ones
        known = np.isfinite(input.numpy())
    test = known.reshape(-1, *input.shape[-2:]).any(axis=0)
    return test_only_pair(input, target, np.asarray(test))


def _with_numbers_of(model: Model, labels: Labels) -> Labels:
    """Return labels with the class numbers of a model, by the names of the classes.

    Labels without names are taken to have the model's numbers.
    """
    names = model.card.classes
    ids = labels.numpy()
    own = labels.classes or names
    unknown = []
    for number in np.unique(ids[ids > 0]):
        if number > len(own):
            unknown.append(f"class {number}")
        elif own[number - 1] not in names:
            unknown.append(own[number - 1])
    if unknown:
        raise ValueError(
            f"labels {labels.name!r} hold {', '.join(unknown)}; the model knows "
            f"{', '.join(names)}; name them as the model does, or erase them"
        )
    return renumbered(labels.after("numbered as the model does", classes=own, colours=()), names)


def _renumbered_images(model: Model, images: Images, pair: EvaluationPair) -> Images:
    """Return the images of an example, labels with the class numbers of the model."""
    task: Task = model.recipe.task
    if task.target_name is None:
        return images
    return {task.input_name: pair.input, task.target_name: pair.target}


def _training_notes(model: Model, images: Images, name: str) -> list[str]:
    """Return a note where an image, with the model's class numbers, was used in its training."""
    recipe = model.recipe
    if not recipe.task.predicts_intensities:
        task = recipe.task.model_copy(update={"classes": model.card.classes})
        recipe = recipe.model_copy(update={"task": task})
    own = fingerprint(recipe.example(**images))
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
    methods = dict.fromkeys(row["method"] for row in rows)
    if len(rows) == len(methods):
        return []
    means: list[Row] = []
    for method in methods:
        of_method = [row for row in rows if row["method"] == method]
        pixels = sum(int(row["pixels"] or 0) for row in of_method)
        mean: dict[str, Value] = {"image": "mean", "pixels": pixels, "method": method}
        for heading, value in of_method[0].items():
            in_all = all(heading in row for row in of_method)
            if isinstance(value, float) and in_all:
                mean[heading] = float(np.mean([row[heading] for row in of_method]))
        means.append(mean)
    return means


def _title(model: Model, images: Sequence[Images]) -> str:
    count = len(images)
    unit = "image" if count == 1 else "images"
    return f"{model.card.recipe['task']['kind']} on {count} {unit}"
