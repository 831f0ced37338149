"""The Place dock: an image is brought onto the pixels of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from napari.layers import Layer
from napari.layers import Points as PointsLayer
from numpy.typing import NDArray
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QVBoxLayout

from ..cube import Cube, Image, Labels
from ..layers import on_all_bands, to_layer
from ..place.register import (
    Motion,
    Registration,
    register_by_correlation,
    register_by_landmarks,
)
from ..place.resample import resample_onto
from ..progress import Job, Progress
from .forms.layer_choice import image_of_layer, suitable_layers
from .panel import JobDock, JobPanel

if TYPE_CHECKING:
    import napari

_STATED, _CORRELATION, _LANDMARKS = (
    "the places that both state",
    "correlation (a shift)",
    "landmarks",
)
_AUTOMATIC: Final = "as needed"


class PlaceWidget(JobDock):
    """Choose an image, and another on whose pixels it is to lie; the result is a new layer.

    Scripts use `choose`, `resample`, `register`, `registration`, `result` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.registration: Registration | None = None
        """How the last image was registered; None where it was only resampled."""
        self.result: Layer | None = None
        """The layer added last."""
        self.moving = _LayerChoice()
        self.onto = _LayerChoice()
        self.points = _LayerChoice()
        self.onto_points = _LayerChoice()
        self.how = QComboBox()
        self.motion = QComboBox()
        self.keep_pixels = QCheckBox("Correct the place alone, keep its pixels")
        self.panel = JobPanel("Bring onto its pixels")
        self._bands = 1
        self._build()
        self.panel.start_button.clicked.connect(self._start_clicked)
        self.panel.returned.connect(self._show_result)
        self.how.currentIndexChanged.connect(self._enable)
        self.reset_choices()
        self._enable()

    # -- what a script uses

    def choose(self, image: Layer, onto: Layer) -> None:
        """Choose the layer to be moved or resampled, and the one on whose pixels.

        Raises
        ------
        ValueError
            If one is neither labels nor a grey image with bands.
        """
        self.moving.layer = image
        self.onto.layer = onto

    def resample(self) -> None:
        """Resample the image onto the pixels of the other, in the background."""
        self.how.setCurrentText(_STATED)
        self._start()

    def register(
        self,
        points: Layer | None = None,
        onto_points: Layer | None = None,
        motion: Motion | None = None,
    ) -> None:
        """Register the image, by points in both or by correlation, in the background.

        Parameters
        ----------
        points, onto_points : Points layer, optional
            The same landmarks in either image, in one order; without them, images are correlated.
        motion : str, optional
            See `place.register.register_by_landmarks`.
        """
        by_points = points is not None and onto_points is not None
        self.how.setCurrentText(_LANDMARKS if by_points else _CORRELATION)
        if points is not None and onto_points is not None:
            self.points.layer = points
            self.onto_points.layer = onto_points
        self.motion.setCurrentText(motion or _AUTOMATIC)
        self._start()

    def stop(self, *_: object) -> None:
        """Stop after the present step."""
        self.panel.stop()

    def reset_choices(self, *_: object) -> None:
        """Update the choices of layers; napari calls this when they change."""
        layers = self._viewer.layers
        images = [*suitable_layers(layers, Labels), *suitable_layers(layers, Cube)]
        points = [layer for layer in layers if isinstance(layer, PointsLayer)]
        self.moving.offer(images, 0)
        self.onto.offer(images, -1)
        self.points.offer(points, 0)
        self.onto_points.offer(points, -1)

    # -- what a person sees

    def _build(self) -> None:
        self.how.addItems([_STATED, _CORRELATION, _LANDMARKS])
        self.motion.addItems([_AUTOMATIC, *get_args(Motion)])
        self.motion.setToolTip("What may differ: position, rotation, pixel size, shear")
        self.points.setToolTip("Points on landmarks of the image")
        self.onto_points.setToolTip("Points on the same landmarks of the other, in the same order")
        rows = QFormLayout()
        rows.addRow("Image", self.moving)
        rows.addRow("Onto", self.onto)
        rows.addRow("By", self.how)
        rows.addRow("Landmarks", self.points)
        rows.addRow("Onto landmarks", self.onto_points)
        rows.addRow("Motion", self.motion)
        rows.addRow("", self.keep_pixels)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("<b>Place</b>"))
        layout.addLayout(rows)
        layout.addWidget(self.panel)
        layout.addStretch()
        self.setMinimumWidth(320)

    def _enable(self, *_: object) -> None:
        how = self.how.currentText()
        for box in (self.points, self.onto_points, self.motion):
            box.setEnabled(how == _LANDMARKS)
        self.keep_pixels.setEnabled(how != _STATED)

    def _start_clicked(self, *_: object) -> None:
        self._start()

    def _start(self) -> None:
        if self.panel.running:
            return
        try:
            job = self._job()
        except ValueError as error:
            self.panel.show_error(str(error))
            return
        self.panel.run(job, "bringing an image onto another", device="cpu")

    def _job(self) -> Job[Registration | Image]:
        """Return the job that is chosen; layers are read here, in the GUI thread."""
        moving, onto = self.moving.chosen("image"), self.onto.chosen("image to lie on")
        if moving is onto:
            raise ValueError("an image lies on its own pixels already; choose two layers")
        image, fixed = image_of_layer(moving), image_of_layer(onto)
        self._bands = len(fixed.axis) if isinstance(fixed, Cube) else 1
        how = self.how.currentText()
        keeps_pixels = self.keep_pixels.isChecked()
        if how == _STATED:
            return _resampling(image, fixed)
        if how == _CORRELATION:
            return _registering(image, fixed, None, None, keeps_pixels=keeps_pixels)
        marked = (
            _pixels_of(self.points.chosen("layer of points"), moving),
            _pixels_of(self.onto_points.chosen("layer of points"), onto),
        )
        motion = next((m for m in get_args(Motion) if m == self.motion.currentText()), None)
        return _registering(image, fixed, marked, motion, keeps_pixels=keeps_pixels)

    def _show_result(self, result: Registration | Image) -> None:
        self.registration = result if isinstance(result, Registration) else None
        image = result.image if isinstance(result, Registration) else result
        layer = Layer.create(*on_all_bands(to_layer(image), self._bands))
        self.result = self._viewer.add_layer(layer)
        self.panel.show_status(str(self.registration or f"added {layer.name}"))


