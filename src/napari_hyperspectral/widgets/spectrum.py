"""The spectrum under the cursor, of pinned pixels, and of a painted or drawn region."""

from __future__ import annotations

import csv
import io
import weakref
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyqtgraph
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.layers import Shapes as ShapesLayer
from napari.utils.notifications import show_error
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..atomic import replacing
from ..axis import Axis, ChannelAxis, SpectralAxis
from ..layers import axis_of
from ..spectra.regions import (
    Array,
    ellipse_outline,
    moved_mask,
    pixel_spectrum,
    polygon_mask,
    region_spectra,
)

if TYPE_CHECKING:
    import napari

_COLOURS = ("#e8a33d", "#4aa8e0", "#5fbf77", "#d96bb0", "#a78bfa", "#c9b458", "#e06666")
_REDRAW_MS = 33
_MOST_PINS = 6
_FOLLOWED = (
    "visible", "name", "data", "metadata", "scale", "translate", "paint", "labels_update",
    "selected_label", "highlight",
)  # fmt: skip
_HINT = "Move over a cube; click to pin a spectrum; click or drag in the plot to change the band."


class Curve(NamedTuple):
    """A spectrum as it is drawn."""

    name: str
    x: Array
    y: Array
    colour: str
    kind: str = "cursor"
    """cursor, pin or region"""
    sd: Array | None = None


