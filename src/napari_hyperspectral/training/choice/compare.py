"""Comparing methods on folds of held-out blocks, within a budget of seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ...machine import Machine
from ...models.card import Compared
from ...models.model import Model
from ...networks import Network
from ...progress import Cancelled, Job, Progress, Result
from ...recipe.candidates import Candidate
from ...recipe.choice import Choose
from ...recipe.recipe import Recipe
from ...tasks import Example
from ..folds import Fold, fold_splits, folds_line
from ..loop import fit_plan_steps
from ..plan import TrainingPlan, plan_training
from .held_out import held_out_error_steps

_TRIAL: Final = 1.0
"""Seconds for which a network is trained to see how fast it is on this machine."""
_LEAST_SHARE: Final = 0.2
"""Share of its epochs below which a network is not worth comparing."""
_PATIENCE: Final = 2.0
"""Times its share that a method may take: given up, all that it took would be lost."""
_ROUNDS: Final = 3
"""Divisions into folds on which close methods are compared, while there is time."""
_EQUAL: Final = 1.005
"""Errors up to so many times the least one are equal to it."""
_CLOSE: Final = 2.0
"""Standard errors of the paired difference to the best method within which another one is close."""


class TooSlowError(Exception):
    """A method takes longer than its share of the budget."""

    def __init__(self, how_long: str) -> None:
        super().__init__(f"left out: {how_long}; give more time")


@dataclass(eq=False)
class ComparedMethod:
    """A candidate, and its errors on the folds so far."""

    title: str
    recipe: Recipe
    errors: list[float] = field(default_factory=list)
    """On each fold, and on those of further rounds."""
    seconds: float = 0.0
    note: str = ""
    """Why it was given up; empty where it was not."""

    @property
    def error(self) -> float:
        """Mean error; NaN where it was given up."""
        return math.nan if self.note or not self.errors else float(np.mean(self.errors))

    @property
    def preference(self) -> tuple[bool, bool, float]:
        """What decides between equal methods; the least is taken.

        Classical methods are quicker; what sees neighbours has less noise where spectra are unlike
        those of the training.
        """
        method = self.recipe.method
        return (isinstance(method, Network), method.operates_on == "spectrum", self.error)

    @property
    def row(self) -> Compared:
        """What stands on the card."""
        network = isinstance(self.recipe.method, Network)
        return Compared(
            title=self.title,
            method=self.recipe.method.model_dump(mode="json"),
            errors=tuple(self.errors),
            seconds=round(self.seconds, 1),
            epochs=self.recipe.training.epochs if network else 0,
            note=self.note,
        )

    def is_close_to(self, best: ComparedMethod) -> bool:
        """Return whether chance may have put it behind the best one."""
        count = min(len(self.errors), len(best.errors))
        differences = np.subtract(self.errors[:count], best.errors[:count])
        if count < 2:
            return True
        standard_error = differences.std(ddof=1) / math.sqrt(count)
        return bool(differences.mean() <= _CLOSE * standard_error)


class Comparison:
    """Candidates on folds, within a budget.

    Parameters
    ----------
    recipe : Recipe
        As it was asked for; its seed divides the pixels.
    choose : Choose
        Budget, and number of folds.
    candidates : sequence of Candidate
        Methods to compare, quick ones first.
    examples : sequence of Example
        Training data.
    machine : Machine
        Where the methods run.
    """

    def __init__(
        self,
        recipe: Recipe,
        choose: Choose,
        candidates: Sequence[Candidate],
        examples: Sequence[Example],
        machine: Machine,
    ) -> None:
        self._started = time.monotonic()
        self._choose = choose
        self._candidates = candidates
        self._machine = machine
        self._asked_for = recipe
        self._plan = plan_training(_without_validation(candidates[0].recipe(recipe)), examples)
        self._folds = self._division(0)
        self.methods: list[ComparedMethod] = []
        """In the order of the candidates."""

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    @property
    def line(self) -> str:
        """What was held out, in words."""
        examples = self._plan.examples
        pixels = sum(int((example.sampling_classes > 0).sum()) for example in examples)
        folds = folds_line(examples, self._folds)
        return f"{folds}; the final model was trained on all {pixels} pixels"

    @property
    def best(self) -> ComparedMethod | None:
        """The method of least error so far, of equal ones the preferred; None if there is none."""
        complete = [method for method in self.methods if math.isfinite(method.error)]
        if not complete:
            return None
        least = min(method.error for method in complete)
        equal = [method for method in complete if method.error <= _EQUAL * least]
        return min(equal, key=lambda method: method.preference)

    def steps(self) -> Job[None]:
        """Compare all candidates that there is time for; those that are close, on more folds."""
        for number, candidate in enumerate(self._candidates):
            yield from self._compare(candidate, len(self._candidates) - number)
        for number in range(1, _ROUNDS):
            best = self.best
            if best is None:
                return
            complete = [one for one in self.methods if math.isfinite(one.error)]
            close = [one for one in complete if one.is_close_to(best)]
            needed = sum(one.seconds for one in close) / number
            # the best is yet to be trained on everything
            if len(close) < 2 or self.seconds + 1.5 * needed > self._choose.budget:
                return
            folds = self._division(number)
            for method in close:
                yield from self._add_errors(method, folds, math.inf)

    def progress(self, step: Progress, note: str) -> Progress:
        """Return the progress of the time, with the losses of a training."""
        total = max(1, round(self._choose.budget))
        done = min(total, int(self.seconds))
        return Progress(done, total, step.loss, step.validation, note)

    def _compare(self, candidate: Candidate, remaining: int) -> Job[None]:
        """Train a candidate on each fold; `remaining` are yet to come, itself included."""
        recipe = _without_validation(candidate.recipe(self._asked_for))
        method = ComparedMethod(candidate.title, recipe)
        share = self._share(method, remaining)
        try:
            if isinstance(recipe.method, Network):
                began = self.seconds
                method.recipe = yield from self._with_epochs(method, share)
                share -= self.seconds - began
            yield from self._add_errors(method, self._folds, _PATIENCE * share)
        except (TooSlowError, ValueError, ImportError, MemoryError, ArithmeticError) as error:
            # what one method cannot do leaves the others to compare
            method.note = str(error)
        self.methods.append(method)

    def _add_errors(
        self, method: ComparedMethod, folds: Sequence[Fold], seconds: float
    ) -> Job[None]:
        """Train a method on each fold, and add its error on what was held out.

        The first fold shows whether all of them can be done in so many seconds.
        """
        began = self.seconds
        limit = max(seconds / len(folds), _TRIAL)
        before = method.seconds
        for number, fold in enumerate(folds, start=1):
            title = f"{method.title} on fold {number} of {len(folds)}"
            plan = self._plan_of(method.recipe, fold)
            training = fit_plan_steps(_without_held_out(plan), machine=self._machine)
            model = yield from self._part(training, f"training {title}", limit)
            testing = held_out_error_steps(model, plan, self._machine)
            error = yield from self._part(testing, f"testing {title}", limit)
            method.errors.append(error)
            method.seconds = before + self.seconds - began
            limit = math.inf

    def _part(self, job: Job[Result], note: str, limit: float = math.inf) -> Job[Result]:
        """Run a job of the comparison; stopped, it has no result: half a training says nothing.

        Raises
        ------
        TooSlowError
            If it takes more than `limit` seconds.
        """
        began = self.seconds
        try:
            while True:
                step = next(job)
                if self.seconds - began > limit:
                    raise TooSlowError(
                        f"not done after {self.seconds - began:.0f} s, its share of the time"
                    )
                yield self.progress(step, note)
        except StopIteration as end:
            if isinstance(end.value, Model) and end.value.card.ended == "by hand":
                raise Cancelled("comparison of methods") from None
            result: Result = end.value
            return result
        finally:
            job.close()

    def _share(self, method: ComparedMethod, remaining: int) -> float:
        """Return the seconds that a candidate may take, when `remaining` are yet to come."""
        left = max(self._choose.budget - self.seconds, 0)
        if isinstance(method.recipe.method, Network):  # which takes what it gets
            return left / remaining
        if self.best is None:  # some method there must be
            return math.inf
        return left / 2

    def _division(self, number: int) -> list[Fold]:
        """Return folds; those of another number are divided otherwise."""
        recipe = self._plan.recipe
        training = recipe.training.model_copy(update={"seed": recipe.training.seed + number})
        recipe = recipe.model_copy(update={"training": training})
        return fold_splits(recipe, self._plan.examples, self._choose.folds)

    def _plan_of(self, recipe: Recipe, fold: Fold) -> TrainingPlan:
        """Return the plan of a training on one fold."""
        return replace(plan_training(recipe, self._plan.examples), splits=fold)

    def _with_epochs(self, method: ComparedMethod, share: float) -> Job[Recipe]:
        """Return a recipe with as many epochs as there is time for, seen by a short trial."""
        recipe = method.recipe
        began = self.seconds
        plan = _without_held_out(self._plan_of(recipe, self._folds[0]))
        trial = fit_plan_steps(plan, machine=self._machine)
        ready = began  # when its preparations were over
        first_step = 0
        fraction = 0.0
        try:
            for step in trial:
                yield self.progress(step, f"timing {method.title}")
                if ready == began:
                    ready = self.seconds
                    first_step = step.done
                    continue
                fraction = (step.done - first_step) / step.total
                if fraction > 0 and self.seconds - ready > _TRIAL:
                    break
        finally:
            trial.close()
        if not fraction:  # over in a single step
            return recipe
        all_epochs = (self.seconds - ready) / fraction
        preparations = ready - began
        fits = len(self._folds) + 1  # the last on everything
        possible = min(1.0, (share / fits - preparations) / all_epochs)
        if possible < _LEAST_SHARE:
            needed = (_LEAST_SHARE * all_epochs + preparations) * fits
            raise TooSlowError(f"it would take {needed:.0f} s or more")
        epochs = max(1, int(possible * recipe.training.epochs))
        training = recipe.training.model_copy(update={"epochs": epochs})
        return recipe.model_copy(update={"training": training})


def _without_held_out(plan: TrainingPlan) -> TrainingPlan:
    """Return a plan that does not look at what a fold holds out, not even to choose an epoch."""
    splits = []
    for split in plan.splits:
        nothing = np.zeros_like(split.validation)
        splits.append(split._replace(validation=nothing))
    return replace(plan, splits=tuple(splits))


def _without_validation(recipe: Recipe) -> Recipe:
    """Return a recipe that trains on all that a fold leaves it."""
    training = recipe.training.model_copy(update={"validation": 0.0})
    return recipe.model_copy(update={"training": training})
