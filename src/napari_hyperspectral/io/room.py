"""Whether what a file unpacks to can be meant, and has room: asked before it is unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from ..errors import FileFormatError

_DEFLATE: Final = 1032
"""Bytes that a byte of deflate (zip, gzip, MATLAB 5) can become at most."""
_SPARE: Final = 2**12


def check_room(path: Path, unpacked: int, packed: int | None = None, what: str = "it") -> None:
    """Refuse what needs more memory than there is, or more than can come of its bytes.

    Parameters
    ----------
    path : path
        The file.
    unpacked : int
        Bytes that it says it holds.
    packed : int, optional
        Bytes in the file that these come of, packed with deflate.
    what : str
        What it is, for the message.

    Raises
    ------
    FileFormatError
        If it is refused.
    """
    if packed is not None and unpacked > _DEFLATE * packed + _SPARE:
        raise FileFormatError(
            path,
            f"{what} is said to unpack to {unpacked:,} bytes, but has {packed:,} only",
            "it is damaged: copy or export it again",
        )
    free = psutil.virtual_memory().available
    if unpacked > free:
        raise FileFormatError(
            path,
            f"{what} needs {_gigabytes(unpacked)} of memory, {_gigabytes(free)} are free",
            "save it in a format that is read in parts, such as .zarr, .h5 or .hdr, on a larger machine",
        )


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
