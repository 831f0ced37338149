"""Training: the public entrance, whatever the method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..machine import Machine
from ..models.model import Model
from ..progress import Job, run_with_bar
from ..recipe.choice import Choose
from ..recipe.recipe import Recipe
from ..system.paths import user_path
from ..tasks import Example
from .choice.choose import choose_steps
from .loop import fit_plan_steps, refit_plan_steps
from .plan import plan_training
from .refit import wants_refit
from .saving.autosave import Autosave


def fit(
    recipe: Recipe,
    examples: Sequence[Example],
    *,
    machine: Machine | None = None,
    autosave: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a model, with a progress bar in a terminal or notebook; Ctrl-C returns the best so far.

    For the parameters and errors see `fit_steps`, which yields after each batch.
    """
    steps = fit_steps(
        recipe,
        examples,
        machine=machine,
        autosave=autosave,
        resume=resume,
        start=start,
    )
    return run_with_bar(steps, "training")


def fit_steps(
    recipe: Recipe,
    examples: Sequence[Example],
    *,
    machine: Machine | None = None,
    autosave: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Job[Model]:
    """Train a model, yielding after each batch; return the model.

    `fit` drives it to its end; a worker in napari does the same with a progress bar.
    Thrown a `Stop`, or at Ctrl-C, it returns the best model so far. Equal recipes, examples, devices and
    threads give equal weights, bit for bit on a CPU.

    Parameters
    ----------
    recipe : Recipe
        Task, network, training.
    examples : sequence of Example
        From ``recipe.example(…)``; of any sizes, all with the same bands.
    machine : Machine, optional
        Device, precision, threads.
    autosave : path, optional
        A model file that is written again and again during training (at most every ten seconds),
        so that nothing is lost: where it cannot be written, a warning says so, once. An error has
        a note that says how to go on from it.
    resume : bool
        Resume the training that was saved at `autosave`, if it is there. A recipe with more epochs,
        or more patience, goes on where it stood.
    start : Model, optional
        A trained model to start from (transfer learning): all weights that fit are taken over,
        even if its bands or classes differ. The recipe says which of them stay frozen. Ignored
        where a training is resumed.

    Raises
    ------
    ValueError
        If there is no example, examples have different bands or were not preprocessed as the
        recipe says, a network over images is to classify a list of spectra, no weight of `start`
        fits, or the device does not exist.
    FileFormatError
        If `resume` finds another training at `autosave`, or one with more epochs behind it.
    DivergedError
        If the loss becomes NaN in the first epoch.
    LockedError
        If another training is being saved at `autosave`.
    TooLargeError
        If it needs more memory than is free; the message says what to change.
    """
    machine = machine or Machine()
    saves = Autosave(None if autosave is None else user_path(autosave))
    with saves.held():
        return (yield from _fit_steps(recipe, examples, machine, saves, start, resume=resume))


def _fit_steps(
    recipe: Recipe,
    examples: Sequence[Example],
    machine: Machine,
    saves: Autosave,
    start: Model | None,
    *,
    resume: bool,
) -> Job[Model]:
    """Train by the method of a recipe; see `fit_steps`."""
    if isinstance(recipe.method, Choose) and start is not None:
        # weights fit the network that they are of, and no other
        recipe = recipe.model_copy(update={"method": start.recipe.method})
    if isinstance(recipe.method, Choose):
        return (
            yield from choose_steps(
                recipe, recipe.method, examples, machine, saves.path, resume=resume
            )
        )
    plan = plan_training(recipe, examples)
    model = yield from fit_plan_steps(
        plan, machine=machine, autosave=saves, resume=resume, start=start
    )
    # of a transfer that is resumed, the model it started from may be gone
    lacks_start = bool(model.card.started_from) and start is None
    if lacks_start or not wants_refit(plan, model):
        return model
    return (
        yield from refit_plan_steps(
            plan, model, machine=machine, autosave=saves, resume=resume, start=start
        )
    )
