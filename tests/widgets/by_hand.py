"""Mouse and keyboard of a person at the window: on napari's canvas, and in the plot of a dock."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

LEFT = Qt.MouseButton.LeftButton
NO_BUTTON = Qt.MouseButton.NoButton
STEPS = 8
"""Moves of the mouse in a drag."""


class Hand:
    """What a person does in a viewer that is shown."""

    def __init__(self, viewer):
        self._viewer = viewer
        self._canvas = viewer.window._qt_viewer.canvas.native

    def point_at(self, layer, y, x):
        """Move the cursor over a pixel of a layer."""
        at = self._on_canvas(layer, y, x)
        _send(self._canvas, QEvent.Type.MouseMove, at, NO_BUTTON, NO_BUTTON)
        _settle()

    def click(self, layer, y, x):
        """Click on a pixel of a layer."""
        self.point_at(layer, y, x)
        at = self._on_canvas(layer, y, x)
        _drag(self._canvas, at, at)

    def stroke(self, layer, start, end):
        """Press on a pixel, (y, x), of a layer, move to another and let go."""
        self.point_at(layer, *start)
        _drag(self._canvas, self._on_canvas(layer, *start), self._on_canvas(layer, *end))

    def press(self, key):
        """Press a key on the canvas."""
        QTest.keyClick(self._canvas, key)
        _settle()

    def click_in_plot(self, dock, x):
        """Click in the plot of the Spectrum dock, at a position on its axis."""
        at = _in_plot(dock, x)
        _move(_viewport(dock), at)
        _drag(_viewport(dock), at, at)

    def drag_in_plot(self, dock, start, end):
        """Drag what is at a position on the axis of the Spectrum dock to another."""
        at = _in_plot(dock, start)
        _move(_viewport(dock), at)
        _drag(_viewport(dock), at, _in_plot(dock, end))

    def _on_canvas(self, layer, y, x):
        """Return the place of the centre of a pixel, by the camera."""
        world = layer.data_to_world((*(0,) * (layer.ndim - 2), y, x))[-2:]
        camera = _camera(self._viewer)
        down, right = (camera.zoom * (world[i] - camera.center[i - 2]) for i in (0, 1))
        return QPoint(
            round(self._canvas.width() / 2 + right), round(self._canvas.height() / 2 + down)
        )


def _camera(viewer):
    """Return the camera; napari moved it in 0.9."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def _viewport(dock):
    return dock.plot.viewport()


def _in_plot(dock, x):
    """Return the place of a position on the axis, a third from the top of the plot."""
    box = dock.plot.getPlotItem().getViewBox()
    low, high = box.viewRange()[1]
    scene = box.mapViewToScene(QPointF(x, low + 0.67 * (high - low)))
    return dock.plot.mapFromScene(scene)


def _move(widget, at):
    """Move the mouse to a place; what is there is told that it hovers."""
    for offset in (-3, 0):
        _send(widget, QEvent.Type.MouseMove, at + QPoint(offset, 0), NO_BUTTON, NO_BUTTON)
    _settle()


def _drag(widget, start, end):
    """Press the left button at a place, move to another, and let go."""
    _send(widget, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    for step in range(1, STEPS + 1):
        if start == end:
            break
        at = start + (end - start) * step / STEPS
        _send(widget, QEvent.Type.MouseMove, at, NO_BUTTON, LEFT)
        _settle()
    _send(widget, QEvent.Type.MouseButtonRelease, end, LEFT, NO_BUTTON)
    _settle()


def _send(widget, kind, at, button, buttons):
    place = QPointF(at)
    everywhere = QPointF(widget.mapToGlobal(at))
    event = QMouseEvent(kind, place, everywhere, button, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def _settle():
    QTest.qWait(20)
