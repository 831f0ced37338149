"""What a file is known by, so that another one in its place is not taken for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Self

from ...errors import FileFormatError


class Identity(NamedTuple):
    """Where a file lies on its disk, and when it was last written."""

    inode: int
    bytes: int
    written: int
    """In nanoseconds."""

    @classmethod
    def of(cls, file: Path | int) -> Self:
        """Return the identity of a file, by its path or descriptor."""
        status = os.stat(file)  # noqa: PTH116 (of descriptors, too)
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


class ChangedFileError(FileFormatError):
    """A file was changed, replaced or removed after an image of it was opened."""

    def __init__(self, path: Path, seen: str = "it was changed or replaced") -> None:
        super().__init__(path, f"{seen} since it was opened", "open it again")


def check_unchanged(path: Path, identity: Identity) -> None:
    """Refuse a file that is not the one that was opened.

    Raises
    ------
    ChangedFileError
        If it is another one, or none.
    """
    try:
        current = Identity.of(path)
    except OSError as error:
        raise ChangedFileError(path, "it was removed") from error
    if current != identity:
        raise ChangedFileError(path)
