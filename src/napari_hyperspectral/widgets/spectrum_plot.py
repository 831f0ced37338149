"""The plot of the Spectrum dock: curves, a line at the band that is shown, names of channels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pyqtgraph
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy

from ..axis import Axis, ChannelAxis
from ..spectra.arrays import Array


class Curve(NamedTuple):
    """A spectrum in the plot."""

    name: str
    """In the legend."""
    x: Array
    """Positions of the bands, shape (band,), in the unit of the plot."""
    y: Array
    """Intensities, shape (band,); NaN leaves a gap."""
    colour: str
    kind: Literal["cursor", "pin", "region"] = "cursor"
    sd: Array | None = None
    """Standard deviation of a region, shape (band,)."""


class SpectrumPlot(pyqtgraph.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Spectra over the bands; a click, or a drag of the line, chooses a band."""

    band_chosen = Signal(float)
    """Position that was chosen, in the unit of the plot."""

    def __init__(self) -> None:
        super().__init__()
        self.setBackground(None)  # that of the dock, in every theme of napari
        self.showGrid(x=True, y=True, alpha=0.15)
        self.setLabel("left", "Intensity")
        self.setMinimumSize(320, 180)
        # pyqtgraph would ask for 640 × 480
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._legend = self.addLegend(offset=(8, 8), labelTextSize="9pt")
        self._line = pyqtgraph.InfiniteLine(movable=True, pen=pyqtgraph.mkPen("#999", width=1))
        self._line.sigDragged.connect(self._line_dragged)
        self.scene().sigMouseClicked.connect(self._clicked)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves, and no others."""
        self.clear()
        self._legend.clear()
        self.addItem(self._line, ignoreBounds=True)
        for curve in curves:
            style = Qt.PenStyle.DashLine if curve.kind == "pin" else Qt.PenStyle.SolidLine
            width = 2.5 if curve.kind == "region" else 1.5
            pen = pyqtgraph.mkPen(curve.colour, width=width, style=style)
            if curve.sd is not None:
                self._draw_deviation(curve, curve.sd)
            self.plot(curve.x, curve.y, pen=pen, name=curve.name, connect="finite")

    def show_axis(self, axis: Axis | None) -> None:
        """Label the bands with quantity and unit, or with the names of channels."""
        self.setLabel("bottom", "" if axis is None else axis.title)
        bottom = self.getAxis("bottom")
        bottom.enableAutoSIPrefix(False)
        if isinstance(axis, ChannelAxis):
            bottom.setTicks([list(enumerate(axis.names))])
            self.showGrid(x=False, y=True, alpha=0.15)
        else:
            bottom.setTicks(None)  # numbers
            self.showGrid(x=True, y=True, alpha=0.15)

    def mark(self, position: float | None) -> None:
        """Move the line to a position, in the unit of the plot; None hides it."""
        self._line.setVisible(position is not None)
        if position is not None:
            self._line.setValue(position)

    def _draw_deviation(self, curve: Curve, sd: Array) -> None:
        """Draw an area of one standard deviation above and below a curve."""
        known = np.isfinite(curve.y)
        lower = pyqtgraph.PlotCurveItem(curve.x[known], (curve.y - sd)[known])
        upper = pyqtgraph.PlotCurveItem(curve.x[known], (curve.y + sd)[known])
        colour = pyqtgraph.mkColor(curve.colour)
        colour.setAlpha(50)
        self.addItem(pyqtgraph.FillBetweenItem(lower, upper, brush=colour))

    def _line_dragged(self, line: Any) -> None:
        self.band_chosen.emit(line.value())

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            box = self.getPlotItem().getViewBox()
            self.band_chosen.emit(box.mapSceneToView(event.scenePos()).x())


def table_of(curves: Sequence[Curve], title: str, delimiter: str = "\t") -> str:
    """Return spectra as a table in text, a line for each band of each spectrum.

    Parameters
    ----------
    curves : sequence of Curve
        The spectra.
    title : str
        Quantity and unit of the bands, for the heading.
    delimiter : str
        Between columns.
    """
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(("Spectrum", title, "Intensity", "Standard deviation"))
    for curve in curves:
        deviations = curve.sd
        if deviations is None:
            deviations = np.full(len(curve.x), np.nan)
        for x, y, deviation in zip(curve.x, curve.y, deviations, strict=True):
            table.writerow((curve.name, _cell(x), _cell(y), _cell(deviation)))
    return text.getvalue()


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.9g}"
