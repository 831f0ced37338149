"""Long work in napari: a job runs in a worker thread, and is heard of from there.

napari's generator worker, as shipped, loses every RuntimeError (out of memory is one), abandons
its generator when it is asked to quit, and queues whatever is yielded without a bound. This one
delivers errors, ends a job by throwing `Stop` into it (so that its best result so far is
returned), closes the generator in the thread it ran in, and keeps a single step in flight.
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

PERIOD: Final = 0.1
"""Seconds between two steps that are shown: each one repaints, and training waits for that."""
_LONGEST_MESSAGE: Final = 400
_TURNS: Final[defaultdict[str, Lock]] = defaultdict(Lock)
_log = logging.getLogger(__name__)

# When a process ends, Python looks through everything for garbage a last time; with torch and
# napari loaded that takes most of the two seconds in which a closed viewer should be gone
# (measured: 1.7 s, frozen 0.3 s). There is nothing to find that the end would not take anyway.
atexit.register(gc.freeze)


class JobError(Exception):
    """A job failed; the message is for people, the cause is the error itself."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(_readable(error))
        self.__cause__ = error


class JobWorker(GeneratorWorker):  # type: ignore[misc]  # napari has no types
    """Runs one job in a thread; see the module's docstring for what it mends.

    Signals: `yielded` with a step, ten times a second at most; then `returned` with the result,
    or `failed` with a `JobError`, or `aborted` if it was stopped and had nothing to return; at
    last `finished`. napari's own `errored` is not used: what napari 0.9.2 connects to it cannot
    be called under PySide6, and raises an error of its own there.
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
        self._stop_wanted = Event()
        self._shown = 0.0
        self._mailbox = _Mailbox()
        self.failed = self._mailbox.failed
        self.yielded.connect(self._mailbox.empty)

    def quit(self) -> None:
        """Ask the job to end with the best it has so far; heard at its next step."""
        self._stop_wanted.set()

    def work(self) -> Any:
        """Run the job to its end, in the worker thread."""
        try:
            self._await_turn()
            try:
                return self._drive()
            finally:
                self._gen.close()  # here, not wherever the garbage is collected
                _TURNS[self._device].release()
        except Exception as error:
            self._abort_requested = True  # nothing to return
            if isinstance(error, Stop) or isinstance(error.__cause__, Stop):
                self.aborted.emit()
                return None
            _log.info("a job failed", exc_info=error)
            traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
            self.failed.emit(JobError(error))
            return None

    def _await_turn(self) -> None:
        """Wait until no other job runs on the device; stop is heard meanwhile."""
        turn = _TURNS[self._device]
        if turn.acquire(blocking=False):
            return
        self._show(Progress(0, 0, note="waiting for the job before it on this device"))
        while not turn.acquire(timeout=0.05):
            if self._stop_wanted.is_set():
                self._gen.close()
                raise Stop

    def _drive(self) -> Any:
        told = False
        while True:
            try:
                if self._stop_wanted.is_set() and not told:
                    told = True
                    step = self._gen.throw(Stop())
                else:
                    step = next(self._gen)
            except StopIteration as end:
                return end.value
            if self._watch is not None:
                self._watch(step)
            self._show(step)

    def _show(self, step: Progress) -> None:
        now = time.monotonic()
        if not self._mailbox.full and now - self._shown >= PERIOD:
            self._shown, self._mailbox.full = now, True
            self.yielded.emit(step)


class _Mailbox(QObject):
    """Room for one step; lives in the GUI thread, and so knows when that has been shown."""

    failed = Signal(object)
    full = False

    def empty(self, *_: object) -> None:
        self.full = False


class _Titled(partial[Generator[Progress, None, Any]]):
    """A function that napari's task manager calls by a title."""

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

    Jobs on one device run one after another: a second one waits for its turn.

    Parameters
    ----------
    job : generator
        It yields `Progress` and returns its result. It must not touch viewer, layers or widgets.
    title : str
        What napari calls it, as when it asks whether to close with the job still running.
    device : str
        Where it computes.
    watch : callable, optional
        Shown every step, in the worker thread: quick, and no widget.
    **slots
        What to call in the GUI thread, by the name of a signal of `JobWorker`. Should be methods
        of widgets, so that Qt forgets them with the widget; and take any further argument.
    """
    function = _Titled(_run, job)
    function.title = title
    worker: JobWorker = create_worker(
        function,
        _worker_class=JobWorker,
        _ignore_errors=True,  # they come by `failed`; raised in the GUI thread they end PyQt6
        _connect=slots,
        device=device,
        watch=watch,
    )
    return worker


def _run(job: Job[Any]) -> Job[Any]:
    return (yield from job)


def _readable(error: BaseException) -> str:
    """Return one line for people."""
    text = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return (
            "out of memory; choose smaller batches or windows, less tile memory in the "
            f"preferences, or the device cpu ({text or type(error).__name__})"
        )
    if isinstance(error, ValueError | OSError | ImportError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
