"""The live preview: spectra under the cursor and at pins, prepared in a worker while people look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject, Signal

from ...progress import Job, Progress, run
from ...spectra.steps.chain import Chain
from ...spectra.steps.preview import ChainPreview, Pixel, Preview
from ..explore.events import ViewerEvents
from ..explore.layers import data_of, pixel_at, plane_of
from ..explore.pins import MOST_PINS, PIN_COLOURS, Pins, sign_of
from ..explore.timers import once_after
from ..forms.layer_choice import cube_of_layer
from ..jobs import JobWorker, start_job
from ..spectrum import SpectrumWidget
from .curves import Named, curves_of

_PAUSE_MS: Final = 25
"""Changes within so long are one."""
_CURSOR: Final = "#e8a33d"
_OWNER: Final = "prepare"
"""Whose preview it is, in the Spectrum dock."""


class _Request(NamedTuple):
    """What is to be prepared, and what it is called."""

    previewer: ChainPreview
    chain: Chain
    pixels: tuple[Pixel, ...]
    plane: tuple[int, ...]
    named: tuple[Named, ...]


class LivePreview(QObject):
    """Prepares single spectra again whenever the chain, the cursor, pins or the layer change.

    A single job runs at a time; when it ends, the newest request follows. Switched off, it listens to
    nothing and does nothing.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose cursor and pins it follows.
    chain : callable
        Returns the chain, or None while it is not valid.
    layer : callable
        Returns the layer of the cube, or None.
    parent : QObject
        With which it ends.
    """

    computed = Signal(object)
    """A `Preview`, when it is drawn."""
    noted = Signal(str)
    """What keeps it waiting."""

    def __init__(
        self,
        viewer: Any,
        chain: Callable[[], Chain | None],
        layer: Callable[[], ImageLayer | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.preview: Preview | None = None
        """The last one."""
        self._viewer = viewer
        self._chain = chain
        self._layer = layer
        self._pins = Pins(viewer)
        self._pixel: Pixel | None = None
        self._previewer: tuple[ImageLayer, ChainPreview] | None = None
        self._request: _Request | None = None
        self._worker: JobWorker | None = None
        self._outdated = False
        self._active = False
        self._soon = once_after(_PAUSE_MS, self._start, self)
        self._events = ViewerEvents(viewer, self, {})
        self._events.disconnect()
        parent.destroyed.connect(self._events.disconnect)

    @property
    def active(self) -> bool:
        """Whether it follows the viewer."""
        return self._active

    @active.setter
    def active(self, active: bool) -> None:
        if active == self._active:
            return
        self._active = active
        if active:
            self._events.connect()
            self.refresh()
        else:
            self._stop()

    @property
    def spectrum(self) -> SpectrumWidget | None:
        """The Spectrum dock of the viewer, if it is open."""
        for widget in self._viewer.window.dock_widgets.values():
            if isinstance(widget, SpectrumWidget):
                return widget
        return None

    @property
    def is_seen(self) -> bool:
        """Whether the Spectrum dock is open, and not hidden."""
        spectrum = self.spectrum
        return spectrum is not None and spectrum.isVisible()

    @property
    def pixel(self) -> Pixel | None:
        """Row and column of the pixel whose steps are told: the last one under the cursor."""
        layer = self._layer()
        if layer is None:
            return None
        height, width = data_of(layer).shape[-2:]
        if self._pixel is None or not _is_inside(self._pixel, (height, width)):
            return height // 2, width // 2
        return self._pixel

    def show_pixel(self, y: int, x: int) -> None:
        """Prepare the spectrum of a pixel, as if the cursor were there."""
        self._pixel = (y, x)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Prepare the spectra again, soon."""
        if self._active:
            self._soon.start()

    def forget(self, *_: object) -> None:
        """Forget what is known of the cube, as of another layer."""
        self._previewer = None
        self.refresh()

    def now(self) -> Preview | None:
        """Prepare the spectra while the caller waits; None where there is nothing to prepare."""
        self._previewer = None  # a worker may be using it
        request = self._new_request()
        if request is None:
            return None
        self._show(request, run(_job(request))[1])
        return self.preview

    # -- the work

    def _start(self) -> None:
        if not self._active:
            return
        if self._worker is not None:
            self._outdated = True
            return
        try:
            request = self._new_request()
        except ValueError as error:
            self.noted.emit(f"no preview: {error}")
            return
        if request is None:
            self._clear()
            return
        self._outdated = False
        self._request = request
        self._worker = start_job(
            _job(request),
            "preview of a preparation",
            device="preview",  # it need not wait for trainings
            yielded=self._on_step,
            returned=self._on_returned,
            failed=self._on_failed,
            finished=self._on_end,
        )

    def _new_request(self) -> _Request | None:
        chain = self._chain()
        layer = self._layer()
        pixel = self.pixel
        if chain is None or layer is None or pixel is None:
            return None
        pixels = [pixel]
        named = [Named(layer.name, _CURSOR)]
        for number, place in enumerate(self._pins.positions):
            shown = (*self._viewer.dims.point[:-2], *place)
            y, x = pixel_at(layer, shown)
            if _is_inside((y, x), data_of(layer).shape[-2:]):
                pixels.append((y, x))
                name = f"{layer.name} · {sign_of(number)} ({y}, {x})"
                named.append(Named(name, PIN_COLOURS[number % MOST_PINS]))
        plane = plane_of(layer, self._viewer.dims.point)
        return _Request(self._previewer_of(layer), chain, tuple(pixels), plane, tuple(named))

    def _previewer_of(self, layer: ImageLayer) -> ChainPreview:
        if self._previewer is None or self._previewer[0] is not layer:
            self._previewer = (layer, ChainPreview(cube_of_layer(layer)))
        return self._previewer[1]

    def _on_step(self, step: Progress, *_: object) -> None:
        if step.note:
            self.noted.emit(step.note)

    def _on_returned(self, result: tuple[_Request, Preview], *_: object) -> None:
        request, preview = result
        if request is self._request and self._active:
            self._show(request, preview)

    def _on_failed(self, error: object, *_: object) -> None:
        if self._active:
            self.noted.emit(f"no preview: {error}")

    def _on_end(self, *_: object) -> None:
        self._worker = None
        if self._outdated:
            self._outdated = False
            self.refresh()

    def _show(self, request: _Request, preview: Preview) -> None:
        self.preview = preview
        spectrum = self.spectrum
        if spectrum is not None and spectrum.axis is not None:
            title = spectrum.axis.title
            curves = curves_of(preview, request.named, spectrum.unit.value, title)
            spectrum.show_preview(_OWNER, curves)
        self.computed.emit(preview)

    def _stop(self) -> None:
        self._soon.stop()
        self._events.disconnect()
        if self._worker is not None:
            self._worker.quit()
        self._request = None
        self._previewer = None
        self._clear()

    def _clear(self) -> None:
        """Show no curves."""
        spectrum = self.spectrum
        if spectrum is not None:
            spectrum.show_preview(_OWNER)

    # -- what happens; see `explore.events.Listener`

    def on_mouse_move(self, _viewer: Any, event: Any) -> None:
        """Follow the cursor while it is over the cube."""
        layer = self._layer()
        if layer is None:
            return
        pixel = pixel_at(layer, tuple(event.position))
        if pixel != self._pixel and _is_inside(pixel, data_of(layer).shape[-2:]):
            self._pixel = pixel
            self._refresh_in_time()

    def on_mouse_drag(self, _viewer: Any, _event: Any) -> Iterator[None]:
        """Do nothing: pins are made by the Spectrum dock."""
        yield

    def on_step(self, *_: object) -> None:
        """Follow the planes and frames; another band changes nothing."""
        layer = self._layer()
        request = self._request
        if layer is None or request is None:
            return
        if plane_of(layer, self._viewer.dims.point) != request.plane:
            self.refresh()

    def on_change(self, event: Any = None) -> None:
        """Read the cube again where it may be another; look where the pins are."""
        changed = getattr(event, "type", "") in ("data", "metadata", "scale", "translate")
        if changed and getattr(event, "source", None) is self._layer():
            self.forget()
        else:
            self.refresh()

    def _refresh_in_time(self) -> None:
        """Prepare again at the next tick, also while the cursor goes on moving."""
        if self._active and not self._soon.isActive():
            self._soon.start()


def _job(request: _Request) -> Job[tuple[_Request, Preview]]:
    """Return a preview with its request, by which outdated ones are known."""
    job = request.previewer.steps(request.chain, request.pixels, request.plane)
    preview = yield from job
    return request, preview


def _is_inside(pixel: Pixel, size: tuple[int, ...]) -> bool:
    return 0 <= pixel[0] < size[0] and 0 <= pixel[1] < size[1]