class _LayerChoice(QComboBox):
    """Choose one of some layers."""

    def __init__(self) -> None:
        super().__init__()
        self._layers: list[Layer] = []

    @property
    def layer(self) -> Layer | None:
        """The chosen layer."""
        row = self.currentIndex()
        return self._layers[row] if row >= 0 else None

    @layer.setter
    def layer(self, layer: Layer) -> None:
        if layer not in self._layers:
            names = ", ".join(known.name for known in self._layers) or "none"
            raise ValueError(f"layer {layer.name!r} cannot be chosen here; there is {names}")
        self.setCurrentIndex(self._layers.index(layer))

    def chosen(self, what: str) -> Layer:
        """Return the chosen layer, or refuse: there is none."""
        if self.layer is None:
            raise ValueError(f"choose the {what}; add or open one first")
        return self.layer

    def offer(self, layers: Sequence[Layer], likeliest: int) -> None:
        """Offer these layers; the chosen one stays, where it is still there."""
        before = self.layer
        self._layers = list(layers)
        self.clear()
        self.addItems([layer.name for layer in layers])
        if before in self._layers:
            self.setCurrentIndex(self._layers.index(before))
        elif self._layers:
            self.setCurrentIndex(likeliest % len(self._layers))


def _pixels_of(points: Layer, layer: Layer) -> NDArray[np.float64]:
    """Return the pixels of a layer, (point, (row, column)), that points lie on."""
    pixels = []
    for point in points.data:
        position = points.data_to_world(point)[-layer.ndim :]
        missing = layer.ndim - len(position)  # napari aligns layers by their last axes
        pixels.append(layer.world_to_data((*(0.0,) * missing, *position))[-2:])
    return np.asarray(pixels, np.float64).reshape(-1, 2)


def _resampling(image: Image, onto: Image) -> Job[Registration | Image]:
    yield Progress(0, 1, note="resampling")
    return resample_onto(image, onto)


def _registering(
    image: Image,
    onto: Image,
    marked: tuple[Any, Any] | None,
    motion: Motion | None,
    *,
    keeps_pixels: bool,
) -> Job[Registration | Image]:
    """Register an image; unless it keeps its pixels, resample it."""
    yield Progress(0, 2, note="registering")
    if marked is None:
        registration = register_by_correlation(image, onto)
    else:
        registration = register_by_landmarks(image, onto, *marked, motion)
    if keeps_pixels:
        return registration
    yield Progress(1, 2, note="resampling")
    return replace(registration, image=resample_onto(registration.image, onto))
