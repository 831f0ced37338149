"""A report with its pictures: read it in a dock, copy it, save it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QTextOption
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ..evaluation.reports import Report
from ..files.atomic import write_text

_INCHES, _DPI = (3.2, 2.2), 85
"""Size of pictures, for the width of a dock: Qt would scale larger ones until they are illegible."""
_WIDEST = 8.0
"""Inches that a picture may ask for; wider ones are on the page only."""


class ReportView(QWidget):
    """Shows the tables, notes and pictures of a report; hidden without one."""

    def __init__(self) -> None:
        super().__init__()
        self.report: Report | None = None
        """The report that is shown."""
        self._page = QTextBrowser()
        # words are not broken: wide tables are scrolled
        self._page.setWordWrapMode(QTextOption.WrapMode.WordWrap)
        self._page.setMinimumHeight(60)
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy tables and notes as Markdown")
        self.save_button = QPushButton("Save report…")
        self.save_button.setToolTip(
            "Save the report as a page, as Markdown and JSON, with its pictures, in a new folder"
        )
        self.page_button = QPushButton("Open as page")
        self.page_button.setToolTip("Show the report with all its pictures in a browser")
        self.copy_button.clicked.connect(self.copy)
        self.page_button.clicked.connect(self.open_page)
        self.save_button.clicked.connect(self._save_clicked)
        self._folder = TemporaryDirectory(prefix="napari-hyperspectral-")
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.page_button)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._page)
        layout.addLayout(buttons)
        self.show_report(None)

    @property
    def text(self) -> str:
        """The text that is shown, without pictures."""
        return self._page.toPlainText()

    def show_report(self, report: Report | None) -> None:
        """Show a report, or none."""
        self.report = report
        self.setVisible(report is not None)
        if report is None:
            self._page.clear()
            return
        self._folder.cleanup()  # pictures of the last one
        self._folder = TemporaryDirectory(prefix="napari-hyperspectral-")
        folder = Path(self._folder.name)
        self._page.setSearchPaths([str(folder)])
        narrow = [picture for picture in report.images if picture.inches[0] <= _WIDEST]
        pictures = replace(report, images=narrow).pictures(folder, inches=_INCHES, dpi=_DPI)
        self._page.setMarkdown(
            f"##{report.to_markdown(pictures)}"
        )  # its heading becomes one of the third order

    def copy(self, *_: object) -> None:
        """Copy tables and notes as Markdown."""
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        if self.report is not None:
            clipboard.setText(self.report.to_markdown())

    def open_page(self, *_: object) -> None:
        """Show the report, with all its pictures, in a browser."""
        if self.report is None:
            return
        path = Path(self._folder.name) / "report.html"
        write_text(path, self.report.to_html())
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def save(self, folder: str | Path) -> list[Path]:
        """Save the report as a page, as Markdown and JSON, with its pictures, in a new folder.

        Returns
        -------
        list of Path
            The files in it; none where there is no report.

        Raises
        ------
        FileExistsError
            If a file or folder of that name exists.
        FileNotFoundError
            If the parent folder does not exist.
        """
        if self.report is None:
            return []
        folder = Path(folder)
        folder.mkdir()  # raises where it exists: nothing is overwritten
        return self.report.save(folder)

    def _save_clicked(self, *_: object) -> None:
        folder, _filter = QFileDialog.getSaveFileName(self, "New folder for the report", "report")
        if not folder:
            return
        try:
            self.save(folder)
        except FileExistsError:
            show_error(f"{Path(folder).name} exists already; choose the name of a new folder")
        except OSError as error:
            show_error(f"not saved: {error}")
        else:
            show_info(f"saved in {folder}")
