"""The axis of a layer: set, load, shift, calibrate and convert it, and take that back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..cube import Cube
from ..io.metadata.axis_file import read_axis
from ..layers import metadata_of, to_layer
from ..spectra.axes import (
    STEPS,
    Calibrate,
    Convert,
    Ends,
    Excitation,
    Meaning,
    Step,
    Steps,
)
from ..spectra.calibration import mean_spectrum, peak_positions
from ..spectra.conversion import quantity_of
from ..spectra.layout import with_axis
from .forms.form import Chooser, in_a_row
from .forms.layer_choice import LayerBox, image_of

if TYPE_CHECKING:
    import napari

_AXIS_FILES = "Axis (*.txt *.csv *.tsv *.json *.asc *.dat);;All files (*)"
_WARNING = "color: #e0584f"
_HISTORY_SHOWN = 3


class AxisWidget(QWidget):
    """Choose a layer and a step; see what comes of it; apply it; undo it.

    A script drives it by `layer`, `step`, `apply`, `load`, `copy_from` and `undo`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._undo: list[tuple[Layer, Callable[[], None]]] = []
        self._filled: SpectralAxis | None = None  # what the forms were filled with
        self._box = LayerBox(viewer, "cube", Cube)
        self._other = LayerBox(viewer, "other", Cube)
        self._now, self._then, self._past = QLabel(), QLabel(), QLabel()
        self._chooser: Chooser[Step] = Chooser(STEPS)
        self.peaks = PeakTable()
        self.apply_button, self.undo_button = QPushButton("Apply"), QPushButton("Undo")
        self._build()
        self._connect()
        self.reset_choices()

    # -- what a script uses

    @property
    def layer(self) -> Layer | None:
        """The layer whose axis it is about; choosing one that holds no cube is refused."""
        return self._box.layer

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self._box.layer = layer

    @property
    def step(self) -> Step:
        """What the form says; setting it fills the form.

        Raises
        ------
        ValueError
            If settings do not fit together.
        """
        return self._chooser.settings

    @step.setter
    def step(self, step: Step) -> None:
        self._chooser.settings = step
        if isinstance(step, Calibrate):
            self.peaks.show_pairs(step.measured, step.known)

    def apply(self, step: Step | None = None) -> Layer:
        """Take a step, left out: the one in the form; return the layer that has the new axis.

        That is the chosen layer; or, where its pixels change, a new one in its place.

        Raises
        ------
        ValueError
            If there is no layer, or the step cannot be taken on it.
        """
        layer, cube = self._chosen()
        return self._keep(layer, cube, (self.step if step is None else step).on(cube))

    def load(self, path: str | Path) -> None:
        """Take the axis from a file of numbers.

        Raises
        ------
        ValueError
            If there is no layer, or not one number for each of its bands in the file.
        OSError
            If the file cannot be read.
        """
        layer, cube = self._chosen()
        axis = read_axis(path)
        self._keep(layer, cube, with_axis(cube, axis, f"took the axis from {Path(path).name}"))
        if axis.kind == "index":
            self._chooser.settings = Meaning()

    def copy_from(self, other: Layer) -> None:
        """Take the axis of another layer.

        Raises
        ------
        ValueError
            If that has another number of bands, or named channels.
        """
        layer, cube = self._chosen()
        theirs = _cube_of(other)
        step = f"took the axis of {theirs.name!r}"
        self._keep(layer, cube, with_axis(cube, theirs.spectral_axis, step))

    def undo(self, *_: object) -> None:
        """Take back the last step on the chosen layer."""
        mine = [entry for entry in self._undo if entry[0] is self.layer]
        if mine:
            self._undo.remove(mine[-1])
            mine[-1][1]()
            self._show()

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        self._box.refresh([])
        self._other.refresh([self._box.layer] if self._box.layer else [])
        self._undo = [entry for entry in self._undo if entry[0] in self._viewer.layers]
        self._show()

    @property
    def now(self) -> str:
        """What is known of the axis, in words."""
        return self._now.text()

    @property
    def preview(self) -> str:
        """What the step in the form would make of it, or why it cannot be taken."""
        return self._then.text()

    # -- what happens

    def _chosen(self) -> tuple[Layer, Cube]:
        if self.layer is None:
            raise ValueError("there is no layer with bands; open a file or a sample first")
        return self.layer, _cube_of(self.layer)

    def _keep(self, layer: Layer, before: Cube, after: Cube) -> Layer:
        """Show a cube in its layer; where it has other pixels, in a layer of its own."""
        if after.data is before.data:
            kept = dict(layer.metadata)
            layer.metadata = metadata_of(after, kept)
            self._undo.append((layer, lambda: _restore(layer, kept)))
            self._show()
            return layer
        made = self._viewer.add_layer(Layer.create(*to_layer(after)))
        layer.visible = False
        self._undo.append((made, lambda: self._remove(made, layer)))
        self._viewer.layers.selection.active = made
        self.layer = made
        return made

    def _remove(self, made: Layer, source: Layer) -> None:
        source.visible = True
        self._viewer.layers.remove(made)
        if source in self._viewer.layers:
            self._viewer.layers.selection.active = source

    def _show(self, *_: object) -> None:
        """Show the axis as it is, and fill the forms with what is known."""
        try:
            _layer, cube = self._chosen()
        except ValueError as error:
            self._now.setText(str(error))
            self._past.clear()
        else:
            self._now.setText(in_words(cube.axis))
            self._past.setText("\n".join(cube.history[-_HISTORY_SHOWN:]))
            if isinstance(cube.axis, SpectralAxis) and cube.axis != self._filled:
                self._filled = cube.axis
                self._fill(cube.axis)
        self._past.setVisible(bool(self._past.text()))
        self.undo_button.setEnabled(any(layer is self.layer for layer, _ in self._undo))
        self._preview()

    def _fill(self, axis: SpectralAxis) -> None:
        """Begin each form with what is known of the axis."""
        known: dict[str, Any] = {"excitation_nm": axis.excitation_nm}
        quantity = quantity_of(axis)
        if quantity not in (None, "band"):
            known["quantity"] = quantity
        first, last = (float(axis.centres[i]) for i in (0, -1))
        step = (last - first) / max(1, len(axis) - 1)
        fills: list[Step] = [
            Ends(first=first, last=last, **known),
            Steps(first=first, step=step, **known),
            Convert(excitation_nm=axis.excitation_nm),
        ]
        if "quantity" in known:
            fills.append(Meaning(quantity=known["quantity"]))
        if axis.excitation_nm:
            fills.append(Excitation(excitation_nm=axis.excitation_nm))
        before = self._chooser.blockSignals(True)  # one look at the end is enough
        for settings in fills:
            self._chooser.form_of(type(settings)).settings = settings
        self._chooser.blockSignals(before)

    def _preview(self, *_: object) -> None:
        """Show what the step in the form would make of the axis."""
        self.peaks.setVisible(self._chooser.kind is Calibrate)
        try:
            _layer, cube = self._chosen()
            step = self.step
            after = step.on(cube)
        except ValueError as error:
            self._then.setStyleSheet(_WARNING)
            self._then.setText(str(error))
            self.apply_button.setEnabled(False)
            self.peaks.show_residuals(())
            return
        shape = "" if after.shape == cube.shape else f", {_sizes(after)}"
        self._then.setStyleSheet("")
        self._then.setText(f"→ {in_words(after.axis)}{shape}")
        self.apply_button.setEnabled(True)
        if isinstance(step, Calibrate):
            self.peaks.show_residuals(step.fit(cube.spectral_axis).residuals)

    def find_peaks(self, *_: object) -> None:
        """List the peaks of the layer's mean spectrum, to be paired with known ones."""
        try:
            _layer, cube = self._chosen()
            places = peak_positions(mean_spectrum(cube), cube.spectral_axis)
        except ValueError as error:
            show_error(str(error))
            return
        self.peaks.show_pairs([round(float(place), 6) for place in places])

    def _pairs_changed(self, *_: object) -> None:
        measured, known = self.peaks.pairs
        form = self._chooser.form_of(Calibrate)
        form.editors["measured"].value = measured
        form.editors["known"].value = known

    def _follow_selection(self, *_: object) -> None:
        active = self._viewer.layers.selection.active
        if isinstance(active, ImageLayer) and not active.rgb and active.ndim >= 3:
            self.reset_choices()
            self.layer = active

    def _try(self, act: Callable[[], object]) -> None:
        """Do something that a person asked for, and show why it did not work."""
        try:
            act()
        except (ValueError, OSError) as error:
            show_error(str(error))

    def _apply_clicked(self, *_: object) -> None:
        self._try(self.apply)

    def _file_clicked(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Load an axis", "", _AXIS_FILES)
        if path:
            self._try(lambda: self.load(path))

    def _copy_clicked(self, *_: object) -> None:
        other = self._other.layer
        if other is not None:
            self._try(lambda: self.copy_from(other))

    # -- what a person sees

    def _build(self) -> None:
        for label in (self._now, self._then, self._past):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._past.setToolTip("The last steps in the history of the layer")
        self._past.setStyleSheet("color: gray")
        form = self._chooser.form_of(Calibrate)
        for name in ("measured", "known"):
            form.hide_row(name)  # the table of peaks stands for them
        load, copy = QPushButton("From a file…"), QPushButton("Take")
        load.setToolTip("A text, CSV or JSON file with one number for each band")
        copy.setToolTip("Take the axis of this layer")
        load.clicked.connect(self._file_clicked)
        copy.clicked.connect(self._copy_clicked)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Layer", self._box)
        rows.addRow("Axis", self._now)
        rows.addRow("", self._past)
        rows.addRow("Load", load)
        rows.addRow("From layer", in_a_row(self._other, copy))
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(rows)
        layout.addSpacing(8)
        layout.addWidget(QLabel("<b>Change the axis</b>"))
        layout.addWidget(self._chooser)
        layout.addWidget(self.peaks)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.addWidget(scroll)
        whole.addWidget(self._then)
        whole.addLayout(in_a_row(self.apply_button, self.undo_button))
        self.setMinimumWidth(320)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _connect(self) -> None:
        self._box.currentIndexChanged.connect(self._show)
        self._chooser.changed.connect(self._preview)
        self.peaks.changed.connect(self._pairs_changed)
        self.peaks.find_button.clicked.connect(self.find_peaks)
        self.apply_button.clicked.connect(self._apply_clicked)
        self.undo_button.clicked.connect(self.undo)
        self._viewer.layers.selection.events.active.connect(self._follow_selection)


class PeakTable(QWidget):
    """Peaks as they are measured, as they are known, and what a calibration leaves of that."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Measured", "Known", "Residual"])
        header = self.table.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(150)
        self.table.setToolTip("Give the known place of two peaks or more; others are left out")
        self.find_button, self.add_button = QPushButton("Find peaks"), QPushButton("Add a row")
        self.find_button.setToolTip("List the peaks of the mean spectrum")
        self.add_button.clicked.connect(self.add)
        self.table.itemChanged.connect(self._tell)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(in_a_row(self.find_button, self.add_button))

    @property
    def pairs(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Measured and known places of the peaks that have both."""
        rows = [(self._number(row, 0), self._number(row, 1)) for row in range(self._rows)]
        whole = [(a, b) for a, b in rows if a is not None and b is not None]
        return tuple(a for a, _ in whole), tuple(b for _, b in whole)

    def show_pairs(self, measured: Any, known: Any = ()) -> None:
        """Show peaks, as far as they are known."""
        self.table.setRowCount(0)
        for i, place in enumerate(measured):
            self.add()
            self._write(i, 0, f"{place:.10g}")
            self._write(i, 1, f"{known[i]:.10g}" if i < len(known) else "")
        self.changed.emit()

    def show_residuals(self, residuals: Any) -> None:
        """Show what is left at each pair; none where there is no calibration yet."""
        left = iter(np.asarray(residuals, dtype=np.float64))
        for row in range(self._rows):
            paired = self._number(row, 0) is not None and self._number(row, 1) is not None
            value = next(left, None) if paired else None
            self._write(row, 2, "" if value is None else f"{value:+.3g}")

    def add(self, *_: object) -> None:
        """Add an empty row."""
        row = self._rows
        before = self.table.blockSignals(True)
        self.table.insertRow(row)
        for column in range(3):
            self.table.setItem(row, column, QTableWidgetItem(""))
        residual = self.table.item(row, 2)
        assert residual is not None
        residual.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.table.blockSignals(before)

    @property
    def _rows(self) -> int:
        return int(self.table.rowCount())

    def _number(self, row: int, column: int) -> float | None:
        item = self.table.item(row, column)
        try:
            return float(item.text().replace(",", ".")) if item is not None else None
        except ValueError:
            return None

    def _write(self, row: int, column: int, text: str) -> None:
        before = self.table.blockSignals(True)
        item = self.table.item(row, column)
        assert item is not None
        item.setText(text)
        self.table.blockSignals(before)

    def _tell(self, *_: object) -> None:
        self.changed.emit()


def in_words(axis: Axis) -> str:
    """Return what is known of an axis in one line."""
    if isinstance(axis, ChannelAxis):
        return str(axis)
    line = f", excited at {axis.excitation_nm:g} nm" if axis.excitation_nm else ""
    return f"{axis.title}, {axis}{line}" + " (a guess)" * axis.guessed


def _cube_of(layer: Layer) -> Cube:
    image = image_of(layer)
    if not isinstance(image, Cube):
        raise ValueError(f"layer {layer.name!r} holds labels; choose one with bands")
    return image


def _restore(layer: Layer, metadata: dict[str, Any]) -> None:
    layer.metadata = metadata


def _sizes(cube: Cube) -> str:
    return ", ".join(f"{dim} {size}" for dim, size in zip(cube.dims, cube.shape, strict=True))
