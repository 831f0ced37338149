"""The Spectrum dock: spectra under the cursor, of pinned pixels, of drawn and painted regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from magicgui.widgets import CheckBox
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from qtpy.QtCore import QEvent, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QApplication,
    QLabel,
    QVBoxLayout,
)

from ..axis import Axis
from ..picture.band_text import BandText
from ..spectra.arrays import Array
from ..spectra.conversion import Quantity
from .dock import Dock
from .docking import Place
from .explore.curves import Curve, legend_names, table_of
from .explore.events import ViewerEvents
from .explore.layers import (
    Position,
    axis_of_layer,
    band_at,
    pixel_at,
    positions_on,
    spectrum_at,
    without_bad_bands,
)
from .explore.means import RegionMeans
from .explore.pins import MOST_PINS, PIN_COLOURS, Pins, is_pins, sign_of
from .explore.plot import SpectrumPlot
from .explore.ranges import RangeTools
from .explore.regions import (
    MOST_REGIONS,
    CubePixels,
    RegionMean,
    cube_pixels,
    is_region_layer,
)
from .explore.saving import ask_and_save, save_picture, save_table
from .explore.timers import once_after
from .explore.tools import ExploreTools
from .explore.unit_box import UnitBox
from .explore.units import in_quantity
from .forms.layer_choice import has_bands, suitable_layers
from .forms.layout import in_a_row

if TYPE_CHECKING:
    import napari

_CURSOR_COLOURS: Final = ("#e8a33d", "#7fc4ee", "#8fd6a0", "#e39cc9", "#c3b1fb", "#ddcf8a")
"""Colours of the spectra under the cursor: of the main cube, then of others."""
_REDRAW_MS: Final = 33
_PAUSE_MS: Final = 150
"""Regions are computed anew when painting pauses for so long."""
_NARROW: Final = 120
"""Least width of the box of units, in pixels; the tools beside it are as wide as their words."""
_HINT: Final = (
    "Move the cursor over a cube. Click the image to pin a spectrum; click or drag in the plot to "
    "change the band."
)


class SpectrumWidget(Dock):
    """Plot spectra of all visible cubes; a line marks the band.

    While it is hidden it does nothing at all. Mean spectra of regions are computed in a worker.
    """

    place: ClassVar[Place] = "bottom"
    redrawn = Signal()
    """The curves were drawn anew."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.curves: list[Curve] = []
        """The curves in the plot."""
        self._cursor: Position | None = None
        self._pins = Pins(viewer)
        self._of_pins: list[Curve] = []
        self._of_regions: list[Curve] = []
        self._previews: dict[str, tuple[Curve, ...]] = {}
        # they are read again only when they may have changed
        self._pins_outdated = True
        self._regions_outdated = True
        self._plane: Position = ()
        self._means = RegionMeans(self)
        self._means.computed.connect(self._show_means)
        self._redraw = once_after(_REDRAW_MS, self.refresh, self)
        self._pause = once_after(_PAUSE_MS, self._start_means, self)
        self.unit = UnitBox()
        self.plot = SpectrumPlot()
        self.ranges = RangeTools(viewer, self.plot, lambda: self.main_layer)
        self.tools = ExploreTools(self)
        self._build()
        keys = {"P": self._pin_cursor, "R": self.ranges.toggle_range, "G": self.ranges.toggle_rgb}
        keys["S"] = self.tools.similar.toggle
        self._events = ViewerEvents(viewer, self, keys)
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

    @property
    def viewer(self) -> Any:
        """The viewer whose cubes are shown."""
        return self._viewer

    @property
    def pins(self) -> list[Position]:
        """Pinned positions, (y, x) in world coordinates."""
        return self._pins.positions

    @property
    def axis(self) -> Axis | None:
        """The axis of the plot: that of the main cube, in the unit that is chosen."""
        layer = self.main_layer
        return None if layer is None else self._axis_of(layer)

    def choose_unit(self, quantity: Quantity) -> None:
        """Show all spectra over another quantity.

        Parameters
        ----------
        quantity : str
            Such as "wavelength (nm)"; one that the axis of the main cube converts to.

        Raises
        ------
        ValueError
            If no formula leads there, as to a Raman shift without a laser line.
        """
        layer = self.main_layer
        if layer is not None:
            self.unit.choose(quantity, axis_of_layer(layer))
            self._outdate_all()

    def choose_band_near(self, value: float) -> None:
        """Move the band slider to the band nearest to `value`, in the unit of the plot."""
        layer = self.main_layer
        if layer is None:
            return
        distances = np.abs(positions_on(self._axis_of(layer)) - value)
        index = [0] * layer.ndim
        index[-3] = int(np.argmin(distances))
        world = layer.data_to_world(index)
        self._viewer.dims.set_point(self._viewer.dims.ndim - 3, world[-3])

    def show_point(self, world: Position) -> None:
        """Plot the spectra at a position, in world coordinates, as if the cursor were there."""
        self._cursor = tuple(world)
        self.refresh()

    def show_regions(self) -> None:
        """Plot the mean spectra of all regions, as they are now; waits until they are computed."""
        self._regions_outdated = False
        self._show_means(self._means.now(self._cube_pixels()))

    def pin(self, position: Position) -> None:
        """Keep the spectra at a position, in world coordinates; of too many, the oldest goes."""
        cube = self.main_layer
        if cube is not None:
            self._pins.add(position, cube)
            self._pins_outdated = True
            self._refresh_soon()

    def _pin_cursor(self, *_: object) -> None:
        if self._cursor is not None:
            self.pin(self._cursor)

    def clear_pins(self) -> None:
        """Remove all pins."""
        self._pins.clear()

    def show_preview(self, owner: str, curves: Sequence[Curve] = ()) -> None:
        """Show the curves of another dock, until it shows others, or none.

        Parameters
        ----------
        owner : str
            Whose curves they are; those that it showed before go.
        curves : sequence of Curve
            On the axis of the plot. One with the name of another curve takes its place.
        """
        self._previews[owner] = tuple(curves)
        self._refresh_soon()

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
        save_table(self.curves, self._title, Path(path), overwrite=overwrite)
        return Path(path)

    def save_picture(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the plot as it is shown, as PNG or SVG by the suffix.

        Raises
        ------
        ValueError
            If the suffix is another.
        FileExistsError
            If the file exists, unless `overwrite`.
        """
        save_picture(self.plot, Path(path), overwrite=overwrite)
        return Path(path)

    def refresh(self) -> None:
        """Plot the spectra of the moment; those of regions follow when they are computed."""
        main_layer = self.main_layer
        self.unit.offer(None if main_layer is None else axis_of_layer(main_layer))
        axis = self.axis
        self._title = "" if axis is None else axis.title
        comparable = self._comparable()
        if self._pins_outdated:
            self._pins.number()
            self._of_pins = [*self._curves_of_pins(comparable)]
            self._pins_outdated = False
        if self._regions_outdated and not self._pause.isActive():
            self._start_means()
        self._show_curves()
        self.plot.show_axis(axis)
        self._show_hint([layer for layer in self._visible_cubes() if layer not in comparable])
        self._mark_band(main_layer, axis)

    # -- the curves

    def _show_curves(self) -> None:
        comparable = self._comparable()
        previews = [curve for curves in self._previews.values() for curve in curves]
        of_cursor = self._curves_under_cursor(comparable)
        own = [*of_cursor, *self._of_pins, *self._of_regions]
        names = {curve.name for curve in previews}
        self.curves = [*previews, *(curve for curve in own if curve.name not in names)]
        only_layer = comparable[0].name if len(comparable) == 1 else ""
        self.plot.show_curves(self.curves, legend_names(self.curves, only_layer))
        self.redrawn.emit()

    def _visible_cubes(self) -> list[ImageLayer]:
        return [layer for layer in suitable_layers(self._viewer.layers, has_bands) if layer.visible]

    def _comparable(self) -> list[ImageLayer]:
        """Return the visible cubes that fit the axis of the plot, the main one first."""
        main_layer = self.main_layer
        axis = self.axis
        if axis is None:
            return []
        cubes = self._visible_cubes()
        comparable = [cube for cube in cubes if self._axis_of(cube).title == axis.title]
        return sorted(comparable, key=lambda cube: cube is not main_layer)

    def _axis_of(self, layer: ImageLayer) -> Axis:
        """Return the axis of a cube in the quantity of the plot, or its own where none leads there."""
        own = axis_of_layer(layer)
        return in_quantity(own, self.unit.value) or own

    def _curves_under_cursor(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        """Yield the spectrum of each cube under the cursor."""
        if self._cursor is None or self._viewer.dims.ndisplay != 2:
            return
        for number, layer in enumerate(layers):
            spectrum = spectrum_at(layer, self._cursor, self._viewer.dims.point)
            if spectrum is not None:
                bands = positions_on(self._axis_of(layer))
                colour = _CURSOR_COLOURS[number % len(_CURSOR_COLOURS)]
                yield Curve(layer.name, bands, spectrum, colour)

    def _curves_of_pins(self, layers: list[ImageLayer]) -> Iterator[Curve]:
        """Yield the spectra of each cube at each pin."""
        shown = self._viewer.dims.point
        for number, place in enumerate(self.pins):
            position = (*shown[:-2], *place)
            for layer in layers:
                spectrum = spectrum_at(layer, position, shown)
                if spectrum is None:
                    continue
                y, x = pixel_at(layer, position)
                name = f"{layer.name} · {sign_of(number)} ({y}, {x})"
                bands = positions_on(self._axis_of(layer))
                colour = PIN_COLOURS[number % MOST_PINS]
                faint = layer is not layers[0]
                yield Curve(name, bands, spectrum, colour, "pin", faint=faint)

    def _outdate_all(self, *_: object) -> None:
        self._pins_outdated = True
        self._regions_outdated = True
        self._refresh_soon()

    # -- mean spectra of regions, in a worker

    def _cube_pixels(self) -> list[CubePixels]:
        """Return what a worker needs of all cubes and all regions."""
        layers = [layer for layer in self._viewer.layers if layer.visible]
        regions = [layer for layer in layers if is_region_layer(layer)]
        if not regions:
            return []
        shown = self._viewer.dims.point
        return [cube_pixels(cube, regions, shown) for cube in self._comparable()]

    def _start_means(self) -> None:
        """Compute the mean spectra of regions anew."""
        if self.isVisible():
            self._regions_outdated = False
            self._means.start(self._cube_pixels())

    def _show_means(self, means: Sequence[RegionMean]) -> None:
        layers = self._comparable()
        axes = [self._axis_of(layer) for layer in layers]
        curves = [
            _curve_of_region(mean, layers[mean.cube].name, axes[mean.cube])
            for mean in means
            if mean.cube < len(layers)
        ]
        self._of_regions = curves
        self._show_curves()
        if len(means) == MOST_REGIONS:
            self._hint.setText(f"Of the regions, the first {MOST_REGIONS} are shown.")
            self._hint.setVisible(True)

    # -- what is shown around them

    def _show_hint(self, left_out: Sequence[Layer]) -> None:
        """Name the cubes with another axis than the plot; otherwise say what can be done here."""
        text = _HINT
        if left_out:
            names = ", ".join(layer.name for layer in left_out)
            text = f"Not shown, as their axis is another: {names}. Select one to plot its spectra."
        self._hint.setText(text)
        self._hint.setVisible(bool(left_out) or not self.curves)

    def _mark_band(self, layer: ImageLayer | None, axis: Axis | None) -> None:
        """Mark the shown band in the plot."""
        if layer is None or axis is None:
            self.plot.mark(None)
            return
        band = band_at(layer, self._viewer.dims.point)
        self.plot.mark(float(positions_on(axis)[band]))

    # -- what happens; see `explore.events.Listener`

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
        """Read pins and regions again where another plane or frame is shown, not another band."""
        plane = tuple(self._viewer.dims.point[:-3])
        if plane != self._plane:
            self._plane = plane
            self._outdate_all()
        self._refresh_soon()

    def on_change(self, event: Any = None) -> None:
        """Read again what may have changed: after a stroke of a brush, only regions."""
        layer = getattr(event, "source", None)
        if isinstance(layer, Layer) and is_region_layer(layer):
            self._regions_outdated = True
            if self.isVisible():
                self._pause.start()
            return
        self._pins_outdated = True
        if not (isinstance(layer, Layer) and is_pins(layer)):
            self._regions_outdated = True
        self._refresh_soon()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Catch up with what happened while the dock was hidden."""
        super().showEvent(event)
        self._refresh_soon()

    def changeEvent(self, event: QEvent | None) -> None:
        """Disconnect when the dock is closed: napari keeps the widget, without a parent."""
        super().changeEvent(event)
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is None:
            self._redraw.stop()
            self._pause.stop()
            self._means.stop()
            self.tools.stop()
            self._events.disconnect()
        else:
            self._events.connect()
            self.on_change()

    def _refresh_soon(self, *_: object) -> None:
        """Plot at the next tick of the timer: mouse events come faster than one can draw.

        While the dock is hidden nothing is plotted, nor read.
        """
        if self.isVisible() and not self._redraw.isActive():
            self._redraw.start()

    def _reverse(self, reverses: bool) -> None:
        self.plot.getPlotItem().invertX(reverses)

    def ask_where_to_save(self) -> None:
        """Ask for a file, and save the spectra there."""
        ask_and_save(self, self.save_spectra, "spectra.csv", "Table (*.csv)", ".csv")

    def ask_where_to_save_picture(self) -> None:
        """Ask for a file, and save the plot there."""
        kinds = "Picture (*.png);;Drawing (*.svg)"
        ask_and_save(self, self.save_picture, "spectra.png", kinds, ".png")

    def _build(self) -> None:
        self._title = ""
        self.plot.band_chosen.connect(self.choose_band_near)
        self._hint = QLabel(_HINT)
        self._hint.setWordWrap(True)
        self.unit.native.setMinimumWidth(_NARROW)
        self.unit.changed.connect(self._outdate_all)
        self.reversed = CheckBox(name="reversed", text="Reverse axis")
        self.reversed.changed.connect(self._reverse)
        band_text = BandText.of(self._viewer)
        self.named = CheckBox(
            name="named",
            text="Band on image",
            value=band_text.enabled,
            tooltip="Write the band that is shown on the image",
        )
        self.named.changed.connect(band_text.enable)
        boxes = (self.unit, self.reversed, self.named)
        self.hold(*boxes, *self.ranges.fields, *self.tools.fields)
        buttons = (*self.ranges.mode_buttons, self.tools.similar.button)
        bars = (self.ranges, self.tools.peak_tools, self.tools.similar)
        tools = in_a_row(self.unit.native, *buttons, *bars)
        tools.addStretch()
        tools.addWidget(self.tools.menu_button)
        self.tools.add_boxes(self.reversed, self.named)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(tools)
        layout.addWidget(self.plot, stretch=1)
        layout.addWidget(self.tools.residual_plot)
        layout.addWidget(self._hint)


def _curve_of_region(mean: RegionMean, layer: str, axis: Axis) -> Curve:
    about = "" if mean.exact else "about "
    name = f"{layer} · {mean.region.name} ({about}{mean.spectra.pixels} px)"
    spectrum = without_bad_bands(mean.spectra.mean, axis)
    return Curve(
        name,
        positions_on(axis),
        spectrum,
        mean.region.colour,
        "region",
        mean.spectra.sd,
        faint=mean.cube > 0,
    )
