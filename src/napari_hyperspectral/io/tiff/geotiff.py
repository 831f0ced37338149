"""GeoTIFF: wavelengths, scale and map position in tags of a TIFF file.

Sources: GDAL, "GTiff -- GeoTIFF File Format" (tags 42112, 42113),
https://gdal.org/en/stable/drivers/raster/gtiff.html; OGC 19-008r4, "GeoTIFF Standard".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree

from ...axis import SpectralAxis
from ..metadata.axes import band_axis
from ..metadata.fields import CubeFields
from ..metadata.units import stated_unit
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
_GEOGRAPHIC: Final = 2  # of the types of model
_LINEAR_UNITS: Final = 3076
_UNITS: Final[Mapping[int, str]] = {9001: "m", 9002: "ft"}  # EPSG codes of units of length

# GDAL 3.10 and later write centres in µm under the second names, others under those of ENVI
_CENTRES: Final = (("wavelength", None), ("CENTRAL_WAVELENGTH_UM", "um"))
_WIDTHS: Final = ("fwhm", "FWHM_UM")

_OfImage: TypeAlias = dict[str, str]
"""Items of GDAL's metadata with a text for the image."""
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
    of_image, of_bands = _items(xml, bands)
    metadata: dict[str, Any] = {}
    if of_image:
        metadata["gdal"] = of_image
    if NO_DATA in tags:
        metadata["nodata"] = _number(str(tags[NO_DATA]))
    metadata |= _scaling(of_bands)
    georeference = {}
    for code, name in GEOREFERENCE.items():
        if code in tags:
            georeference[name] = _plain(tags[code])
    fields = _geometry(georeference)
    if metadata:
        fields["metadata"] = metadata
    if georeference:
        fields["georeference"] = georeference
    axis = _axis(of_bands)
    return ImageMetadata(axis=axis, fields=fields)


def _items(xml: str, bands: int) -> tuple[_OfImage, _OfBands]:
    """Return the items of GDAL's metadata: of the image, and a text for each of its bands."""
    of_image: _OfImage = {}
    of_bands: dict[str, list[str | None]] = {}
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:  # the image can be read without
        return {}, {}
    for item in root.iter("Item"):
        name = item.get("name", "")
        text = (item.text or "").strip()
        band = item.get("sample")  # counted from 0
        if band is None:
            of_image[name] = text
        elif band.isdecimal() and int(band) < bands:
            texts = of_bands.setdefault(name, [None] * bands)
            texts[int(band)] = text
    return of_image, of_bands


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


def _axis(of_bands: _OfBands) -> SpectralAxis | None:
    """Return the spectral axis, under the names of GDAL or of ENVI; None where there is none."""
    for name, unit in _CENTRES:
        centres = _numbers(of_bands.get(name, ()))
        if not centres:
            continue
        units = of_bands.get("wavelength_units", ())
        stated = next(iter(units), None)
        return band_axis(
            centres,
            stated_unit(unit or stated or "", "wavelength"),
            widths=_widths(of_bands),
            good=_numbers(of_bands.get("bbl", ())),
        )
    return None


def _widths(of_bands: _OfBands) -> list[float]:
    for name in _WIDTHS:
        widths = _numbers(of_bands.get(name, ()))
        if widths:
            return widths
    return []


def _geometry(georeference: Mapping[str, Any]) -> CubeFields:
    """Return size and unit of pixels on the map.

    The origin is left out: rows of a map run south, and coordinates north.
    """
    if "pixel_scale" not in georeference:
        return CubeFields()
    # the directory is a row of numbers: a heading of four, then (key, tag, count, value) each
    directory = list(georeference.get("geo_keys", ()))
    values = {}
    for start in range(4, len(directory) - 3, 4):
        key = directory[start]
        values[key] = directory[start + 3]
    if values.get(_MODEL_TYPE) == _GEOGRAPHIC:
        unit = "deg"
    else:
        code = values.get(_LINEAR_UNITS, 0)
        unit = _UNITS.get(code, "")
    scale_x, scale_y = georeference["pixel_scale"][:2]  # the third is along z
    height = abs(float(scale_y))
    width = abs(float(scale_x))
    if not unit or not width or not height:
        return CubeFields()
    return CubeFields(pixel_size=(height, width), pixel_unit=unit)


def _numbers(texts: Sequence[str | None]) -> list[float]:
    """Return texts as numbers; [] where one of them is none."""
    try:
        return [float(text or "") for text in texts]
    except ValueError:
        return []


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
