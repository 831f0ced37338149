"""Gatan DigitalMicrograph (DM3, DM4): spectrum images and pictures of electron microscopes.

An image states its axes, the fastest first, each with origin (a pixel), scale and unit. One in eV is the
spectrum; where the program calls an image a spectrum, or a spectrum image, it is the first axis, or the
third. The small picture of a preview is left out.

Source: C. Boothroyd, "DM3 and DM4 file format", http://www.er-c.org/cbb/info/dmformat/; axes as in
nionswift-io, https://github.com/nion-software/nionswift-io (Apache-2.0), and from its files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import RGB
from ..metadata.named_arrays import cube_from_array
from ..metadata.units import length_unit, spectral_unit, stated_axis
from ..source import Source
from .gatan_tags import DATA, Block, Tag, tags_of

_TYPES: Final = {
    1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1",
    39: "i8", 40: "u8",
}  # fmt: skip
"""Types of values by their code; the others are complex, or packed."""
_PICTURE: Final = 23
"""Code of a picture: blue, green, red and opacity of each pixel."""
_LAYOUTS: Final = {1: "b", 2: "yx", 3: "zyx", 4: "tzyx"}
"""Axes of an image without a spectrum, the slowest first."""
_WITH_SPECTRUM: Final = {1: "", 2: "x", 3: "yx", 4: "zyx", 5: "tzyx"}
"""Axes beside the spectrum, the slowest first."""


@dataclass(frozen=True)
class _Dimension:
    """An axis of an image."""

    size: int
    origin: float = 0.0
    """Pixel at which its positions are 0."""
    scale: float = 1.0
    unit: str = ""

    @property
    def first(self) -> float:
        """Position of its first pixel."""
        return (0.0 - self.origin) * self.scale

    def positions(self) -> Floats:
        """Return where its pixels lie, shape (size,)."""
        return np.asarray((np.arange(self.size) - self.origin) * self.scale, np.float64)


def read_images(source: Source) -> list[Image]:
    """Map the images of a file, or the one of a name.

    Raises
    ------
    FileFormatError
        If it is no such file, damaged, or holds no image of real numbers.
    """
    raw = Bytes(source.path)
    images = _images(raw)
    names = _names(images, source.path.stem)
    if source.array is not None:
        if source.array not in names:
            problem = f"no image {source.array!r}"
            raise FileFormatError(raw.path, problem, f"there are {', '.join(names)}")
        chosen = names.index(source.array)
        images, names = [images[chosen]], [names[chosen]]
    titles = names if len(images) > 1 else [source.path.stem]
    return [_cube(raw, image, title, source) for image, title in zip(images, titles, strict=True)]


def _images(raw: Bytes) -> list[dict[str, Tag]]:
    """Return the tags of each image, without the preview."""
    listed = tags_of(raw).get("ImageList")
    images = []
    for image in listed.values() if isinstance(listed, dict) else ():
        if isinstance(image, dict) and isinstance(_inside(image, "ImageData", DATA), Block):
            images.append(image)
    if len(images) > 1 and _inside(images[0], "ImageData", "DataType") == _PICTURE:
        images = images[1:]
    if not images:
        raise FileFormatError(raw.path, "no image in it", COPY_AGAIN)
    return images


def _inside(tags: Tag | None, *names: str) -> Tag | None:
    """Return the tag at the end of a path of names; None where there is none."""
    found = tags
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _names(images: list[dict[str, Tag]], stem: str) -> list[str]:
    """Return a name of each image, no two the same."""
    names: list[str] = []
    for image in images:
        stated = _inside(image, "Name")
        name = stated if isinstance(stated, str) and stated else stem
        names.append(f"{name} {len(names) + 1}" if name in names else name)
    return names


def _cube(raw: Bytes, image: dict[str, Tag], title: str, source: Source) -> Cube:
    dimensions = _dimensions(image)
    data = _data(raw, image, tuple(dimension.size for dimension in reversed(dimensions)))
    brightness = _inside(image, "ImageData", "Calibrations", "Brightness")
    fields: dict[str, Any] = {
        "name": title,
        "history": (f"read {source.path.name}",),
        "intensity_unit": _intensity(brightness),
        "metadata": {"DigitalMicrograph": _metadata(image, dimensions, brightness)},
    }
    if _inside(image, "ImageData", "DataType") == _PICTURE:
        return _picture(data, dimensions, **fields)
    position = _spectral_position(image, dimensions)
    if position is None:
        layout = _LAYOUTS[len(dimensions)]
        axis = None
    else:
        others = list(_WITH_SPECTRUM[len(dimensions)])
        others.insert(len(dimensions) - 1 - position, "b")
        layout = "".join(others)
        spectral = dimensions[position]
        axis = stated_axis(spectral.unit, spectral.positions(), name="energy")
        axis = axis or SpectralAxis(spectral.positions())
    place = _place(dimensions, layout)
    return cube_from_array(data, source.axes or layout, axis, **fields, **place)


def _picture(data: Any, dimensions: list[_Dimension], **fields: Any) -> Cube:
    """Return a picture, or a stack of them, of shape (…, y, x, 4): its colours are stored backwards."""
    colours = data[..., 2::-1]
    if len(dimensions) == 1:
        colours = colours[None]
    colours = np.moveaxis(colours, -1, -3)
    layout = "x" if len(dimensions) == 1 else _LAYOUTS[len(dimensions)]
    return Cube(colours, ChannelAxis(RGB), **fields, **_place(dimensions, layout))


def _dimensions(image: dict[str, Tag]) -> list[_Dimension]:
    """Return the axes of an image, the fastest first; those of one pixel at the end are left out."""
    sizes = _inside(image, "ImageData", "Dimensions")
    calibrations = _inside(image, "ImageData", "Calibrations", "Dimension")
    dimensions = []
    for name, size in sizes.items() if isinstance(sizes, dict) else ():
        origin = _number(_inside(calibrations, name, "Origin"))
        scale = _number(_inside(calibrations, name, "Scale"))
        unit = _inside(calibrations, name, "Units")
        stated = unit if isinstance(unit, str) else ""
        length = size if isinstance(size, int) else 0
        dimensions.append(_Dimension(length, origin or 0.0, scale or 1.0, stated))
    while len(dimensions) > 1 and dimensions[-1].size == 1:
        dimensions.pop()
    return dimensions


def _number(value: Tag | None) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _data(raw: Bytes, image: dict[str, Tag], shape: tuple[int, ...]) -> Any:
    """Map the values, after it was seen that there are as many as the axes say."""
    block = _inside(image, "ImageData", DATA)
    code = _inside(image, "ImageData", "DataType")
    if not isinstance(block, Block) or not 1 <= len(shape) <= 4 or min(shape) < 1:
        raise FileFormatError(raw.path, f"an image of {' × '.join(map(str, shape))}", COPY_AGAIN)
    dtype = np.dtype("u1") if code == _PICTURE else None
    if isinstance(code, int) and code in _TYPES:
        dtype = np.dtype(block.dtype.str[0].replace("|", "<") + _TYPES[code])
    if dtype is None:
        raise FileFormatError(
            raw.path, f"values of type {code}, which are complex or packed", "save its modulus"
        )
    if code == _PICTURE:
        shape = (*shape, 4)
    stored = block.dtype.itemsize * block.count
    if math.prod(shape) * dtype.itemsize != stored:
        problem = f"{stored} bytes of values for {' × '.join(map(str, shape))} of {dtype}"
        raise FileFormatError(raw.path, problem, COPY_AGAIN)
    return mapped(raw.path, dtype, shape, block.start)


def _spectral_position(image: dict[str, Tag], dimensions: list[_Dimension]) -> int | None:
    """Return which axis, the fastest first, is the spectrum; None where none is."""
    in_ev = [
        number
        for number, dimension in enumerate(dimensions)
        if (unit := spectral_unit(dimension.unit)) is not None and unit.kind == "energy"
    ]
    if len(in_ev) == 1:
        return in_ev[0]
    if len(dimensions) == 1:
        return 0
    form = _inside(image, "ImageTags", "Meta Data", "Format")
    if not isinstance(form, str) or not form.lower().startswith("spectrum"):
        return None
    if len(dimensions) == 2:  # a line of spectra
        lengths = [length_unit(dimension.unit) for dimension in dimensions]
        return 1 if lengths[0] == "um" and lengths[1] != "um" else 0
    return 2


def _place(dimensions: list[_Dimension], layout: str) -> dict[str, Any]:
    """Return pixel size, origin and planes, where the axes state lengths, as parameters of `Cube`."""
    by_letter = dict(zip(reversed(layout), dimensions, strict=True))
    place: dict[str, Any] = {}
    across = by_letter.get("x")
    down = by_letter.get("y", across)
    if across is not None and down is not None:
        unit = length_unit(across.unit)
        if unit is not None and unit == length_unit(down.unit):
            first_row = down.first if "y" in by_letter else 0.0
            place["pixel_size"] = (down.scale, across.scale)
            place["origin"] = (first_row, across.first)
            place["pixel_unit"] = unit
    for letter in "zt":
        if letter in by_letter:
            planes = by_letter[letter]
            stated = length_unit(planes.unit) or planes.unit or None
            place[letter] = Sampling(planes.scale, planes.first, stated)
    return place


def _intensity(brightness: Tag | None) -> str | None:
    """Return the unit of the values; where they are to be scaled first, they are counts."""
    if brightness is None:
        return None
    unit = _inside(brightness, "Units")
    if not isinstance(unit, str) or not unit:
        return None
    is_scaled = _inside(brightness, "Scale") not in (1.0, None)
    return "counts" if is_scaled or unit.lower() == "counts" else unit


def _metadata(
    image: dict[str, Tag], dimensions: list[_Dimension], brightness: Tag | None
) -> dict[str, Any]:
    """Return what is known of the measurement, as plain values."""
    metadata: dict[str, Any] = {
        "axes": [vars(dimension).copy() for dimension in dimensions],
        "brightness": _plain(brightness),
    }
    for name in ("Meta Data", "Microscope Info", "EELS", "CL", "Acquisition"):
        plain = _plain(_inside(image, "ImageTags", name))
        if plain:
            metadata[name] = plain
    return metadata


def _plain(tag: Tag | None) -> Any:
    """Return a tag as plain JSON, without arrays."""
    if isinstance(tag, dict):
        plain = {name: _plain(value) for name, value in tag.items()}
        return {name: value for name, value in plain.items() if value not in (None, {}, "")}
    if isinstance(tag, float) and not math.isfinite(tag):
        return None
    return None if isinstance(tag, Block) else tag
