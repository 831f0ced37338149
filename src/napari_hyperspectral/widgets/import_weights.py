"""The dialog that imports released weights: the axis of their bands, and the model file to write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import numpy as np
from annotated_types import Ge, Le
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..axis import SpectralAxis
from ..cube import Cube
from ..io.metadata.axis_file import read_axis
from ..settings import Settings
from ..spectra.axes import SetEnds
from ..spectra.conversion import Quantity
from ..workflows.targets import check_model_target
from .forms.fields import PathEdit
from .forms.form import Form

_EXPLANATION: Final = (
    "<b>{name}</b> holds weights and nothing else. Give the spectral axis of its bands: the figures "
    "of DeepeR show 500 to 1800 cm⁻¹. Which network it is, and for which scale, follows from the "
    "weights."
)


class BandSettings(Settings):
    """The spectral axis of released weights."""

    first: float = 500.0
    """Centre of the first band."""
    last: float = 1800.0
    """Centre of the last band."""
    bands: Annotated[int, Ge(1), Le(100_000)] = 500
    """Number of bands, equally spaced; 500 in what was released."""
    quantity: Quantity = "Raman shift (1/cm)"
    """Quantity and unit of the axis."""

    @property
    def axis(self) -> SpectralAxis:
        """Centres of the bands, with their unit."""
        # the step that sets an axis takes a cube; any of this many bands will do
        spectrum = np.zeros((self.bands, 1, 1), np.float32)  # (band, y, x)
        cube = Cube(spectrum, SpectralAxis.index(self.bands))
        ends = SetEnds(first=self.first, last=self.last, quantity=self.quantity)
        return ends.on(cube).spectral_axis


class ImportWeightsDialog(QDialog):
    """Asks for the axis of a file of weights, and for the model file to write.

    Nothing is read or written: `axis`, `target` and `overwrite` say what a person decided.
    """

    def __init__(self, weights: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import released weights")
        self.weights = weights
        self.overwrite = False
        """Whether the person agreed to overwrite the target."""
        self._from_file: SpectralAxis | None = None
        self.form: Form[BandSettings] = Form(BandSettings)
        self.target_edit = PathEdit(
            name="target", mode="w", value=weights.with_suffix(".safetensors")
        )
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._axis_button = QPushButton("Axis from a file…")
        self._build()

    @property
    def axis(self) -> SpectralAxis:
        """Axis of the bands.

        Raises
        ------
        ValueError
            If the settings make no axis.
        """
        return self.form.settings.axis if self._from_file is None else self._from_file

    @property
    def target(self) -> Path:
        """The model file to write."""
        return Path(self.target_edit.line_edit.value.strip())

    def take_axis(self, path: str | Path) -> None:
        """Take the axis from a file of numbers.

        Raises
        ------
        ValueError, OSError
            If there is none in it.
        """
        self._from_file = read_axis(path)
        self._message.setText(f"{Path(path).name}: {self._from_file}")
        self.form.enabled = False
        self._axis_button.setText("Axis by first and last band")

    def accept(self) -> None:
        """Close, unless the settings are wrong, or a file at the target is to be kept."""
        try:
            _ = self.axis  # raises where the settings make none
            check_model_target(self.target)
        except (ValueError, OSError) as error:
            self._message.setText(str(error))
            return
        if self.target.exists():
            yes = QMessageBox.StandardButton.Yes
            question = f"{self.target.name} exists already. Overwrite it?"
            if QMessageBox.question(self, self.windowTitle(), question) != yes:
                return
            self.overwrite = True
        super().accept()

    def _build(self) -> None:
        explanation = QLabel(_EXPLANATION.format(name=self.weights.name))
        explanation.setWordWrap(True)
        self.target_edit.choose_btn.text = "Choose…"
        self.target_edit.choose_btn.changed.disconnect()  # whether to overwrite is asked at the end
        self.target_edit.choose_btn.changed.connect(self._choose_target)
        self._axis_button.clicked.connect(self._axis_clicked)
        target_row = QHBoxLayout()
        for widget in (QLabel("Model file"), self.target_edit.native):
            target_row.addWidget(widget)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        ok = buttons.button(kinds.Ok)
        assert ok is not None
        ok.setText("Import")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        parts: tuple[QWidget, ...] = (
            explanation,
            self.form.native,
            self._axis_button,
            self._message,
        )
        for part in parts:
            layout.addWidget(part)
        layout.addLayout(target_row)
        layout.addWidget(buttons)
        self.setMinimumWidth(460)

    def _axis_clicked(self, *_: object) -> None:
        if self._from_file is not None:
            self._from_file = None
            self._message.clear()
            self.form.enabled = True
            self._axis_button.setText("Axis from a file…")
            return
        path, _filter = QFileDialog.getOpenFileName(self, "Axis of the weights")
        if not path:
            return
        try:
            self.take_axis(path)
        except (ValueError, OSError) as error:
            self._message.setText(str(error))

    def _choose_target(self, *_: object) -> None:
        path, _filter = QFileDialog.getSaveFileName(
            self,
            "Model file",
            str(self.target),
            "Models (*.safetensors)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if path:
            self.target_edit.value = Path(path)
