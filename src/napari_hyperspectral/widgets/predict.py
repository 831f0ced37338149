"""Run a model on layers or on files: one dock for every model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
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
    QWidget,
)

from ..card import Card, read_card
from ..cube import Cube
from ..layers import on_all_bands, to_layer
from ..progress import Job
from ..summary import scores_of
from .batch import (
    Batch,
    Order,
    existing,
    output_suffixes,
    predict_files,
    predict_layers,
    target_of,
)
from .card_view import CardView
from .layer_choice import fitting, image_of
from .panel import JobDock, JobPanel
from .preferences import preferred_machine
from .report_view import ReportView

if TYPE_CHECKING:
    import napari

    from ..chain import Results
    from ..model import Model

_MODEL_FILES = "Models (*.safetensors)"
_FIRST_SUFFIX = ".ome.tif"


class PredictWidget(JobDock):
    """Choose a model and layers or files; press Predict; results come as layers or files.

    A script drives it by `model`, `then`, `choose`, `files`, `folder`, `suffix`, `predict` and
    `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._model: Model | Path | None = None
        self._then: Path | None = None
        self._layers: list[Layer] = []
        self.batch: Batch | None = None
        """What became of the files predicted last."""
        self.results: list[Layer] = []
        """The layers of the prediction last made."""
        self._model_line = QLineEdit()
        self._model_line.setReadOnly(True)
        self._model_line.setPlaceholderText("Choose a model file, or train a model")
        self._then_line = QLineEdit()
        self._then_line.setReadOnly(True)
        self._then_line.setPlaceholderText("Optional: run on what the first model makes")
        self.probabilities = QCheckBox("Probabilities of the classes, too")
        self.card = CardView()
        self._layer_list, self._file_list = QListWidget(), QListWidget()
        self._folder_line, self._suffix_box = QLineEdit(), QComboBox()
        self._failures = QLabel()
        self.scores = QTableWidget()
        self.report = ReportView()
        self._tells = self._then_tells = False  # classes
        self._bands: list[int] = []  # of each layer that a prediction is running on
        self.panel = JobPanel("Predict")
        self._build()
        self.panel.start_button.clicked.connect(self._predict_clicked)
        self.panel.returned.connect(self._keep)
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
        self._model, self._tells = model, _tells_classes(card)
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
        return self._then

    @then.setter
    def then(self, file: Path | str | None) -> None:
        file = None if file is None else Path(file)
        card = None if file is None else read_card(file)
        self._then, self._then_tells = file, _tells_classes(card)
        kind = "" if card is None else str(card.recipe["task"]["kind"])
        self._then_line.setText("" if file is None else f"{file.name} ({kind})")
        self._then_line.setCursorPosition(0)
        self._then_line.setToolTip(str(file or ""))
        self._allow()

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
        rows = map(self._file_list.item, range(self._file_list.count()))
        return [item.text() for item in rows if item is not None]

    @files.setter
    def files(self, files: Sequence[str | Path]) -> None:
        self._file_list.clear()
        self._file_list.addItems([str(file) for file in files])
        self.tabs.setCurrentIndex(1)

    @property
    def folder(self) -> Path:
        """Where results of files go; made when there is none."""
        return Path(self._folder_line.text().strip())

    @folder.setter
    def folder(self, folder: str | Path) -> None:
        self._folder_line.setText(str(folder))

    @property
    def suffix(self) -> str:
        """The suffix, and so the format, of results of files."""
        return self._suffix_box.currentText()

    @suffix.setter
    def suffix(self, suffix: str) -> None:
        self._suffix_box.setCurrentText(suffix)

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
            if self.tabs.currentIndex() == 0:
                self._predict_layers(self._order())
            else:
                self._predict_files(self._order(), overwrite)
        except ValueError as error:
            self.panel.complain(str(error))

    def stop(self, *_: object) -> None:
        """End the prediction after the tile under way; files already written stay."""
        self.panel.stop()

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        chosen = self.chosen
        self._layers = fitting(self._viewer.layers, Cube)
        self._layer_list.clear()
        for layer in self._layers:
            item = QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_checked(layer in chosen or len(self._layers) == 1))
            self._layer_list.addItem(item)

    # -- what a person sees

    def _build(self) -> None:
        browse, browse_then, no_then = (QPushButton(t) for t in ("Browse…", "Browse…", "None"))
        browse.clicked.connect(self._browse)
        browse_then.clicked.connect(self._browse_then)
        no_then.clicked.connect(lambda *_: setattr(self, "then", None))
        first = _row(self._model_line, browse)
        second = _row(QLabel("Then"), self._then_line, browse_then, no_then)
        self.card.setMinimumHeight(90)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._layer_list, "Layers")
        self.tabs.addTab(self._files_tab(), "Files")
        self._failures.setWordWrap(True)
        self._failures.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("<b>Model</b>"))
        layout.addLayout(first)
        layout.addWidget(self.card, stretch=2)
        layout.addLayout(second)
        layout.addWidget(self.probabilities)
        layout.addWidget(QLabel("<b>Predict on</b>"))
        layout.addWidget(self.tabs, stretch=2)
        layout.addWidget(self.panel)
        layout.addWidget(self._failures)
        layout.addWidget(self.scores, stretch=1)
        self.scores.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.scores.setVisible(False)
        layout.addWidget(self.report, stretch=3)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(320)

    def _files_tab(self) -> QWidget:
        self._file_list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._folder_line.setPlaceholderText("Folder for the results")
        self._suffix_box.addItems(sorted(output_suffixes()))
        self._suffix_box.setCurrentText(_FIRST_SUFFIX)
        add, remove, choose = QPushButton("Add…"), QPushButton("Remove"), QPushButton("Choose…")
        add.clicked.connect(self._add_files)
        remove.clicked.connect(self._remove_files)
        choose.clicked.connect(self._choose_folder)
        tab, rows = QWidget(), QFormLayout()
        layout = QVBoxLayout(tab)
        layout.addWidget(self._file_list)
        for parts, add_to in (((add, remove), layout), ((self._folder_line, choose), None)):
            line = QHBoxLayout()
            for part in parts:
                line.addWidget(part)
            if add_to is None:
                rows.addRow("Folder", line)
            else:
                add_to.addLayout(line)
        rows.addRow("Format", self._suffix_box)
        layout.addLayout(rows)
        return tab

    def _item(self, row: int) -> QListWidgetItem:
        item = self._layer_list.item(row)
        assert item is not None
        return item

    def _allow(self) -> None:
        self.panel.start_button.setEnabled(self._model is not None and not self.panel.running)
        last_tells = self._tells if self._then is None else self._then_tells
        self.probabilities.setVisible(last_tells)

    def _predict_clicked(self, *_: object) -> None:
        self.predict()

    def _order(self) -> Order:
        if self._model is None:
            raise ValueError("choose a model first")
        models = (self._model, self._then) if self._then else (self._model,)
        wanted = self.probabilities.isVisibleTo(self) and self.probabilities.isChecked()
        return Order(models, wanted)

    def _predict_layers(self, order: Order) -> None:
        cubes = [image for image in map(image_of, self.chosen) if isinstance(image, Cube)]
        self._bands = [len(cube.axis) for cube in cubes]
        if not cubes:
            raise ValueError("choose at least one layer to predict on")
        self._run(predict_layers(order, cubes, preferred_machine()))

    def _predict_files(self, order: Order, overwrite: bool | None) -> None:
        files, suffix = self.files, self.suffix
        if not files:
            raise ValueError("add at least one file to predict on")
        if not self._folder_line.text().strip():
            raise ValueError("choose a folder for the results")
        targets = [target_of(file, self.folder, suffix) for file in files]
        if len(set(targets)) < len(targets):
            raise ValueError("two of the files have the same name; predict them one by one")
        there = existing([file for target in targets for file in order.files(target)])
        if there and overwrite is None:
            overwrite = self._asked_to_overwrite(there)
            if overwrite is None:
                return
        self._run(
            predict_files(
                order, files, self.folder, suffix, preferred_machine(), overwrite=bool(overwrite)
            )
        )

    def _run(self, job: Job[list[Results]] | Job[Batch]) -> None:
        self._failures.clear()
        self._show_scores([])
        self.report.show_report(None)
        self.panel.run(job, "prediction", device=preferred_machine().device)

    def _keep(self, result: list[Results] | Batch) -> None:
        if isinstance(result, Batch):
            self._report(result)
            return
        self.results = [
            self._viewer.add_layer(Layer.create(*on_all_bands(to_layer(image), bands)))
            for one, bands in zip(result, self._bands)  # fewer results, if it was stopped
            for image in reversed(one.images)  # classes above their probabilities
        ]
        self.panel.say(f"added {', '.join(layer.name for layer in self.results)}")
        self._show_scores([row for one in result for row in scores_of(one.images[0])])
        self.report.show_report(next((one.report for one in result if one.report), None))

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
        self.panel.say(f"wrote {len(batch.written)} files to {self.folder}")
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

    def _take_model(self, which: Literal["model", "then"]) -> None:
        """Ask for the file of a model."""
        path, _filter = QFileDialog.getOpenFileName(self, "Model", "", _MODEL_FILES)
        if not path:
            return
        try:
            setattr(self, which, path)
        except (ValueError, OSError) as error:
            self.panel.complain(str(error))

    def _add_files(self, *_: object) -> None:
        paths, _filter = QFileDialog.getOpenFileNames(self, "Files to predict on")
        self.files = [*self.files, *(path for path in paths if path not in self.files)]
        if paths and not self._folder_line.text():
            self.folder = Path(paths[0]).parent / "predicted"

    def _remove_files(self, *_: object) -> None:
        for item in self._file_list.selectedItems():
            self._file_list.takeItem(self._file_list.row(item))

    def _choose_folder(self, *_: object) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.folder = folder


def _tells_classes(card: Card | None) -> bool:
    """Whether a model tells classes; its task is not looked up, which would load torch."""
    return card is not None and "classes" in card.recipe["task"]


def _row(*parts: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for part in parts:
        row.addWidget(part)
    return row


def _checked(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
