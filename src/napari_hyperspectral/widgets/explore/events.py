"""What the Spectrum dock hears of the viewer: mouse, sliders, selection and every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from napari.layers import Layer

LAYER_EVENTS = (
    "visible", "name", "data", "metadata", "scale", "translate", "paint", "labels_update",
    "highlight",
)  # fmt: skip
"""Events of a layer after which spectra, or their names, may be others."""


class Listener(Protocol):
    """A widget that shows what the viewer shows."""

    def on_mouse_move(self, viewer: Any, event: Any) -> None:
        """The cursor moved over the canvas."""

    def on_mouse_drag(self, viewer: Any, event: Any) -> Iterator[None]:
        """A button was pressed on the canvas; napari resumes the generator at each move."""

    def on_step(self, *_: object) -> None:
        """A slider moved."""

    def on_change(self, event: Any = None) -> None:
        """Layers, their order, their selection or their data changed.

        The source of the event is the layer, where one changed.
        """


class ViewerEvents:
    """Connects a widget to its viewer, and disconnects it without a trace.

    It outlives the widget: when that is destroyed, this is what disconnects it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    listener : Listener
        The widget.
    keys : dict of str to callable
        What keys do on the canvas, where the selected layer has no use for them.
    """

    def __init__(
        self, viewer: Any, listener: Listener, keys: Mapping[str, Callable[..., None]]
    ) -> None:
        self._viewer = viewer
        self._keys = keys
        # bound methods are kept: napari removes a callback by identity
        self._on_mouse_move = listener.on_mouse_move
        self._on_mouse_drag = listener.on_mouse_drag
        self._on_change: Callable[..., None] = listener.on_change
        layers = viewer.layers.events
        self._emitters = [
            (viewer.dims.events.current_step, listener.on_step),
            (viewer.dims.events.ndisplay, self._on_change),
            (viewer.layers.selection.events.changed, self._on_change),
            (layers.reordered, self._on_change),
            (layers.inserted, self._on_inserted),
            (layers.removed, self._on_removed),
        ]
        self._connected = False
        self.connect()

    def connect(self) -> None:
        """Listen to the viewer."""
        if self._connected:
            return
        self._connected = True
        self._viewer.mouse_move_callbacks.append(self._on_mouse_move)
        self._viewer.mouse_drag_callbacks.append(self._on_mouse_drag)
        for emitter, callback in self._emitters:
            emitter.connect(callback)
        for key, action in self._keys.items():
            self._viewer.bind_key(key, action, overwrite=True)
        for layer in self._viewer.layers:
            self._connect_layer(layer)

    def disconnect(self, *_: object) -> None:
        """Stop listening, and leave the viewer as it was."""
        if not self._connected:
            return
        self._connected = False
        for callbacks, ours in (
            (self._viewer.mouse_move_callbacks, self._on_mouse_move),
            (self._viewer.mouse_drag_callbacks, self._on_mouse_drag),
        ):
            if ours in callbacks:
                callbacks.remove(ours)
        for emitter, callback in self._emitters:
            emitter.disconnect(callback)
        for key in self._keys:
            self._viewer.bind_key(key, None, overwrite=True)
        for layer in self._viewer.layers:
            self._disconnect_layer(layer)

    def _on_inserted(self, event: Any) -> None:
        self._connect_layer(event.value)
        self._on_change()

    def _on_removed(self, event: Any) -> None:
        self._disconnect_layer(event.value)
        self._on_change()

    def _connect_layer(self, layer: Layer) -> None:
        for name in LAYER_EVENTS:
            if name in layer.events.emitters:
                getattr(layer.events, name).connect(self._on_change)

    def _disconnect_layer(self, layer: Layer) -> None:
        for name in LAYER_EVENTS:
            if name in layer.events.emitters:
                getattr(layer.events, name).disconnect(self._on_change)
