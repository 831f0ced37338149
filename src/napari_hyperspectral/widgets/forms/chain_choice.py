"""What is rarely set for a prediction: a second model, and dwell times."""

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
from .form import folded, in_a_row


class ChainChoice(QWidget):
    """Choose a model to run on what the first one makes, and what dwell times to compare."""

    changed = Signal()
    browsed = Signal()
    """A person wants to choose a file."""

    def __init__(self) -> None:
        super().__init__()
        self._then: Path | None = None
        self._line = QLineEdit()
        self._line.setReadOnly(True)
        self._line.setPlaceholderText("Optional: run on what the first model makes")
        self.card: Card | None = None
        """Of the model to run then."""
        self._tell_saved = QCheckBox("Tell the dwell time saved")
        self._slow, self._fast = FloatBox(), FloatBox()
        self._build()

    @property
    def then(self) -> Path | None:
        """The file of the model to run then; None: there is none.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        return self._then

    @then.setter
    def then(self, file: Path | str | None) -> None:
        file = None if file is None else Path(file)
        self.card = None if file is None else read_card(file)
        self._then = file
        kind = "" if self.card is None else self.card.task_kind
        self._line.setText("" if file is None else f"{file.name} ({kind})")
        self._line.setCursorPosition(0)
        self._line.setToolTip(str(file or ""))
        if file is not None:
            self._fold.expand(animate=False)
        self.changed.emit()

    @property
    def text(self) -> str:
        """What is shown of the model to run then."""
        return self._line.text()

    @property
    def dwell(self) -> tuple[float, float] | None:
        """Time a pixel takes to measure well, and the time it took, in one unit; or None."""
        return (self._slow.value(), self._fast.value()) if self._tell_saved.isChecked() else None

    @dwell.setter
    def dwell(self, times: tuple[float, float] | None) -> None:
        self._tell_saved.setChecked(times is not None)
        if times is not None:
            self._slow.setValue(times[0])
            self._fast.setValue(times[1])
            self._fold.expand(animate=False)

    def _build(self) -> None:
        browse, none = QPushButton("Browse…"), QPushButton("None")
        browse.clicked.connect(self._browse)
        none.clicked.connect(self._forget)
        for box, time in ((self._slow, 1.0), (self._fast, 0.1)):
            box.setRange(1e-12, 1e12)
            box.setValue(time)
            box.setEnabled(False)
            self._tell_saved.toggled.connect(box.setEnabled)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(in_a_row(QLabel("Then"), self._line, browse, none))
        rows.addWidget(self._tell_saved)
        times = QFormLayout()
        times.addRow("A pixel takes, measured well", self._slow)
        times.addRow("and took here", self._fast)
        rows.addLayout(times)
        self._fold = folded("Then another model, dwell times", inside)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._fold)

    def _browse(self, *_: object) -> None:
        self.browsed.emit()

    def _forget(self, *_: object) -> None:
        self.then = None
