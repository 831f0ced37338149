"""The value of the shown band, written on the image; napari is not imported, only its viewer used."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary, ref

from ..axis import Axis
from ..layers import METADATA_KEY, axis_in_metadata

_LAYER_EVENTS: Final = ("visible", "metadata", "name", "data")
"""Events of a layer after which another band may be on top, or have another name."""


class BandText:
    """Writes on the canvas of a viewer which band is shown, such as "1450.2 cm⁻¹ (band 357/500)".

    The cube is the selected one, if it is visible, otherwise the topmost; where a picture in
    colours covers it, that is named instead. A text that somebody else shows is left alone.

    Use `of`: there is one for each viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = ref(viewer)
        self._enabled = True
        self._text = ""
        layers = viewer.layers
        for emitter in (
            viewer.dims.events.current_step,
            layers.selection.events.active,
            layers.events.reordered,
            layers.events.removed,
        ):
            emitter.connect(self.update)
        layers.events.inserted.connect(self._on_inserted, position="last")
        for layer in layers:
            self._listen_to(layer)
        self.update()

    @classmethod
    def of(cls, viewer: Any) -> BandText:
        """Return that of a viewer, or of the viewer behind a proxy; it is made at the first call."""
        viewer = getattr(viewer, "__wrapped__", viewer)
        if viewer not in _OF_VIEWERS:
            _OF_VIEWERS[viewer] = cls(viewer)
        return _OF_VIEWERS[viewer]

    @property
    def enabled(self) -> bool:
        """Whether the band is written on the image."""
        return self._enabled

    def enable(self, enabled: bool) -> None:
        """Write the band on the image, or no longer."""
        self._enabled = enabled
        self.update()

    def update(self, *_: object) -> None:
        """Write the band that is shown now."""
        viewer = self._viewer()
        if viewer is None:
            return
        overlay = _overlay(viewer)
        somebody_elses = overlay.text and overlay.text != self._text
        if somebody_elses and overlay.visible:
            return
        text = self._shown(viewer) if self._enabled else ""
        if text != self._text or bool(text) != overlay.visible:
            self._text = text
            overlay.text = text
            overlay.visible = bool(text)

    def _shown(self, viewer: Any) -> str:
        layer = shown_cube(viewer)
        if layer is None:
            return ""
        picture = _picture_above(viewer, layer)
        if picture is not None:
            return str(picture.name)
        axis = _axis_of(layer)
        return "" if axis is None else axis.label(_band_of(layer, viewer.dims.point, len(axis)))

    def _on_inserted(self, event: Any) -> None:
        self._listen_to(event.value)
        self.update()

    def _listen_to(self, layer: Any) -> None:
        for name in _LAYER_EVENTS:
            if name in layer.events.emitters:
                getattr(layer.events, name).connect(self.update)


_OF_VIEWERS: Final[WeakKeyDictionary[Any, BandText]] = WeakKeyDictionary()


def shown_cube(viewer: Any) -> Any:
    """Return the layer of the cube that is selected, or on top of the others; None without any."""
    active = viewer.layers.selection.active
    if active is not None and active.visible and _axis_of(active) is not None:
        return active
    for layer in reversed(viewer.layers):
        if layer.visible and _axis_of(layer) is not None:
            return layer
    return None


def _axis_of(layer: Any) -> Axis | None:
    """Return the axis of a layer that has its bands on a slider, otherwise None."""
    if getattr(layer, "rgb", True) or layer.ndim < 3:  # only images have `rgb`
        return None
    axis = axis_in_metadata(layer.metadata)
    bands = layer.extent.data[1, -3] + 1  # asks no data for its shape
    return axis if axis is not None and len(axis) == round(float(bands)) else None


def _picture_above(viewer: Any, cube: Any) -> Any:
    """Return the picture without bands that covers a cube, if there is one."""
    above = viewer.layers[viewer.layers.index(cube) + 1 :]
    covering = [layer for layer in above if layer.visible and is_flat_image(layer)]
    return covering[-1] if covering else None


def is_flat_image(layer: Any) -> bool:
    """Whether a layer is a picture in colours, or of a single band of ours."""
    if not hasattr(layer, "rgb"):  # labels, shapes, points …
        return False
    return bool(layer.rgb) or (layer.ndim == 2 and METADATA_KEY in layer.metadata)


def _band_of(layer: Any, point: tuple[float, ...], bands: int) -> int:
    """Return the band of a layer at the position of the sliders."""
    position = layer.world_to_data(point[-layer.ndim :])[-3]
    return int(min(max(round(float(position)), 0), bands - 1))


def _overlay(viewer: Any) -> Any:
    """Return the text on the canvas; napari moved it in 0.9."""
    canvas = getattr(viewer, "canvas", None)
    overlays = getattr(canvas, "overlays", None)
    return viewer.text_overlay if overlays is None else overlays.text
