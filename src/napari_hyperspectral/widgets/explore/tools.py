"""The tools beside the plot of the Spectrum dock: similarity, peaks, references, and what is saved."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox
from napari.utils.notifications import show_error, show_info
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QToolButton, QWidgetAction

from ...axis import SpectralAxis
from ...settings import reason_of
from ...spectra.arrays import Array
from ...spectra.peaks.find import Peak, found_peaks
from ...spectra.peaks.fit import FittedPeaks
from ..forms.fields import Field
from .curves import Curve
from .layers import axis_of_layer, positions_on
from .marked_peaks import MarkedPeaks
from .peak_tools import PeakTools, curves_of_fit, table_of_peaks
from .references import ReferenceSpectra
from .residual import ResidualPlot, residuals
from .similar import Reference, SimilarityTool

if TYPE_CHECKING:
    from ..spectrum import SpectrumWidget

_FIT = "fit"
_REFERENCES = "references"


class ExploreTools:
    """Similarity, peaks and references of a Spectrum dock.

    Parameters
    ----------
    dock : SpectrumWidget
        Whose spectra they work on.
    """

    def __init__(self, dock: SpectrumWidget) -> None:
        self._dock = dock
        viewer = dock.viewer
        self.similar = SimilarityTool(viewer, self._reference)
        self.peak_tools = PeakTools(viewer, dock.ranges.range_on_cube, self._fitted_curve)
        self.peak_tools.setVisible(False)
        self.peak_tools.fitted.connect(self._show_fit)
        self.references = ReferenceSpectra()
        self._marks = MarkedPeaks(dock.plot)
        self.residual_plot = ResidualPlot(dock.plot)
        self.menu_button = QToolButton()
        self.menu_button.setText("More")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = self._made_menu()
        self.menu_button.setMenu(self._menu)
        dock.ranges.changed.connect(self._on_ranges)
        dock.redrawn.connect(self._on_redrawn)
        dock.plot.axis_changed.connect(self._on_axis)
        self._fitted: tuple[weakref.ref[Any], FittedPeaks] | None = None
        self._compared: Array | None = None

    @property
    def fields(self) -> list[Field]:
        """What can be set in the bars."""
        return [*self.similar.fields, *self.peak_tools.fields]

    @property
    def peaks(self) -> list[Peak]:
        """Peaks of the first spectrum in the plot, in the unit of the plot."""
        axis = self._dock.axis
        curve = self._first_curve()
        if curve is None or not isinstance(axis, SpectralAxis) or len(curve.x) != len(axis):
            return []
        return found_peaks(curve.y, axis, least_prominence=0.1, most=12)

    def add_boxes(self, *boxes: CheckBox) -> None:
        """Put check boxes into the menu: they are seldom needed, and the bar must be short."""
        for box in boxes:
            action = QWidgetAction(self._menu)
            action.setDefaultWidget(box.native)
            self._menu.addAction(action)

    def mark_peaks(self, marks: bool) -> None:
        """Write the positions of the peaks of the first spectrum into the plot, or no longer."""
        self.mark_action.setChecked(marks)
        self._marks.show(self.peaks if marks else [])

    def show_residual(self, shows: bool) -> None:
        """Show below the plot how other layers differ from the main one, or no longer."""
        self.residual_plot.setVisible(shows)
        self._draw_residual()

    def copy_peaks(self) -> None:
        """Copy positions, heights, widths and areas of the peaks to the clipboard."""
        clipboard = QApplication.clipboard()
        axis = self._dock.axis
        if clipboard is not None and axis is not None:
            clipboard.setText(table_of_peaks(self.peaks, axis.title))

    def open_references(self, path: str) -> None:
        """Show the spectra of a file over those of the cube.

        Raises
        ------
        ValueError, OSError
            If it cannot be read.
        """
        layer = self._dock.main_layer
        notes = self.references.open(path, None if layer is None else axis_of_layer(layer))
        for note in notes:
            show_info(note)
        self._show_references()
        self._tell_left_out()

    def clear_references(self) -> None:
        """Remove the spectra of files."""
        self.references.clear()
        self._dock.show_preview(_REFERENCES)

    def stop(self) -> None:
        """Compute no longer; the dock is closed."""
        self.similar.map.discard()
        self._dock.ranges.map.discard()
        self.peak_tools.stop()

    def _made_menu(self) -> QMenu:
        menu = QMenu(self.menu_button)
        self.mark_action = QAction("Mark peaks", menu)
        self.mark_action.setCheckable(True)
        self.mark_action.toggled.connect(self.mark_peaks)
        menu.addAction(self.mark_action)
        residual = QAction("Residual between layers", menu)
        residual.setCheckable(True)
        residual.toggled.connect(self.show_residual)
        menu.addAction(residual)
        actions: list[tuple[str, Callable[[], None]]] = [
            ("Copy table of peaks", self.copy_peaks),
            ("Reference spectra…", self._ask_for_references),
            ("Clear reference spectra", self.clear_references),
            ("Clear pins", self._dock.clear_pins),
            ("Copy table", self._dock.copy),
            ("Save spectra…", self._dock.ask_where_to_save),
            ("Save picture…", self._dock.ask_where_to_save_picture),
        ]
        for text, act in actions:
            action = menu.addAction(text)
            if action is not None:
                action.triggered.connect(_without_arguments(act))
        return menu

    def _first_curve(self) -> Curve | None:
        """Return the spectrum that is worked on: of the last pin, otherwise under the cursor."""
        curves = [curve for curve in self._dock.curves if not curve.faint]
        pins = [curve for curve in curves if curve.kind == "pin"]
        others = [curve for curve in curves if curve.kind in ("cursor", "region")]
        return next(iter([*reversed(pins), *others]), None)

    def _reference(self) -> Reference | None:
        layer = self._dock.main_layer
        curve = self._first_curve()
        if layer is None or curve is None or len(curve.y) != len(axis_of_layer(layer)):
            return None
        name = curve.name.removeprefix(f"{layer.name} · ").removeprefix(layer.name) or "the cursor"
        return Reference(layer, curve.y, name)

    def _fitted_curve(self) -> tuple[Array, Array] | None:
        reference = self._reference()
        if reference is None:
            return None
        return positions_on(axis_of_layer(reference.layer)), reference.spectrum

    def _show_fit(self, fitted: FittedPeaks) -> None:
        self._fitted = (weakref.ref(self._dock.main_layer), fitted)
        self._dock.show_preview(_FIT, curves_of_fit(fitted, self._to_plot))

    def _to_plot(self, places: Array) -> Array:
        """Return places on the axis of the main cube in the unit of the plot."""
        layer = self._dock.main_layer
        if layer is None:
            return places
        own = positions_on(axis_of_layer(layer))
        order = np.argsort(own, kind="stable")
        shown: Array = np.interp(places, own[order], self._dock.plot.positions[order])
        return shown

    def _show_references(self) -> None:
        axis = self._dock.axis
        if axis is not None:
            curves = self.references.curves(axis, self._dock.unit.value, self._dock.curves)
            self._dock.show_preview(_REFERENCES, curves)

    def _tell_left_out(self) -> None:
        """Say why references are not in the plot."""
        axis = self._dock.axis
        left_out = (
            [] if axis is None else self.references.axes_left_out(axis, self._dock.unit.value)
        )
        if axis is not None and left_out:
            show_info(
                f"Not shown: reference spectra over {', '.join(left_out)}, as the plot is over "
                f"{axis.title}. Choose another unit, or a cube with the axis of the references"
            )

    def _on_axis(self) -> None:
        """Draw references and the fit on another axis; the fit goes with its cube."""
        if self.references:
            self._show_references()
        if self._fitted is not None:
            layer, fitted = self._fitted
            if layer() is self._dock.main_layer:
                self._show_fit(fitted)
            else:
                self._clear_fit()

    def _clear_fit(self) -> None:
        self._fitted = None
        self._dock.show_preview(_FIT)

    def _ask_for_references(self) -> None:
        path, _filter = QFileDialog.getOpenFileName(self._dock, "Reference spectra")
        if path:
            try:
                self.open_references(path)
            except (ValueError, OSError) as error:
                show_error(reason_of(error))

    def _on_ranges(self) -> None:
        one_range = self._dock.ranges.mode == "range"
        self.peak_tools.setVisible(one_range)
        if not one_range:
            self._clear_fit()

    def _on_redrawn(self) -> None:
        """Follow the spectrum that is worked on, where it has become another."""
        self._draw_residual()
        reference = self._reference()
        spectrum = None if reference is None else reference.spectrum
        if spectrum is self._compared:
            return
        self._compared = spectrum
        if self.similar.active:
            self.similar.update_map()
        if self.mark_action.isChecked():
            self._marks.show(self.peaks)

    def _draw_residual(self) -> None:
        layer = self._dock.main_layer
        if layer is not None and self.residual_plot.isVisibleTo(self._dock):
            layers = [str(each.name) for each in self._dock.viewer.layers]
            found = residuals(self._dock.curves, str(layer.name), layers)
            self.residual_plot.show_curves(found)


def _without_arguments(act: Callable[[], None]) -> Callable[..., None]:
    """Return a slot that does not pass on what Qt says about the click."""

    def slot(*_: object) -> None:
        act()

    return slot
