"""Long work as a bar on stderr, which Ctrl-C ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from ..progress import Progress


@contextmanager
def watching(what: str, after: float = 0.0) -> Generator[Callable[[Progress], None], None, None]:
    """Show a job as a bar on stderr; the first Ctrl-C ends the job, a second one the program.

    What is done within `after` seconds, or before it has told of a step, shows no bar.
    """
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from ..progress import Stop

    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Bar(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
    row = bar.add_task(what, total=None, note="")

    def watch(step: Progress) -> None:
        if asked:
            raise Stop
        if time.monotonic() - began >= after:
            bar.start()
        bar.update(row, completed=step.done, total=step.total, note=_note(step))

    began = time.monotonic()
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield watch
    finally:
        if bar.live.is_started:  # to stop what never began prints an empty line
            bar.stop()
        signal.signal(signal.SIGINT, before)


def reading(path: str) -> AbstractContextManager[Callable[[Progress], None]]:
    """Show the reading of a file as a bar, where it takes its time."""
    return watching(f"reading {Path(path).name}", after=0.5)


def _note(step: Progress) -> str:
    loss = None if step.loss is None else f"loss {step.loss:.4g}"
    validation = None if step.validation is None else f"validation {step.validation:.4g}"
    return ", ".join(filter(None, (step.note, loss, validation)))
