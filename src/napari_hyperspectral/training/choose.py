"""Choosing a method: all candidates on folds of held-out blocks, then the best one on everything."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ..machine import Machine
from ..models.card import Compared, read_card
from ..models.model import Model
from ..networks import Network
from ..progress import Cancelled, Job, Progress, Result, Stop
from ..recipe.candidates import Candidate, candidates_for
from ..recipe.choice import Choose
from ..recipe.recipe import Recipe
from ..tasks import Example
from .fit import fit_plan_steps
from .folds import Fold, fold_splits, folds_line
from .held_out import held_out_error_steps
from .plan import TrainingPlan, plan_training

_TRIAL: Final = 1.0
"""Seconds for which a network is trained to see how fast it is on this machine."""
_LEAST_SHARE: Final = 0.2
"""Share of its epochs below which a network is not worth comparing."""


class NothingComparedError(ValueError):
    """Not one method could be compared."""

    def __init__(self, compared: Sequence[Compared]) -> None:
        reasons = "; ".join(f"{one.title}: {one.note}" for one in compared)
        super().__init__(
            f"no method could be compared ({reasons}); give more time, or choose a method"
        )


def choose_steps(
    recipe: Recipe,
    choose: Choose,
    examples: Sequence[Example],
    machine: Machine,
    autosave: Path | None = None,
    *,
    resume: bool = False,
) -> Job[Model]:
    """Compare methods on folds, train the best one on everything, and return that model.

    Its card has the errors of all methods on the folds. Stopped while it compares, it takes the
    best so far.

    Parameters
    ----------
    recipe : Recipe
        Its task and preprocessing; settings that nobody set are those that suit each method.
    choose : Choose
        Budget, and number of folds.
    examples : sequence of Example
        From ``recipe.example(…)``.
    machine : Machine
        Where the methods run.
    autosave : path, optional
        Where the final training is saved.
    resume : bool
        Go on with the final training that was saved there; nothing is compared again.

    Raises
    ------
    ValueError
        If the examples do not fit the task, or no method can be compared.
    Cancelled
        If it is stopped before any method was compared.
    """
    interrupted = autosave is not None and resume and autosave.exists()
    if autosave is not None and interrupted:
        card = read_card(autosave)
        plan = plan_training(Recipe.model_validate(card.recipe), examples)
        plan = replace(plan, compared=card.compared, compared_on=card.validation)
        return (yield from fit_plan_steps(plan, machine=machine, autosave=autosave, resume=True))
    comparison = _Comparison(recipe, choose, examples, machine)
    best = yield from comparison.best()
    plan = plan_training(best.recipe, examples)
    plan = replace(plan, compared=tuple(comparison.compared), compared_on=comparison.line)
    training = fit_plan_steps(plan, machine=machine, autosave=autosave)
    model = yield from comparison.final(training, f"training {best.title} on everything")
    card = model.card.model_copy(update={"seconds": round(comparison.seconds, 1)})
    return replace(model, card=card)


class _Chosen(NamedTuple):
    """A candidate as it was compared."""

    title: str
    recipe: Recipe
    error: float
    """Mean over the folds."""


class _TooSlow(Exception):
    """A method takes longer than its share of the budget."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"left out, as it would take {seconds:.0f} s or more; give more time")


