"""Leica LIF: the XML of a project, and the memory of its images.

Each image states how many bytes lie between neighbours along each of its axes, so it is mapped
and never copied. An emission sweep (λ) is the spectral axis; with an excitation sweep (Λ) beside
it, that one leads, as z or t, which `metadata` says.

Source: Leica Microsystems, "LIF: Leica Image File Format, version 2.0" (comes with LAS X);
dimensions as in C. Gohlke's liffile, https://github.com/cgohlke/liffile
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import RGB, channel_axis, sampling, settings, xml_of
from ..metadata.units import metres, place_unit
from ..source import Source

_MAGIC, _MARK = 0x70, 0x2A
_BLOCK: Final = {"1": "<IIBIBI", "2": "<IIBQBI"}
"""Head of a block of memory, by the version of the file: 0x70, bytes to come, 0x2A, bytes of
memory, 0x2A, letters of its name."""
_DIMENSIONS: Final = {
    1: "x",
    2: "y",
    3: "z",
    4: "t",
    5: "emission",
    6: "rotation",
    7: "slice",
    8: "time slice",
    9: "excitation",
    10: "tile",
    11: "loop",
}
_TYPES: Final = {(0, 1): "u1", (0, 2): "<u2", (0, 4): "<u4", (0, 8): "<u8"} | {
    (1, 2): "<f2",
    (1, 4): "<f4",
    (1, 8): "<f8",
}
"""Type of the numbers by DataType (0 whole, 1 with a fraction) and bytes."""
_PADDING: Final = 4
"""Rows begin at multiples of so many bytes."""
_SCAN: Final = "ATLConfocalSettingDefinition"
"""Settings of a confocal scan."""


@dataclass(frozen=True)
class _Along:
    """An axis of an image as the file describes it."""

    name: str
    size: int
    stride: int
    """Bytes from one to the next."""
    origin: float = 0.0
    length: float = 0.0
    """From the centre of the first to that of the last, in `unit`."""
    unit: str = ""

    def sampling(self) -> Sampling:
        """Return where its places lie, lengths in µm."""
        step, unit = self.length / max(1, self.size - 1), self.unit or None
        if self.unit == "m":
            return sampling(step * 1e6, self.origin * 1e6, "um")
        return sampling(step, self.origin, unit)

    def wavelengths(self) -> list[float]:
        """Return its places in nm."""
        factor = 1e9 * (metres(place_unit(self.unit)) or 1.0)
        ends = self.origin * factor, (self.origin + self.length) * factor
        return [float(value) for value in np.linspace(*ends, self.size)]


@dataclass(frozen=True)
class _Picture:
    """An image as the file describes it."""

    name: str
    element: Element
    along: tuple[_Along, ...]
    """Axes longer than 1, that of the channels among them; the last varies fastest."""
    dtype: np.dtype[Any]
    channels: tuple[Element, ...]
    """The channels in the order of the data."""


def read_images(source: Source) -> list[Image]:
    """Map all images of a project, each by the name it has there."""
    raw = Bytes(source.path)
    root, end = _description(raw)
    blocks = _blocks(raw, end, root)
    images: list[Image] = []
    reason = "no image in it"
    for name, element in _elements(root):
        try:
            picture = _picture(name, element)
        except (KeyError, ValueError, ArithmeticError) as error:
            reason = f"image {name!r} is of no kind that is known ({error})"
            warnings.warn(f"{source.path.name}: {reason}; it was left out", stacklevel=2)
        else:
            images += _cubes(picture, _first_byte(picture, raw, blocks), source)
    if not images:
        raise FileFormatError(source.path, reason, COPY_AGAIN)
    return images


def _description(raw: Bytes) -> tuple[Element, int]:
    """Return the XML, and where it ends."""
    if len(raw) < 13 or raw.take(0, 4) != bytes([_MAGIC, 0, 0, 0]) or raw.take(8, 1)[0] != _MARK:
        raise FileFormatError(
            raw.path, "not a Leica LIF file", "give the file its right suffix, or copy it again"
        )
    size = 2 * raw.number("<I", 9)
    text = raw.take(13, size, "the description of the images").decode("utf-16-le", "replace")
    return xml_of(raw.path, text), 13 + size


def _blocks(raw: Bytes, start: int, root: Element) -> dict[str, tuple[int, int]]:
    """Return first byte and length of each block of memory, by name."""
    layout = _BLOCK.get(root.get("Version", ""))
    if layout is None:
        raise FileFormatError(
            raw.path, f"LIF of version {root.get('Version')!r}", "save it again with LAS X"
        )
    blocks: dict[str, tuple[int, int]] = {}
    while start + struct.calcsize(layout) <= len(raw):
        magic, _, mark, size, end, letters = raw.unpack(layout, start, "a block of memory")
        if (magic, mark, end) != (_MAGIC, _MARK, _MARK):
            break  # an image whose block is not found says so
        start += struct.calcsize(layout)
        name = raw.text(start, 2 * letters, "utf-16-le", "the name of a block of memory")
        start += 2 * letters
        blocks[name] = start, size
        start += size
    return blocks


def _elements(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield the images of a project, in order, with their places in its folders."""
    waiting = [("", element) for element in reversed(root.findall("Element"))]
    while waiting:
        folder, element = waiting.pop()
        name = element.get("Name", "image")
        if element.find("Data/Image/ImageDescription") is not None:
            yield folder + name, element
        inner = "" if element in root else f"{folder}{name}/"  # the project is no folder
        children = element.findall("Children/Element")
        waiting += [(inner, child) for child in reversed(children)]


