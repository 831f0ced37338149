"""Choose examples: the layers, and texts such as classes, by the names of a task's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from magicgui.widgets import Container, LineEdit, PushButton
from magicgui.widgets.bases import ValuedContainerWidget
from napari.layers import Layer
from napari.utils.notifications import show_error

from ...cube import Cube, Image, Labels
from ...layers import labels_layer
from ...settings import reason_of
from .layer_choice import LayerBox, cube_of_layer, has_bands, has_labels
from .layout import align_labels

Kinds: TypeAlias = Mapping[str, type[Cube] | type[Labels] | type[str]]
Chosen: TypeAlias = Layer | str | None
Row: TypeAlias = Container[LayerBox | LineEdit]


class ExampleList(ValuedContainerWidget[list[dict[str, Chosen]]]):
    """The layers and texts of each example, by name: ``examples[0]["noisy"].value``."""

    def __init__(self, viewer: Any, **kwargs: Any) -> None:
        self._viewer = viewer
        self.kinds: Kinds = {}
        add = PushButton(text="Add another example", tooltip="Use several images, of any sizes")
        self._remove_button = PushButton(text="Remove last")
        buttons = Container(widgets=[add, self._remove_button], layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        self.labels_button = PushButton(
            text="Make labels for this cube", tooltip="Add empty labels, to paint classes on"
        )
        super().__init__(widgets=[self.labels_button, buttons], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.labels_button.changed.connect(self.make_labels)
        add.changed.connect(self.add)
        self._remove_button.changed.connect(self.remove)

    @property
    def rows(self) -> list[Row]:
        """The boxes of each example."""
        return [row for row in self._list if isinstance(row, Container) and row.labels]

    @property
    def layers(self) -> list[dict[str, Chosen]]:
        """The chosen layers, and texts, of each example, by name; as `value`."""
        return [{box.name: box.value or None for box in row} for row in self.rows]

    @property
    def images(self) -> list[dict[str, Image | str]]:
        """The images, and texts, of each example, by name.

        Raises
        ------
        ValueError
            If a layer or a text is missing, or a layer holds no such image.
        """
        return [{box.name: _image_in(box) for box in row} for row in self.rows]

    def get_value(self) -> list[dict[str, Chosen]]:
        return self.layers

    def set_value(self, value: Any) -> None:
        self.choose(*value)

    def ask_for(self, kinds: Kinds) -> None:
        """Show one empty example with inputs of these names and kinds."""
        while self.rows:
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
        with self.changed.blocked():
            while len(self.rows) < len(examples):
                self.add()
            while len(self.rows) > max(1, len(examples)):
                self._remove_last()
            for example, row in zip(examples, self.rows, strict=True):
                for name, layer in example.items():
                    _choose(row, name, layer)
        self._emit()

    def add(self, *_: object) -> None:
        """Show one more example."""
        boxes = [self._box(name, kind) for name, kind in self.kinds.items()]
        row: Row = Container(widgets=boxes, labels=True)
        row.margins = (0, 0, 0, 4)
        align_labels(boxes)
        self._insert_widget(len(self.rows), row)
        for box in boxes:
            box.changed.connect(self._emit)
        self.reset_choices()
        self._emit()

    def remove(self, *_: object) -> None:
        """Remove the last example; one always remains."""
        if len(self.rows) > 1:
            self._remove_last()
            self._emit()

    def make_labels(self, *_: object) -> None:
        """Add empty labels for the first cube that has none, and choose them."""
        lacking = self._lacking()
        if lacking is None:
            return
        box, cube = lacking
        try:
            layer = Layer.create(*labels_layer(cube_of_layer(cube)))
        except ValueError as error:
            show_error(reason_of(error))
            return
        box.choose(self._viewer.add_layer(layer))

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers."""
        super().reset_choices()
        self.labels_button.visible = self._lacking() is not None

    def _lacking(self) -> tuple[LayerBox, Layer] | None:
        """Return the first box of labels without any to choose, and the layer of its cube."""
        for row in self.rows:
            boxes = [box for box in row if isinstance(box, LayerBox) and box.name in self.kinds]
            cubes = [box.value for box in boxes if self.kinds[box.name] is Cube and box.value]
            for box in boxes:
                if self.kinds[box.name] is Labels and box.value is None and cubes:
                    return box, cubes[0]
        return None

    def _box(self, name: str, kind: type) -> LayerBox | LineEdit:
        if kind is str:
            text = LineEdit(name=name, label=name.capitalize())
            text.native.setPlaceholderText(f"{name} of the image")
            return text
        suits = has_labels if kind is Labels else has_bands
        box = LayerBox(viewer=self._viewer, suits=suits, name=name, label=name.capitalize())
        box.avoid(lambda: self._chosen_elsewhere(box))
        return box

    def _chosen_elsewhere(self, box: LayerBox) -> list[Layer]:
        """Return the layers chosen in the other boxes."""
        others = [other for row in self.rows for other in row if other is not box]
        return [other.value for other in others if isinstance(other.value, Layer)]

    def _remove_last(self) -> None:
        row = self._pop_widget(len(self.rows) - 1)
        row.native.deleteLater()

    def _emit(self, *_: object) -> None:
        self._remove_button.visible = len(self.rows) > 1
        self.labels_button.visible = self._lacking() is not None
        self.changed.emit(self.layers)


def _choose(row: Row, name: str, chosen: object) -> None:
    names = [box.name for box in row]
    if name not in names:
        raise ValueError(f"there is no {name!r} to choose, only {', '.join(names)}")
    box = row[name]
    if isinstance(box, LayerBox):
        box.choose(chosen)
    elif isinstance(chosen, str):
        box.value = chosen
    else:
        raise ValueError(f"{name!r} is a text, not a layer")


def _image_in(box: LayerBox | LineEdit) -> Image | str:
    """Return the image in the layer that is chosen in a box, or the text."""
    if isinstance(box, LayerBox):
        return box.image
    text: str = box.value.strip()
    if not text:
        raise ValueError(f"{box.name!r} is empty; enter the {box.name} of the image")
    return text
