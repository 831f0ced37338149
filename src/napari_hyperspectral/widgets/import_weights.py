"""Making a model of weights that others released: what has to be known, and where it goes."""

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
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..axis import SpectralAxis
from ..cube import Cube
from ..io.metadata.axis_file import read_axis
from ..progress import Job, Progress
from ..settings import Settings
from ..spectra.axes import SetEnds
from ..spectra.conversion import Quantity
from .forms.form import Form

_ABOUT: Final = (
    "<b>{name}</b> holds weights and nothing else. Say what its bands stand for: 500 to 1800 cm⁻¹ "
    "is what the figures of DeepeR show. Which network it is, and for which scale, follows from "
    "the weights."
)


class Bands(Settings):
    """What the bands of released weights stand for."""

    first: float = 500.0
    """Centre of the first band."""
    last: float = 1800.0
    """Centre of the last band."""
    bands: Annotated[int, Ge(1), Le(100_000)] = 500
    """How many there are, equally far apart; 500 in what was released."""
    quantity: Quantity = "Raman shift (1/cm)"
    """What they measure, and in which unit."""

    @property
    def axis(self) -> SpectralAxis:
        """All centres, with their unit."""
        bare = Cube(np.zeros((self.bands, 1, 1), np.float32), SpectralAxis.index(self.bands))
        ends = SetEnds(first=self.first, last=self.last, quantity=self.quantity)
        return ends.on(bare).spectral_axis


class ImportWeightsDialog(QDialog):
    """Asks what the bands of a file of weights stand for, and where the model is to go.

    Nothing is read or written: `axis`, `target` and `overwrite` say what a person decided.
    """

    def __init__(self, weights: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Make a model of released weights")
        self.weights = weights
        self.overwrite = False
        """Whether the person agreed to overwrite the target."""
        self._from_file: SpectralAxis | None = None
        self.form: Form[Bands] = Form(Bands)
        self.target_line = QLineEdit(str(weights.with_suffix(".safetensors")))
        self._told = QLabel()
        self._told.setWordWrap(True)
        self._axis_button = QPushButton("Axis from a file…")
        self._build()

    @property
    def axis(self) -> SpectralAxis:
        """What the bands stand for.

        Raises
        ------
        ValueError
            If the settings make no axis.
        """
        return self.form.settings.axis if self._from_file is None else self._from_file

    @property
    def target(self) -> Path:
        """The model file to write."""
        return Path(self.target_line.text().strip())

    def take_axis(self, path: str | Path) -> None:
        """Take the axis from a file of numbers.

        Raises
        ------
        ValueError, OSError
            If there is none in it.
        """
        self._from_file = read_axis(path)
        self._told.setText(f"{Path(path).name}: {self._from_file}")
        self.form.setEnabled(False)
        self._axis_button.setText("Axis by first and last band")

    def accept(self) -> None:
        """Close with what was decided, unless it cannot be done, or a file is to stay as it is."""
        try:
            assert self.axis is not None
            _check_target(self.target)
        except (ValueError, OSError) as error:
            self._told.setText(str(error))
            return
        if self.target.exists():
            yes = QMessageBox.StandardButton.Yes
            question = f"{self.target.name} exists already. Overwrite it?"
            if QMessageBox.question(self, self.windowTitle(), question) != yes:
                return
            self.overwrite = True
        super().accept()

    def _build(self) -> None:
        about = QLabel(_ABOUT.format(name=self.weights.name))
        about.setWordWrap(True)
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose_target)
        self._axis_button.clicked.connect(self._axis_clicked)
        where = QHBoxLayout()
        for widget in (QLabel("Model file"), self.target_line, choose):
            where.addWidget(widget)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        ok = buttons.button(kinds.Ok)
        assert ok is not None
        ok.setText("Make the model")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        parts: tuple[QWidget, ...] = (about, self.form, self._axis_button, self._told)
        for part in parts:
            layout.addWidget(part)
        layout.addLayout(where)
        layout.addWidget(buttons)
        self.setMinimumWidth(460)

    def _axis_clicked(self, *_: object) -> None:
        if self._from_file is not None:
            self._from_file = None
            self._told.clear()
            self.form.setEnabled(True)
            self._axis_button.setText("Axis from a file…")
            return
        path, _filter = QFileDialog.getOpenFileName(self, "Axis of the weights")
        if not path:
            return
        try:
            self.take_axis(path)
        except (ValueError, OSError) as error:
            self._told.setText(str(error))

    def _choose_target(self, *_: object) -> None:
        path, _filter = QFileDialog.getSaveFileName(
            self,
            "Model file",
            self.target_line.text(),
            "Models (*.safetensors)",
            options=QFileDialog.Option.DontConfirmOverwrite,  # asked at the end
        )
        if path:
            self.target_line.setText(path)


def adopted(weights: Path, axis: SpectralAxis, target: Path, *, overwrite: bool) -> Job[Path]:
    """Make a model file of released weights, and return where it is; in the worker thread.

    Raises
    ------
    FileFormatError, ValueError
        As `model_from_deeper` does.
    FileExistsError
        If the target is there, and not to be overwritten.
    """
    yield Progress(0, 0, note=f"reading {weights.name}")
    from ..models.deeper import model_from_deeper

    return model_from_deeper(weights, axis).save(target, overwrite=overwrite)


def _check_target(target: Path) -> None:
    """Refuse what is no name of a model file, or lies in no folder."""
    if target.suffix != ".safetensors":
        raise ValueError(f"a model is saved as .safetensors, not as {target.name!r}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.parent)!r}")
