"""The text of an ENVI header for an image of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels, describe
from ..arrays.blocks import blocks
from ..metadata.tie import KEY, tie_of
from ..metadata.units import metres
from .envi_header import GEOREFERENCE_KEYS, OWN_KEY
from .envi_map import map_info

_PASSED_ON: Final = (
    "data ignore value",
    "reflectance scale factor",
    "sensor type",
    "acquisition time",
)
"""Keys of metadata["envi"] that stay true whatever is done to the bands."""
_UNIT_NAMES: Final = {"nm": "Nanometers", "um": "Micrometers", "1/cm": "Wavenumber"}
_GOLDEN: Final = 0.618034
"""Step of the hues of neighbouring classes, so that these differ well, however many there are."""


def header_text(image: Image, data_type: int, data_file: Path) -> str:
    """Return the header of an image whose data are band-sequential and little-endian.

    Parameters
    ----------
    image : Cube or Labels
        Without t and z.
    data_type : int
        Code of ENVI for the type of the data.
    data_file : path
        The data, which are written already.
    """
    is_labels = isinstance(image, Labels)
    entries = {
        "description": f"{{{_plain(image.name)}}}",
        "samples": image.shape[-1],
        "lines": image.shape[-2],
        "bands": 1 if is_labels else image.shape[0],
        "header offset": 0,
        "file type": "ENVI Classification" if is_labels else "ENVI Standard",
        "data type": data_type,
        "interleave": "bsq",
        "byte order": 0,
    }
    entries |= _class_entries(image) if isinstance(image, Labels) else _axis_entries(image.axis)
    entries |= _map_entries(image)
    envi = image.metadata.get("envi")
    if isinstance(envi, Mapping):
        entries |= {key: _plain(envi[key]) for key in _PASSED_ON if key in envi}
    description = json.dumps(
        _description(image) | {KEY: tie_of(data_file)},
        separators=(",", ":"),
    )
    entries[OWN_KEY] = quote(description, safe=" :/.")
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())


def _axis_entries(axis: Axis) -> dict[str, str]:
    """Return the entries for wavelengths, widths and bad bands, or for the names of bands."""
    if isinstance(axis, ChannelAxis):
        return {"band names": _list(_plain(name) for name in axis.names)}
    entries = {}
    # bands that are only counted have no wavelengths
    if axis.kind != "index" or not axis.same_bands(SpectralAxis.index(len(axis))):
        unit = "Index" if axis.kind == "index" else axis.unit or "Unknown"
        entries["wavelength units"] = _UNIT_NAMES.get(unit, unit)
        entries["wavelength"] = _list(map(repr, axis.centres.tolist()))
    if axis.widths is not None:
        entries["fwhm"] = _list(map(repr, axis.widths.tolist()))
    if axis.bad is not None:
        entries["bbl"] = _list("0" if bad else "1" for bad in axis.bad)
    return entries


def _class_entries(labels: Labels) -> dict[str, Any]:
    """Return number, names and colours of the classes; each number in the data must have them."""
    highest = max((int(block.max()) for _, block in blocks(labels.data)), default=0)
    names = ["Unclassified", *labels.classes]
    names += [f"class {number}" for number in range(len(names), highest + 1)]
    hues = np.arange(len(names)) * _GOLDEN % 1
    # saturated colours of these hues: each of red, green and blue is a trapezium around the circle
    colours = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    colours = (255 * np.clip(colours, 0, 1)).astype(int)  # (class, colour)
    colours[0] = 0
    for number, colour in enumerate(labels.colours, 1):
        colours[number] = [*bytes.fromhex(colour.removeprefix("#"))]
    return {
        "classes": len(names),
        "class names": _list(map(_plain, names)),
        "class lookup": _list(map(str, colours.ravel())),
    }


def _map_entries(image: Image) -> dict[str, str]:
    """Return the entries for map and size of pixels, which is in metres."""
    georeference = (image.georeference or {}) if isinstance(image, Cube) else {}
    entries = {}
    for key in GEOREFERENCE_KEYS:
        if isinstance(georeference.get(key), str):
            entries[key] = f"{{{georeference[key]}}}"
    if "map info" in entries:
        return entries
    metre = metres(image.pixel_unit)
    if metre is not None:
        height, width = image.pixel_sides
        entries["pixel size"] = _list([repr(width * metre), repr(height * metre)])
    info = map_info(image)
    if info:
        entries["map info"] = _list(info)
    return entries


def _description(image: Image) -> dict[str, Any]:
    """Return the description of an image without what ENVI's own keys hold exactly."""
    description = describe(image)
    axis = description.get("axis", {})
    if "centres" in axis:
        in_header = ("centres", "widths", "bad")
        description["axis"] = {key: value for key, value in axis.items() if key not in in_header}
    return description


def _list(items: Iterable[str]) -> str:
    return "{" + ", ".join(items) + "}"


def _plain(text: object) -> str:
    """Return a text without the characters that have a meaning in a header."""
    return re.sub(r"[{},=;\s]+", " ", str(text)).strip()
