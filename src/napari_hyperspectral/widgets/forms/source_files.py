"""Choose files, and the folder and format of the results of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from magicgui.widgets import ComboBox, Container, PushButton, Select
from magicgui.widgets.bases import ValuedContainerWidget
from qtpy.QtWidgets import QFileDialog

from ...workflows.targets import PREDICTED, output_suffixes
from .fields import PathEdit
from .layout import align_labels
from .wheel import guard_from_wheel

_FIRST_SUFFIX: Final = ".ome.tif"


class FileList(ValuedContainerWidget[list[str]]):
    """Files, one below the other: magicgui's `FileEdit` of several files is a single line."""

    def __init__(self, **kwargs: Any) -> None:
        self._paths: list[str] = []
        self.box = Select(name="chosen", choices=self._listed)
        self.add_button = PushButton(text="Add…")
        self.remove_button = PushButton(text="Remove")
        buttons = Container(
            widgets=[self.add_button, self.remove_button], layout="horizontal", labels=False
        )
        buttons.margins = (0, 0, 0, 0)
        super().__init__(widgets=[self.box, buttons], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.add_button.changed.connect(self._add)
        self.remove_button.changed.connect(self._remove)

    def get_value(self) -> list[str]:
        return list(self._paths)

    def set_value(self, value: Any) -> None:
        self._paths = [str(file) for file in value]
        self.box.reset_choices()
        self.changed.emit(self.value)

    def _listed(self, _box: object) -> list[str]:
        return self._paths

    def _add(self, *_: object) -> None:
        paths, _filter = QFileDialog.getOpenFileNames(self.native, "Files")
        new = [path for path in paths if path not in self.value]
        if new:
            self.value = [*self.value, *new]

    def _remove(self, *_: object) -> None:
        self.value = [file for file in self.value if file not in self.box.value]


class SourceFiles(Container[Any]):
    """A list of files, a folder for their results, and the format of these.

    Parameters
    ----------
    results : str
        What the results are, in a word: the name of the folder that is suggested.
    """

    def __init__(self, results: str = PREDICTED) -> None:
        self._results = results
        self._files = FileList(name="files", label="Files")
        self._folder = PathEdit(name="folder", label="Folder", mode="d", nullable=True)
        self._suffix = ComboBox(name="suffix", label="Format", choices=sorted(output_suffixes()))
        self._folder.line_edit.native.setPlaceholderText("Folder for the results")
        self._folder.choose_btn.text = "Choose…"
        self._suffix.value = _FIRST_SUFFIX
        guard_from_wheel(self._suffix.native)
        super().__init__(widgets=[self._files, self._folder, self._suffix], name="sources")
        align_labels([self._files, self._folder, self._suffix])
        self._files.changed.connect(self._suggest_folder)

    @property
    def folder(self) -> Path | None:
        """Folder for the results; None until one is chosen."""
        text = self._folder.text
        return Path(text) if text else None

    def _suggest_folder(self, files: Sequence[str]) -> None:
        if files and self.folder is None:
            self._folder.value = Path(files[0]).parent / self._results
