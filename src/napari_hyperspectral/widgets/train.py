"""Train a model on layers: one dock for every task and network."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..cube import Image
from ..examples.source import ExampleSource
from ..layers import to_layer
from ..models.card import Card, read_card
from ..models.model import Model
from ..networks import NETWORKS, Network
from ..recipe.augmentation import Augmentation
from ..recipe.inactive import inactive_settings
from ..recipe.presets import PRESETS
from ..recipe.recipe import Recipe
from ..recipe.training import Training
from ..spectra.preprocessing import Preprocessing
from ..tasks import TASKS, Task
from ..workflows.train import (
    TRAININGS,
    autosave_path,
    preview_steps,
    train_steps,
    training_summary,
)
from .card_view import CardView
from .curve import LossCurve, Losses
from .forms.class_table import ClassTable
from .forms.file_choice import FileChoice
from .forms.form import Chooser, Form, collapsible
from .forms.layer_choice import ExampleList
from .panel import JobDock, JobPanel
from .preferences import preferred_machine

if TYPE_CHECKING:
    import napari

_MODEL_FILES = "Models (*.safetensors)"
_RECIPE_FILES = "Recipes (*.json)"


class TrainWidget(JobDock):
    """Choose layers or files, a task and a network; press Train; watch the loss; save the model.

    A script drives it by `choose`, `choose_files`, `recipe`, `start`, `preview`, `train`,
    `resume`, `stop`, `model`, `save_model`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._model: Model | None = None
        self._losses = Losses(1)
        self._task: Chooser[Task] = Chooser(TASKS)
        self._network: Chooser[Network] = Chooser(
            NETWORKS, type(Recipe.model_fields["network"].default)
        )
        self._training: Form[Training] = Form(Training, folded_from=3)
        self._preprocessing: Form[Preprocessing] = Form(Preprocessing, folded_from=99)
        self._augmentation: Form[Augmentation] = Form(Augmentation, folded_from=99)
        self._examples, self._files = ExampleList(viewer), FileChoice()
        self._sources = QTabWidget()
        self.classes = ClassTable()
        self._start: Model | Path | None = None
        self._start_line = QLabel()
        self._start_line.setWordWrap(True)
        self.training_summary = QLabel()
        self.training_summary.setWordWrap(True)
        self.panel = JobPanel("Train")
        self.save_button, self.predict_button = QPushButton("Save…"), QPushButton("Predict…")
        self.preview_button = QPushButton("Preview")
        self.preview_button.setToolTip("Show, as layers, what training would be shown first")
        self._presets = _preset_box()
        self.curve, self.card = LossCurve(), CardView()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(300)
        self._build()
        self._connect()
        self._ask_for_layers()
        self._allow_saving()
        self.start = None

    # -- what a script uses

    @property
    def recipe(self) -> Recipe:
        """What the forms say; setting it fills them.

        Raises
        ------
        ValueError
            If settings do not fit together.
        """
        return Recipe.model_validate(
            {
                "task": self._task.settings,
                "network": self._network.settings,
                "preprocessing": self._preprocessing.settings,
                "augmentation": self._augmentation.settings,
                "training": self._training.settings,
            }
        )

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self._task.settings = recipe.task
        self._network.settings = recipe.network
        self._preprocessing.settings = recipe.preprocessing
        self._augmentation.settings = recipe.augmentation
        self._training.settings = recipe.training

    def choose(self, *examples: Mapping[str, Layer | str], **layers: Layer | str) -> None:
        """Choose the layers, and texts, to learn from.

        ``choose(noisy=a, clean=b)``, or ``choose({"noisy": a, "clean": b}, {…})`` for several.
        """
        self._examples.choose(*examples, *([layers] if layers else []))
        self._sources.setCurrentWidget(self._examples)

    def choose_files(self, **paths: str | Path) -> None:
        """Choose files to learn from: ``choose_files(noisy="low/", clean="high/")``.

        Files of folders are paired by their names; ``list="files.csv"`` and, for whole images,
        ``classes="folder/"`` work as on the command line.
        """
        self._files.choose(**paths)
        self._sources.setCurrentWidget(self._files)

    @property
    def start(self) -> Model | Path | None:
        """A model to start from (transfer learning), or its file; None: from scratch.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        return self._start

    @start.setter
    def start(self, model: Model | Path | str | None) -> None:
        if isinstance(model, str | Path):
            model = Path(model)
            card: Card | None = read_card(model)
        else:
            card = None if model is None else model.card
        self._start = model
        self._grey_out()
        if card is None:
            self._start_line.setText("From scratch")
            return
        learned = card.recipe["task"]["kind"], card.recipe["network"]["kind"]
        name = model.name if isinstance(model, Path) else "the model just trained"
        self._start_line.setText(f"From {name} ({', '.join(learned)}; {card.input_axis})")

    def preview(self, *_: object) -> None:
        """Show the first batch as training would see it, prepared and varied, as layers."""
        if self.panel.running:
            return
        try:
            job = preview_steps(self.recipe, self._given)
        except ValueError as error:
            self.panel.show_error(str(error))
            return
        self.panel.run(job, "preparing a preview", device="cpu")

    def train(self, *_: object) -> None:
        """Train in the background; `model` holds the result once it is there."""
        self._train(None)

    def resume(self, path: str | Path) -> None:
        """Go on with a training that was interrupted, on the layers it was begun with.

        Parameters
        ----------
        path : path
            What it had saved, in the folder ``trainings`` of the cache; its recipe fills the form.

        Raises
        ------
        FileNotFoundError, FileFormatError
            If that is no file of a training.
        """
        self.recipe = Recipe.model_validate(read_card(path).recipe)
        self._train(Path(path))

    def _train(self, begun: Path | None) -> None:
        if self.panel.running:
            return
        try:
            recipe, input, machine = self.recipe, self._given, preferred_machine()
        except ValueError as error:
            self.panel.show_error(str(error))
            return
        self._losses = Losses(recipe.training.epochs)
        self._draw()
        self.tabs.setCurrentWidget(self.curve)
        autosave = begun or autosave_path(machine, recipe)
        self.panel.run(
            train_steps(recipe, input, machine, autosave, self._start, resume=begun is not None),
            f"training ({recipe.task.kind}, {recipe.network.kind})",
            device=machine.device,
            watch=self._losses.add,
        )

    @property
    def _given(self) -> ExampleSource:
        """What to learn from: images of layers, or a table of files."""
        by_files = self._sources.currentWidget() is self._files
        return self._files.pairing if by_files else self._examples.images

    def stop(self, *_: object) -> None:
        """End the training after the batch under way; the best model so far is kept."""
        self.panel.stop()

    @property
    def model(self) -> Model | None:
        """The model trained last in this dock; None before."""
        return self._model

    def save_model(self, path: str | Path | None = None) -> Path | None:
        """Save the model; without a path, ask for one.

        Returns
        -------
        Path or None
            Where it lies; None if nothing was saved.

        Raises
        ------
        FileExistsError
            If there is a file at `path`.
        """
        if self._model is None:
            return None
        if path is not None:
            return self._model.save(path)
        chosen = self._ask_where("Save model", "model.safetensors", _MODEL_FILES)
        if chosen is None:
            return None
        try:
            saved = self._model.save(chosen, overwrite=True)  # the dialog has asked
        except OSError as error:
            self.panel.show_error(f"not saved: {error}")
            return None
        self.panel.show_status(f"saved as {saved.name}")
        return saved

    def save_recipe(self, path: str | Path) -> None:
        """Write what the forms say as JSON, for another time or the command line."""
        Path(path).write_text(self.recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def load_recipe(self, path: str | Path) -> None:
        """Fill the forms from a JSON file.

        Raises
        ------
        ValueError
            If it holds no recipe.
        """
        self.recipe = Recipe.model_validate_json(Path(path).read_text(encoding="utf-8"))

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        self._examples.refresh()

    @property
    def summary(self) -> str:
        """What is about to be trained, or why that will not work."""
        return self.training_summary.text()

    # -- what a person sees

    def _settings_area(self) -> QScrollArea:
        """Return all that a person sets, to be scrolled through."""
        inside = QWidget()
        settings = QVBoxLayout(inside)
        self._sources.addTab(self._examples, "Layers")
        self._sources.addTab(self._files, "Files")
        settings.addWidget(self._presets)
        for title, part in (
            ("Task", self._task),
            ("Learn from", self._sources),
            ("Network", self._network),
            ("Training", self._training),
        ):
            settings.addWidget(QLabel(f"<b>{title}</b>"))
            settings.addWidget(part)
            if part is self._sources:
                settings.addWidget(self.classes)
            settings.addSpacing(8)
        settings.addWidget(collapsible("Preprocessing", self._preprocessing))
        settings.addWidget(collapsible("Augmentation", self._augmentation))
        settings.addWidget(self._start_line)
        buttons = QHBoxLayout()
        for button in (self._recipe_menu(), self._start_menu(), self.preview_button):
            buttons.addWidget(button)
        settings.addLayout(buttons)
        settings.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        scroll.setMinimumHeight(160)
        return scroll

    def _build(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.addTab(self.curve, "Loss")
        self.tabs.addTab(self.card, "Model")
        self.tabs.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.save_button.setToolTip("Save the model as one file")
        self.predict_button.setToolTip("Open the Predict dock with the model")
        self.panel.buttons.addWidget(self.save_button)
        self.panel.buttons.addWidget(self.predict_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self._settings_area(), stretch=3)
        layout.addWidget(self.training_summary)
        layout.addWidget(self.panel)
        layout.addWidget(self.tabs, stretch=1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(320)

    def _recipe_menu(self) -> QPushButton:
        return self._menu(
            "Recipe",
            "All of the settings above, as one file",
            {
                "Load recipe…": self._load_recipe,
                "Save recipe…": self._save_recipe,
                "Copy as command line": self._copy_command,
                "Resume a training…": self._resume_clicked,
            },
        )

    def _start_menu(self) -> QPushButton:
        return self._menu(
            "Start",
            "Transfer learning: take over what a trained model has learned",
            {
                "From scratch": self._start_afresh,
                "From a model file…": self._start_from_file,
                "From the model just trained": self._start_from_last,
            },
        )

    def _menu(self, title: str, tip: str, entries: dict[str, Callable[..., None]]) -> QPushButton:
        """Return a button that opens a menu."""
        menu = QMenu(self)
        for text, act in entries.items():
            action = menu.addAction(text)
            assert action is not None
            action.triggered.connect(act)
        button = QPushButton(title)
        button.setToolTip(tip)
        button.setMenu(menu)
        return button

    def _connect(self) -> None:
        self._task.changed.connect(self._ask_for_layers)
        self._sources.currentChanged.connect(self._summarise_later)
        settings = (
            self._task,
            self._network,
            self._training,
            self._preprocessing,
            self._augmentation,
        )
        for form in settings:
            form.changed.connect(self._grey_out)
        for part in (*settings, self._examples, self._files):
            part.changed.connect(self._summarise_later)
        self._examples.changed.connect(self._show_classes)
        self._sources.currentChanged.connect(self._show_classes)
        self.classes.changed.connect(self._summarise_later)
        self._presets.activated.connect(self._take_preset)
        self.preview_button.clicked.connect(self.preview)
        self._later.timeout.connect(self._summarise)
        self.panel.start_button.clicked.connect(self.train)
        self.panel.progressed.connect(self._draw)
        self.panel.returned.connect(self._keep)
        self.panel.ended.connect(self._draw)
        self.panel.ended.connect(self._summarise_later)
        self.save_button.clicked.connect(self._save_clicked)
        self.predict_button.clicked.connect(self.predict)

    def _ask_for_layers(self, *_: object) -> None:
        kinds = self._task.kind.asks_for()
        if kinds != self._examples.kinds:
            self._examples.ask_for(kinds)
            self._files.ask_for(kinds)

    def _grey_out(self, *_: object) -> None:
        """Grey out the settings that do nothing beside the others."""
        try:
            found = inactive_settings(self.recipe, from_scratch=self._start is None)
        except ValueError:  # the form says why; what was greyed out stays so until it is mended
            return
        forms: dict[str, Form[Any]] = {
            "task": self._task.form,
            "network": self._network.form,
            "preprocessing": self._preprocessing,
            "augmentation": self._augmentation,
            "training": self._training,
        }
        reasons: dict[str, dict[str, str]] = {part: {} for part in forms}
        for place, reason in found.items():
            part, name = place.split(".")
            reasons[part][name] = reason
        for part, form in forms.items():
            form.grey_out(reasons[part])

    def _show_classes(self, *_: object) -> None:
        """Show the classes of the first label layer that is learned from."""
        painted = [
            layer
            for example in self._examples.layers
            for layer in example.values()
            if isinstance(layer, LabelsLayer)
        ]
        by_layers = self._sources.currentWidget() is self._examples
        self.classes.follow(painted[0] if painted and by_layers else None)

    def _summarise_later(self, *_: object) -> None:
        self._later.start()

    def _summarise(self, *_: object) -> None:
        if self.panel.running:  # building a network may draw random numbers, of which there is
            return  # one series for all threads
        try:
            self.training_summary.setText(
                training_summary(self.recipe, self._given, preferred_machine())
            )
        except (ValueError, MemoryError) as error:
            self.training_summary.setText(str(error))

    def _draw(self, *_: object) -> None:
        self.curve.show_losses(self._losses)

    def _keep(self, result: Model | dict[str, Image]) -> None:
        if isinstance(result, Model):
            self._keep_model(result)
            return
        for image in result.values():
            self._viewer.add_layer(Layer.create(*to_layer(image)))
        self.panel.show_status("shown as layers")

    def _keep_model(self, model: Model) -> None:
        self._model = model
        self._losses = Losses.of(model.card.losses, model.card.validation_losses)
        self.card.show_card(model.card)
        self.tabs.setCurrentWidget(self.card)
        self.panel.show_status(f"trained{': ' * bool(model.card.stopped)}{model.card.stopped}")
        self._allow_saving()

    def _allow_saving(self) -> None:
        for button in (self.save_button, self.predict_button):
            button.setEnabled(self._model is not None)

    def predict(self, *_: object) -> None:
        """Open the Predict dock with the model."""
        _, dock = self._viewer.window.add_plugin_dock_widget(
            "napari-hyperspectral", "Predict", tabify=True
        )
        dock.model = self._model

    def _save_clicked(self, *_: object) -> None:
        self.save_model()

    def _take_preset(self, row: int) -> None:
        """Fill the form with a published experiment; the first row says what the box is for."""
        if row < 1:
            return
        chosen = PRESETS[row - 1]
        self.recipe = chosen.recipe
        self.panel.show_status(f"{chosen.title}. {chosen.notes}")

    def _start_afresh(self, *_: object) -> None:
        self.start = None

    def _start_from_last(self, *_: object) -> None:
        if self._model is None:
            self.panel.show_error("no model was trained here yet; choose the file of one")
        self.start = self._model

    def _start_from_file(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Start from a model", "", _MODEL_FILES)
        if not path:
            return
        try:
            self.start = path
        except (ValueError, OSError) as error:
            self.panel.show_error(str(error))

    def _load_recipe(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Load recipe", "", _RECIPE_FILES)
        if not path:
            return
        try:
            self.load_recipe(path)
        except (ValueError, OSError) as error:
            self.panel.show_error(f"{Path(path).name} is no recipe: {error}")

    def _resume_clicked(self, *_: object) -> None:
        folder = str(preferred_machine().cache / TRAININGS)
        path, _filter = QFileDialog.getOpenFileName(self, "Resume a training", folder, _MODEL_FILES)
        if not path:
            return
        try:
            self.resume(path)
        except (ValueError, OSError) as error:
            self.panel.show_error(str(error))

    def _save_recipe(self, *_: object) -> None:
        path = self._ask_where("Save recipe", "recipe.json", _RECIPE_FILES)
        if path is None:
            return
        try:
            self.save_recipe(path)
        except (ValueError, OSError) as error:
            self.panel.show_error(f"not saved: {error}")

    def _ask_where(self, title: str, name: str, files: str) -> Path | None:
        """Ask where to save; nothing is overwritten that was not asked about."""
        chosen, _filter = QFileDialog.getSaveFileName(self, title, name, files)
        if not chosen:
            return None
        path = Path(chosen)
        if path.suffix == Path(name).suffix:
            return path  # the dialog has asked
        path = path.with_name(path.name + Path(name).suffix)
        yes = QMessageBox.StandardButton.Yes
        question = f"{path.name} exists already. Overwrite it?"
        if path.exists() and QMessageBox.question(self, title, question) != yes:
            return None
        return path

    def _copy_command(self, *_: object) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        by_files = self._sources.currentWidget() is self._files
        clipboard.setText(
            shlex.join(_command(f"{name}={text}" for name, text in self._files.entries))
            if by_files
            else command_line(self._examples.layers)
        )
        self.panel.show_status("copied; save the recipe as recipe.json beside it")


def _preset_box() -> QComboBox:
    """Return a box of all published experiments, after a line that says what it is for."""
    box = QComboBox()
    # as wide as the dock, not as its longest title
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    box.addItem("Published experiments…")
    for number, one in enumerate(PRESETS, start=1):
        box.addItem(one.title)
        box.setItemData(number, one.notes, Qt.ItemDataRole.ToolTipRole)
    return box


def command_line(examples: Sequence[Mapping[str, Layer | str | None]]) -> str:
    """Return the command that trains on the files of these layers by ``recipe.json``."""
    words = (
        f"{name}={_file(chosen) or name.upper()}"
        for example in examples
        for name, chosen in example.items()
    )
    return shlex.join(_command(words))


def _command(words: Iterable[str]) -> list[str]:
    return ["napari-hyperspectral", "train", "recipe.json", *words, "-o", "model.safetensors"]


def _file(chosen: Layer | str | None) -> str | None:
    return chosen.source.path if isinstance(chosen, Layer) else chosen
