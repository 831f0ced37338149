"""Sidecars: our JSON for a file that has no room for an axis, ``scan.json`` for ``scan.npy``.

It holds the description that `cube.describe` gives. By hand, an axis is enough:
``{"axis": {"centres": [500.0, 502.5, …], "unit": "1/cm", "kind": "raman_shift"}, "layout": "yxb"}``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, get_args

from ...axis import Unit
from ...cube import Image, describe
from ...errors import FileFormatError
from .tie import KEY, tie_of, warn_if_untied
from .units import stated_unit

LAYOUT_KEY: Final = "layout"
"""Axes of the array in the file, as letters; our own files have it too."""
_OWN_KEYS: Final = {"axis", "classes", LAYOUT_KEY}
"""A sidecar has one of these, or is none."""


def sidecar_of(path: Path) -> Path:
    """Return the path of the sidecar of `path`, which need not be there."""
    return path.with_suffix(".json")


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return the description of the image at `path`, or None where it has no sidecar.

    Raises
    ------
    FileFormatError
        If there is a JSON file, but it cannot be read as a description.
    """
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return None
    description = read_json(sidecar)
    if not isinstance(description, dict) or not _OWN_KEYS & set(description):
        return None  # the JSON of another program; `companion` may find an axis in it
    warn_if_untied(path, sidecar, description)
    return _in_our_units(description)


def _in_our_units(description: dict[str, Any]) -> dict[str, Any]:
    """Return a description whose axis a person may have written, in a unit spelled as people do."""
    axis = description.get("axis")
    if not isinstance(axis, dict):
        return description
    written = axis.get("unit")
    if not isinstance(written, str) or written in get_args(Unit):
        return description
    own_kind = axis.get("kind")
    unit = stated_unit(written, str(own_kind))
    if unit is None:
        return description | {"axis": axis | {"unit": None}}
    kind = own_kind or unit.kind
    scaled: dict[str, Any] = {"unit": unit.unit, "kind": kind, "other_unit": unit.other}
    for key in ("centres", "widths"):
        if axis.get(key):
            scaled[key] = [float(value) * unit.factor for value in axis[key]]
    return description | {"axis": axis | scaled}


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
    """Write the sidecar of an image whose data are at `path` already."""
    layout = "".join(dim[0] for dim in image.dims)
    description = {LAYOUT_KEY: layout, KEY: tie_of(path)} | describe(image)
    sidecar_of(path).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
