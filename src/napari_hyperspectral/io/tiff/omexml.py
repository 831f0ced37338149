"""OME-XML: the description inside OME-TIFF files.

Source: The Open Microscopy Environment, "OME Model and File Formats", schema 2016-06,
https://www.openmicroscopy.org/Schemas/Documentation/Generated/OME-2016-06/ome.html
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels, Sampling, describe
from ..metadata.axes import axis_from_names, band_axis, is_spectrum
from ..metadata.fields import CubeFields
from ..metadata.units import length_unit, stated_unit
from .metadata import SHAPE_KEY, ImageMetadata, Sizes
from .modulo import modulo_of

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
    "nm": "nm",
    "um": "µm",
    "mm": "mm",
    "cm": "cm",
    "m": "m",
    "km": "km",
    "in": "in",
    None: "pixel",
}
"""OME's names of our units of length."""
_TIMES: Final = ("s", "ms", "min", "h")
_SPECTRAL_UNITS: Final[Mapping[str, str]] = {"um": "µm", "1/cm": "cm-1"}
"""What is written for units of an axis, where that differs from ours."""
_LETTERS: Final = {"T": "t", "Z": "z", "C": "b"}
_SPECTRAL: Final = "SpectralImaging"
"""AcquisitionMode of a channel that is a band of a spectrum."""


@dataclass(frozen=True)
class OmeImage:
    """What OME-XML says of one of its images."""

    name: str
    metadata: ImageMetadata


# writing


def ome_xml(image: Image) -> bytes:
    """Return the description of an image whose planes follow as (t, z, band), the last fastest."""
    ElementTree.register_namespace("", _NAMESPACE)
    ElementTree.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root = Element(
        _tag("OME"),
        {
            "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation": _SCHEMA,
            "Creator": "napari-hyperspectral",
        },
    )
    element = SubElement(
        root,
        _tag("Image"),
        {"ID": "Image:0", "Name": _clean(image.name)},
    )
    _add_pixels(element, image)
    SubElement(element, _tag("AnnotationRef"), {"ID": "Annotation:0"})
    description = {SHAPE_KEY: list(image.shape)} | describe(image)
    pairs = {_KEY: json.dumps(description)}
    if isinstance(image, Labels):
        pairs |= _classes(image)
    _annotate(root, pairs)
    xml: bytes = ElementTree.tostring(
        root,
        encoding="us-ascii",
        xml_declaration=True,
    )
    return xml


def _add_pixels(element: Element, image: Image) -> None:
    """Add the Pixels of an image: sizes, steps, a Channel for each band, and where planes are."""
    sizes = dict(zip(image.dims, image.shape, strict=True))
    bands = sizes.get("band", 1)
    slices = sizes.get("z", 1)
    frames = sizes.get("t", 1)
    dtype = np.dtype(image.data.dtype)
    pixels = SubElement(
        element,
        _tag("Pixels"),
        {
            "ID": "Pixels:0",
            "DimensionOrder": "XYCZT",
            "Type": TYPES[dtype.name],
            "SizeX": str(sizes["x"]),
            "SizeY": str(sizes["y"]),
            "SizeC": str(bands),
            "SizeZ": str(slices),
            "SizeT": str(frames),
            **_steps(image),
        },
    )
    axis: Axis = ChannelAxis(("labels",))
    if isinstance(image, Cube):
        axis = image.axis
    for band in range(len(axis)):
        channel = {"ID": f"Channel:0:{band}", "SamplesPerPixel": "1"}
        SubElement(
            pixels,
            _tag("Channel"),
            channel | _channel(axis, band),
        )
    count = bands * slices * frames
    planes = {"IFD": "0", "PlaneCount": str(count)}
    SubElement(pixels, _tag("TiffData"), planes)


def _steps(image: Image) -> dict[str, str]:
    """Return the attributes of Pixels for sizes in space and time, as far as OME has their units."""
    height, width = image.pixel_sides
    lengths = [
        ("Y", height, image.pixel_unit),
        ("X", width, image.pixel_unit),
    ]
    if image.z is not None:
        lengths.append(("Z", image.z.step, image.z.unit))
    steps: dict[str, str] = {}
    for letter, step, unit in lengths:
        is_default = unit is None and step == 1.0  # nothing is known of it
        if unit in _LENGTHS and step > 0 and not is_default:
            steps[f"PhysicalSize{letter}"] = repr(float(step))
            steps[f"PhysicalSize{letter}Unit"] = _LENGTHS[unit]
    if image.t is not None and image.t.unit in _TIMES:
        interval = float(image.t.step)
        steps["TimeIncrement"] = repr(interval)
        steps["TimeIncrementUnit"] = image.t.unit
    return steps


def _channel(axis: Axis, band: int) -> dict[str, str]:
    """Return the attributes of the Channel of a band."""
    if isinstance(axis, ChannelAxis):
        return {"Name": _clean(axis.names[band])}
    if axis.unit is None:
        return {}
    centre = float(axis.centres[band])
    unit = _SPECTRAL_UNITS.get(axis.unit, axis.unit)
    channel = {
        "Name": f"{centre!r} {unit}",
        "AcquisitionMode": _SPECTRAL,
    }
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
    lines = {}
    number = 1  # 0 stands for pixels of no class
    for name, colour in zip(labels.classes, colours, strict=True):
        line = f"{name} {colour}".strip()
        lines[str(number)] = _clean(line)
        number += 1
    return lines


def _annotate(root: Element, pairs: Mapping[str, str]) -> None:
    annotations = SubElement(root, _tag("StructuredAnnotations"))
    attributes = {"ID": "Annotation:0", "Namespace": _OURS}
    annotation = SubElement(annotations, _tag("MapAnnotation"), attributes)
    value = SubElement(annotation, _tag("Value"))
    for key, text in pairs.items():
        pair = SubElement(value, _tag("M"), {"K": key})
        pair.text = text


