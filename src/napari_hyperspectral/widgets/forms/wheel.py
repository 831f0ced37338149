"""Scrolling through a form changes no value, which magicgui's widgets, like Qt's, let happen."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QWidget


def guard_from_wheel(widget: QWidget) -> None:
    """Let only those boxes in a widget, and itself, turn with the wheel that have the focus."""
    boxes: list[QWidget] = [*widget.findChildren(QAbstractSpinBox), *widget.findChildren(QComboBox)]
    if isinstance(widget, QAbstractSpinBox | QComboBox):
        boxes.append(widget)
    for box in boxes:
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not by the wheel
        box.installEventFilter(_Guard(box))


class _Guard(QObject):
    """Passes the wheel on to what is scrolled."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True
