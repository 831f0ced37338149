"""Evaluating a model on layers or files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..examples.reading import RowImages
from ..examples.table import Pairing
from ..machine import Machine
from ..progress import Job, Progress

if TYPE_CHECKING:
    from ..evaluation.reports import Report
    from ..models.model import Model
from ..examples.source import ExampleSource


def compared(model: Model | Path, input: ExampleSource, machine: Machine) -> Job[Report]:
    """Compare a model, or that of a file, with the truth; in the worker thread.

    Raises
    ------
    ValueError
        As `evaluate_test_set_steps` does, and as reading the files does.
    """
    yield Progress(0, 0, note="loading the model")
    from ..evaluation.test_set import evaluate_test_set_steps
    from ..models.model import Model

    loaded = Model.load(model) if isinstance(model, Path) else model
    images = RowImages(input) if isinstance(input, Pairing) else input
    return (yield from evaluate_test_set_steps(loaded, images, machine=machine))
