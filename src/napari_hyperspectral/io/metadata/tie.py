"""What ties a header or sidecar to its data: size and a sample of the bytes it was written with."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

KEY: Final = "data"
"""Key of a description that has the tie."""
_BLOCKS: Final = 64
_BLOCK: Final = 4096
"""Number and bytes of the blocks of a sample: the bytes of a whole cube would take too long."""


def tie_of(data_file: Path) -> dict[str, Any]:
    """Return size and digest of a data file, as plain JSON; blocks from all over it are digested."""
    size = data_file.stat().st_size
    last = max(0, size - _BLOCK)
    starts = np.unique(np.linspace(0, last, _BLOCKS).astype(np.int64))
    digest = hashlib.sha256()
    with data_file.open("rb") as file:
        for start in starts.tolist():
            file.seek(start)
            digest.update(file.read(_BLOCK))
    return {"bytes": size, "sample": digest.hexdigest()[:32]}


def warn_if_untied(data_file: Path, description_file: Path, description: dict[str, Any]) -> None:
    """Warn of data that are not those a header or sidecar was written with.

    Parameters
    ----------
    description : dict
        What the header or sidecar holds; earlier versions, and people, put no tie into it.
    """
    stated = description.get(KEY)
    if not isinstance(stated, dict) or not data_file.is_file():
        return
    if stated == tie_of(data_file):
        return
    warnings.warn(
        f"{data_file.name} is not the file that {description_file.name} was written with: it was "
        "changed or replaced since, and the axis may be that of other data; compare them, and write "
        "the image again",
        stacklevel=2,
    )
