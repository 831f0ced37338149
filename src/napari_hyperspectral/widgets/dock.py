"""What every dock offers to scripts: magicgui's interface to all that can be set in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from magicgui.backends._qtpy.widgets import Container as QtContainer
from magicgui.widgets import Widget
from magicgui.widgets.bases import BaseContainerWidget, ContainerWidget
from psygnal import SignalInstance
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from .docking import Place, dock_when_shown
from .forms.fields import Field
from .forms.form import Chooser

if TYPE_CHECKING:
    import napari


class Dock(QWidget):
    """A dock that holds a magicgui container, and offers its interface.

    ``dock["epochs"].value``, ``dock.task.value``, `changed`, `asdict` and `reset_choices`, whatever
    tabs and headings lie around the widgets on the screen.
    """

    place: ClassVar[Place] = "right"
    """Where it goes when it is first shown."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        dock_when_shown(self, self.place)
        self._viewer = viewer
        self.values = _Values(widget_type=_Backend, labels=False)
        """All that can be set in the dock."""

    def hold(self, *widgets: Widget) -> None:
        """Offer what is set in widgets; where they are shown is for the dock to say."""
        self.values.extend(widgets)

    @property
    def changed(self) -> SignalInstance:
        """Emitted when anything that can be set has changed."""
        return self.values.changed

    def asdict(self) -> dict[str, Any]:
        """Return what is set, by name.

        Raises
        ------
        ValueError
            If settings are not valid together.
        """
        return self.values.asdict()

    def reset_choices(self, *_: object) -> None:
        """Follow the viewer's layers; napari calls this when they change."""
        self.values.reset_choices()

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow no layers after the dock is closed: napari keeps what it connected."""
        super().changeEvent(event)
        if event is None or event.type() != QEvent.Type.ParentChange or self.parent() is not None:
            return
        layers = self._viewer.layers.events
        for emitter in (layers.inserted, layers.removed, layers.reordered, layers.renamed):
            emitter.disconnect(self.reset_choices)

    def __getitem__(self, name: str) -> Field:
        """Return the widget of this name: ``dock["epochs"]``, or ``dock["training.epochs"]``.

        Raises
        ------
        KeyError
            If there is none, or several have this name: write "part.name" then.
        """
        found: Any = self.values
        for part in name.split("."):
            found = widget_named(found, part)
        field: Field = found
        return field

    def __getattr__(self, name: str) -> Any:
        for widget in self.__dict__.get("values", ()):
            if widget.name == name:
                return widget
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


class _Values(ContainerWidget[Any]):
    """A container of widgets that are shown elsewhere."""


class _Backend(QtContainer):
    """Leaves widgets where a dock has put them: magicgui has no tabs, and nothing that folds."""

    def _mgui_insert_widget(self, position: int, widget: Widget) -> None:
        """Do nothing."""

    def _mgui_remove_widget(self, widget: Widget) -> None:
        """Do nothing."""


def widget_named(container: Widget, name: str) -> Widget:
    """Return the widget of a name in a container; one in a part of it only if there is no other.

    Raises
    ------
    KeyError
        If there is none, or several parts have one.
    """
    places = {"": container}
    while places:
        found = {}
        parts = {}
        for place, inside in places.items():
            for widget in _children(inside):
                path = f"{place}.{widget.name}".lstrip(".")
                if widget.name == name:
                    found[path] = widget
                if widget.name:
                    parts[path] = widget
        if len(found) > 1:
            raise KeyError(f"several widgets are called {name!r}: {', '.join(found)}")
        if found:
            return next(iter(found.values()))
        places = parts
    raise KeyError(f"there is no widget called {name!r}")


def _children(widget: Widget) -> list[Widget]:
    """Return the widgets in a widget; of a chooser, those of the chosen class, too."""
    if not isinstance(widget, BaseContainerWidget):
        return []
    children = list(widget._list)
    if isinstance(widget, Chooser):
        children += widget.form.fields.values()
    return children
