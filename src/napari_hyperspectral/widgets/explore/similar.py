"""Where else does this spectrum occur? A live map of how alike all spectra are to one, and labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, get_args

import numpy as np
from magicgui.widgets import ComboBox, FloatSlider
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ...cube import Cube
from ...layers import from_layer, to_layer
from ...spectra.arrays import Array
from ...spectra.matching.similarity import Similarity, similarity_map_steps
from ..forms.fields import Field
from ..forms.layer_choice import cube_of_layer
from .live_map import LiveMap


class Reference(NamedTuple):
    """The spectrum that others are compared with."""

    layer: ImageLayer
    """Of the cube it is from."""
    spectrum: Array
    """Intensities, shape (band,)."""
    name: str
    """Such as "① (12, 30)"."""


class SimilarityTool(QWidget):
    """Maps how alike spectra are to that of the last pin, or under the cursor.

    Parameters
    ----------
    viewer : napari.Viewer
        That gets the map.
    reference : callable
        Returns the spectrum to compare with, or None where there is none yet.
    """

    def __init__(self, viewer: Any, reference: Callable[[], Reference | None]) -> None:
        super().__init__()
        self._viewer = viewer
        self._reference = reference
        self.map = LiveMap(viewer, self)
        self.measure = ComboBox(name="similarity", choices=get_args(Similarity))
        self.measure.tooltip = "Angle: 0° for the same shape. Correlation: 1, on any background"
        self.threshold = FloatSlider(name="threshold", min=0.0, max=1.0, value=0.1, step=0.01)
        self.threshold.tooltip = "Share of the pixels, the most alike ones, that become labels"
        self.threshold.native.setMaximumWidth(160)
        self.measure.changed.connect(self.update_map)
        labels = QPushButton("Make labels")
        labels.setToolTip("Labels of the most alike pixels, as many as the slider says")
        labels.clicked.connect(lambda *_: self.make_labels())
        self.button = QPushButton("Similar")
        self.button.setCheckable(True)
        self.button.setToolTip("Where spectra are like that of the last pin, or the cursor (S)")
        self.button.clicked.connect(self.toggle)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.measure.native)
        layout.addWidget(self.threshold.native)
        layout.addWidget(labels)
        self.setVisible(False)

    @property
    def fields(self) -> list[Field]:
        """What can be set in the bar."""
        return [self.measure, self.threshold]

    @property
    def active(self) -> bool:
        """Whether the map is shown."""
        return self.button.isChecked()

    def toggle(self, *_: object) -> None:
        """Show the map, or no longer."""
        self.activate(not self.isVisibleTo(self.parentWidget()))

    def activate(self, active: bool) -> None:
        """Show the map, or remove it."""
        self.button.setChecked(active)
        self.setVisible(active)
        if active:
            self.update_map()
        else:
            self.map.discard()

    def update_map(self, *_: object) -> None:
        """Compare with the reference as it is now."""
        reference = self._reference() if self.active else None
        if reference is None:
            return
        compare = partial(
            similarity_map_steps,
            cube_of_layer(reference.layer),
            reference.spectrum,
            self.measure.value,
            of=reference.name,
        )
        self.map.show(compare)

    def make_labels(self) -> Layer | None:
        """Add labels of the most alike pixels, or return None while there is no map."""
        layer = self.map.layer
        if layer is None:
            return None
        image = from_layer(*layer.as_layer_data_tuple())
        assert isinstance(image, Cube)
        values = image.numpy()[..., 0, :, :].astype(np.float64)
        alike = _most_alike(values, self.measure.value, self.threshold.value)
        labels = image.as_labels(
            alike.astype(np.uint8), name=f"{image.name} labels", classes=("similar",)
        )
        data, attributes, kind = to_layer(labels)
        return self._viewer.add_layer(Layer.create(data, attributes, kind))


def _most_alike(values: Array, measure: Similarity, share: float) -> NDArray[np.bool_]:
    """Return which pixels are most alike, (…, y, x): about this share of those with a value."""
    likeness = -values if measure == "angle" else values
    known = np.isfinite(likeness)
    if not known.any() or share <= 0:
        return np.zeros(values.shape, bool)
    least = np.quantile(likeness[known], 1 - share)
    alike: NDArray[np.bool_] = known & (likeness >= least)
    return alike
