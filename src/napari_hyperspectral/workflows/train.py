"""Training a model on layers or files: read the examples, fit, and validate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..classics import Classic
from ..cube import Image
from ..devices import torch_device
from ..evaluation.validation import validate_steps
from ..examples.source import ExampleSource
from ..machine import Machine
from ..models.model import Model
from ..models.summary import duration
from ..progress import Job
from ..recipe.building import module_of
from ..recipe.candidates import candidates_for
from ..recipe.choice import Choose
from ..recipe.recipe import Recipe
from ..tasks import Example
from ..training.fit import fit_steps
from ..training.memory import check_memory
from ..training.plan import plan_training
from ..training.previews import preview_of
from .autosave import autosave_path
from .resume import resumption


def train_steps(
    recipe: Recipe,
    source: ExampleSource,
    machine: Machine,
    autosave: Path | None = None,
    start: Model | Path | None = None,
    *,
    resume: bool = False,
    keep: Callable[[Model], object] | None = None,
) -> Job[Model]:
    """Read the examples, train, and return the model with its figures on the validation pixels.

    Parameters
    ----------
    recipe : Recipe
        How to train.
    source : ExampleSource
        What to train on.
    machine : Machine
        Where the network runs.
    autosave : path, optional
        Where the training in progress is saved.
    start : Model or path, optional
        A model to start from, or its file: transfer learning.
    resume : bool
        Continue the training that was saved at `autosave`.
    keep : callable, optional
        Called with the model once it is trained: before its validation, which may fail, or never
        end.

    Raises
    ------
    ValueError, OSError
        As reading the images does, and as `fit_steps` does.
    """
    examples = yield from source.examples(recipe)
    first = Model.load(start) if isinstance(start, Path) else start
    return (
        yield from _fit_and_validate(
            recipe, source, examples, machine, autosave, first, resume=resume, keep=keep
        )
    )


def resume_steps(
    recipe: Recipe,
    source: ExampleSource,
    machine: Machine,
    out: Path,
    *,
    overwrite: bool = False,
    keep: Callable[[Model], object] | None = None,
) -> Job[Model | None]:
    """Do what `train_steps` does, from where a training of the same recipe and data stood.

    With nothing to go on from, and no model at `out`, the training begins. With the finished model
    at `out`, there is nothing to do: None is returned.

    Parameters
    ----------
    recipe, source, machine, keep
        As of `train_steps`.
    out : path
        Where the model is to be.
    overwrite : bool
        Whether a model of another training may be replaced there.

    Raises
    ------
    CannotResumeError, FileExistsError
        As `resumption` does.
    ValueError, OSError
        As `train_steps` does.
    """
    examples = yield from source.examples(recipe)
    found = resumption(machine, recipe, examples, out, overwrite=overwrite)
    if found.complete is not None:
        return None
    autosave = found.autosave
    if autosave is None:
        warnings.warn("there is nothing to resume; training from the start", stacklevel=2)
        autosave = new_autosave(machine, recipe)
    resume = found.autosave is not None
    return (
        yield from _fit_and_validate(
            recipe, source, examples, machine, autosave, None, resume=resume, keep=keep
        )
    )


def new_autosave(machine: Machine, recipe: Recipe) -> Path | None:
    """Return where a training that begins now is saved; None, with a warning, where nothing can be."""
    try:
        return autosave_path(machine, recipe)
    except OSError as error:
        warnings.warn(
            f"nothing is saved before the end of the training ({error}); choose another folder "
            "(--cache, or the preferences)",
            stacklevel=2,
        )
        return None


def _fit_and_validate(
    recipe: Recipe,
    source: ExampleSource,
    examples: Sequence[Example],
    machine: Machine,
    autosave: Path | None,
    start: Model | None,
    *,
    resume: bool,
    keep: Callable[[Model], object] | None,
) -> Job[Model]:
    """Train, keep the model, and return it with its figures."""
    model = yield from fit_steps(
        recipe, examples, machine=machine, autosave=autosave, resume=resume, start=start
    )
    if keep is not None:
        keep(model)
    if model.card.compared:  # it has seen all pixels; its errors on held-out folds are on its card
        return model
    return (yield from validate_steps(model, examples, source.images, machine=machine))


def preview_steps(recipe: Recipe, source: ExampleSource, epoch: int = 1) -> Job[dict[str, Image]]:
    """Return the first batch of an epoch as images, by name."""
    examples = yield from source.examples(recipe)
    return preview_of(recipe, examples, epoch)


def training_summary(recipe: Recipe, source: ExampleSource, machine: Machine) -> str:
    """Return what is about to be trained in one line: weights, memory, pixels, axes.

    Raises
    ------
    ValueError
        If the images are no examples of the task.
    MemoryError
        If the training does not fit into the memory of its device.
    """
    if not source.quick:
        return f"{source}: they are read when training starts."
    examples = [recipe.example(**images) for images in source.images]
    plan = plan_training(recipe, examples)
    pixels = sum(int((example.sampling_classes > 0).sum()) for example in plan.examples)
    output = "the same" if plan.output_axis == plan.input_axis else str(plan.output_axis)
    data = f"{pixels:,} training pixels, {plan.input_axis} → {output}"
    if isinstance(recipe.method, Choose):
        names = ", ".join(candidate.title for candidate in candidates_for(recipe))
        return (
            f"Compares {names} on held-out blocks, then trains the best on all pixels, in about "
            f"{duration(recipe.method.budget)}; {data}"
        )
    if isinstance(recipe.method, Classic):
        return f"{data}; a classical method, which trains on the CPU"
    with torch.device("meta"):  # counts without filling memory
        module = module_of(recipe, plan.ports)
    parameters = sum(weights.numel() for weights in module.parameters())
    device = torch_device(machine.device)
    gigabytes = check_memory(plan, device) / 2**30
    return (
        f"{parameters:,} weights, which see one {recipe.method.operates_on} at a time, and about "
        f"{gigabytes:.1f} GB on {device}; {data}"
    )
