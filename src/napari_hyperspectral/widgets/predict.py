"""Run a model on layers or files, or evaluate it on images with their truth: one dock for all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, assert_never

from magicgui.widgets import Container
from napari.layers import Layer
from qtpy.QtWidgets import QFileDialog, QLabel, QMessageBox, QTabWidget, QVBoxLayout, QWidget

from ..axis import SpectralAxis
from ..evaluation.reports import Report
from ..layers import on_all_bands, to_layer
from ..models.summary import scores_of
from ..progress import Job
from ..settings import reason_of
from ..workflows.evaluate import evaluate_source_steps
from ..workflows.import_weights import import_weights_steps
from ..workflows.predict_files import (
    PredictedFiles,
    PredictedLayers,
    PredictionRequest,
    predict_files_steps,
    predict_layers_steps,
)
from ..workflows.targets import existing_files, targets_in_folder
from .card_view import CardView
from .forms.fields import Field
from .forms.layer_choice import LayersBox, cube_of_layer
from .forms.layout import align_labels, collapsible, scrolled
from .forms.model_choice import dwell_times, first_model, second_model
from .forms.source_files import SourceFiles
from .import_weights import ImportWeightsDialog
from .panel import JobDock, JobPanel
from .predict_options import PredictOptions
from .preferences import preferred_machine
from .results_view import ResultsView
from .truth import TruthChoice, kinds_of

if TYPE_CHECKING:
    import napari

    from ..models.model import Model

_MODEL_FILES: Final = "Models, and weights that DeepeR released (*.safetensors *.pt)"
_WEIGHTS: Final = ".pt"
_Role = Literal["model", "then"]
_FORM_HEIGHT: Final = 140
"""Least height of the settings on a small screen, in pixels; they are scrolled."""
_PREDICT_ON: Final = "<b>Predict on</b>"
_COMPARE_WITH: Final = "<b>Compare with the truth</b>"


class PredictWidget(JobDock):
    """Choose a model and layers or files; press Predict; results come as layers or files.

    Or choose images with their truth, and press Evaluate. A script drives it by `model`, `second_model`,
    `dwell`, `options`, `import_weights`, `choose`, `files`, `folder`, `suffix`, `predict`, `choose_truth`,
    `choose_truth_files`, `evaluate` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._import_role: _Role = "model"
        """What the weights that are being imported are for."""
        self._bands: list[int] = []
        """Number of bands of each layer that a prediction is running on."""
        self.predicted_files: PredictedFiles | None = None
        """What became of the files predicted last."""
        self.results: list[Layer] = []
        """The layers that the last prediction added."""
        self.first = first_model()
        self.card = CardView()
        self.second = second_model()
        self.dwell_times = dwell_times()
        self.options = PredictOptions()
        self.probabilities = self.options.probabilities
        self._purpose = QLabel(_PREDICT_ON)
        self.layers = LayersBox(viewer=viewer, takes_the_only_one=True, name="layers")
        self.layers.tooltip = "Click layers to choose them, or not"
        self.sources = SourceFiles()
        self.truth = TruthChoice(viewer)
        self.panel = JobPanel("Predict")
        self.results_view = ResultsView()
        self.report = self.results_view.report
        self.hold(
            self.first, self.second, self.dwell_times, self.options, self.layers, self.sources,
            *self.truth.widgets,
        )  # fmt: skip
        self._build()
        self._connect()
        self.reset_choices()
        self._update_controls()

    # -- what a script uses

    @property
    def model(self) -> Model | Path | None:
        """The model to run: a model, or the file of one.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        model: Model | Path | None = self.first.value
        return model

    @model.setter
    def model(self, model: Model | Path | str | None) -> None:
        self.first.value = model

    @property
    def second_model(self) -> Path | None:
        """The file of a model to run on the output of the first one; None: there is none.

        Raises
        ------
        FileNotFoundError, FileFormatError
            When set to a path that is no model file; the one before stays.
        """
        file: Path | None = self.second.value
        return file

    @second_model.setter
    def second_model(self, file: Path | str | None) -> None:
        self.second.value = file

    @property
    def dwell(self) -> tuple[float, float] | None:
        """Time a pixel takes to measure well, and the time it took, in one unit; or None.

        With it, the history of results says how much dwell time was saved.
        """
        times: tuple[float, float] | None = self.dwell_times.value
        return times

    @dwell.setter
    def dwell(self, times: tuple[float, float] | None) -> None:
        self.dwell_times.value = times

    def import_weights(
        self,
        weights: str | Path,
        axis: SpectralAxis,
        target: str | Path,
        *,
        role: _Role = "model",
        overwrite: bool = False,
    ) -> None:
        """Import weights that DeepeR released, in the background, and choose the model file.

        Parameters
        ----------
        weights : path
            Such as ``ResUNet.pt``.
        axis : SpectralAxis
            Axis of its bands; the file does not say.
        target : path
            The model file to write.
        role : str
            Whether it becomes the first model, or the one that runs on the output of the first.
        overwrite : bool
            Whether the target may be overwritten.
        """
        if self.panel.running:
            self.panel.show_error("another job is running; import the weights when it is done")
            return
        self._import_role = role
        job = import_weights_steps(Path(weights), axis, Path(target), overwrite=overwrite)
        self.panel.run(job, "importing released weights", device="cpu")

    def choose(self, *layers: Layer) -> None:
        """Choose the layers to predict on, and show their tab.

        Raises
        ------
        ValueError
            If one is no grey image layer with bands.
        """
        self.layers.choose(layers)
        self.tabs.setCurrentWidget(self.layers.native)

    @property
    def chosen(self) -> list[Layer]:
        """The layers to predict on."""
        layers: list[Layer] = self.layers.value
        return layers

    @property
    def files(self) -> list[str]:
        """The files to predict on; setting them shows their tab."""
        files: list[str] = self.sources["files"].value
        return files

    @files.setter
    def files(self, files: Sequence[str | Path]) -> None:
        self.sources["files"].value = files
        self.tabs.setCurrentWidget(self.sources.native)

    @property
    def folder(self) -> Path | None:
        """Where results of files go; it is made when needed. None: not chosen yet."""
        return self.sources.folder

    @folder.setter
    def folder(self, folder: str | Path) -> None:
        self.sources["folder"].value = folder

    @property
    def suffix(self) -> str:
        """The suffix, and so the format, of results of files."""
        suffix: str = self.sources["suffix"].value
        return suffix

    @suffix.setter
    def suffix(self, suffix: str) -> None:
        self.sources["suffix"].value = suffix

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
            if self.tabs.currentWidget() is self.layers.native:
                self._predict_layers(self._request())
            else:
                self._predict_files(self._request(), overwrite)
        except ValueError as error:
            self.panel.show_error(reason_of(error))

    def choose_truth(self, *examples: Mapping[str, Layer | str], **layers: Layer | str) -> None:
        """Choose the layers, and texts, to evaluate the model on, and show their tab.

        ``choose_truth(noisy=a, clean=b)``, or ``choose_truth({"noisy": a, "clean": b}, {…})``.
        """
        self.tabs.setCurrentWidget(self.truth)
        self.truth.choose(*examples, *([layers] if layers else []))

    def choose_truth_files(self, **paths: str | Path) -> None:
        """Choose the files, or folders of them, to evaluate the model on, and show their tab.

        Files of folders are paired by their names; ``list="files.csv"`` and, for tasks of one
        class per image, ``classes="folder/"`` work as on the command line.
        """
        self.tabs.setCurrentWidget(self.truth)
        self.truth.choose_files(**paths)

    def evaluate(self, *_: object) -> None:
        """Compare the first model with the truth of what is chosen, in the background."""
        if self.panel.running:
            return
        try:
            if self.model is None:
                raise ValueError("choose a model first")
            source = self.truth.source
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        job = evaluate_source_steps(
            self.model, source, preferred_machine(), same_pixels=self.truth.same_pixels
        )
        self._run(job, "evaluation")

    def stop(self, *_: object) -> None:
        """End the prediction after the present tile; files already written stay."""
        self.panel.stop()

    # -- what a person sees

    def _build(self) -> None:
        self.card.setMinimumHeight(60)
        self.card.setVisible(False)  # until there is a model
        rarely_needed: Container[Field] = Container(widgets=[self.second, self.dwell_times])
        rarely_needed.margins = (0, 0, 0, 0)
        align_labels(rarely_needed)
        self._fold = collapsible("Second model, dwell times", rarely_needed.native)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.layers.native, "Layers")
        self.tabs.addTab(self.sources.native, "Files")
        self.tabs.addTab(self.truth, "Evaluate")
        self.tabs.setTabToolTip(2, "Compare the model's predictions with the truth")
        form = QWidget()
        settings = QVBoxLayout(form)
        settings.setContentsMargins(0, 0, 0, 0)
        settings.addWidget(QLabel("<b>Model</b>"))
        settings.addWidget(self.first.native)
        settings.addWidget(self.card, stretch=2)
        settings.addWidget(self._fold)
        settings.addWidget(self.options.native)
        settings.addWidget(self._purpose)
        settings.addWidget(self.tabs, stretch=2)
        layout = QVBoxLayout(self)
        layout.addWidget(scrolled(form, _FORM_HEIGHT), stretch=4)
        layout.addWidget(self.panel)
        layout.addWidget(self.results_view, stretch=3)
        self.setMinimumWidth(320)

    def _connect(self) -> None:
        self.first.browse_button.changed.connect(self._browse_clicked)
        self.second.browse_button.changed.connect(self._browse_then_clicked)
        self.first.changed.connect(self._show_card)
        for part in (self.second, self.dwell_times):
            part.changed.connect(self._show_rarely_needed)
        self.tabs.currentChanged.connect(self._follow_tab)
        self.panel.start_button.clicked.connect(self._start_clicked)
        self.panel.returned.connect(self._keep)
        self.panel.ended.connect(self._update_controls)

    def _show_card(self, *_: object) -> None:
        self.card.show_card(self.first.card)
        self.card.setVisible(self.first.card is not None)
        self._update_controls()

    def _show_rarely_needed(self, chosen: object) -> None:
        if chosen is not None:
            self._fold.expand(animate=False)
        self._update_controls()

    @property
    def _evaluates(self) -> bool:
        """Whether the tab is shown on which a model is evaluated."""
        return self.tabs.currentWidget() is self.truth

    def _update_controls(self, *_: object) -> None:
        """Show the controls that the model and the tab call for, and enable what can be done."""
        self.panel.start_button.setEnabled(self.model is not None and not self.panel.running)
        cards = [card for card in (self.first.card, self.second.card) if card is not None]
        self.options.follow(cards)
        self.options.visible = not self._evaluates
        if not self._evaluates:
            return
        if self.first.card is None:
            self.truth.ask_for({})
        else:  # not before: tasks load torch
            self.truth.ask_for(kinds_of(self.first.card.task_kind))

    def _follow_tab(self, *_: object) -> None:
        """Show the settings of the tab, and on the button what it does."""
        evaluates = self._evaluates
        self._purpose.setText(_COMPARE_WITH if evaluates else _PREDICT_ON)
        self.panel.start_button.setText("Evaluate" if evaluates else "Predict")
        self._fold.setVisible(not evaluates)
        self._update_controls()

    def _start_clicked(self, *_: object) -> None:
        if self._evaluates:
            self.evaluate()
        else:
            self.predict()

    # -- the prediction

    def _request(self) -> PredictionRequest:
        if self.model is None:
            raise ValueError("choose a model first")
        models = (self.model,) if self.second_model is None else (self.model, self.second_model)
        options = self.options
        return PredictionRequest(
            models, options.predicts_probabilities, self.dwell, options.averages_turns
        )

    def _predict_layers(self, request: PredictionRequest) -> None:
        cubes = [cube_of_layer(layer) for layer in self.chosen]
        if not cubes:
            raise ValueError("choose at least one layer to predict on")
        self._bands = [len(cube.axis) for cube in cubes]
        self._run(predict_layers_steps(request, cubes, preferred_machine()), "prediction")

    def _predict_files(self, request: PredictionRequest, overwrite: bool | None) -> None:
        files = self.files
        folder = self.folder
        if not files:
            raise ValueError("add at least one file to predict on")
        if folder is None:
            raise ValueError("choose a folder for the results")
        targets = targets_in_folder(folder, files, self.suffix, probabilities=request.probabilities)
        existing = existing_files([file for target in targets for file in target.images])
        if existing and overwrite is None:
            overwrite = self._ask_to_overwrite(existing)
            if overwrite is None:
                return
        job = predict_files_steps(
            request, files, targets, preferred_machine(), overwrite=bool(overwrite)
        )
        self._run(job, "prediction")

    def _run(self, job: Job[Any], title: str) -> None:
        self.results_view.clear()
        self.panel.run(job, title, device=preferred_machine().device)

    def _keep(self, result: PredictedLayers | PredictedFiles | Report | Path) -> None:
        """Take what a job returned."""
        match result:
            case PredictedLayers():
                self._add_layers(result)
            case PredictedFiles():
                self._report_files(result)
            case Report():
                self.results_view.show_report(result)
            case Path():
                self._choose_model_file(self._import_role, result)
                self.panel.show_status(f"made {result.name}")
            case _:
                assert_never(result)

    def _add_layers(self, predicted: PredictedLayers) -> None:
        """Add what was predicted as layers, classes above their probabilities."""
        self.results = []
        scores: list[dict[str, Any]] = []
        for result, bands in zip(
            predicted.results, self._bands
        ):  # fewer results, if it was stopped
            for image in reversed(result.images):
                layer = Layer.create(*on_all_bands(to_layer(image), bands))
                self.results.append(self._viewer.add_layer(layer))
            scores += scores_of(result.images[0])
        reports = [result.report for result in predicted.results if result.report is not None]
        names = ", ".join(layer.name for layer in self.results)
        self._say(f"added {names}", predicted.time_saved)
        self.results_view.show_scores(scores)
        self.results_view.show_report(reports[0] if reports else None)

    def _report_files(self, predicted: PredictedFiles) -> None:
        """Say which files were written, and show which failed."""
        self.predicted_files = predicted
        count = len(predicted.written)
        files = "1 file" if count == 1 else f"{count} files"
        self._say(f"wrote {files} to {self.folder}", predicted.time_saved)
        self.results_view.show_scores(predicted.scores)
        self.results_view.show_failures(predicted.failed)

    def _say(self, result: str, time_saved: str) -> None:
        """Say what came of a prediction, and how much dwell time it saves."""
        self.panel.show_status(f"{result}; {time_saved}" if time_saved else result)

    def _ask_to_overwrite(self, existing: Sequence[Path]) -> bool | None:
        """Return whether to overwrite files that exist; None is to leave it all."""
        more = " …" if len(existing) > 5 else ""
        names = ", ".join(path.name for path in existing[:5]) + more
        question = f"{names} exist already in {self.folder}. Overwrite? (No predicts the others.)"
        button = QMessageBox.StandardButton
        buttons = button.Yes | button.No | button.Cancel
        answer = QMessageBox.question(self, "Predict", question, buttons, button.Cancel)
        return {button.Yes: True, button.No: False}.get(answer)

    # -- model files

    def _browse_clicked(self, *_: object) -> None:
        self._ask_for_model("model")

    def _browse_then_clicked(self, *_: object) -> None:
        self._ask_for_model("then")

    def _ask_for_model(self, role: _Role) -> None:
        """Ask for the file of a model; offer to import released weights."""
        path, _filter = QFileDialog.getOpenFileName(self, "Model", "", _MODEL_FILES)
        if not path:
            return
        if Path(path).suffix.lower() == _WEIGHTS:
            self.offer_import(path, role)
            return
        try:
            self._choose_model_file(role, Path(path))
        except (ValueError, OSError) as error:
            self.panel.show_error(reason_of(error))

    def _choose_model_file(self, role: _Role, path: Path) -> None:
        if role == "model":
            self.model = path
        else:
            self.second_model = path

    def offer_import(self, weights: str | Path, role: _Role = "model") -> ImportWeightsDialog:
        """Ask for the axis of released weights; then import them."""
        dialog = ImportWeightsDialog(Path(weights), self)

        def import_weights() -> None:
            self.import_weights(
                dialog.weights, dialog.axis, dialog.target, role=role, overwrite=dialog.overwrite
            )

        dialog.accepted.connect(import_weights)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog
