"""Choose layers: magicgui's boxes with napari's layers, of a kind, that follow a rename."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from magicgui.type_map import get_widget_class
from magicgui.types import Undefined
from magicgui.widgets import ComboBox, Select
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.layers import Points as PointsLayer
from qtpy.QtWidgets import QAbstractItemView

from ...cube import Cube, Image
from ...layers import axis_in_metadata, from_layer
from ...painting.history import strokes_of
from .fields import narrow
from .wheel import guard_from_wheel

Suits: TypeAlias = Callable[[Layer], bool]


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


def cube_of_layer(layer: Layer | None) -> Cube:
    """Return the cube in a layer; only to be called in the GUI thread.

    Raises
    ------
    ValueError
        If there is no layer, or it holds labels.
    """
    if layer is None:
        raise ValueError("choose a cube; open a file or a sample first")
    image = image_of_layer(layer)
    if not isinstance(image, Cube):
        raise ValueError(f"layer {layer.name!r} holds labels; choose one with bands")
    return image


def has_bands(layer: Layer) -> bool:
    """Whether a layer can hold a cube."""
    grey = isinstance(layer, ImageLayer) and not layer.rgb
    return grey and layer.ndim >= 3 and not _is_stack_of_maps(layer)


def _is_stack_of_maps(layer: Layer) -> bool:
    """Whether a layer has a map for each z or t: its planes are no bands."""
    if layer.axis_labels[-3] not in ("t", "z"):
        return False
    axis = axis_in_metadata(layer.metadata)
    return axis is not None and len(axis) == 1


def has_labels(layer: Layer) -> bool:
    """Whether a layer holds labels."""
    return isinstance(layer, LabelsLayer)


def has_points(layer: Layer) -> bool:
    """Whether a layer holds points."""
    return isinstance(layer, PointsLayer)


def has_image(layer: Layer) -> bool:
    """Whether a layer can hold a cube or labels."""
    return has_labels(layer) or has_bands(layer)


_CALLED: Final[dict[Suits, str]] = {
    has_bands: "grey image layer with bands",
    has_labels: "labels layer",
    has_points: "points layer",
    has_image: "labels layer or a grey image layer with bands",
}


def _nothing() -> Sequence[Layer]:
    return ()


class LayerBox(ComboBox):
    """Choose one of the layers that suit; `value` is the layer, or None where there is none.

    magicgui's own box goes by the names of layers: after a rename it would show another.

    Parameters
    ----------
    viewer : napari.Viewer, optional
        Whose layers; default: of the viewer in which the box is docked, as napari looks it up.
    suits : callable
        Which layers can be chosen.
    """

    def __init__(
        self,
        *,
        viewer: Any = None,
        suits: Suits = has_bands,
        **kwargs: Any,
    ) -> None:
        self._viewer = viewer
        self._suits = suits
        self._in_use = _nothing
        kwargs["annotation"] = Layer
        value = kwargs.pop("value", Undefined)
        super().__init__(choices=self._suitable, **kwargs)
        narrow(self.native)
        guard_from_wheel(self.native)
        if isinstance(value, Layer):
            self.value = value

    @property
    def image(self) -> Image:
        """The image in the chosen layer.

        Raises
        ------
        ValueError
            If no layer is chosen.
        """
        if self.value is None:
            labels = self._suits is has_labels
            remedy = "make labels for the cube" if labels else "open a file or a sample"
            raise ValueError(f"choose a layer for {self.name!r}; {remedy} first")
        return image_of_layer(self.value)

    def avoid(self, in_use: Callable[[], Sequence[Layer]]) -> None:
        """Choose layers of a list, as it is at the time, by itself only if there is no other."""
        self._in_use = in_use

    def choose(self, layer: object) -> None:
        """Choose a layer.

        Raises
        ------
        ValueError
            If it is none of the choices.
        """
        if layer not in self.choices:
            name = getattr(layer, "name", layer)
            called = _CALLED.get(self._suits, "layer that suits")
            raise ValueError(f"layer {name!r} cannot be {self.name!r}: choose a {called}")
        self.value = layer

    def reset_choices(self, *_: object) -> None:
        """Follow the layers of the viewer; where the chosen one is gone, choose the likeliest."""
        before = self.value
        with self.changed.blocked():
            self.choices = ()  # what magicgui knows by name
            self.choices = self._suitable
            chosen = before if before in self.choices else self._likeliest()
            if chosen is not None:
                self.value = chosen
        if self.value != before:
            self.changed.emit(self.value)

    def _suitable(self, _box: object = None) -> list[tuple[str, Layer]]:
        layers = layers_of(self, self._viewer)
        return [(layer.name, layer) for layer in layers if self._suits(layer)]

    def _likeliest(self) -> Layer | None:
        """Return an unused layer with the name of the box, otherwise any unused one, or any."""
        layers = [layer for _name, layer in self._suitable()]
        in_use = self._in_use()
        unused = [layer for layer in layers if layer not in in_use]
        with_name = [layer for layer in unused if self.name and self.name in layer.name.lower()]
        for candidates in (with_name, unused, layers):
            if candidates:
                return candidates[0]
        return None


class LayersBox(Select):
    """Choose several of the layers that suit, a click each; `value` is a list of them.

    Parameters
    ----------
    viewer : napari.Viewer, optional
        Whose layers; default: of the viewer in which the box is docked.
    suits : callable
        Which layers can be chosen.
    takes_the_only_one : bool
        Whether a layer is chosen without a click where there is no other.
    """

    def __init__(
        self,
        *,
        viewer: Any = None,
        suits: Suits = has_bands,
        takes_the_only_one: bool = False,
        **kwargs: Any,
    ) -> None:
        self._viewer = viewer
        self._suits = suits
        self._takes_the_only_one = takes_the_only_one
        kwargs["annotation"] = Layer
        super().__init__(choices=self._suitable, **kwargs)
        # each click adds or removes one: people lose what they chose where it needs Ctrl
        self.native.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)

    def choose(self, layers: Sequence[Layer]) -> None:
        """Choose these layers, and no others.

        Raises
        ------
        ValueError
            If one is none of the choices.
        """
        for layer in layers:
            if layer not in self.choices:
                called = _CALLED.get(self._suits, "layer that suits")
                raise ValueError(f"layer {layer.name!r} is no {called} to choose here")
        self.value = list(layers)

    def reset_choices(self, *_: object) -> None:
        """Follow the layers of the viewer; those chosen stay chosen, under other names, too."""
        chosen = self.value
        with self.changed.blocked():
            self.choices = ()
            self.choices = self._suitable
            only = list(self.choices) if self._takes_the_only_one and len(self.choices) == 1 else []
            self.value = [layer for layer in self.choices if layer in chosen] or only
        if self.value != chosen:
            self.changed.emit(self.value)

    def _suitable(self, _box: object = None) -> list[tuple[str, Layer]]:
        layers = layers_of(self, self._viewer)
        return [(layer.name, layer) for layer in layers if self._suits(layer)]


def layers_of(box: ComboBox | Select, viewer: Any = None) -> list[Layer]:
    """Return the layers of a viewer; without one, of that in which a box is, as napari finds it."""
    if viewer is not None:
        return list(viewer.layers)
    _class, options = get_widget_class(annotation=Layer)  # registered by napari
    return list(options["choices"](box))


def suitable_layers(layers: Sequence[Layer], suits: Suits) -> list[Layer]:
    """Return the layers that suit."""
    return [layer for layer in layers if suits(layer)]