class SpectrumWidget(QWidget):
    """Show spectra of all visible cubes; a line marks the band, a text names it on the image."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.curves: list[Curve] = []
        """What is drawn."""
        self.pins: list[tuple[float, ...]] = []
        """Pinned positions, in world coordinates."""
        self._position: tuple[float, ...] | None = None
        self._colours: weakref.WeakKeyDictionary[Layer, dict[str, str]] = (
            weakref.WeakKeyDictionary()
        )
        self._palette = cycle(_COLOURS)
        self._kept: list[Curve] = []
        self._plane: tuple[float, ...] = ()
        self._stale = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REDRAW_MS)
        self._timer.timeout.connect(self.refresh)
        self._build()
        self._links = _Links(viewer, self)
        self.destroyed.connect(self._links.cut)
        self.refresh()

    @property
    def spectra(self) -> dict[str, tuple[Array, Array]]:
        """What is drawn: name in the legend to places of the bands and intensities."""
        return {curve.name: (curve.x, curve.y) for curve in self.curves}

    @property
    def lead(self) -> ImageLayer | None:
        """The cube whose axis the plot has: the selected one, else the topmost that is seen."""
        cubes = self._cubes()
        active = self._viewer.layers.selection.active
        return active if active in cubes else next(reversed(cubes), None)

    def choose_band_near(self, value: float) -> None:
        """Move the slider of bands to the band nearest to `value`, in the unit of the plot."""
        layer = self.lead
        if layer is None:
            return
        axis = _axis(layer)
        band = int(np.argmin(np.abs(_places(axis) - value)))
        place = layer.ndim - 3
        world = layer.data_to_world([band if i == place else 0 for i in range(layer.ndim)])
        self._viewer.dims.set_point(self._viewer.dims.ndim - 3, world[place])

    def show_point(self, world: tuple[float, ...]) -> None:
        """Draw the spectra at a place, in world coordinates, as if the cursor were there."""
        self._position = tuple(world)
        self.refresh()

    def show_region(self) -> None:
        """Draw the spectra of the selected shapes or label, as they are now."""
        self._stale = True
        self.refresh()

    def pin(self, position: tuple[float, ...]) -> None:
        """Keep the spectra at a place, in world coordinates; the oldest of many goes."""
        self.pins = [*self.pins, tuple(position)][-_MOST_PINS:]
        self._changed()

    def unpin(self) -> None:
        """Forget the pinned places."""
        self.pins = []
        self._changed()

    def copy(self) -> None:
        """Copy the spectra to the clipboard, as a table for a spreadsheet."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(table_of(self.curves, self._title))

    def save_spectra(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the spectra that are drawn as CSV.

        Raises
        ------
        ValueError
            If none is drawn.
        FileExistsError
            If there is such a file, and it was not to be overwritten.
        """
        path = Path(path)
        if not self.curves:
            raise ValueError("no spectrum is shown; pin one by a click on a cube, then save")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path.name} exists already; choose another name")
        with replacing(path) as (draft,):
            text = table_of(self.curves, self._title, delimiter=",")
            draft.write_text(text, encoding="utf-8", newline="")
        return path

    def refresh(self) -> None:
        """Draw what is to be seen now."""
        lead = self.lead
        axis = None if lead is None else _axis(lead)
        self._title = "" if axis is None else axis.title
        cubes = self._cubes()
        layers = [layer for layer in cubes if _axis(layer).title == self._title]
        if self._stale:
            self._kept = [*self._pinned(layers), *self._regions(layers)]
            self._stale = False
        self.curves = [*self._under_cursor(layers), *self._kept]
        self._draw()
        self._name_ticks(axis)
        self._advise([layer.name for layer in cubes if layer not in layers])
        self._mark_band(lead, axis)

    def _cubes(self) -> list[ImageLayer]:
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, ImageLayer) and layer.visible and not layer.rgb and layer.ndim >= 3
        ]

    def _under_cursor(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        if self._position is None or self._viewer.dims.ndisplay != 2:
            return
        for layer in layers:
            spectrum = self._spectrum(layer, self._position)
            if spectrum is not None:
                yield Curve(
                    layer.name, _places(_axis(layer)), spectrum, self._colour(layer, "cursor")
                )

    def _pinned(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        for i, position in enumerate(self.pins):
            for layer in layers:
                spectrum = self._spectrum(layer, position)
                if spectrum is not None:
                    y, x = _pixel(layer, position)
                    name = f"{layer.name} ({y}, {x})"
                    yield Curve(
                        name,
                        _places(_axis(layer)),
                        spectrum,
                        self._colour(layer, f"pin {i}"),
                        kind="pin",
                    )

    def _regions(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        region = self._viewer.layers.selection.active
        if not isinstance(region, ShapesLayer | LabelsLayer):
            return
        for layer in layers:
            mask = _mask(region, layer, self._viewer.dims.point)
            at = self._leading(layer)
            found = None if mask is None else region_spectra(_data(layer), mask, at)
            if found is not None:
                what = _name_of(region)
                yield Curve(
                    f"{layer.name}, {what} ({found.pixels} px)",
                    _places(_axis(layer)),
                    _without_bad(found.mean, _axis(layer)),
                    self._colour(layer, "region"),
                    kind="region",
                    sd=found.sd,
                )

    def _spectrum(self, layer: ImageLayer, position: tuple[float, ...]) -> Array | None:
        """Return the spectrum of a cube at a place, or None beside it."""
        y, x = _pixel(layer, position)
        data = _data(layer)
        if not (0 <= y < data.shape[-2] and 0 <= x < data.shape[-1]):
            return None
        return _without_bad(pixel_spectrum(data, y, x, self._leading(layer)), _axis(layer))

    def _leading(self, layer: ImageLayer) -> tuple[int, ...]:
        """Return the frame and plane of a cube that are shown."""
        shape = _data(layer).shape[:-3]
        place = layer.world_to_data(self._viewer.dims.point)[: len(shape)]
        return tuple(int(min(max(round(p), 0), n - 1)) for p, n in zip(place, shape, strict=True))

    def _colour(self, layer: Layer, what: str) -> str:
        """Return the colour of a cube's curve of one sort; it keeps it."""
        colours = self._colours.setdefault(layer, {})
        if what not in colours:
            colours[what] = next(self._palette)
        return colours[what]

    def _draw(self) -> None:
        self._plot.clear()
        self._legend.clear()
        self._plot.addItem(self._line, ignoreBounds=True)
        for curve in self.curves:
            style = Qt.PenStyle.DashLine if curve.kind == "pin" else Qt.PenStyle.SolidLine
            width = 2.5 if curve.kind == "region" else 1.5
            pen = pyqtgraph.mkPen(curve.colour, width=width, style=style)
            if curve.sd is not None:
                self._draw_band(curve, curve.sd)
            self._plot.plot(curve.x, curve.y, pen=pen, name=curve.name, connect="finite")
        self._plot.setLabel("bottom", self._title)

    def _name_ticks(self, axis: Axis | None) -> None:
        """Write the names of channels below the plot; numbers where there are none."""
        named = isinstance(axis, ChannelAxis)
        ticks = [list(enumerate(axis.names))] if isinstance(axis, ChannelAxis) else None
        bottom = self._plot.getAxis("bottom")
        bottom.setTicks(ticks)
        bottom.enableAutoSIPrefix(False)
        self._plot.showGrid(x=not named, y=True, alpha=0.15)

    def _advise(self, left_out: list[str]) -> None:
        """Tell which cubes have another axis than the plot; else what one can do here."""
        others = (
            f"On another axis, so not shown: {', '.join(left_out)}. Select one to change to it."
        )
        text = others if left_out else _HINT
        self._hint.setText(text)
        self._hint.setVisible(bool(left_out) or not self.curves)

    def _draw_band(self, curve: Curve, sd: Array) -> None:
        """Draw one standard deviation above and below."""
        known = np.isfinite(curve.y)
        edges = [
            pyqtgraph.PlotCurveItem(curve.x[known], (curve.y + sign * sd)[known])
            for sign in (-1, 1)
        ]
        colour = pyqtgraph.mkColor(curve.colour)
        colour.setAlpha(50)
        self._plot.addItem(pyqtgraph.FillBetweenItem(*edges, brush=colour))

    def _mark_band(self, layer: ImageLayer | None, axis: Axis | None) -> None:
        self._line.setVisible(layer is not None)
        if layer is None or axis is None:
            self._links.show_text("")
            return
        place = layer.world_to_data(self._viewer.dims.point)[-3]
        band = int(min(max(round(place), 0), len(axis) - 1))
        self._line.setValue(_places(axis)[band])
        self._links.show_text(axis.label(band) if self.named.isChecked() else "")

    def _moved(self, _viewer: Any, event: Any) -> None:
        self._position = tuple(event.position)
        self._soon()

    def _clicked(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Pin the place of a click that neither drags nor paints."""
        active = self._viewer.layers.selection.active
        moving = active is None or str(active.mode) == "pan_zoom"
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if moving and not dragged and event.button == 1:
            self.pin(tuple(event.position))

    def _plot_clicked(self, event: Any) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            self.choose_band_near(box.mapSceneToView(event.scenePos()).x())

    def _ask_where_to_save(self) -> None:
        chosen, _filter = QFileDialog.getSaveFileName(
            self, "Save spectra", "spectra.csv", "Table (*.csv)"
        )
        if not chosen:
            return
        path = Path(chosen)
        asked = path.suffix == ".csv"  # by the dialog, if there is such a file
        try:
            self.save_spectra(path if asked else f"{path}.csv", overwrite=asked)
        except (ValueError, OSError) as error:
            show_error(f"not saved: {error}")

    def _stepped(self, *_: object) -> None:
        """Read regions anew where another plane or frame is shown, not for another band."""
        plane = tuple(self._viewer.dims.point[:-3])
        if plane != self._plane:
            self._plane, self._stale = plane, True
        self._soon()

    def changeEvent(self, event: QEvent | None) -> None:
        """Leave the viewer when the dock is closed: napari keeps the widget, without a parent."""
        super().changeEvent(event)
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is None:
            self._timer.stop()
            self._links.cut()
        else:
            self._links.tie()
            self._changed()

    def _changed(self, *_: object) -> None:
        """Note that more than the cursor has changed."""
        self._stale = True
        self._soon()

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _build(self) -> None:
        self._title = ""
        self._plot = pyqtgraph.PlotWidget()
        self._plot.setBackground(None)  # what is behind it, in every theme of napari
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._plot.setLabel("left", "Intensity")
        self._plot.setMinimumSize(320, 180)
        ignored = QSizePolicy.Policy.Ignored  # it would ask for 640 × 480
        self._plot.setSizePolicy(ignored, ignored)
        self._legend = self._plot.addLegend(offset=(8, 8), labelTextSize="9pt")
        self._line = pyqtgraph.InfiniteLine(movable=True, pen=pyqtgraph.mkPen("#999", width=1))
        self._line.sigDragged.connect(lambda line: self.choose_band_near(line.value()))
        self._plot.scene().sigMouseClicked.connect(self._plot_clicked)
        self._hint = QLabel(_HINT)
        self._hint.setWordWrap(True)
        self.reversed, self.named = QCheckBox("Reverse axis"), QCheckBox("Name band on image")
        self.reversed.toggled.connect(self._plot.getPlotItem().invertX)
        self.named.setChecked(True)
        self.named.toggled.connect(self._soon)
        layout = QVBoxLayout(self)
        layout.addWidget(self._plot)
        layout.addWidget(self._hint)
        layout.addLayout(_row(self.reversed, self.named))
        layout.addLayout(
            _row(
                _button("Clear pins", self.unpin),
                _button("Copy table", self.copy),
                _button("Save spectra…", self._ask_where_to_save),
            )
        )


def table_of(curves: list[Curve], title: str, delimiter: str = "\t") -> str:
    """Return spectra as text: a line for each band of each, columns parted by tabs."""
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(("Spectrum", title, "Intensity", "Standard deviation"))
    for curve in curves:
        sd = np.full(len(curve.x), np.nan) if curve.sd is None else curve.sd
        for x, y, spread in zip(curve.x, curve.y, sd, strict=True):
            values = ("" if np.isnan(value) else f"{value:.9g}" for value in (x, y, spread))
            table.writerow((curve.name, *values))
    return text.getvalue()


def _button(text: str, does: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(lambda *_: does())
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch()
    return row


class _Links:
    """What ties a widget to its viewer; outlives the widget by so much as to cut the ties."""

    def __init__(self, viewer: Any, widget: SpectrumWidget) -> None:
        self._viewer = viewer
        self._moved, self._clicked = widget._moved, widget._clicked
        self._changed: Callable[..., None] = widget._changed
        events = viewer.layers.events
        self._emitters = [
            (viewer.dims.events.current_step, widget._stepped),
            (viewer.dims.events.ndisplay, self._changed),
            (viewer.layers.selection.events.changed, self._changed),
            (events.reordered, self._changed),
            (events.inserted, self._inserted),
            (events.removed, self._removed),
        ]
        self._tied = False
        self.tie()

    def tie(self) -> None:
        """Listen to the viewer."""
        if self._tied:
            return
        self._tied = True
        self._viewer.mouse_move_callbacks.append(self._moved)
        self._viewer.mouse_drag_callbacks.append(self._clicked)
        for emitter, answer in self._emitters:
            emitter.connect(answer)
        for layer in self._viewer.layers:
            self._follow(layer)
        overlay = self._overlay
        self._before = (overlay.text, overlay.visible)

    @property
    def _overlay(self) -> Any:
        canvas = getattr(self._viewer, "canvas", None)  # napari has it since 0.9
        overlays = getattr(canvas, "overlays", None)
        return self._viewer.text_overlay if overlays is None else overlays.text

    def show_text(self, text: str) -> None:
        """Show a text on the canvas, or give back what was there before."""
        overlay = self._overlay
        overlay.text, overlay.visible = (text, True) if text else self._before

    def cut(self, *_: object) -> None:
        """Leave the viewer as it was."""
        if not self._tied:
            return
        self._tied = False
        for callbacks, ours in (
            (self._viewer.mouse_move_callbacks, self._moved),
            (self._viewer.mouse_drag_callbacks, self._clicked),
        ):
            if ours in callbacks:
                callbacks.remove(ours)
        for emitter, answer in self._emitters:
            emitter.disconnect(answer)
        for layer in self._viewer.layers:
            self._leave(layer)
        self.show_text("")

    def _inserted(self, event: Any) -> None:
        self._follow(event.value)
        self._changed()

    def _removed(self, event: Any) -> None:
        self._leave(event.value)
        self._changed()

    def _follow(self, layer: Layer) -> None:
        for name in _FOLLOWED:
            if name in layer.events.emitters:
                getattr(layer.events, name).connect(self._changed)

    def _leave(self, layer: Layer) -> None:
        for name in _FOLLOWED:
            if name in layer.events.emitters:
                getattr(layer.events, name).disconnect(self._changed)


def _data(layer: Layer) -> Any:
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def _axis(layer: ImageLayer) -> Axis:
    """Return the axis of a cube, or one that counts bands.

    They are counted where the layer says of no axis that fits, and where most of its centres
    repeat each other, as those of cameras do whose bands nobody told apart: all would be plotted
    on one spot.
    """
    bands = int(_data(layer).shape[-3])
    axis = axis_of({"metadata": layer.metadata})
    if axis is None or len(axis) != bands:
        return SpectralAxis.index(bands)
    if isinstance(axis, SpectralAxis) and 2 * len(np.unique(axis.centres)) <= bands > 1:
        return SpectralAxis(np.arange(bands), bad=axis.bad)
    return axis


def _places(axis: Axis) -> Array:
    """Return where bands lie in the plot: channels one after the other."""
    if isinstance(axis, ChannelAxis):
        return np.arange(len(axis), dtype=np.float64)
    return axis.centres


def _without_bad(spectrum: Array, axis: Axis) -> Array:
    return np.where(axis.good, spectrum, np.nan)


def _pixel(layer: Layer, position: tuple[float, ...]) -> tuple[int, int]:
    y, x = np.rint(layer.world_to_data(position)[-2:])
    return int(y), int(x)


def _name_of(region: ShapesLayer | LabelsLayer) -> str:
    if isinstance(region, ShapesLayer):
        return str(region.name)
    label = int(region.selected_label)
    classes = region.features.get("class")
    named = classes is not None and 0 <= label < len(classes)
    return str(classes[label]) if named else f"{region.name} {label}"


def _mask(
    region: ShapesLayer | LabelsLayer, cube: ImageLayer, point: tuple[float, ...]
) -> NDArray[np.bool_] | None:
    """Return the pixels (y, x) of a cube that lie in the drawn shapes or the chosen label."""
    shape = tuple(int(size) for size in _data(cube).shape[-2:])
    if isinstance(region, LabelsLayer):
        painted = _painted(region, point)
        return moved_mask(painted, *_from_to(cube, region), (shape[0], shape[1]))
    matrix, offset = _from_to(region, cube)
    chosen = sorted(region.selected_data) or range(region.nshapes)
    masks = [
        polygon_mask(_outline(region, i) @ matrix.T + offset, (shape[0], shape[1]))
        for i in chosen
        if region.shape_type[i] in ("rectangle", "polygon", "ellipse")
    ]
    return np.logical_or.reduce(masks) if masks else None


def _outline(shapes: ShapesLayer, index: int) -> Array:
    corners = np.asarray(shapes.data[index], dtype=np.float64)[:, -2:]
    return ellipse_outline(corners) if shapes.shape_type[index] == "ellipse" else corners


def _painted(labels: LabelsLayer, point: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return where the chosen label is, (y, x), on any band of the planes that are shown."""
    data = _data(labels)
    place = np.rint(labels.world_to_data(point)[:-3]).astype(int)
    at = tuple(int(min(max(p, 0), n - 1)) for p, n in zip(place, data.shape, strict=False))
    found: NDArray[np.bool_] = np.asarray(data[at]) == labels.selected_label
    whole: NDArray[np.bool_] = np.any(found, axis=tuple(range(found.ndim - 2)))
    return whole


def _from_to(one: Layer, other: Layer) -> tuple[Array, Array]:
    """Return matrix and offset that lead from pixels (y, x) of one layer to those of another."""

    def there(y: int, x: int) -> Array:
        world = one.data_to_world((*(0,) * (one.ndim - 2), y, x))
        whole = (*(0.0,) * (other.ndim - len(world)), *world)
        return np.asarray(other.world_to_data(whole)[-2:], dtype=np.float64)

    offset = there(0, 0)
    return np.stack([there(1, 0) - offset, there(0, 1) - offset], axis=1), offset
