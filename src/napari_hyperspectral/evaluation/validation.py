"""A fresh model on what its training held out, of all its images together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cube import Cube, Image, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import Cancelled, predict_steps
from ..progress import Job, part_of
from ..tasks import Example, Task
from ..training.splits import Mask
from ..training.validation_split import splits_of
from .baselines import spectra_of
from .compare import methods_beside
from .figures import classes_of_planes, counted, judge_of, rows_on_classes
from .ground import EvaluationPair, Sides, numbered_alike, pair_of, prepared, sides_of
from .notes import notes_on, notes_on_super_resolution
from .reports import Row, plain


def validate_steps(
    model: Model,
    examples: Sequence[Example],
    images: Sequence[Mapping[str, Image | str]],
    *,
    machine: Machine | None = None,
) -> Job[Model]:
    """Return a fresh model with figures of merit on what its training held out, of all its images.

    Quick: of the baselines only the raw data. Where nothing was held out, or when it is stopped,
    the model comes back as it is.

    Parameters
    ----------
    model : Model
        Fresh from training.
    examples : sequence of Example
        All that it was trained on, in that order.
    images : sequence of mapping of name to image
        What the examples were made of, as the task names them; those of which something was held
        out are looked at, one at a time.
    machine : Machine, optional
        Where the model runs.
    """
    task: Task = model.recipe.task
    count = sum(one.validation_pixels > 0 for one in model.card.trained_on)
    if not count:
        return model
    if task.image_level:
        return (yield from _judged_whole(model, examples, images, machine))
    parts: list[_Part] = []
    for step, ground in enumerate(validation_grounds(model, examples, images)):
        start, end = (100 * n // count for n in (step, step + 1))
        job = _judged_part(model, ground, machine)
        try:
            parts.append((yield from part_of(job, start, end, f"judging {ground.input.name}")))
        except Cancelled:
            return model
    return model.with_metrics(_pooled(model, parts))


def validation_grounds(
    model: Model, examples: Sequence[Example], images: Sequence[Mapping[str, Image | str]]
) -> Iterator[EvaluationPair]:
    """Yield what training held out of each of its images, as ground to test on.

    It chose the best epoch, so figures on it are a little too good; they cost no data.

    Parameters
    ----------
    model : Model
        Fresh from training.
    examples : sequence of Example
        All that it was trained on, in that order.
    images : sequence of mapping of name to image
        What the examples were made of; only those of which something was held out are looked at.
    """
    task: Task = model.recipe.task
    splits = splits_of(model.recipe, task.unify_classes(examples))
    for number, (example, split) in enumerate(zip(examples, splits, strict=True)):
        if split.validation.any():
            input, target = pair_of(task, images[number])
            used = (example.sampling_classes > 0).any(axis=0)
            yield EvaluationPair(input, target, split.train & used, split.validation)


def _judged_whole(
    model: Model,
    examples: Sequence[Example],
    images: Sequence[Mapping[str, Image | str]],
    machine: Machine | None,
) -> Job[Model]:
    """Return a model that classifies images with figures on the images held out."""
    task: Task = model.recipe.task
    unify_classes = task.unify_classes(examples)
    splits = splits_of(model.recipe, unify_classes)
    chosen = [i for i, split in enumerate(splits) if split.validation.any()]
    truths: list[int] = []
    found: list[int] = []
    for step, number in enumerate(chosen):
        cube = images[number][task.input_name]
        assert isinstance(cube, Cube)
        job = predict_steps(model, cube, machine=machine)
        start, end = (100 * n // len(chosen) for n in (step, step + 1))
        try:
            result = yield from part_of(job, start, end, f"judging {cube.name}")
        except Cancelled:
            return model
        assert isinstance(result, Labels)
        planes = classes_of_planes(result)
        found += planes
        truths += unify_classes[number].target.reshape(len(planes)).astype(int).tolist()
    if not truths:
        return model
    rows = rows_on_classes(model, len(chosen), found, truths)
    return model.with_metrics({"figures": [plain(row) for row in rows], "notes": []})


class _Part(NamedTuple):
    """What one of the images judged adds to the figures on all."""

    sides: Sides
    figures: Sequence[Row]
    """Of each method, on the image as it is."""
    listed: EvaluationPair | None = None
    """Its test pixels as an image of one row; None of finer images, which are judged as images."""
    found: Mapping[tuple[str, str], NDArray[Any]] = MappingProxyType({})
    """What each method, with its settings, made of these pixels."""


def _judged_part(model: Model, ground: EvaluationPair, machine: Machine | None) -> Job[_Part]:
    """Run a model, and keep of an image what figures on several are made of."""
    ground = numbered_alike(ground, model)
    predicted = yield from predict_steps(model, ground.input, machine=machine)
    ground = prepared(ground, model)
    sides = sides_of(model, ground)
    found = {(type(model.recipe.network).__name__, ""): np.asarray(predicted.data)}
    for method in methods_beside(ground, model, tuned=False):
        found[method.name, method.settings] = method.run(ground.input.numpy())
    judge = judge_of(ground, model)
    figures = [_named(name) | judge(image, ground.test) for name, image in found.items()]
    if ground.scale > 1:
        return _Part(sides, figures)
    labels = isinstance(ground.target, Labels)
    listed = {name: _listed(image, ground.test, labels) for name, image in found.items()}
    return _Part(sides, figures, _list_of(ground), listed)


def _pooled(model: Model, parts: Sequence[_Part]) -> dict[str, Any]:
    """Return the figures and notes for a card: of the test pixels of all images together."""
    sides = Sides(*(sum(counts) for counts in zip(*(part.sides for part in parts), strict=True)))
    grounds = [part.listed for part in parts if part.listed]
    rows, how = _mean_rows(parts), "means over them, by the number of their test pixels"
    if grounds:
        ground = _joined(grounds)
        pooled = _pooled_rows(model, ground, parts)
        rows = [_completed(row, mean) for row, mean in zip(pooled, rows, strict=True)]
        how = "all their test pixels together" + ", FSIM as their mean" * ("FSIM" in rows[0])
        notes = notes_on(model, ground, sides)
    else:
        notes = notes_on_super_resolution(model.recipe.task.upscaling, sides)
    if len(parts) > 1:
        notes.append(f"Figures are of {len(parts)} images: {how}.")
    return {"figures": [plain({**row, "images": len(parts)}) for row in rows], "notes": notes}


def _pooled_rows(model: Model, ground: EvaluationPair, parts: Sequence[_Part]) -> list[Row]:
    judge = judge_of(ground, model)
    rows: list[Row] = []
    for name in parts[0].found:
        image = np.concatenate([part.found[name] for part in parts], axis=-1)
        rows.append(counted(_named(name) | judge(image, ground.test), ground, ground.test))
    return rows


def _completed(row: Row, mean: Row) -> Row:
    """Return a row with the means of what a list of pixels has not: FSIM, say, is of images."""
    return dict(row) | {name: mean[name] for name in mean if name not in row}


def _joined(grounds: Sequence[EvaluationPair]) -> EvaluationPair:
    """Return lists of pixels as one."""

    def joined(images: Sequence[Cube | Labels]) -> NDArray[Any]:
        return np.concatenate([image.numpy() for image in images], axis=-1)

    first = grounds[0]
    input = replace(first.input, data=joined([ground.input for ground in grounds]))
    target = replace(first.target, data=joined([ground.target for ground in grounds]))
    return _all_of(input, target)


def _mean_rows(parts: Sequence[_Part]) -> Sequence[Row]:
    """Return the mean figures of each method, images of more test pixels counting for more."""
    rows: list[Row] = []
    for each in zip(*(part.figures for part in parts), strict=True):
        mean = dict(each[0]) | {"pixels": sum(part.sides.test for part in parts)}
        # a row of pixels has no FSIM, say, but the image beside it has
        for name in dict.fromkeys(
            n for row in each for n, v in row.items() if isinstance(v, float)
        ):
            values = np.array([row.get(name, np.nan) for row in each])
            known = np.isfinite(values)
            weights = np.array([part.sides.test for part in parts])[known]
            mean[name] = (
                float(np.average(values[known], weights=weights)) if known.any() else values[0]
            )
        rows.append(mean)
    return rows


def _named(method: tuple[str, str]) -> dict[str, Any]:
    return {"guard": 0, "method": method[0], "settings": method[1]}


def _list_of(ground: EvaluationPair) -> EvaluationPair:
    """Return the test pixels of all planes as an image of one row."""
    input = Cube(spectra_of(ground.input.numpy(), ground.test), ground.input.axis)
    target = ground.target
    truth = _listed(target.numpy(), ground.test, isinstance(target, Labels))
    listed = (
        Labels(truth, target.classes) if isinstance(target, Labels) else Cube(truth, target.axis)
    )
    return _all_of(input, listed)


def _listed(image: NDArray[Any], test: Mask, labels: bool) -> NDArray[Any]:
    """Return some pixels of all planes as an image of one row."""
    return image[..., test].reshape(1, -1) if labels else spectra_of(image, test)


def _all_of(input: Cube, target: Cube | Labels) -> EvaluationPair:
    everywhere = np.ones(input.shape[-2:], bool)
    return EvaluationPair(input, target, ~everywhere, everywhere)
