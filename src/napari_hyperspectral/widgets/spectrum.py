"""The Spectrum dock: spectra under the cursor, of pinned pixels, and of a drawn or painted region."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.layers import Shapes as ShapesLayer
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QPushButton,
    QVBoxLayout,
)

from ..axis import Axis
from ..files.atomic import replacing
from ..spectra.arrays import Array
from .dock import Dock
from .forms.layer_choice import has_bands, suitable_layers
from .forms.layout import in_a_row
from .spectrum_layers import (
    Position,
    axis_of_layer,
    band_at,
    name_of_region,
    pixel_at,
    positions_on,
    spectra_of_region,
    spectrum_at,
)
from .spectrum_plot import Curve, SpectrumPlot, table_of
from .viewer_events import ViewerEvents

if TYPE_CHECKING:
    import napari

_COLOURS = ("#e8a33d", "#4aa8e0", "#5fbf77", "#d96bb0", "#a78bfa", "#c9b458", "#e06666")
_REDRAW_MS = 33
_MOST_PINS = 6
_HINT = (
    "Move the cursor over a cube. Click the image to pin a spectrum; click or drag in the plot to "
    "change the band."
)


class SpectrumWidget(Dock):
    """Plot spectra of all visible cubes; a line marks the band, a text on the image names it."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.curves: list[Curve] = []
        """The curves in the plot."""
        self.pins: list[Position] = []
        """Pinned positions, in world coordinates."""
        self._cursor: Position | None = None
        self._colours: weakref.WeakKeyDictionary[Layer, dict[str, str]] = (
            weakref.WeakKeyDictionary()
        )
        self._palette = cycle(_COLOURS)
        # spectra of pins and regions are read again only when they may have changed
        self._pins_and_regions: list[Curve] = []
        self._outdated = True
        self._plane: Position = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REDRAW_MS)
        self._timer.timeout.connect(self.refresh)
        self._build()
        self._events = ViewerEvents(viewer, self)
        self.destroyed.connect(self._events.disconnect)
        self.refresh()

    # -- what a script uses

    @property
    def spectra(self) -> dict[str, tuple[Array, Array]]:
        """Spectra in the plot: name to positions of the bands and intensities, (band,) each."""
        return {curve.name: (curve.x, curve.y) for curve in self.curves}

    @property
    def main_layer(self) -> ImageLayer | None:
        """The cube whose axis the plot has: the selected one, otherwise the topmost visible one."""
        cubes = self._visible_cubes()
        active = self._viewer.layers.selection.active
        if active in cubes:
            return active
        return cubes[-1] if cubes else None

    def choose_band_near(self, value: float) -> None:
        """Move the band slider to the band nearest to `value`, in the unit of the plot."""
        layer = self.main_layer
        if layer is None:
            return
        distances = np.abs(positions_on(axis_of_layer(layer)) - value)
        index = [0] * layer.ndim
        index[-3] = int(np.argmin(distances))
        world = layer.data_to_world(index)
        self._viewer.dims.set_point(self._viewer.dims.ndim - 3, world[-3])

    def show_point(self, world: Position) -> None:
        """Plot the spectra at a position, in world coordinates, as if the cursor were there."""
        self._cursor = tuple(world)
        self.refresh()

    def show_region(self) -> None:
        """Plot the spectra of the selected shapes or label, as they are now."""
        self._outdated = True
        self.refresh()

    def pin(self, position: Position) -> None:
        """Keep the spectra at a position, in world coordinates; of too many, the oldest goes."""
        self.pins = [*self.pins, tuple(position)][-_MOST_PINS:]
        self.on_change()

    def clear_pins(self) -> None:
        """Remove all pins."""
        self.pins = []
        self.on_change()

    def copy(self) -> None:
        """Copy the spectra to the clipboard, as a table for a spreadsheet."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(table_of(self.curves, self._title))

    def save_spectra(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the spectra in the plot as CSV.

        Raises
        ------
        ValueError
            If there are none.
        FileExistsError
            If the file exists, unless `overwrite`.
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
        """Plot the spectra of the moment."""
        main_layer = self.main_layer
        axis = None if main_layer is None else axis_of_layer(main_layer)
        self._title = "" if axis is None else axis.title
        comparable: list[ImageLayer] = []
        left_out: list[str] = []
        for layer in self._visible_cubes():
            if axis_of_layer(layer).title == self._title:
                comparable.append(layer)
            else:
                left_out.append(layer.name)
        if self._outdated:
            self._pins_and_regions = [*self._of_pins(comparable), *self._of_region(comparable)]
            self._outdated = False
        self.curves = [*self._under_cursor(comparable), *self._pins_and_regions]
        self._plot.show_curves(self.curves)
        self._plot.show_axis(axis)
        self._show_hint(left_out)
        self._mark_band(main_layer, axis)

    # -- the curves

    def _visible_cubes(self) -> list[ImageLayer]:
        return [layer for layer in suitable_layers(self._viewer.layers, has_bands) if layer.visible]

    def _under_cursor(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        """Yield the spectrum of each cube under the cursor."""
        if self._cursor is None or self._viewer.dims.ndisplay != 2:
            return
        for layer in layers:
            spectrum = spectrum_at(layer, self._cursor, self._viewer.dims.point)
            if spectrum is not None:
                bands = positions_on(axis_of_layer(layer))
                yield Curve(layer.name, bands, spectrum, self._colour(layer, "cursor"))

    def _of_pins(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        """Yield the spectra of each cube at each pin."""
        for number, position in enumerate(self.pins):
            for layer in layers:
                spectrum = spectrum_at(layer, position, self._viewer.dims.point)
                if spectrum is None:
                    continue
                y, x = pixel_at(layer, position)
                bands = positions_on(axis_of_layer(layer))
                colour = self._colour(layer, f"pin {number}")
                yield Curve(f"{layer.name} ({y}, {x})", bands, spectrum, colour, "pin")

    def _of_region(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        """Yield the mean spectrum of each cube in the selected shapes or label."""
        region = self._viewer.layers.selection.active
        if not isinstance(region, ShapesLayer | LabelsLayer):
            return
        for layer in layers:
            spectra = spectra_of_region(region, layer, self._viewer.dims.point)
            if spectra is None:
                continue
            name = f"{layer.name}, {name_of_region(region)} ({spectra.pixels} px)"
            bands = positions_on(axis_of_layer(layer))
            colour = self._colour(layer, "region")
            yield Curve(name, bands, spectra.mean, colour, "region", spectra.sd)

    def _colour(self, layer: Layer, kind: str) -> str:
        """Return the colour of a cube's curves of one kind; it stays the same."""
        colours = self._colours.setdefault(layer, {})
        if kind not in colours:
            colours[kind] = next(self._palette)
        return colours[kind]

    # -- what is shown around them

    def _show_hint(self, left_out: list[str]) -> None:
        """Name the cubes with another axis than the plot; otherwise say what can be done here."""
        text = _HINT
        if left_out:
            names = ", ".join(left_out)
            text = f"Not shown, as their axis is another: {names}. Select one to plot its spectra."
        self._hint.setText(text)
        self._hint.setVisible(bool(left_out) or not self.curves)

    def _mark_band(self, layer: ImageLayer | None, axis: Axis | None) -> None:
        """Mark the shown band in the plot, and name it on the image."""
        if layer is None or axis is None:
            self._plot.mark(None)
            self._events.show_text("")
            return
        band = band_at(layer, self._viewer.dims.point)
        self._plot.mark(float(positions_on(axis)[band]))
        self._events.show_text(axis.label(band) if self.named.value else "")

    # -- what happens; see `viewer_events.Listener`

    def on_mouse_move(self, _viewer: Any, event: Any) -> None:
        """Follow the cursor."""
        self._cursor = tuple(event.position)
        self._refresh_soon()

    def on_mouse_drag(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Pin the position of a click that neither drags nor paints."""
        active = self._viewer.layers.selection.active
        navigating = active is None or str(active.mode) == "pan_zoom"
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if navigating and not dragged and event.button == 1:
            self.pin(tuple(event.position))

    def on_step(self, *_: object) -> None:
        """Read regions again where another plane or frame is shown, but not for another band."""
        plane = tuple(self._viewer.dims.point[:-3])
        if plane != self._plane:
            self._plane = plane
            self._outdated = True
        self._refresh_soon()

    def on_change(self, *_: object) -> None:
        """Read pins and regions again: more than the cursor has changed."""
        self._outdated = True
        self._refresh_soon()

    def changeEvent(self, event: QEvent | None) -> None:
        """Disconnect when the dock is closed: napari keeps the widget, without a parent."""
        super().changeEvent(event)
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is None:
            self._timer.stop()
            self._events.disconnect()
        else:
            self._events.connect()
            self.on_change()

    def _refresh_soon(self, *_: object) -> None:
        """Plot at the next tick of the timer: mouse events come faster than one can draw."""
        if not self._timer.isActive():
            self._timer.start()

    def _reverse(self, reverses: bool) -> None:
        self._plot.getPlotItem().invertX(reverses)

    def _ask_where_to_save(self) -> None:
        chosen, _filter = QFileDialog.getSaveFileName(
            self, "Save spectra", "spectra.csv", "Table (*.csv)"
        )
        if not chosen:
            return
        path = Path(chosen)
        overwrite = path.suffix == ".csv"  # the dialog has asked, for exactly this name
        if not overwrite:
            path = Path(f"{path}.csv")
        try:
            self.save_spectra(path, overwrite=overwrite)
        except (ValueError, OSError) as error:
            show_error(f"not saved: {error}")

    def _build(self) -> None:
        self._title = ""
        self._plot = SpectrumPlot()
        self._plot.band_chosen.connect(self.choose_band_near)
        self._hint = QLabel(_HINT)
        self._hint.setWordWrap(True)
        self.reversed = CheckBox(name="reversed", text="Reverse axis")
        self.reversed.changed.connect(self._reverse)
        self.named = CheckBox(name="named", text="Show band name on image", value=True)
        self.named.changed.connect(self._refresh_soon)
        self.hold(self.reversed, self.named)
        clear = _button("Clear pins", self.clear_pins)
        copy = _button("Copy table", self.copy)
        save = _button("Save spectra…", self._ask_where_to_save)
        boxes = in_a_row(self.reversed.native, self.named.native)
        boxes.addStretch()
        buttons = in_a_row(clear, copy, save)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(self._plot)
        layout.addWidget(self._hint)
        layout.addLayout(boxes)
        layout.addLayout(buttons)


def _button(text: str, action: Callable[[], None]) -> QPushButton:
    """Return a button that does something when it is clicked."""
    button = QPushButton(text)
    button.clicked.connect(lambda *_: action())
    return button
