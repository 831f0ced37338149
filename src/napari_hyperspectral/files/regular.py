"""Files that can be read at all: a pipe never ends, and a device is no file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from ..errors import FileFormatError

_NOUNS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: Path) -> None:
    """Refuse a pipe, a socket or a device; what is not there is left to whoever opens it.

    Raises
    ------
    FileFormatError
        If it is one of them.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    for is_kind, noun in _NOUNS:
        if is_kind(mode):
            raise FileFormatError(path, f"{noun}, wanted a file", "copy its content into a file")
