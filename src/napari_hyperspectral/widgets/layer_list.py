"""Layers of the viewer with a check box each: those that a model runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from ..cube import Cube
from .forms.layer_choice import image_of_layer, suitable_layers

if TYPE_CHECKING:
    import napari


class LayerList(QListWidget):
    """The image layers of a viewer that have bands; several can be checked."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layers: list[Layer] = []

    @property
    def chosen(self) -> list[Layer]:
        """The layers that are checked."""
        return [layer for row, layer in enumerate(self._layers) if self._is_checked(row)]

    @property
    def cubes(self) -> list[Cube]:
        """The cubes that the checked layers show."""
        images = [image_of_layer(layer) for layer in self.chosen]
        return [image for image in images if isinstance(image, Cube)]

    def choose(self, layers: Sequence[Layer]) -> None:
        """Check these layers, and no others.

        Raises
        ------
        ValueError
            If one is no grey image layer with bands.
        """
        for layer in layers:
            if layer not in self._layers:
                raise ValueError(f"layer {layer.name!r} is no grey image layer with bands")
        for row, layer in enumerate(self._layers):
            self.row_item(row).setCheckState(_check_state(layer in layers))

    def refresh(self) -> None:
        """Follow the viewer's layers; a layer keeps its check mark, and an only one gets it."""
        chosen = self.chosen
        self._layers = suitable_layers(self._viewer.layers, Cube)
        self.clear()
        for layer in self._layers:
            item = QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_check_state(layer in chosen or len(self._layers) == 1))
            self.addItem(item)

    def row_item(self, row: int) -> QListWidgetItem:
        """Return the item of a row."""
        item = self.item(row)
        assert item is not None
        return item

    def _is_checked(self, row: int) -> bool:
        return self.row_item(row).checkState() == Qt.CheckState.Checked


def _check_state(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
