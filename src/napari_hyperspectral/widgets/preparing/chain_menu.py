"""What is done with a chain besides applying it: save, load, copy as Python, use in training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QPushButton

from ...settings import reason_of
from ..panel import JobPanel

_CHAIN_FILES: Final = "Chains (*.json)"


class ChainOwner(Protocol):
    """A dock with a chain."""

    panel: JobPanel

    @property
    def python(self) -> str:
        """A program that does what the chain does."""

    def save_chain(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the chain to a file."""

    def load_chain(self, path: str | Path) -> None:
        """Take the chain of a file."""

    def use_in_training(self, *_: object) -> Any:
        """Hand the chain to the Train dock."""


class ChainMenu(QPushButton):
    """A button that unfolds a menu."""

    def __init__(self, owner: ChainOwner) -> None:
        super().__init__("Chain")
        self._owner = owner
        self.entries: dict[str, QAction] = {}
        """The entries, by their texts."""
        menu = QMenu(self)
        for text, action in (
            ("Save chain…", self._ask_where_to_save),
            ("Load chain…", self._ask_what_to_load),
            ("Copy as Python", self._copy_python),
            ("Use in training", owner.use_in_training),
        ):
            entry = QAction(text, menu)
            entry.triggered.connect(partial(_call, action))
            menu.addAction(entry)
            self.entries[text] = entry
        self.setMenu(menu)

    def _ask_where_to_save(self) -> None:
        path, _filter = QFileDialog.getSaveFileName(self, "Save chain", "chain.json", _CHAIN_FILES)
        if not path:
            return
        try:
            # the dialog has asked
            saved = self._owner.save_chain(Path(path).with_suffix(".json"), overwrite=True)
        except (OSError, ValueError) as error:
            self._owner.panel.show_error(f"not saved: {reason_of(error)}")
            return
        self._owner.panel.show_status(f"saved as {saved.name}")

    def _ask_what_to_load(self) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Load chain", "", _CHAIN_FILES)
        if path:
            self._owner.load_chain(path)

    def _copy_python(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is None:
            return
        try:
            clipboard.setText(self._owner.python)
        except ValueError as error:
            self._owner.panel.show_error(reason_of(error))
            return
        self._owner.panel.show_status("copied a Python program that does the same to a file")


def small_button(text: str, tooltip: str, action: Callable[..., None]) -> QPushButton:
    """Return a button with a sign on it."""
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setMaximumWidth(28)
    button.clicked.connect(action)
    return button


def _call(action: Callable[[], object], *_: object) -> None:
    action()
