"""Several models one after the other: denoised first, then super-resolved.

Source: Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178, who save time twice so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..axis import Axis
from ..cube import Cube, Image, Labels
from ..evaluation.reports import Report
from ..evaluation.restoration import reported
from ..machine import Machine
from ..models.model import Model
from ..prediction.bands import AxisMismatchError, output_axis_for
from ..prediction.predict import NoClassesError, predict_classes_steps, predict_steps
from ..progress import Job, Result, part_of, run_with_bar

_FEWEST_PIXELS: Final = 4
"""Along a side of an image whose detail can be looked at: smaller ones have no Fourier rings."""


@dataclass(frozen=True, eq=False)
class Results:
    """What comes of a cube."""

    images: Sequence[Image]
    """The prediction, and the probabilities of its classes, if wanted."""
    report: Report | None = None
    """What a finer image owes to its measurement, where it is one."""


class ChainError(ValueError):
    """Models were put in a row of which one cannot take what another gives."""

    def __init__(self, number: int, model: Model, why: str) -> None:
        kind = model.card.recipe["task"]["kind"]
        super().__init__(f"model {number} ({kind}) does not fit into the row: {why}")


def predict_all(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    machine: Machine | None = None,
) -> Image:
    """Run models in a row, with a progress bar in a terminal or notebook.

    For the parameters and errors see `predict_all_steps`.
    """
    steps = predict_all_steps(models, cube, dwell=dwell, machine=machine)
    return run_with_bar(steps, "predicting")


def predict_all_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    machine: Machine | None = None,
) -> Job[Image]:
    """Run models in a row, each on what the one before it made of a cube.

    Parameters
    ----------
    models : sequence of Model
        In their order. Bands are resampled between them as `predict_steps` does.
    cube : Cube
        What the first one takes.
    dwell : (float, float), optional
        Time a pixel takes to measure well, and the time it took for this cube, in one unit:
        what was saved is told in the history.
    machine : Machine, optional
        Where the models run.

    Raises
    ------
    ChainError
        If they do not fit together; before any of them runs.
    AxisMismatchError, ValueError, Cancelled
        As `predict_steps` does.
    """
    return (yield from predict_each_steps(models, cube, dwell=dwell, machine=machine))[-1]


def predict_each_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    machine: Machine | None = None,
) -> Job[list[Image]]:
    """Do what `predict_all_steps` does; return what each of the models made."""
    check_chain(models, cube.axis)
    speed_up_note(models, dwell)  # refuses times of nothing before any model runs
    made: list[Image] = [cube]
    for number, model in enumerate(models):
        input = made[-1]
        assert isinstance(input, Cube)
        job = predict_steps(model, input, machine=machine)
        made.append((yield from _as_part(job, number, len(models))))
    return [*made[1:-1], _told(models, dwell, made[-1])]


def predict_all_classes_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    dwell: tuple[float, float] | None = None,
    machine: Machine | None = None,
) -> Job[tuple[Labels, Cube]]:
    """Run models in a row, of which the last tells classes; return their probabilities, too.

    For the parameters see `predict_all_steps`.

    Raises
    ------
    NoClassesError
        If the last model predicts intensities; before any of them runs.
    ChainError, AxisMismatchError, ValueError, Cancelled
        As `predict_all_steps` does.
    """
    check_chain(models, cube.axis)
    speed_up_note(models, dwell)  # refuses times of nothing before any model runs
    *before, last = models
    if last.recipe.task.predicts_intensities:  # before the others run
        raise NoClassesError(last)
    input = cube
    for number, model in enumerate(before):
        made = yield from _as_part(
            predict_steps(model, input, machine=machine), number, len(models)
        )
        assert isinstance(made, Cube)
        input = made
    job = predict_classes_steps(last, input, machine=machine)
    labels, chances = yield from _as_part(job, len(before), len(models))
    told = _told(models, dwell, labels)
    assert isinstance(told, Labels)
    return told, chances


def predict_and_report_steps(
    models: Sequence[Model],
    cube: Cube,
    *,
    probabilities: bool = False,
    dwell: tuple[float, float] | None = None,
    machine: Machine | None = None,
) -> Job[Results]:
    """Do what `predict_all_steps` does, and look at the result: for command line and docks alike.

    Parameters
    ----------
    models, cube, dwell, machine
        As of `predict_all_steps`.
    probabilities : bool
        Whether the probabilities of the classes are wanted, too.

    Raises
    ------
    NoClassesError
        If probabilities are wanted of a model of intensities; else as `predict_all_steps`.
    """
    if probabilities:
        both = predict_all_classes_steps(models, cube, dwell=dwell, machine=machine)
        return Results((yield from both))
    *before, result = yield from predict_each_steps(models, cube, dwell=dwell, machine=machine)
    input = before[-1] if before else cube
    if not isinstance(input, Cube) or min(result.shape[-2:]) < _FEWEST_PIXELS:
        return Results([result])
    result, report = reported(models[-1], input, result)
    return Results([result], report)


def check_chain(models: Sequence[Model], axis: Axis) -> None:
    """Check that each model can take what the one before it makes of a cube with this axis.

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
        raise ValueError("give at least one model")
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
    """Return what models in a row save, in a line of history; "" where they save nothing."""
    scale = math.prod(model.ports.scale for model in models)
    if scale == 1 and dwell is None:
        return ""
    slow, fast = dwell or (1.0, 1.0)
    parts = [f"×{scale} in rows and columns"] if scale > 1 else []
    parts += [f"{fast:g} instead of {slow:g} a pixel"] if dwell else []
    return f"stands for {speed_up(scale, slow, fast):g}× less dwell time ({', '.join(parts)})"


def _as_part(job: Job[Result], number: int, count: int) -> Job[Result]:
    start, end = (100 * n // count for n in (number, number + 1))
    note = f"model {number + 1} of {count}" if count > 1 else ""
    return part_of(job, start, end, note)


def _told(models: Sequence[Model], dwell: tuple[float, float] | None, result: Image) -> Image:
    saved = speed_up_note(models, dwell)
    return result.after(saved) if saved else result
