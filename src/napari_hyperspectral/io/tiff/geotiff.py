"""GeoTIFF: wavelengths, scale and map position in tags of a TIFF file.

Sources: GDAL, "GTiff -- GeoTIFF File Format" (tags 42112, 42113),
https://gdal.org/en/stable/drivers/raster/gtiff.html; OGC 19-008r4, "GeoTIFF Standard".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree

from ..metadata.evidence import Told, band_axis
from ..metadata.units import SpectralUnit, spectral_unit

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

_LINEAR_UNITS, _MODEL_TYPE, _GEOGRAPHIC = 3076, 1024, 2
_UNITS: Final[Mapping[int, str]] = {9001: "m", 9002: "ft"}  # EPSG codes of units of length

# GDAL 3.10 and later write centres in µm under these names, others under those of ENVI
_CENTRES: Final = (("wavelength", None), ("CENTRAL_WAVELENGTH_UM", "um"))
_WIDTHS: Final = ("fwhm", "FWHM_UM")


def told_by_gdal(tags: Mapping[int, Any], bands: int) -> Told:
    """Return what GDAL's and the GeoTIFF tags tell; values are left as stored, never scaled."""
    whole, of_band = _items(str(tags.get(METADATA, "")), bands)
    about: dict[str, Any] = {}
    metadata: dict[str, Any] = {"gdal": whole} if whole else {}
    if NO_DATA in tags:
        metadata["nodata"] = _number(str(tags[NO_DATA]))
    for name in ("scale", "offset"):
        values = of_band.get(name.upper())
        if values is not None and any(value is not None for value in values):
            numbers = [None if value is None else _number(value) for value in values]
            metadata[name] = numbers[0] if len(set(numbers)) == 1 else numbers
    if metadata:
        about["metadata"] = metadata
    places = {name: _plain(tags[code]) for code, name in GEOREFERENCE.items() if code in tags}
    if places:
        about |= {"georeference": places} | _pixels(places)
    return Told(axis=_axis(of_band), about=about)


def _items(xml: str, bands: int) -> tuple[dict[str, str], dict[str, list[str | None]]]:
    whole: dict[str, str] = {}
    of_band: dict[str, list[str | None]] = {}
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}, {}
    for item in root.iter("Item"):
        name, text, sample = item.get("name", ""), (item.text or "").strip(), item.get("sample")
        if sample is None:
            whole[name] = text
        elif sample.isdecimal() and int(sample) < bands:
            of_band.setdefault(name, [None] * bands)[int(sample)] = text
    return whole, of_band


def _axis(of_band: Mapping[str, Sequence[str | None]]) -> Any:
    for name, unit in _CENTRES:
        centres = _numbers(of_band.get(name))
        if centres:
            stated = unit or next(iter(of_band.get("wavelength_units", ())), None) or ""
            means: SpectralUnit | None = spectral_unit(stated)
            widths = next(filter(None, (_numbers(of_band.get(n)) for n in _WIDTHS)), [])
            return band_axis(centres, means, widths=widths, good=_numbers(of_band.get("bbl")))
    return None


def _pixels(places: Mapping[str, Any]) -> dict[str, Any]:
    """Return size and unit of pixels on the map.

    The origin is left out: rows of a map run south, and coordinates north.
    """
    if "pixel_scale" not in places:
        return {}
    keys = list(places.get("geo_keys", ()))
    values = {keys[k]: keys[k + 3] for k in range(4, len(keys) - 3, 4)}
    geographic = values.get(_MODEL_TYPE) == _GEOGRAPHIC
    unit = "deg" if geographic else _UNITS.get(values.get(_LINEAR_UNITS, 0))
    width, height = (abs(float(size)) for size in places["pixel_scale"][:2])
    return {"pixel_size": (height, width), "pixel_unit": unit} if unit and width and height else {}


def _numbers(texts: Sequence[str | None] | None) -> list[float]:
    try:
        return [float(text or "") for text in texts or ()]
    except ValueError:
        return []


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else [*value]
