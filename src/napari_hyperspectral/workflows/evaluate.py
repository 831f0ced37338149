"""Evaluating a model on the images of layers or files, for which the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..examples.source import ExampleSource
from ..machine import Machine
from ..progress import Job, Progress

if TYPE_CHECKING:
    from ..evaluation.reports import Report
    from ..models.model import Model


def evaluate_source_steps(
    model: Model | Path, source: ExampleSource, machine: Machine
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

    Raises
    ------
    ValueError, OSError
        As `evaluate_test_set_steps` does, and as reading the files does.
    """
    yield Progress(0, 0, note="loading the model")
    # these load torch: in the worker thread
    from ..evaluation.test_set import evaluate_test_set_steps
    from ..models.model import Model

    loaded = Model.load(model) if isinstance(model, Path) else model
    return (yield from evaluate_test_set_steps(loaded, source.images, machine=machine))
