"""Choosing images with their truth, to evaluate a model on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Widget
from napari.layers import Layer
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..examples.source import ExampleSource, FileSource, ImageSource
from .forms.examples import ExampleList, Kinds
from .forms.file_choice import FileChoice

if TYPE_CHECKING:
    import napari


class TruthChoice(QScrollArea):
    """Choose what to evaluate a model on: layers, or files, as its task names them."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.examples = ExampleList(viewer, name="true_examples")
        self.files = FileChoice("test", name="true_files")
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._same_pixels = CheckBox(name="same_pixels", text="Same pixels")
        self._same_pixels.tooltip = (
            "Pair images by rows and columns, even if they state other places"
        )
        self._sources = QTabWidget()
        self._sources.addTab(self.examples.native, "Layers")
        self._sources.addTab(self.files.native, "Files")
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.addWidget(self._hint)
        layout.addWidget(self._sources)
        layout.addWidget(self._same_pixels.native)
        layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(content)
        self.ask_for({})

    @property
    def source(self) -> ExampleSource:
        """The images on the tab that is shown; of a list of files, its rows to test on.

        Raises
        ------
        ValueError
            If something is missing, or files leave open what goes with what.
        """
        if self._sources.currentWidget() is self.files.native:
            return FileSource(self.files.pairing)
        return ImageSource(self.examples.images)

    @property
    def widgets(self) -> tuple[Widget, ...]:
        """All that can be set, for the dock to offer."""
        return self.examples, self.files, self._same_pixels

    @property
    def same_pixels(self) -> bool:
        """Whether images are paired by rows and columns, whatever places they state."""
        return bool(self._same_pixels.value) and _pairs_images(self.examples.kinds)

    @same_pixels.setter
    def same_pixels(self, same: bool) -> None:
        self._same_pixels.value = same

    def ask_for(self, kinds: Kinds) -> None:
        """Ask for images of these names and kinds; none as long as there is no model."""
        self._sources.setVisible(bool(kinds))
        self._same_pixels.visible = _pairs_images(kinds)
        if not kinds:
            self._hint.setText("Choose a model first.")
            return
        self._hint.setText("Images with their truth, on which the model was not trained.")
        if kinds != self.examples.kinds:
            self.examples.ask_for(kinds)
            self.files.ask_for(kinds)

    def choose(self, *examples: Mapping[str, Layer | str]) -> None:
        """Choose layers, and texts, of all images, by name, and show their tab.

        Raises
        ------
        ValueError
            If no model was chosen that says what is asked for, or a name is not asked for.
        """
        self._check_model()
        self.examples.choose(*examples)
        self._sources.setCurrentWidget(self.examples.native)

    def choose_files(self, **paths: str | Path) -> None:
        """Choose files, or folders of them, by name, and show their tab; refuses as `choose`."""
        self._check_model()
        self.files.choose(**paths)
        self._sources.setCurrentWidget(self.files.native)

    def _check_model(self) -> None:
        if not self.examples.kinds:
            raise ValueError("choose a model first: its task says which images are needed")


def _pairs_images(kinds: Kinds) -> bool:
    """Whether two images are asked for, whose places are compared."""
    return len([kind for kind in kinds.values() if kind is not str]) > 1


def kinds_of(task: str) -> Kinds:
    """Return what the task of this kind asks for; loads torch."""
    from ..tasks import TASKS

    return next(known.asks_for() for known in TASKS if known.model_fields["kind"].default == task)
