"""Where else a chain is applied: to other layers, to files and folders of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog, QPushButton, QTabWidget, QVBoxLayout, QWidget

from ...io.folder import images_among
from ...settings import reason_of
from ...workflows.targets import PREPARED, image_targets
from ..forms.layer_choice import LayersBox
from ..forms.source_files import SourceFiles


class ApplyTo(QWidget):
    """Choose layers or files, on two tabs; `start_button` says which of them."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.layers = LayersBox(viewer=viewer, name="layers")
        self.layers.tooltip = "A click chooses a layer, another one leaves it out"
        self.layers.max_height = 110
        self.sources = SourceFiles(results=PREPARED)
        self.open_results = CheckBox(
            name="open_results", text="Open the results", tooltip="Add written files as layers"
        )
        self._folder = QPushButton("Add folder…")
        self._folder.clicked.connect(self._ask_for_folder)
        files = QWidget()
        layout = QVBoxLayout(files)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.sources.native)
        layout.addWidget(self._folder)
        layout.addWidget(self.open_results.native)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.layers.native, "Layers")
        self.tabs.addTab(files, "Files")
        self.start_button = QPushButton()
        self.tabs.currentChanged.connect(self._follow_tab)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.tabs)
        outer.addWidget(self.start_button)
        self._follow_tab()

    @property
    def uses_files(self) -> bool:
        """Whether the tab of files is shown."""
        return self.tabs.currentIndex() == 1

    @property
    def chosen(self) -> list[Layer]:
        """The layers that are chosen."""
        layers: list[Layer] = self.layers.value
        return layers

    @property
    def files(self) -> list[str]:
        """The files; setting them shows their tab."""
        files: list[str] = self.sources["files"].value
        return files

    @files.setter
    def files(self, files: Sequence[str | Path]) -> None:
        self.sources["files"].value = files
        self.tabs.setCurrentIndex(1)

    @property
    def targets(self) -> list[Path]:
        """The file that the result of each goes to.

        Raises
        ------
        ValueError
            If files or folder are missing, or two results would have one name.
        """
        if not self.files:
            raise ValueError("add files, or a folder of them, to prepare")
        folder = self.sources.folder
        if folder is None:
            raise ValueError("choose a folder for the results")
        suffix = self.sources["suffix"].value
        return [target for (target,) in image_targets(folder, self.files, suffix, [PREPARED])]

    def add_folder(self, folder: str | Path) -> None:
        """Add all images of a folder.

        Raises
        ------
        ValueError
            If it has two images of one name, or none at all.
        """
        images, _others = images_among(Path(folder).iterdir())
        if not images:
            raise ValueError(
                f"there is no image that can be read in {folder}; choose another folder"
            )
        paths = [str(path) for path in images.values()]
        new = [path for path in paths if path not in self.files]
        self.files = [*self.files, *new]

    def _ask_for_folder(self, *_: object) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of cubes")
        if not folder:
            return
        try:
            self.add_folder(folder)
        except ValueError as error:
            show_error(reason_of(error))

    def _follow_tab(self, *_: object) -> None:
        what = "files" if self.uses_files else "layers"
        self.start_button.setText(f"Apply to these {what}")
