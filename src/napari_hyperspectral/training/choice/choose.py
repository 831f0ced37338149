"""Choosing a method: all candidates on folds of held-out blocks, then the best one on everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...machine import Machine
from ...models.card import read_card
from ...models.model import Model
from ...progress import Cancelled, Job, Stop, shown_as
from ...recipe.candidates import candidates_for
from ...recipe.choice import Choose
from ...recipe.recipe import Recipe
from ...tasks import Example
from ..loop import fit_plan_steps
from ..plan import TrainingPlan, plan_training
from .compare import ComparedMethod, Comparison


class NothingComparedError(ValueError):
    """Not one method could be compared."""

    def __init__(self, methods: Sequence[ComparedMethod]) -> None:
        reasons = "; ".join(f"{method.title}: {method.note}" for method in methods)
        super().__init__(f"no method could be compared ({reasons}); choose a method by its name")


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
    if autosave is not None and resume and autosave.exists():
        plan = _interrupted_plan(autosave, examples)
        return (yield from fit_plan_steps(plan, machine=machine, autosave=autosave, resume=True))
    candidates = candidates_for(recipe)
    if len(candidates) == 1:  # there is nothing to choose from: it is trained as if it were named
        plan = plan_training(candidates[0].recipe(recipe), examples)
        return (yield from fit_plan_steps(plan, machine=machine, autosave=autosave))
    comparison = Comparison(recipe, choose, candidates, examples, machine)
    try:
        yield from comparison.steps()
    except (Stop, Cancelled):
        if comparison.best is None:
            raise Cancelled("comparison of methods") from None
    best = comparison.best
    if best is None:
        raise NothingComparedError(comparison.methods)
    rows = tuple(method.row for method in comparison.methods)
    plan = plan_training(best.recipe, examples)
    plan = replace(plan, compared=rows, compared_on=comparison.line)
    job = fit_plan_steps(plan, machine=machine, autosave=autosave)
    note = f"training {best.title} on everything"
    model = yield from shown_as(job, lambda step: comparison.progress(step, note))
    card = model.card.model_copy(update={"seconds": round(comparison.seconds, 1)})
    return replace(model, card=card)


def _interrupted_plan(autosave: Path, examples: Sequence[Example]) -> TrainingPlan:
    """Return the plan of the final training that a file holds."""
    card = read_card(autosave)
    plan = plan_training(Recipe.model_validate(card.recipe), examples)
    return replace(plan, compared=card.compared, compared_on=card.validation)
