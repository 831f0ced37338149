"""Choosing layers, and texts, by the names a task gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...cube import Cube, Image, Labels
from ...layers import from_layer

Kinds: TypeAlias = Mapping[str, type[Cube] | type[Labels] | type[str]]
Chosen: TypeAlias = Layer | str | None


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
        self.chosen = layer

    @property
    def chosen(self) -> Chosen:
        """As `layer`."""
        return self.layer

    @chosen.setter
    def chosen(self, layer: Chosen) -> None:
        if not isinstance(layer, Layer) or layer not in self._layers:
            raise ValueError(
                f"layer {getattr(layer, 'name', layer)!r} cannot be {self._name!r}: that is a "
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


class TextBox(QLineEdit):
    """A text that belongs to an image, such as its class."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setPlaceholderText(f"{name} of the image, in a word")

    @property
    def chosen(self) -> Chosen:
        """The text; None where there is none."""
        return self.text().strip() or None

    @chosen.setter
    def chosen(self, text: Chosen) -> None:
        if not isinstance(text, str):
            raise ValueError(f"{self.objectName()!r} is a text, not a layer")
        self.setText(text)

    def refresh(self, taken: Sequence[Layer]) -> None:
        """Stay as it is: texts do not depend on the layers of the viewer."""


class ExampleList(QWidget):
    """What to learn from: one example or several, each of them named layers and texts."""

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.kinds: Kinds = {}
        self._rows: list[tuple[QWidget, dict[str, LayerBox | TextBox]]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._more, self._less = QPushButton("Add another"), QPushButton("Remove last")
        self._more.setToolTip("Several images, of any sizes, are taken together")
        self._more.clicked.connect(self.add)
        self._less.clicked.connect(self.remove)
        buttons = QHBoxLayout()
        buttons.addWidget(self._more)
        buttons.addWidget(self._less)
        buttons.addStretch()
        self._layout.addLayout(buttons)

    @property
    def layers(self) -> list[dict[str, Chosen]]:
        """The chosen layers, and texts, of each example, by name."""
        return [{name: box.chosen for name, box in boxes.items()} for _, boxes in self._rows]

    @property
    def images(self) -> list[dict[str, Image | str]]:
        """The images, and texts, of each example, by name.

        Raises
        ------
        ValueError
            If a layer is not chosen, or cannot be what it was chosen as.
        """
        return [
            {name: _image(name, chosen, self.kinds[name]) for name, chosen in example.items()}
            for example in self.layers
        ]

    def ask_for(self, kinds: Kinds) -> None:
        """Ask for one example of images of these names and kinds."""
        while self._rows:
            self._drop()
        self.kinds = kinds
        self.add()

    def choose(self, *examples: Mapping[str, Layer | str]) -> None:
        """Choose the layers, and texts, of all examples, by name.

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
                boxes[name].chosen = layer
        self._tell()

    def add(self, *_: object) -> None:
        """Ask for one example more."""
        row = QWidget()
        form = QFormLayout(row)
        form.setContentsMargins(0, 0, 0, 4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        boxes: dict[str, LayerBox | TextBox] = {}
        for name, kind in self.kinds.items():
            boxes[name] = self._box(name, kind)
            form.addRow(name.capitalize(), boxes[name])
        self._rows.append((row, boxes))
        self._layout.insertWidget(len(self._rows) - 1, row)
        self.refresh()

    def _box(self, name: str, kind: type) -> LayerBox | TextBox:
        if kind is str:
            text = TextBox(name)
            text.textChanged.connect(self._tell)
            return text
        layers = LayerBox(self._viewer, name, kind)
        layers.currentIndexChanged.connect(self._tell)
        return layers

    def remove(self, *_: object) -> None:
        """Ask for one example less; never for none."""
        if len(self._rows) > 1:
            self._drop()
            self._tell()

    def refresh(self, *_: object) -> None:
        """Follow the layers of the viewer."""
        taken: list[Layer] = [
            part for example in self.layers for part in example.values() if isinstance(part, Layer)
        ]
        for _row, boxes in self._rows:
            for box in boxes.values():
                box.refresh(taken)
                if isinstance(box.chosen, Layer):
                    taken.append(box.chosen)
        self._tell()

    def _drop(self) -> None:
        row, _boxes = self._rows.pop()
        row.setParent(None)
        row.deleteLater()

    def _tell(self, *_: object) -> None:
        self._less.setVisible(len(self._rows) > 1)
        self.changed.emit()


def _image(name: str, chosen: Chosen, kind: type) -> Image | str:
    if chosen is None and kind is str:
        raise ValueError(f"say what {name!r} is")
    if chosen is None:
        raise ValueError(f"choose a layer for {name!r}; open a file or a sample first")
    return image_of(chosen) if isinstance(chosen, Layer) else chosen
