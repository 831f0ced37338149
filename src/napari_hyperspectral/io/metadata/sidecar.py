"""A JSON file beside a file that has no room for an axis: ``scan.npy`` and ``scan.json``.

It holds the description that `cube.describe` gives. By hand, an axis is enough:
``{"axis": {"centres": [500.0, 502.5, …], "unit": "1/cm", "kind": "raman_shift"}, "layout": "yxb"}``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ...cube import Image, describe
from ...errors import FileFormatError

LAYOUT_KEY: Final = "layout"
"""Axes of the array in the file, as letters; our own files have it too."""


def sidecar_of(path: Path) -> Path:
    """Return where the description of `path` is."""
    return path.with_suffix(".json")


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return the description beside `path`, or None where there is none.

    Raises
    ------
    FileFormatError
        If there is a JSON file, but it cannot be read as a description.
    """
    beside = sidecar_of(path)
    if not beside.is_file():
        return None
    about = read_json(beside)
    return (
        about if isinstance(about, dict) and {"axis", "classes", LAYOUT_KEY} & set(about) else None
    )


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    FileFormatError
        If it is not readable as JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise FileFormatError(
            path, f"not readable as JSON ({error})", "mend or remove it"
        ) from error


def write_sidecar(path: Path, image: Image) -> None:
    """Write the description of `image` beside `path`."""
    about = {LAYOUT_KEY: "".join(dim[0] for dim in image.dims)} | describe(image)
    sidecar_of(path).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
