"""The classes of a label layer: their names and colours, and how much was painted of each."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from napari.layers import Labels as LabelsLayer
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QHeaderView, QTableWidget, QTableWidgetItem

from ...cube import Labels
from ...layers import from_layer

_HEADERS: Final = ("", "class", "pixels")
_COLOUR, _NAME, _PIXELS = range(3)
_MOST_PIXELS: Final = 2**24
"""Larger layers are not counted while somebody paints."""
_MOST_CLASSES: Final = 256


class ClassTable(QTableWidget):
    """Shows the classes of a layer; names are edited in place, colours by a double click."""

    changed = Signal()
    """A name was changed: the layer has the new one."""

    def __init__(self) -> None:
        super().__init__(0, len(_HEADERS))
        self._layer: LabelsLayer | None = None
        self.setHorizontalHeaderLabels(list(_HEADERS))
        self.setMaximumHeight(150)
        self.setToolTip("Name the classes here; double-click a colour to choose another")
        header, numbers = self.horizontalHeader(), self.verticalHeader()
        assert header is not None
        assert numbers is not None
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_COLOUR, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(_COLOUR, 28)
        numbers.hide()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(300)
        self._later.timeout.connect(self._fill)
        self.itemChanged.connect(self._take_name)
        self.cellDoubleClicked.connect(self._ask_colour)
        self.hide()

    @property
    def layer(self) -> LabelsLayer | None:
        """The layer whose classes are shown."""
        return self._layer

    def follow(self, layer: LabelsLayer | None) -> None:
        """Show the classes of a layer, as they are painted; None hides the table."""
        if layer is self._layer:
            return
        for event in self._events():
            event.disconnect(self._fill_later)
        self._layer = layer
        for event in self._events():
            event.connect(self._fill_later)
        self._fill()

    def name(self, number: int, name: str) -> None:
        """Name the class painted with `number`."""
        assert self._layer is not None
        names = self._names()
        names += [f"class {i}" for i in range(len(names) + 1, number + 1)]
        names[number - 1] = name.strip() or f"class {number}"
        self._layer.features = {
            "index": list(range(len(names) + 1)),
            "class": ["unlabelled", *names],
        }
        self._fill()
        self.changed.emit()

    def colour(self, number: int, colour: str) -> None:
        """Give the class painted with `number` a colour, "#rrggbb"."""
        assert self._layer is not None
        count = max(len(self._names()), self._painted().size - 1, number)
        colours: dict[int | None, Any] = {None: "gray", 0: "transparent"}
        colours |= {i: self._layer.get_color(i) for i in range(1, count + 1)}
        self._layer.colormap = DirectLabelColormap(color_dict=colours | {number: colour})
        self._fill()

    def _events(self) -> list[Any]:
        events = None if self._layer is None else self._layer.events
        return [] if events is None else [events.data, events.paint, events.labels_update]

    def _fill_later(self, *_: object) -> None:
        self._later.start()

    def _fill(self) -> None:
        if self._layer is None:
            self.hide()
            return
        names, painted = self._names(), self._painted()
        count = min(max(len(names), painted.size - 1), _MOST_CLASSES)
        with QSignalBlocker(self):
            self.setRowCount(count)
            for row in range(count):
                number = row + 1
                swatch = QTableWidgetItem()
                swatch.setFlags(Qt.ItemFlag.ItemIsEnabled)
                rgba = self._layer.get_color(number)
                if rgba is not None:
                    swatch.setBackground(QColor.fromRgbF(*(float(part) for part in rgba)))
                pixels = QTableWidgetItem(f"{painted[number]:,}" if number < painted.size else "0")
                pixels.setFlags(Qt.ItemFlag.ItemIsEnabled)
                name = names[row] if row < len(names) else f"class {number}"
                self.setItem(row, _COLOUR, swatch)
                self.setItem(row, _NAME, QTableWidgetItem(name))
                self.setItem(row, _PIXELS, pixels)
        self.setVisible(count > 0)

    def _names(self) -> list[str]:
        """Return the names that the layer has."""
        assert self._layer is not None
        labels = from_layer(*self._layer.as_layer_data_tuple())
        assert isinstance(labels, Labels)
        return list(labels.classes)

    def _painted(self) -> np.ndarray:
        """Return how many pixels were painted with each number; of large layers nothing."""
        data = None if self._layer is None else self._layer.data
        if not isinstance(data, np.ndarray) or data.size > _MOST_PIXELS or data.min() < 0:
            return np.zeros(1, int)
        return np.bincount(data.ravel())[: _MOST_CLASSES + 1]

    def _take_name(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            self.name(item.row() + 1, item.text())

    def _ask_colour(self, row: int, column: int) -> None:
        if column != _COLOUR:
            return
        chosen = QColorDialog.getColor(parent=self, title="Colour of the class")
        if chosen.isValid():
            self.colour(row + 1, chosen.name())
