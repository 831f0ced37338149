"""ImageJ TIFF: a stack (or hyperstack) with the text that ImageJ keeps in it.

Source: ImageJ, ij/io/TiffDecoder.java and ij/io/FileInfo.java,
https://github.com/imagej/ImageJ (public domain): text of the description, slice labels, info.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tifffile import TiffWriter

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Sampling, describe
from ...errors import FileFormatError
from ..metadata.evidence import SHAPE_KEY, Sizes, Told, axis_from_names, told_by_envi_text
from ..metadata.units import length_unit
from .planes import each_plane, layout_of_file

_TYPES: Final = ("uint8", "uint16", "float32")
_KEY: Final = "hyperspectral = "
"""What the line of the image's info that holds our description begins with."""
_X_RESOLUTION, _Y_RESOLUTION = 282, 283


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
        raise FileFormatError(path, "more than 4 GB, too much for ImageJ TIFF", "write .ome.tif")
    sizes = dict(zip(image.dims, image.shape, strict=True))
    bands = sizes.get("band", 1)
    times, depths, channels = sizes.get("t", 1), sizes.get("z", 1), bands
    if "t" not in sizes and "z" not in sizes:
        depths, channels = bands, 1  # a composite of ImageJ has at most seven channels
    with TiffWriter(path, imagej=True, **layout) as file:
        file.write(
            each_plane(image.data),
            shape=(times, depths, channels, *image.shape[-2:], 1),
            dtype=dtype,
            photometric="minisblack",
            resolution=(1 / image.pixel_size[1], 1 / image.pixel_size[0]),
            metadata={"axes": "TZCYXS", "mode": "grayscale"}
            | _texts(image, times * depths * channels),
        )


def told_by_imagej(meta: Mapping[str, Any], resolutions: Sequence[Any], planes: int) -> Told:
    """Return what the metadata of ImageJ tell.

    Parameters
    ----------
    meta : mapping
        As `tifffile` gives them.
    resolutions : sequence of two fractions
        Pixels a unit along y and x, (numerator, denominator) each; () where there are none.
    planes : int
        Pages in the file.
    """
    promised = [(letter, int(meta.get(name, 1))) for letter, name in _NAMES.items()]
    sizes: Sizes = tuple((letter, size) for letter, size in promised if size > 1)
    labels = [str(label or "") for label in meta.get("Labels", ())]
    images = int(meta.get("images", planes))
    if images > planes:  # the file was cut short: let it be seen that pages are missing
        sizes = (("b", images),)
    sizes = _with_bands(sizes or (("b", images),))
    info = str(meta.get("Info", ""))
    axis = axis_from_names(_of_bands(sizes, labels)) or told_by_envi_text(info).axis
    return Told(sizes, axis, _about(meta, resolutions, dict(sizes), info), _ours(info))


_NAMES: Final = {"t": "frames", "z": "slices", "b": "channels"}


def _texts(image: Image, planes: int) -> dict[str, Any]:
    about = {SHAPE_KEY: list(image.shape)} | describe(image)
    texts: dict[str, Any] = {"Info": _KEY + json.dumps(about)}
    if isinstance(image, Cube):
        names = [_label(image.axis, band) for band in range(len(image.axis))]
        texts["Labels"] = names * (planes // len(names))
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
    return f"{float(axis.centres[band])!r} {'cm-1' if axis.unit == '1/cm' else axis.unit}"


def _with_bands(sizes: Sizes) -> Sizes:
    """Return `sizes` with an axis of bands among them: without channels it is the slices."""
    letters = [letter for letter, _ in sizes]
    if "b" in letters:
        return sizes
    bands = "z" if "z" in letters else "t"
    return tuple(("b" if letter == bands else letter, size) for letter, size in sizes)


def _of_bands(sizes: Sizes, labels: Sequence[str]) -> list[str]:
    """Return the labels of the first plane of each band."""
    stride = 1
    for letter, size in reversed(sizes):
        if letter == "b":
            return list(labels[: stride * size : stride]) if len(labels) >= stride * size else []
        stride *= size
    return []


def _about(
    meta: Mapping[str, Any], resolutions: Sequence[Any], sizes: Mapping[str, int], info: str
) -> dict[str, Any]:
    about: dict[str, Any] = {}
    unit = length_unit(str(meta.get("unit", "")))
    if unit and len(resolutions) == 2 and all(many > 0 for pair in resolutions for many in pair):
        about = {"pixel_unit": unit, "pixel_size": tuple(per / many for many, per in resolutions)}
    if sizes.get("z", 1) > 1:
        step = float(meta.get("spacing", 0))
        about["z"] = Sampling(step, 0.0, unit) if step and unit else Sampling()
    if sizes.get("t", 1) > 1:
        step = float(meta.get("finterval", 0))
        about["t"] = Sampling(step, 0.0, "s") if step else Sampling()
    if info and _KEY not in info:
        about["metadata"] = {"imagej_info": info}
    return about


def _ours(info: str) -> dict[str, Any] | None:
    found = re.search(rf"^{re.escape(_KEY)}(\{{.*\}})\s*$", info, re.MULTILINE)
    if found is None:
        return None
    about: dict[str, Any] = json.loads(found[1])
    return about
