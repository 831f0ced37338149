"""Which figures of merit are better when they are lower, and which when they are higher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .reports import Better, Row

_LOWER: Final = ("fitted MSE", "MSE", "RMSE", "NRMSE", "angle °", "ERGAS %", "calibration error %")
_HIGHER: Final = ("PSNR dB", "SSIM", "FSIM", "Pearson", "OA %", "AA %", "kappa %")


def better_of(rows: Sequence[Row]) -> dict[str, Better]:
    """Return whether lower or higher is better, for each heading of rows that holds such a figure.

    "Pearson, DAPI" is a figure of a channel; "SVM: IoU %", of a class by a method, is none here.
    """
    better: dict[str, Better] = {}
    for row in rows:
        for heading in row:
            figure = heading.partition(", ")[0]
            if figure in _LOWER:
                better[heading] = "lower"
            elif figure in _HIGHER:
                better[heading] = "higher"
    return better


def main_figure(rows: Sequence[Row]) -> str:
    """Return the heading of the figure by which methods are ranked: the first that rows have.

    Raises
    ------
    ValueError
        If there is none.
    """
    for heading in better_of(rows):
        return heading
    raise ValueError("these rows hold no figure of merit; give rows of an evaluation")


def ranked(rows: Sequence[Row]) -> list[int]:
    """Return the numbers of rows of methods from the best to the worst, by their main figure.

    Rows without a finite figure come last.
    """
    heading = main_figure(rows)
    sign = 1.0 if better_of(rows)[heading] == "lower" else -1.0

    def key(number: int) -> float:
        value = rows[number].get(heading)
        if not isinstance(value, int | float) or value != value:
            return float("inf")
        return sign * value

    return sorted(range(len(rows)), key=key)
