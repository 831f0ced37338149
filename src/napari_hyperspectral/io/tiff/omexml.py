"""OME-XML: the description inside OME-TIFF files.

Source: The Open Microscopy Environment, "OME Model and File Formats", schema 2016-06,
https://www.openmicroscopy.org/Schemas/Documentation/Generated/OME-2016-06/ome.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels, Sampling, describe
from ..metadata.evidence import SHAPE_KEY, Told, axis_from_names, band_axis, is_spectrum
from ..metadata.units import length_unit, spectral_unit

TYPES: Final[Mapping[str, str]] = {  # OME's names of data types it shares with NumPy
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "float32": "float",
    "float64": "double",
}

_NAMESPACE: Final = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_SCHEMA: Final = f"{_NAMESPACE} {_NAMESPACE}/ome.xsd"
_OURS: Final = "https://github.com/napari-hyperspectral/napari-hyperspectral"
"""Namespace of our annotation; one of its keys holds the description as JSON."""
_KEY: Final = "hyperspectral"
_LENGTHS: Final[Mapping[str | None, str]] = {
    **{unit: unit for unit in ("nm", "mm", "cm", "m", "km", "in")},
    "um": "µm",
    None: "pixel",
}
_TIMES: Final = ("s", "ms", "min", "h")
_LETTERS: Final = {"T": "t", "Z": "z", "C": "b"}


@dataclass(frozen=True)
class OmeImage:
    """What OME-XML tells of one of its images."""

    name: str
    told: Told


def ome_xml(image: Image) -> bytes:
    """Return the description of an image whose planes follow as (t, z, band), the last fastest."""
    sizes = dict(zip(image.dims, image.shape, strict=True))
    ElementTree.register_namespace("", _NAMESPACE)
    ElementTree.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root = Element(
        _tag("OME"),
        {
            "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation": _SCHEMA,
            "Creator": "napari-hyperspectral",
        },
    )
    about = SubElement(root, _tag("Image"), {"ID": "Image:0", "Name": _clean(image.name)})
    pixels = SubElement(
        about,
        _tag("Pixels"),
        {
            "ID": "Pixels:0",
            "DimensionOrder": "XYCZT",
            "Type": TYPES[np.dtype(image.data.dtype).name],
            "SizeX": str(sizes["x"]),
            "SizeY": str(sizes["y"]),
            "SizeC": str(sizes.get("band", 1)),
            "SizeZ": str(sizes.get("z", 1)),
            "SizeT": str(sizes.get("t", 1)),
            **_steps(image),
        },
    )
    axis = image.axis if isinstance(image, Cube) else ChannelAxis(("labels",))
    for band in range(len(axis)):
        channel = {"ID": f"Channel:0:{band}", "SamplesPerPixel": "1"}
        SubElement(pixels, _tag("Channel"), channel | _channel(axis, band))
    planes = sizes.get("band", 1) * sizes.get("z", 1) * sizes.get("t", 1)
    SubElement(pixels, _tag("TiffData"), {"IFD": "0", "PlaneCount": str(planes)})
    SubElement(about, _tag("AnnotationRef"), {"ID": "Annotation:0"})
    pairs = {_KEY: json.dumps({SHAPE_KEY: list(image.shape)} | describe(image))}
    _annotate(root, pairs | (_classes(image) if isinstance(image, Labels) else {}))
    xml: bytes = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=True)
    return xml


def images_of_ome(xml: str) -> list[OmeImage]:
    """Return what OME-XML tells of each of its images; none where it cannot be read."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return []
    ours = _ours(root)
    found = []
    for image in root.iterfind("{*}Image"):
        pixels = image.find("{*}Pixels")
        if pixels is not None:
            name = image.get("Name", "")
            found.append(OmeImage(name, Told(_sizes(pixels), _axis(pixels), _about(pixels), ours)))
    return found


def _steps(image: Image) -> dict[str, str]:
    steps: dict[str, str] = {}
    spaces = [
        ("Y", image.pixel_size[0], image.pixel_unit),
        ("X", image.pixel_size[1], image.pixel_unit),
    ]
    if image.z is not None:
        spaces.append(("Z", image.z.step, image.z.unit))
    for letter, step, unit in spaces:
        if unit in _LENGTHS and step > 0 and (unit, step) != (None, 1.0):
            steps |= {f"PhysicalSize{letter}": repr(float(step))}
            steps |= {f"PhysicalSize{letter}Unit": _LENGTHS[unit]}
    if image.t is not None and image.t.unit in _TIMES:
        steps |= {"TimeIncrement": repr(float(image.t.step)), "TimeIncrementUnit": image.t.unit}
    return steps


