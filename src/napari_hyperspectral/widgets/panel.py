"""A panel that runs one job: start, stop, progress, time left, result or error."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ..models.summary import duration
from ..progress import Job, Progress
from ..settings import reason_of
from .dock import Dock
from .jobs import JobWorker, start_job


class JobPanel(QWidget):
    """Runs a job in the background; its signals arrive in the GUI thread.

    Parameters
    ----------
    verb : str
        Text of the button that starts the job.
    """

    progressed = Signal(object)
    """A step of the job, ten times a second at most."""
    returned = Signal(object)
    """The result of the job."""
    failed = Signal(object)
    """The error of the job, whose text is shown already."""
    ended = Signal()
    """The job has ended: with a result, an error or a stop."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self.start_button = QPushButton(verb)
        self.stop_button = QPushButton("Stop")
        self.stop_button.setEnabled(False)
        self.stop_button.clicked.connect(self.stop)
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.buttons = QHBoxLayout()
        self.buttons.addWidget(self.start_button)
        self.buttons.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self.buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        self._started: tuple[float, int] | None = None  # time and step
        self._succeeded = False
        workers: list[JobWorker] = []
        self._workers = workers
        # not by the signal `destroyed`: with PyQt its argument, half destroyed, crashed (measured)
        weakref.finalize(self, _quit, workers)

    @property
    def running(self) -> bool:
        """Whether a job is running."""
        return bool(self._workers)

    def run(
        self,
        job: Job[Any],
        title: str,
        *,
        device: str,
        watch: Callable[[Progress], object] | None = None,
    ) -> None:
        """Run a job in a thread.

        Parameters
        ----------
        job : generator
            See `jobs.start_job`.
        title : str
            Name of the job in napari.
        device : str
            Where it computes; one job at a time runs on each.
        watch : callable, optional
            Called with every step, in the thread of the job.
        """
        self._started = None
        self._succeeded = False
        self.bar.setRange(0, 0)
        self.show_status("preparing …")
        self._enable(running=True)
        self._workers.append(
            start_job(
                job,
                title,
                device=device,
                watch=watch,
                yielded=self._on_step,
                returned=self._on_result,
                failed=self._on_error,
                aborted=self._on_abort,
                finished=self._on_end,
            )
        )

    def stop(self, *_: object) -> None:
        """Stop the job at its next step, with its best result so far."""
        if self.running:
            self.show_status("stopping …")
            self.stop_button.setEnabled(False)
            for worker in self._workers:
                worker.stop()

    def quit(self) -> None:
        """Stop the job without finishing its result, as where nobody will look at it."""
        self.stop()
        _quit(self._workers)

    def show_status(self, text: str) -> None:
        """Show a line of text."""
        self.status.setStyleSheet("")
        self.status.setText(text)

    def show_error(self, text: str) -> None:
        """Show what went wrong, here and as a notification of napari."""
        self.status.setStyleSheet("color: #e0584f")
        self.status.setText(text)
        show_error(text)

    def _on_step(self, step: Progress, *_: object) -> None:
        if self.stop_button.isEnabled():  # "stopping …" stays until the end
            parts = [step.note, _loss(step), self._time_left(step)]
            self.show_status("   ".join(part for part in parts if part))
        self.bar.setRange(0, step.total)
        self.bar.setValue(step.done)
        self.progressed.emit(step)

    def _on_result(self, result: object, *_: object) -> None:
        self._succeeded = True
        self.show_status("done")
        self.returned.emit(result)

    def _on_error(self, error: Exception, *_: object) -> None:
        self.show_error(reason_of(error))
        self.failed.emit(error)

    def _on_abort(self, *_: object) -> None:
        self.show_status("stopped")

    def _on_end(self, *_: object) -> None:
        self._workers.clear()
        self.bar.setRange(0, 1)
        self.bar.setValue(int(self._succeeded))
        self._enable(running=False)
        self.ended.emit()

    def _enable(self, running: bool) -> None:
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)

    def _time_left(self, step: Progress) -> str:
        """Return the time left, from the steps so far; nothing in the first second."""
        now = time.monotonic()
        if self._started is None:
            self._started = now, step.done
        started, first_step = self._started
        elapsed = now - started
        if step.done <= first_step or elapsed < 1:
            return ""
        left = elapsed * (step.total - step.done) / (step.done - first_step)
        return f"{duration(left)} left"


class JobDock(Dock):
    """A dock that runs jobs; they are stopped when it is closed."""

    panel: JobPanel

    def changeEvent(self, event: QEvent | None) -> None:
        """Stop the job with the dock: napari may keep the widget, but without a parent."""
        super().changeEvent(event)
        closed = event is not None and event.type() == QEvent.Type.ParentChange
        if closed and self.parent() is None:
            self.panel.quit()


def _quit(workers: list[JobWorker]) -> None:
    for worker in workers:
        worker.quit()


def _loss(step: Progress) -> str:
    return "" if step.loss is None else f"loss {step.loss:.4g}"
