"""The Components dock: maps of the components of a cube, of single bands and of peak areas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import pyqtgraph
from annotated_types import Ge, Le
from magicgui.widgets import CheckBox
from napari.layers import Layer
from qtpy.QtWidgets import (
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from ..axis import SpectralAxis
from ..cube import Cube, Image
from ..layers import axis_in_metadata, on_all_bands, to_layer
from ..settings import reason_of
from ..spectra.components import COLOURS, Components, Unmixing, names_of, unmix
from ..spectra.maps import area_map, band_map
from .forms.fields import Field, field_of
from .forms.form import Form
from .forms.layer_choice import LayerBox, LayersBox, cube_of_layer, has_bands
from .forms.layout import in_a_row
from .panel import JobDock, JobPanel

if TYPE_CHECKING:
    import napari

_Position = Annotated[float, Ge(-1e9), Le(1e9)]
_STRIP: Final = 0.1
"""Height of the strip of pure spectra, relative to the map below it."""


class ComponentsWidget(JobDock):
    """Choose a cube, and others to map its components in; the maps are added as layers.

    Scripts use `choose`, `settings`, `unmix`, `map_band`, `map_area` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.components: Components | None = None
        """The components of the last cube."""
        self.results: list[Layer] = []
        """The layers added last."""
        self._source: Cube | None = None
        self.cube = LayerBox(viewer=viewer, name="cube")
        self._others = LayersBox(viewer=viewer, name="others", suits=self._is_other)
        self._form: Form[Unmixing] = Form(Unmixing, name="unmixing")
        self._plot = pyqtgraph.PlotWidget()
        self._agreement = QLabel()
        self.panel = JobPanel("Find components")
        self._at = _position("at", "Position of the band")
        self._from = _position("low", "Start of the range")
        self._to = _position("high", "End of the range")
        self._baseline = CheckBox(
            name="baseline",
            text="Subtract a straight line",
            value=True,
            tooltip="Map only the area above a line between the ends of the range",
        )
        self.hold(
            self.cube, self._others, self._form, self._at, self._from, self._to, self._baseline
        )
        self._build()
        self.panel.start_button.clicked.connect(self._unmix_clicked)
        self.panel.returned.connect(self._show_result)
        self.cube.changed.connect(self.reset_choices)
        self.reset_choices()

    # -- what a script uses

    @property
    def settings(self) -> Unmixing:
        """The unmixing settings in the form."""
        return self._form.settings

    @settings.setter
    def settings(self, settings: Unmixing) -> None:
        self._form.settings = settings

    def choose(self, cube: Layer, *others: Layer) -> None:
        """Choose the layer in which components are found, and others to map them in.

        Raises
        ------
        ValueError
            If one of them is no grey image layer with bands.
        """
        self.cube.choose(cube)
        self._others.choose(others)

    @property
    def others(self) -> list[Layer]:
        """The other layers in which the components are mapped."""
        others: list[Layer] = self._others.value
        return others

    def unmix(self) -> None:
        """Find and map components, in the background."""
        if self.panel.running:
            return
        try:
            cube = cube_of_layer(self.cube.value)
            others = [cube_of_layer(layer) for layer in self.others]
            job = unmix(cube, others, self.settings)
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        self._source = cube
        self.panel.run(job, "unmixing", device="cpu")

    def map_band(self, at: float) -> None:
        """Add the image of the band nearest to `at`, in the unit of the axis."""
        self._add_map(lambda cube: band_map(cube, at))

    def map_area(self, low: float, high: float, *, baseline: bool = True) -> None:
        """Add the map of the area in a range, in the unit of the axis."""
        self._add_map(lambda cube: area_map(cube, low, high, baseline=baseline))

    def stop(self, *_: object) -> None:
        """Stop unmixing."""
        self.panel.stop()

    def reset_choices(self, *_: object) -> None:
        """Update the choices of layers; napari calls this when they change."""
        super().reset_choices()
        self.panel.start_button.setEnabled(self.cube.value is not None and not self.panel.running)
        self._fill_positions()

    # -- what a person sees

    def _build(self) -> None:
        self._others.tooltip = "The components of the cube are mapped in these, too"
        self._others.max_height = 90
        rows = QFormLayout()
        rows.addRow("Cube", self.cube.native)
        rows.addRow("Map also in", self._others.native)
        self._plot.setBackground(None)  # that of the dock, in every theme of napari
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._plot.setMinimumHeight(140)
        # pyqtgraph would ask for 640 × 480
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._plot.addLegend(offset=(-8, 8), labelTextSize="9pt")
        self._agreement.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("<b>Components</b>"))
        layout.addLayout(rows)
        layout.addWidget(self._form.native)
        layout.addWidget(self.panel)
        layout.addWidget(self._plot, stretch=1)
        layout.addWidget(self._agreement)
        layout.addWidget(QLabel("<b>One band, or the area of a peak</b>"))
        layout.addLayout(self._map_rows())
        self.setMinimumWidth(320)

    def _map_rows(self) -> QFormLayout:
        """Return the rows for a map of one band, and of the area of a peak."""
        band = QPushButton("Map band")
        band.clicked.connect(self._band_clicked)
        area = QPushButton("Map area")
        area.clicked.connect(self._area_clicked)
        rows = QFormLayout()
        rows.addRow("At", in_a_row(self._at.native, band))
        rows.addRow("From, to", in_a_row(self._from.native, self._to.native, area))
        rows.addRow("", self._baseline.native)
        return rows

    def _is_other(self, layer: Layer) -> bool:
        return has_bands(layer) and layer is not self.cube.value

    def _fill_positions(self) -> None:
        """Fill in positions on the axis of the cube, where those shown lie outside of it."""
        layer = self.cube.value
        axis = None if layer is None else axis_in_metadata(layer.metadata)
        if not isinstance(axis, SpectralAxis):
            return
        low = float(axis.centres.min())
        high = float(axis.centres.max())
        fractions = {self._at: 0.5, self._from: 0.4, self._to: 0.6}
        if all(low <= box.value <= high for box in fractions):
            return
        for box, fraction in fractions.items():
            box.value = round(low + fraction * (high - low), 2)

    def _unmix_clicked(self, *_: object) -> None:
        self.unmix()

    def _band_clicked(self, *_: object) -> None:
        self.map_band(self._at.value)

    def _area_clicked(self, *_: object) -> None:
        baseline = self._baseline.value
        self.map_area(self._from.value, self._to.value, baseline=baseline)

    def _show_result(self, components: Components) -> None:
        """Add the maps as layers; plot the spectra, and report how far maps agree."""
        self.components = components
        assert self._source is not None
        images: list[Image] = [_strip(components.spectra, self._source)]
        for maps in components.maps:
            images += [maps.classes, maps.abundances, maps.composite]
        self.results = [self._add_layer(image) for image in images]
        self._viewer.layers.selection.active = self.results[0]  # the Spectrum dock takes its axis
        self._plot_spectra(components.spectra)
        self._agreement.setText(_agreements(components))
        self.panel.show_status(f"found {len(components.maps[0].abundances.axis)} components")

    def _add_layer(self, image: Image) -> Layer:
        layer = Layer.create(*on_all_bands(to_layer(image, in_colour=True), 1))
        # flat maps of classes would cover the composite, which shows the same
        layer.visible = layer.ndim > 2 or getattr(layer, "rgb", False)
        return self._viewer.add_layer(layer)

    def _add_map(self, mapped: Callable[[Cube], Cube]) -> None:
        """Add the map of the chosen cube as a layer, or show why there is none."""
        try:
            image = mapped(cube_of_layer(self.cube.value))
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        self.results = [self._viewer.add_layer(Layer.create(*to_layer(image, flat=True)))]
        self.panel.show_status(f"added {self.results[0].name}")

    def _plot_spectra(self, spectra: Cube) -> None:
        """Plot pure spectra in the colours of their maps."""
        self._plot.clear()
        axis = spectra.spectral_axis
        table = spectra.spectra()
        order = np.argsort(axis.centres, kind="stable")
        for name, spectrum, colour in zip(names_of(len(table)), table, COLOURS, strict=False):
            pen = pyqtgraph.mkPen(colour, width=2)
            y = spectrum[order]
            self._plot.plot(axis.centres[order], y, pen=pen, name=name, connect="finite")
        self._plot.setLabel("bottom", axis.title)
        self._plot.getAxis("bottom").enableAutoSIPrefix(False)


