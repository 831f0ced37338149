"""The settings of a training as a form: examples, task, network, and where weights start from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..examples.source import ExampleSource, FileSource, ImageSource
from ..models.card import Card, read_card
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
from .forms.file_choice import FileChoice
from .forms.form import Chooser, Form, collapsible
from .forms.layer_choice import ExampleList

if TYPE_CHECKING:
    import napari

    from ..models.model import Model


class TrainForm(QScrollArea):
    """Everything that a person sets for a training, to be scrolled through.

    `buttons` is a row at the end, for what is done with the settings as a whole.
    """

    changed = Signal()
    """Settings, examples or classes are others."""
    preset_chosen = Signal(object)
    """The preset that the form was filled with."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        default_method = type(Recipe.model_fields["method"].default)
        self.presets = _preset_box()
        self.task: Chooser[Task] = Chooser(TASKS)
        self.method: Chooser[Method] = Chooser((Choose, *METHODS), default_method)
        self.training: Form[Training] = Form(Training, folded_from=3)
        self.preprocessing = ChainForm()
        self.augmentation: Form[Augmentation] = Form(Augmentation, folded_from=99)
        self.examples = ExampleList(viewer)
        self.files = FileChoice()
        self.sources = QTabWidget()
        self.sources.addTab(self.examples, "Layers")
        self.sources.addTab(self.files, "Files")
        self.classes = ClassTable()
        self.start_line = QLabel()
        self.start_line.setWordWrap(True)
        self.buttons = QHBoxLayout()
        self._start: Model | Path | None = None
        self._build()
        self._connect()
        self._ask_for_images()

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
        self.task.settings = recipe.task
        self.method.settings = recipe.method
        self.preprocessing.settings = recipe.preprocessing
        self.augmentation.settings = recipe.augmentation
        self.training.settings = recipe.training

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
    def start(self) -> Model | Path | None:
        """The model to start from (transfer learning), or its file; None: from scratch.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        return self._start

    @start.setter
    def start(self, model: Model | Path | None) -> None:
        card: Card | None
        if model is None:
            card = None
        elif isinstance(model, Path):
            card = read_card(model)
        else:
            card = model.card
        self._start = model
        self._grey_out()
        if card is None:
            self.start_line.setText("From scratch")
            return
        name = model.name if isinstance(model, Path) else "the model just trained"
        kinds = f"{card.task_kind}, {card.method_kind}"
        self.start_line.setText(f"From {name} ({kinds}; {card.input_axis})")

    def choose(self, *examples: Mapping[str, Layer | str]) -> None:
        """Choose the layers, and texts, of all examples, and show their tab."""
        self.examples.choose(*examples)
        self.sources.setCurrentWidget(self.examples)

    def choose_files(self, **paths: str | Path) -> None:
        """Choose files or folders by the names that the task asks for, and show their tab."""
        self.files.choose(**paths)
        self.sources.setCurrentWidget(self.files)

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
        return self.sources.currentWidget() is self.files

    def _build(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.addWidget(self.presets)
        _add_section(layout, "Task", self.task)
        _add_section(layout, "Examples", self.sources, self.classes)
        _add_section(layout, "Method", self.method)
        _add_section(layout, "Training settings", self.training)
        layout.addWidget(collapsible("Preprocessing", self.preprocessing))
        layout.addWidget(collapsible("Augmentation", self.augmentation))
        layout.addWidget(self.start_line)
        layout.addLayout(self.buttons)
        layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(content)
        self.setMinimumHeight(160)

    def _connect(self) -> None:
        settings = (
            self.task,
            self.method,
            self.training,
            self.preprocessing,
            self.augmentation,
        )
        self.task.changed.connect(self._ask_for_images)
        for form in settings:
            form.changed.connect(self._grey_out)
        for part in (*settings, self.examples, self.files, self.classes):
            part.changed.connect(self.changed)
        self.sources.currentChanged.connect(self._tab_changed)
        self.examples.changed.connect(self._show_classes)
        self.presets.activated.connect(self._fill_from_preset)

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
            inactive = inactive_settings(self.recipe, from_scratch=self._start is None)
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

    def _fill_from_preset(self, row: int) -> None:
        """Fill the form with a published experiment; the first row says what the box is for."""
        if row < 1:
            return
        preset: Preset = PRESETS[row - 1]
        self.recipe = preset.recipe
        self.preset_chosen.emit(preset)


def _add_section(layout: QVBoxLayout, title: str, *parts: QWidget) -> None:
    """Add widgets below a title, with some space after them."""
    layout.addWidget(QLabel(f"<b>{title}</b>"))
    for part in parts:
        layout.addWidget(part)
    layout.addSpacing(8)


def _preset_box() -> QComboBox:
    """Return a box of all published experiments, after a line that says what it is for."""
    box = QComboBox()
    # as wide as the dock, not as its longest title
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    box.addItem("Published experiments…")
    for number, preset in enumerate(PRESETS, start=1):
        box.addItem(preset.title)
        box.setItemData(number, preset.notes, Qt.ItemDataRole.ToolTipRole)
    return box


def _path_or_text(chosen: Layer | str | None) -> str | None:
    """Return the file of a layer, if it was read from one; a text as it is."""
    return chosen.source.path if isinstance(chosen, Layer) else chosen
