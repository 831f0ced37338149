"""What GDAL says of bands: in the tag of a TIFF file, and in the ``.aux.xml`` beside any file.

Wavelengths stand in one of four places: with each band, in the ENVI domain of the image (a list in
braces), under ``Band_1`` … of the image, or in the descriptions of the bands ("400.00 Nanometers").

Sources: GDAL, "GTiff -- GeoTIFF File Format" (tag 42112), "ENVI -- ENVI .hdr Labelled Raster",
"PAMDataset" (gdalpamdataset.h), https://gdal.org/en/stable/drivers/raster/index.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from ...axis import SpectralAxis
from ..text.file import decoded
from .axes import NUMBER, axis_from_names, band_axis
from .units import spectral_unit, stated_unit

# GDAL 3.10 and later write centres in µm under the second names, others under those of ENVI
_CENTRES: Final = (("wavelength", None), ("wavelengths", None), ("CENTRAL_WAVELENGTH_UM", "um"))
_WIDTHS: Final = ("fwhm", "FWHM_UM")
_UNITS: Final = ("wavelength_units", "wavelength units", "wavelength_unit", "wavelengthunits")
_DESCRIPTION: Final = "DESCRIPTION"
_MEASURED: Final = re.compile(rf"\s*({NUMBER})\s*(.*?)\s*", re.DOTALL)
_LARGEST: Final = 2**24
"""Bytes of an ``.aux.xml``; some hold histograms of all bands."""


@dataclass
class GdalItems:
    """Items of metadata of an image of so many bands."""

    bands: int
    of_image: dict[str, str] = field(default_factory=dict)
    of_bands: dict[str, list[str | None]] = field(default_factory=dict)
    """A text for each band, None where it has none."""

    def add(self, name: str, text: str, band: int | None = None) -> None:
        """Add an item of a band, counted from 0, or of the image."""
        if band is None:
            self.of_image[name] = text.strip()
        elif 0 <= band < self.bands:
            texts = self.of_bands.setdefault(name, [None] * self.bands)
            texts[band] = text.strip()

    @property
    def axis(self) -> SpectralAxis | None:
        """Return the spectral axis; None where the items have none for all bands."""
        return self._axis_of_bands() or self._axis_of_image() or self._axis_of_descriptions()

    def _axis_of_bands(self) -> SpectralAxis | None:
        for name, unit in _CENTRES:
            texts = self.of_bands.get(name, [])
            centres = _numbers(texts)
            if not centres:
                continue
            stated = unit or self._unit_of_bands() or _unit_behind(texts[0])
            return band_axis(
                centres,
                stated_unit(stated or "", "wavelength"),
                widths=self._widths(),
                good=_numbers(self.of_bands.get("bbl", ())),
            )
        return None

    def _unit_of_bands(self) -> str:
        for name in _UNITS:
            texts = self.of_bands.get(name)
            if texts and texts[0]:
                return texts[0]
        return self._unit_of_image()

    def _unit_of_image(self) -> str:
        return next((self.of_image[name] for name in _UNITS if name in self.of_image), "")

    def _widths(self) -> list[float]:
        for name in _WIDTHS:
            widths = _numbers(self.of_bands.get(name, ()))
            if widths:
                return widths
        return []

    def _axis_of_image(self) -> SpectralAxis | None:
        """Return the axis of lists in braces, as the ENVI domain has them."""
        for name in ("wavelength", "wavelengths"):
            centres = _listed(self.of_image.get(name, ""))
            if len(centres) == self.bands:
                return band_axis(
                    centres,
                    stated_unit(self._unit_of_image(), "wavelength"),
                    widths=_listed(self.of_image.get("fwhm", "")),
                    good=_listed(self.of_image.get("bbl", "")),
                )
        return None

    def _axis_of_descriptions(self) -> SpectralAxis | None:
        """Return the axis of texts such as "400.00 Nanometers", and nothing else, or with names."""
        numbered = [self.of_image.get(f"Band_{band + 1}") for band in range(self.bands)]
        for texts in (numbered, self.of_bands.get(_DESCRIPTION, ())):
            names = [text for text in texts if text]
            if len(names) != self.bands:
                continue
            only_quantities = all(spectral_unit(_unit_behind(name)) for name in names)
            axis = axis_from_names(names, stated=only_quantities and self.bands > 1)
            if axis is not None:
                return axis
        return None


def items_of_tag(xml: str, bands: int) -> GdalItems:
    """Return the items in the tag of a TIFF file; none where it is damaged."""
    items = GdalItems(bands)
    for item in _elements(xml, "Item"):
        name = item.get("name", "")
        band = item.get("sample")  # counted from 0
        if item.get("role") == "description":
            name = _DESCRIPTION
        if band is None:
            items.add(name, item.text or "")
        elif band.isdecimal():
            items.add(name, item.text or "", int(band))
    return items


def items_of_aux(path: Path, bands: int) -> GdalItems:
    """Return the items in the ``.aux.xml`` beside a file; none where there is no whole one."""
    items = GdalItems(bands)
    companion = path.with_name(f"{path.name}.aux.xml")
    if not companion.is_file() or companion.stat().st_size > _LARGEST:
        return items
    xml = decoded(companion.read_bytes())
    for root in _elements(xml, "PAMDataset"):
        for metadata in root.findall("Metadata"):
            for item in metadata.iter("MDI"):
                items.add(item.get("key", ""), item.text or "")
        for number, band in enumerate(root.findall("PAMRasterBand")):
            stated = band.get("band", "")
            index = int(stated) - 1 if stated.isdecimal() else number
            description = band.findtext("Description")
            if description:
                items.add(_DESCRIPTION, description, index)
            for item in band.findall("Metadata/MDI"):
                items.add(item.get("key", ""), item.text or "", index)
    return items


def _elements(xml: str, tag: str) -> Iterator[ElementTree.Element]:
    """Yield the elements of a name; none where the text is no XML: the image is read without."""
    try:
        root = ElementTree.fromstring(xml.lstrip("\ufeff"))
    except (ElementTree.ParseError, ValueError):
        return
    yield from root.iter(tag)


def _numbers(texts: Sequence[str | None]) -> list[float]:
    """Return texts such as "400" and "400.0 nm" as numbers; [] where one of them is none."""
    numbers = []
    for text in texts:
        match = _MEASURED.fullmatch(text or "")
        if match is None or (match[2] and spectral_unit(match[2]) is None):
            return []
        numbers.append(float(match[1]))
    return numbers


def _unit_behind(text: str | None) -> str:
    """Return what stands behind the number that a text is; "" where it is none."""
    match = _MEASURED.fullmatch(text or "")
    return match[2] if match else ""


def _listed(text: str) -> list[float]:
    """Return the numbers of a list in braces; [] where one of them is none."""
    parts = [part for part in re.split(r"[,\s{}]+", text) if part]
    try:
        return [float(part) for part in parts]
    except ValueError:
        return []
