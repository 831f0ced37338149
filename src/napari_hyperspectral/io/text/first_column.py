"""Whether the first column of a table without a titled axis is one, or a spectrum like the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from ...metrics.values import Floats
from .frames import frames_in
from .grid import Grid
from .titles import is_axis, names_values

_LARGEST_RATIO: Final = 3.0
"""How much the steps of the axis of a spectrometer differ, at most: those of a spectrum do more."""
_SAME_RANGE: Final = 0.3
"""Part of two ranges that is common to both, from which on they may be of the same quantity."""


def why_no_axis(grid: Grid) -> str | None:
    """Return why the first column of numbers is no axis; None where it may be one.

    The first of several spectra may rise as an axis does: its title, its steps and its range
    tell that it is one of them.
    """
    columns = grid.numeric_columns
    if 0 in grid.words:
        return "holds words"
    first = grid.numbers[:, columns[0]]
    others = grid.numbers[:, columns[1:]]  # (row, column)
    known = np.isfinite(first)
    in_frames = frames_in(first) is not None
    if not in_frames and not (is_axis(first[known]) and _jumps_back_alone(first[known])):
        return "neither rises nor falls"
    missing = ~known & np.isfinite(others).any(axis=1)
    if missing.any():
        return f"has {known.sum()} numbers, another one {known.sum() + missing.sum()}"
    titles = [grid.title_row[column] for column in columns]
    if names_values(titles[0]) or _is_one_of_a_series(titles):
        return f"is titled {titles[0]!r}, as intensities are"
    if not in_frames and _is_uneven(first[known]) and _has_range_of_any(first[known], others):
        return "rises in uneven steps over the same range as the others, as a spectrum does"
    return None


def _jumps_back_alone(values: Floats) -> bool:
    """Whether no two neighbours go against the others: where detectors overlap, one does.

    Parameters
    ----------
    values : ndarray of float64, shape (band,)
        Known to rise, or to fall, but for a few.
    """
    steps = np.diff(values)
    direction = np.sign(np.median(steps))
    against = steps * direction < 0
    return not (against[1:] & against[:-1]).any()


def _is_one_of_a_series(titles: Sequence[str]) -> bool:
    """Whether the first title is that of another column, but for a number: "Spectrum 1"."""
    stems = [re.sub(r"[\d\W_]+", "", title).lower() for title in titles]
    return bool(stems[0]) and stems[0] in stems[1:]


def _is_uneven(values: Floats) -> bool:
    """Whether the steps differ more than those of a spectrometer's axis, jumps left out."""
    steps = np.abs(np.diff(values))
    small, large = np.percentile(steps, [10, 90])
    return bool(large > _LARGEST_RATIO * small)


def _has_range_of_any(values: Floats, others: Floats) -> bool:
    """Whether values lie where those of another column, (row, column), do."""
    low = values.min()
    high = values.max()
    for column in others.T:
        finite = column[np.isfinite(column)]
        if not len(finite):
            continue
        common = min(high, finite.max()) - max(low, finite.min())
        covered = max(high, finite.max()) - min(low, finite.min())
        if common > _SAME_RANGE * covered:
            return True
    return False
