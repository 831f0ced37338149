"""Ctrl-C, and the signals by which a batch queue ends a job: heard between steps, not within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], object]

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What asks a job to end: Ctrl-C, a batch queue, a terminal that is closed (not on Windows)."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal other than Ctrl-C."""


def exit_code(number: int) -> int:
    """Return the exit code that shells give a process that a signal has ended: 130 for Ctrl-C."""
    return 128 + number


@contextmanager
def on_signals(handle: Handler) -> Generator[None, None, None]:
    """Call `handle` at each of `SIGNALS`, except those that whoever started us has switched off.

    Outside the main thread, which alone hears signals, nothing is changed.
    """
    before: dict[int, object] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            # nohup, and shells for jobs in the background, have them ignored
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def held() -> Generator[None, None, None]:
    """Hear a signal only after the block, so that what it changes is changed as a whole.

    A second one within the block is heard at once: something may hang. Signals that nothing in
    Python handles are left as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers: dict[int, Handler] = {}
    heard: list[tuple[int, FrameType | None]] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if not heard:
            heard.append((number, frame))
            return
        _restore(handlers)
        _call(handlers, heard)
        raise KeyboardInterrupt

    for number in SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, hold)
    try:
        yield
    finally:
        _restore(handlers)
        _call(handlers, heard)


@contextmanager
def deferred() -> Generator[Callable[[], bool], None, None]:
    """Yield a function that returns whether Ctrl-C was pressed since it was called last.

    Only where nobody else handles it; a second Ctrl-C that comes before is raised at once.
    """
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            signal.default_int_handler(number, frame)
        pressed = True

    def was_pressed() -> bool:
        nonlocal pressed
        before, pressed = pressed, False
        return before

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield was_pressed
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield was_pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _restore(handlers: dict[int, Handler] | dict[int, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]  # as `signal.signal` returned it


def _call(handlers: dict[int, Handler], heard: list[tuple[int, FrameType | None]]) -> None:
    """Pass on what was heard, once."""
    while heard:
        number, frame = heard.pop()
        handlers[number](number, frame)
