"""Errors that a file, or a package that is missing, can cause."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, of terminals and of the direction of writing."""
_FEW: Final = 30
"""Patterns that a person reads through."""


def printable(text: str) -> str:
    """Return a text with its control characters spelled out: a terminal would obey them.

    Names of files, and texts in them, may hold any; line ends and tabs stay.
    """
    return _CONTROL.sub(lambda match: _spelled(match[0]), text)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class FileFormatError(ValueError):
    """A file is not what it should be.

    Parameters
    ----------
    path : path
        The file; the message begins with its name.
    problem : str
        What was seen, and what was expected where that is not obvious.
    remedy : str
        What to do.
    """

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(printable(f"{Path(path).name}: {problem}; {remedy}"))
        self.path = Path(path)


class UnknownFormatError(FileFormatError):
    """No format has files of this name.

    Parameters
    ----------
    participle : {"read", "written"}
        What cannot be done with the file.
    patterns : iterable of str
        Names of the files for which it can.
    """

    def __init__(self, path: Path, participle: str, patterns: Iterable[str]) -> None:
        known = list(patterns)
        if len(known) <= _FEW:
            remedy = f"known are {', '.join(known)}"
        else:
            remedy = (
                "`napari-hyperspectral formats` lists what can be; others may be read once "
                "RosettaSciIO or BioIO is installed"
            )
        super().__init__(path, f"this kind of file cannot be {participle}", remedy)


class AmbiguousError(FileFormatError):
    """A file holds several images or layouts, and does not say which is meant."""


class DiskFullError(OSError):
    """A file was not written, because there is no room for it.

    Parameters
    ----------
    path : path
        The file.
    cause : OSError
        What the system, or the library that wrote, says.
    """

    def __init__(self, path: Path, cause: OSError) -> None:
        disk = _mount_point(path)
        number = cause.errno or errno.ENOSPC
        if number == errno.EFBIG:
            problem = f"larger than a file may be on {disk}, or for this user"
        else:
            problem = f"the disk {disk} is full, {_free(disk)} are free"
        remedy = "nothing was written; make room, or choose another folder"
        super().__init__(number, f"{problem}; {remedy}", str(path))


class MissingPackageError(ImportError):
    """An optional package is needed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'napari-hyperspectral[{extra}]'")


def _mount_point(path: Path) -> Path:
    """Return the folder at which the disk of a file begins."""
    folder = path.absolute().parent
    while not folder.is_mount() and folder != folder.parent:
        folder = folder.parent
    return folder


def _free(folder: Path) -> str:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "no bytes"
    return f"{free / 2**20:.1f} MB"
