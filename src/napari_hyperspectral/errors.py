"""The one class of errors that a file can cause."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

_FEW: Final = 30
"""Patterns that a person reads through."""


class FileFormatError(ValueError):
    """A file is not what it should be; the message names it, what was found, what to do."""

    def __init__(self, path: Path | str, found: str, remedy: str) -> None:
        super().__init__(f"{Path(path).name}: {found}; {remedy}")
        self.path = Path(path)


class UnknownFormatError(FileFormatError):
    """No format of ours has a name like this."""

    def __init__(self, path: Path, verb: str, patterns: Iterable[str]) -> None:
        known = list(patterns)
        remedy = f"known are {', '.join(known)}"
        if len(known) > _FEW:
            remedy = (
                "`napari-hyperspectral formats` lists what can be; others may be read once "
                "RosettaSciIO or BioIO is installed"
            )
        super().__init__(path, f"this kind of file cannot be {verb}", remedy)


class AmbiguousError(FileFormatError):
    """A file holds several images or layouts, and does not say which is meant."""


class MissingPackageError(ImportError):
    """An optional package is needed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'napari-hyperspectral[{extra}]'")
