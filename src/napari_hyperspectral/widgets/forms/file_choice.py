"""Choosing files to learn from: folders, lists and single files, paired before anybody's eyes."""

from __future__ import annotations

from collections.abc import Callable
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
    LIST: "A CSV file with a column for each of the above, and a row for each example",
    CLASSES: "A folder with one folder for each class, named after it",
}


class FileChoice(QWidget):
    """Name files or folders; see which goes with which; nothing is read before it is needed.

    Parameters
    ----------
    split : str
        Whether they are to train with, or to test on, where a list says which are which.
    """

    changed = Signal()

    def __init__(self, split: Literal["train", "test"] = "train") -> None:
        super().__init__()
        self._split: Literal["train", "test"] = split
        self._roles: Roles = {}
        self._lines: dict[str, QLineEdit] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setMaximumHeight(_TABLE_HEIGHT)
        self.table.hide()
        self._news = QLabel()
        self._news.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        layout.addWidget(self._news)
        layout.addWidget(self.table)

    @property
    def pairing(self) -> Pairing:
        """The table of examples that the lines speak of, without those of the other split.

        Raises
        ------
        PairingError
            If they leave open what goes with what, or a file is not there.
        """
        return pairing_of(self._roles, self.words).of(self._split)

    @property
    def words(self) -> list[tuple[str, str]]:
        """What the lines say, name by name, without the empty ones."""
        texts = ((name, line.text().strip()) for name, line in self._lines.items())
        return [(name, text) for name, text in texts if text]

    def ask_for(self, roles: Roles) -> None:
        """Ask for files of these names and kinds."""
        self._roles = roles
        while self._form.rowCount():
            self._form.removeRow(0)
        self._lines = {}
        one_text = sorted(kind is str for kind in roles.values()) == [False, True]
        for name in (*roles, LIST, *([CLASSES] if one_text else [])):
            self._add(name)
        self._show()

    def choose(self, **paths: str | Path) -> None:
        """Name files or folders by role; `list` and `classes` too.

        Raises
        ------
        ValueError
            If a name is not asked for.
        """
        for name in paths:
            if name not in self._lines:
                raise ValueError(f"no {name!r} is asked for, only {', '.join(self._lines)}")
        for name, line in self._lines.items():
            line.setText(str(paths.get(name, "")))

    def _add(self, name: str) -> None:
        line = QLineEdit()
        line.setObjectName(name)
        is_text = self._roles.get(name) is str
        line.setPlaceholderText("a word" if is_text else "file, folder or pattern")
        line.setToolTip(_HELP.get(name, "Images of folders are paired by their names"))
        line.textChanged.connect(self._show)
        row = QHBoxLayout()
        row.addWidget(line)
        if not is_text and name != CLASSES:
            row.addWidget(self._button("Choose a file", line, self._browse_file))
        if not is_text and name != LIST:
            row.addWidget(self._button("Choose a folder", line, self._browse_folder))
        self._lines[name] = line
        self._form.addRow(f"or {name}" if name in _HELP else name.capitalize(), row)

    def _button(self, tip: str, line: QLineEdit, browse: Callable[[QLineEdit], None]) -> QWidget:
        pixmaps = QStyle.StandardPixmap
        button = QToolButton()
        style = self.style()
        assert style is not None
        button.setIcon(
            style.standardIcon(pixmaps.SP_DirIcon if "folder" in tip else pixmaps.SP_FileIcon)
        )
        button.setToolTip(tip)
        button.clicked.connect(lambda *_: browse(line))
        return button

    def _browse_file(self, line: QLineEdit) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Choose a file", line.text())
        if path:
            line.setText(path)

    def _browse_folder(self, line: QLineEdit) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder", line.text())
        if path:
            line.setText(path)

    def _show(self, *_: object) -> None:
        """Show the table, or why there is none."""
        try:
            pairing = self.pairing if self.words else None
            self._news.setText("" if pairing is None else _counted(pairing))
        except PairingError as error:
            pairing = None
            self._news.setText(str(error))
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


def _counted(pairing: Pairing) -> str:
    count, left = len(pairing.rows), len(pairing.left_out)
    others = f"; {left} {'other is' if left == 1 else 'others are'} left out" if left else ""
    return f"{count} example{'s' * (count != 1)}{others}"
