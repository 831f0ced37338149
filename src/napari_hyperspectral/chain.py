"""Several models one after the other: denoised first, then super-resolved.

Source: Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178, who save time twice so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .axis import Axis
from .cube import Cube, Image
from .machine import Machine
from .model import Model
from .prediction import AxisMismatchError, bands_given, predict
from .progress import Job, part_of


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
) -> Job[Image]:
    """Run models in a row, each on what the one before it made of a cube.

    Parameters
    ----------
    models : sequence of Model
        In their order. Bands are resampled between them as `predict` does.
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
        As `predict` does.
    """
    check_chain(models, cube.axis)
    saved = told_speed_up(models, dwell)
    result: Image = cube
    for number, model in enumerate(models):
        assert isinstance(result, Cube)
        start, end = (100 * n // len(models) for n in (number, number + 1))
        note = f"model {number + 1} of {len(models)}" if len(models) > 1 else ""
        result = yield from part_of(predict(model, result, machine=machine), start, end, note)
    return result.after(saved) if saved else result


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
            axis = bands_given(model, axis)
        except AxisMismatchError as error:
            if number == 1:
                raise
            raise ChainError(number, model, str(error)) from error
        task = model.recipe.task
        if number < len(models) and (task.whole or not task.intensities):
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


def told_speed_up(models: Sequence[Model], dwell: tuple[float, float] | None = None) -> str:
    """Return what models in a row save, in a line of history; "" where they save nothing."""
    scale = math.prod(model.ports.scale for model in models)
    if scale == 1 and dwell is None:
        return ""
    slow, fast = dwell or (1.0, 1.0)
    parts = [f"×{scale} in rows and columns"] if scale > 1 else []
    parts += [f"{fast:g} instead of {slow:g} a pixel"] if dwell else []
    return f"stands for {speed_up(scale, slow, fast):g}× less dwell time ({', '.join(parts)})"
