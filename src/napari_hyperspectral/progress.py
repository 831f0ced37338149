"""Long work as a generator that yields its progress and returns its result."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import GeneratorType
from typing import NamedTuple, TypeAlias, TypeVar

from .system.interrupts import deferred

Result = TypeVar("Result")


class Progress(NamedTuple):
    """Progress of a job: steps done, losses, a note."""

    done: int
    total: int
    loss: float | None = None
    """Training loss, mean of the epoch so far."""
    validation: float | None = None
    """Validation loss, after each epoch."""
    note: str = ""
    """One line to show."""


class Stop(Exception):
    """Thrown into a job to stop it early: it returns the best result so far."""


class Cancelled(Exception):
    """A job was stopped that has no result before its end."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} was stopped before its end")


Job: TypeAlias = Generator[Progress, None, Result]
Watch: TypeAlias = Callable[[Progress], object]


def run(job: Job[Result], watch: Watch | None = None) -> Result:
    """Run a job to its end and return its result; `watch` is called with each step.

    A `Stop` in `watch`, or Ctrl-C, stops the job at its next step, with its result so far; a second
    Ctrl-C within a step ends it at once.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C stopped a job that has no result before its end.
    """
    interrupted = False
    with deferred() as was_pressed:
        try:
            step = next(job)
            while True:
                try:
                    if watch is not None:
                        watch(step)
                    if was_pressed():
                        raise KeyboardInterrupt
                except (KeyboardInterrupt, Stop) as stop:
                    interrupted |= isinstance(stop, KeyboardInterrupt)
                    step = job.throw(Stop())
                else:
                    step = next(job)
        except StopIteration as end:
            result: Result = end.value
            return result
        except (Stop, Cancelled) as error:
            if interrupted:  # a script that goes on after errors is to end, too
                raise KeyboardInterrupt from error
            raise


def run_with_bar(job: Job[Result], title: str) -> Result:
    """Run a job to its end and return its result, with a progress bar in a terminal or notebook.

    In a script whose output goes to a file there is none.
    """
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return run(job)
    with progress_bar(title, after=0.5) as watch:
        return run(job, watch)


@contextmanager
def progress_bar(title: str, after: float = 0.0) -> Generator[Watch, None, None]:
    """Show a job as a bar on stderr, or below the cell of a notebook.

    Parameters
    ----------
    title : str
        What is being done.
    after : float
        Seconds; a job that ends sooner shows no bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    # names of files may hold what would be markup: [brackets]
    title_column = TextColumn("{task.description}", markup=False)
    note_column = TextColumn("{task.fields[note]}", markup=False)
    columns = (title_column, BarColumn(), TimeRemainingColumn(), note_column)
    bar = Bar(*columns, console=Console(stderr=True))
    row = bar.add_task(title, total=None, note="")
    started = time.monotonic()

    def watch(step: Progress) -> None:
        if time.monotonic() - started >= after:
            bar.start()
        bar.update(row, completed=step.done, total=step.total, note=_note(step))

    try:
        yield watch
    finally:
        if bar.live.is_started:  # stopping a bar that was never shown prints an empty line
            bar.stop()


def part_of(job: Job[Result], start: int, end: int, note: str, *, total: int = 100) -> Job[Result]:
    """Run a job as a part of another, whose progress it takes from `start` to `end` of `total`."""

    def shown(step: Progress) -> Progress:
        done = start + (end - start) * step.done // max(step.total, 1)
        return Progress(done, total, step.loss, step.validation, note)

    return shown_as(job, shown)


def shown_as(job: Job[Result], shown: Callable[[Progress], Progress]) -> Job[Result]:
    """Run a job within another, which shows its steps in its own way; both are stopped together."""
    try:
        step = next(job)
        while True:
            try:
                yield shown(step)
            except Stop as stop:
                step = job.throw(stop)
            else:
                step = next(job)
    except StopIteration as result:
        value: Result = result.value
        return value
    finally:
        job.close()


def one_of_many(job: Job[Result], number: int, count: int, note: str) -> Job[Result]:
    """Run a job as one of `count` jobs of equal length, `number` of which are done."""
    start = 100 * number // count
    end = 100 * (number + 1) // count
    return part_of(job, start, end, note)


def finish(result: Job[Result] | Result, watch: Watch | None = None) -> Result:
    """Return a result as it is; run a job to its end first.

    .. deprecated:: 0.2
        `fit` and `predict` return their result themselves; of `fit_steps` and `predict_steps`, use
        `run`.
    """
    warnings.warn(
        "finish() is not needed any more: fit() and predict() return their result",
        DeprecationWarning,
        stacklevel=2,
    )
    if isinstance(result, GeneratorType):
        value: Result = run(result, watch)
        return value
    return result  # type: ignore[return-value]


def _note(step: Progress) -> str:
    """Return the text after the bar: a note and the losses, where there are any."""
    parts = []
    if step.note:
        parts.append(step.note)
    if step.loss is not None:
        parts.append(f"loss {step.loss:.4g}")
    if step.validation is not None:
        parts.append(f"validation {step.validation:.4g}")
    return ", ".join(parts)
