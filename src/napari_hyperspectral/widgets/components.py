"""What a cube is made of: maps of its components, there and in other cubes, of bands and peaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyqtgraph
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from ..axis import SpectralAxis
from ..cube import Cube, Image
from ..layers import axis_of, on_all_bands, to_layer
from ..spectra.components import COLOURS, Components, Unmixing, names_of, unmix
from ..spectra.maps import area_map, band_map
from .forms.form import Form, in_a_row
from .forms.layer_choice import LayerBox, fitting, image_of
from .panel import JobDock, JobPanel

if TYPE_CHECKING:
    import napari

_MOST: Final = 1e9
"""Greatest place on a spectrum that can be typed."""
_STRIP: Final = 0.1
"""Height of the strip of pure spectra, as a share of that of the map below it."""


class ComponentsWidget(JobDock):
    """Choose a cube, and others to compare it with; maps come as layers.

    A script drives it by `choose`, `settings`, `unmix`, `map_band`, `map_area` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.found: Components | None = None
        """The components last found."""
        self.results: list[Layer] = []
        """The layers last made."""
        self._layers: list[Layer] = []
        self._source: Cube | None = None
        self.cube = LayerBox(viewer, "cube", Cube)
        self._others = QListWidget()
        self._form = Form(Unmixing)
        self._plot = pyqtgraph.PlotWidget()
        self._agreement = QLabel()
        self.panel = JobPanel("Find components")
        self._at, self._from, self._to = QDoubleSpinBox(), QDoubleSpinBox(), QDoubleSpinBox()
        self._baseline = QCheckBox("Above a straight line")
        self._build()
        self.panel.start_button.clicked.connect(self._unmix_clicked)
        self.panel.returned.connect(self._keep)
        self.cube.currentIndexChanged.connect(self._follow_cube)
        self.reset_choices()

    # -- what a script uses

    @property
    def settings(self) -> Unmixing:
        """How components are looked for."""
        return self._form.settings

    @settings.setter
    def settings(self, settings: Unmixing) -> None:
        self._form.settings = settings

    def choose(self, cube: Layer, *others: Layer) -> None:
        """Choose the layer in which components are found, and others to look for them in.

        Raises
        ------
        ValueError
            If one is no grey image layer with bands.
        """
        self.cube.chosen = cube
        self.reset_choices()
        for layer in others:
            if layer not in self._layers:
                raise ValueError(f"layer {layer.name!r} is no other grey image layer with bands")
            self._item(self._layers.index(layer)).setCheckState(Qt.CheckState.Checked)

    @property
    def others(self) -> list[Layer]:
        """The layers in which the components are looked for, too."""
        checked = Qt.CheckState.Checked
        return [
            layer for i, layer in enumerate(self._layers) if self._item(i).checkState() == checked
        ]

    def unmix(self) -> None:
        """Find components in the background."""
        if self.panel.running:
            return
        try:
            cube, *others = (_cube_of(layer) for layer in (self.cube.chosen, *self.others))
            job = unmix(cube, others, self.settings)
        except ValueError as error:
            self.panel.complain(str(error))
            return
        self._source = cube
        self.panel.run(job, "unmixing", device="cpu")

    def map_band(self, at: float) -> None:
        """Add the image of the band nearest to a place, in the unit of the axis."""
        self._add_map(lambda cube: band_map(cube, at))

    def map_area(self, low: float, high: float, *, baseline: bool = True) -> None:
        """Add the image of the area of the peaks in a range."""
        self._add_map(lambda cube: area_map(cube, low, high, baseline=baseline))

    def stop(self, *_: object) -> None:
        """Give up looking for components."""
        self.panel.stop()

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        chosen = self.others
        self.cube.refresh([])
        self._layers = [
            layer for layer in fitting(self._viewer.layers, Cube) if layer is not self.cube.chosen
        ]
        self._others.clear()
        for layer in self._layers:
            item = QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            checked = layer in chosen
            item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
            self._others.addItem(item)
        self.panel.start_button.setEnabled(self.cube.chosen is not None and not self.panel.running)
        self._offer_places()

    # -- what a person sees

    def _build(self) -> None:
        self._others.setToolTip("The components of the cube are looked for in these, too")
        self._others.setMaximumHeight(90)
        rows = QFormLayout()
        rows.addRow("Cube", self.cube)
        rows.addRow("Look in", self._others)
        self._plot.setBackground(None)  # what is behind it, in every theme of napari
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._plot.setMinimumHeight(140)
        ignored = QSizePolicy.Policy.Ignored  # it would ask for 640 × 480
        self._plot.setSizePolicy(ignored, ignored)
        self._plot.addLegend(offset=(-8, 8), labelTextSize="9pt")
        self._agreement.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("<b>Components</b>"))
        layout.addLayout(rows)
        layout.addWidget(self._form)
        layout.addWidget(self.panel)
        layout.addWidget(self._plot, stretch=1)
        layout.addWidget(self._agreement)
        layout.addWidget(QLabel("<b>One band, or the area of a peak</b>"))
        layout.addLayout(self._places())
        self.setMinimumWidth(320)

    def _places(self) -> QFormLayout:
        """Return the rows that ask for a band, and for a range."""
        self._baseline.setChecked(True)
        self._baseline.setToolTip("Count only what is above a line between the ends of the range")
        for box in (self._at, self._from, self._to):
            box.setRange(-_MOST, _MOST)
            box.setDecimals(2)
        band, area = QPushButton("Map band"), QPushButton("Map area")
        band.clicked.connect(lambda *_: self.map_band(self._at.value()))
        area.clicked.connect(
            lambda *_: self.map_area(
                self._from.value(), self._to.value(), baseline=self._baseline.isChecked()
            )
        )
        rows = QFormLayout()
        rows.addRow("At", in_a_row(self._at, band))
        rows.addRow("From, to", in_a_row(self._from, self._to, area))
        rows.addRow("", self._baseline)
        return rows

    def _item(self, row: int) -> QListWidgetItem:
        item = self._others.item(row)
        assert item is not None
        return item

    def _follow_cube(self, *_: object) -> None:
        self.reset_choices()

    def _offer_places(self) -> None:
        """Offer places on the spectrum of the cube, where those shown lie beyond it."""
        layer = self.cube.chosen
        axis = axis_of({"metadata": layer.metadata}) if isinstance(layer, Layer) else None
        if not isinstance(axis, SpectralAxis):
            return
        low, high = float(axis.centres.min()), float(axis.centres.max())
        span = high - low
        offered = ((self._at, 0.5), (self._from, 0.4), (self._to, 0.6))
        if all(low <= box.value() <= high for box, _ in offered):
            return
        for box, share in offered:
            box.setValue(low + share * span)

    def _unmix_clicked(self, *_: object) -> None:
        self.unmix()

    def _keep(self, found: Components) -> None:
        self.found, cube = found, self._source
        assert cube is not None
        images: list[Image] = []
        for maps in found.maps:
            images += [maps.classes, maps.abundances, maps.composite]
        self.results = [self._added(image) for image in (_strip(found.spectra, cube), *images)]
        self._viewer.layers.selection.active = self.results[0]  # whose axis the plots take
        self._draw(found.spectra)
        self._agreement.setText(_compared(found))
        self.panel.say(f"found {len(found.maps[0].abundances.axis)} components")

    def _added(self, image: Image) -> Layer:
        layer = Layer.create(*on_all_bands(to_layer(image, in_colour=True), 1))
        # the composite tells what these tell, and they would cover it
        layer.visible = layer.ndim > 2 or getattr(layer, "rgb", False)
        return self._viewer.add_layer(layer)

    def _add_map(self, made: Callable[[Cube], Cube]) -> None:
        try:
            image = made(_cube_of(self.cube.chosen))
        except ValueError as error:
            self.panel.complain(str(error))
            return
        self.results = [self._viewer.add_layer(Layer.create(*to_layer(image, flat=True)))]
        self.panel.say(f"added {self.results[0].name}")

    def _draw(self, spectra: Cube) -> None:
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
    """Return pure spectra as a strip above their cube, as wide as it: the Spectrum dock shows them."""
    height, width = (n * size for n, size in zip(cube.shape[-2:], cube.pixel_size, strict=True))
    thick, wide = _STRIP * height, width / spectra.shape[-1]
    top, left = (at - size / 2 for at, size in zip(cube.origin, cube.pixel_size, strict=True))
    return replace(
        spectra,
        pixel_size=(thick, wide),
        origin=(top - thick, left + wide / 2),
        pixel_unit=cube.pixel_unit,
    )


def _compared(found: Components) -> str:
    """Return how far the maps of other cubes agree with that of the first, a line each."""
    return "\n".join(
        f"{maps.abundances.name.removesuffix(' abundances')}: "
        f"{maps.agreement:.1%} of the pixels have the same component"
        for maps in found.maps
        if maps.agreement is not None
    )


def _cube_of(layer: object) -> Cube:
    if not isinstance(layer, Layer):
        raise ValueError("choose a cube; open a file or a sample first")
    image = image_of(layer)
    assert isinstance(image, Cube)
    return image
