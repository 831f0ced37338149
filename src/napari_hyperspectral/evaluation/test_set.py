"""A model against the truth of whole images that it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ..axis import ChannelAxis
from ..cube import Cube, Image, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job, part_of
from ..tasks import Task
from ..training.record import fingerprint
from .compare import evaluate_steps
from .figures import classes_of_planes, rows_on_classes
from .ground import EvaluationPair, pair_of
from .reports import Report, Row, Table

_OF_NO_USE: Final = ("guard", "settings")
"""Columns of an evaluation that say nothing here: no pixel of the image taught."""


def evaluate_test_set_steps(
    model: Model,
    images: Sequence[Mapping[str, Image | str]],
    *,
    machine: Machine | None = None,
) -> Job[Report]:
    """Compare a model, and the raw data, with the truth of images that did not teach it.

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
        return (yield from _evaluate_whole(model, images, machine))
    return (yield from _evaluate_pixels(model, images, machine))


def _evaluate_pixels(
    model: Model, images: Sequence[Mapping[str, Image | str]], machine: Machine | None
) -> Job[Report]:
    rows: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    for number, one in enumerate(images):
        ground = _ground(model, one)
        name = ground.input.name or f"image {number + 1}"
        job = evaluate_steps(model, ground, baselines=False, machine=machine)
        found = yield from part_of(job, *_share(number, images), name)
        kept = [
            {k: v for k, v in row.items() if k not in _OF_NO_USE}
            for row in found.report.tables[0].rows
        ]
        rows += [{"image": name} | row for row in kept]
        pair = dict(one)
        task: Task = model.recipe.task
        if task.target_name is not None:  # labels as the model numbers them
            pair[task.target_name] = ground.target
        notes |= dict.fromkeys([*found.report.notes, *_seen_in_training(model, pair, name)])
    return Report(
        _title(model, images), [Table("Image by image", rows + _means(rows))], list(notes)
    )


def _evaluate_whole(
    model: Model, images: Sequence[Mapping[str, Image | str]], machine: Machine | None
) -> Job[Report]:
    """Compare the class of each image, or plane of it, with its truth."""
    task: Task = model.recipe.task
    assert task.target_name is not None
    names = _names(model)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    truths: list[int] = []
    founds: list[int] = []
    for number, one in enumerate(images):
        cube, truth = one[task.input_name], one[task.target_name]
        assert isinstance(cube, Cube)
        name = cube.name or f"image {number + 1}"
        if truth not in names:
            raise ValueError(f"{name} is {truth!r}; the model knows {', '.join(names)}")
        job = predict_steps(model, cube, machine=machine)
        result = yield from part_of(job, *_share(number, images), name)
        assert isinstance(result, Labels)
        found = [number for number in classes_of_planes(result) if number]
        truths += [names.index(str(truth)) + 1] * len(found)
        founds += found
        input = ", ".join(dict.fromkeys(names[i - 1] for i in found))
        rows.append({"image": name, "truth": str(truth), "found": input})
        notes += _seen_in_training(model, one, name)
    figures = rows_on_classes(model, len(images), founds, truths)
    tables = [Table("All images", figures), Table("Image by image", rows)]
    return Report(_title(model, images), tables, notes)


def _ground(model: Model, images: Mapping[str, Image | str]) -> EvaluationPair:
    """Return all of an image that has a truth as ground to test on."""
    input, target = pair_of(model.recipe.task, images)
    if isinstance(target, Labels):
        target = _numbered(target, _names(model))
    known_by = input if target.shape[-2:] != input.shape[-2:] else target
    planes = known_by.numpy().reshape(-1, *known_by.shape[-2:])
    known = planes > 0 if isinstance(target, Labels) else np.isfinite(planes)
    test = np.asarray(known.any(axis=0))
    return EvaluationPair(input, target, np.zeros_like(test), test)


def _numbered(labels: Labels, names: tuple[str, ...]) -> Labels:
    """Return labels by the numbers that a model gives classes of these names.

    Labels without names are taken to have its numbers.
    """
    ids = labels.numpy()
    most = int(ids.max(initial=0))
    own = labels.classes or names
    unknown = [
        own[i - 1] for i in np.unique(ids[ids > 0]) if i <= len(own) and own[i - 1] not in names
    ]
    if unknown or most > len(own):
        raise ValueError(
            f"labels {labels.name!r} hold {', '.join(unknown) or f'class {most}'}; "
            f"the model knows {', '.join(names)}"
        )
    number = np.array([0, *(names.index(name) + 1 if name in names else 0 for name in own)])
    return labels.after("numbered as the model does", data=number[ids], classes=names, colours=())


def _names(model: Model) -> tuple[str, ...]:
    output_axis = model.card.output_axis
    assert isinstance(output_axis, ChannelAxis)
    return output_axis.names


def _seen_in_training(model: Model, images: Mapping[str, Image | str], name: str) -> list[str]:
    """Return a note where an image, classes numbered as the model's, taught or validated it."""
    recipe = model.recipe
    if not recipe.task.predicts_intensities:
        task = recipe.task.model_copy(update={"classes": _names(model)})
        recipe = recipe.model_copy(update={"task": task})
    own = fingerprint(recipe.example(**images))
    seen = [trained for trained in model.card.trained_on if trained.sha256 == own]
    if any(trained.training_pixels for trained in seen):
        return [f"{name} taught the model: figures on it are too good."]
    if seen:  # it was held out as a whole
        return [
            f"{name} was used in the training of the model, to choose its best epoch: figures on "
            "it are a little too good."
        ]
    return []


def _means(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row a method with the means over the images, where there are several."""
    methods = dict.fromkeys(row["method"] for row in rows)
    if len(rows) == len(methods):
        return []
    means: list[dict[str, Any]] = []
    for method in methods:
        mine = [row for row in rows if row["method"] == method]
        figures = {
            name: float(np.mean([row[name] for row in mine]))
            for name, value in mine[0].items()
            if isinstance(value, float) and all(name in row for row in mine)
        }
        pixels = sum(int(row["pixels"] or 0) for row in mine)
        means.append({"image": "mean", "pixels": pixels, "method": method} | figures)
    return means


def _share(number: int, images: Sequence[object]) -> tuple[int, int]:
    """Return from which to which percent of the work an image takes."""
    return 100 * number // len(images), 100 * (number + 1) // len(images)


def _title(model: Model, images: Sequence[object]) -> str:
    count = len(images)
    return f"{model.card.recipe['task']['kind']} on {count} {'image' if count == 1 else 'images'}"
