"""Figures of several folds, seeds or images: their mean, their spread, and paired differences.

This file imports no torch: benchmarks print their tables with it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

Rows: TypeAlias = Sequence[Mapping[str, object]]
"""Rows of a table: value of each column by its heading."""
Key: TypeAlias = tuple[object, ...]
"""Values of some columns."""


class Spread(NamedTuple):
    """Mean and spread of some values."""

    mean: float
    """NaN where there is no value."""
    std: float
    """Standard deviation of a sample; NaN of fewer than two values."""
    number: int
    """Of values."""

    @property
    def standard_error(self) -> float:
        """Standard error of the mean, if the values are independent; NaN of fewer than two."""
        if self.number < 2:
            return float("nan")
        return self.std / math.sqrt(self.number)

    def __str__(self) -> str:
        if not self.number:
            return ""
        if self.number < 2:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} ± {self.std:.2g}"


class PairedDifference(NamedTuple):
    """How one method differs from another one where both were measured on the same."""

    difference: Spread
    """The method's figure less the other's."""
    lower: int
    """How many of the differences are below 0."""


def spread_of(values: Iterable[object]) -> Spread:
    """Return mean and standard deviation of those values that are finite numbers."""
    known: list[float] = []
    for value in values:
        if isinstance(value, int | float) and math.isfinite(value):
            known.append(float(value))
    if not known:
        return Spread(float("nan"), float("nan"), 0)
    std = statistics.stdev(known) if len(known) > 1 else float("nan")
    return Spread(statistics.fmean(known), std, len(known))


def spreads(
    rows: Rows,
    by: Sequence[str],
    figures: Sequence[str],
) -> dict[Key, dict[str, Spread]]:
    """Return the spread of each figure among the rows that are alike in the columns `by`.

    Keys are the values of these columns, in the order in which rows first have them.
    """
    found: dict[Key, dict[str, Spread]] = {}
    for key, alike in _grouped(rows, by).items():
        found[key] = {}
        for figure in figures:
            found[key][figure] = spread_of(row.get(figure) for row in alike)
    return found


def paired_difference(
    rows: Rows,
    figure: str,
    method: str,
    against: str,
    *,
    pair_by: Sequence[str],
    independent: Sequence[str] | None = None,
) -> PairedDifference:
    """Return how the figures of a method differ from those of another on the same ground.

    Folds, images and seeds differ far more than methods do: paired, what both have in common is
    gone. Seeds of one fold share its ground; their differences are averaged first, so that the
    standard error counts folds. It is still a little too small, as folds share training pixels:
    Nadeau & Bengio 2003, https://doi.org/10.1023/A:1024068626366

    Parameters
    ----------
    rows : sequence of rows
        With the columns "method", `figure`, and those of `pair_by`.
    figure : str
        Heading of the figure.
    method, against : str
        Values of the column "method". A method without seeds is paired with every seed of the other.
    pair_by : sequence of str
        Columns in which two rows that are compared are alike, such as fold and seed.
    independent : sequence of str, optional
        Those of `pair_by` that name independent ground, such as fold; all, unless it is said.
    """
    own = [row for row in rows if row.get("method") == method]
    others = [row for row in rows if row.get("method") == against]
    counted = pair_by if independent is None else independent
    differences: dict[Key, list[float]] = {}
    for row in own:
        for other in others:
            if not _alike(row, other, pair_by):
                continue
            mine = row.get(figure)
            theirs = other.get(figure)
            if isinstance(mine, int | float) and isinstance(theirs, int | float):
                key = tuple(row.get(name) for name in counted)
                differences.setdefault(key, []).append(float(mine) - float(theirs))
    means = [spread_of(of_one).mean for of_one in differences.values()]
    finite = [mean for mean in means if math.isfinite(mean)]
    return PairedDifference(spread_of(finite), sum(mean < 0 for mean in finite))


def _grouped(rows: Rows, by: Sequence[str]) -> dict[Key, list[Mapping[str, object]]]:
    """Return rows by their values in some columns."""
    groups: dict[Key, list[Mapping[str, object]]] = {}
    for row in rows:
        key = tuple(row.get(name) for name in by)
        groups.setdefault(key, []).append(row)
    return groups


def _alike(one: Mapping[str, object], other: Mapping[str, object], names: Sequence[str]) -> bool:
    """Tell whether two rows are alike in some columns; what one does not have differs in none."""
    for name in names:
        if one.get(name) is None or other.get(name) is None:
            continue
        if one[name] != other[name]:
            return False
    return True
