"""The plot of the Spectrum dock: curves, a line at the band that is shown, names of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy

from ...axis import Axis, ChannelAxis
from ...spectra.arrays import Array
from .curves import Curve
from .layers import positions_on

_FAINT: Final = 110
"""Opacity of curves of other layers, of 255."""
_MARK: Final = 9
"""Size of the marks of single bands, in pixels."""
_BAND_OF_DEVIATION: Final = 45
"""Opacity of the area of one standard deviation, of 255."""


_ENTRIES_IN_A_COLUMN: Final = 5
"""Of the legend; of more, it has two columns, lest it covers the plot from top to bottom."""


class SpectrumPlot(pyqtgraph.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Spectra over the bands; a click, or a drag of the line, chooses a band.

    Curves that stay are not drawn again. Lines are one pixel wide: Qt takes ten times as long to
    draw wider or dashed ones of a thousand bands.
    """

    band_chosen = Signal(float)
    """Position that was chosen, in the unit of the plot."""
    axis_changed = Signal()
    """The plot has another axis now: of another unit, or of other bands."""

    def __init__(self) -> None:
        super().__init__()
        self.setBackground(None)  # that of the dock, in every theme of napari
        self.showGrid(x=True, y=True, alpha=0.15)
        self.label_axis("left", "Intensity")
        self.setMinimumSize(320, 120)
        # pyqtgraph would ask for 640 × 480
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._legend = self.addLegend(offset=(8, 8), labelTextSize="9pt")
        self._line = pyqtgraph.InfiniteLine(movable=True, pen=pyqtgraph.mkPen("#999", width=1))
        self._line.sigDragged.connect(self._line_dragged)
        self.addItem(self._line, ignoreBounds=True)
        self._items: dict[str, _CurveItems] = {}
        self._entries: list[tuple[str, str]] = []
        self._axis: Axis | None = None
        self._span: tuple[str, float, float] = ("", 0.0, 0.0)
        self._shows_empty_axis = False
        self.positions: Array = np.empty(0)
        """Positions of the bands of the main cube, shape (band,), in the unit of the plot."""
        self.scene().sigMouseClicked.connect(self._clicked)

    def show_curves(self, curves: Sequence[Curve], names: Sequence[str] | None = None) -> None:
        """Draw these curves, and no others.

        Parameters
        ----------
        curves : sequence of Curve
            The curves.
        names : sequence of str, optional
            Their names in the legend; default: their own.
        """
        names = [curve.name for curve in curves] if names is None else list(names)
        if curves and self._shows_empty_axis:
            self._shows_empty_axis = False
            self.getPlotItem().enableAutoRange()
        shown = {curve.name for curve in curves}
        outdated = [name for name in self._items if name not in shown]
        unused = [self._items.pop(name) for name in outdated]
        for curve in curves:
            if curve.name not in self._items:
                # a new curve takes the lines of an old one: making them takes longer than moving them
                self._items[curve.name] = unused.pop() if unused else _CurveItems(self)
            self._items[curve.name].show(curve)
        for items in unused:
            items.remove()
        self._show_legend(curves, names)

    def show_axis(self, axis: Axis | None) -> None:
        """Label the bands with quantity and unit, or with the names of channels.

        Of another axis, all is shown again: a range that was zoomed to means nothing there.
        """
        if self._shows(axis):  # each label and grid that is set is drawn again: 5 ms a move
            return
        self._axis = axis
        self.label_axis("bottom", "" if axis is None else axis.title)
        bottom = self.getAxis("bottom")
        if isinstance(axis, ChannelAxis):
            bottom.setTicks([list(enumerate(axis.names))])
            self.showGrid(x=False, y=True, alpha=0.15)
        else:
            bottom.setTicks(None)  # numbers
            self.showGrid(x=True, y=True, alpha=0.15)
        self.positions = np.empty(0) if axis is None else positions_on(axis)
        span = _span_of(axis)
        if span != self._span:
            self._span = span
            self._show_all()
            self.axis_changed.emit()

    def _shows(self, axis: Axis | None) -> bool:
        """Whether these bands are shown already."""
        if axis is None or self._axis is None:
            return axis is self._axis
        return self._axis.same_bands(axis)

    def label_axis(self, side: str, text: str) -> None:
        """Name an axis; its numbers are the values themselves, never thousands or thousandths."""
        # pyqtgraph scales values below 1, and keeps that scale for others
        self.setLabel(side, text, siPrefixEnableRanges=())
        self.getAxis(side).enableAutoSIPrefix(False)

    @property
    def title(self) -> str:
        """Quantity and unit of the axis, or ""."""
        return self._span[0]

    def shown_span(self) -> tuple[float, float]:
        """Return the part of the axis that is in sight, in the unit of the plot."""
        box = self.getPlotItem().getViewBox()
        box.updateAutoRange()  # which is otherwise done when it is drawn
        low, high = box.viewRange()[0]
        _title, lowest, highest = self._span
        low, high = max(low, lowest), min(high, highest)
        return (low, high) if low < high else (lowest, highest)

    def mark(self, position: float | None) -> None:
        """Move the line to a position, in the unit of the plot; None hides it."""
        self._line.setVisible(position is not None)
        if position is not None:
            self._line.setValue(position)

    def _show_all(self) -> None:
        """Show all bands, also before there is a curve: ranges are dragged on them."""
        self.getPlotItem().enableAutoRange()
        _title, lowest, highest = self._span
        self._shows_empty_axis = not self._items and lowest < highest
        if self._shows_empty_axis:
            self.setXRange(lowest, highest)

    def _show_legend(self, curves: Sequence[Curve], names: Sequence[str]) -> None:
        entries = [(curve.name, name) for curve, name in zip(curves, names, strict=True)]
        if entries == self._entries:
            return
        before = [(sample.item, label) for sample, label in self._legend.items]
        lines = [self._items[key].line for key, _name in entries]
        self._entries = entries
        self._legend.setColumnCount(1 if len(entries) <= _ENTRIES_IN_A_COLUMN else 2)
        if [line for line, _label in before] == lines:
            for (_line, label), (_key, name) in zip(before, entries, strict=True):
                if label.text != name:
                    label.setText(name)
            self._legend.updateSize()
            return
        self._legend.clear()
        for line, (_key, name) in zip(lines, entries, strict=True):
            self._legend.addItem(line, name)

    def _line_dragged(self, line: Any) -> None:
        self.band_chosen.emit(line.value())

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            box = self.getPlotItem().getViewBox()
            self.band_chosen.emit(box.mapSceneToView(event.scenePos()).x())


