"""What is printed, without the control characters that names and texts of files may hold."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from ..errors import printable

_OF_RICH: Final = re.compile(r"(\x1b\[[0-9;?]*[mKAhl]|\r)")
"""Colours, and moves of the cursor, that rich sends to a terminal."""


@contextmanager
def printing_safely() -> Generator[None, None, None]:
    """Spell out control characters in all that is printed meanwhile."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Safely(stream) for stream in streams)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _Safely:
    """A stream that control characters are not sent to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; what rich sends to a terminal is its own."""
        has_colours = self._stream.isatty() or "FORCE_COLOR" in os.environ
        if not has_colours:
            self._stream.write(printable(text.replace("\r\n", "\n")))
            return len(text)
        parts = _OF_RICH.split(text)
        for number, part in enumerate(parts):
            is_of_rich = number % 2 == 1
            self._stream.write(part if is_of_rich else printable(part))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
