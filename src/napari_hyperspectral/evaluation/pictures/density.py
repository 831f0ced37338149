"""Predicted values against measured ones, as histograms in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .axes import add_colour_bar
from .base import Inches, Picture
from .colours import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS: Final = 64


class JointHistogram(NamedTuple):
    """How many pixels were measured, and predicted, in which ranges."""

    title: str
    counts: NDArray[np.int64]
    """Shape (predicted, measured), both rising."""
    limits: tuple[float, float]
    """Least and greatest value of both axes, in their unit."""

    @classmethod
    def of(
        cls, title: str, truth: NDArray[np.floating], predicted: NDArray[np.floating]
    ) -> JointHistogram:
        """Count pairs of measured and predicted values, of any shape; outliers count at the edge."""
        known = np.isfinite(truth) & np.isfinite(predicted)
        measured = truth[known].astype(np.float64)
        values = predicted[known].astype(np.float64)
        if not measured.size:
            return cls(title, np.zeros((1, 1), np.int64), (0.0, 1.0))
        low, high = np.percentile(measured, (0.1, 99.9)).tolist()
        if not high > low:
            high = low + 1.0
        edges = np.linspace(low, high, _BINS + 1)
        counts, _, _ = np.histogram2d(
            values.clip(low, high),
            measured.clip(low, high),
            bins=(edges, edges),
        )
        return cls(title, counts.astype(np.int64), (low, high))


@dataclass(frozen=True, eq=False)
class Densities(Picture):
    """Joint histograms next to each other."""

    panels: Sequence[JointHistogram]
    unit: str = ""
    """Of both axes."""

    @property
    def alt(self) -> str:
        titles = "; ".join(panel.title for panel in self.panels)
        return f"{self.title}: predicted over measured values; {titles}"

    @property
    def inches(self) -> Inches:
        columns = min(len(self.panels), 4)
        rows = -(-len(self.panels) // 4)
        return (0.6 + 2.6 * columns, 2.9 * rows)

    def draw(self, figure: Figure) -> None:
        from matplotlib.colors import LogNorm

        columns = min(len(self.panels), 4)
        rows = -(-len(self.panels) // 4)
        grid = figure.subplots(rows, columns, squeeze=False)
        unit = f" / {self.unit}" if self.unit else ""
        most = max(int(panel.counts.max()) for panel in self.panels)
        for axes in grid.flat[len(self.panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid.flat, self.panels):
            low, high = panel.limits
            image = axes.imshow(
                np.ma.masked_equal(panel.counts, 0),
                extent=(low, high, low, high),
                origin="lower",
                interpolation="none",
                cmap="viridis",
                norm=LogNorm(1, max(most, 2)),
            )
            axes.plot((low, high), (low, high), color=INK, linewidth=0.8, linestyle="--")
            axes.set_title(panel.title)
            axes.set_xlabel(f"measured{unit}")
            axes.set_ylabel(f"predicted{unit}")
        add_colour_bar(figure, image, list(grid.flat), "pixels")
