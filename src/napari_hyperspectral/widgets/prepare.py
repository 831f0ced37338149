"""The Prepare dock: a chain of steps, what it does to spectra while it is changed, and its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from magicgui.widgets import CheckBox, ComboBox
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ..cube import Cube
from ..progress import Job, run
from ..settings import reason_of
from ..spectra.steps.chain import NOTHING, Chain, StepError
from ..spectra.steps.code import python_of
from ..spectra.steps.parts import is_lazy
from ..spectra.steps.preview import Preview
from ..spectra.steps.starters import starter, starter_for
from ..workflows.prepare import (
    PreparedFiles,
    PreparedLayers,
    prepare_files_steps,
    prepare_layers_steps,
)
from .forms.chain_form import ChainForm
from .forms.fields import narrow
from .forms.layer_choice import LayerBox, cube_of_layer
from .forms.layout import in_a_row
from .forms.wheel import guard_from_wheel
from .panel import JobDock, JobPanel
from .preparing.apply_to import ApplyTo
from .preparing.chain_menu import ChainMenu, small_button
from .preparing.live import LivePreview
from .preparing.shown import about_layer, add_layers, in_gigabytes, outcome, too_large
from .preparing.starting import EMPTY, OWN, starter_choices
from .preparing.undo import ChainHistory

if TYPE_CHECKING:
    import napari

_PLUGIN: Final = "napari-hyperspectral"
_SLOW_LAZY: Final = 2**25
"""Values from which it is told that a lazy layer is prepared when it is shown."""


class PrepareWidget(JobDock):
    """Edit a chain of steps, look at spectra before and after, and apply it.

    A script uses `choose`, `chain`, `undo`, `redo`, `apply`, `apply_to`, `apply_to_files`,
    `save_chain`, `load_chain`, `python`, `use_in_training` and `preview_now`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.results: list[Layer] = []
        """The layers added last."""
        self.prepared_files = PreparedFiles()
        """What became of the files prepared last."""
        self.cube = LayerBox(viewer=viewer, name="cube")
        self.starter = ComboBox(
            name="starter",
            choices=starter_choices(),
            value=EMPTY,
            tooltip="A chain for a kind of measurement, to begin with",
        )
        self.chain_form = ChainForm(name="chain", offers_files=False)
        self.shows_preview = CheckBox(
            name="preview",
            text="Preview",
            value=True,
            tooltip="Show spectra under the cursor and at pins in the Spectrum dock: as measured "
            "(faint), prepared, the baseline and the spikes",
        )
        self.apply_to_panel = ApplyTo(viewer)
        self.panel = JobPanel("Apply")
        self.live = LivePreview(viewer, self._chain_or_none, self._layer_or_none, self)
        self._history = ChainHistory()
        self._proposed: Chain = NOTHING
        self._filling = False
        self._shown_errors: dict[int, str] = {}
        self.hold(
            self.cube,
            self.starter,
            self.chain_form,
            self.shows_preview,
            self.apply_to_panel.layers,
            self.apply_to_panel.sources,
            self.apply_to_panel.open_results,
        )
        self._build()
        self._connect()
        active = viewer.layers.selection.active
        if active in self.cube.choices:
            self.cube.value = active
        self.reset_choices()
        self._layer_changed()

    # -- what a script uses

    @property
    def chain(self) -> Chain:
        """The chain in the form; setting it fills the form, and can be undone.

        Raises
        ------
        ValueError
            If settings of a step are not valid.
        """
        return self.chain_form.settings

    @chain.setter
    def chain(self, chain: Chain) -> None:
        self.chain_form.settings = chain

    def choose(self, layer: Layer) -> None:
        """Choose the cube.

        Raises
        ------
        ValueError
            If it is no grey image layer with bands.
        """
        self.cube.choose(layer)

    def undo(self, *_: object) -> None:
        """Take back the last change of the chain."""
        self._fill(self._history.undo())

    def redo(self, *_: object) -> None:
        """Make the change again that was taken back last."""
        self._fill(self._history.redo())

    def preview_now(self, y: int | None = None, x: int | None = None) -> Preview | None:
        """Return what the chain does to the spectrum of a pixel, and at pins; waits until it is known.

        Without a pixel, it is the last one under the cursor.
        """
        if y is not None and x is not None:
            self.live.show_pixel(y, x)
        return self.live.now()

    def apply(self, *_: object, wait: bool = False) -> list[Layer]:
        """Apply the chain to the cube, and add the result as a layer.

        Parameters
        ----------
        wait : bool
            Whether to return when it is done; else that goes on in the background.

        Returns
        -------
        list of Layer
            The layers that were added, where it waited.
        """
        return self._apply_to_layers([self.cube.value], wait)

    def apply_to(self, *layers: Layer, wait: bool = False) -> list[Layer]:
        """Apply the chain to several layers; without any, to those chosen. See `apply`."""
        if layers:
            self.apply_to_panel.layers.choose(layers)
            self.apply_to_panel.tabs.setCurrentIndex(0)
        return self._apply_to_layers(self.apply_to_panel.chosen, wait)

    def apply_to_files(self, *, wait: bool = False) -> PreparedFiles:
        """Apply the chain to the files that are chosen; none is ever overwritten. See `apply`."""
        if self.panel.running:
            return self.prepared_files
        try:
            targets = self.apply_to_panel.targets
            job = prepare_files_steps(self.chain, self.apply_to_panel.files, targets)
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return self.prepared_files
        self._run(job, "preparing files", wait)
        return self.prepared_files

    def stop(self, *_: object) -> None:
        """Stop what is applied; what is written or added already stays."""
        self.panel.stop()

    def save_chain(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the chain to a JSON file.

        Raises
        ------
        FileExistsError
            If the file exists and is not to be overwritten.
        """
        return self.chain.write(path, overwrite=overwrite)

    def load_chain(self, path: str | Path) -> None:
        """Fill the form from a chain file; what is wrong with the file is shown."""
        self.chain_form.load(str(path))

    @property
    def python(self) -> str:
        """A Python program that does the same to a file."""
        layer = self._layer_or_none()
        path = None if layer is None else layer.source.path
        return python_of(self.chain, path or "cube.hdr")

    def use_in_training(self, *_: object) -> Any:
        """Open the Train dock with this chain as its preprocessing; return it."""
        _, dock = self._viewer.window.add_plugin_dock_widget(_PLUGIN, "Train", tabify=True)
        dock["preprocessing"].value = self.chain
        self.panel.show_status("the Train dock prepares its examples by this chain")
        return dock

    def show_spectra(self, *_: object) -> None:
        """Open the Spectrum dock, which shows the preview."""
        self._viewer.window.add_plugin_dock_widget(_PLUGIN, "Spectrum")
        self.live.refresh()

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        super().reset_choices()
        self._enable()

    # -- what a person sees

    def _build(self) -> None:
        for box in (self.starter.native, self.cube.native):
            narrow(box)
            guard_from_wheel(box)
        self._about = QLabel()
        self._undo_button = small_button("↶", "Undo (Ctrl+Z)", self.undo)
        self._redo_button = small_button("↷", "Redo (Ctrl+Shift+Z)", self.redo)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._show_button = QPushButton("Show spectra")
        self._show_button.clicked.connect(self.show_spectra)
        self._to_button = QPushButton("Apply to…")
        self._to_button.setCheckable(True)
        self.chain_menu = ChainMenu(self)
        self.panel.buttons.insertWidget(1, self._to_button)
        self.panel.buttons.addWidget(self.chain_menu)
        self.apply_to_panel.hide()
        layout = QVBoxLayout(self)
        layout.setSpacing(4)
        top = in_a_row(QLabel("Layer"), self.cube.native)
        top.setStretch(1, 1)
        layout.addLayout(top)
        layout.addWidget(self._about)
        start = in_a_row(QLabel("Start from"), self.starter.native)
        start.addWidget(self._undo_button)
        start.addWidget(self._redo_button)
        start.setStretch(1, 1)
        layout.addLayout(start)
        layout.addWidget(self._scrolled(), stretch=1)
        layout.addLayout(in_a_row(self.shows_preview.native, self._note, self._show_button))
        layout.addWidget(self.panel)
        self.setMinimumWidth(320)

    def _scrolled(self) -> QScrollArea:
        """Return the steps, and what else may be long, to be scrolled through."""
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.chain_form.native)
        inside.addWidget(self.apply_to_panel)
        inside.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        area.setMinimumHeight(120)
        self._area = area
        return area

    def _connect(self) -> None:
        self.cube.changed.connect(self._layer_changed)
        self.starter.changed.connect(self._starter_chosen)
        self.chain_form.changed.connect(self._chain_changed)
        self.shows_preview.changed.connect(self._follow)
        self.live.computed.connect(self._show_preview)
        self.live.noted.connect(self._note.setText)
        self.panel.start_button.clicked.connect(self.apply)
        self.panel.returned.connect(self._keep)
        self.panel.failed.connect(self._show_failure)
        self.panel.ended.connect(self._enable)
        self._to_button.toggled.connect(self._show_apply_to)
        self.apply_to_panel.start_button.clicked.connect(self._apply_to_clicked)
        keys = QKeySequence.StandardKey
        for key, action in ((keys.Undo, self.undo), (keys.Redo, self.redo)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _layer_or_none(self) -> ImageLayer | None:
        layer: ImageLayer | None = self.cube.value
        return layer

    def _chain_or_none(self) -> Chain | None:
        try:
            return self.chain
        except ValueError:
            return None

    def _layer_changed(self, *_: object) -> None:
        """Say what the cube is; propose a chain for it, unless a person has made one."""
        layer = self._layer_or_none()
        self._about.setText("" if layer is None else about_layer(layer))
        if layer is not None and self._chain_or_none() in (NOTHING, self._proposed):
            self._propose(layer)
        self.live.forget()
        self._enable()

    def _propose(self, layer: ImageLayer) -> None:
        """Fill in the starter chain that suits a cube, if one does."""
        try:
            proposed = starter_for(cube_of_layer(layer))
        except ValueError as error:
            self.panel.show_status(f"no chain is proposed: {reason_of(error)}")
            return
        self._proposed = proposed.chain
        self._fill(proposed.chain)
        self._history = ChainHistory(proposed.chain)
        self._show_starter(proposed.name)
        self._enable()
        self.panel.show_status(f"{proposed.title}: proposed by axis and unit of the cube")

    def _show_starter(self, name: str) -> None:
        with self.starter.changed.blocked():
            self.starter.value = name

    def _starter_chosen(self, name: str) -> None:
        if name == OWN or self._filling:
            return
        self._proposed = NOTHING if name == EMPTY else starter(name).chain
        self.panel.show_status("")
        self.chain = self._proposed
        self._show_starter(name)

    def _fill(self, chain: Chain) -> None:
        """Show a chain that is in the history."""
        self._filling = True
        try:
            self.chain_form.settings = chain
        finally:
            self._filling = False
        self._after_change(chain)

    def _chain_changed(self, chain: Chain | None) -> None:
        if chain is None or self._filling:
            return
        self._history.add(chain)
        self._after_change(chain)

    def _after_change(self, chain: Chain) -> None:
        if chain != self._proposed:
            self._show_starter(OWN)
        self._enable()
        self.live.refresh()

    def _enable(self, *_: object) -> None:
        """Enable what can be done."""
        free = not self.panel.running
        self.panel.start_button.setEnabled(free and self.cube.value is not None)
        self.apply_to_panel.start_button.setEnabled(free)
        self._undo_button.setEnabled(self._history.can_undo)
        self._redo_button.setEnabled(self._history.can_redo)

    # -- the preview

    def _follow(self, *_: object) -> None:
        """Compute previews while the dock is seen and they are wanted; otherwise nothing."""
        shown = self.isVisible() and bool(self.shows_preview.value)
        self.live.active = shown
        if not shown:
            self.chain_form.show_effects({})
            self._note.setText("")
        self._show_button.setVisible(shown and not self.live.is_seen)

    def _show_preview(self, preview: Preview) -> None:
        self.chain_form.show_effects(preview.effects, preview.errors)
        pixel = self.live.pixel
        at = "" if pixel is None else f"at ({pixel[0]}, {pixel[1]})"
        self._note.setText("; ".join(text for text in (at, preview.note) if text))
        self._show_button.setVisible(self.isVisible() and not self.live.is_seen)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Catch up with what happened while the dock was hidden."""
        super().showEvent(event)
        self._follow()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Compute nothing while nobody looks."""
        super().hideEvent(event)
        self._follow()

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow nothing after the dock is closed: napari keeps the widget, without a parent."""
        super().changeEvent(event)
        closed = event is not None and event.type() == QEvent.Type.ParentChange
        if closed and self.parent() is None:
            self.live.active = False

    # -- what is applied

    def _apply_to_clicked(self, *_: object) -> None:
        apply = self.apply_to_files if self.apply_to_panel.uses_files else self.apply_to
        apply()

    def _show_apply_to(self, shown: bool) -> None:
        self.apply_to_panel.setVisible(shown)
        if shown:
            QApplication.processEvents()
            self._area.ensureWidgetVisible(self.apply_to_panel.start_button)

    def _apply_to_layers(self, layers: Sequence[Layer | None], wait: bool) -> list[Layer]:
        if self.panel.running:
            return []
        self.results = []
        try:
            if not layers:
                raise ValueError("choose the layers to prepare")
            cubes = [cube_of_layer(layer) for layer in layers]
            if not wait and self._goes_to_file(layers, cubes):
                return []
            job = prepare_layers_steps(self.chain, cubes)
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return []
        self._sources = list(layers)
        self._run(job, "preparation", wait)
        return self.results

    def _run(self, job: Job[Any], title: str, wait: bool) -> None:
        if wait:
            self._keep(run(job))
        else:
            self.panel.run(job, title, device="preparation")

    def _goes_to_file(self, layers: Sequence[Layer | None], cubes: Sequence[Cube]) -> bool:
        """Offer to write a file, where a cube is too large to be prepared whenever a band is shown."""
        files = [layer.source.path for layer in layers if layer is not None and layer.source.path]
        if not any(map(too_large, cubes)) or len(files) < len(layers):
            return False
        self.apply_to_panel.files = files
        self.apply_to_panel.open_results.value = True
        self._to_button.setChecked(True)
        self.panel.show_status(
            f"{in_gigabytes(cubes)} would be prepared anew for every band that is shown: choose "
            "a folder above, and “Apply to these files”"
        )
        return True

    def _keep(self, prepared: PreparedLayers | PreparedFiles) -> None:
        """Take what was prepared."""
        if isinstance(prepared, PreparedFiles):
            self._keep_files(prepared)
        else:
            self._keep_layers(prepared)
        for error in prepared.errors.values():
            self._show_failure(error)

    def _keep_layers(self, prepared: PreparedLayers) -> None:
        self.results = add_layers(self._viewer, prepared.layers, self._sources)
        names = ", ".join(layer.name for layer in self.results)
        text = f"added {names}" if names else ""
        if any(is_lazy(layer.data) and layer.data.size > _SLOW_LAZY for layer in self.results):
            text += "; it is prepared whenever it is shown: “Apply to…” writes a file once"
        self._say(text, prepared.errors)

    def _keep_files(self, prepared: PreparedFiles) -> None:
        self.prepared_files = prepared
        names = ", ".join(path.name for path in prepared.written)
        self._say(
            f"wrote {names} to {self.apply_to_panel.sources.folder}" * bool(names), prepared.errors
        )
        if self.apply_to_panel.open_results.value and prepared.written:
            paths = [str(path) for path in prepared.written]
            self._viewer.open(paths, plugin=_PLUGIN, stack=False)

    def _say(self, text: str, errors: dict[str, Exception]) -> None:
        """Say what was made, and what failed, and why."""
        lines = outcome(text, errors)
        show = self.panel.show_error if errors else self.panel.show_status
        show("\n".join(lines))

    def _show_failure(self, error: BaseException) -> None:
        """Show an error in the line of the step that it belongs to."""
        step_error = error if isinstance(error, StepError) else error.__cause__
        if isinstance(step_error, StepError):
            self.chain_form.show_effects({}, {step_error.number - 1: step_error.reason})