def _strip(spectra: Cube, cube: Cube) -> Cube:
    """Return pure spectra as a strip of pixels above their cube, where the Spectrum dock shows them.

    The strip is as wide as the cube, one pixel a component.
    """
    rows, columns = cube.shape[-2:]
    pixel_height, pixel_width = cube.pixel_size
    height = _STRIP * rows * pixel_height
    width = columns * pixel_width / spectra.shape[-1]
    # from the edge of the first pixel of the cube, not its centre
    above = -0.5 - height / pixel_height
    right = -0.5 + width / pixel_width / 2
    return replace(
        spectra,
        pixel_size=(height, width),
        pixel_unit=cube.pixel_unit,
        transform=cube.transform,
        origin=cube.place_at(above, right)["origin"],
    )


def _agreements(components: Components) -> str:
    """Return how far the maps of other cubes agree with those of the first, a line each."""
    lines = []
    for maps in components.maps:
        if maps.agreement is not None:
            name = maps.abundances.name.removesuffix(" abundances")
            lines.append(f"{name}: {maps.agreement:.1%} of the pixels have the same component")
    return "\n".join(lines)


def _position(name: str, tooltip: str) -> Field:
    """Return a box for a position on an axis."""
    return field_of(_Position, name=name, tooltip=tooltip, value=0.0)
