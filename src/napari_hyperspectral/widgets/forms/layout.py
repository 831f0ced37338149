"""Parts of docks that hold other widgets: rows, headings, forms that are scrolled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from magicgui.widgets import Widget
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget
from superqt import QCollapsible

_NAPARI_FONT: Final = 1.15
"""How much wider napari's font is than that in which labels are measured before they are shown."""


class VerticalScroll(QScrollArea):
    """Shows a long form on a small screen: it is scrolled up and down, never sideways.

    Parameters
    ----------
    least_height : int
        Below which it does not shrink, in pixels.
    """

    def __init__(self, least_height: int) -> None:
        super().__init__()
        self._least_height = least_height
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Ask for the width of what is inside, and of the bar next to it."""
        inside = self.widget()
        bar = self.verticalScrollBar()
        assert bar is not None
        width = 0 if inside is None else inside.minimumSizeHint().width()
        return QSize(width + bar.sizeHint().width(), self._least_height)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Grow with what is inside, when a row of it is shown that was hidden."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


def scrolled(inside: QWidget, least_height: int) -> VerticalScroll:
    """Return a widget in an area in which it is scrolled up and down."""
    area = VerticalScroll(least_height)
    area.setWidget(inside)
    return area


def align_labels(widgets: Iterable[Widget]) -> None:
    """Make the labels of widgets equally wide; a magicgui container does so only for later ones."""
    rows = [widget._labeled_widget() for widget in widgets]
    labelled = [row for row in rows if row is not None]
    widths = [row._label_widget.native.sizeHint().width() for row in labelled]
    for row in labelled:
        row.label_width = round(_NAPARI_FONT * max(widths))


def collapsible(title: str, inside: QWidget) -> QCollapsible:
    """Return a heading that unfolds to show a widget."""
    box = QCollapsible(title)
    box.setObjectName("more")
    box.setDuration(0)  # without an animation
    box.addWidget(inside)
    for layout in (box.layout(), box.content().layout()):
        assert layout is not None
        layout.setContentsMargins(0, 0, 0, 0)  # docks are narrow
    return box


def in_a_row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets next to each other."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
