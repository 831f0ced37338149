"""ImageJ TIFF: a stack (or hyperstack) with the text that ImageJ keeps in it.

Source: ImageJ, ij/io/TiffDecoder.java and ij/io/FileInfo.java,
https://github.com/imagej/ImageJ (public domain): text of the description, slice labels, info.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tifffile import TiffWriter

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Sampling, describe
from ...errors import FileFormatError
from ..metadata.axes import axis_from_envi_text, axis_from_names, axis_from_numbered_names
from ..metadata.fields import CubeFields
from ..metadata.units import length_unit
from .metadata import SHAPE_KEY, ImageMetadata, Sizes
from .planes import each_plane, layout_of_file

_TYPES: Final = ("uint8", "uint16", "float32")
_KEY: Final = "hyperspectral = "
"""What the line of the image's info that holds our description begins with."""
_DESCRIPTION: Final = re.compile(rf"^{re.escape(_KEY)}(\{{.*\}})\s*$", re.MULTILINE)
_SIZES: Final = {
    "t": ("t", "frames"),
    "z": ("z", "slices"),
    "c": ("b", "channels"),
}
"""Our letter, and the key of ImageJ for its length, of the axes of its planes."""
_USUAL_ORDER: Final = "czt"
"""Axes of planes where nothing is said, the fastest first."""


def write_image(path: Path, image: Image) -> None:
    """Write an image as ImageJ does; with t or z the bands are its channels, else its slices."""
    dtype = np.dtype(image.data.dtype)
    if dtype.name not in _TYPES:
        raise FileFormatError(
            path,
            f"ImageJ cannot hold {dtype.name}, only {', '.join(_TYPES)}",
            'convert the data, or write .ome.tif or .zarr, or a plain stack: format="TIFF stack"',
        )
    layout = layout_of_file(image.data)
    if layout.pop("bigtiff"):
        raise FileFormatError(
            path,
            "more than 4 GB, too much for ImageJ TIFF",
            "write .ome.tif",
        )
    sizes = dict(zip(image.dims, image.shape, strict=True))
    frames = sizes.get("t", 1)
    slices = sizes.get("z", 1)
    channels = sizes.get("band", 1)
    if "t" not in sizes and "z" not in sizes:
        # a composite of ImageJ has at most seven channels
        slices = channels
        channels = 1
    height, width = image.pixel_sides
    texts = _texts(image, frames * slices * channels)
    with TiffWriter(path, imagej=True, **layout) as file:
        file.write(
            each_plane(image.data),
            shape=(frames, slices, channels, *image.shape[-2:], 1),
            dtype=dtype,
            photometric="minisblack",
            resolution=(1 / width, 1 / height),
            metadata={"axes": "TZCYXS", "mode": "grayscale"} | texts,
        )


def metadata_from_imagej(
    entries: Mapping[str, Any],
    resolutions: Sequence[tuple[int, int]],
    planes: int,
) -> ImageMetadata:
    """Return what the metadata of ImageJ say.

    Parameters
    ----------
    entries : mapping
        As `tifffile` gives them.
    resolutions : sequence of two fractions
        Pixels a unit along y and x, (numerator, denominator) each; () where there are none.
    planes : int
        Pages in the file.
    """
    sizes = _sizes(entries, planes)
    info = str(entries.get("Info", ""))
    labels = [str(label or "") for label in entries.get("Labels", ())]  # some are None
    labels_of_bands = _labels_of_bands(sizes, labels)
    axis = (
        axis_from_names(labels_of_bands)
        or axis_from_envi_text(info)
        or axis_from_numbered_names(labels_of_bands)
    )
    fields = _geometry(entries, resolutions, dict(sizes))
    if info and _KEY not in info:
        fields["metadata"] = {"imagej_info": info}
    return ImageMetadata(sizes, axis, fields, _description(info))


# reading


