"""A table of peaks for a calibration: measured and known positions, and residuals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .forms.layout import in_a_row
from .forms.numbers import in_digits

_MEASURED, _KNOWN, _RESIDUAL = range(3)


class PeakTable(QWidget):
    """Edit the measured and known positions of peaks, in the units of the old and new axis."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Measured", "Known", "Residual"])
        header = self.table.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(150)
        self.table.setToolTip("Enter the known positions of two or more peaks; others are ignored")
        self.table.itemChanged.connect(self._emit_changed)
        self.find_button = QPushButton("Find peaks")
        self.find_button.setToolTip("List the peaks of the mean spectrum")
        self.add_button = QPushButton("Add row")
        self.add_button.clicked.connect(self.add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(in_a_row(self.find_button, self.add_button))

    @property
    def pairs(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Measured and known positions of the peaks that have both."""
        measured_positions: list[float] = []
        known_positions: list[float] = []
        for row in range(self._rows):
            measured = self._number(row, _MEASURED)
            known = self._number(row, _KNOWN)
            if measured is not None and known is not None:
                measured_positions.append(measured)
                known_positions.append(known)
        return tuple(measured_positions), tuple(known_positions)

    def show_pairs(self, measured: Sequence[float], known: Sequence[float] = ()) -> None:
        """Show peaks; known positions may be fewer."""
        self.table.setRowCount(0)
        for row, position in enumerate(measured):
            self.add()
            self._write(row, _MEASURED, in_digits(float(position)))
            if row < len(known):
                self._write(row, _KNOWN, in_digits(float(known[row])))
        self.changed.emit()

    def show_residuals(self, residuals: ArrayLike) -> None:
        """Show the residual of each pair, (pair,); none where there is no calibration yet."""
        unshown = iter(np.asarray(residuals, dtype=np.float64))
        for row in range(self._rows):
            residual = None
            if self._number(row, _MEASURED) is not None and self._number(row, _KNOWN) is not None:
                residual = next(unshown, None)
            self._write(row, _RESIDUAL, "" if residual is None else f"{residual:+.3g}")

    def add(self, *_: object) -> None:
        """Add an empty row."""
        row = self._rows
        with QSignalBlocker(self.table):
            self.table.insertRow(row)
            for column in (_MEASURED, _KNOWN, _RESIDUAL):
                self.table.setItem(row, column, QTableWidgetItem(""))
            self._item(row, _RESIDUAL).setFlags(Qt.ItemFlag.ItemIsEnabled)

    @property
    def _rows(self) -> int:
        return int(self.table.rowCount())

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        item = self.table.item(row, column)
        assert item is not None
        return item

    def _number(self, row: int, column: int) -> float | None:
        """Return the number in a cell, also with a decimal comma; None where there is none."""
        item = self.table.item(row, column)
        if item is None:
            return None
        try:
            return float(item.text().replace(",", "."))
        except ValueError:
            return None

    def _write(self, row: int, column: int, text: str) -> None:
        with QSignalBlocker(self.table):
            self._item(row, column).setText(text)

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()