def _picture(name: str, element: Element) -> _Picture:
    about = "Data/Image/ImageDescription"
    dims = [_along(each) for each in element.iterfind(f"{about}/Dimensions/DimensionDescription")]
    channels = sorted(
        element.iterfind(f"{about}/Channels/ChannelDescription"),
        key=lambda channel: int(channel.attrib["BytesInc"]),
    )
    types = {(int(c.attrib["DataType"]), _bytes(c)) for c in channels}
    if len(types) != 1 or not types <= set(_TYPES):
        raise ValueError(f"channels of types {sorted(types)}")
    dtype = np.dtype(_TYPES[types.pop()])
    places = [int(channel.attrib["BytesInc"]) for channel in channels]
    steps = {after - before for before, after in pairwise(places)}
    if len(steps) == 1:
        dims.append(_Along("channel", len(channels), steps.pop()))
    elif steps:
        raise ValueError(f"channels at bytes {places}")
    along = sorted((d for d in dims if d.size > 1), key=lambda d: d.stride, reverse=True)
    along = along or [_Along("x", 1, dtype.itemsize)]
    _check(along, dtype.itemsize)
    return _Picture(name, element, tuple(along), dtype, tuple(channels))


def _along(element: Element) -> _Along:
    told = element.attrib
    number = int(told["DimID"])
    size, stride = int(told["NumberOfElements"]), int(told["BytesInc"])
    if size < 1:
        raise ValueError(f"{size} places along dimension {number}")
    origin, length = float(told.get("Origin", 0)), float(told.get("Length", 0))
    name = _DIMENSIONS.get(number, f"dimension {number}")
    return _Along(name, size, stride, origin, length, told.get("Unit", ""))


def _bytes(channel: Element) -> int:
    """Return how many bytes a value takes; Resolution is in bits, of which not all are used."""
    bits = int(channel.attrib["Resolution"])
    return next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 0)


def _check(along: list[_Along], itemsize: int) -> None:
    """Check that each axis steps over the whole of the next, as far as rows are padded."""
    within = itemsize
    for axis in reversed(along):
        if not 0 <= axis.stride - within < _PADDING or axis.stride % itemsize:
            raise ValueError(f"{axis.name} goes by {axis.stride} bytes, where {within} belong")
        within = axis.size * axis.stride
    if len({axis.name for axis in along}) < len(along):
        raise ValueError(f"it has {', '.join(axis.name for axis in along)}")


def _first_byte(picture: _Picture, raw: Bytes, blocks: Mapping[str, tuple[int, int]]) -> int:
    """Return where the pixels of an image begin, after a look whether all are there."""
    memory = picture.element.find("Memory")
    block = "" if memory is None else memory.get("MemoryBlockID", "")
    start, size = blocks.get(block, (0, -1))
    end = _end(picture.along, picture.dtype.itemsize)
    if size < end:
        found = "missing" if size < 0 else f"{size:,} bytes, where {end:,} are needed"
        raise FileFormatError(
            raw.path, f"the pixels of image {picture.name!r} are {found}", COPY_AGAIN
        )
    raw.take(start + size, 0, f"image {picture.name!r}")
    if size > picture.along[0].size * picture.along[0].stride:
        warnings.warn(
            f"{raw.path.name}: image {picture.name!r} takes only {end:,} of its {size:,} bytes",
            stacklevel=2,
        )
    return start


def _end(along: Iterable[_Along], itemsize: int) -> int:
    """Return the number of bytes from the first value to the end of the last."""
    return sum((axis.size - 1) * axis.stride for axis in along) + itemsize


def _cubes(picture: _Picture, start: int, source: Source) -> Iterator[Cube]:
    """Yield the cubes of an image: one, unless it has more axes than a cube can have."""
    along = {axis.name: axis for axis in picture.along}
    roles = _roles(along)
    apart = [name for name in along if name not in roles.values()]
    for index in np.ndindex(*(along[name].size for name in apart)):
        at = dict(zip(apart, index))
        yield _cube(picture, start, roles, at, source)


def _roles(along: Mapping[str, _Along]) -> dict[str, str]:
    """Return which axis of the file is t, z, b(and), y and x of the cube; each is one at most."""
    roles: dict[str, str] = {}
    left = list(along)
    wishes: dict[str, tuple[str, ...]] = {
        "x": ("x", "y"),
        "y": ("y", "z", "t"),  # a section in depth, or a line that was scanned again and again
        "b": ("emission", "excitation", "channel"),
        "z": ("z",),
        "t": ("t",),
    }
    for role, names in wishes.items():
        name = next((name for name in names if name in left), None)
        if name is not None:
            roles[role] = name
            left.remove(name)
    for name in left:
        free = next((role for role in "zt" if role not in roles), None)
        if free is not None and name != "channel":
            roles[free] = name
    return roles


