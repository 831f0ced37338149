"""Errors that a file, or a package that is missing, can cause."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

_FEW: Final = 30
"""Patterns that a person reads through."""


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
        super().__init__(f"{Path(path).name}: {problem}; {remedy}")
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


class MissingPackageError(ImportError):
    """An optional package is needed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'napari-hyperspectral[{extra}]'")
