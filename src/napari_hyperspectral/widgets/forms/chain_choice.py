"""Rarely needed settings of a prediction: a second model, and dwell times."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...models.card import Card, read_card
from .editors import FloatBox
from .form import collapsible, in_a_row


class ChainChoice(QWidget):
    """Choose a second model, which runs on the result of the first, and dwell times to compare."""

    changed = Signal()
    browse_clicked = Signal()
    """The file of the second model is to be chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._second_model: Path | None = None
        self._line = QLineEdit()
        self._line.setReadOnly(True)
        self._line.setPlaceholderText("Optional: runs on the result of the first model")
        self.card: Card | None = None
        """Card of the second model."""
        self._compares_dwell = QCheckBox("Report the dwell time saved")
        self._slow = FloatBox()
        self._fast = FloatBox()
        self._build()

    @property
    def second_model(self) -> Path | None:
        """The file of the second model; None where there is none.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the second model stays as it was.
        """
        return self._second_model

    @second_model.setter
    def second_model(self, file: Path | str | None) -> None:
        if file is None:
            self.card = None
            self._second_model = None
            self._line.clear()
            self._line.setToolTip("")
        else:
            file = Path(file)
            self.card = read_card(file)
            self._second_model = file
            self._line.setText(f"{file.name} ({self.card.recipe['task']['kind']})")
            self._line.setCursorPosition(0)  # the beginning of a long name is seen
            self._line.setToolTip(str(file))
            self._fold.expand(animate=False)
        self.changed.emit()

    @property
    def text(self) -> str:
        """Name and task of the second model, as shown."""
        return self._line.text()

    @property
    def dwell(self) -> tuple[float, float] | None:
        """Dwell times of a good measurement and of this one, in the same unit; or None."""
        if not self._compares_dwell.isChecked():
            return None
        return self._slow.value(), self._fast.value()

    @dwell.setter
    def dwell(self, times: tuple[float, float] | None) -> None:
        self._compares_dwell.setChecked(times is not None)
        if times is not None:
            slow, fast = times
            self._slow.setValue(slow)
            self._fast.setValue(fast)
            self._fold.expand(animate=False)

    def _build(self) -> None:
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._emit_browse_clicked)
        none = QPushButton("None")
        none.clicked.connect(self._remove_second_model)
        for box, time in ((self._slow, 1.0), (self._fast, 0.1)):
            box.setRange(1e-12, 1e12)
            box.setValue(time)
            box.setEnabled(False)
            self._compares_dwell.toggled.connect(box.setEnabled)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(in_a_row(QLabel("Second model"), self._line, browse, none))
        rows.addWidget(self._compares_dwell)
        times = QFormLayout()
        times.addRow("Dwell time of a good measurement", self._slow)
        times.addRow("Dwell time of this one", self._fast)
        rows.addLayout(times)
        self._fold = collapsible("Second model, dwell times", inside)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._fold)

    def _emit_browse_clicked(self, *_: object) -> None:
        self.browse_clicked.emit()

    def _remove_second_model(self, *_: object) -> None:
        self.second_model = None
