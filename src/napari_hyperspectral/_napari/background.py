"""Files that take long are read in the background, with a progress bar of napari."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ..layers import LayerData
from ..progress import Progress
from .reading import Reading

PLUGIN = "napari-hyperspectral"


def layers_of(reading: Reading) -> list[LayerData]:
    """Return the layers that were read, or raise the error; show guesses as warnings."""
    from napari.utils.notifications import show_warning

    for guess in reading.guesses:
        show_warning(guess)
    return reading.layers()


def add_when_read(reading: Reading, viewer: Any) -> None:
    """Show a progress bar while files are read, and then add their layers to the viewer."""
    from napari.qt.threading import create_worker
    from napari.utils import cancelable_progress
    from napari.utils.notifications import show_warning

    title = f"reading {', '.join(Path(path).name for path in reading.paths)}"
    bar = cancelable_progress(total=0, desc=title)
    steps = _Titled(reading.steps)
    steps.title = title

    def show(step: Progress) -> None:
        if bar.is_canceled:
            cancel()
        bar.total = step.total
        bar.update(step.done - bar.n)

    def cancel() -> None:
        reading.cancelled = True

    def end() -> None:
        bar.close()
        if not reading.cancelled:
            _add(reading, viewer)

    worker = create_worker(steps, _start_thread=False, _ignore_errors=True)
    worker.yielded.connect(show)
    worker.aborted.connect(cancel)  # the viewer is being closed
    worker.warned.connect(lambda warning: show_warning(str(warning[0])))
    worker.finished.connect(end)
    worker.start()


class _Titled(partial[Any]):
    """A function that napari shows under a title, as when it asks whether to close."""

    title = ""

    def __str__(self) -> str:
        return self.title


def _add(reading: Reading, viewer: Any) -> None:
    """Add the layers that were read to the viewer, or show the error."""
    from napari.layers import Layer
    from napari.layers._source import layer_source
    from napari.utils.notifications import notification_manager, show_error

    try:
        with layer_source(path=reading.paths[0], reader_plugin=PLUGIN):
            for data in layers_of(reading):
                viewer.add_layer(Layer.create(*data))
    except (ValueError, OSError, ImportError) as error:
        show_error(str(error))  # written for people: without a traceback
    except Exception as error:
        notification_manager.receive_error(type(error), error, error.__traceback__)
