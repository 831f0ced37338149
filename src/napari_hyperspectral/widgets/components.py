"""The Components dock: components, directions and clusters of the spectra of a cube, as maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..cube import Cube, Image
from ..io import read
from ..layers import on_all_bands, to_layer
from ..progress import Job, Progress
from ..settings import Settings, reason_of
from ..spectra.components import Components, Unmixing
from ..spectra.decomposition.count import SuggestedCount, suggested_count
from ..spectra.decomposition.spikes import COSMIC_RAYS
from ..spectra.matching.library import library_on, matches
from .explore.component_plot import ComponentPlot
from .explore.found import METHODS, Found, find_steps
from .forms.form import Chooser
from .forms.layer_choice import LayerBox, LayersBox, cube_of_layer, has_bands
from .forms.layout import in_a_row, scrolled
from .panel import JobDock, JobPanel

if TYPE_CHECKING:
    import napari


_FORM_HEIGHT: Final = 110
_NOTES_HEIGHT: Final = 40
"""Least heights on a small screen, in pixels."""


class ComponentsWidget(JobDock):
    """Choose a cube, and how its spectra are taken apart; maps are added as layers.

    Scripts use `choose`, `settings`, `search`, `suggest`, `remove_cosmic_rays`, `match` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.found: Found | None = None
        """What was found last."""
        self.results: list[Layer] = []
        """The layers added last."""
        self.cube = LayerBox(viewer=viewer, name="cube")
        self._others = LayersBox(viewer=viewer, name="others", suits=self._is_other)
        self._method: Chooser[Settings] = Chooser(METHODS, Unmixing, name="method")
        self._plot = ComponentPlot()
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._notes = scrolled(self._words, _NOTES_HEIGHT)
        self._notes.setMaximumHeight(3 * _NOTES_HEIGHT)
        self.panel = JobPanel("Find")
        self._suggest = _button("Suggest number", "How many components the cube has, and why")
        self._clean = _button("Remove cosmic rays first", "Spikes would count as components")
        self._match = _button("Match library…", "Compare the spectra with those of files")
        self.hold(self.cube, self._others, self._method)
        self._build()
        self._suggest.clicked.connect(lambda *_: self.suggest())
        self._clean.clicked.connect(lambda *_: self.remove_cosmic_rays())
        self._match.clicked.connect(lambda *_: self._ask_for_library())
        self.panel.start_button.clicked.connect(lambda *_: self.search())
        self.panel.returned.connect(self._on_returned)
        self.cube.changed.connect(self.reset_choices)
        self._method.changed.connect(self._show_others)
        self.reset_choices()

    # -- what a script uses

    @property
    def settings(self) -> Settings:
        """The settings of the chosen method; setting them chooses it."""
        return self._method.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._method.settings = settings

    @property
    def components(self) -> Components | None:
        """The components found last, where they were found by unmixing."""
        return None if self.found is None else self.found.components

    @property
    def others(self) -> list[Layer]:
        """The other layers in which components are mapped."""
        others: list[Layer] = self._others.value
        return others

    def choose(self, cube: Layer, *others: Layer) -> None:
        """Choose the layer in which components are found, and others to map them in.

        Raises
        ------
        ValueError
            If one of them is no grey image layer with bands.
        """
        self.cube.choose(cube)
        self._others.choose(others)

    def search(self) -> None:
        """Find components, directions or clusters, in the background."""
        if self.panel.running:
            return
        try:
            cube = cube_of_layer(self.cube.value)
            others = [cube_of_layer(layer) for layer in self.others] if self._unmixes else []
            job = find_steps(cube, others, self.settings)
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        self.panel.run(job, "finding components", device="cpu")

    def suggest(self) -> None:
        """Find out how many components there are, in the background, and fill that in."""
        self._run_on_cube(_suggest_steps, "counting components")

    def remove_cosmic_rays(self) -> None:
        """Add the cube without cosmic rays as a layer, and choose it; in the background."""
        self._run_on_cube(_without_cosmic_rays, "removing cosmic rays")

    def match(self, paths: Sequence[str]) -> list[str]:
        """Compare what was found with the spectra of files; return the best match of each.

        Raises
        ------
        ValueError, OSError
            If nothing was found yet, or a file cannot be compared.
        """
        if self.found is None:
            raise ValueError("nothing to match yet; find components first")
        spectra = self.found.spectra
        library = library_on(spectra.spectral_axis, [_named(path) for path in paths])
        best = [found[0] for found in matches(spectra, library)]
        lines = []
        for name, match in zip(self.found.names, best, strict=False):
            lines.append(f"{name}: {match.name} ({match.angle:.1f}°)")
        self._say([*lines, *library.notes])
        return [match.name for match in best]

    def stop(self, *_: object) -> None:
        """Stop what runs."""
        self.panel.stop()

    def reset_choices(self, *_: object) -> None:
        """Update the choices of layers; napari calls this when they change."""
        super().reset_choices()
        can_start = self.cube.value is not None and not self.panel.running
        for button in (self.panel.start_button, self._suggest):
            button.setEnabled(can_start)

    # -- what a person sees

    def _build(self) -> None:
        self._others.tooltip = "The components of the cube are mapped in these, too"
        self._others.max_height = 54
        self._rows = QFormLayout()
        self._rows.addRow("Cube", self.cube.native)
        self._rows.addRow("Map also in", self._others.native)
        form = QWidget()
        settings = QVBoxLayout(form)
        settings.setContentsMargins(0, 0, 0, 0)
        settings.addLayout(self._rows)
        settings.addWidget(self._method.native)
        settings.addLayout(in_a_row(self._suggest, self._match))
        settings.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(scrolled(form, _FORM_HEIGHT), stretch=1)
        layout.addWidget(self.panel)
        layout.addWidget(self._clean)
        layout.addWidget(self._plot, stretch=1)
        layout.addWidget(self._notes)
        for part in (self._clean, self._plot, self._notes):
            part.setVisible(False)  # until something is found
        self._match.setEnabled(False)
        self.setMinimumWidth(320)

    @property
    def _unmixes(self) -> bool:
        return self._method.kind is Unmixing

    def _show_others(self, *_: object) -> None:
        """Ask for other cubes only where components are mapped in them."""
        self._rows.setRowVisible(self._others.native, self._unmixes)

    def _is_other(self, layer: Layer) -> bool:
        return has_bands(layer) and layer is not self.cube.value

    def _run_on_cube(self, make: Callable[[Cube], Job[object]], title: str) -> None:
        if self.panel.running:
            return
        try:
            cube = cube_of_layer(self.cube.value)
        except ValueError as error:
            self.panel.show_error(reason_of(error))
            return
        self.panel.run(make(cube), title, device="cpu")

    def _on_returned(self, result: Found | SuggestedCount | Cube) -> None:
        if isinstance(result, Found):
            self._show_found(result)
        elif isinstance(result, Cube):
            self._show_cleaned(result)
        else:
            self._show_suggestion(result)

    def _show_found(self, found: Found) -> None:
        """Add maps as layers, plot spectra, and say what is to be known of them."""
        self.found = found
        self.results = [self._add_layer(image) for image in found.images]
        self._viewer.layers.selection.active = self.results[0]  # the Spectrum dock takes its axis
        if found.components is None:
            self._show_first_map(self.results[0])
        self._plot.show_found(found)
        self._plot.setVisible(True)
        self._say(found.lines)
        self._clean.setVisible(bool(found.spikes))
        self._match.setEnabled(True)
        self.panel.show_status(f"found {len(found.names)} {found.what}")

    def _say(self, lines: Sequence[str]) -> None:
        """Show lines below the plot."""
        self._words.setText("\n".join(lines))
        self._notes.setVisible(bool(lines))

    def _show_first_map(self, maps: Layer) -> None:
        """Move the slider to the first of several maps: at a band of the cube there may be none."""
        if maps.ndim > 2 and isinstance(maps, ImageLayer):
            self._viewer.dims.set_point(self._viewer.dims.ndim - 3, maps.translate[-3])

    def _show_cleaned(self, cube: Cube) -> None:
        layer = self._viewer.add_layer(Layer.create(*to_layer(cube)))
        self.cube.choose(layer)
        self._clean.setVisible(False)
        self.panel.show_status(f"added {layer.name}; find again")

    def _show_suggestion(self, suggestion: SuggestedCount) -> None:
        settings = self.settings
        for name in ("count", "clusters"):
            if name in type(settings).model_fields:
                self.settings = settings.model_copy(update={name: suggestion.components})
        self.panel.show_status(f"{suggestion.components}: {suggestion.reason}")

    def _add_layer(self, image: Image) -> Layer:
        layer = Layer.create(*on_all_bands(to_layer(image, in_colour=True), 1))
        # flat maps of classes would cover the composite, which shows the same
        has_composite = self.components is not None
        layer.visible = layer.ndim > 2 or getattr(layer, "rgb", False) or not has_composite
        return self._viewer.add_layer(layer)

    def _ask_for_library(self) -> None:
        paths, _filter = QFileDialog.getOpenFileNames(self, "Spectra to compare with")
        if paths:
            try:
                self.match(paths)
            except (ValueError, OSError) as error:
                self.panel.show_error(reason_of(error))


def _named(path: str) -> Cube:
    """Return the spectra of a file, named after it where it names none."""
    cube = read(path)
    return replace(cube, name=cube.name or Path(path).stem)


def _suggest_steps(cube: Cube) -> Job[SuggestedCount]:
    yield Progress(0, 0, note="estimating noise")
    return suggested_count(cube)


def _without_cosmic_rays(cube: Cube) -> Job[Cube]:
    yield Progress(0, 0, note="looking for spikes")
    cleaned = COSMIC_RAYS.on(cube)
    yield Progress(1, 2, note="bridging spikes")
    return replace(cleaned, data=cleaned.numpy(), name=f"{cube.name} · without cosmic rays")


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
