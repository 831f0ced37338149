"""Run jobs in worker threads of napari.

napari's own generator worker loses every RuntimeError (out of memory is one), abandons its generator
when it is asked to quit, and queues what is yielded without a bound. This one delivers errors, stops
a job by throwing `Stop` into it (so that its best result so far is returned), closes the generator
in the thread it ran in, and has a single step in flight.
"""

from __future__ import annotations

import atexit
import gc
import logging
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Generator
from functools import partial
from threading import Event, Lock
from typing import Any, Final

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, Signal

from ..progress import Job, Progress, Stop
from ..settings import reason_of

PERIOD: Final = 0.1
"""Seconds between two steps that are shown: each repaints, and training waits for that."""
_LONGEST_MESSAGE: Final = 1000
"""Characters; the ways out are at the end of our messages."""
_DEVICE_LOCKS: Final[defaultdict[str, Lock]] = defaultdict(Lock)
"""Held by the job that runs on a device."""
_log = logging.getLogger(__name__)

# When a process ends, Python collects garbage a last time; with torch and napari loaded that takes
# most of the two seconds in which a closed viewer should be gone (measured: 1.7 s, frozen 0.3 s).
# The end of the process frees the same memory anyway.
atexit.register(gc.freeze)


class JobError(Exception):
    """A job failed; the message is one readable line, the cause is the error itself."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(_readable(error))
        self.__cause__ = error


class JobWorker(GeneratorWorker):  # type: ignore[misc]  # napari has no types
    """Runs one job in a thread; see the module for how it differs from napari's worker.

    Signals: `yielded` with a step, ten times a second at most; then `returned` with the result,
    `failed` with a `JobError`, or `aborted` if it was stopped and had nothing to return; finally
    `finished`. napari's own `errored` is not used: what napari 0.9.2 connects to it cannot be called
    under PySide6, and raises an error of its own there.
    """

    def __init__(
        self,
        function: Callable[[], Job[Any]],
        device: str,
        watch: Callable[[Progress], object] | None,
    ) -> None:
        super().__init__(function)
        self._device = device
        self._watch = watch
        self._stop_requested = Event()
        self._quit_requested = Event()
        self._last_shown = 0.0
        self._mailbox = _Mailbox()
        self.failed = self._mailbox.failed
        self.yielded.connect(self._mailbox.empty)

    def stop(self) -> None:
        """Stop the job at its next step, with its best result so far.

        It may go on to finish that, as a model is validated whose training was stopped.
        """
        self._stop_requested.set()

    def quit(self) -> None:
        """Stop the job, and whatever it goes on with after that; napari calls this at its end."""
        self._quit_requested.set()
        self._stop_requested.set()

    def work(self) -> Any:
        """Run the job to its end, in the worker thread."""
        try:
            self._wait_for_device()
            try:
                return self._drive()
            finally:
                self._gen.close()  # here, not wherever the garbage is collected
                _DEVICE_LOCKS[self._device].release()
        except Exception as error:
            self._abort_requested = True  # nothing to return
            if isinstance(error, Stop) or isinstance(error.__cause__, Stop):
                self.aborted.emit()
                return None
            _log.info("a job failed", exc_info=error)
            traceback.clear_frames(error.__traceback__)  # their variables hold the memory
            self.failed.emit(JobError(error))
            return None

    def _wait_for_device(self) -> None:
        """Wait until no other job runs on the device, or the job is stopped."""
        lock = _DEVICE_LOCKS[self._device]
        if lock.acquire(blocking=False):
            return
        self._show(Progress(0, 0, note="waiting for another job on this device"))
        while not lock.acquire(timeout=0.05):
            if self._stop_requested.is_set():
                self._gen.close()
                raise Stop

    def _drive(self) -> Any:
        """Return the result of the job; throw `Stop` into it once it is to stop.

        Into every step from then on, if it is to quit.
        """
        stopping = False
        while True:
            try:
                stop_now = self._stop_requested.is_set() and not stopping
                if stop_now or self._quit_requested.is_set():
                    stopping = True
                    step = self._gen.throw(Stop())
                else:
                    step = next(self._gen)
            except StopIteration as end:
                return end.value
            if self._watch is not None:
                self._watch(step)
            self._show(step)

    def _show(self, step: Progress) -> None:
        """Send a step to the GUI thread, unless it is still busy with the last one."""
        now = time.monotonic()
        if not self._mailbox.full and now - self._last_shown >= PERIOD:
            self._last_shown = now
            self._mailbox.full = True
            self.yielded.emit(step)


class _Mailbox(QObject):
    """Holds one step; lives in the GUI thread, and so is emptied when that was shown."""

    failed = Signal(object)
    full = False

    def empty(self, *_: object) -> None:
        self.full = False


class _Titled(partial[Generator[Progress, None, Any]]):
    """A function that napari's task manager shows under a title."""

    title = ""

    def __str__(self) -> str:
        return self.title


def start_job(
    job: Job[Any],
    title: str,
    *,
    device: str = "cpu",
    watch: Callable[[Progress], object] | None = None,
    **slots: Callable[..., object],
) -> JobWorker:
    """Run a job in a worker thread of napari; to be called in the GUI thread.

    Jobs on one device run one after another.

    Parameters
    ----------
    job : generator
        Yields `Progress` and returns its result. It must not touch viewer, layers or widgets.
    title : str
        Its name in napari, as when napari asks whether to close while it is running.
    device : str
        Where it computes.
    watch : callable, optional
        Called with every step, in the worker thread: it must be fast, and touch no widget.
    **slots
        Callables for the signals of `JobWorker`, by name, called in the GUI thread. They should be
        methods of widgets, so that Qt disconnects them with the widget, and take any arguments.
    """
    function = _Titled(_run, job)
    function.title = title
    worker: JobWorker = create_worker(
        function,
        _worker_class=JobWorker,
        _ignore_errors=True,  # `failed` delivers them; raised in the GUI thread they end PyQt6
        _connect=slots,
        device=device,
        watch=watch,
    )
    return worker


def _run(job: Job[Any]) -> Job[Any]:
    return (yield from job)


def _readable(error: BaseException) -> str:
    """Return an error in one readable line."""
    name = type(error).__name__
    text = "" if not str(error) else _cut(reason_of(error))
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return (
            "out of memory; choose a smaller batch size or patch size, less tile memory in the "
            f"preferences, or the device cpu ({text or name})"
        )
    if not text:
        return name
    if not isinstance(error, ValueError | OSError | ImportError):
        text = f"{name}: {text}"  # written for people are only those of the types above
    return " ".join([text, *getattr(error, "__notes__", [])])


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_MESSAGE:
        return text
    return text[: _LONGEST_MESSAGE - 1] + "…"
