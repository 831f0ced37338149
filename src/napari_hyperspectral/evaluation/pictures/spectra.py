"""Spectra of some pixels, predicted and measured, with what is left between them below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .base import Inches, Picture
from .colours import DASHES, INK, LINES, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Spectrum: TypeAlias = NDArray[np.floating]
"""Shape (band,)."""


class SpectraExample(NamedTuple):
    """One pixel."""

    title: str
    truth: Spectrum
    predicted: Sequence[Spectrum]
    """By the model first, then by the baseline, if any."""
    input: Spectrum | None = None
    """As it was measured, where it can be compared."""


@dataclass(frozen=True, eq=False)
class ExampleSpectra(Picture):
    """Spectra of a few pixels next to each other; below each, prediction less truth."""

    x: Spectrum
    """Position of each band, in the order of the file."""
    x_title: str
    y_title: str
    names: Sequence[str]
    """Of the model and, if any, of the baseline."""
    examples: Sequence[SpectraExample]

    @property
    def alt(self) -> str:
        titles = "; ".join(example.title for example in self.examples)
        names = " and ".join(self.names)
        return f"{self.title}: measured spectra with those of {names} and their residuals: {titles}"

    @property
    def inches(self) -> Inches:
        return (10.0, 4.6)

    def draw(self, figure: Figure) -> None:
        count = len(self.examples)
        grid = figure.subplots(
            2,
            count,
            squeeze=False,
            sharex=True,
            sharey="row",
            height_ratios=(3, 1.3),
        )
        order = np.argsort(self.x, kind="stable")
        for number, example in enumerate(self.examples):
            upper, lower = grid[:, number]
            self._draw_spectra(upper, example, order)
            self._draw_residuals(lower, example, order)
        grid[0, 0].set_ylabel(self.y_title)
        grid[1, 0].set_ylabel("residual")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))

    def _draw_spectra(self, axes: Axes, example: SpectraExample, order: NDArray[np.intp]) -> None:
        x = self.x[order]
        if example.input is not None:
            axes.plot(x, example.input[order], color=MUTED, linewidth=0.6, label="input")
        axes.plot(x, example.truth[order], color=INK, linewidth=0.9, label="measured truth")
        for number, (name, values) in enumerate(zip(self.names, example.predicted, strict=True)):
            axes.plot(
                x,
                values[order],
                label=name,
                color=LINES[number],
                linestyle=DASHES[number],
            )
        axes.set_title(example.title)
        axes.grid(visible=True)
        if example.input is not None:
            # noise may be far larger than what is to be compared
            _limit_to(axes, [example.truth, *example.predicted])

    def _draw_residuals(self, axes: Axes, example: SpectraExample, order: NDArray[np.intp]) -> None:
        x = self.x[order]
        axes.axhline(0, color=INK, linewidth=0.7)
        for number, values in enumerate(example.predicted):
            residual = values - example.truth
            axes.plot(
                x,
                residual[order],
                color=LINES[number],
                linestyle=DASHES[number],
                linewidth=0.8,
            )
        axes.set_xlabel(self.x_title)
        axes.grid(visible=True)


def _limit_to(axes: Axes, lines: Sequence[Spectrum]) -> None:
    """Limit the vertical axis to some lines, with a margin for noise around them."""
    values = np.concatenate(lines)
    low = float(np.nanmin(values))
    high = float(np.nanmax(values))
    margin = 0.2 * (high - low) or 1.0
    least, most = axes.get_ylim()
    axes.set_ylim(max(least, low - margin), min(most, high + margin))
