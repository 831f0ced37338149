"""ENVI: a text header beside a raw file.

Source: NV5 Geospatial, "ENVI Header Files",
https://www.nv5geospatialsoftware.com/docs/enviheaderfiles.html

What ENVI has no key for (history, origin, units of pixels, …) goes into a key of our own, as
JSON in percent-encoding, so that no brace, comma or line end of it disturbs another parser.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image, Labels, image_from
from ...errors import FileFormatError
from ..arrays.blocks import blocks
from ..metadata.fields import Geometry
from ..metadata.named_arrays import cube_from_array
from ..metadata.units import length_unit
from ..source import Source
from ..spectrometers.agilent import pixel_size_from_companion
from .envi_axis import axis_from_header, is_agilent
from .envi_data import DTYPES, header_and_data, mapped_data
from .envi_entries import header_text
from .envi_header import (
    GEOREFERENCE_KEYS,
    OWN_KEY,
    EnviHeader,
    list_items,
    list_numbers,
    own_entry,
    read_header,
)
from .envi_map import SMALL, place_on_map

_READ: Final = {
    *("samples", "lines", "bands", "interleave", "data type", "byte order", "header offset"),
    *("wavelength", "wavelength units", "fwhm", "bbl", OWN_KEY, *GEOREFERENCE_KEYS),
}
"""Keys that the cube itself has in another form; the others are kept as metadata."""
_UNCLASSIFIED: Final = 0
"""Number of the first class of ENVI, which means none of them."""


def read_images(source: Source) -> list[Image]:
    """Read an ENVI cube, spectral library or classification as a memory map."""
    path, data_file = header_and_data(source.path)
    header = read_header(path)
    if source.array is not None:
        raise FileFormatError(path, "an ENVI file holds one image", f"leave out ::{source.array}")
    data = mapped_data(path, header, data_file)
    if source.axes not in (None, "byx"):
        return [_laid_out(data, source, path)]
    if "library" in header.get("file type", "").lower():
        data = data.reshape(data.shape[-2:]).T[
            :, None, :
        ]  # (1, spectrum, band) to (band, 1, spectrum)
    return [_image(path, header, data)]


def write_image(path: Path, image: Image) -> None:
    """Write band-sequential data of the image's own type, then the header.

    Raises
    ------
    FileFormatError
        If ENVI has no such type, or the image has a t or z axis.
    """
    if image.t or image.z:
        raise FileFormatError(
            path,
            f"ENVI holds (band, y, x), this image is ({', '.join(image.dims)})",
            "write .ome.zarr, .hspy or .h5, or choose one plane",
        )
    dtype = np.dtype(image.data.dtype)
    codes = {np.dtype(name): code for code, name in DTYPES.items()}
    code = codes.get(dtype.newbyteorder("="))
    if code is None:
        raise FileFormatError(
            path,
            f"ENVI has no type for {dtype}",
            "convert the data first, such as to float32, or write .npz",
        )
    data_file = path.with_suffix(".img")
    with data_file.open("wb") as file:
        for _, block in blocks(image.data):
            file.write(np.ascontiguousarray(block, dtype.newbyteorder("<")).data)
    path.write_text(header_text(image, code, data_file), encoding="utf-8", newline="\n")


def _laid_out(data: NDArray[Any], source: Source, path: Path) -> Cube:
    """Return the cube in a layout that was stated, of data that the header calls (band, y, x)."""
    axes = source.axes or "byx"
    if len(axes) != 3:
        raise FileFormatError(
            path, f"layout {axes!r} has {len(axes)} axes", "ENVI files have three"
        )
    return cube_from_array(data, axes, None, name=path.stem, history=(f"read {path.name}",))


def _image(path: Path, header: EnviHeader, data: NDArray[Any]) -> Image:
    """Return what header and data (band, y, x) make: our own image, labels, or a cube."""
    axis = axis_from_header(path, header, data.shape[0])
    if own_entry(header):
        image = _described(header, data, axis)
        if image is not None:
            return image
    if "classification" in header.get("file type", "").lower() and data.dtype.kind in "iu":
        return _labels(path, header, data)
    place = _place(header)
    if place.get("pixel_unit") is None and is_agilent(header):
        side = pixel_size_from_companion(path, data.shape[-1])
        if side:
            place = Geometry(pixel_size=(side, side), pixel_unit="um")
    return Cube(
        data,
        axis,
        name=path.stem,
        history=(f"read {path.name}",),
        metadata=_metadata(header),
        georeference={key: header[key] for key in GEOREFERENCE_KEYS if key in header} or None,
        **place,
    )


def _described(header: EnviHeader, data: NDArray[Any], axis: Axis) -> Image | None:
    """Return the image that was written here; the axis comes from the header's own keys.

    None where another program changed our entry, or the bands: its own keys remain.
    """
    description = own_entry(header)
    try:
        if "axis" not in description:  # labels
            return image_from(data[0], description)
        if "channels" in description["axis"]:
            same = len(description["axis"]["channels"]) == len(axis)
            return image_from(data, description) if same else None
        if isinstance(axis, ChannelAxis):
            return None
        bands = {key: getattr(axis, key) for key in ("centres", "widths", "bad")}
        return image_from(data, description | {"axis": description["axis"] | bands})
    except (ValueError, KeyError, TypeError):
        return None


def _labels(path: Path, header: EnviHeader, data: NDArray[Any]) -> Labels:
    """Return a classification as labels with the names and colours of its classes."""
    classes = tuple(list_items(header.get("class names", ""))[_UNCLASSIFIED + 1 :])
    return Labels(
        data[0],
        classes,
        _colours(header, len(classes)),
        name=path.stem,
        history=(f"read {path.name}",),
        metadata=_metadata(header),
        **_place(header),
    )


def _colours(header: EnviHeader, classes: int) -> tuple[str, ...]:
    """Return the colours of the classes; () where there is not one for each."""
    try:
        lookup = [int(value) for value in list_numbers(header.get("class lookup", ""))]
    except ValueError:
        return ()
    if len(lookup) != 3 * (classes + 1) or not all(0 <= value <= 255 for value in lookup):
        return ()
    starts = range(3, len(lookup), 3)  # without the first three: that colour is of no class
    return tuple(f"#{bytes(lookup[start : start + 3]).hex()}" for start in starts)


def _place(header: EnviHeader) -> Geometry:
    """Return size, unit, origin and rotation of pixels, as far as they are stated."""
    try:
        if "map info" in header:
            return place_on_map(list_items(header["map info"]))
        items = list_items(header["pixel size"])
        width, height = (float(item) for item in items[:2])
    except (KeyError, ValueError, IndexError):
        return Geometry()
    for item in items[2:]:
        key, _, stated = item.partition("=")
        unit = length_unit(stated) if key.strip().lower() == "units" else None
        if unit is not None and unit != "m":
            return Geometry(pixel_size=(height, width), pixel_unit=unit)
    if max(width, height) < SMALL:  # metres, says ENVI; people count in µm there
        return Geometry(pixel_size=(height * 1e6, width * 1e6), pixel_unit="um")
    return Geometry(pixel_size=(height, width), pixel_unit="m")


def _metadata(header: EnviHeader) -> dict[str, Any]:
    """Return the other entries of the header, and the names of a library's spectra."""
    others = {key: value for key, value in header.items() if key not in _READ}
    metadata: dict[str, Any] = {"envi": others}
    if "spectra names" in header:
        metadata["spectra names"] = list_items(header["spectra names"])
    return metadata
