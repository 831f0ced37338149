"""A report with its pictures, for people to read in a dock."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from qtpy.QtWidgets import QTextBrowser

from ..reports import Report

_INCHES, _DPI = (3.2, 2.2), 85
"""Size of a picture, for the width of a dock; Qt would scale larger ones until nobody can read them."""


class ReportView(QTextBrowser):
    """Shows tables, notes and pictures of a report; nothing while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.report: Report | None = None
        """What is shown."""
        self._folder = TemporaryDirectory(prefix="napari-hyperspectral-")
        self.show_report(None)

    def show_report(self, report: Report | None) -> None:
        """Show a report, or none."""
        self.report = report
        self.setVisible(report is not None)
        if report is None:
            self.clear()
            return
        self._folder.cleanup()  # pictures of the last one
        self._folder = TemporaryDirectory(prefix="napari-hyperspectral-")
        folder = Path(self._folder.name)
        self.setSearchPaths([str(folder)])
        pictures = report.pictures(folder, inches=_INCHES, dpi=_DPI)
        self.setMarkdown(f"##{report.to_markdown(pictures)}")  # a heading of the third order
