"""Choose the files of examples: folders, lists or single files, and see how they are paired."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from magicgui.widgets import LineEdit, PushButton
from magicgui.widgets.bases import ValuedContainerWidget
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QStyle,
    QTableWidget,
    QTableWidgetItem,
)

from ...examples.pairing import pairing_of
from ...examples.table import CLASSES, LIST, Pairing, PairingError, Roles
from .fields import PathEdit
from .form import message

_TABLE_HEIGHT: Final = 160
_HELP: Final = {
    LIST: "A CSV file with a row per example, and a column for each of the names above",
    CLASSES: "A folder with one subfolder per class, named after the class",
}
"""Tooltips of the ways to name all files at once."""


class PlaceEdit(PathEdit):
    """A file, a folder or a pattern, as it is written: magicgui's `FileEdit` chooses one of these."""

    def __init__(self, *, files: bool = True, folders: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.line_edit.native.setPlaceholderText("file, folder or pattern")
        self._folder_button = PushButton(text=" ", tooltip="Choose a folder")
        self._folder_button.changed.connect(self._choose_folder)
        self._insert_widget(2, self._folder_button)
        icons = QStyle.StandardPixmap
        self.choose_btn.tooltip = "Choose a file"
        for button, icon, shown in (
            (self.choose_btn, icons.SP_FileIcon, files),
            (self._folder_button, icons.SP_DirIcon, folders),
        ):
            button.text = ""
            button.native.setIcon(button.native.style().standardIcon(icon))
            button.visible = shown

    def get_value(self) -> Any:
        return self.text

    def _choose_folder(self, *_: object) -> None:
        path = QFileDialog.getExistingDirectory(self.native, "Choose a folder", self.text)
        if path:
            self.set_value(path)


class FileChoice(ValuedContainerWidget[dict[str, str]]):
    """Name files or folders, and see the pairs; no image is read before it is needed.

    Each name has its line, ``files["noisy"].value``; `value` is the text of all that are not empty.

    Parameters
    ----------
    split : {"train", "test"}
        The split of a list, in its column of that name, that is used.
    """

    def __init__(self, split: Literal["train", "test"] = "train", **kwargs: Any) -> None:
        self._split: Literal["train", "test"] = split
        self._roles: Roles = {}
        super().__init__(labels=True, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setMaximumHeight(_TABLE_HEIGHT)
        self.table.hide()
        self._message = message()
        for shown in (self._message, self.table):
            self.native.layout().addWidget(shown)

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
        texts = [(line.name, str(line.value).strip()) for line in self._lines]
        return [(name, text) for name, text in texts if text]

    def get_value(self) -> dict[str, str]:
        return dict(self.entries)

    def set_value(self, value: Any) -> None:
        self.choose(**value)

    def ask_for(self, roles: Roles) -> None:
        """Show an empty line for each file, or text, of these names and kinds."""
        self._roles = roles
        while self._lines:
            self._pop_widget(0).native.deleteLater()
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
        names = [line.name for line in self._lines]
        for name in paths:
            if name not in names:
                raise ValueError(f"there is no {name!r} to choose, only {', '.join(names)}")
        for line in self._lines:
            line.value = str(paths.get(line.name, ""))

    @property
    def _lines(self) -> list[PlaceEdit | LineEdit]:
        return [line for line in self._list if isinstance(line, PlaceEdit | LineEdit)]

    def _add(self, name: str) -> None:
        """Add a line for a file, folder or text."""
        about: dict[str, Any] = {
            "name": name,
            "label": f"or {name}" if name in _HELP else name.capitalize(),
            "tooltip": _HELP.get(name, "Files in folders are paired by their names"),
        }
        line: PlaceEdit | LineEdit
        if self._roles.get(name) is str:
            line = LineEdit(**about)
            line.native.setPlaceholderText("text")
        else:
            line = PlaceEdit(files=name != CLASSES, folders=name != LIST, **about)
        line.changed.connect(self._show)
        self._insert_widget(len(self._lines), line)

    def _show(self, *_: object) -> None:
        """Show the table of pairs, or why there is none."""
        pairing = None
        text = ""
        if self.entries:
            try:
                pairing = self.pairing
                text = _number_of_examples(pairing)
            except PairingError as error:
                text = str(error)
        self._message.setText(text)
        self.table.setVisible(pairing is not None)
        if pairing is not None:
            self._fill(pairing)
        self.changed.emit(self.value)

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