class _Comparison:
    """Candidates on folds, within a budget."""

    def __init__(
        self, recipe: Recipe, choose: Choose, examples: Sequence[Example], machine: Machine
    ) -> None:
        self._started = time.monotonic()
        self._recipe = recipe
        self._choose = choose
        self._examples = examples
        self._machine = machine
        self._folds: list[Fold] = []
        self._chosen: list[_Chosen] = []
        self.compared: list[Compared] = []
        """All candidates, with their errors or why there are none."""
        self.line = ""
        """What was held out, in words; empty where there was nothing to choose from."""

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    def best(self) -> Job[_Chosen]:
        """Compare all candidates that there is time for; return the one of least error."""
        candidates = candidates_for(self._recipe)
        if len(candidates) == 1:
            only = candidates[0]
            return _Chosen(only.title, only.recipe(self._recipe), math.nan)
        plan = plan_training(
            _without_validation(candidates[0].recipe(self._recipe)), self._examples
        )
        self._folds = fold_splits(plan.recipe, plan.examples, self._choose.folds)
        pixels = sum(int((example.sampling_classes > 0).sum()) for example in plan.examples)
        folds = folds_line(plan.examples, self._folds)
        self.line = f"{folds}; the final model was trained on all {pixels} pixels"
        try:
            for number, candidate in enumerate(candidates):
                yield from self._compare(candidate, len(candidates) - number)
        except Stop:
            if not self._chosen:
                raise Cancelled("comparison of methods") from None
        if not self._chosen:
            raise NothingComparedError(self.compared)
        return min(self._chosen, key=lambda chosen: chosen.error)

    def final(self, job: Job[Result], note: str) -> Job[Result]:
        """Run the last training, which hears a stop by itself; progress is that of the time."""
        try:
            step = next(job)
            while True:
                try:
                    yield self._progress(step, note)
                except Stop as stop:
                    step = job.throw(stop)
                else:
                    step = next(job)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            job.close()

    def _part(self, job: Job[Result], note: str, limit: float = math.inf) -> Job[Result]:
        """Run a job of the comparison; stopped, it has no result: half a training says nothing.

        Raises
        ------
        _TooSlow
            If it takes more than `limit` seconds.
        """
        began = self.seconds
        try:
            while True:
                step = next(job)
                if self.seconds - began > limit:
                    raise _TooSlow(limit * len(self._folds))
                yield self._progress(step, note)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            job.close()

    def _progress(self, step: Progress, note: str) -> Progress:
        """Return the progress of the time, with the losses of a training."""
        total = max(1, round(self._choose.budget))
        done = min(total, int(self.seconds))
        return Progress(done, total, step.loss, step.validation, note)

    def _compare(self, candidate: Candidate, remaining: int) -> Job[None]:
        """Train a candidate on each fold, and keep its errors; `remaining` are yet to come."""
        recipe = _without_validation(candidate.recipe(self._recipe))
        began = self.seconds
        # all that are to come share what is left, and the best is trained once more in the end
        share = max(self._choose.budget - began, 0) / remaining
        errors: list[float] = []
        note = ""
        try:
            if isinstance(recipe.method, Network):
                recipe = yield from self._with_epochs(recipe, share, candidate.title)
            for number, fold in enumerate(self._folds, start=1):
                title = f"{candidate.title} on fold {number} of {len(self._folds)}"
                limit = max(share - (self.seconds - began), _TRIAL)
                plan = self._plan(recipe, fold)
                model = yield from self._part(
                    fit_plan_steps(plan, machine=self._machine), f"training {title}", limit
                )
                error = yield from self._part(
                    held_out_error_steps(model, plan, self._machine), f"testing {title}"
                )
                errors.append(error)
        except (_TooSlow, ValueError, MemoryError, ArithmeticError) as error:
            # what one method cannot do leaves the others to compare
            note = str(error)
        mean = float(np.mean(errors)) if len(errors) == len(self._folds) else math.nan
        if math.isfinite(mean):
            self._chosen.append(_Chosen(candidate.title, recipe, mean))
        row = Compared(
            title=candidate.title,
            method=recipe.method.model_dump(mode="json"),
            errors=tuple(errors),
            seconds=round(self.seconds - began, 1),
            note=note,
        )
        self.compared.append(row)

    def _plan(self, recipe: Recipe, fold: Fold) -> TrainingPlan:
        """Return the plan of a training on one fold."""
        return replace(plan_training(recipe, self._examples), splits=fold)

    def _with_epochs(self, recipe: Recipe, share: float, title: str) -> Job[Recipe]:
        """Return a recipe with as many epochs as there is time for, seen by a short trial."""
        trial = fit_plan_steps(self._plan(recipe, self._folds[0]), machine=self._machine)
        first: tuple[float, int] | None = None
        fraction = 0.0
        began = self.seconds
        try:
            for step in trial:
                yield self._progress(step, f"timing {title}")
                if first is None:  # preparations do not count
                    first = (self.seconds, step.done)
                    continue
                took = self.seconds - first[0]
                fraction = (step.done - first[1]) / step.total
                if took > _TRIAL and fraction > 0:
                    break
        finally:
            trial.close()
        preparation = (first[0] if first else self.seconds) - began
        per_fit = share / (len(self._folds) + 1) - preparation
        if not fraction or first is None:
            return recipe
        all_epochs = (self.seconds - first[0]) / fraction  # seconds of a complete training
        possible = min(1.0, per_fit / all_epochs)
        if possible < _LEAST_SHARE:
            raise _TooSlow(_LEAST_SHARE * (all_epochs + preparation) * (len(self._folds) + 1))
        epochs = max(1, int(possible * recipe.training.epochs))
        training = recipe.training.model_copy(update={"epochs": epochs})
        return recipe.model_copy(update={"training": training})


def _without_validation(recipe: Recipe) -> Recipe:
    """Return a recipe that trains on all that a fold leaves it."""
    training = recipe.training.model_copy(update={"validation": 0.0})
    return recipe.model_copy(update={"training": training})
