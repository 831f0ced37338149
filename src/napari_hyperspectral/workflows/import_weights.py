"""Making a model file of weights that others released."""

from __future__ import annotations

from pathlib import Path

from ..axis import SpectralAxis
from ..progress import Job, Progress
from ..system.locks import locked
from .targets import check_model_target


def import_weights_steps(
    weights: Path, axis: SpectralAxis, target: Path, *, overwrite: bool = False
) -> Job[Path]:
    """Make a model file of released weights, and return where it is; in the worker thread.

    Parameters
    ----------
    weights : path
        State dict that DeepeR released.
    axis : SpectralAxis
        What its bands stand for; the file does not say.
    target : path
        The model file to write.
    overwrite : bool
        Whether the target may be overwritten.

    Raises
    ------
    FileFormatError, ValueError
        As `model_from_deeper` does.
    FileExistsError
        If the target exists, unless `overwrite`, or another job writes it.
    """
    check_model_target(target)
    with locked(target):
        yield Progress(0, 0, note=f"reading {weights.name}")
        from ..models.deeper import model_from_deeper  # loads torch

        return model_from_deeper(weights, axis).save(target, overwrite=overwrite)
