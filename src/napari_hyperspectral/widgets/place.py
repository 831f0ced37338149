"""The Place dock: an image is brought onto the pixels of another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Container
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtWidgets import QLabel, QVBoxLayout

from ..cube import Cube, Image
from ..layers import on_all_bands, to_layer
from ..place.register import (
    Motion,
    Registration,
    register_by_correlation,
    register_by_landmarks,
)
from ..place.resample import resample_onto
from ..progress import Job, Progress
from .forms.fields import narrow
from .forms.layer_choice import LayerBox, has_image, has_points, image_of_layer
from .forms.layout import align_labels, scrolled
from .forms.wheel import guard_from_wheel
from .panel import JobDock, JobPanel

if TYPE_CHECKING:
    import napari

_STATED, _CORRELATION, _LANDMARKS = (
    "the places that both state",
    "correlation (a shift)",
    "landmarks",
)
_AUTOMATIC: Final = "as needed"
_FORM_HEIGHT: Final = 140
"""Least height of the settings on a small screen, in pixels; they are scrolled."""


class PlaceWidget(JobDock):
    """Choose an image, and another on whose pixels it is to lie; the result is a new layer.

    Scripts use `choose`, `resample`, `register`, `registration`, `result` and `stop`.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.registration: Registration | None = None
        """How the last image was registered; None where it was only resampled."""
        self.result: Layer | None = None
        """The layer added last."""
        self.moving = LayerBox(viewer=viewer, suits=has_image, name="image", label="Image")
        self.onto = LayerBox(viewer=viewer, suits=has_image, name="onto", label="Onto")
        self.points = LayerBox(
            viewer=viewer,
            suits=has_points,
            name="landmarks",
            label="Landmarks",
            tooltip="Points on landmarks of the image",
        )
        self.onto_points = LayerBox(
            viewer=viewer,
            suits=has_points,
            name="onto_landmarks",
            label="Onto landmarks",
            tooltip="Points on the same landmarks of the other, in the same order",
        )
        self.how = ComboBox(name="by", label="By", choices=[_STATED, _CORRELATION, _LANDMARKS])
        self.motion = ComboBox(
            name="motion",
            label="Motion",
            choices=[(_AUTOMATIC, None), *((motion, motion) for motion in get_args(Motion))],
            tooltip="What may differ: position, rotation, pixel size, shear",
        )
        self.keep_pixels = CheckBox(
            name="keep_pixels", text="Correct the place alone, keep its pixels"
        )
        self.panel = JobPanel("Bring onto its pixels")
        self._bands = 1
        self._build()
        self.panel.start_button.clicked.connect(self._start_clicked)
        self.panel.returned.connect(self._show_result)
        self.how.changed.connect(self._enable)
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
        self.moving.choose(image)
        self.onto.choose(onto)

    def resample(self) -> None:
        """Resample the image onto the pixels of the other, in the background."""
        self.how.value = _STATED
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
        self.how.value = _LANDMARKS if by_points else _CORRELATION
        if points is not None and onto_points is not None:
            self.points.choose(points)
            self.onto_points.choose(onto_points)
        self.motion.value = motion
        self._start()

    def stop(self, *_: object) -> None:
        """Stop after the present step."""
        self.panel.stop()

    # -- what a person sees

    def _build(self) -> None:
        rows: Container[Any] = Container(
            widgets=[
                self.moving,
                self.onto,
                self.how,
                self.points,
                self.onto_points,
                self.motion,
                self.keep_pixels,
            ]
        )
        rows.margins = (0, 0, 0, 0)
        rows.native.layout().addStretch()
        narrow(self.how.native)
        align_labels(rows)
        guard_from_wheel(rows.native)
        self.hold(*rows)
        self.onto.avoid(lambda: [self.moving.value])
        self.onto_points.avoid(lambda: [self.points.value])
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("<b>Place</b>"))
        layout.addWidget(scrolled(rows.native, _FORM_HEIGHT), stretch=1)
        layout.addWidget(self.panel)
        self.setMinimumWidth(320)

    def _enable(self, *_: object) -> None:
        how = self.how.value
        for box in (self.points, self.onto_points, self.motion):
            box.enabled = how == _LANDMARKS
        self.keep_pixels.enabled = how != _STATED

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
        moving, onto = _chosen(self.moving, "image"), _chosen(self.onto, "image to lie on")
        if moving is onto:
            raise ValueError("an image lies on its own pixels already; choose two layers")
        image, fixed = image_of_layer(moving), image_of_layer(onto)
        self._bands = len(fixed.axis) if isinstance(fixed, Cube) else 1
        how = self.how.value
        keeps_pixels = self.keep_pixels.value
        if how == _STATED:
            return _resampling(image, fixed)
        if how == _CORRELATION:
            return _registering(image, fixed, None, None, keeps_pixels=keeps_pixels)
        marked = (
            _pixels_of(_chosen(self.points, "layer of points"), moving),
            _pixels_of(_chosen(self.onto_points, "layer of points"), onto),
        )
        return _registering(image, fixed, marked, self.motion.value, keeps_pixels=keeps_pixels)

    def _show_result(self, result: Registration | Image) -> None:
        self.registration = result if isinstance(result, Registration) else None
        image = result.image if isinstance(result, Registration) else result
        layer = Layer.create(*on_all_bands(to_layer(image), self._bands))
        self.result = self._viewer.add_layer(layer)
        self.panel.show_status(str(self.registration or f"added {layer.name}"))


def _chosen(box: LayerBox, what: str) -> Layer:
    """Return the chosen layer, or refuse: there is none."""
    if box.value is None:
        raise ValueError(f"choose the {what}; add or open one first")
    return box.value


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
