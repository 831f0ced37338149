"""Signals on the command line: 130 after Ctrl-C, 143 after SIGTERM, whatever was saved."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from ..system.interrupts import Terminated, exit_code, on_signals

heard: Final[list[int]] = []
"""The signals that this call of the command line has heard, in order."""


def raise_interrupt(number: int, frame: FrameType | None) -> None:
    """End what is under way: handle a signal where no job would stop by itself."""
    heard.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(signal.Signals(number).name)


@contextmanager
def listening() -> Generator[None, None, None]:
    """Hear signals from now on, and no one before."""
    heard.clear()
    with on_signals(raise_interrupt):
        yield


def code_after(code: int) -> int:
    """Return the exit code of a command that ended with `code`: that of the signal, if any."""
    return exit_code(heard[-1]) if heard else code
