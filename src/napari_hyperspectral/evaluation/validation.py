"""A fresh model on the validation pixels of its training, of all its images together.

Validation chose the best epoch, so figures on these pixels are a little too good; they cost no
data. Only a test set shows how good a model is on other images.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cube import Cube
from ..machine import Machine
from ..metrics.values import Floats
from ..models.model import Model
from ..progress import Cancelled, Job, Stop, one_of_many, part_of
from ..tasks import Example, Task
from ..training.plan import TrainingPlan, plan_as_begun, plan_training
from ..training.refit import everything
from ..training.splits import Split
from .baselines.baseline import Values
from .classical import FittedClassics, fit_classics_steps, predict_all_steps
from .comparison import comparison_for, pooled_comparison
from .comparisons.base import Comparison, GuardedTest, MethodResult
from .image_classes import image_class_rows, image_classes_steps
from .pairs import EvaluationPair, Images, PixelCounts, input_and_target, pixel_counts
from .removed import removed_noise_steps
from .reports import Row, Value, json_row

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

    The quick classical methods of the task are fitted to the same training pixels and shown with
    it; small ones are kept with the model, for later evaluations. Where there are no validation
    pixels, there are no figures; stopped, the model comes back as it is. Figures of a model that
    was trained once more on everything are of the network before that.

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
    machine = machine or Machine()
    validated = model
    if model.validated is not None:
        validated = replace(model, network=model.validated)
    try:
        if not model.recipe.task.has_truth:
            metrics = yield from _removed_metrics(model, images, machine)
            return model.with_metrics(metrics)
        classics = yield from _classics_steps(model, examples, machine)
        kept = classics
        if model.card.refitted:  # as the model was
            kept = yield from _classics_steps(model, examples, machine, refit=True)
        model = replace(model, baselines=kept.small)
        metrics = yield from _metrics_steps(validated, examples, images, classics, machine)
    except (Stop, Cancelled):
        return model
    except Exception as error:  # a trained model is not lost for want of its figures
        warnings.warn(
            f"the model is trained, but could not be validated ({type(error).__name__}: {error}); it "
            "has no figures: evaluate it on other images",
            stacklevel=2,
        )
        return model
    if not metrics:
        return model
    return model.with_metrics(metrics)


def _classics_steps(
    model: Model,
    examples: Sequence[Example],
    machine: Machine,
    *,
    refit: bool = False,
) -> Job[FittedClassics]:
    """Fit the quick classical methods of the task to the pixels that the model was trained on.

    In a refit, to all pixels.
    """
    plan = _plan_of(model, examples)
    if refit:
        plan = everything(plan)
    job = fit_classics_steps(plan, machine, quick=True)
    return (yield from part_of(job, 0, 100, "fitting classical methods"))


def _metrics_steps(
    model: Model,
    examples: Sequence[Example],
    images: Sequence[Images],
    classics: FittedClassics,
    machine: Machine | None,
) -> Job[Metrics]:
    """Return figures and notes on the validation pixels; none where there are no such pixels."""
    count = 0
    for trained in model.card.trained_on:
        if trained.validation_pixels > 0:
            count += 1
    # weights that have seen all pixels, without those that have not, are not to be measured here
    lost = model.card.refitted and model.validated is None
    if not count or lost:
        return {}
    if model.recipe.task.image_level:
        return (yield from _image_class_metrics(model, examples, images, classics, machine))
    pairs = validation_pairs(model, examples, images)
    return (yield from _pixel_metrics(model, pairs, count, classics, machine))


def validation_pairs(
    model: Model,
    examples: Sequence[Example],
    images: Sequence[Images],
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
    task: Task = model.recipe.task
    plan = _plan_of(model, examples)
    for number, split in _validated(plan.splits):
        input, target = input_and_target(task, images[number])
        classes = plan.examples[number].sampling_classes  # (plane, y, x)
        # pixels that nothing is drawn from have trained nothing
        labelled = (classes > 0).any(axis=0)
        train = split.train & labelled
        yield EvaluationPair(input, target, train, split.validation, task.trusts_pixels)


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
    classics: FittedClassics,
    machine: Machine | None,
) -> Job[Metrics]:
    """Return figures on the validation images of a model that classifies images as a whole."""
    task: Task = model.recipe.task
    plan = _plan_of(model, examples)
    validated = list(_validated(plan.splits))
    count = len(validated)
    truth: list[int] = []
    predicted: dict[str, list[int]] = {}
    for step, (number, _) in enumerate(validated):
        cube = images[number][task.input_name]
        assert isinstance(cube, Cube)
        job = image_classes_steps([model, *classics.models], cube, machine)
        note = f"validating on {cube.name}"
        classes = yield from one_of_many(job, step, count, note)
        for method, of_planes in classes.items():
            predicted.setdefault(method, []).extend(of_planes)
        target = plan.examples[number].target  # (plane, 1, 1, 1)
        truth += target.ravel().astype(int).tolist()
    if not truth:
        return {}
    rows = image_class_rows(model, count, predicted, truth)
    figures = [json_row(row) for row in rows]
    return {"figures": figures, "notes": list(classics.notes)}


def _removed_metrics(
    model: Model,
    images: Sequence[Images],
    machine: Machine | None,
) -> Job[Metrics]:
    """Return what a model removes from the images it was trained on; nothing says what is right."""
    figures = []
    notes = []
    for step, image in enumerate(images):
        cube = image[model.recipe.task.input_name]
        assert isinstance(cube, Cube)
        job = removed_noise_steps(model, cube, machine=machine)
        removed = yield from one_of_many(job, step, len(images), f"looking at {cube.name}")
        figures.append(json_row(removed.row))
        notes.append(removed.note)
    return {"figures": figures, "notes": notes}


def _pixel_metrics(
    model: Model,
    pairs: Iterator[EvaluationPair],
    count: int,
    classics: FittedClassics,
    machine: Machine | None,
) -> Job[Metrics]:
    """Return figures and notes on the validation pixels of `count` images."""
    images: list[_ImageFigures] = []
    pixels: list[_ValidationPixels] = []
    for step, pair in enumerate(pairs):
        # the model is the first of them
        job = predict_all_steps([model, *classics.models], pair.input, machine)
        note = f"validating on {pair.input.name}"
        predicted = yield from one_of_many(job, step, count, note)
        comparison = comparison_for(pair, model)
        results = _quick_results(comparison, classics, predicted)
        images.append(_image_figures(comparison, results))
        # of each image, its validation pixels alone are kept
        if not comparison.of_images:
            pixels.append(_validation_pixels(comparison, results))
    metrics = _joint_metrics(comparison, images, pixels)
    return {**metrics, "notes": [*metrics["notes"], *classics.notes]}


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
        pairs = [part.pair for part in pixels]
        comparison = pooled_comparison(pairs, comparison.model)
        pooled = _pooled_rows(comparison, pixels)
        # a list of pixels has no FSIM, as images have
        joined: list[Row] = []
        for row, mean in zip(pooled, rows, strict=True):
            joined.append({**mean, **row})
        rows = joined
        how = "all their validation pixels together"
        if "FSIM" in rows[0]:
            how += ", FSIM as their mean"
    totals = np.sum([image.counts for image in images], axis=0)
    counts = PixelCounts(*totals.tolist())
    notes = comparison.notes(counts)
    if len(images) > 1:
        notes.append(f"Figures are of {len(images)} images: {how}.")
    figures = []
    for row in rows:
        figures.append(json_row({**row, "images": len(images)}))
    return {"figures": figures, "notes": notes}


def _quick_results(
    comparison: Comparison,
    classics: FittedClassics,
    predicted: Sequence[Values],
) -> list[MethodResult]:
    """Return what was predicted, by the model and by classical methods, and what needs no training."""
    ours, *others = predicted
    results = [comparison.model_result(ours)]
    for fitted, image in zip(classics.models, others, strict=True):
        results.append(comparison.classic_result(fitted, image))
    for baseline in comparison.baselines(tuned=False):
        results.append(comparison.result(baseline))
    return results


def _image_figures(
    comparison: Comparison,
    results: Sequence[MethodResult],
) -> _ImageFigures:
    """Return the figures of all methods on one image."""
    pair = comparison.pair
    test = GuardedTest(0, pair.test)
    rows = [comparison.row(result, test) for result in results]
    return _ImageFigures(pixel_counts(comparison.model, pair), rows)


def _validation_pixels(
    comparison: Comparison,
    results: Sequence[MethodResult],
) -> _ValidationPixels:
    """Return what each method gives for the validation pixels of one image."""
    pixels = []
    for result in results:
        image = comparison.pixels(result.image)
        pixels.append(result._replace(image=image))
    return _ValidationPixels(comparison.pair.as_pixel_list(), pixels)


def _pooled_rows(
    comparison: Comparison,
    parts: Sequence[_ValidationPixels],
) -> list[Row]:
    """Return the figures of each method on the validation pixels of all images in a row."""
    test = GuardedTest(0, comparison.pair.test)
    results_by_image = [part.results for part in parts]
    rows: list[Row] = []
    for results in zip(*results_by_image, strict=True):  # those of one method
        images = [result.image for result in results]
        image = np.concatenate(images, axis=-1)
        pooled = results[0]._replace(image=image)
        rows.append(comparison.row(pooled, test))
    return rows


def _mean_rows(images: Sequence[_ImageFigures]) -> list[Row]:
    """Return the mean figures of each method, images of more validation pixels counting for more."""
    pixels = np.array([image.counts.test for image in images])
    rows_by_image = [image.rows for image in images]
    means: list[Row] = []
    for rows in zip(*rows_by_image, strict=True):  # those of one method
        mean: dict[str, Value] = dict(rows[0])
        mean["pixels"] = int(pixels.sum())
        # an image may have a figure that another one lacks: a line of pixels has no FSIM
        for heading in _figure_names(rows):
            figures = [row.get(heading, np.nan) for row in rows]
            mean[heading] = _weighted_mean(np.array(figures, float), pixels)
        means.append(mean)
    return means


def _weighted_mean(figures: Floats, weights: NDArray[np.int64]) -> float:
    """Return the mean of a figure over the images that have it; as it is where none has."""
    known = np.isfinite(figures)
    if not known.any():
        return float(figures[0])
    mean = np.average(figures[known], weights=weights[known])
    return float(mean)


def _figure_names(rows: Sequence[Row]) -> list[str]:
    """Return the headings under which any of the rows has a figure, in their order."""
    names: dict[str, None] = {}  # in order, each once
    for row in rows:
        for heading, value in row.items():
            if isinstance(value, float):
                names[heading] = None
    return list(names)


def _validated(splits: Sequence[Split]) -> Iterator[tuple[int, Split]]:
    """Yield the splits with validation pixels, each with the number of its example."""
    for number, split in enumerate(splits):
        if split.validation.any():
            yield number, split


def _plan_of(model: Model, examples: Sequence[Example]) -> TrainingPlan:
    """Return the plan by which a model was trained."""
    plan = plan_training(model.recipe, examples)
    return plan_as_begun(plan, model.card)
