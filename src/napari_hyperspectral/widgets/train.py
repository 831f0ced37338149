"""Train a model on layers or files: one dock for every task and network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..cube import Image
from ..files.atomic import write_text
from ..layers import to_layer
from ..machine import Machine
from ..models.card import read_card
from ..models.model import Model
from ..recipe.presets import Preset
from ..recipe.reading import read_recipe
from ..recipe.recipe import Recipe
from ..settings import reason_of
from ..system.paths import user_path
from ..workflows.autosave import autosave_folder, autosave_path
from ..workflows.train import preview_steps, train_steps, training_summary
from .card_view import CardView
from .curve import LossCurve, Losses
from .panel import JobDock, JobPanel
from .preferences import preferred_machine
from .train_form import TrainForm

if TYPE_CHECKING:
    import napari

_MODEL_FILES: Final = "Models (*.safetensors)"
_RECIPE_FILES: Final = "Recipes (*.json)"
_SUMMARY_DELAY: Final = 300
"""Milliseconds without a change before the summary is computed."""


class TrainWidget(JobDock):
    """Choose layers or files, a task and a network; press Train; watch the loss; save the model.

    A script drives it by `choose`, `choose_files`, `recipe`, `start`, `preview`, `train`,
    `resume`, `stop`, `model`, `save_model`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._model: Model | None = None
        self._losses = Losses(1)
        self.form = TrainForm(viewer)
        self.hold(*self.form.widgets)
        self.training_summary = QLabel()
        self.training_summary.setWordWrap(True)
        self.panel = JobPanel("Train")
        self.save_button = QPushButton("Save…")
        self.predict_button = QPushButton("Predict…")
        self.preview_button = QPushButton("Preview")
        self.curve = LossCurve()
        self.card = CardView()
        self._summary_timer = QTimer(self)
        self._summary_timer.setSingleShot(True)
        self._summary_timer.setInterval(_SUMMARY_DELAY)
        self._build()
        self._connect()
        self._enable_buttons()

    # -- what a script uses

    @property
    def recipe(self) -> Recipe:
        """The recipe that the form makes; setting it fills the form.

        Raises
        ------
        ValueError
            If settings do not fit together.
        """
        return self.form.recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self.form.recipe = recipe

    def choose(self, *examples: Mapping[str, Layer | str], **layers: Layer | str) -> None:
        """Choose the layers, and texts, to train on.

        ``choose(noisy=a, clean=b)``, or ``choose({"noisy": a, "clean": b}, {…})`` for several.
        """
        self.form.choose(*examples, *([layers] if layers else []))

    def choose_files(self, **paths: str | Path) -> None:
        """Choose files to train on: ``choose_files(noisy="low/", clean="high/")``.

        Files of folders are paired by their names; ``list="files.csv"`` and, for tasks of one
        class per image, ``classes="folder/"`` work as on the command line.
        """
        self.form.choose_files(**paths)

    @property
    def start(self) -> Model | Path | None:
        """A model to start from (transfer learning), or its file; None: from scratch.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        model: Model | Path | None = self.form.start_model.value
        return model

    @start.setter
    def start(self, model: Model | Path | str | None) -> None:
        self.form.start_model.value = model

    def preview(self, *_: object) -> None:
        """Show the first training batch as layers, after preprocessing and augmentation."""
        if self.panel.running:
            return
        try:
            job = preview_steps(self.recipe, self.form.source)
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        self.panel.run(job, "preparing a preview", device="cpu")

    def train(self, *_: object) -> None:
        """Train in the background; `model` holds the result once it is there."""
        self._train(None)

    def resume(self, path: str | Path) -> None:
        """Continue a training that was interrupted, on the layers it was begun with.

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

    def stop(self, *_: object) -> None:
        """End the training after the present batch; the best model so far is kept."""
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
            The file that was written; None if nothing was saved.

        Raises
        ------
        FileExistsError
            If there is a file at `path`.
        """
        if self._model is None:
            return None
        if path is not None:
            return self._model.save(path)
        chosen = self._ask_for_target("Save model", "model.safetensors", _MODEL_FILES)
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
        """Write the recipe as JSON, for another time or the command line."""
        write_text(user_path(path), self.recipe.model_dump_json(indent=2) + "\n")

    def load_recipe(self, path: str | Path) -> None:
        """Fill the form from a JSON file.

        Raises
        ------
        ValueError
            If it holds no recipe.
        """
        self.recipe = read_recipe(path)

    def predict(self, *_: object) -> None:
        """Open the Predict dock with the model."""
        _, dock = self._viewer.window.add_plugin_dock_widget(
            "napari-hyperspectral", "Predict", tabify=True
        )
        dock.model = self._model

    @property
    def summary(self) -> str:
        """What is about to be trained, or why that will not work."""
        return self.training_summary.text()

    # -- the training

    def _train(self, interrupted: Path | None) -> None:
        """Begin a training, or resume the one that was saved in a file."""
        if self.panel.running:
            return
        try:
            recipe = self.recipe
            source = self.form.source
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        machine = preferred_machine()
        autosave = interrupted or self._new_autosave(machine, recipe)
        self._losses = Losses(recipe.training.epochs)
        self._draw()
        self._show_tab(self.curve)
        job = train_steps(
            recipe, source, machine, autosave, self.start, resume=interrupted is not None
        )
        self.panel.run(
            job,
            f"training ({recipe.task.kind}, {recipe.method.kind})",
            device=machine.device,
            watch=self._losses.add,
        )

    def _new_autosave(self, machine: Machine, recipe: Recipe) -> Path | None:
        """Return where a training is saved; None, with a complaint, where nothing can be."""
        try:
            return autosave_path(machine, recipe)
        except OSError as error:
            self.panel.show_error(f"nothing is saved before the end ({error}); see the preferences")
            return None

    def _keep(self, result: Model | dict[str, Image]) -> None:
        """Take what a job returned: a model, or the images of a preview."""
        if isinstance(result, Model):
            self._keep_model(result)
            return
        for image in result.values():
            self._viewer.add_layer(Layer.create(*to_layer(image)))
        self.panel.show_status("shown as layers")

    def _keep_model(self, model: Model) -> None:
        self._model = model
        self._losses = Losses.of(model.card)
        self.card.show_card(model.card)
        self._show_tab(self.card)
        outcome = model.card.outcome
        self.panel.show_status(f"trained: {outcome}" if outcome else "trained")
        self._enable_buttons()

    # -- what a person sees

    def _build(self) -> None:
        self.preview_button.setToolTip("Preview of a training batch, as layers")
        self.save_button.setToolTip("Save the model as one file")
        self.predict_button.setToolTip("Open the Predict dock with the model")
        for button in (self._recipe_menu(), self._start_menu(), self.preview_button):
            self.form.buttons.addWidget(button)
        self.panel.buttons.addWidget(self.save_button)
        self.panel.buttons.addWidget(self.predict_button)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.curve, "Loss")
        self.tabs.addTab(self.card, "Model")
        self.tabs.setVisible(False)  # until there is something in it
        self.tabs.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form, stretch=3)
        layout.addWidget(self.training_summary)
        layout.addWidget(self.panel)
        layout.addWidget(self.tabs, stretch=1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(320)

    def _show_tab(self, tab: QWidget) -> None:
        self.tabs.setVisible(True)
        self.tabs.setCurrentWidget(tab)

    def _recipe_menu(self) -> QPushButton:
        return self._menu(
            "Recipe",
            "All settings above, as one file",
            {
                "Load recipe…": self._load_recipe_clicked,
                "Save recipe…": self._save_recipe_clicked,
                "Copy as command line": self._copy_command,
                "Resume a training…": self._resume_clicked,
            },
        )

    def _start_menu(self) -> QPushButton:
        return self._menu(
            "Start",
            "Transfer learning: start from a model",
            {
                "From scratch": self._start_from_scratch,
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
        self.form.changed.connect(self._summarise_later)
        self.form.preset_chosen.connect(self._describe_preset)
        self._summary_timer.timeout.connect(self._summarise)
        self.preview_button.clicked.connect(self.preview)
        self.form.start_model.browse_button.changed.connect(self._start_from_file)
        self.panel.start_button.clicked.connect(self.train)
        self.panel.progressed.connect(self._draw)
        self.panel.returned.connect(self._keep)
        self.panel.ended.connect(self._draw)
        self.panel.ended.connect(self._summarise_later)
        self.save_button.clicked.connect(self._save_model_clicked)
        self.predict_button.clicked.connect(self.predict)

    def _summarise_later(self, *_: object) -> None:
        self._summary_timer.start()

    def _summarise(self, *_: object) -> None:
        # building a network takes time that the training needs
        if self.panel.running:
            return
        try:
            summary = training_summary(self.recipe, self.form.source, preferred_machine())
        except (ValueError, MemoryError) as error:
            summary = reason_of(error)
        self.training_summary.setText(summary)

    def _draw(self, *_: object) -> None:
        self.curve.show_losses(self._losses)

    def _enable_buttons(self) -> None:
        for button in (self.save_button, self.predict_button):
            button.setEnabled(self._model is not None)

    def _describe_preset(self, preset: Preset) -> None:
        self.panel.show_status(f"{preset.title}. {preset.notes}")

    # -- buttons and menus

    def _save_model_clicked(self, *_: object) -> None:
        self.save_model()

    def _start_from_scratch(self, *_: object) -> None:
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
            self.panel.show_error(reason_of(error))

    def _load_recipe_clicked(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Load recipe", "", _RECIPE_FILES)
        if not path:
            return
        try:
            self.load_recipe(path)
        except (ValueError, OSError) as error:
            self.panel.show_error(f"{Path(path).name} is no recipe: {reason_of(error)}")

    def _resume_clicked(self, *_: object) -> None:
        folder = str(autosave_folder(preferred_machine()))
        path, _filter = QFileDialog.getOpenFileName(self, "Resume a training", folder, _MODEL_FILES)
        if not path:
            return
        try:
            self.resume(path)
        except (ValueError, OSError) as error:
            self.panel.show_error(reason_of(error))

    def _save_recipe_clicked(self, *_: object) -> None:
        path = self._ask_for_target("Save recipe", "recipe.json", _RECIPE_FILES)
        if path is None:
            return
        try:
            self.save_recipe(path)
        except (ValueError, OSError) as error:
            self.panel.show_error(f"not saved: {error}")

    def _copy_command(self, *_: object) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(self.form.command_line)
        self.panel.show_status(
            "copied; save the recipe as recipe.json in the folder where you run it"
        )

    def _ask_for_target(self, title: str, name: str, files: str) -> Path | None:
        """Ask where to save; a file is overwritten only where the person agreed to it."""
        chosen, _filter = QFileDialog.getSaveFileName(self, title, name, files)
        if not chosen:
            return None
        path = Path(chosen)
        suffix = Path(name).suffix
        if path.suffix == suffix:
            return path  # the dialog has asked
        path = path.with_name(path.name + suffix)
        if not path.exists():
            return path
        yes = QMessageBox.StandardButton.Yes
        question = f"{path.name} exists already. Overwrite it?"
        return path if QMessageBox.question(self, title, question) == yes else None
