"""Peaks of the spectrum in the plot: marked and read out, fitted in a range, mapped in every pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
from magicgui.widgets import ComboBox, SpinBox
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ...layers import to_layer
from ...settings import reason_of
from ...spectra.arrays import Array
from ...spectra.peaks.find import Peak
from ...spectra.peaks.fit import FittedPeaks, PeakFit, fit_peaks
from ...spectra.peaks.maps import PeakMaps, peak_maps_steps
from ..forms.fields import Field
from ..forms.layer_choice import cube_of_layer
from ..jobs import JobWorker, start_job
from .curves import Curve

_FIT_COLOUR = "#ffffff"
_NARROW = 84
_WIDE = 120
"""Pixels of boxes: the bar must fit a small screen."""
_POINTS = 400
"""Of a fitted curve."""
_SHOWN = ("position", "height", "width", "area")
"""Maps that are added as layers; their standard errors are layers that are hidden."""


class PeakTools(QWidget):
    """Fits peaks in a range that is dragged, to the spectrum in the plot and to every pixel.

    Parameters
    ----------
    viewer : napari.Viewer
        That gets the maps.
    range_on_cube : callable
        Returns the layer of the cube and the ends of the range in its unit, or None.
    curve : callable
        Returns positions on the axis of the cube and intensities of the spectrum that is fitted,
        (band,) each, or None.
    """

    fitted = Signal(object)
    """The fit of the spectrum in the plot, a `FittedPeaks`, or None."""

    def __init__(
        self,
        viewer: Any,
        range_on_cube: Callable[[], tuple[ImageLayer, float, float] | None],
        curve: Callable[[], tuple[Array, Array] | None],
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._range_on_cube = range_on_cube
        self._curve = curve
        self._worker: JobWorker | None = None
        self.peaks = SpinBox(name="peaks", min=1, max=8, value=1)
        self.peaks.tooltip = "How many peaks lie in the range"
        self.shape = ComboBox(
            name="shape", choices=get_args(PeakFit.model_fields["shape"].annotation)
        )
        self.shape.tooltip = "Shape of the peaks"
        self.peaks.native.setMaximumWidth(_NARROW)
        self.shape.native.setMaximumWidth(_WIDE)
        fit = QPushButton("Fit")
        fit.setToolTip("Fit peaks on a straight line to the spectrum in the plot")
        fit.clicked.connect(lambda *_: self.fit())
        self.map_button = QPushButton("Map peaks")
        self.map_button.setToolTip("Fit every pixel: maps of position, height, width and area")
        self.map_button.clicked.connect(lambda *_: self.map_peaks())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.peaks.native, self.shape.native, fit, self.map_button):
            layout.addWidget(widget)

    @property
    def fields(self) -> list[Field]:
        """What can be set in the bar."""
        return [self.peaks, self.shape]

    def fit(self) -> FittedPeaks | None:
        """Fit the spectrum in the plot; None, with the reason shown, where that is not possible."""
        settings = self._settings()
        curve = self._curve()
        if settings is None or curve is None:
            show_info("Pin a spectrum first, by a click on the image")
            return None
        positions, spectrum = curve
        inside = (positions >= settings.start) & (positions <= settings.end)
        order = np.argsort(positions[inside], kind="stable")
        try:
            fitted = fit_peaks(spectrum[inside][order][None], positions[inside][order], settings)
        except ValueError as error:
            show_error(reason_of(error))
            return None
        if not np.isfinite(fitted.position).all():
            show_info(_no_fit(settings))
            return None
        self.fitted.emit(fitted)
        return fitted

    def map_peaks(self) -> None:
        """Fit every pixel in a worker, and add maps of the peaks as layers."""
        settings = self._settings()
        found = self._range_on_cube()
        if settings is None or found is None:
            return
        self.map_button.setEnabled(False)
        self._worker = start_job(
            peak_maps_steps(cube_of_layer(found[0]), settings),
            "fitting peaks",
            device="maps",
            returned=self._on_mapped,
            failed=self._on_failed,
            finished=self._on_end,
        )

    def stop(self) -> None:
        """Fit no longer."""
        if self._worker is not None:
            self._worker.quit()
            self._worker = None

    def _settings(self) -> PeakFit | None:
        found = self._range_on_cube()
        if found is None:
            return None
        _layer, start, end = found
        low, high = sorted((start, end))
        return PeakFit(start=low, end=high, peaks=self.peaks.value, shape=self.shape.value)

    def _on_mapped(self, maps: PeakMaps) -> None:
        active = self._viewer.layers.selection.active
        for name in _SHOWN:
            for suffix in ("_error", ""):
                image = getattr(maps, f"{name}{suffix}")
                data, attributes, kind = to_layer(image, flat=len(image.axis) == 1)
                attributes["visible"] = name == "area" and not suffix
                attributes.setdefault("colormap", "viridis")
                self._viewer.add_layer(Layer.create(data, attributes, kind))
        if active is not None:
            self._viewer.layers.selection.active = active

    def _on_failed(self, error: object) -> None:
        show_error(f"no maps of peaks: {error}")

    def _on_end(self, *_: object) -> None:
        self._worker = None
        self.map_button.setEnabled(True)


def curves_of_fit(fitted: FittedPeaks, to_plot: Callable[[Array], Array]) -> list[Curve]:
    """Return the curves of a fit: all of it, and each peak on its line where there are several.

    Parameters
    ----------
    fitted : FittedPeaks
        Of one spectrum.
    to_plot : callable
        Returns positions in the unit of the plot.
    """
    low, high = fitted.model.centres[[0, -1]]
    places = np.linspace(low, high, _POINTS)
    shown = to_plot(places)
    curves = [Curve(f"fit: {_words(fitted)}", shown, fitted.curves(places)[0], _FIT_COLOUR, "fit")]
    count = fitted.position.shape[1]
    for number in range(count if count > 1 else 0):
        spectrum = fitted.peak(number, places)[0]
        name = f"peak at {fitted.position[0, number]:.4g}"
        curves.append(Curve(name, shown, spectrum, _FIT_COLOUR, "fit", faint=True))
    return curves


def table_of_peaks(peaks: Sequence[Peak], title: str) -> str:
    """Return peaks as a table in text, a line each; `title` names the axis."""
    lines = [f"{title}\tHeight\tProminence\tWidth\tArea"]
    lines += ["\t".join(f"{value:.6g}" for value in peak) for peak in peaks]
    return "\n".join(lines) + "\n"


def _no_fit(settings: PeakFit) -> str:
    """Return what to try where peaks fit no spectrum."""
    where = f"between {settings.start:.5g} and {settings.end:.5g}"
    if settings.peaks == 1:
        return f"No peak fits {where}; try another range, or another shape"
    return f"{settings.peaks} peaks do not fit {where}; try another range, fewer peaks, or another shape"


def _words(fitted: FittedPeaks) -> str:
    """Return position and width of each fitted peak, with the standard error of the position."""
    words = []
    for number in range(fitted.position.shape[1]):
        position = fitted.position[0, number]
        error = fitted.position_error[0, number]
        width = fitted.width[0, number]
        words.append(f"{position:.5g} ± {error:.2g}, width {width:.3g}")
    return "; ".join(words)