def _sizes(entries: Mapping[str, Any], planes: int) -> Sizes:
    """Return the axes of the planes, one of bands among them."""
    sizes = {}
    for axis in reversed(_order(entries)):
        letter, key = _SIZES[axis]
        size = int(entries.get(key, 1))
        if size > 1:
            sizes[letter] = size
    images = int(entries.get("images", planes))
    if images > planes:  # the file was cut short: let it be seen that pages are missing
        sizes = {}
    if not sizes:
        return (("b", images),)
    bands = "t"
    for letter in ("z", "b"):  # without channels, the slices are the bands
        if letter in sizes:
            bands = letter
    axes = []
    for letter, size in sizes.items():
        axes.append(("b" if letter == bands else letter, size))
    return tuple(axes)


def _order(entries: Mapping[str, Any]) -> str:
    """Return the axes of the planes as the file orders them, the fastest first."""
    stated = str(entries.get("order", "")).strip().lower().removeprefix("xy")
    if stated in ("", "default"):
        return _USUAL_ORDER
    if sorted(stated) == sorted(_USUAL_ORDER):
        return stated
    warnings.warn(
        f"order={stated!r} is none of the orders that ImageJ knows: planes are read as xyczt",
        stacklevel=2,
    )
    return _USUAL_ORDER


def _labels_of_bands(sizes: Sizes, labels: Sequence[str]) -> list[str]:
    """Return the label of the first plane of each band; [] where planes are without labels."""
    stride = 1  # planes from one band to the next
    for letter, size in reversed(sizes):
        if letter == "b":
            end = stride * size
            if len(labels) < end:
                return []
            return list(labels[:end:stride])
        stride *= size
    return []


def _geometry(
    entries: Mapping[str, Any],
    resolutions: Sequence[tuple[int, int]],
    sizes: Mapping[str, int],
) -> CubeFields:
    """Return where pixels, slices and frames lie, as far as ImageJ states it."""
    geometry = CubeFields()
    unit = length_unit(str(entries.get("unit", "")))
    positive = all(min(fraction) > 0 for fraction in resolutions)
    known = len(resolutions) == 2 and positive
    if unit and known:
        # a resolution is in pixels a unit, a pixel size in units a pixel
        height, width = (denominator / numerator for numerator, denominator in resolutions)
        geometry["pixel_size"] = (height, width)
        geometry["pixel_unit"] = unit
    if sizes.get("z", 1) > 1:
        step = float(entries.get("spacing", 0))
        geometry["z"] = Sampling()  # slices are counted
        if step and unit:
            geometry["z"] = Sampling(step, 0.0, unit)
    if sizes.get("t", 1) > 1:
        step = float(entries.get("finterval", 0))
        geometry["t"] = Sampling()  # frames are counted
        if step:
            geometry["t"] = Sampling(step, 0.0, "s")
    return geometry


def _description(info: str) -> dict[str, Any] | None:
    match = _DESCRIPTION.search(info)
    if match is None:
        return None
    text = match[1]
    description: dict[str, Any] = json.loads(text)
    return description


# writing


def _texts(image: Image, planes: int) -> dict[str, Any]:
    """Return our description, and what ImageJ shows of it: labels of planes and steps."""
    description = {SHAPE_KEY: list(image.shape)} | describe(image)
    info = _KEY + json.dumps(description)
    texts: dict[str, Any] = {"Info": info}
    if isinstance(image, Cube):
        bands = len(image.axis)
        labels = [_label(image.axis, band) for band in range(bands)]
        texts["Labels"] = labels * (planes // bands)  # again for each slice and frame
    if image.pixel_unit:
        texts["unit"] = image.pixel_unit
    if image.z is not None:
        texts["spacing"] = image.z.step
    if image.t is not None:
        texts["finterval"] = image.t.step
    return texts


def _label(axis: SpectralAxis | ChannelAxis, band: int) -> str:
    if isinstance(axis, ChannelAxis):
        return axis.names[band]
    if axis.unit is None:
        return f"band {band + 1}"
    unit = "cm-1" if axis.unit == "1/cm" else axis.unit
    centre = float(axis.centres[band])
    return f"{centre!r} {unit}"
