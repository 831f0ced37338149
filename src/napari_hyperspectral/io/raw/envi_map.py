"""The map of an image as ENVI and GDAL read it from a header: projection, corner, size of pixels.

Source: NV5 Geospatial, "ENVI Header Files" (map info); GDAL, "ENVI -- ENVI .hdr Labelled Raster".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...cube import Cube, Image
from ..metadata.units import metres

_CENTRE: Final = "1.5"
"""Position of the centre of the first pixel; 1.0 is the corner of the image (ENVI)."""
_CORNER: Final = "1.0"
_PROJECTED: Final = 3072
"""Key of a GeoTIFF for the code of its projection (OGC 19-008r4, 7.1.1)."""
_UTM: Final = ((32600, "North"), (32700, "South"))
"""Codes (EPSG) of the zones of UTM on WGS 84, less the number of the zone."""
_NAMED_UNITS: Final = {"deg": "Degrees", "ft": "Feet"}


def map_info(image: Image) -> list[str]:
    """Return the items of a "map info"; [] where nothing is known of the size of pixels.

    Without a projection that ENVI has a name for, it is arbitrary: from the origin of the image, in
    metres. Northings fall from row to row there, as on a map: where positions rise, they are negated.
    """
    if isinstance(image, Cube) and image.georeference:
        on_map = _utm_info(image.georeference, image.pixel_size)
        if on_map:
            return on_map
    if image.pixel_unit is None and image.pixel_size == (1.0, 1.0):
        return []
    metre = metres(image.pixel_unit)
    factor = 1.0 if metre is None else metre
    height, width = image.pixel_size
    y, x = image.origin
    northing = y if height < 0 else -y
    easting = x if width > 0 else -x
    numbers = (easting * factor, northing * factor, abs(width) * factor, abs(height) * factor)
    items = [
        "Arbitrary",
        _CENTRE,
        _CENTRE,
        *(repr(number + 0.0) for number in numbers),
        "0",
        "North",
    ]
    unit = "Meters" if metre is not None else _NAMED_UNITS.get(image.pixel_unit or "")
    if unit:
        items.append(f"units={unit}")
    return items


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
