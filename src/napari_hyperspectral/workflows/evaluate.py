"""Evaluating a model on the images of layers or files, for which the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..cube import Cube
from ..examples.source import ExampleSource
from ..machine import Machine
from ..progress import Job, Progress

if TYPE_CHECKING:
    from ..evaluation.reports import Report
    from ..models.model import Model


def evaluate_source_steps(
    model: Model | Path,
    source: ExampleSource,
    machine: Machine,
    *,
    same_pixels: bool = False,
) -> Job[Report]:
    """Compare what a model predicts of images with the truth; in the worker thread.

    Parameters
    ----------
    model : Model or path
        The model, or its file.
    source : ExampleSource
        The images, with their truth.
    machine : Machine
        Where the model runs.
    same_pixels : bool
        Trust that input and truth show the same pixels, whatever places they state.

    Raises
    ------
    ValueError, OSError
        As `evaluate_test_set_steps`, `Recipe.trusting_pixels` and reading the files do.
    """
    yield Progress(0, 0, note="loading the model")
    # these load torch: in the worker thread
    from ..evaluation.test_set import evaluate_test_set_steps
    from ..models.model import Model

    loaded = Model.load(model) if isinstance(model, Path) else model
    if same_pixels:
        loaded = loaded.with_recipe(loaded.recipe.trusting_pixels())
    yield from _check_steps(loaded, source)
    return (yield from evaluate_test_set_steps(loaded, source.images, machine=machine))


def _check_steps(model: Model, source: ExampleSource) -> Job[None]:
    """Open the images of all examples before the first is evaluated: a report is of all, or none.

    Raises
    ------
    ValueError, OSError
        If one cannot be opened, or has bands that the model cannot take.
    """
    from ..prediction.bands import output_axis_for

    count = len(source.images)
    if count == 1:
        return
    name = model.recipe.task.input_name
    for number in range(count):
        yield Progress(0, 0, note=f"checking image {number + 1} of {count}")
        cube = source.images[number][name]
        if isinstance(cube, Cube):
            output_axis_for(model, cube.axis)
