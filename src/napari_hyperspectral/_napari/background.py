"""While files that take long are read, the window goes on, with a progress bar of napari."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from ..layers import LayerData
from ..progress import Progress
from .reading import Reading

PLUGIN: Final = "napari-hyperspectral"
_BETWEEN_EVENTS_S: Final = 0.01


def layers_of(reading: Reading) -> list[LayerData]:
    """Return the layers that were read, or raise the error; show guesses as warnings."""
    from napari.utils.notifications import show_warning

    for guess in reading.guesses:
        show_warning(guess)
    return reading.layers()


def wait_for(reading: Reading) -> None:
    """Wait until files are read, while the window goes on, with a progress bar of napari.

    `reading.cancelled` says whether a person stopped it, there or by closing the viewer.
    """
    from napari.qt import get_qapp
    from napari.qt.threading import create_worker
    from napari.utils import cancelable_progress

    title = f"reading {', '.join(Path(path).name for path in reading.paths)}"
    bar = cancelable_progress(total=0, desc=title)
    steps = _Titled(reading.steps)
    steps.title = title
    ended = False

    def show(step: Progress) -> None:
        if bar.is_canceled:
            cancel()
        bar.total = step.total
        bar.update(step.done - bar.n)

    def cancel() -> None:
        reading.cancelled = True

    def end() -> None:
        nonlocal ended
        ended = True
        bar.close()

    # only for what napari does with it: it is shown among the tasks, and asks before it closes
    worker = create_worker(steps, _start_thread=False, _ignore_errors=True)
    worker.yielded.connect(show)
    worker.aborted.connect(cancel)  # the viewer is being closed
    worker.finished.connect(end)
    worker.start()
    application = get_qapp()
    while not ended:
        application.processEvents()
        reading.wait(_BETWEEN_EVENTS_S)


class _Titled(partial[Any]):
    """A function that napari shows under a title, as when it asks whether to close."""

    title = ""

    def __str__(self) -> str:
        return self.title
