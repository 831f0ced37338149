"""The Spectral axis dock: set, load, shift, calibrate or convert the axis of a layer, and undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..cube import Cube
from ..io.metadata.axis_file import read_axis
from ..layers import metadata_of, to_layer
from ..settings import reason_of
from ..spectra.axes import (
    AXIS_STEPS,
    AxisStep,
    CalibrateAxis,
    ConvertAxis,
    SetEnds,
    SetExcitation,
    SetQuantity,
    SetSteps,
)
from ..spectra.calibration import mean_spectrum, peak_positions
from ..spectra.conversion import quantity_of
from ..spectra.layout import with_axis
from .dock import Dock
from .forms.form import Chooser
from .forms.layer_choice import LayerBox, cube_of_layer
from .forms.layout import in_a_row
from .peak_table import PeakTable

if TYPE_CHECKING:
    import napari

_AXIS_FILES = "Axis (*.txt *.csv *.tsv *.json *.asc *.dat);;All files (*)"
_WARNING = "color: #e0584f"
_HISTORY_SHOWN = 3


class AxisWidget(Dock):
    """Choose a layer and a step, preview the axis, apply the step, undo it.

    Scripts use `layer`, `step`, `apply`, `load`, `copy_from` and `undo`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._undo: list[tuple[Layer, Callable[[], None]]] = []
        self._filled_with: SpectralAxis | None = None
        self._box = LayerBox(viewer=viewer, name="cube")
        self._other = LayerBox(viewer=viewer, name="other")
        self._other.avoid(lambda: [self._box.value])
        self._axis_label = QLabel()
        self._history_label = QLabel()
        self._preview_label = QLabel()
        self._chooser: Chooser[AxisStep] = Chooser(
            AXIS_STEPS,
            hidden=("enabled",),  # here a step is applied at once
            name="step",
        )
        self.peaks = PeakTable()
        self.apply_button = QPushButton("Apply")
        self.undo_button = QPushButton("Undo")
        self.hold(self._box, self._other, self._chooser)
        self._build()
        self._connect()
        self.reset_choices()

    # -- what a script uses

    @property
    def layer(self) -> Layer | None:
        """The layer whose axis is changed.

        Raises
        ------
        ValueError
            When set to a layer that holds no cube.
        """
        layer: Layer | None = self._box.value
        return layer

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self._box.choose(layer)

    @property
    def step(self) -> AxisStep:
        """The step in the form; setting it fills the form.

        Raises
        ------
        ValueError
            If its settings are not valid together.
        """
        return self._chooser.settings

    @step.setter
    def step(self, step: AxisStep) -> None:
        self._chooser.settings = step

    def apply(self, step: AxisStep | None = None) -> Layer:
        """Apply a step, by default that in the form; return the layer with the new axis.

        It is the chosen layer, or, where the step changes the data, a new one in its stead.

        Raises
        ------
        ValueError
            If there is no layer, or the step does not suit it.
        """
        layer, cube = self._chosen_cube()
        if step is None:
            step = self.step
        return self._show_result(layer, cube, step.on(cube))

    def load(self, path: str | Path) -> None:
        """Load the axis from a file with a number for each band.

        Raises
        ------
        ValueError
            If there is no layer, or the file has another number of values than it has bands.
        OSError
            If the file cannot be read.
        """
        layer, cube = self._chosen_cube()
        axis = read_axis(path)
        step = f"took the axis from {Path(path).name}"
        self._show_result(layer, cube, with_axis(cube, axis, step))
        if axis.kind == "index":  # numbers without a unit: ask what they measure
            self._chooser.settings = SetQuantity()

    def copy_from(self, other: Layer) -> None:
        """Copy the axis of another layer.

        Raises
        ------
        ValueError
            If that has another number of bands, or named channels.
        """
        layer, cube = self._chosen_cube()
        source = cube_of_layer(other)
        step = f"took the axis of {source.name!r}"
        self._show_result(layer, cube, with_axis(cube, source.spectral_axis, step))

    def undo(self, *_: object) -> None:
        """Undo the last step on the chosen layer."""
        for entry in reversed(self._undo):
            layer, undo = entry
            if layer is self.layer:
                self._undo.remove(entry)
                undo()
                self._show()
                return

    def reset_choices(self, *_: object) -> None:
        """Update the choices of layers; napari calls this when they change."""
        super().reset_choices()
        self._undo = [entry for entry in self._undo if entry[0] in self._viewer.layers]
        self._show()

    @property
    def axis_text(self) -> str:
        """The axis of the layer, as shown."""
        return self._axis_label.text()

    @property
    def preview(self) -> str:
        """The axis after the step in the form, as shown, or why it cannot be applied."""
        return self._preview_label.text()

    # -- what happens

    def _chosen_cube(self) -> tuple[Layer, Cube]:
        if self.layer is None:
            raise ValueError("there is no layer with bands; open a file or a sample first")
        return self.layer, cube_of_layer(self.layer)

    def _show_result(self, layer: Layer, before: Cube, after: Cube) -> Layer:
        """Show a cube in its layer or, where its data changed, in a new one; return the layer."""
        if after.data is before.data:
            metadata = dict(layer.metadata)
            layer.metadata = metadata_of(after, metadata)
            self._undo.append((layer, lambda: _restore(layer, metadata)))
            self._show()
            return layer
        result = self._viewer.add_layer(Layer.create(*to_layer(after)))
        layer.visible = False
        self._undo.append((result, lambda: self._remove(result, layer)))
        self._viewer.layers.selection.active = result
        self.layer = result
        return result

    def _remove(self, result: Layer, source: Layer) -> None:
        """Remove the result of a step, and show its source again."""
        source.visible = True
        self._viewer.layers.remove(result)
        if source in self._viewer.layers:
            self._viewer.layers.selection.active = source

    def _show(self, *_: object) -> None:
        """Show the axis and the history of the layer, and fill the forms with its axis."""
        try:
            _layer, cube = self._chosen_cube()
        except ValueError as error:
            self._axis_label.setText(str(error))
            self._history_label.clear()
        else:
            self._axis_label.setText(in_words(cube.axis))
            self._history_label.setText("\n".join(cube.history[-_HISTORY_SHOWN:]))
            if isinstance(cube.axis, SpectralAxis) and cube.axis != self._filled_with:
                self._filled_with = cube.axis
                self._fill(cube.axis)
        self._history_label.setVisible(bool(self._history_label.text()))
        self.undo_button.setEnabled(any(layer is self.layer for layer, _ in self._undo))
        self._show_preview()

    def _fill(self, axis: SpectralAxis) -> None:
        """Fill the form of each step with the values of the axis."""
        with self._chooser.changed.blocked():  # a single preview at the end is enough
            for settings in settings_for(axis):
                self._chooser.form_of(type(settings)).settings = settings

    def _show_preview(self, *_: object) -> None:
        """Show the axis after the step in the form, or why it cannot be applied."""
        self.peaks.setVisible(self._chooser.kind is CalibrateAxis)
        try:
            _layer, cube = self._chosen_cube()
            step = self.step
            after = step.on(cube)
        except ValueError as error:
            self._preview_label.setStyleSheet(_WARNING)
            self._preview_label.setText(str(error))
            self.apply_button.setEnabled(False)
            self.peaks.show_residuals(())
            return
        text = f"→ {in_words(after.axis)}"
        if after.shape != cube.shape:
            text += f", {_sizes(after)}"
        self._preview_label.setStyleSheet("")
        self._preview_label.setText(text)
        self.apply_button.setEnabled(True)
        if isinstance(step, CalibrateAxis):
            self.peaks.show_residuals(step.fit(cube.spectral_axis).residuals)

    def find_peaks(self, *_: object) -> None:
        """List the peaks of the layer's mean spectrum, so that known positions can be entered."""
        try:
            _layer, cube = self._chosen_cube()
            positions = peak_positions(mean_spectrum(cube), cube.spectral_axis)
        except ValueError as error:
            show_error(reason_of(error))
            return
        self.peaks.show_pairs(positions.round(6).tolist())

    def _pairs_changed(self, *_: object) -> None:
        measured, known = self.peaks.pairs
        self._chooser.form_of(CalibrateAxis).update(measured=measured, known=known)

    def _show_pairs(self, step: AxisStep | None) -> None:
        """Show the pairs of a calibration that a script has set."""
        if isinstance(step, CalibrateAxis) and self.peaks.pairs != (step.measured, step.known):
            with QSignalBlocker(self.peaks):  # where one of a pair is missing, it would be left out
                self.peaks.show_pairs(step.measured, step.known)

    def _follow_selection(self, *_: object) -> None:
        active = self._viewer.layers.selection.active
        if active in self._box.choices and active is not None:
            self.layer = active

    def _try(self, action: Callable[[], object]) -> None:
        """Do what a click asks for; show an error as a notification."""
        try:
            action()
        except (ValueError, OSError) as error:
            show_error(reason_of(error))

    def _apply_clicked(self, *_: object) -> None:
        self._try(self.apply)

    def _file_clicked(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Load axis", "", _AXIS_FILES)
        if path:
            self._try(lambda: self.load(path))

    def _copy_clicked(self, *_: object) -> None:
        other = self._other.value
        if other is not None:
            self._try(lambda: self.copy_from(other))

    # -- what a person sees

    def _build(self) -> None:
        for label in (self._axis_label, self._preview_label, self._history_label):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._history_label.setToolTip("The last steps in the history of the layer")
        self._history_label.setStyleSheet("color: gray")
        form = self._chooser.form_of(CalibrateAxis)
        for name in ("measured", "known"):
            form.hide_row(name)  # they are edited in the table of peaks
        layout = QVBoxLayout(self)
        layout.addWidget(self._scrolled_part())
        layout.addWidget(self._preview_label)
        layout.addLayout(in_a_row(self.apply_button, self.undo_button))
        self.setMinimumWidth(320)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _scrolled_part(self) -> QScrollArea:
        """Return everything above the preview, which always stays in view."""
        load = QPushButton("From file…")
        load.setToolTip("A text, CSV or JSON file with one number per band")
        load.clicked.connect(self._file_clicked)
        copy = QPushButton("Copy")
        copy.setToolTip("Copy the axis of this layer")
        copy.clicked.connect(self._copy_clicked)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Layer", self._box.native)
        rows.addRow("Axis", self._axis_label)
        rows.addRow("", self._history_label)
        rows.addRow("Load", load)
        rows.addRow("From layer", in_a_row(self._other.native, copy))
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(rows)
        layout.addSpacing(8)
        layout.addWidget(QLabel("<b>Change the axis</b>"))
        layout.addWidget(self._chooser.native)
        layout.addWidget(self.peaks)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        return scroll

    def _connect(self) -> None:
        self._box.changed.connect(self._show)
        self._chooser.changed.connect(self._show_pairs)
        self._chooser.changed.connect(self._show_preview)
        self.peaks.changed.connect(self._pairs_changed)
        self.peaks.find_button.clicked.connect(self.find_peaks)
        self.apply_button.clicked.connect(self._apply_clicked)
        self.undo_button.clicked.connect(self.undo)
        self._viewer.layers.selection.events.active.connect(self._follow_selection)


def in_words(axis: Axis) -> str:
    """Return an axis in one line, such as "Raman shift (cm⁻¹), 4 bands, 600–1800 cm⁻¹"."""
    if isinstance(axis, ChannelAxis):
        return str(axis)
    text = f"{axis.title}, {axis}"
    if axis.excitation_nm:
        text += f", excited at {axis.excitation_nm:g} nm"
    if axis.guessed:
        text += " (guessed)"
    return text


def settings_for(axis: SpectralAxis) -> list[AxisStep]:
    """Return the initial settings of steps for an axis: those that would not change it."""
    first = float(axis.centres[0])
    last = float(axis.centres[-1])
    step = (last - first) / max(1, len(axis) - 1)
    line = axis.excitation_nm
    quantity = quantity_of(axis)
    if quantity is None or quantity == "band":
        ends = SetEnds(first=first, last=last, excitation_nm=line)
        steps = SetSteps(first=first, step=step, excitation_nm=line)
        settings: list[AxisStep] = [ends, steps, ConvertAxis(excitation_nm=line)]
    else:
        ends = SetEnds(first=first, last=last, excitation_nm=line, quantity=quantity)
        steps = SetSteps(first=first, step=step, excitation_nm=line, quantity=quantity)
        settings = [ends, steps, ConvertAxis(excitation_nm=line), SetQuantity(quantity=quantity)]
    if line:
        settings.append(SetExcitation(excitation_nm=line))
    return settings


def _restore(layer: Layer, metadata: dict[str, Any]) -> None:
    layer.metadata = metadata


def _sizes(cube: Cube) -> str:
    """Return the sizes of a cube, such as "band 4, y 5, x 6"."""
    return ", ".join(f"{dim} {size}" for dim, size in zip(cube.dims, cube.shape, strict=True))
