"""The map of an image as ENVI and GDAL read it from a header: projection, corner, size of pixels.

Source: NV5 Geospatial, "ENVI Header Files" (map info); GDAL, "ENVI -- ENVI .hdr Labelled Raster".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...cube import Cube, Image
from ..metadata.fields import Geometry
from ..metadata.maps import fields_on_map, map_of
from ..metadata.units import length_unit, metres

SMALL: Final = 1e-2
"""Metres; smaller pixels are of a microscope."""
_UPSIDE_DOWN: Final = 180.0
_CENTRE: Final = "1.5"
"""Position of the centre of the first pixel; 1.0 is the corner of the image (ENVI)."""
_CORNER: Final = "1.0"
_PROJECTED: Final = 3072
"""Key of a GeoTIFF for the code of its projection (OGC 19-008r4, 7.1.1)."""
_UTM: Final = ((32600, "North"), (32700, "South"))
"""Codes (EPSG) of the zones of UTM on WGS 84, less the number of the zone."""
_NAMED_UNITS: Final = {"deg": "Degrees", "ft": "Feet"}


def place_on_map(items: Sequence[str]) -> Geometry:
    """Return size, unit, origin and rotation of pixels in a "map info", of seven items or more.

    Raises
    ------
    ValueError, IndexError
        If it has fewer, or other, items.
    """
    named = {}
    for item in items:
        key, is_named, value = item.lower().partition("=")
        if is_named:
            named[key.strip()] = value.strip()
    projection = items[0].lower()
    default = "meters"  # those of ENVI, for UTM and all other projections
    if "geographic" in projection:
        default = "degrees"
    elif "arbitrary" in projection:
        default = ""
    unit = length_unit(named.get("units", default))
    column, row, easting, northing, width, height = (float(item) for item in items[1:7])
    factor = 1.0
    small = max(abs(width), abs(height)) < SMALL
    if unit == "m" and "arbitrary" in projection and small:
        factor, unit = 1e6, "um"
    rotation = float(named.get("rotation", 0))
    steps = factor * _steps(abs(height), abs(width), rotation)
    # ENVI counts pixels from 1, at their corners; the position stated is that of one of them
    offset = steps @ [1.5 - row, 1.5 - column]
    first = (factor * easting + offset[0], factor * northing + offset[1])
    fields = fields_on_map(steps, first, unit)
    if "arbitrary" in projection and not easting and not northing:
        fields.pop("origin", None)  # what is arbitrary, and not stated, is no place
    return fields


def _steps(height: float, width: float, degrees: float) -> NDArray[np.float64]:
    """Return easting, and northing, from row to row and from column to column, (2, 2).

    Half a turn means rows that run north, to GDAL, which writes it so.
    """
    if abs(degrees) == _UPSIDE_DOWN:
        return np.array([[0.0, width], [height, 0.0]])
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[sin * height, cos * width], [-cos * height, sin * width]])


def map_info(image: Image) -> list[str]:
    """Return the items of a "map info"; [] where nothing is known of the size of pixels.

    Without a projection that ENVI has a name for, it is arbitrary: from the origin of the image, in
    metres. Northings fall from row to row there, as on a map: where positions rise, they are negated.
    An image that is sheared has none: ENVI knows rotations.
    """
    if isinstance(image, Cube) and image.georeference:
        on_map = _utm_info(image.georeference, image.pixel_size)
        if on_map and image.transform is None:
            return on_map
    if image.pixel_unit is None and image.pixel_size == (1.0, 1.0) and image.transform is None:
        return []
    metre = metres(image.pixel_unit)
    factor = 1.0 if metre is None else metre
    steps, first = map_of(image)
    degrees = _rotation(steps)
    if degrees is None:
        warnings.warn(
            f"ENVI can tell programs that an image is turned, not how it is {image.transform}: only "
            "napari-hyperspectral will find it there; resample it onto upright pixels, or write "
            ".ome.zarr, .hspy or .h5",
            stacklevel=2,
        )
        return []
    position = _CENTRE
    if degrees:  # of a turned image, GDAL takes corners alone
        position = _CORNER
        first = first + steps @ [-0.5, -0.5]
    height, width = np.linalg.norm(steps, axis=0)
    numbers = factor * np.array([*first, width, height]) + 0.0
    items = [
        "Arbitrary",
        position,
        position,
        *map(repr, numbers.tolist()),
        "0",
        "North",
    ]
    unit = "Meters" if metre is not None else _NAMED_UNITS.get(image.pixel_unit or "")
    if unit:
        items.append(f"units={unit}")
    if degrees:
        items.append(f"rotation={degrees!r}")
    return items


def _rotation(steps: NDArray[np.float64]) -> float | None:
    """Return by how many degrees rows and columns are turned; None where that is not all."""
    cosines = steps / np.linalg.norm(steps, axis=0)
    (_, east), (_, north) = cosines  # of a row, and of a column
    turned = [[north, east], [-east, north]]
    if not np.allclose(cosines, turned, atol=1e-9):
        return None
    degrees = float(np.degrees(np.arctan2(north, east)))
    if abs(abs(degrees) - _UPSIDE_DOWN) < 1e-9:  # which means rows that run north
        return None
    return degrees if abs(degrees) > 1e-9 else 0.0


def _utm_info(georeference: Mapping[str, Any], pixel_size: Sequence[float]) -> list[str]:
    """Return the items for a GeoTIFF on UTM whose pixels are still of the size that it states."""
    directory = list(georeference.get("geo_keys", ()))
    tie_points = list(georeference.get("tie_points", ()))
    scale = list(georeference.get("pixel_scale", ()))
    if len(tie_points) != 6 or len(scale) < 2:
        return []
    width, height = float(scale[0]), float(scale[1])
    if [abs(size) for size in pixel_size] != [height, width]:
        return []
    keys = {directory[start]: directory[start + 3] for start in range(4, len(directory) - 3, 4)}
    code = int(keys.get(_PROJECTED, 0))
    for first, hemisphere in _UTM:
        if 1 <= code - first <= 60:
            column, row, _, easting, northing, _ = (float(number) for number in tie_points)
            corner = (easting - column * width, northing + row * height)
            numbers = [repr(number) for number in (*corner, width, height)]
            zone = str(code - first)
            return ["UTM", _CORNER, _CORNER, *numbers, zone, hemisphere, "WGS-84", "units=Meters"]
    return []
