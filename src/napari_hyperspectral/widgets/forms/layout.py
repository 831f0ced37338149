"""Parts of docks that hold other widgets: rows, and headings that unfold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from magicgui.widgets import Widget
from qtpy.QtWidgets import QHBoxLayout, QWidget
from superqt import QCollapsible

_NAPARI_FONT: Final = 1.15
"""How much wider napari's font is than that in which labels are measured before they are shown."""


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
    return box


def in_a_row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets next to each other."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
