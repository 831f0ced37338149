"""Choosing layers by the names a task gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ..cube import Cube, Image, Labels
from ..layers import from_layer

Kinds = Mapping[str, type[Cube] | type[Labels]]


def image_of(layer: Layer) -> Image:
    """Return the cube or labels that a layer shows; for the GUI thread.

    Raises
    ------
    ValueError
        If it shows neither.
    """
    image: Image = from_layer(*layer.as_layer_data_tuple())
    return image


def fitting(layers: Sequence[Layer], kind: type[Cube] | type[Labels]) -> list[Layer]:
    """Return the layers that can show an image of this kind."""
    if kind is Labels:
        return [layer for layer in layers if isinstance(layer, LabelsLayer)]
    return [
        layer
        for layer in layers
        if isinstance(layer, ImageLayer) and not layer.rgb and layer.ndim >= 3
    ]


class LayerBox(QComboBox):
    """Choose a layer of one kind; follows the layers of the viewer."""

    def __init__(self, viewer: Any, name: str, kind: type[Cube] | type[Labels]) -> None:
        super().__init__()
        self._viewer, self._name, self._kind = viewer, name, kind
        self._layers: list[Layer] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setObjectName(name)

    @property
    def layer(self) -> Layer | None:
        """The chosen layer; choosing one that does not fit is refused.

        Raises
        ------
        ValueError
            If the layer is none of the choices.
        """
        row = self.currentIndex()
        return self._layers[row] if row >= 0 else None

    @layer.setter
    def layer(self, layer: Layer) -> None:
        if layer not in self._layers:
            raise ValueError(
                f"layer {layer.name!r} cannot be {self._name!r}: that is a "
                + ("label layer" if self._kind is Labels else "grey image layer with bands")
            )
        self.setCurrentIndex(self._layers.index(layer))

    def refresh(self, taken: Sequence[Layer]) -> None:
        """Show the viewer's layers; where the chosen one is gone, take the best that is left."""
        chosen = self.layer
        self._layers = fitting(self._viewer.layers, self._kind)
        before = self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        if chosen not in self._layers:
            chosen = self._likely(taken)
        self.setCurrentIndex(-1 if chosen is None else self._layers.index(chosen))
        self.blockSignals(before)

    def _likely(self, taken: Sequence[Layer]) -> Layer | None:
        """Return a layer called like what is asked for; else one that has no part yet."""
        free = [layer for layer in self._layers if layer not in taken]
        named = [layer for layer in free if self._name in layer.name.lower()]
        return next(iter((*named, *free, *self._layers)), None)


class ExampleList(QWidget):
    """The layers to learn from: one example or several, each of them named layers."""

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.kinds: Kinds = {}
        self._rows: list[tuple[QWidget, dict[str, LayerBox]]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._more, self._less = QPushButton("Add another"), QPushButton("Remove last")
        self._more.setToolTip("Several images, of any sizes, are learned from together")
        self._more.clicked.connect(self.add)
        self._less.clicked.connect(self.remove)
        buttons = QHBoxLayout()
        buttons.addWidget(self._more)
        buttons.addWidget(self._less)
        buttons.addStretch()
        self._layout.addLayout(buttons)

    @property
    def layers(self) -> list[dict[str, Layer | None]]:
        """The chosen layers of each example, by name."""
        return [{name: box.layer for name, box in boxes.items()} for _, boxes in self._rows]

    @property
    def images(self) -> list[dict[str, Image]]:
        """The images of each example, by name.

        Raises
        ------
        ValueError
            If a layer is not chosen, or cannot be what it was chosen as.
        """
        return [
            {name: _image(name, layer) for name, layer in example.items()}
            for example in self.layers
        ]

    def ask_for(self, kinds: Kinds) -> None:
        """Ask for one example of images of these names and kinds."""
        while self._rows:
            self._drop()
        self.kinds = kinds
        self.add()

    def choose(self, *examples: Mapping[str, Layer]) -> None:
        """Choose the layers of all examples, by name.

        Raises
        ------
        ValueError
            If a name is not asked for, or a layer cannot be what it is chosen as.
        """
        while len(self._rows) < len(examples):
            self.add()
        while len(self._rows) > max(1, len(examples)):
            self._drop()
        for example, (_row, boxes) in zip(examples, self._rows, strict=True):
            for name, layer in example.items():
                if name not in boxes:
                    raise ValueError(f"no layer {name!r} is asked for, only {', '.join(boxes)}")
                boxes[name].layer = layer
        self._tell()

    def add(self, *_: object) -> None:
        """Ask for one example more."""
        row = QWidget()
        form = QFormLayout(row)
        form.setContentsMargins(0, 0, 0, 4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        boxes = {name: LayerBox(self._viewer, name, kind) for name, kind in self.kinds.items()}
        for name, box in boxes.items():
            form.addRow(name.capitalize(), box)
            box.currentIndexChanged.connect(self._tell)
        self._rows.append((row, boxes))
        self._layout.insertWidget(len(self._rows) - 1, row)
        self.refresh()

    def remove(self, *_: object) -> None:
        """Ask for one example less; never for none."""
        if len(self._rows) > 1:
            self._drop()
            self._tell()

    def refresh(self, *_: object) -> None:
        """Follow the layers of the viewer."""
        taken: list[Layer] = [
            layer for example in self.layers for layer in example.values() if layer is not None
        ]
        for _row, boxes in self._rows:
            for box in boxes.values():
                box.refresh(taken)
                if box.layer is not None:
                    taken.append(box.layer)
        self._tell()

    def _drop(self) -> None:
        row, _boxes = self._rows.pop()
        row.setParent(None)
        row.deleteLater()

    def _tell(self, *_: object) -> None:
        self._less.setVisible(len(self._rows) > 1)
        self.changed.emit()


def _image(name: str, layer: Layer | None) -> Image:
    if layer is None:
        raise ValueError(f"choose a layer for {name!r}; open a file or a sample first")
    return image_of(layer)
