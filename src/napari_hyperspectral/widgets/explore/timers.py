"""Timers that act once, however often they are started."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


def once_after(milliseconds: int, action: Callable[[], None], owner: QObject) -> QTimer:
    """Return a timer that does something once, so long after it was last started."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(action)
    return timer
