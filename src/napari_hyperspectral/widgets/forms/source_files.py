"""Choose the files to predict, and the folder and format of the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...workflows.targets import output_suffixes
from .form import in_a_row

_FIRST_SUFFIX = ".ome.tif"


class SourceFiles(QWidget):
    """A list of files, a folder for their predictions, and the format of these."""

    def __init__(self) -> None:
        super().__init__()
        self._list = QListWidget()
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._folder = QLineEdit()
        self._folder.setPlaceholderText("Folder for the predictions")
        self._suffix = QComboBox()
        self._suffix.addItems(sorted(output_suffixes()))
        self.suffix = _FIRST_SUFFIX
        add = QPushButton("Add…")
        remove = QPushButton("Remove")
        choose = QPushButton("Choose…")
        add.clicked.connect(self._add)
        remove.clicked.connect(self._remove)
        choose.clicked.connect(self._choose_folder)
        rows = QFormLayout()
        rows.addRow("Folder", in_a_row(self._folder, choose))
        rows.addRow("Format", self._suffix)
        layout = QVBoxLayout(self)
        layout.addWidget(self._list)
        layout.addLayout(in_a_row(add, remove))
        layout.addLayout(rows)

    @property
    def files(self) -> list[str]:
        """The files, in order."""
        items = [self._list.item(row) for row in range(self._list.count())]
        return [item.text() for item in items if item is not None]

    @files.setter
    def files(self, files: Sequence[str | Path]) -> None:
        self._list.clear()
        self._list.addItems([str(file) for file in files])

    @property
    def folder(self) -> Path | None:
        """Folder for the predictions; None until one is chosen."""
        text = self._folder.text().strip()
        return Path(text) if text else None

    @folder.setter
    def folder(self, folder: str | Path) -> None:
        self._folder.setText(str(folder))

    @property
    def suffix(self) -> str:
        """Suffix, and so the format, of the predictions."""
        return self._suffix.currentText()

    @suffix.setter
    def suffix(self, suffix: str) -> None:
        self._suffix.setCurrentText(suffix)

    @property
    def suffixes(self) -> list[str]:
        """All suffixes to choose from."""
        return [self._suffix.itemText(row) for row in range(self._suffix.count())]

    def _add(self, *_: object) -> None:
        paths, _filter = QFileDialog.getOpenFileNames(self, "Files to predict")
        new = [path for path in paths if path not in self.files]
        self.files = [*self.files, *new]
        if paths and self.folder is None:
            self.folder = Path(paths[0]).parent / "predicted"

    def _remove(self, *_: object) -> None:
        for item in self._list.selectedItems():
            self._list.takeItem(self._list.row(item))

    def _choose_folder(self, *_: object) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the predictions")
        if folder:
            self.folder = folder
