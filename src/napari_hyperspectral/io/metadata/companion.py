"""An axis in a companion file of an image: a text, an ENVI header, or the JSON of others.

The JSON that we write ourselves is a sidecar; module `sidecar` reads that.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Final

import numpy as np

from ...axis import SpectralAxis
from ..text.file import decoded
from .axes import NUMBER, axis_from_envi_text, band_axis
from .enmap import axis_of_product
from .gdal import items_of_aux
from .json_axis import axis_of_json
from .named_arrays import axis_from_vector
from .units import spectral_unit

_LARGEST: Final = 2**20
"""Bytes of a text that may be an axis: larger ones are data."""
_OF_FOLDER: Final = ("wavelength.json", "wavelengths.json")
"""Names of companions of all the images of a folder."""
_ENDINGS: Final = (".txt", ".csv", "_wavelengths.txt", ".hdr", ".json")
"""What follows the stem of an image in the names of its companions."""
_UNIT_AT_END: Final = re.compile(r"[(\[/]\s*([^)\]]+)[)\]]?$")


def companion_axis(path: Path, bands: int) -> SpectralAxis | None:
    """Return the axis in a companion file that has as many numbers as `path` has bands."""
    axis = items_of_aux(path, bands).axis or axis_of_product(path, bands)
    if axis is not None:
        return axis
    stem = re.sub(r"(\.ome)?\.[^.]+$", "", path.name)
    names = [f"{stem}{ending}" for ending in _ENDINGS]
    if bands > 1:  # an image of one band may be one of the bands of its folder
        names += _OF_FOLDER
    for name in names:
        axis = _axis_in(path.parent / name, stem, bands)
        if axis is None:
            continue
        if len(axis) == bands:
            return axis
        warnings.warn(
            f"{name} has {len(axis)} numbers, {path.name} {bands} bands: it is not their axis",
            stacklevel=2,
        )
    return None


def axis_of_folder(folder: Path, bands: int) -> SpectralAxis | None:
    """Return the axis in a companion of all files of a folder, of which each is a band."""
    for name in _OF_FOLDER:
        axis = _axis_in(folder / name, "", bands)
        if axis is not None and len(axis) == bands:
            return axis
    return None


def _axis_in(companion: Path, stem: str, bands: int) -> SpectralAxis | None:
    """Return the axis in a file, which need not be there, of an image of this stem."""
    if not companion.is_file() or companion.stat().st_size > _LARGEST:
        return None
    text = decoded(companion.read_bytes())
    if companion.suffix == ".json":
        return _axis_in_json(text, companion, bands)
    if text.startswith("ENVI"):
        return axis_from_envi_text(text)
    return _axis_of_lines(text, stem)


def _axis_in_json(text: str, path: Path, bands: int) -> SpectralAxis | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        warnings.warn(f"{path.name}: not readable as JSON ({error})", stacklevel=2)
        return None
    is_sidecar = isinstance(document, dict) and "axis" in document and path.name not in _OF_FOLDER
    return None if is_sidecar else axis_of_json(document, bands)


def _axis_of_lines(text: str, stem: str) -> SpectralAxis | None:
    """Return the axis of a text with a number a line, below a heading that may be missing."""
    stripped = (line.strip(" \t,;\r") for line in text.splitlines())
    lines = [line for line in stripped if line]
    title = stem  # where there is no heading, the name of the file may say what the numbers are
    if lines and not re.fullmatch(NUMBER, lines[0]):
        title = lines.pop(0)
    if not lines or not all(re.fullmatch(NUMBER, line) for line in lines):
        return None
    centres = [float(line) for line in lines]
    match = _UNIT_AT_END.search(title)
    unit = spectral_unit(match[1] if match else title)
    if unit is None:  # in the name of a quantity, there may be one that is not known
        return axis_from_vector(title, np.asarray(centres))
    if unit.unit == "1/cm" and re.search("raman|shift", title.lower()):
        unit = unit._replace(kind="raman_shift")
    return band_axis(centres, unit)