# reading


def images_of_ome(xml: str) -> list[OmeImage]:
    """Return what OME-XML says of each of its images; [] where it cannot be read."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:  # tifffile may read the planes without
        return []
    description = _description(root)
    images = []
    for image in root.iterfind("{*}Image"):
        pixels = image.find("{*}Pixels")
        if pixels is not None:
            sizes, axis = _sizes_and_axis(root, image, pixels)
            metadata = ImageMetadata(sizes, axis, _geometry(pixels), description)
            name = image.get("Name", "")
            images.append(OmeImage(name, metadata))
    return images


def _sizes_and_axis(root: Element, image: Element, pixels: Element) -> tuple[Sizes, Axis | None]:
    """Return the axes of the planes, and the bands: channels, or a part of another axis."""
    sizes = _sizes(pixels)
    modulo = modulo_of(root, image, sizes)
    if modulo is None:
        return sizes, _axis(pixels)
    split = modulo.split(sizes)
    if split is None:
        length = dict(sizes)[modulo.along]
        warnings.warn(
            f"{modulo.axis} do not divide {length} planes along an axis: the spectrum is left out",
            stacklevel=2,
        )
        return sizes, _axis(pixels)
    axis = modulo.axis
    if isinstance(axis, SpectralAxis):
        excitation = _wavelengths(list(pixels.iterfind("{*}Channel")), "ExcitationWavelength")
        axis = replace(axis, excitation_nm=_shared_line(excitation))
    return split, axis


def _description(root: Element) -> dict[str, Any] | None:
    """Return the description in our annotation; None where another program wrote the file."""
    for annotation in root.iterfind(".//{*}MapAnnotation"):
        if annotation.get("Namespace") != _OURS:
            continue
        for pair in annotation.iterfind(".//{*}M"):
            if pair.get("K") == _KEY:
                description: dict[str, Any] = json.loads(pair.text or "{}")
                return description
    return None


def _sizes(pixels: Element) -> Sizes:
    order = pixels.get("DimensionOrder", "XYCZT")
    sizes = []
    for letter in order[:1:-1]:  # without X and Y, the slowest first
        size = int(pixels.get(f"Size{letter}", "1"))
        sizes.append((_LETTERS[letter], size))
    return tuple(sizes)


def _axis(pixels: Element) -> Axis | None:
    """Return the spectrum of the channels, else their names, else None."""
    channels = list(pixels.iterfind("{*}Channel"))
    if not channels:
        return None
    stated = all(channel.get("AcquisitionMode") == _SPECTRAL for channel in channels)
    names = [channel.get("Name", "") for channel in channels]
    excitation = _wavelengths(channels, "ExcitationWavelength")
    spectrum = _wavelengths(channels, "EmissionWavelength")
    if spectrum is None and excitation is not None and is_spectrum(excitation):
        spectrum = excitation  # the source was tuned, not the detector
    if spectrum is None or not (stated or is_spectrum(spectrum)):
        # wavenumbers, for which OME has no attribute, stand in names
        spectrum = axis_from_names(names, stated=stated)
    if spectrum is not None:
        return replace(spectrum, excitation_nm=_shared_line(excitation))
    distinct = len(set(names)) == len(names)
    if distinct and all(names):
        return ChannelAxis(tuple(names))
    return None


def _wavelengths(channels: Sequence[Element], name: str) -> SpectralAxis | None:
    """Return the wavelengths of all channels, where each has one, in the same unit."""
    if not channels:
        return None
    values = [channel.get(name) for channel in channels]
    units = {channel.get(f"{name}Unit", "nm") for channel in channels}  # the schema's default
    unit = stated_unit(units.pop(), "wavelength")
    is_shared = not units
    if None in values or unit is None or not is_shared:
        return None
    wavelengths = [float(value or 0) for value in values]
    return band_axis(wavelengths, unit)


def _shared_line(excitation: SpectralAxis | None) -> float | None:
    """Return the excitation in nm that all channels share."""
    if excitation is None:
        return None
    lines = excitation.centres
    line = float(lines[0])
    if np.ptp(lines) > 0 or line <= 0:
        return None
    if excitation.unit == "um":
        return line * 1e3
    return line


def _geometry(pixels: Element) -> CubeFields:
    """Return where pixels, slices and frames lie; pixels only where y and x have one unit."""
    geometry = CubeFields()
    y = _sampling(pixels, "PhysicalSizeY", "µm")
    x = _sampling(pixels, "PhysicalSizeX", "µm")
    if y.unit is not None and y.unit == x.unit:
        geometry["pixel_size"] = (y.step, x.step)
        geometry["pixel_unit"] = y.unit
    if int(pixels.get("SizeZ", "1")) > 1:
        geometry["z"] = _sampling(pixels, "PhysicalSizeZ", "µm")
    if int(pixels.get("SizeT", "1")) > 1:
        geometry["t"] = _sampling(pixels, "TimeIncrement", "s")
    return geometry


def _sampling(
    pixels: Element,
    attribute: str,
    default: str,
) -> Sampling:
    """Return a step with its unit, which has a default in the schema; else steps are counted."""
    stated = pixels.get(attribute)
    unit = length_unit(pixels.get(f"{attribute}Unit", default))
    if not stated or not unit:
        return Sampling()
    return Sampling(float(stated), 0.0, unit)  # 0, NaN and the like are told by the cube


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _clean(text: str) -> str:
    """Return `text` without the control characters that XML cannot hold."""
    return "".join(character for character in text if character.isprintable())
