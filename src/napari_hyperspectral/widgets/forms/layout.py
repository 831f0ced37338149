"""Parts of docks that hold other widgets: rows, and headings that unfold."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QWidget
from superqt import QCollapsible


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
