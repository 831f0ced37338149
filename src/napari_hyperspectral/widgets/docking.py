"""Where docks go when they are first shown: the plot at the bottom, all others in one group of tabs.

napari stacks docks, and grows its window for each: two of ours push it off a small screen.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

Place: TypeAlias = Literal["bottom", "right"]

_PROPERTY: Final = "hyperspectral_dock"
"""Of widgets of ours, by which they are known in other docks."""
_ARRANGED: Final = "hyperspectral_arranged"
"""Of docks that are in their place: of docks opened at once, each joins those before it."""
_HEIGHT: Final = 230
"""Of the plot at the bottom, in pixels."""

_QUIET_MS: Final = 500
"""Docks that are opened within so long are one change of the window."""


def dock_when_shown(widget: QWidget, place: Place) -> None:
    """Put the dock of a widget in its place, when a window shows it first; people may move it then.

    Parameters
    ----------
    widget : QWidget
        What the dock holds.
    place : {"bottom", "right"}
        Along the bottom of the window, or as a tab of the group on the right.
    """
    widget.setProperty(_PROPERTY, place)
    widget.installEventFilter(_WhenShown(widget, place))


class _WhenShown(QObject):
    """Arranges the dock of a widget once for each dock that it gets."""

    def __init__(self, widget: QWidget, place: Place) -> None:
        super().__init__(widget)
        self._widget = widget
        self._place = place
        self._arranged: QDockWidget | None = None
        for window in QApplication.topLevelWidgets():
            if isinstance(window, QMainWindow):
                _size_before(window).remember()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Arrange the dock after it is shown; nothing is ever filtered."""
        if event is not None and event.type() == QEvent.Type.Show:
            QTimer.singleShot(0, self._arrange)
        return False

    def _arrange(self) -> None:
        dock = _dock_of(self._widget)
        if dock is None or dock is self._arranged or dock.isFloating():
            return
        self._arranged = dock
        window = dock.parent()
        if isinstance(window, QMainWindow):
            _arrange(dock, window, self._place)
            dock.setProperty(_ARRANGED, True)
            QTimer.singleShot(0, _size_before(window).restore)


class _SizeBefore(QTimer):
    """Remembers the size of a window before docks are added, until no other dock follows."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._size: QSize | None = None
        self.setSingleShot(True)
        self.setInterval(_QUIET_MS)
        self.timeout.connect(self._forget)

    def remember(self) -> None:
        """Remember the size, unless it is that between two docks; until `restore` at least."""
        self.stop()
        if self._size is None:
            self._size = self._window.size()

    def restore(self) -> None:
        """Give the window its size back: napari has made room for docks that are tabs now."""
        layout = self._window.layout()
        if self._size is not None and layout is not None and not self._window.isMaximized():
            layout.activate()  # until then it asks for the height of docks in a stack
            self._window.resize(self._size)
        self.start()

    def _forget(self) -> None:
        self._size = None


def _size_before(window: QMainWindow) -> _SizeBefore:
    return window.findChild(_SizeBefore) or _SizeBefore(window)


def _arrange(dock: QDockWidget, window: QMainWindow, place: Place) -> None:
    if place == "bottom":
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        window.resizeDocks([dock], [_HEIGHT], Qt.Orientation.Vertical)
        return
    for other in window.findChildren(QDockWidget):
        if other is not dock and _is_in_group(other, window):
            window.tabifyDockWidget(other, dock)
            dock.raise_()
            return


def _is_in_group(dock: QDockWidget, window: QMainWindow) -> bool:
    """Whether a dock of ours is shown on the right: others become tabs of it."""
    action = dock.toggleViewAction()  # unlike `isVisible`, it knows tabs that are behind others
    if dock.isFloating() or action is None or not action.isChecked():
        return False
    if not dock.property(_ARRANGED):
        return False
    if window.dockWidgetArea(dock) != Qt.DockWidgetArea.RightDockWidgetArea:
        return False
    return any(child.property(_PROPERTY) == "right" for child in dock.findChildren(QWidget))


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
