"""Landmarks in two images, as a CSV file has them: row, column, onto_row, onto_column."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Final, get_args

import numpy as np

from ..errors import FileFormatError
from ..io.text.file import read_text
from .grid import Array
from .register import Motion

COLUMNS: Final = ("row", "column", "onto_row", "onto_column")


def read_landmarks(path: Path) -> tuple[Array, Array]:
    """Return the landmarks of a file in either image, each (landmark, (row, column)).

    Raises
    ------
    FileFormatError
        If a column is missing, or a cell is no number.
    """
    remedy = f"write a line for each landmark, with the columns {', '.join(COLUMNS)}"
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}; {remedy}")
    lines = csv.DictReader(StringIO(read_text(path)), skipinitialspace=True)
    missing = set(COLUMNS) - set(lines.fieldnames or ())
    if missing:
        raise FileFormatError(path, f"there is no column {' or '.join(sorted(missing))}", remedy)
    try:
        rows = [[float(line[column]) for column in COLUMNS] for line in lines]
    except (TypeError, ValueError) as error:
        raise FileFormatError(path, f"a cell is no number ({error})", remedy) from error
    table = np.asarray(rows, np.float64).reshape(-1, 4)
    return table[:, :2], table[:, 2:]


def motion_of(word: str) -> Motion:
    """Return the motion of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    for motion in get_args(Motion):
        if motion == word:
            known: Motion = motion
            return known
    raise ValueError(f"got the motion {word!r}; wanted one of {', '.join(get_args(Motion))}")
