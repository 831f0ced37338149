"""The classes of a labels layer: names, colours, and numbers of painted pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from napari.layers import Labels as LabelsLayer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QHeaderView, QTableWidget, QTableWidgetItem

from ...layers import METADATA_KEY
from ...painting.classes import names_by_number, placeholder, with_name

_HEADERS: Final = ("", "class", "pixels")
_COLOUR, _NAME, _PIXELS = range(3)
_MOST_PIXELS: Final = 2**24
"""Pixels of larger layers are not counted: it would slow down painting."""
_MOST_CLASSES: Final = 256
"""Rows of the table, at most."""


class ClassTable(QTableWidget):
    """Edit the classes of a layer: names in place, colours by a double click."""

    changed = Signal()
    """A name was changed, in the layer too."""

    def __init__(self) -> None:
        super().__init__(0, len(_HEADERS))
        self._layer: LabelsLayer | None = None
        self.setHorizontalHeaderLabels(list(_HEADERS))
        self.setMaximumHeight(150)
        self.setToolTip("Edit the names of classes here; double-click a colour to change it")
        header = self.horizontalHeader()
        row_numbers = self.verticalHeader()
        assert header is not None
        assert row_numbers is not None
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_COLOUR, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(_COLOUR, 28)
        row_numbers.hide()
        self._fill_timer = QTimer(self)  # painting sends an event for each stroke
        self._fill_timer.setSingleShot(True)
        self._fill_timer.setInterval(300)
        self._fill_timer.timeout.connect(self._fill)
        self.itemChanged.connect(self._take_name)
        self.cellDoubleClicked.connect(self._ask_colour)
        self.hide()

    @property
    def layer(self) -> LabelsLayer | None:
        """The layer whose classes are shown."""
        return self._layer

    def follow(self, layer: LabelsLayer | None) -> None:
        """Show the classes of a layer, and follow its changes; None hides the table."""
        if layer is self._layer:
            return
        for event in self._events():
            event.disconnect(self._fill_soon)
        self._layer = layer
        for event in self._events():
            event.connect(self._fill_soon)
        self._fill()

    def name(self, number: int, name: str) -> None:
        """Name the class of a number: 1, 2, and so on."""
        assert self._layer is not None
        new_name = name.strip() or placeholder(number)
        self._layer.features = with_name(self._layer.features, number, new_name)
        self._fill()
        self.changed.emit()

    def colour(self, number: int, colour: str) -> None:
        """Set the colour, "#rrggbb", of the class of a number: 1, 2, and so on."""
        assert self._layer is not None
        count = max([*self._names(), self._painted().size - 1, number])
        colours: dict[int | None, Any] = {None: "gray", 0: "transparent"}
        for other in range(1, count + 1):
            colours[other] = self._layer.get_color(other)
        colours[number] = colour
        self._layer.colormap = DirectLabelColormap(color_dict=colours)
        self._fill()

    def _events(self) -> list[Any]:
        """Return the events of the layer after which its classes may be others."""
        if self._layer is None:
            return []
        events = self._layer.events
        return [events.data, events.paint, events.labels_update]

    def _fill_soon(self, *_: object) -> None:
        self._fill_timer.start()

    def _fill(self) -> None:
        """Fill the table with the classes of the layer."""
        if self._layer is None:
            self.hide()
            return
        names = self._names()
        painted = self._painted()
        count = min(max([*names, painted.size - 1]), _MOST_CLASSES)
        with QSignalBlocker(self):
            self.setRowCount(count)
            for row in range(count):
                number = row + 1
                name = names.get(number, placeholder(number))
                pixels = int(painted[number]) if number < painted.size else 0
                self.setItem(row, _COLOUR, _swatch(self._layer.get_color(number)))
                self.setItem(row, _NAME, QTableWidgetItem(name))
                self.setItem(row, _PIXELS, _fixed(f"{pixels:,}"))
        self.setVisible(count > 0)

    def _names(self) -> dict[int, str]:
        """Return the names of the classes of the layer, by number."""
        assert self._layer is not None
        names = names_by_number(self._layer.features)
        if names:
            return names
        description = self._layer.metadata.get(METADATA_KEY, {})
        return dict(enumerate(description.get("classes", ()), start=1))

    def _painted(self) -> NDArray[np.intp]:
        """Return the number of pixels of each class, 0, 1, …; of large layers nothing."""
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


def _fixed(text: str) -> QTableWidgetItem:
    """Return a cell that cannot be edited."""
    item = QTableWidgetItem(text)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
    return item


def _swatch(rgba: Sequence[float] | None) -> QTableWidgetItem:
    """Return a cell filled with a colour of napari, red to alpha from 0 to 1."""
    item = _fixed("")
    if rgba is not None:
        item.setBackground(QColor.fromRgbF(*(float(part) for part in rgba)))
    return item
