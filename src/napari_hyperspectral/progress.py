"""How long work reports: a generator that yields progress and returns its result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple, TypeAlias, TypeVar

Result = TypeVar("Result")


class Progress(NamedTuple):
    """How far along a job is, and how well it does."""

    done: int
    total: int
    loss: float | None = None
    """Training loss, averaged over the epoch so far."""
    validation: float | None = None
    """Loss on the held-out blocks, after each epoch."""
    note: str = ""
    """One line for people."""


class Stop(Exception):
    """Thrown into a job to end it early: it returns the best result it has so far."""


Job: TypeAlias = Generator[Progress, None, Result]


def finish(job: Job[Result], watch: Callable[[Progress], object] | None = None) -> Result:
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


def part_of(job: Job[Result], start: int, end: int, note: str) -> Job[Result]:
    """Run a job as a part of a greater one, whose progress it takes from `start` to `end` percent."""
    try:
        step = next(job)
        while True:
            done = start + (end - start) * step.done // max(step.total, 1)
            try:
                yield Progress(done, 100, step.loss, step.validation, note)
            except Stop as stop:
                step = job.throw(stop)
            else:
                step = next(job)
    except StopIteration as result:
        value: Result = result.value
        return value
    finally:
        job.close()