def _cube(
    picture: _Picture, start: int, roles: Mapping[str, str], at: Mapping[str, int], source: Source
) -> Cube:
    """Return one cube; `at` says where it lies along the axes that had to be taken apart."""
    along = {axis.name: axis for axis in picture.along}
    channels = picture.channels
    if "channel" in at:
        channels = (channels[at["channel"]],)
    start += sum(along[name].stride * place for name, place in at.items())
    shown = [along.get(roles.get(role, "")) for role in "tzbyx" if role in roles or role in "byx"]
    data = _mapped(source.path, picture.dtype, start, shown)
    data, axis = _with_axis(data, along.get(roles.get("b", "channel")), channels)
    if isinstance(axis, SpectralAxis):
        axis = replace(axis, excitation_nm=_excitation(picture.element, along, at))
    spaces = {role: along[name].sampling() for role, name in roles.items() if role != "b"}
    leading: dict[str, Any] = {
        role: space if roles[role] == role else Sampling()  # no depth and no time
        for role, space in spaces.items()
        if role in "tz"
    }
    return Cube(
        data,
        axis,
        intensity_unit=channels[0].get("Unit") or None,
        name=" ".join((picture.name, *(f"{name} {place + 1}" for name, place in at.items()))),
        history=(f"read {source.path.name}",),
        metadata=_metadata(picture, along, roles),
        **_place(picture, spaces),
        **leading,
    )


def _mapped(path: Path, dtype: np.dtype[Any], start: int, shown: Sequence[_Along | None]) -> Any:
    """Return the values from a byte on, an axis for each that is shown; None is one of length 1."""
    shape = [1 if axis is None else axis.size for axis in shown]
    strides = [dtype.itemsize if axis is None else axis.stride for axis in shown]
    end = _end(filter(None, shown), dtype.itemsize)
    values = mapped(path, dtype, (end // dtype.itemsize,), start)
    return as_strided(values, shape, strides, subok=True, writeable=False)


def _with_axis(
    data: Any, along: _Along | None, channels: tuple[Element, ...]
) -> tuple[Any, SpectralAxis | ChannelAxis]:
    """Return the data, (…, band, y, x), and the axis of their bands; colours go red to blue."""
    if along is not None and along.name != "channel":
        return data, SpectralAxis(along.wavelengths(), "nm")
    tags = [channel.get("ChannelTag", "") for channel in channels]
    if sorted(tags) == ["1", "2", "3"] and tags in (["1", "2", "3"], ["3", "2", "1"]):
        return data[..., :: 1 if tags[0] == "1" else -1, :, :], ChannelAxis(RGB)
    return data, channel_axis([_name(channel) for channel in channels])


def _name(channel: Element) -> str:
    """Return the dye of a channel, else the colour it is shown in."""
    told = {
        each.findtext("Key"): each.findtext("Value") for each in channel.iter("ChannelProperty")
    }
    return told.get("DyeName") or channel.get("LUTName") or ""


def _place(picture: _Picture, spaces: Mapping[str, Sampling]) -> dict[str, Any]:
    """Return size, position and unit of the pixels, where height and width have one unit."""
    y, x = (spaces.get(role) for role in "yx")
    y, x = y or x or Sampling(), x or y or Sampling()
    if y.unit != x.unit or x.unit is None:
        return {}
    return {
        "pixel_size": (abs(y.step), abs(x.step)),
        "origin": (y.start, x.start),
        "pixel_unit": x.unit,
    }


def _excitation(
    element: Element, along: Mapping[str, _Along], at: Mapping[str, int]
) -> float | None:
    """Return the wavelength that excites, in nm, where it is one."""
    if "excitation" in along:
        wavelengths = along["excitation"].wavelengths()
        return wavelengths[at["excitation"]] if "excitation" in at else None
    lines = {
        _number(line.get("LaserLine"))
        for line in element.iterfind(f".//{_SCAN}/AotfList/Aotf/LaserLineSetting")
        if _number(line.get("IntensityDev")) > 0
    }
    return lines.pop() or None if len(lines) == 1 else None


def _number(text: str | None) -> float:
    """Return a number, 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _metadata(
    picture: _Picture, along: Mapping[str, _Along], roles: Mapping[str, str]
) -> dict[str, Any]:
    """Return all the file says of an image, and which axes are not what they are called."""
    image = picture.element.find("Data/Image")
    odd = {role: name for role, name in roles.items() if role != name}
    odd = {"band" if role == "b" else role: name for role, name in odd.items()}
    told: dict[str, Any] = {"Leica": {} if image is None else settings(image)}
    if "excitation" in along or set(odd) - {"band"}:
        told["axes"] = odd
    if "excitation" in along:
        told["excitation_nm"] = along["excitation"].wavelengths()
    return told
