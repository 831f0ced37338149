"""Choose the layers of examples, and texts such as classes, by the names of a task's inputs."""

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
from ...painting.history import strokes_of

Kinds: TypeAlias = Mapping[str, type[Cube] | type[Labels] | type[str]]
Chosen: TypeAlias = Layer | str | None


def image_of_layer(layer: Layer) -> Image:
    """Return the cube or labels in a layer; only to be called in the GUI thread.

    Raises
    ------
    ValueError
        If it holds neither.
    """
    data, attributes, kind = layer.as_layer_data_tuple()
    image: Image = from_layer(data, attributes, kind, strokes_of(layer))
    return image


def suitable_layers(layers: Sequence[Layer], kind: type[Cube] | type[Labels]) -> list[Layer]:
    """Return the layers that can hold an image of this kind."""
    suits = _is_labels if kind is Labels else _has_bands
    return [layer for layer in layers if suits(layer)]


def _is_labels(layer: Layer) -> bool:
    return isinstance(layer, LabelsLayer)


def _has_bands(layer: Layer) -> bool:
    return isinstance(layer, ImageLayer) and not layer.rgb and layer.ndim >= 3


class LayerBox(QComboBox):
    """Choose a layer of one kind; follows the layers of the viewer."""

    def __init__(self, viewer: Any, name: str, kind: type[Cube] | type[Labels]) -> None:
        super().__init__()
        self._viewer = viewer
        self._name = name
        self._kind = kind
        self._layers: list[Layer] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setObjectName(name)

    @property
    def layer(self) -> Layer | None:
        """The chosen layer.

        Raises
        ------
        ValueError
            When set to a layer that is none of the choices.
        """
        row = self.currentIndex()
        return self._layers[row] if row >= 0 else None

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self.chosen = layer

    @property
    def chosen(self) -> Chosen:
        """The chosen layer, as `layer`; what boxes of layers and of texts have in common."""
        return self.layer

    @chosen.setter
    def chosen(self, layer: Chosen) -> None:
        if not isinstance(layer, Layer) or layer not in self._layers:
            kind = "labels layer" if self._kind is Labels else "grey image layer with bands"
            name = getattr(layer, "name", layer)
            raise ValueError(f"layer {name!r} cannot be {self._name!r}: choose a {kind}")
        self.setCurrentIndex(self._layers.index(layer))

    @property
    def image(self) -> Image:
        """The image in the chosen layer.

        Raises
        ------
        ValueError
            If no layer is chosen.
        """
        if self.layer is None:
            raise ValueError(f"choose a layer for {self._name!r}; open a file or a sample first")
        return image_of_layer(self.layer)

    def refresh(self, in_use: Sequence[Layer]) -> None:
        """Update the choices; where the chosen layer is gone, choose the likeliest.

        Layers that are `in_use` elsewhere are chosen only if there is no other.
        """
        chosen = self.layer
        self._layers = suitable_layers(self._viewer.layers, self._kind)
        before = self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        if chosen not in self._layers:
            chosen = self._likeliest(in_use)
        self.setCurrentIndex(-1 if chosen is None else self._layers.index(chosen))
        self.blockSignals(before)

    def _likeliest(self, in_use: Sequence[Layer]) -> Layer | None:
        """Return an unused layer with the name of the input, otherwise any unused one, or any."""
        unused = [layer for layer in self._layers if layer not in in_use]
        with_name = [layer for layer in unused if self._name in layer.name.lower()]
        for candidates in (with_name, unused, self._layers):
            if candidates:
                return candidates[0]
        return None


class TextBox(QLineEdit):
    """A text that belongs to an image, such as its class."""

    layer: Layer | None = None
    """No layer, ever: see `LayerBox.layer`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setPlaceholderText(f"{name} of the image")

    @property
    def chosen(self) -> Chosen:
        """The text; None where there is none."""
        return self.text().strip() or None

    @chosen.setter
    def chosen(self, text: Chosen) -> None:
        if not isinstance(text, str):
            raise ValueError(f"{self.objectName()!r} is a text, not a layer")
        self.setText(text)

    @property
    def image(self) -> str:
        """The text, in the place of an image.

        Raises
        ------
        ValueError
            If there is none.
        """
        text = self.text().strip()
        if not text:
            name = self.objectName()
            raise ValueError(f"{name!r} is empty; enter the {name} of the image")
        return text

    def refresh(self, in_use: Sequence[Layer]) -> None:
        """Do nothing: texts do not depend on the layers of the viewer."""


class ExampleList(QWidget):
    """Choose examples: the layers and texts of each, by name."""

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.kinds: Kinds = {}
        self._rows: list[tuple[QWidget, dict[str, LayerBox | TextBox]]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        add = QPushButton("Add another example")
        add.setToolTip("Use several images, of any sizes")
        add.clicked.connect(self.add)
        self._remove_button = QPushButton("Remove last")
        self._remove_button.clicked.connect(self.remove)
        buttons = QHBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(self._remove_button)
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
            If a layer or a text is missing, or a layer holds no such image.
        """
        examples: list[dict[str, Image | str]] = []
        for _row, boxes in self._rows:
            examples.append({name: box.image for name, box in boxes.items()})
        return examples

    def ask_for(self, kinds: Kinds) -> None:
        """Show one empty example with inputs of these names and kinds."""
        while self._rows:
            self._remove_last()
        self.kinds = kinds
        self.add()

    def choose(self, *examples: Mapping[str, Layer | str]) -> None:
        """Choose the layers, and texts, of all examples, by name.

        Raises
        ------
        ValueError
            If an example has no such name, or a layer cannot be chosen for it.
        """
        while len(self._rows) < len(examples):
            self.add()
        while len(self._rows) > max(1, len(examples)):
            self._remove_last()
        for example, (_row, boxes) in zip(examples, self._rows, strict=True):
            for name, layer in example.items():
                if name not in boxes:
                    raise ValueError(f"there is no {name!r} to choose, only {', '.join(boxes)}")
                boxes[name].chosen = layer
        self._emit_changed()

    def add(self, *_: object) -> None:
        """Show one more example."""
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
            text.textChanged.connect(self._emit_changed)
            return text
        layers = LayerBox(self._viewer, name, kind)
        layers.currentIndexChanged.connect(self._emit_changed)
        return layers

    def remove(self, *_: object) -> None:
        """Remove the last example; one always remains."""
        if len(self._rows) > 1:
            self._remove_last()
            self._emit_changed()

    def refresh(self, *_: object) -> None:
        """Update the choices; napari's layers have changed."""
        boxes = [box for _row, boxes in self._rows for box in boxes.values()]
        in_use = [box.layer for box in boxes if box.layer is not None]
        for box in boxes:
            box.refresh(in_use)
            if box.layer is not None:  # the next boxes choose another, if they can
                in_use.append(box.layer)
        self._emit_changed()

    def _remove_last(self) -> None:
        row, _boxes = self._rows.pop()
        row.setParent(None)
        row.deleteLater()

    def _emit_changed(self, *_: object) -> None:
        self._remove_button.setVisible(len(self._rows) > 1)
        self.changed.emit()
