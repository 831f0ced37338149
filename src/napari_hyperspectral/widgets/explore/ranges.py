"""Ranges that are dragged in the plot, and become maps: one range, or three for a picture in colours."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import pyqtgraph
from magicgui.widgets import CheckBox, ComboBox
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ...axis import Axis, SpectralAxis
from ...cube import Cube
from ...picture.colours import in_true_colours
from ...progress import Job, Progress
from ...spectra.arrays import Array
from ...spectra.ranges.colours import false_colours_steps, rgb_of_ranges_steps
from ...spectra.ranges.range_map import Measure, RangeMap, range_map_steps
from ..forms.fields import Field
from ..forms.layer_choice import cube_of_layer
from .layers import axis_of_layer
from .live_map import LiveMap
from .plot import SpectrumPlot

Mode: TypeAlias = Literal["none", "range", "rgb"]

_COLOURS: Final = {"range": ("#bbbbbb",), "rgb": ("#e05050", "#50c050", "#5080ff"), "none": ()}
_PLACES: Final = {"range": ((0.45, 0.55),), "rgb": ((0.75, 0.85), (0.45, 0.55), (0.15, 0.25))}
"""Where ranges begin, as parts of what is shown of the axis."""
_FILL: Final = 50
"""Opacity of a range in the plot, of 255."""


class RangeTools(QWidget):
    """The bar of the ranges: what is mapped, and buttons for pictures in colours.

    Parameters
    ----------
    viewer : napari.Viewer
        That gets the maps.
    plot : SpectrumPlot
        In which ranges are dragged.
    cube : callable
        Returns the layer of the cube that is mapped, or None.
    """

    changed = Signal()
    """Ranges were switched on or off, or dragged to another place."""

    def __init__(
        self, viewer: Any, plot: SpectrumPlot, cube: Callable[[], ImageLayer | None]
    ) -> None:
        super().__init__()
        self._plot = plot
        self._cube = cube
        self._mode: Mode = "none"
        self._spans: list[pyqtgraph.LinearRegionItem] = []
        self._on: _RangeOn | None = None
        plot.axis_changed.connect(self._follow_axis)
        self.map = LiveMap(viewer, self)
        self.measure = ComboBox(name="measure", choices=get_args(Measure), value="area")
        self.measure.tooltip = "What is mapped of the range"
        self.above_line = CheckBox(name="above_line", text="above a line", value=True)
        self.above_line.tooltip = "Take off a straight line between the ends of the range"
        self.measure.native.setMaximumWidth(110)
        self.measure.changed.connect(self.update_map)
        self.above_line.changed.connect(self.update_map)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.measure.native)
        layout.addWidget(self.above_line.native)
        self._colour_buttons = [
            _button(
                "True colour", self.show_true_colours, "Visible wavelengths as an eye sees them"
            ),
            _button(
                "PCA colours", self.show_false_colours, "Three principal components as colours"
            ),
        ]
        for button in self._colour_buttons:
            layout.addWidget(button)
        layout.addWidget(_button("Keep", self.keep, "Leave the map; go on with a new one"))
        self.setVisible(False)
        self.mode_buttons = [
            self._mode_button("Range", "range", "Drag a range, and see its map (R)"),
            self._mode_button("RGB", "rgb", "Drag three ranges, and see them as colours (G)"),
        ]
        """Buttons that switch the modes on and off, for the bar of the dock."""

    @property
    def fields(self) -> list[Field]:
        """What can be set in the bar."""
        return [self.measure, self.above_line]

    @property
    def mode(self) -> Mode:
        """Whether one range is dragged, three, or none."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode == self._mode:
            return
        self._mode = mode
        self._remove_spans()
        self.setVisible(mode != "none")
        for widget in (self.measure.native, self.above_line.native):
            widget.setVisible(mode == "range")
        for button in self._colour_buttons:
            button.setVisible(mode == "rgb")
        if mode == "none":
            self.map.discard()
        else:
            self._add_spans(mode)
            self.update_map()
        self.changed.emit()

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """The ranges, in the unit of the plot: low and high end of each."""
        return [tuple(sorted(span.getRegion())) for span in self._spans]

    def set_ranges(self, ranges: Sequence[tuple[float, float]]) -> None:
        """Move the ranges, as if they were dragged.

        Raises
        ------
        ValueError
            If there are more or fewer than in the plot.
        """
        if len(ranges) != len(self._spans):
            raise ValueError(f"{len(self._spans)} ranges are shown, got {len(ranges)}")
        for span, ends in zip(self._spans, ranges, strict=True):
            span.setRegion(ends)

    def range_on_cube(self) -> tuple[ImageLayer, float, float] | None:
        """Return the cube, and the ends of the range in its unit, or None while none is dragged."""
        layer = self._cube()
        if layer is None or self._mode != "range":
            return None
        low, high = _on_axis(np.array(self.ranges[0]), self._plot.positions, axis_of_layer(layer))
        return layer, low, high

    def toggle_range(self, *_: object) -> None:
        """Drag a range, or no longer."""
        self._toggle("range")

    def toggle_rgb(self, *_: object) -> None:
        """Drag three ranges, or no longer."""
        self._toggle("rgb")

    def keep(self) -> None:
        """Keep the layer of the map; the next drag makes another one."""
        self.map.keep()

    def show_true_colours(self) -> None:
        """Show the cube in true colours, where it has visible wavelengths."""
        self._show(_true_colours)

    def show_false_colours(self) -> None:
        """Show the first three principal components as red, green and blue."""
        self._show(false_colours_steps)

    def update_map(self, *_: object) -> None:
        """Map the ranges as they are now."""
        layer = self._cube()
        if not self._spans or layer is None:
            return
        settings = [self._settings(ends, layer) for ends in self.ranges]
        if self._mode == "range":
            self._show(partial(range_map_steps, settings=settings[0]))
        else:
            self._show(partial(rgb_of_ranges_steps, ranges=settings))

    def _toggle(self, mode: Mode) -> None:
        self.mode = "none" if self._mode == mode else mode

    def _mode_button(self, text: str, mode: Mode, tooltip: str) -> QPushButton:
        button = _button(text, partial(self._toggle, mode), tooltip)
        button.setCheckable(True)
        self.changed.connect(lambda: button.setChecked(self._mode == mode))
        return button

    def _show(self, make: Callable[[Cube], Job[Cube]]) -> None:
        layer = self._cube()
        if layer is not None:
            self.map.show(partial(make, cube_of_layer(layer)))

    def _settings(self, ends: tuple[float, float], layer: ImageLayer) -> RangeMap:
        """Return a range in the unit of the cube, which need not be that of the plot."""
        low, high = _on_axis(np.array(ends), self._plot.positions, axis_of_layer(layer))
        measure: Measure = self.measure.value if self._mode == "range" else "mean"
        above_line = self.above_line.value and self._mode == "range"
        return RangeMap(start=low, end=high, measure=measure, above_line=above_line)

    def _add_spans(self, mode: Mode) -> None:
        for colour, ends in zip(_COLOURS[mode], self._first_ranges(), strict=True):
            fill = pyqtgraph.mkColor(colour)
            fill.setAlpha(_FILL)
            span = pyqtgraph.LinearRegionItem(ends, brush=fill, pen=pyqtgraph.mkPen(colour))
            span.sigRegionChanged.connect(self._on_dragged)
            self._plot.addItem(span, ignoreBounds=True)
            self._spans.append(span)
        self._remember_axis()

    def _first_ranges(self) -> list[tuple[float, float]]:
        """Return where the ranges of this mode begin, in the unit of the plot."""
        low, high = self._plot.shown_span()
        width = high - low
        return [(low + start * width, low + end * width) for start, end in _PLACES[self._mode]]

    def _follow_axis(self) -> None:
        """Leave ranges on their bands in another unit; begin anew where they lie beside the axis."""
        layer, before, positions = self._cube(), self._on, self._plot.positions
        if before is None or layer is None or not self._spans:
            return
        if layer is before.layer() and len(positions) == len(before.positions):
            order = np.argsort(before.positions, kind="stable")
            known = (before.positions[order], positions[order])
            ends = np.interp(self.ranges, *known)  # (range, end)
            moved = [(low, high) for low, high in ends.tolist()]
        elif self._plot.title != before.title or not self._in_sight():
            moved = self._first_ranges()
        else:
            moved = self.ranges
        self._remember_axis()
        self.set_ranges(moved)

    def _in_sight(self) -> bool:
        """Whether all ranges lie on the axis of the plot."""
        lowest, highest = self._plot.positions.min(), self._plot.positions.max()
        return all(low < highest and high > lowest for low, high in self.ranges)

    def _remember_axis(self) -> None:
        layer = self._cube()
        if layer is not None:
            axis = (self._plot.title, self._plot.positions)
            self._on = _RangeOn(weakref.ref(layer), *axis)

    def _remove_spans(self) -> None:
        for span in self._spans:
            self._plot.removeItem(span)
        self._spans = []

    def _on_dragged(self, *_: object) -> None:
        self.update_map()
        self.changed.emit()


class _RangeOn(NamedTuple):
    """The axis of the plot when ranges were placed on it."""

    layer: weakref.ref[ImageLayer]
    """A cube that a person removed must not stay in memory."""
    title: str
    positions: Array
    """Of the bands, (band,)."""


def _true_colours(cube: Cube) -> Job[Cube]:
    yield Progress(0, 1)
    picture = in_true_colours(cube)
    if picture is None:
        raise ValueError(
            "the cube has no bands near 640, 550 and 460 nm; drag three ranges instead"
        )
    return picture


def _on_axis(places: Array, shown: Array, axis: Axis) -> tuple[float, float]:
    """Return places in the plot on the axis of a cube, by the positions of its bands in the plot."""
    if not isinstance(axis, SpectralAxis) or len(shown) != len(axis):
        return float(places[0]), float(places[1])
    order = np.argsort(shown, kind="stable")
    low, high = np.interp(places, shown[order], axis.centres[order])
    return float(low), float(high)


def _button(text: str, action: Callable[[], None], tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.clicked.connect(lambda *_: action())
    return button
