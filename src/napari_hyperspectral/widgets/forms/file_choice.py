"""Choose the files of examples: folders, lists or single files, and see how they are paired."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStyle,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...examples.pairing import pairing_of
from ...examples.table import CLASSES, LIST, Pairing, PairingError, Roles

_TABLE_HEIGHT = 160
_HELP = {
    LIST: "A CSV file with a row per example, and a column for each of the names above",
    CLASSES: "A folder with one subfolder per class, named after the class",
}
"""Tooltips of the ways to name all files at once."""


class FileChoice(QWidget):
    """Name files or folders, and see the pairs; no image is read before it is needed.

    Parameters
    ----------
    split : {"train", "test"}
        The split of a list, in its column of that name, that is used.
    """

    changed = Signal()

    def __init__(self, split: Literal["train", "test"] = "train") -> None:
        super().__init__()
        self._split: Literal["train", "test"] = split
        self._roles: Roles = {}
        self._line_edits: dict[str, QLineEdit] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setMaximumHeight(_TABLE_HEIGHT)
        self.table.hide()
        self._message = QLabel()
        self._message.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        layout.addWidget(self._message)
        layout.addWidget(self.table)

    @property
    def pairing(self) -> Pairing:
        """The paired examples of this split.

        Raises
        ------
        PairingError
            If the pairs are ambiguous, or a file is missing.
        """
        return pairing_of(self._roles, self.entries).of(self._split)

    @property
    def entries(self) -> list[tuple[str, str]]:
        """Name and text of each line that is not empty."""
        entries = []
        for name, line_edit in self._line_edits.items():
            text = line_edit.text().strip()
            if text:
                entries.append((name, text))
        return entries

    def ask_for(self, roles: Roles) -> None:
        """Show an empty line for each file, or text, of these names and kinds."""
        self._roles = roles
        while self._form.rowCount():
            self._form.removeRow(0)
        self._line_edits = {}
        for name in roles:
            self._add(name)
        self._add(LIST)
        image_and_class = sorted(kind is str for kind in roles.values()) == [False, True]
        if image_and_class:
            self._add(CLASSES)
        self._show()

    def choose(self, **paths: str | Path) -> None:
        """Enter files or folders, and texts, by name; also `list` and `classes`.

        Raises
        ------
        ValueError
            If there is no such name.
        """
        for name in paths:
            if name not in self._line_edits:
                choices = ", ".join(self._line_edits)
                raise ValueError(f"there is no {name!r} to choose, only {choices}")
        for name, line_edit in self._line_edits.items():
            line_edit.setText(str(paths.get(name, "")))

    def _add(self, name: str) -> None:
        """Add a line for a file, folder or text."""
        line_edit = QLineEdit()
        line_edit.setObjectName(name)
        line_edit.setToolTip(_HELP.get(name, "Files in folders are paired by their names"))
        line_edit.textChanged.connect(self._show)
        row = QHBoxLayout()
        row.addWidget(line_edit)
        if self._roles.get(name) is str:
            line_edit.setPlaceholderText("text")
        else:
            line_edit.setPlaceholderText("file, folder or pattern")
            self._add_buttons(name, line_edit, row)
        self._line_edits[name] = line_edit
        self._form.addRow(f"or {name}" if name in _HELP else name.capitalize(), row)

    def _add_buttons(self, name: str, line_edit: QLineEdit, row: QHBoxLayout) -> None:
        """Add buttons that choose a file, or a folder, for a line."""
        icons = QStyle.StandardPixmap
        if name != CLASSES:
            button = self._button("Choose a file", icons.SP_FileIcon)
            button.clicked.connect(lambda *_: self._browse_file(line_edit))
            row.addWidget(button)
        if name != LIST:
            button = self._button("Choose a folder", icons.SP_DirIcon)
            button.clicked.connect(lambda *_: self._browse_folder(line_edit))
            row.addWidget(button)

    def _button(self, tooltip: str, icon: QStyle.StandardPixmap) -> QToolButton:
        button = QToolButton()
        style = self.style()
        assert style is not None
        button.setIcon(style.standardIcon(icon))
        button.setToolTip(tooltip)
        return button

    def _browse_file(self, line_edit: QLineEdit) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Choose a file", line_edit.text())
        if path:
            line_edit.setText(path)

    def _browse_folder(self, line_edit: QLineEdit) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder", line_edit.text())
        if path:
            line_edit.setText(path)

    def _show(self, *_: object) -> None:
        """Show the table of pairs, or why there is none."""
        pairing = None
        message = ""
        if self.entries:
            try:
                pairing = self.pairing
                message = _number_of_examples(pairing)
            except PairingError as error:
                message = str(error)
        self._message.setText(message)
        self.table.setVisible(pairing is not None)
        if pairing is not None:
            self._fill(pairing)
        self.changed.emit()

    def _fill(self, pairing: Pairing) -> None:
        cells = pairing.cells()
        self.table.setColumnCount(len(pairing.columns))
        self.table.setRowCount(len(cells))
        self.table.setHorizontalHeaderLabels(list(pairing.columns))
        for row, texts in enumerate(cells):
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(text))
        header = self.table.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)


def _number_of_examples(pairing: Pairing) -> str:
    """Return how many examples there are, and how many files have no partner."""
    count = len(pairing.rows)
    text = "1 example" if count == 1 else f"{count} examples"
    unpaired = len(pairing.left_out)
    if unpaired == 1:
        text += "; 1 other is left out"
    elif unpaired > 1:
        text += f"; {unpaired} others are left out"
    return text
