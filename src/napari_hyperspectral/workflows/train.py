"""Training a model on layers or files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..cube import Image
from ..devices import torch_device
from ..evaluation.validation import validate_steps
from ..examples.reading import RowImages, read_examples
from ..examples.source import ExampleSource
from ..examples.table import Pairing
from ..machine import Machine
from ..models.model import Model
from ..networks import build_module
from ..progress import Job, Progress
from ..recipe.recipe import Recipe
from ..tasks import Example, Task
from ..training.fit import fit_steps
from ..training.memory import check_training
from ..training.previews import preview_of

if TYPE_CHECKING:
    pass


TRAININGS = "trainings"  # folder in the cache of those under way


_TRAININGS_KEPT = 10


_MOST_TO_PREVIEW = 64 * 2**20  # bytes of layers: more would make the window wait


def _examples_of(recipe: Recipe, input: ExampleSource) -> Job[list[Example]]:
    """Make the training examples; in the worker thread."""
    if isinstance(input, Pairing):
        made: list[Example] = []
        for example in read_examples(recipe, input):
            made.append(example)
            yield Progress(len(made), len(input.rows), note="reading the files")
        return made
    yield Progress(0, 0, note="loading the layers")
    return [recipe.example(**one) for one in input]


def train_steps(
    recipe: Recipe,
    input: ExampleSource,
    machine: Machine,
    autosave: Path,
    start: Model | Path | None,
    *,
    resume: bool = False,
) -> Job[Model]:
    """Load the images, train, and judge what came of it; in the worker thread."""
    examples = yield from _examples_of(recipe, input)
    begin = Model.load(start) if isinstance(start, Path) else start
    model = yield from fit_steps(
        recipe, examples, machine=machine, autosave=autosave, resume=resume, start=begin
    )
    images = RowImages(input) if isinstance(input, Pairing) else input
    return (yield from validate_steps(model, examples, images, machine=machine))


def preview_steps(recipe: Recipe, input: ExampleSource) -> Job[dict[str, Image]]:
    """Return the first batch of a training as images; in the worker thread."""
    examples = yield from _examples_of(recipe, input)
    return preview_of(recipe, examples)


def autosave_path(machine: Machine, recipe: Recipe) -> Path:
    """Return where a training under way is saved; of earlier ones, the latest few are kept."""
    folder = machine.cache / TRAININGS
    for old in sorted(folder.glob("*.safetensors"))[: -_TRAININGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    now = datetime.now().strftime("%Y-%m-%d %H-%M-%S-%f")
    return folder / f"{now} {recipe.task.kind}.safetensors"


def training_summary(recipe: Recipe, input: ExampleSource, machine: Machine) -> str:
    """Return what is about to be trained in one line.

    Raises
    ------
    ValueError
        If the images are no examples of the task.
    """
    if isinstance(input, Pairing):
        return f"{len(input.rows)} examples from files: they are read when training starts."
    arrays = [image.data for one in input for image in one.values() if not isinstance(image, str)]
    small = sum(array.nbytes for array in arrays) <= _MOST_TO_PREVIEW
    if not small or not all(isinstance(array, np.ndarray) for array in arrays):
        return "Large or lazy layers: they are looked at when training starts."
    task: Task = recipe.task
    examples = task.unify_classes([recipe.example(**one) for one in input])
    output_axis = max((one.output_axis for one in examples), key=len)
    ports = task.ports(examples[0].input_axis, output_axis)
    with torch.device("meta"):  # counts without filling memory
        weights = sum(p.numel() for p in build_module(recipe.network, ports).parameters())
    device = torch_device(machine.device)
    needed = check_training(recipe, ports, examples, device) / 2**30
    pixels = sum(int((example.sampling_classes > 0).sum()) for example in examples)
    return (
        f"{weights:,} weights, which see one {recipe.network.operates_on} at a time, and about "
        f"{needed:.1f} GB on {device}; {pixels:,} pixels to learn from, {examples[0].input_axis} → "
        f"{_gives(examples)}"
    )


def _gives(examples: Sequence[Example]) -> str:
    longest = max((example.output_axis for example in examples), key=len)
    return "the same" if longest == examples[0].input_axis else str(longest)
