"""Run a model on layers or on files, and judge it: one dock for every model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_never

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
)

from ..axis import SpectralAxis
from ..cube import Cube
from ..evaluation.reports import Report
from ..layers import on_all_bands, to_layer
from ..models.card import Card, read_card
from ..models.summary import scores_of
from ..progress import Job
from ..workflows.batch import (
    Batch,
    Order,
    Predicted,
    existing,
    predict_files,
    predict_layers,
    target_of,
)
from ..workflows.evaluate import compared
from .card_view import CardView
from .forms.chain_choice import ChainChoice
from .forms.form import in_a_row
from .forms.layer_choice import image_of_layer, suitable_layers
from .forms.source_files import SourceFiles
from .import_weights import ImportWeightsDialog, adopted
from .panel import JobDock, JobPanel
from .preferences import preferred_machine
from .report_view import ReportView
from .truth import TruthChoice, kinds_of

if TYPE_CHECKING:
    import napari

    from ..models.model import Model

_MODEL_FILES = "Models, and weights that DeepeR released (*.safetensors *.pt)"
_WEIGHTS = ".pt"
_Role = Literal["model", "then"]
_PREDICT_ON, _COMPARE_WITH = "<b>Predict on</b>", "<b>Compare with the truth</b>"


class PredictWidget(JobDock):
    """Choose a model and layers or files; press Predict; results come as layers or files.

    Or choose images with their truth, and press Evaluate. A script drives it by `model`, `then`,
    `dwell`, `import_weights`, `choose`, `files`, `folder`, `suffix`, `predict`, `choose_truth`,
    `choose_truth_files`, `evaluate` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._model: Model | Path | None = None
        self._adopting: _Role = "model"  # what the weights being adopted are for
        self._layers: list[Layer] = []
        self.batch: Batch | None = None
        """What became of the files predicted last."""
        self.results: list[Layer] = []
        """The layers of the prediction last made."""
        self._model_line = QLineEdit()
        self._model_line.setReadOnly(True)
        self._model_line.setPlaceholderText("Choose a model file, or train a model")
        self.chain = ChainChoice()
        self.truth = TruthChoice(viewer)
        self.probabilities = QCheckBox("Probabilities of the classes, too")
        self.card = CardView()
        self._layer_list, self.sources = QListWidget(), SourceFiles()
        self._purpose, self._failures = QLabel(_PREDICT_ON), QLabel()
        self.scores = QTableWidget()
        self.report = ReportView()
        self._shown: Card | None = None  # of the model
        self._bands: list[int] = []  # of each layer that a prediction is running on
        self.panel = JobPanel("Predict")
        self._build()
        self.panel.start_button.clicked.connect(self._start_clicked)
        self.panel.returned.connect(self._keep)
        self.panel.ended.connect(self._allow)
        self.reset_choices()
        self._allow()

    # -- what a script uses

    @property
    def model(self) -> Model | Path | None:
        """The model to run: a model, or the file of one.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        return self._model

    @model.setter
    def model(self, model: Model | Path | str | None) -> None:
        if isinstance(model, str | Path):
            model = Path(model)
            card: Card | None = read_card(model)
            name = str(model)
        else:
            card = None if model is None else model.card
            name = "" if card is None else f"the model just trained ({card.made[11:16]} UTC)"
        self._model, self._shown = model, card
        self._model_line.setText(name)
        self._model_line.setCursorPosition(0)
        self._model_line.setToolTip(name)
        self.card.show_card(card)
        self._allow()

    @property
    def then(self) -> Path | None:
        """The file of a model to run on what the first one makes; None: there is none.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        return self.chain.second_model

    @then.setter
    def then(self, file: Path | str | None) -> None:
        self.chain.second_model = None if file is None else Path(file)

    @property
    def dwell(self) -> tuple[float, float] | None:
        """Time a pixel takes to measure well, and the time it took, in one unit; or None.

        With it, results tell how much less dwell time they stand for.
        """
        return self.chain.dwell

    @dwell.setter
    def dwell(self, times: tuple[float, float] | None) -> None:
        self.chain.dwell = times

    def import_weights(
        self,
        weights: str | Path,
        axis: SpectralAxis,
        target: str | Path,
        *,
        role: _Role = "model",
        overwrite: bool = False,
    ) -> None:
        """Make a model file of weights that DeepeR released, in the background, and choose it.

        Parameters
        ----------
        weights : path
            Such as ``ResUNet.pt``.
        axis : SpectralAxis
            What its bands stand for; the file does not say.
        target : path
            The model file to write.
        role : str
            Whether it becomes the model, or the one to run then.
        overwrite : bool
            Whether the target may be overwritten.
        """
        if self.panel.running:
            self.panel.show_error("another job is under way; make the model when that is done")
            return
        self._adopting = role
        job = adopted(Path(weights), axis, Path(target), overwrite=overwrite)
        self.panel.run(job, "making a model of released weights", device="cpu")

    def choose(self, *layers: Layer) -> None:
        """Choose the layers to predict on, and show their tab.

        Raises
        ------
        ValueError
            If one is no grey image layer with bands.
        """
        for layer in layers:
            if layer not in self._layers:
                raise ValueError(f"layer {layer.name!r} is no grey image layer with bands")
        for row, layer in enumerate(self._layers):
            self._item(row).setCheckState(_checked(layer in layers))
        self.tabs.setCurrentIndex(0)

    @property
    def chosen(self) -> list[Layer]:
        """The layers to predict on."""
        return [
            layer
            for row, layer in enumerate(self._layers)
            if self._item(row).checkState() == Qt.CheckState.Checked
        ]

    @property
    def files(self) -> list[str]:
        """The files to predict on; setting them shows their tab."""
        return self.sources.files

    @files.setter
    def files(self, files: Sequence[str | Path]) -> None:
        self.sources.files = files
        self.tabs.setCurrentWidget(self.sources)

    @property
    def folder(self) -> Path | None:
        """Where results of files go, made when there is none; None while nobody said."""
        return self.sources.folder

    @folder.setter
    def folder(self, folder: str | Path) -> None:
        self.sources.folder = folder

    @property
    def suffix(self) -> str:
        """The suffix, and so the format, of results of files."""
        return self.sources.suffix

    @suffix.setter
    def suffix(self, suffix: str) -> None:
        self.sources.suffix = suffix

    def predict(self, *, overwrite: bool | None = None) -> None:
        """Predict in the background, on layers or files, whichever tab is shown.

        Parameters
        ----------
        overwrite : bool, optional
            What to do with files that exist: overwrite, or report them as failed. None asks.
        """
        if self.panel.running:
            return
        try:
            if self._evaluates:
                raise ValueError("choose what to predict on: layers or files")
            if self.tabs.currentIndex() == 0:
                self._predict_layers(self._order())
            else:
                self._predict_files(self._order(), overwrite)
        except ValueError as error:
            self.panel.show_error(str(error))

    def choose_truth(self, *examples: Mapping[str, Layer | str], **layers: Layer | str) -> None:
        """Choose layers, and texts, that the model is compared with, and show their tab.

        ``choose_truth(noisy=a, clean=b)``, or ``choose_truth({"noisy": a, "clean": b}, {…})``.
        """
        self.tabs.setCurrentWidget(self.truth)
        self.truth.choose(*examples, *([layers] if layers else []))

    def choose_truth_files(self, **paths: str | Path) -> None:
        """Choose files, or folders of them, that the model is compared with, and show their tab.

        Files of folders are paired by their names; ``list="files.csv"`` and, for whole images,
        ``classes="folder/"`` work as on the command line.
        """
        self.tabs.setCurrentWidget(self.truth)
        self.truth.choose_files(**paths)

    def evaluate(self, *_: object) -> None:
        """Compare the first model with the truth of what is chosen, in the background."""
        if self.panel.running:
            return
        try:
            if self._model is None:
                raise ValueError("choose a model first")
            input = self.truth.input
        except ValueError as error:
            self.panel.show_error(str(error))
            return
        self._run(compared(self._model, input, preferred_machine()), "evaluation")

    def stop(self, *_: object) -> None:
        """End the prediction after the tile under way; files already written stay."""
        self.panel.stop()

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        chosen = self.chosen
        self.truth.examples.refresh()
        self._layers = suitable_layers(self._viewer.layers, Cube)
        self._layer_list.clear()
        for layer in self._layers:
            item = QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_checked(layer in chosen or len(self._layers) == 1))
            self._layer_list.addItem(item)

    # -- what a person sees

    def _build(self) -> None:
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.chain.browse_clicked.connect(self._browse_then)
        self.chain.changed.connect(self._allow)
        self.card.setMinimumHeight(90)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._layer_list, "Layers")
        self.tabs.addTab(self.sources, "Files")
        self.tabs.addTab(self.truth, "Evaluate")
        self.tabs.setTabToolTip(2, "Compare what the model makes of images with their truth")
        self.tabs.currentChanged.connect(self._follow_tab)
        self._failures.setWordWrap(True)
        self._failures.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("<b>Model</b>"))
        layout.addLayout(in_a_row(self._model_line, browse))
        layout.addWidget(self.card, stretch=2)
        layout.addWidget(self.chain)
        layout.addWidget(self.probabilities)
        layout.addWidget(self._purpose)
        layout.addWidget(self.tabs, stretch=2)
        layout.addWidget(self.panel)
        layout.addWidget(self._failures)
        layout.addWidget(self.scores, stretch=1)
        self.scores.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.scores.setVisible(False)
        layout.addWidget(self.report, stretch=3)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(320)

    def _item(self, row: int) -> QListWidgetItem:
        item = self._layer_list.item(row)
        assert item is not None
        return item

    @property
    def _evaluates(self) -> bool:
        """Whether the tab is shown on which a model is judged."""
        return self.tabs.currentWidget() is self.truth

    def _allow(self, *_: object) -> None:
        self.panel.start_button.setEnabled(self._model is not None and not self.panel.running)
        last = self._shown if self.then is None else self.chain.card
        self.probabilities.setVisible(_tells_classes(last) and not self._evaluates)
        if self._evaluates:  # not before: tasks load torch
            task = self._shown and str(self._shown.recipe["task"]["kind"])
            self.truth.ask_for(kinds_of(task) if task else {})

    def _follow_tab(self, *_: object) -> None:
        """Show what there is to set for the tab, and on the button what it does."""
        self._purpose.setText(_COMPARE_WITH if self._evaluates else _PREDICT_ON)
        self.panel.start_button.setText("Evaluate" if self._evaluates else "Predict")
        self.chain.setVisible(not self._evaluates)
        self._allow()

    def _start_clicked(self, *_: object) -> None:
        if self._evaluates:
            self.evaluate()
        else:
            self.predict()

    def _order(self) -> Order:
        if self._model is None:
            raise ValueError("choose a model first")
        models = (self._model, self.then) if self.then else (self._model,)
        probabilities = self.probabilities.isVisibleTo(self) and self.probabilities.isChecked()
        return Order(models, probabilities, self.dwell)

    def _predict_layers(self, order: Order) -> None:
        cubes = [image for image in map(image_of_layer, self.chosen) if isinstance(image, Cube)]
        self._bands = [len(cube.axis) for cube in cubes]
        if not cubes:
            raise ValueError("choose at least one layer to predict on")
        self._run(predict_layers(order, cubes, preferred_machine()), "prediction")

    def _predict_files(self, order: Order, overwrite: bool | None) -> None:
        files, folder, suffix = self.files, self.folder, self.suffix
        if not files:
            raise ValueError("add at least one file to predict on")
        if folder is None:
            raise ValueError("choose a folder for the results")
        targets = [target_of(file, folder, suffix) for file in files]
        if len(set(targets)) < len(targets):
            raise ValueError("two of the files have the same name; predict them one by one")
        there = existing([file for target in targets for file in order.files(target)])
        if there and overwrite is None:
            overwrite = self._asked_to_overwrite(there)
            if overwrite is None:
                return
        machine, over = preferred_machine(), bool(overwrite)
        job = predict_files(order, files, folder, suffix, machine, overwrite=over)
        self._run(job, "prediction")

    def _run(self, job: Job[Any], title: str) -> None:
        self._failures.clear()
        self._show_scores([])
        self.report.show_report(None)
        self.panel.run(job, title, device=preferred_machine().device)

    def _keep(self, result: Predicted | Batch | Report | Path) -> None:
        match result:
            case Predicted():
                self._add(result)
            case Batch():
                self._report(result)
            case Report():
                self.report.show_report(result)
            case Path():
                setattr(self, self._adopting, result)
                self.panel.show_status(f"made {result.name}")
            case _:
                assert_never(result)

    def _add(self, predicted: Predicted) -> None:
        """Add what was predicted as layers."""
        results = predicted.results
        self.results = [
            self._viewer.add_layer(Layer.create(*on_all_bands(to_layer(image), bands)))
            for one, bands in zip(results, self._bands)  # fewer results, if it was stopped
            for image in reversed(one.images)  # classes above their probabilities
        ]
        self._say_saved(f"added {', '.join(layer.name for layer in self.results)}", predicted.saved)
        self._show_scores([row for one in results for row in scores_of(one.images[0])])
        self.report.show_report(next((one.report for one in results if one.report), None))

    def _say_saved(self, made: str, saved: str) -> None:
        """Say what was made, and what it saves of the time to measure."""
        self.panel.show_status("; ".join(filter(None, (made, saved))))

    def _show_scores(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show classes and probabilities of images that were classified as a whole."""
        names = list(rows[0]) if rows else []
        self.scores.setColumnCount(len(names))
        self.scores.setHorizontalHeaderLabels(names)
        self.scores.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, value in enumerate(row.values()):
                text = f"{value:.3f}" if isinstance(value, float) else str(value)
                self.scores.setItem(number, column, QTableWidgetItem(text))
        self.scores.resizeColumnsToContents()
        self.scores.setVisible(bool(rows))

    def _report(self, batch: Batch) -> None:
        self.batch = batch
        self._show_scores(batch.scores)
        count = len(batch.written)
        self._say_saved(f"wrote {count} file{'s' * (count != 1)} to {self.folder}", batch.saved)
        if batch.failed:
            reasons = [
                f"• {name}: {why.removeprefix(f'{name}: ')}"
                for name, why in ((Path(file).name, why) for file, why in batch.failed.items())
            ]
            self._failures.setText("\n".join([f"{len(reasons)} failed:", *reasons]))

    def _asked_to_overwrite(self, there: Sequence[Path]) -> bool | None:
        """Return whether to overwrite files that exist; None is to leave it all."""
        some = ", ".join(path.name for path in there[:5]) + " …" * (len(there) > 5)
        button = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Predict",
            f"{some} exist already in {self.folder}. Overwrite? (No predicts the others only.)",
            button.Yes | button.No | button.Cancel,
            button.Cancel,
        )
        return {button.Yes: True, button.No: False}.get(answer)

    def _browse(self, *_: object) -> None:
        self._take_model("model")

    def _browse_then(self, *_: object) -> None:
        self._take_model("then")

    def _take_model(self, role: _Role) -> None:
        """Ask for the file of a model; offer to make one of released weights."""
        path, _filter = QFileDialog.getOpenFileName(self, "Model", "", _MODEL_FILES)
        if not path:
            return
        if Path(path).suffix.lower() == _WEIGHTS:
            self.offer_import(path, role)
            return
        try:
            setattr(self, role, path)
        except (ValueError, OSError) as error:
            self.panel.show_error(str(error))

    def offer_import(self, weights: str | Path, role: _Role = "model") -> ImportWeightsDialog:
        """Ask what the bands of released weights stand for; then make a model of them."""
        dialog = ImportWeightsDialog(Path(weights), self)

        def import_weights() -> None:
            about = (dialog.axis, dialog.target)
            self.import_weights(dialog.weights, *about, role=role, overwrite=dialog.overwrite)

        dialog.accepted.connect(import_weights)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog


def _tells_classes(card: Card | None) -> bool:
    """Whether a model tells classes; its task is not looked up, which would load torch."""
    return card is not None and "classes" in card.recipe["task"]


def _checked(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
