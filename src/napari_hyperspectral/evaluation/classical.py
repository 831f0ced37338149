"""Classical methods next to a model: trained on the same pixels, and run like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..classics import Bicubic, Classic
from ..classics.process import FitError
from ..cube import Cube, Labels
from ..machine import Machine
from ..models.model import Model
from ..networks import Method
from ..prediction.predict import predict_steps
from ..progress import Job, one_of_many
from ..recipe.candidates import Candidate, candidates_for
from ..recipe.methods import classics_for
from ..recipe.recipe import Recipe
from ..tasks import Task
from ..tasks.super_resolution import SuperResolutionTask
from ..training.loop import fit_plan_steps
from ..training.plan import TrainingPlan, plan_training
from ..training.splits import Split
from .baselines.baseline import Values
from .pairs import EvaluationPair

LONG_FITS: Final = 20_000
"""Targets (pixels by channels, or labelled pixels) up to which methods whose fits take long, such as
an SVM or boosted trees, are fitted in a minute or so."""
_MOST_NUMBERS: Final = 1_000_000
"""Numbers of a classical method that is kept in the file of a model; 4 MB."""


@dataclass(frozen=True, eq=False)
class FittedClassics:
    """The classical methods of a task, fitted to the training pixels of a model."""

    models: tuple[Model, ...]
    notes: tuple[str, ...]
    """Which methods could not be fitted, and why."""

    @property
    def small(self) -> tuple[Model, ...]:
        """Those that are kept in the file of the model."""
        return tuple(model for model in self.models if model.card.parameters <= _MOST_NUMBERS)


NO_CLASSICS: Final = FittedClassics((), ())


def method_title(method: Method) -> str:
    """Return how a method is named in a table; of classical ones, with what differs from defaults."""
    if isinstance(method, Classic):
        return Candidate(method).title
    return type(method).__name__


def has_classic(task: Task, *kinds: str) -> bool:
    """Tell whether a task has a classical method of one of these kinds."""
    return any(method.model_fields["kind"].default in kinds for method in classics_for(task))


def classics_of(recipe: Recipe, *, quick: bool = False) -> list[Classic]:
    """Return the classical methods of a recipe's task; the recipe's own method is none of them.

    With `quick`, none whose fit takes long; and of the others those that a choice by measurement
    compares, if there are any.
    """
    methods: list[Classic] = []
    for candidate in candidates_for(recipe):
        method = candidate.method
        if isinstance(method, Classic) and not (quick and method.fits_long):
            methods.append(method)
    if not (quick and methods):
        kinds = {type(method) for method in methods}
        for kind in classics_for(recipe.task):
            if kind not in kinds and not (quick and kind.fits_long):
                methods.append(kind())
    others = []
    for method in methods:
        # comparisons have interpolation of their own, with and without consistency
        if method != recipe.method and not isinstance(method, Bicubic):
            others.append(method)
    return others


def fit_classics_steps(
    plan: TrainingPlan,
    machine: Machine,
    *,
    quick: bool = False,
    long_fits: int = LONG_FITS,
) -> Job[FittedClassics]:
    """Fit the classical methods of a plan's task to its training pixels.

    What they leave open is tuned on blocks of these pixels; no other pixel is looked at.

    Parameters
    ----------
    plan : TrainingPlan
        Of the model that they are compared with.
    machine : Machine
        Threads.
    quick : bool
        Only those of `classics_of` that are quick.
    long_fits : int
        Targets up to which methods whose fits take long are fitted.

    Raises
    ------
    Cancelled
        If it is stopped.
    """
    pixels = _training_pixels(plan)
    if not pixels:
        return NO_CLASSICS
    targets = pixels
    if plan.recipe.task.predicts_intensities:
        targets *= plan.ports.bands_out
    methods = classics_of(plan.recipe, quick=quick)
    models: list[Model] = []
    notes = []
    for number, method in enumerate(methods):
        title = method_title(method)
        if method.fits_long and targets > long_fits:
            notes.append(f"{title} is left out: its fit to {targets:,} values would take long.")
            continue
        recipe = plan.recipe.model_copy(update={"method": method})
        job = fit_plan_steps(replace(plan, recipe=recipe), machine=machine)
        try:
            model = yield from one_of_many(job, number, len(methods), f"fitting {title}")
        except (ValueError, ArithmeticError, MemoryError, FitError) as error:
            # the others are worth comparing all the same
            notes.append(f"{title} could not be fitted: {error}.")
        else:
            models.append(model)
    return FittedClassics(tuple(models), tuple(notes))


def _training_pixels(plan: TrainingPlan) -> int:
    """Return how many pixels of a plan train."""
    pixels = 0
    for example, split in zip(plan.examples, plan.splits, strict=True):
        labelled = (example.sampling_classes > 0).any(axis=0)
        pixels += int((split.train & labelled).sum())
    return pixels


def plan_of_pair(model: Model, pair: EvaluationPair) -> TrainingPlan:
    """Return the plan of a training on exactly the training pixels of a pair."""
    pair = pair.with_class_numbers_of(model)
    recipe = _without_validation(model)
    task: Task = recipe.task
    images: dict[str, Cube | Labels] = {task.input_name: pair.input}
    if isinstance(task, SuperResolutionTask):
        images = {task.input_name: pair.target}  # which is degraded again
    elif task.target_name is not None:
        images[task.target_name] = pair.target
    plan = plan_training(recipe, [recipe.example(**images)])
    nothing = np.zeros_like(pair.train)
    return replace(plan, splits=(Split(nothing, pair.train, 0),))


def predict_all_steps(
    models: Sequence[Model],
    cube: Cube,
    machine: Machine | None,
) -> Job[list[Values]]:
    """Return what each of several models predicts of a cube."""
    images: list[Values] = []
    for number, model in enumerate(models):
        job = predict_steps(model, cube, machine=machine)
        title = method_title(model.recipe.method)
        predicted = yield from one_of_many(job, number, len(models), f"running {title}")
        images.append(predicted.numpy())
    return images


def _without_validation(model: Model) -> Recipe:
    """Return the recipe of a model that trains on all that it gets, and knows the model's classes."""
    recipe = model.recipe
    training = recipe.training.model_copy(update={"validation": 0.0})
    task = recipe.task
    if not task.predicts_intensities:
        task = task.model_copy(update={"classes": model.card.classes})
    return recipe.model_copy(update={"training": training, "task": task})
