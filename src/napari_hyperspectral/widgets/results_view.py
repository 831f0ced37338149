"""What a prediction or an evaluation gave besides layers and files: failures, scores, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..evaluation.reports import Report
from .report_view import ReportView


class ResultsView(QWidget):
    """Shows which files failed, the classes of images, and a report; each only where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = QLabel()
        self.failures.setWordWrap(True)
        self.failures.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.scores = QTableWidget()
        self.scores.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.scores.setMinimumHeight(50)
        self.report = ReportView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.failures)
        layout.addWidget(self.scores, stretch=1)
        layout.addWidget(self.report, stretch=3)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.show_failures({})
        self.show_scores([])
        self.show_report(None)

    def show_failures(self, failed: Mapping[str, str]) -> None:
        """Show the files that failed, each with its reason."""
        lines = [f"{len(failed)} failed:"] if failed else []
        for file, reason in failed.items():
            name = Path(file).name
            lines.append(f"• {name}: {reason.removeprefix(f'{name}: ')}")
        self.failures.setText("\n".join(lines))
        self.failures.setVisible(bool(failed))
        self._hide_if_empty()

    def show_scores(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show image-level classes and their probabilities, a row for each image."""
        names = list(rows[0]) if rows else []
        self.scores.setColumnCount(len(names))
        self.scores.setHorizontalHeaderLabels(names)
        self.scores.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, value in enumerate(row.values()):
                text = f"{value:.3f}" if isinstance(value, float) else str(value)
                self.scores.setItem(number, column, QTableWidgetItem(text))
        self.scores.resizeColumnsToContents()
        self.scores.setVisible(bool(rows))
        self._hide_if_empty()

    def show_report(self, report: Report | None) -> None:
        """Show a report, or none."""
        self.report.show_report(report)
        self._hide_if_empty()

    def _hide_if_empty(self) -> None:
        """Leave the space to the rest of the dock where there is nothing to show."""
        parts = (self.failures, self.scores, self.report)
        self.setVisible(any(not part.isHidden() for part in parts))
