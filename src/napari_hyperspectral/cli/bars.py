"""Long work as a bar on stderr, which Ctrl-C ends."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ..progress import Progress, Stop, Watch, progress_bar


@contextmanager
def watching(title: str, after: float = 0.0) -> Generator[Watch, None, None]:
    """Show a job as a bar on stderr; the first Ctrl-C ends the job, a second one the program.

    What is done within `after` seconds, or before it has reported a step, shows no bar.
    """
    stop_requested = False

    def request_stop(*_: object) -> None:
        nonlocal stop_requested
        stop_requested = True
        signal.signal(signal.SIGINT, default_handler)

    default_handler = signal.signal(signal.SIGINT, request_stop)
    try:
        with progress_bar(title, after) as draw:

            def watch(step: Progress) -> None:
                nonlocal stop_requested
                if stop_requested:
                    stop_requested = False  # a stopped training is still validated
                    raise Stop
                draw(step)

            yield watch
    finally:
        signal.signal(signal.SIGINT, default_handler)


def reading(path: str) -> AbstractContextManager[Watch]:
    """Show the reading of a file as a bar, where it takes its time."""
    return watching(f"reading {Path(path).name}", after=0.5)
