"""An axis that somebody put into a file beside the image: text, an ENVI header, or JSON."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ..text.file import decoded
from .evidence import NUMBER, band_axis, told_by_envi_text
from .json_axis import axis_of_json
from .named_arrays import axis_from_vector
from .units import spectral_unit

_LARGEST: Final = 2**20
"""Bytes of a text that may be an axis: larger ones are data."""
_OF_FOLDER: Final = ("wavelength.json", "wavelengths.json")
"""Names that stand for all the images of a folder."""


def axis_beside(path: Path, bands: int) -> SpectralAxis | None:
    """Return the axis in a file beside `path` that has as many numbers as there are bands."""
    stem = re.sub(r"(\.ome)?\.[^.]+$", "", path.name)
    own = [f"{stem}{end}" for end in (".txt", ".csv", "_wavelengths.txt", ".hdr", ".json")]
    for name in (*own, *(_OF_FOLDER if bands > 1 else ())):  # one band is one of the folder's
        axis = _axis_in(path.parent / name, stem, bands)
        if axis is not None and len(axis) == bands:
            return axis
        if axis is not None:
            warnings.warn(
                f"{name} has {len(axis)} numbers, {path.name} {bands} bands: it is not their axis",
                stacklevel=2,
            )
    return None


def axis_of_folder(folder: Path, bands: int) -> SpectralAxis | None:
    """Return the axis in a file of a folder of which each other file is a band."""
    found = (_axis_in(folder / name, "", bands) for name in _OF_FOLDER)
    return next((axis for axis in found if axis is not None and len(axis) == bands), None)


def _axis_in(beside: Path, stem: str, bands: int) -> SpectralAxis | None:
    if not beside.is_file() or beside.stat().st_size > _LARGEST:
        return None
    return _axis_of_text(decoded(beside.read_bytes()), stem, beside, bands)


def _axis_of_text(text: str, stem: str, path: Path, bands: int) -> SpectralAxis | None:
    if path.suffix == ".json":
        about = _json(text, path)
        ours = isinstance(about, dict) and "axis" in about and path.name not in _OF_FOLDER
        return None if ours else axis_of_json(about, bands)  # `sidecar` reads what is ours
    if text.startswith("ENVI"):
        axis = told_by_envi_text(text).axis
        return axis if isinstance(axis, SpectralAxis) else None
    return _axis_of_lines(text, stem)


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        warnings.warn(f"{path.name}: not readable as JSON ({error})", stacklevel=2)
        return None


def _axis_of_lines(text: str, stem: str) -> SpectralAxis | None:
    lines = [line.strip(" \t,;\r") for line in text.splitlines() if line.strip(" \t,;\r")]
    title = stem if not lines or re.fullmatch(NUMBER, lines[0]) else lines.pop(0)
    if not lines or not all(re.fullmatch(NUMBER, line) for line in lines):
        return None
    centres = [float(line) for line in lines]
    unit = re.search(r"[(\[/]\s*([^)\]]+)[)\]]?$", title)
    means = spectral_unit(unit[1] if unit else title)
    if means is not None:
        if means.unit == "1/cm" and re.search("raman|shift", title.lower()):
            means = means._replace(kind="raman_shift")
        return band_axis(centres, means)
    return axis_from_vector(title, np.asarray(centres))
