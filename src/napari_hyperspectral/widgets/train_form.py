"""The settings of a training as a form: examples, task, network, and where weights start from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from magicgui.widgets import ComboBox, Widget
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..examples.source import ExampleSource, FileSource, ImageSource
from ..models.card import Card
from ..networks import Method
from ..recipe.augmentation import Augmentation
from ..recipe.choice import Choose
from ..recipe.inactive import inactive_settings
from ..recipe.methods import METHODS
from ..recipe.presets import PRESETS, Preset
from ..recipe.recipe import Recipe
from ..recipe.training import Training
from ..tasks import TASKS, Task
from .forms.chain_form import ChainForm
from .forms.class_table import ClassTable
from .forms.examples import ExampleList
from .forms.fields import narrow
from .forms.file_choice import FileChoice
from .forms.form import Chooser, Form
from .forms.layout import VerticalScroll, collapsible
from .forms.model_choice import ModelEdit
from .forms.wheel import guard_from_wheel

if TYPE_CHECKING:
    import napari

    from ..models.model import Model


_LEAST_HEIGHT: Final = 140
"""Of the form, in pixels; the losses need some of a small screen, too."""


class TrainForm(VerticalScroll):
    """Everything that a person sets for a training, to be scrolled through.

    `buttons` is a row at the end, for what is done with the settings as a whole.
    """

    changed = Signal()
    """Settings, examples or classes are others."""
    preset_chosen = Signal(object)
    """The preset that the form was filled with."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(_LEAST_HEIGHT)
        default_method = type(Recipe.model_fields["method"].default)
        self.presets = _preset_box()
        self.task: Chooser[Task] = Chooser(TASKS, name="task")
        self.method: Chooser[Method] = Chooser((Choose, *METHODS), default_method, name="method")
        self.training: Form[Training] = Form(Training, folded_from=3, name="training")
        self.preprocessing = ChainForm(name="preprocessing")
        self.augmentation: Form[Augmentation] = Form(
            Augmentation, folded_from=99, name="augmentation"
        )
        self.examples = ExampleList(viewer, name="examples")
        self.files = FileChoice(name="files")
        self.sources = QTabWidget()
        self.sources.addTab(self.examples.native, "Layers")
        self.sources.addTab(self.files.native, "Files")
        self.classes = ClassTable()
        self.start_model = ModelEdit(
            name="start", in_words=_start_in_words, placeholder="From scratch", optional=True
        )
        self.buttons = QHBoxLayout()
        self._filling = False
        self._build()
        self._connect()
        self._ask_for_images()
        self._grey_out()

    @property
    def recipe(self) -> Recipe:
        """The recipe that the settings make; setting it fills the form.

        Raises
        ------
        ValueError
            If settings do not fit together.
        """
        return Recipe.model_validate(
            {
                "task": self.task.settings,
                "method": self.method.settings,
                "preprocessing": self.preprocessing.settings,
                "augmentation": self.augmentation.settings,
                "training": self.training.settings,
            }
        )

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self._filling = True
        try:
            self.task.settings = recipe.task
            self.method.settings = recipe.method
            self.preprocessing.settings = recipe.preprocessing
            self.augmentation.settings = recipe.augmentation
            self.training.settings = recipe.training
        finally:
            self._filling = False
        self._settings_changed()

    @property
    def source(self) -> ExampleSource:
        """The examples, of layers or files, whichever tab is shown.

        Raises
        ------
        ValueError
            If something is missing, or files leave open what goes with what.
        """
        if self._uses_files:
            return FileSource(self.files.pairing)
        return ImageSource(self.examples.images)

    @property
    def widgets(self) -> tuple[Widget, ...]:
        """All that can be set, for the dock to offer."""
        return (
            self.presets,
            self.task,
            self.examples,
            self.files,
            self.method,
            self.training,
            self.preprocessing,
            self.augmentation,
            self.start_model,
        )

    def choose(self, *examples: Mapping[str, Layer | str]) -> None:
        """Choose the layers, and texts, of all examples, and show their tab."""
        self.examples.choose(*examples)
        self.sources.setCurrentWidget(self.examples.native)

    def choose_files(self, **paths: str | Path) -> None:
        """Choose files or folders by the names that the task asks for, and show their tab."""
        self.files.choose(**paths)
        self.sources.setCurrentWidget(self.files.native)

    @property
    def command_line(self) -> str:
        """The command that trains on the same files by ``recipe.json``."""
        entries = []
        if self._uses_files:
            entries = [f"{name}={text}" for name, text in self.files.entries]
        else:
            for example in self.examples.layers:
                for name, chosen in example.items():
                    # a layer that was not read from a file leaves the name to be replaced
                    entries.append(f"{name}={_path_or_text(chosen) or name.upper()}")
        start = ("napari-hyperspectral", "train", "recipe.json")
        return shlex.join([*start, *entries, "-o", "model.safetensors"])

    @property
    def _uses_files(self) -> bool:
        return self.sources.currentWidget() is self.files.native

    def _build(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.addWidget(self.presets.native)
        _add_section(layout, "Task", self.task.native)
        _add_section(layout, "Examples", self.sources, self.classes)
        _add_section(layout, "Method", self.method.native)
        _add_section(layout, "Training settings", self.training.native)
        layout.addWidget(collapsible("Preprocessing", self.preprocessing.native))
        layout.addWidget(collapsible("Augmentation", self.augmentation.native))
        _add_section(layout, "Start from a model", self.start_model.native)
        layout.addLayout(self.buttons)
        layout.addStretch()
        self.setWidget(content)

    def _connect(self) -> None:
        settings = (
            self.task,
            self.method,
            self.training,
            self.preprocessing,
            self.augmentation,
        )
        self.task.changed.connect(self._ask_for_images)
        for form in (*settings, self.start_model):
            form.changed.connect(self._settings_changed)
        for part in (*settings, self.examples, self.files):
            part.changed.connect(self._emit_changed)
        self.classes.changed.connect(self._emit_changed)
        self.sources.currentChanged.connect(self._tab_changed)
        self.examples.changed.connect(self._show_classes)
        self.presets.changed.connect(self._fill_from_preset)

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()

    def _settings_changed(self, *_: object) -> None:
        if self._filling:
            return
        self.presets.value = None  # it is another experiment now
        self._grey_out()

    def _tab_changed(self, *_: object) -> None:
        self._show_classes()
        self.changed.emit()

    def _ask_for_images(self, *_: object) -> None:
        kinds = self.task.kind.asks_for()
        if kinds != self.examples.kinds:
            self.examples.ask_for(kinds)
            self.files.ask_for(kinds)

    def _grey_out(self, *_: object) -> None:
        """Grey out the settings that have no effect with the present values of the others."""
        try:
            inactive = inactive_settings(self.recipe, from_scratch=self.start_model.value is None)
        except ValueError:  # the form says why; what was greyed out stays so until it is mended
            return
        forms: dict[str, Form[Any]] = {
            "task": self.task.form,
            "method": self.method.form,
            "augmentation": self.augmentation,
            "training": self.training,
        }
        reasons: dict[str, dict[str, str]] = {part: {} for part in forms}
        for setting, reason in inactive.items():
            part, name = setting.split(".")
            reasons[part][name] = reason
        for part, form in forms.items():
            form.grey_out(reasons[part])

    def _show_classes(self, *_: object) -> None:
        """Show the classes of the first label layer among the examples."""
        self.classes.follow(None if self._uses_files else self._first_labels())

    def _first_labels(self) -> LabelsLayer | None:
        for example in self.examples.layers:
            for layer in example.values():
                if isinstance(layer, LabelsLayer):
                    return layer
        return None

    def _fill_from_preset(self, preset: Preset | None) -> None:
        """Fill the form with a published experiment."""
        if preset is None:
            return
        self.recipe = preset.recipe
        with self.presets.changed.blocked():  # filling it in has changed settings
            self.presets.value = preset
        self.preset_chosen.emit(preset)


def _add_section(layout: QVBoxLayout, title: str, *parts: QWidget) -> None:
    """Add widgets below a title, with some space after them."""
    layout.addWidget(QLabel(f"<b>{title}</b>"))
    for part in parts:
        layout.addWidget(part)
    layout.addSpacing(8)


def _preset_box() -> ComboBox:
    """Return a box of all published experiments, after a line that says what it is for."""
    choices = [("Published experiments…", None), *((preset.title, preset) for preset in PRESETS)]
    box = ComboBox(name="preset", choices=choices)
    narrow(box.native)
    guard_from_wheel(box.native)
    for number, preset in enumerate(PRESETS, start=1):
        box.native.setItemData(number, preset.notes, Qt.ItemDataRole.ToolTipRole)
    return box


def _start_in_words(model: Model | Path, card: Card) -> str:
    name = model.name if isinstance(model, Path) else "the model just trained"
    return f"From {name} ({card.task_kind}, {card.method_kind}; {card.input_axis})"


def _path_or_text(chosen: Layer | str | None) -> str | None:
    """Return the file of a layer, if it was read from one; a text as it is."""
    return chosen.source.path if isinstance(chosen, Layer) else chosen