class _CurveItems:
    """The line of a curve, and the area of its standard deviation."""

    def __init__(self, plot: SpectrumPlot) -> None:
        self._plot = plot
        self._curve: Curve | None = None
        self._area: pyqtgraph.FillBetweenItem | None = None
        self.line = pyqtgraph.PlotDataItem(connect="finite", skipFiniteCheck=False)
        plot.addItem(self.line)

    def show(self, curve: Curve) -> None:
        """Draw a curve, unless it is drawn already."""
        if curve is self._curve:
            return
        self._curve = curve
        colour = pyqtgraph.mkColor(curve.colour)
        if curve.faint:
            colour.setAlpha(_FAINT)
        self.line.setPen(None if curve.marks else pyqtgraph.mkPen(colour, width=1))
        self.line.setSymbol("x" if curve.marks else None)
        self.line.setSymbolPen(None)
        self.line.setSymbolBrush(colour)
        self.line.setSymbolSize(_MARK)
        self.line.setData(curve.x, curve.y)
        if curve.sd is None:
            self._remove_area()
            return
        if self._area is None:
            self._area = pyqtgraph.FillBetweenItem(
                pyqtgraph.PlotCurveItem(), pyqtgraph.PlotCurveItem()
            )
            self._plot.addItem(self._area, ignoreBounds=True)
        _show_deviation(self._area, curve, curve.sd)

    def remove(self) -> None:
        """Draw it no longer."""
        self._remove_area()
        self._plot.removeItem(self.line)

    def _remove_area(self) -> None:
        if self._area is not None:
            self._plot.removeItem(self._area)
            self._area = None


def _show_deviation(area: pyqtgraph.FillBetweenItem, curve: Curve, sd: Array) -> None:
    """Let an area reach from one standard deviation below a curve to one above."""
    known = np.isfinite(curve.y)
    lower, upper = area.curves
    lower.setData(curve.x[known], (curve.y - sd)[known])
    upper.setData(curve.x[known], (curve.y + sd)[known])
    colour = pyqtgraph.mkColor(curve.colour)
    colour.setAlpha(_BAND_OF_DEVIATION)
    area.setBrush(colour)


def _span_of(axis: Axis | None) -> tuple[str, float, float]:
    """Return quantity, lowest and highest position of an axis."""
    if axis is None:
        return "", 0.0, 0.0
    if isinstance(axis, ChannelAxis):
        return axis.title, 0.0, float(len(axis))
    return axis.title, float(axis.centres.min()), float(axis.centres.max())