def _channel(axis: Axis, band: int) -> dict[str, str]:
    if isinstance(axis, ChannelAxis):
        return {"Name": _clean(axis.names[band])}
    if axis.unit is None:
        return {}
    centre = float(axis.centres[band])
    unit = {"um": "µm", "1/cm": "cm-1"}.get(axis.unit, str(axis.unit))
    channel = {"Name": f"{centre!r} {unit}", "AcquisitionMode": "SpectralImaging"}
    if axis.kind == "wavelength" and centre > 0:  # a length to OME, so no wavenumber fits
        channel |= {"EmissionWavelength": repr(centre), "EmissionWavelengthUnit": unit}
    if axis.excitation_nm:
        channel |= {
            "ExcitationWavelength": repr(float(axis.excitation_nm)),
            "ExcitationWavelengthUnit": "nm",
        }
    return channel


def _classes(labels: Labels) -> dict[str, str]:
    """Return what other programs show of the classes: a line each, by its number."""
    colours = labels.colours or ("",) * len(labels.classes)
    named = enumerate(zip(labels.classes, colours, strict=True), 1)
    return {str(number): _clean(f"{name} {colour}".strip()) for number, (name, colour) in named}


def _annotate(root: Element, pairs: Mapping[str, str]) -> None:
    annotations = SubElement(root, _tag("StructuredAnnotations"))
    named = {"ID": "Annotation:0", "Namespace": _OURS}
    value = SubElement(SubElement(annotations, _tag("MapAnnotation"), named), _tag("Value"))
    for key, text in pairs.items():
        SubElement(value, _tag("M"), {"K": key}).text = text


def _ours(root: Element) -> dict[str, Any] | None:
    for annotation in root.iterfind(".//{*}MapAnnotation"):
        if annotation.get("Namespace") == _OURS:
            for pair in annotation.iterfind(".//{*}M"):
                if pair.get("K") == _KEY:
                    about: dict[str, Any] = json.loads(pair.text or "{}")
                    return about
    return None


def _sizes(pixels: Element) -> tuple[tuple[str, int], ...]:
    order = pixels.get("DimensionOrder", "XYCZT")[:1:-1]  # ours is slowest first
    return tuple((_LETTERS[letter], int(pixels.get(f"Size{letter}", "1"))) for letter in order)


def _axis(pixels: Element) -> Axis | None:
    channels = list(pixels.iterfind("{*}Channel"))
    if not channels:
        return None
    stated = all(c.get("AcquisitionMode") == "SpectralImaging" for c in channels)
    names = [channel.get("Name", "") for channel in channels]
    excitations = _wavelengths(channels, "ExcitationWavelength")
    found = _wavelengths(channels, "EmissionWavelength") or (
        excitations if excitations and is_spectrum(excitations) else None
    )
    if found is None or not (stated or is_spectrum(found)):
        found = axis_from_names(names, stated=stated)
    if found is not None:
        return replace(found, excitation_nm=_line(excitations))
    return ChannelAxis(tuple(names)) if all(names) and len(set(names)) == len(names) else None


def _wavelengths(channels: Sequence[Element], name: str) -> SpectralAxis | None:
    """Return the wavelengths of all channels, where each has one, in the same unit."""
    values = [channel.get(name) for channel in channels]
    units = {channel.get(f"{name}Unit", "nm") for channel in channels}
    means = spectral_unit(units.pop())
    if None in values or units or means is None:
        return None
    return band_axis([float(value or 0) for value in values], means)


def _line(excitations: SpectralAxis | None) -> float | None:
    """Return the excitation in nm that all channels share."""
    if excitations is None or np.ptp(excitations.centres) > 0 or excitations.centres[0] <= 0:
        return None
    return float(excitations.centres[0]) * (1e3 if excitations.unit == "um" else 1.0)


def _about(pixels: Element) -> dict[str, Any]:
    about: dict[str, Any] = {}
    sizes = {letter: _step(pixels, f"PhysicalSize{letter}", "µm") for letter in "YXZ"}
    (height, unit), (width, unit_of_width) = sizes["Y"], sizes["X"]
    if height and width and unit == unit_of_width and unit is not None:
        about |= {"pixel_size": (height, width), "pixel_unit": unit}
    for letter, name, (step, unit) in (
        ("Z", "z", sizes["Z"]),
        ("T", "t", _step(pixels, "TimeIncrement", "s")),
    ):
        if int(pixels.get(f"Size{letter}", "1")) > 1:
            about[name] = Sampling(step, 0.0, unit) if step and unit else Sampling()
    return about


def _step(pixels: Element, name: str, default: str) -> tuple[float | None, str | None]:
    size = pixels.get(name)
    return (float(size) if size else None), length_unit(pixels.get(f"{name}Unit", default))


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _clean(text: str) -> str:
    """Return `text` without the control characters that XML cannot hold."""
    return "".join(c for c in text if c.isprintable())
