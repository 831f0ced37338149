"""What rows of a table say of it as a whole: frames of a series, and rows that were cut short."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...metrics.values import Floats
from .style import Style

_FEWEST_IN_FRAME: Final = 3
"""Rows of the frames of a series; fewer may be equal by chance."""


def are_frames(lines: Sequence[str], style: Style, runs: Sequence[NDArray[np.intp]]) -> bool:
    """Whether tables below one another, with notes between, have one axis in their first column.

    Parameters
    ----------
    runs : sequence of ndarray of intp, shape (row,)
        Numbers of the lines of each table.
    """
    if len(runs) < 2 or len(runs[0]) < _FEWEST_IN_FRAME:
        return False
    columns = []
    for run in runs:
        cells = [style.first_cells(lines[row])[0] for row in run]
        columns.append([style.number(cell) for cell in cells])
    first = columns[0]
    if None in first or any(column != first for column in columns):
        return False
    steps = np.diff(np.array(first, np.float64))
    return bool((steps > 0).all() or (steps < 0).all())


def is_part_of_row(line: str, style: Style, columns: int) -> bool:
    """Whether a line is a name and numbers, but fewer than a row has."""
    if style.delimiter is None or not 2 <= style.count(line) < columns:
        return False
    _, *cells = style.cells(line)
    return all(style.number(cell) is not None for cell in cells) and any(cells)


def tell_of_last_row(path: Path, numbers: Floats) -> None:
    """Warn where only the last row lacks numbers at its end, which no other row does."""
    if len(numbers) < 2:
        return
    lacks = np.isnan(numbers[-1]) & np.isfinite(numbers[:-1]).all(axis=0)  # (column,)
    if lacks.any() and lacks[-1]:
        warnings.warn(
            f"{path.name}: its last row lacks {int(lacks.sum())} of {len(lacks)} numbers, which are "
            "NaN: it was cut short, or edited",
            stacklevel=2,
        )
