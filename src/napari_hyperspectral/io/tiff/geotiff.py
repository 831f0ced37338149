"""GeoTIFF: wavelengths, scale and map position in tags of a TIFF file.

Sources: GDAL, "GTiff -- GeoTIFF File Format" (tags 42112, 42113),
https://gdal.org/en/stable/drivers/raster/gtiff.html; OGC 19-008r4, "GeoTIFF Standard".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..metadata.fields import CubeFields, Geometry
from ..metadata.gdal import items_of_tag
from ..metadata.maps import fields_on_map
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
_RASTER_TYPE: Final = 1025
_POINTS: Final = 2  # of the types of raster
_PROJECTION: Final = 3072
_LINEAR_UNITS: Final = 3076
_UNITS: Final[Mapping[int, str]] = {9001: "m", 9002: "ft", 9003: "ft", 9036: "km"}
"""EPSG codes of units of length; a US survey foot is two millionths longer than a foot."""
_IN_FEET: Final = ((2222, 2289), (2867, 2888), (2891, 2954))
"""EPSG codes of the state planes that are in feet."""
_NUMBERS_OF_TIE_POINT: Final = 6
"""Column, row and depth of a pixel, and its three coordinates."""

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
    fields = CubeFields()
    if metadata:
        fields["metadata"] = metadata
    if georeference:
        fields["georeference"] = georeference
    return ImageMetadata(axis=items.axis, fields={**fields, **_geometry(georeference)})


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


def _geometry(georeference: Mapping[str, Any]) -> Geometry:
    """Return size, unit, origin and rotation of pixels on the map."""
    # the directory is a row of numbers: a heading of four, then (key, tag, count, value) each
    directory = list(georeference.get("geo_keys", ()))
    values = {}
    for start in range(4, len(directory) - 3, 4):
        key = directory[start]
        values[key] = directory[start + 3]
    unit = _unit_on_map(values, str(georeference.get("geo_text", "")))
    matrix = _matrix(georeference)
    if not unit or matrix is None:
        return Geometry()
    # pixels are areas, from corner to corner, or points
    centre = 0.0 if values.get(_RASTER_TYPE) == _POINTS else 0.5
    first = matrix @ [centre, centre, 1.0]
    return fields_on_map(matrix[:, :2], first.tolist(), unit)


def _matrix(georeference: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Return easting and northing, (2, 3), of (row, column, 1); None where neither is stated."""
    transformation = georeference.get("transformation", ())
    if "pixel_scale" in georeference:
        width, height = georeference["pixel_scale"][:2]  # the third is along z
        column, row, _, easting, northing, _ = _tie_point(georeference)
        width, height = abs(width), abs(height)
        return np.array(
            [
                [0.0, width, easting - column * width],
                [-height, 0.0, northing + row * height],
            ]
        )
    if len(transformation) == 16:  # four rows, of (column, row, depth, 1)
        rows = np.asarray(transformation, np.float64).reshape(4, 4)
        return rows[:2, [1, 0, 3]]
    return None


def _tie_point(georeference: Mapping[str, Any]) -> list[float]:
    """Return column, row and depth of a pixel, and where it lies; NaN where there are none or many."""
    tie_points = [float(number) for number in georeference.get("tie_points", ())]
    if len(tie_points) != _NUMBERS_OF_TIE_POINT:
        return [math.nan] * _NUMBERS_OF_TIE_POINT
    return tie_points


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
