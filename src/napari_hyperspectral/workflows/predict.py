"""Several models one after the other: denoised first, then super-resolved.

Source: Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178, who save time twice so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ..axis import Axis
from ..cube import Cube, Image, Labels
from ..evaluation.reports import Report
from ..evaluation.restoration import assess_restoration
from ..machine import Machine
from ..models.model import Model
from ..models.summary import quality_of
from ..prediction.bands import AxisMismatchError, output_axis_for
from ..prediction.predict import NoClassesError, predict_classes_steps, predict_steps
from ..progress import Job, Result, part_of, run_with_bar

_FEWEST_PIXELS: Final = 4
"""Along a side of an image whose resolution can be measured: smaller ones have no Fourier rings."""

ImageT = TypeVar("ImageT", Cube, Labels, Image)


@dataclass(frozen=True, eq=False)
class Results:
    """What was predicted of a cube."""

    images: Sequence[Image]
    """The prediction, and the probabilities of its classes where they are asked for."""
    report: Report | None = None
    """How well a super-resolved image agrees with its measurement, where it is one."""


class ChainError(ValueError):
    """In a chain of models, one cannot take the output of the one before it."""

    def __init__(self, number: int, model: Model, reason: str) -> None:
        kind = model.card.task_kind
        super().__init__(f"model {number} ({kind}) does not fit into the row: {reason}")


def predict_all(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    turns: bool = False,
    machine: Machine | None = None,
) -> Image:
    """Run a chain of models on a cube, with a progress bar in a terminal or notebook.

    For the parameters and errors see `predict_all_steps`.
    """
    steps = predict_all_steps(models, cube, dwell=dwell, turns=turns, machine=machine)
    return run_with_bar(steps, "predicting")


def predict_all_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    turns: bool = False,
    machine: Machine | None = None,
) -> Job[Image]:
    """Run a chain of models, each on the output of the one before it.

    Parameters
    ----------
    models : sequence of Model
        In their order. Bands are resampled between them as `predict_steps` does.
    cube : Cube
        The input of the first one.
    dwell : (float, float), optional
        Time a pixel takes to measure well, and the time it took for this cube, in one unit:
        the history then says how much dwell time was saved.
    turns : bool
        Whether each model predicts the mean over flips and quarter turns, see `predict_steps`.
    machine : Machine, optional
        Where the models run.

    Raises
    ------
    ChainError
        If they do not fit together; before any of them runs.
    AxisMismatchError, ValueError, Cancelled
        As `predict_steps` does.
    """
    return (yield from predict_each_steps(models, cube, dwell=dwell, turns=turns, machine=machine))[
        -1
    ]


def predict_each_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    turns: bool = False,
    machine: Machine | None = None,
) -> Job[list[Image]]:
    """Do what `predict_all_steps` does; return the output of each of the models."""
    check_chain(models, cube.axis)
    note = speed_up_note(models, dwell)  # refuses times of nothing before any model runs
    outputs: list[Image] = []
    input: Image = cube
    for number, model in enumerate(models):
        assert isinstance(input, Cube)  # `check_chain` leaves labels to the last model
        job = predict_steps(model, input, turns=turns, machine=machine)
        input = yield from _as_part(job, number, len(models))
        outputs.append(input)
    return [*outputs[:-1], _with_note(outputs[-1], note)]


def predict_all_classes_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    turns: bool = False,
    machine: Machine | None = None,
) -> Job[tuple[Labels, Cube]]:
    """Run a chain of models, of which the last predicts classes; return their probabilities, too.

    For the parameters see `predict_all_steps`.

    Raises
    ------
    NoClassesError
        If the last model predicts intensities; before any of them runs.
    ChainError, AxisMismatchError, ValueError, Cancelled
        As `predict_all_steps` does.
    """
    check_chain(models, cube.axis)
    note = speed_up_note(models, dwell)  # refuses times of nothing before any model runs
    *earlier, last = models
    if last.recipe.task.predicts_intensities:  # before the others run
        raise NoClassesError(last)
    input = cube
    for number, model in enumerate(earlier):
        job = predict_steps(model, input, turns=turns, machine=machine)
        output = yield from _as_part(job, number, len(models))
        assert isinstance(output, Cube)
        input = output
    last_job = predict_classes_steps(last, input, turns=turns, machine=machine)
    labels, probabilities = yield from _as_part(last_job, len(earlier), len(models))
    return _with_note(labels, note), probabilities


def predict_and_report_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    probabilities: bool = False,
    dwell: tuple[float, float] | None = None,
    turns: bool = False,
    machine: Machine | None = None,
) -> Job[Results]:
    """Do what `predict_all_steps` does, and report on a super-resolved result.

    Parameters
    ----------
    models, cube, dwell, turns, machine
        As of `predict_all_steps`.
    probabilities : bool
        Whether the probabilities of the classes are returned, too.

    Raises
    ------
    NoClassesError
        If probabilities are asked of a model of intensities; else as `predict_all_steps`.
    """
    if probabilities:
        both = predict_all_classes_steps(models, cube, dwell=dwell, turns=turns, machine=machine)
        return Results((yield from both))
    *earlier, result = yield from predict_each_steps(
        models, cube, dwell=dwell, turns=turns, machine=machine
    )
    input = earlier[-1] if earlier else cube
    height, width = result.shape[-2:]
    if not isinstance(input, Cube) or min(height, width) < _FEWEST_PIXELS:
        return Results([result])
    result, report = assess_restoration(models[-1], input, result)
    return Results([result], report)


def check_chain(models: Sequence[Model], axis: Axis) -> None:
    """Check that each model can take the output of the one before it, for a cube with this axis.

    Raises
    ------
    ChainError
        If one cannot.
    AxisMismatchError
        If the first cannot take the cube itself.
    ValueError
        If there is no model.
    """
    if not models:
        raise ValueError("there is no model; give at least one")
    for number, model in enumerate(models, start=1):
        try:
            axis = output_axis_for(model, axis)
        except AxisMismatchError as error:
            if number == 1:
                raise
            raise ChainError(number, model, str(error)) from error
        task = model.recipe.task
        if number < len(models) and (task.image_level or not task.predicts_intensities):
            raise ChainError(number, model, "it gives classes, which no model takes; put it last")


def speed_up(scale: int, dwell_slow: float = 1.0, dwell_fast: float = 1.0) -> float:
    """Return how many times less dwell time a coarse, quick scan takes than a fine, slow one.

    Of the dwell time alone: the stage and the camera take theirs besides. 1 s to 0.1 s a pixel at
    ×4 is 160.

    Raises
    ------
    ValueError
        If a time is not greater than 0.
    """
    if not (dwell_slow > 0 and dwell_fast > 0):
        raise ValueError(f"dwell times are greater than 0, got {dwell_slow:g} and {dwell_fast:g}")
    return scale**2 * dwell_slow / dwell_fast


def speed_up_note(models: Sequence[Model], dwell: tuple[float, float] | None = None) -> str:
    """Return the dwell time that a chain saves, and at what quality, in a line of history.

    "" where it saves none.
    """
    scale = math.prod(model.ports.scale for model in models)
    if scale == 1 and dwell is None:
        return ""
    slow, fast = dwell or (1.0, 1.0)
    parts = []
    if scale > 1:
        parts.append(f"×{scale} in rows and columns")
    if dwell is not None:
        parts.append(f"{fast:g} instead of {slow:g} a pixel")
    saved = f"{speed_up(scale, slow, fast):g}× less dwell time ({', '.join(parts)})"
    return f"stands for {saved}, {_quality_note(models)}"


def _quality_note(models: Sequence[Model]) -> str:
    """Return what quality the dwell time that models save was found to cost."""
    figures = []
    for model in models:
        quality = quality_of(model.card)
        if quality:
            figures.append(f"{quality} ({model.card.task_kind})")
    if not figures:
        return "at a quality that was not measured: the models have no validation pixels"
    return f"at {', '.join(figures)} on validation pixels"


def _as_part(job: Job[Result], number: int, count: int) -> Job[Result]:
    """Run the job of one of several models: its steps count for a part of all."""
    start = 100 * number // count
    end = 100 * (number + 1) // count
    note = f"model {number + 1} of {count}" if count > 1 else ""
    return part_of(job, start, end, note)


def _with_note(result: ImageT, note: str) -> ImageT:
    """Return a result with a line more of history, if there is something to say."""
    return result.after(note) if note else result
