"""Wavelengths in the ``METADATA.XML`` beside the images of EnMAP and DESIS.

Sources: DLR, "EnMAP HSI Level 1B/1C/2A Product Specification" (bandCharacterisation); DLR, "DESIS
Product Specification" (bandCharacterization).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ...axis import SpectralAxis
from .axes import band_axis
from .units import SpectralUnit

_IMAGE: Final = re.compile(r"[-_]SPECTRAL_IMAGE.*$|[-_]QL_.*$", re.IGNORECASE)
_METADATA: Final = ("METADATA.XML", "METADATA.xml", "metadata.xml")
_CENTRE: Final = re.compile(r"wavelengthCent(er|re)OfBand", re.IGNORECASE)
_WIDTH: Final = re.compile(r"(FWHM|wavelengthWidth)OfBand", re.IGNORECASE)
_NM: Final = SpectralUnit("nm", "wavelength", 1.0)
_LARGEST: Final = 2**26


def axis_of_product(path: Path, bands: int) -> SpectralAxis | None:
    """Return the axis in the metadata of the product that an image belongs to; None without any.

    Of level 1B, the file of each detector has some of the bands, which a list of channels names.
    """
    companion = _companion(path)
    if companion is None or companion.stat().st_size > _LARGEST:
        return None
    try:
        root = ElementTree.parse(companion).getroot()
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    centres: list[float] = []
    widths: list[float] = []
    for element in root.iter():
        tag = _tag(element)
        value = _number(element.text)
        if value is not None and _CENTRE.fullmatch(tag):
            centres.append(value)
        elif value is not None and _WIDTH.fullmatch(tag):
            widths.append(value)
    if len(widths) != len(centres):
        widths = []
    if not centres:
        return None
    axis = band_axis(centres, _NM, widths=widths)
    if len(axis) == bands:
        return axis
    detector = re.search(r"VNIR|SWIR", path.name, re.IGNORECASE)
    channels = _channels(root, detector[0].lower()) if detector else []
    if len(channels) != bands or max(channels) > len(axis) or min(channels) < 1:
        return None
    return axis.take([channel - 1 for channel in channels])


def _companion(path: Path) -> Path | None:
    """Return the metadata of a product, "…-METADATA.XML", beside "…-SPECTRAL_IMAGE.TIF"."""
    stem = _IMAGE.sub("", path.name)
    if stem == path.name:
        return None
    for mark in path.name[len(stem) : len(stem) + 1], "-", "_":
        for name in _METADATA:
            companion = path.with_name(f"{stem}{mark}{name}")
            if companion.is_file():
                return companion
    return None


def _channels(root: Element, detector: str) -> list[int]:
    """Return the channels that the image of a detector has, counted from 1."""
    for parent in root.iter():
        if not _tag(parent).lower().startswith(detector):
            continue
        for element in parent.iter():
            if _tag(element).lower().endswith("channelslist"):
                return [int(number) for number in re.findall(r"\d+", element.text or "")]
    return []


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]  # without its namespace


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
