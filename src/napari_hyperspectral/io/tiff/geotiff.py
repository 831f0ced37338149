"""GeoTIFF: wavelengths, scale and map position in tags of a TIFF file.

Sources: GDAL, "GTiff -- GeoTIFF File Format" (tags 42112, 42113),
https://gdal.org/en/stable/drivers/raster/gtiff.html; OGC 19-008r4, "GeoTIFF Standard".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ..metadata.fields import CubeFields
from ..metadata.gdal import items_of_tag
from .metadata import ImageMetadata

METADATA: Final = 42112
NO_DATA: Final = 42113
GEOREFERENCE: Final[Mapping[int, str]] = {
    33550: "pixel_scale",
    33922: "tie_points",
    34264: "transformation",
    34735: "geo_keys",
    34736: "geo_doubles",
    34737: "geo_text",
}
TAGS: Final = (METADATA, NO_DATA, *GEOREFERENCE)

# keys of the GeoKey directory (OGC 19-008r4, 7.1.1 and B)
_MODEL_TYPE: Final = 1024
_PROJECTED: Final = 1  # of the types of model
_GEOGRAPHIC: Final = 2
_PROJECTION: Final = 3072
_LINEAR_UNITS: Final = 3076
_UNITS: Final[Mapping[int, str]] = {9001: "m", 9002: "ft", 9003: "ft", 9036: "km"}
"""EPSG codes of units of length; a US survey foot is two millionths longer than a foot."""
_IN_FEET: Final = ((2222, 2289), (2867, 2888), (2891, 2954))
"""EPSG codes of the state planes that are in feet."""

_OfBands: TypeAlias = Mapping[str, Sequence[str | None]]
"""Items of GDAL's metadata with a text for each band, None where it has none."""


def metadata_from_gdal(tags: Mapping[int, Any], bands: int) -> ImageMetadata:
    """Return what GDAL's and the GeoTIFF tags say; values are left as stored, never scaled.

    Parameters
    ----------
    tags : mapping of int to value
        Those of `TAGS` that the first page has.
    bands : int
        Bands of the image.
    """
    xml = str(tags.get(METADATA, ""))
    items = items_of_tag(xml, bands)
    metadata: dict[str, Any] = {}
    if items.of_image:
        metadata["gdal"] = items.of_image
    if NO_DATA in tags:
        metadata["nodata"] = _number(str(tags[NO_DATA]))
    metadata |= _scaling(items.of_bands)
    georeference = {}
    for code, name in GEOREFERENCE.items():
        if code in tags:
            georeference[name] = _plain(tags[code])
    fields = _geometry(georeference)
    if metadata:
        fields["metadata"] = metadata
    if georeference:
        fields["georeference"] = georeference
    return ImageMetadata(axis=items.axis, fields=fields)


def _scaling(of_bands: _OfBands) -> dict[str, Any]:
    """Return scale and offset of the stored values: one for all bands where they are equal."""
    scaling: dict[str, Any] = {}
    for name in ("scale", "offset"):
        numbers: list[float | str | None] = []
        for text in of_bands.get(name.upper(), ()):
            numbers.append(None if text is None else _number(text))
        if not any(number is not None for number in numbers):
            continue
        scaling[name] = numbers
        if len(set(numbers)) == 1:
            scaling[name] = numbers[0]
    return scaling


def _geometry(georeference: Mapping[str, Any]) -> CubeFields:
    """Return size and unit of pixels on the map.

    The origin is left out: rows of a map run south, and coordinates north.
    """
    size = _pixel_size(georeference)
    # the directory is a row of numbers: a heading of four, then (key, tag, count, value) each
    directory = list(georeference.get("geo_keys", ()))
    values = {}
    for start in range(4, len(directory) - 3, 4):
        key = directory[start]
        values[key] = directory[start + 3]
    unit = _unit_on_map(values, str(georeference.get("geo_text", "")))
    if not unit or size is None:
        return CubeFields()
    return CubeFields(pixel_size=size, pixel_unit=unit)


def _pixel_size(georeference: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return height and width of a pixel, of its scale or of a transformation; None without any."""
    if "pixel_scale" in georeference:
        width, height = georeference["pixel_scale"][:2]  # the third is along z
    elif len(georeference.get("transformation", ())) == 16:
        matrix = georeference[
            "transformation"
        ]  # four rows, of which the map is turned by the first
        width = math.hypot(matrix[0], matrix[4])
        height = math.hypot(matrix[1], matrix[5])
    else:
        return None
    height = abs(float(height))
    width = abs(float(width))
    return (height, width) if height and width else None


def _unit_on_map(values: Mapping[int, int], text: str) -> str:
    """Return the unit of a map by the keys of its directory; "" where there is no map.

    Parameters
    ----------
    values : mapping of int to int
        Keys of the directory.
    text : str
        The citations, which name the projection.
    """
    model = values.get(_MODEL_TYPE)
    if model == _GEOGRAPHIC:
        return "deg"
    if _LINEAR_UNITS in values:
        return _UNITS.get(values[_LINEAR_UNITS], "")
    code = values.get(_PROJECTION, 0)
    if model != _PROJECTED and not code:
        return ""
    # without a unit of its own, a map has that of its projection: metres but for a few
    in_feet = any(first <= code <= last for first, last in _IN_FEET)
    if in_feet or re.search(r"\bft|feet|foot", text, re.IGNORECASE):
        return "ft"
    return "m"


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _plain(value: Any) -> Any:
    """Return the value of a tag as plain JSON: a text, or a list of numbers."""
    if isinstance(value, str):
        return value
    return [*value]
