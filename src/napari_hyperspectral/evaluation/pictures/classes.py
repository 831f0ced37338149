"""How classes are taken for each other, and how far their probabilities can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ...metrics.classes import ConfusionTable
from ..calibration import ProbabilityCalibration
from .axes import add_colour_bar
from .base import Inches, Picture
from .colours import INK, MODEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NUMBERS: Final = 20
"""Of more classes than this, cells are coloured only."""


@dataclass(frozen=True, eq=False)
class Confusion(Picture):
    """Share of each true class that was predicted as each class."""

    table: ConfusionTable
    names: Sequence[str]
    """Of classes 1, 2, …"""

    @property
    def alt(self) -> str:
        return f"{self.title}: true classes in rows, predicted ones in columns; {self._worst()}"

    @property
    def inches(self) -> Inches:
        side = 2.2 + 0.42 * len(self.names)
        return (min(side + 1.5, 11.0), min(side, 9.0))

    def draw(self, figure: Figure) -> None:
        share = self._share()
        axes = figure.add_subplot()
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100, interpolation="none")
        ticks = np.arange(len(self.names))
        axes.set_xticks(ticks, self.names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, self.names)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if len(self.names) <= _MOST_NUMBERS:
            self._write_numbers(axes)
        add_colour_bar(figure, image, [axes], "of the true class / %")

    def _write_numbers(self, axes: Axes) -> None:
        """Write the share into each cell that is not empty."""
        share = self._share()
        for row, column in np.argwhere(self.table > 0):
            percent = float(share[row, column])
            axes.text(
                column,
                row,
                f"{percent:.0f}" if percent >= 0.5 else "<1",
                ha="center",
                va="center",
                fontsize=7.5,
                color="#ffffff" if percent > 55 else "#010203",
            )

    def _share(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the percentage of each true class, (class, class)."""
        total = self.table.sum(axis=1, keepdims=True)
        return np.asarray(100 * self.table / np.maximum(total, 1))

    def _worst(self) -> str:
        """Return the most frequent mistake in words."""
        wrong = self.table.copy()
        np.fill_diagonal(wrong, 0)
        if not wrong.any():
            return "nothing was taken for another class"
        row, column = divmod(int(wrong.argmax()), len(wrong))
        return (
            f"most often, {self.names[row]} was taken for {self.names[column]}: "
            f"{wrong[row, column]} of {self.table[row].sum()}"
        )


@dataclass(frozen=True, eq=False)
class Reliability(Picture):
    """How often predictions are right, by how sure the model was; below, how many there are."""

    calibration: ProbabilityCalibration

    @property
    def alt(self) -> str:
        calibration = self.calibration
        return (
            f"{self.title}: mean probability {100 * calibration.mean_confidence:.1f} %, right "
            f"{100 * calibration.mean_accuracy:.1f} %, expected calibration error "
            f"{100 * calibration.error:.1f} %"
        )

    @property
    def inches(self) -> Inches:
        return (5.2, 4.8)

    def draw(self, figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        calibration = self.calibration
        edges = calibration.edges
        middle = 100 * (edges[1:] + edges[:-1]) / 2
        width = 100 * np.diff(edges)
        some = calibration.count > 0
        upper.bar(
            middle[some],
            100 * calibration.accuracy[some],
            width=0.92 * width[some],
            color=MODEL,
            label="right",
        )
        upper.plot(
            100 * calibration.confidence[some],
            100 * calibration.confidence[some],
            marker="D",
            markersize=3.5,
            linestyle="none",
            color=INK,
            label="its mean probability",
        )
        upper.plot((0, 100), (0, 100), color=INK, linewidth=0.8, linestyle="--")
        upper.set_ylabel("predicted rightly / %")
        upper.set_ylim(0, 101)
        upper.legend(loc="upper left")
        upper.set_title(f"expected calibration error {100 * calibration.error:.1f} %")
        lower.bar(middle, calibration.count, width=0.92 * width, color=MODEL)
        lower.set_ylabel("pixels")
        lower.set_xlabel("probability of the predicted class / %")
        for axes in (upper, lower):
            axes.grid(visible=True, axis="y")
            axes.set_axisbelow(True)
