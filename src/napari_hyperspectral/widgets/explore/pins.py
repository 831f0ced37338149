"""Pins: numbered points on the image whose spectra stay in the plot; a points layer of napari.

So they are moved, deleted and hidden one by one with napari's own tools, and saved with the session.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from napari.layers import Layer, Points

from .layers import Position

MOST_PINS: Final = 12
"""Pins that are kept; of more, the oldest goes."""
PIN_COLOURS: Final = (
    "#4aa8e0", "#5fbf77", "#d96bb0", "#a78bfa", "#c9b458", "#e06666",
    "#6fd6c9", "#f08c5a", "#9fb4ff", "#b7d957", "#d99ad9", "#c8a184",
)  # fmt: skip
"""Colours of pins and their curves, by number."""
_NUMBERS: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫"
_KEY: Final = "hyperspectral_pins"
"""In the metadata of the layer; its value says nothing."""
_SIZE_ON_SCREEN: Final = (9, 14)
"""Diameter of a pin in pixels of the screen, at least and at most."""


def sign_of(number: int) -> str:
    """Return the sign of a pin in legends, counted from 0: ① for the first."""
    return _NUMBERS[number % MOST_PINS]


def is_pins(layer: Layer) -> bool:
    """Whether a layer holds our pins."""
    return isinstance(layer, Points) and _KEY in layer.metadata


class Pins:
    """The pins of a viewer."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer

    @property
    def layer(self) -> Points | None:
        """The layer of the pins; None before the first, or once a person removed it."""
        for layer in self._viewer.layers:
            if is_pins(layer):
                return layer
        return None

    @property
    def positions(self) -> list[Position]:
        """World coordinates of the pins, (y, x)."""
        layer = self.layer
        if layer is None:
            return []
        return [tuple(layer.data_to_world(point))[-2:] for point in layer.data]

    def add(self, position: Position, cube: Layer) -> None:
        """Pin a position, in world coordinates; the layer of pins lies like that of the cube."""
        layer = self.layer or self._new_layer(cube)
        point = np.asarray(layer.world_to_data(position[-2:]))[-2:]
        layer.data = np.concatenate([layer.data, point[None]])[-MOST_PINS:]
        self.number()

    def clear(self) -> None:
        """Remove all pins."""
        layer = self.layer
        if layer is not None:
            self._viewer.layers.remove(layer)

    def number(self) -> None:
        """Number the pins, and give them the colours of their numbers."""
        layer = self.layer
        if layer is None:
            return
        count = len(layer.data)
        if list(layer.features.get("pin", ())) == list(range(1, count + 1)):
            return
        layer.features = {"pin": np.arange(1, count + 1)}
        layer.border_color = [PIN_COLOURS[number % MOST_PINS] for number in range(count)]
        layer.refresh_text()

    def _new_layer(self, cube: Layer) -> Points:
        active = self._viewer.layers.selection.active
        layer = Points(
            np.empty((0, 2)),
            name="pins",
            scale=cube.scale[-2:],
            translate=cube.translate[-2:],
            units=cube.units[-2:],
            axis_labels=cube.axis_labels[-2:],
            features={"pin": np.empty(0, int)},
            text={"string": "{pin}", "color": "white", "size": 10, "anchor": "upper_left"},
            face_color="#00000060",
            border_width=0.2,
            canvas_size_limits=_SIZE_ON_SCREEN,
            metadata={_KEY: True},
        )
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        return layer
