"""Choosing images with their truth, and judging a model by them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from ..examples.source import ExampleSource
from .forms.file_choice import FileChoice
from .forms.layer_choice import ExampleList, Kinds

if TYPE_CHECKING:
    pass


class TruthChoice(QScrollArea):
    """Choose what a model is to be compared with: layers, or files, as its task names them."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.examples, self.files = ExampleList(viewer), FileChoice("test")
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._sources = QTabWidget()
        self._sources.addTab(self.examples, "Layers")
        self._sources.addTab(self.files, "Files")
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.addWidget(self._about)
        layout.addWidget(self._sources)
        layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(inside)
        self.ask_for({})

    @property
    def input(self) -> ExampleSource:
        """What is chosen, on the tab that is shown; of a list of files, its rows to test on.

        Raises
        ------
        ValueError
            If something is missing, or files leave open what goes with what.
        """
        by_files = self._sources.currentWidget() is self.files
        return self.files.pairing if by_files else self.examples.images

    def ask_for(self, kinds: Kinds) -> None:
        """Ask for images of these names and kinds; of none, there is no model yet."""
        self._sources.setVisible(bool(kinds))
        self._about.setText(
            "Images with their truth, which should not have taught the model."
            if kinds
            else "Choose a model first."
        )
        if kinds and kinds != self.examples.kinds:
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
        self._sources.setCurrentWidget(self.examples)

    def choose_files(self, **paths: str | Path) -> None:
        """Choose files, or folders of them, by name, and show their tab; refuses as `choose`."""
        self._check_model()
        self.files.choose(**paths)
        self._sources.setCurrentWidget(self.files)

    def _check_model(self) -> None:
        if not self.examples.kinds:
            raise ValueError("choose a model first: it says which images are compared")


def kinds_of(task: str) -> Kinds:
    """Return what the task of this kind asks for; loads torch."""
    from ..tasks import TASKS

    return next(one.asks_for() for one in TASKS if one.model_fields["kind"].default == task)
