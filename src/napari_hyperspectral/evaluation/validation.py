"""A fresh model on the validation pixels of its training, of all its images together.

Validation chose the best epoch, so figures on these pixels are a little too good; they cost no
data. Only a test set shows how good a model is on other images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..cube import Cube, Image, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import Cancelled, predict_steps
from ..progress import Job, one_of_many
from ..tasks import Example, Task
from ..training.plan import plan_training
from ..training.splits import Split
from .baselines.baseline import Values
from .comparison import Comparison, GuardedTest, MethodResult, comparison_for, pooled_comparison
from .image_classes import image_class_rows, plane_classes
from .pairs import EvaluationPair, PixelCounts, input_and_target, pixel_counts
from .reports import Row, Value, json_row

Images = Mapping[str, Image | str]
"""The images of an example, or the name of a class, as the task names them."""
Metrics = dict[str, Any]
"""Figures and notes as JSON, for the card of a model."""


def validate_steps(
    model: Model,
    examples: Sequence[Example],
    images: Sequence[Images],
    *,
    machine: Machine | None = None,
) -> Job[Model]:
    """Return a fresh model with its figures of merit on the validation pixels of all its images.

    Quick: only those baselines that need no tuning. Where there are no validation pixels, or when
    it is stopped, the model comes back as it is.

    Parameters
    ----------
    model : Model
        Fresh from training.
    examples : sequence of Example
        All that it was trained on, in that order.
    images : sequence of mapping of name to image
        What the examples were made of, as the task names them; those with validation pixels are
        loaded, one at a time.
    machine : Machine, optional
        Where the model runs.
    """
    count = sum(trained.validation_pixels > 0 for trained in model.card.trained_on)
    if not count:
        return model
    try:
        if model.recipe.task.image_level:
            metrics = yield from _image_class_metrics(model, examples, images, machine)
        else:
            pairs = validation_pairs(model, examples, images)
            metrics = yield from _pixel_metrics(model, pairs, count, machine)
    except Cancelled:
        return model
    return model.with_metrics(metrics) if metrics else model


def validation_pairs(
    model: Model, examples: Sequence[Example], images: Sequence[Images]
) -> Iterator[EvaluationPair]:
    """Yield each image that has validation pixels, with these as test pixels.

    Parameters
    ----------
    model : Model
        Fresh from training.
    examples : sequence of Example
        All that it was trained on, in that order.
    images : sequence of mapping of name to image
        What the examples were made of; only those with validation pixels are loaded.
    """
    plan = plan_training(model.recipe, examples)
    for number, split in _validated(plan.splits):
        input, target = input_and_target(model.recipe.task, images[number])
        labelled = (plan.examples[number].sampling_classes > 0).any(axis=0)  # (y, x)
        yield EvaluationPair(input, target, split.train & labelled, split.validation)


class _ImageFigures(NamedTuple):
    """Figures on one image."""

    counts: PixelCounts
    rows: Sequence[Row]
    """A row a method."""


class _ValidationPixels(NamedTuple):
    """The validation pixels of an image as an image of one row, to be joined with others."""

    pair: EvaluationPair
    results: Sequence[MethodResult]
    """What each method gives for them."""


def _image_class_metrics(
    model: Model,
    examples: Sequence[Example],
    images: Sequence[Images],
    machine: Machine | None,
) -> Job[Metrics]:
    """Return figures on the validation images of a model that classifies images as a whole."""
    task: Task = model.recipe.task
    plan = plan_training(model.recipe, examples)
    validated = list(_validated(plan.splits))
    truth: list[int] = []
    predicted: list[int] = []
    for step, (number, _) in enumerate(validated):
        cube = images[number][task.input_name]
        assert isinstance(cube, Cube)
        job = predict_steps(model, cube, machine=machine)
        note = f"validating on {cube.name}"
        result = yield from one_of_many(job, step, len(validated), note)
        assert isinstance(result, Labels)
        predicted += plane_classes(result)
        target = plan.examples[number].target  # (plane, 1, 1, 1)
        truth += target.ravel().astype(int).tolist()
    if not truth:
        return {}
    rows = image_class_rows(model, len(validated), predicted, truth)
    return {"figures": [json_row(row) for row in rows], "notes": []}


def _pixel_metrics(
    model: Model, pairs: Iterator[EvaluationPair], count: int, machine: Machine | None
) -> Job[Metrics]:
    """Return figures and notes on the validation pixels of `count` images."""
    images: list[_ImageFigures] = []
    pixels: list[_ValidationPixels] = []
    for step, pair in enumerate(pairs):
        job = predict_steps(model, pair.input, machine=machine)
        note = f"validating on {pair.input.name}"
        predicted = yield from one_of_many(job, step, count, note)
        comparison = comparison_for(pair, model)
        results = _quick_results(comparison, predicted.numpy())
        images.append(_image_figures(comparison, results))
        if not comparison.of_images:
            pixels.append(_validation_pixels(comparison, results))
    return _joint_metrics(comparison, images, pixels)


def _joint_metrics(
    comparison: Comparison,
    images: Sequence[_ImageFigures],
    pixels: Sequence[_ValidationPixels],
) -> Metrics:
    """Return figures and notes on all images, from figures on each or from all their pixels.

    `comparison` is that of one of the images; `pixels` are empty where figures are of images.
    """
    rows = _mean_rows(images)
    how = "means over them, by the number of their validation pixels"
    if pixels:
        comparison = pooled_comparison([part.pair for part in pixels], comparison.model)
        pooled = _pooled_rows(comparison, pixels)
        # a list of pixels has no FSIM, as images have
        rows = [{**mean, **row} for row, mean in zip(pooled, rows, strict=True)]
        how = "all their validation pixels together"
        if "FSIM" in rows[0]:
            how += ", FSIM as their mean"
    totals = np.sum([image.counts for image in images], axis=0)
    notes = comparison.notes(PixelCounts(*totals.tolist()))
    if len(images) > 1:
        notes.append(f"Figures are of {len(images)} images: {how}.")
    figures = [json_row({**row, "images": len(images)}) for row in rows]
    return {"figures": figures, "notes": notes}


def _quick_results(comparison: Comparison, prediction: Values) -> list[MethodResult]:
    """Return the prediction, and what the baselines without tuning make of the input."""
    results = [comparison.model_result(prediction)]
    for baseline in comparison.baselines(tuned=False):
        results.append(comparison.result(baseline))
    return results


def _image_figures(comparison: Comparison, results: Sequence[MethodResult]) -> _ImageFigures:
    test = GuardedTest(0, comparison.pair.test)
    counts = pixel_counts(comparison.model, comparison.pair)
    return _ImageFigures(counts, [comparison.row(result, test) for result in results])


def _validation_pixels(
    comparison: Comparison, results: Sequence[MethodResult]
) -> _ValidationPixels:
    pixels = []
    for result in results:
        pixels.append(result._replace(image=comparison.pixels(result.image)))
    return _ValidationPixels(comparison.pair.as_pixel_list(), pixels)


def _pooled_rows(comparison: Comparison, parts: Sequence[_ValidationPixels]) -> list[Row]:
    """Return the figures of each method on the validation pixels of all images in a row."""
    test = GuardedTest(0, comparison.pair.test)
    rows: list[Row] = []
    for results in zip(*(part.results for part in parts), strict=True):
        image = np.concatenate([result.image for result in results], axis=-1)
        rows.append(comparison.row(results[0]._replace(image=image), test))
    return rows


def _mean_rows(images: Sequence[_ImageFigures]) -> list[Row]:
    """Return the mean figures of each method, images of more validation pixels counting for more."""
    pixels = np.array([image.counts.test for image in images])
    means: list[Row] = []
    for rows in zip(*(image.rows for image in images), strict=True):
        mean: dict[str, Value] = dict(rows[0])
        mean["pixels"] = int(pixels.sum())
        # an image may have a figure that another one lacks: a line of pixels has no FSIM
        for heading in _figure_names(rows):
            values = np.array([row.get(heading, np.nan) for row in rows], float)
            known = np.isfinite(values)
            mean[heading] = float(values[0])
            if known.any():
                mean[heading] = float(np.average(values[known], weights=pixels[known]))
        means.append(mean)
    return means


def _figure_names(rows: Sequence[Row]) -> list[str]:
    """Return the headings under which any of the rows has a figure, in their order."""
    items = chain.from_iterable(row.items() for row in rows)
    return list(dict.fromkeys(heading for heading, value in items if isinstance(value, float)))


def _validated(splits: Sequence[Split]) -> Iterator[tuple[int, Split]]:
    """Yield the splits with validation pixels, each with the number of its example."""
    for number, split in enumerate(splits):
        if split.validation.any():
            yield number, split
