"""Long work as a bar on stderr, which Ctrl-C ends."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ..progress import Progress, Stop, Watch, progress_bar
from ..system.interrupts import SIGNALS, on_signals
from .signals import heard, raise_interrupt


@contextmanager
def watching(title: str, after: float = 0.0) -> Generator[Watch, None, None]:
    """Show a job as a bar on stderr; the first Ctrl-C ends the job, a second one the program.

    What a batch queue ends has seconds left: all that the job would go on with is stopped, too.
    What is done within `after` seconds, or before it has reported a step, shows no bar.
    """
    stop_requested = False

    def request_stop(number: int, frame: object) -> None:
        nonlocal stop_requested
        heard.append(number)
        stop_requested = True
        for each in SIGNALS:
            if signal.getsignal(each) is request_stop:
                signal.signal(each, raise_interrupt)

    with on_signals(request_stop), progress_bar(title, after) as draw:

        def watch(step: Progress) -> None:
            nonlocal stop_requested
            if stop_requested:
                # a training that a person has stopped is still validated
                stop_requested = heard[-1:] != [signal.SIGINT]
                raise Stop
            draw(step)

        yield watch


def reading(path: str) -> AbstractContextManager[Watch]:
    """Show the reading of a file as a bar, where it takes its time."""
    return watching(f"reading {Path(path).name}", after=0.5)
