"""A map that follows what a person drags: one layer, computed in a worker, replaced until it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject

from ...cube import Cube
from ...layers import to_layer
from ...progress import Job
from ..jobs import JobWorker, start_job
from .timers import once_after

_SOON_MS: Final = 40
"""Between a drag and its map: drags come faster than maps can be made."""


class LiveMap(QObject):
    """Shows the newest map in a layer of its own; older ones that are still computed are stopped."""

    def __init__(self, viewer: Any, owner: QObject) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._layer: ImageLayer | None = None
        self._worker: JobWorker | None = None
        self._make: Callable[[], Job[Cube]] | None = None
        self._timer = once_after(_SOON_MS, self._start, self)

    @property
    def layer(self) -> ImageLayer | None:
        """The layer of the map, or None while there is none."""
        return self._layer if self._layer in self._viewer.layers else None

    def show(self, make: Callable[[], Job[Cube]]) -> None:
        """Compute a map, and show it in place of the one before.

        Parameters
        ----------
        make : callable
            Returns the job that makes it: an image of one band, or a picture in colours.
        """
        self._make = make
        if not self._timer.isActive():
            self._timer.start()

    def keep(self) -> None:
        """Leave the layer as it is: the next map has another one."""
        self._layer = None

    def discard(self) -> None:
        """Remove the layer, and compute no longer."""
        self._stop()
        layer = self.layer
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._layer = None

    def _start(self) -> None:
        self._stop()
        if self._make is not None:
            self._worker = start_job(
                _labelled(self._make),
                "map of a range",
                device="maps",  # it need not wait for trainings
                returned=self._on_returned,
                failed=self._on_failed,
            )

    def _stop(self) -> None:
        self._timer.stop()
        if self._worker is not None:
            self._worker.quit()
            self._worker = None

    def _on_returned(self, result: tuple[Callable[[], Job[Cube]], Cube]) -> None:
        make, image = result
        if make is not self._make:  # a person dragged on
            return
        self._worker = None
        data, attributes, kind = to_layer(image, in_colour=True, flat=len(image.axis) == 1)
        layer = self.layer
        if layer is None or layer.rgb != attributes["rgb"] or layer.ndim != len(data.shape):
            self.discard()
            attributes.setdefault("colormap", "viridis")
            self._add(Layer.create(data, attributes, kind))
            return
        layer.data = data
        layer.name = attributes["name"]
        layer.metadata = attributes["metadata"]
        if not layer.rgb:
            layer.contrast_limits_range = attributes["contrast_limits"]
            layer.contrast_limits = attributes["contrast_limits"]

    def _add(self, layer: ImageLayer) -> None:
        """Add a layer; the one that was selected stays so, as its spectra are looked at."""
        active = self._viewer.layers.selection.active
        self._layer = self._viewer.add_layer(layer)
        if active is not None:
            self._viewer.layers.selection.active = active

    def _on_failed(self, error: object) -> None:
        self._worker = None
        show_error(f"no map: {error}")


def _labelled(make: Callable[[], Job[Cube]]) -> Job[tuple[Callable[[], Job[Cube]], Cube]]:
    """Return a map with what made it, by which outdated ones are known."""
    image = yield from make()
    return make, image
