"""How long work reports: a generator that yields progress and returns its result."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import GeneratorType
from typing import NamedTuple, TypeAlias, TypeVar

Result = TypeVar("Result")


class Progress(NamedTuple):
    """How far along a job is, and how well it does."""

    done: int
    total: int
    loss: float | None = None
    """Training loss, averaged over the epoch so far."""
    validation: float | None = None
    """Validation loss, after each epoch."""
    note: str = ""
    """One line for people."""


class Stop(Exception):
    """Thrown into a job to end it early: it returns the best result it has so far."""


Job: TypeAlias = Generator[Progress, None, Result]
Watch: TypeAlias = Callable[[Progress], object]


def run(job: Job[Result], watch: Watch | None = None) -> Result:
    """Run a job to its end and return its result, showing each step to `watch`.

    A `Stop` or Ctrl-C out of `watch` ends the job early, with what it has so far.
    """
    try:
        step = next(job)
        while True:
            try:
                if watch is not None:
                    watch(step)
            except (KeyboardInterrupt, Stop):
                step = job.throw(Stop())
            else:
                step = next(job)
    except StopIteration as end:
        result: Result = end.value
        return result


def run_with_bar(job: Job[Result], title: str) -> Result:
    """Run a job to its end and return its result, with a progress bar where a person looks on.

    That is in a terminal and in a notebook; in a script whose output goes to a file there is none.
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
        What is going on.
    after : float
        Seconds; what is done sooner shows no bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Bar(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
    row = bar.add_task(title, total=None, note="")
    began = time.monotonic()

    def watch(step: Progress) -> None:
        if time.monotonic() - began >= after:
            bar.start()
        bar.update(row, completed=step.done, total=step.total, note=_note(step))

    try:
        yield watch
    finally:
        if bar.live.is_started:  # to stop what never began prints an empty line
            bar.stop()


def part_of(job: Job[Result], start: int, end: int, note: str, *, total: int = 100) -> Job[Result]:
    """Run a job as a part of a longer one, whose progress it takes from `start` to `end` of `total`."""
    try:
        step = next(job)
        while True:
            done = start + (end - start) * step.done // max(step.total, 1)
            try:
                yield Progress(done, total, step.loss, step.validation, note)
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
    """Return what stands behind the bar: a note and the losses, where there are any."""
    loss = None if step.loss is None else f"loss {step.loss:.4g}"
    validation = None if step.validation is None else f"validation {step.validation:.4g}"
    return ", ".join(filter(None, (step.note, loss, validation)))
