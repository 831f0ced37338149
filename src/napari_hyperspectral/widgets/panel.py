"""One job at a time: start, stop, how far, how long still, and what became of it."""

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
from .jobs import JobWorker, start_job


class JobPanel(QWidget):
    """Runs a job in the background; its signals arrive in the GUI thread.

    Parameters
    ----------
    verb : str
        What stands on the button that starts.
    """

    shown = Signal(object)
    """A step of the job, ten times a second at most."""
    returned = Signal(object)
    """The result of the job."""
    ended = Signal()
    """The job is over, however it ended."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self.start_button, self.stop_button = QPushButton(verb), QPushButton("Stop")
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
        self._begun: tuple[float, int] | None = None
        self._done = False
        workers: list[JobWorker] = []
        self._workers = workers
        # not by `destroyed`: PyQt hands over what is being destroyed, and crashed (measured)
        weakref.finalize(self, _quit, workers)

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return bool(self._workers)

    def run(
        self,
        job: Job[Any],
        title: str,
        *,
        device: str,
        watch: Callable[[Progress], object] | None = None,
    ) -> None:
        """Run a job; `title` is what napari calls it, `watch` sees all steps, in its thread."""
        self._begun, self._done = None, False
        self.bar.setRange(0, 0)
        self.say("preparing …")
        self._enable(running=True)
        self._workers.append(
            start_job(
                job,
                title,
                device=device,
                watch=watch,
                yielded=self._show,
                returned=self._give,
                failed=self._fail,
                aborted=self._abort,
                finished=self._end,
            )
        )

    def stop(self, *_: object) -> None:
        """Ask the job to end; it does at its next step, with the best it has so far."""
        if self.running:
            self.say("stopping …")
            self.stop_button.setEnabled(False)
            _quit(self._workers)

    def say(self, text: str) -> None:
        """Show a line of news."""
        self.status.setStyleSheet("")
        self.status.setText(text)

    def complain(self, text: str) -> None:
        """Show what went wrong, here and as a notification of napari."""
        self.status.setStyleSheet("color: #e0584f")
        self.status.setText(text)
        show_error(text)

    def _show(self, step: Progress, *_: object) -> None:
        if self.stop_button.isEnabled():
            self.say("   ".join(filter(None, (step.note, _loss(step), self._time_left(step)))))
        self.bar.setRange(0, step.total)
        self.bar.setValue(step.done)
        self.shown.emit(step)

    def _give(self, result: object, *_: object) -> None:
        self._done = True
        self.say("done")
        self.returned.emit(result)

    def _fail(self, error: Exception, *_: object) -> None:
        self.complain(str(error))

    def _abort(self, *_: object) -> None:
        self.say("stopped")

    def _end(self, *_: object) -> None:
        self._workers.clear()
        self.bar.setRange(0, 1)
        self.bar.setValue(int(self._done))
        self._enable(running=False)
        self.ended.emit()

    def _enable(self, running: bool) -> None:
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)

    def _time_left(self, step: Progress) -> str:
        now = time.monotonic()
        if self._begun is None:
            self._begun = now, step.done
        begun, at = self._begun
        if step.done <= at or now - begun < 1:
            return ""
        return f"{duration((now - begun) * (step.total - step.done) / (step.done - at))} left"


class JobDock(QWidget):
    """A widget of a dock that runs jobs: they end when the dock is closed."""

    panel: JobPanel

    def changeEvent(self, event: QEvent | None) -> None:
        """End the job with the dock: napari may keep the widget then, but it has no parent."""
        super().changeEvent(event)
        closed = event is not None and event.type() == QEvent.Type.ParentChange
        if closed and self.parent() is None:
            self.panel.stop()


def _quit(workers: list[JobWorker]) -> None:
    for worker in workers:
        worker.quit()


def _loss(step: Progress) -> str:
    return "" if step.loss is None else f"loss {step.loss:.4g}"
