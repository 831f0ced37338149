"""Leica LIF: the XML of a project, and the memory of its images.

Each image states how many bytes lie between neighbours along each of its axes, so it is mapped
and never copied. An emission sweep (λ) is the spectral axis; with an excitation sweep (Λ),
too, that one leads, as z or t, which `metadata` says.

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
from ..metadata.units import length_unit, metres
from ..source import Source

_MAGIC, _MARK = 0x70, 0x2A
_BLOCK_HEADERS: Final = {"1": "<IIBIBI", "2": "<IIBQBI"}
"""Header of a block of memory, by the version of the file: 0x70, bytes to come, 0x2A, bytes of
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
_TYPES: Final = {
    (0, 1): "u1", (0, 2): "<u2", (0, 4): "<u4", (0, 8): "<u8",
    (1, 2): "<f2", (1, 4): "<f4", (1, 8): "<f8",
}  # fmt: skip
"""Type of the numbers by DataType (0 whole, 1 with a fraction) and bytes."""
_PADDING: Final = 4
"""Rows begin at multiples of so many bytes."""
_SCAN: Final = "ATLConfocalSettingDefinition"
"""Settings of a confocal scan."""


_IMAGE: Final = "Data/Image/ImageDescription"
"""Path in the XML of the description of an image."""


@dataclass(frozen=True)
class _Axis:
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
        """Return where its points lie, lengths in µm."""
        step = self.length / max(1, self.size - 1)
        if self.unit == "m":
            return sampling(step * 1e6, self.origin * 1e6, "um")
        return sampling(step, self.origin, self.unit or None)

    def wavelengths(self) -> list[float]:
        """Return its points in nm."""
        factor = 1e9 * (metres(length_unit(self.unit)) or 1.0)
        start = self.origin * factor
        end = (self.origin + self.length) * factor
        return [float(value) for value in np.linspace(start, end, self.size)]


@dataclass(frozen=True)
class _Picture:
    """An image as the file describes it."""

    name: str
    element: Element
    axes: tuple[_Axis, ...]
    """Axes longer than 1, that of the channels among them; the last varies fastest."""
    dtype: np.dtype[Any]
    channels: tuple[Element, ...]
    """The channels in the order of the data."""

    def axis(self, name: str | None) -> _Axis | None:
        """Return the axis of a name; None where there is none."""
        return next((axis for axis in self.axes if axis.name == name), None)

    @property
    def excitations(self) -> list[float] | None:
        """Return the wavelengths of an excitation sweep in nm, where it is one."""
        axis = self.axis("excitation")
        return None if axis is None else axis.wavelengths()


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


# ------------------------------------------------------------------------------ description


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
    layout = _BLOCK_HEADERS.get(root.get("Version", ""))
    if layout is None:
        raise FileFormatError(
            raw.path, f"LIF of version {root.get('Version')!r}", "save it again with LAS X"
        )
    blocks: dict[str, tuple[int, int]] = {}
    while start + struct.calcsize(layout) <= len(raw):
        magic, _, mark, size, end_mark, letters = raw.unpack(layout, start, "a block of memory")
        if (magic, mark, end_mark) != (_MAGIC, _MARK, _MARK):
            break  # an image whose block is not there says so
        start += struct.calcsize(layout)
        name = raw.text(start, 2 * letters, "utf-16-le", "the name of a block of memory")
        start += 2 * letters
        blocks[name] = start, size
        start += size
    return blocks


def _elements(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield the images of a project, in order, each with its path in the folders."""
    waiting = [("", element) for element in reversed(root.findall("Element"))]
    while waiting:
        folder, element = waiting.pop()
        name = element.get("Name", "image")
        if element.find(_IMAGE) is not None:
            yield folder + name, element
        inner = "" if element in root else f"{folder}{name}/"  # the project is no folder
        children = element.findall("Children/Element")
        waiting += [(inner, child) for child in reversed(children)]


def _picture(name: str, element: Element) -> _Picture:
    """Return an image, after it was seen that its axes fit each other."""
    dimensions = element.iterfind(f"{_IMAGE}/Dimensions/DimensionDescription")
    axes = [_axis(each) for each in dimensions]
    channels = sorted(
        element.iterfind(f"{_IMAGE}/Channels/ChannelDescription"),
        key=lambda channel: int(channel.attrib["BytesInc"]),
    )
    types = {(int(each.attrib["DataType"]), _bytes(each)) for each in channels}
    if len(types) != 1 or not types <= set(_TYPES):
        raise ValueError(f"channels of types {sorted(types)}")
    dtype = np.dtype(_TYPES[types.pop()])
    offsets = [int(channel.attrib["BytesInc"]) for channel in channels]
    strides = {following - offset for offset, following in pairwise(offsets)}
    if len(strides) > 1:
        raise ValueError(f"channels at bytes {offsets}")
    if strides:
        axes.append(_Axis("channel", len(channels), strides.pop()))
    axes = [axis for axis in axes if axis.size > 1] or [_Axis("x", 1, dtype.itemsize)]
    axes.sort(key=lambda axis: axis.stride, reverse=True)
    _check_strides(axes, dtype.itemsize)
    return _Picture(name, element, tuple(axes), dtype, tuple(channels))


def _axis(element: Element) -> _Axis:
    attributes = element.attrib
    number = int(attributes["DimID"])
    size = int(attributes["NumberOfElements"])
    if size < 1:
        raise ValueError(f"{size} points along dimension {number}")
    return _Axis(
        _DIMENSIONS.get(number, f"dimension {number}"),
        size,
        stride=int(attributes["BytesInc"]),
        origin=float(attributes.get("Origin", 0)),
        length=float(attributes.get("Length", 0)),
        unit=attributes.get("Unit", ""),
    )


def _bytes(channel: Element) -> int:
    """Return how many bytes a value takes; Resolution is in bits, of which not all are used."""
    bits = int(channel.attrib["Resolution"])
    return next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 0)


def _check_strides(axes: Sequence[_Axis], itemsize: int) -> None:
    """Check that each axis steps over all of the next one, as far as rows are padded."""
    inner = itemsize  # bytes of what an axis steps over
    for axis in reversed(axes):
        if not 0 <= axis.stride - inner < _PADDING or axis.stride % itemsize:
            raise ValueError(f"{axis.name} goes by {axis.stride} bytes, where {inner} belong")
        inner = axis.size * axis.stride
    if len({axis.name for axis in axes}) < len(axes):
        raise ValueError(f"it has {', '.join(axis.name for axis in axes)}")


def _first_byte(picture: _Picture, raw: Bytes, blocks: Mapping[str, tuple[int, int]]) -> int:
    """Return where the pixels of an image begin, after a look whether all are there."""
    memory = picture.element.find("Memory")
    name = "" if memory is None else memory.get("MemoryBlockID", "")
    start, size = blocks.get(name, (0, -1))
    needed = _extent(picture.axes, picture.dtype.itemsize)
    if size < needed:
        problem = "missing" if size < 0 else f"{size:,} bytes, where {needed:,} are needed"
        raise FileFormatError(
            raw.path, f"the pixels of image {picture.name!r} are {problem}", COPY_AGAIN
        )
    raw.take(start + size, 0, f"image {picture.name!r}")
    if size > picture.axes[0].size * picture.axes[0].stride:
        warnings.warn(
            f"{raw.path.name}: image {picture.name!r} takes only {needed:,} of its {size:,} bytes",
            stacklevel=2,
        )
    return start


def _extent(axes: Iterable[_Axis], itemsize: int) -> int:
    """Return the number of bytes from the first value to the end of the last."""
    return sum((axis.size - 1) * axis.stride for axis in axes) + itemsize


# -------------------------------------------------------------------------------------- cubes


def _cubes(picture: _Picture, start: int, source: Source) -> Iterator[Cube]:
    """Yield the cubes of an image: one, unless it has more axes than a cube can have."""
    roles = _roles([axis.name for axis in picture.axes])
    separate = {}
    for axis in picture.axes:
        if axis.name not in roles.values():
            separate[axis.name] = axis.size
    for index in np.ndindex(*separate.values()):
        indices = dict(zip(separate, index, strict=True))
        yield _cube(picture, start, roles, indices, source)


def _roles(names: Sequence[str]) -> dict[str, str]:
    """Return which axis of the file is t, z, b(and), y and x of the cube; each is one at most."""
    candidates: dict[str, tuple[str, ...]] = {
        "x": ("x", "y"),
        "y": ("y", "z", "t"),  # a section in depth, or a line that was scanned again and again
        "b": ("emission", "excitation", "channel"),
        "z": ("z",),
        "t": ("t",),
    }
    roles: dict[str, str] = {}
    remaining = list(names)
    for role, suitable in candidates.items():
        name = next((name for name in suitable if name in remaining), None)
        if name is not None:
            roles[role] = name
            remaining.remove(name)
    for name in remaining:  # an axis that is neither depth nor time can still lead
        role = next((role for role in "zt" if role not in roles), "")
        if role and name != "channel":
            roles[role] = name
    return roles


def _cube(
    picture: _Picture,
    start: int,
    roles: Mapping[str, str],
    indices: Mapping[str, int],
    source: Source,
) -> Cube:
    """Return one cube of an image.

    Parameters
    ----------
    start : int
        First byte of the image.
    roles : mapping
        Axis of the file for each of the cube.
    indices : mapping
        Index along each axis for which the cube has no room.
    """
    channels = picture.channels
    if "channel" in indices:
        channels = (channels[indices["channel"]],)
    for axis in picture.axes:
        start += axis.stride * indices.get(axis.name, 0)
    letters = [letter for letter in "tzbyx" if letter in roles or letter in "byx"]
    axes = [picture.axis(roles.get(letter)) for letter in letters]
    data = _mapped(source.path, picture.dtype, start, axes)
    data, bands = _with_axis(data, picture.axis(roles.get("b")), channels)
    if isinstance(bands, SpectralAxis):
        bands = replace(bands, excitation_nm=_excitation(picture, indices))
    words = [f"{name} {index + 1}" for name, index in indices.items()]
    return Cube(
        data,
        bands,
        intensity_unit=channels[0].get("Unit") or None,
        name=" ".join((picture.name, *words)),
        history=(f"read {source.path.name}",),
        metadata=_metadata(picture, roles),
        **_pixel_size_and_origin(picture, roles),
        **_stacks(picture, roles),
    )


def _mapped(path: Path, dtype: np.dtype[Any], start: int, axes: Sequence[_Axis | None]) -> Any:
    """Return the values from a byte on, with these axes; None is one of length 1."""
    item = dtype.itemsize
    single = _Axis("", 1, item)
    present = [axis or single for axis in axes]
    shape = [axis.size for axis in present]
    strides = [axis.stride for axis in present]
    count = _extent(present, item) // item
    values = mapped(path, dtype, (count,), start)
    return as_strided(values, shape, strides, subok=True, writeable=False)


def _with_axis(
    data: Any, axis: _Axis | None, channels: Sequence[Element]
) -> tuple[Any, SpectralAxis | ChannelAxis]:
    """Return the data, (…, band, y, x), and the axis of their bands; colours go red to blue."""
    if axis is not None and axis.name != "channel":
        return data, SpectralAxis(axis.wavelengths(), "nm")
    tags = [channel.get("ChannelTag", "") for channel in channels]
    if tags == ["1", "2", "3"]:  # red, green, blue
        return data, ChannelAxis(RGB)
    if tags == ["3", "2", "1"]:
        return data[..., ::-1, :, :], ChannelAxis(RGB)
    return data, channel_axis([_name(channel) for channel in channels])


def _name(channel: Element) -> str:
    """Return the dye of a channel, else the colour it is shown in."""
    properties = {}
    for each in channel.iter("ChannelProperty"):
        properties[each.findtext("Key")] = each.findtext("Value")
    return properties.get("DyeName") or channel.get("LUTName") or ""


def _stacks(picture: _Picture, roles: Mapping[str, str]) -> dict[str, Any]:
    """Return where planes and frames lie; those of another axis are only counted."""
    stacks = {}
    for letter in "tz":
        axis = picture.axis(roles.get(letter))
        if axis is not None:
            stacks[letter] = axis.sampling() if axis.name == letter else Sampling()
    return stacks


def _pixel_size_and_origin(picture: _Picture, roles: Mapping[str, str]) -> dict[str, Any]:
    """Return them as parameters of `Cube`, where height and width have one unit."""
    rows = picture.axis(roles.get("y"))
    columns = picture.axis(roles.get("x"))
    y = (rows or columns or _Axis("y", 1, 0)).sampling()
    x = (columns or rows or _Axis("x", 1, 0)).sampling()
    if y.unit != x.unit or x.unit is None:
        return {}
    return {
        "pixel_size": (y.step, x.step),
        "origin": (y.start, x.start),
        "pixel_unit": x.unit,
    }


def _excitation(picture: _Picture, indices: Mapping[str, int]) -> float | None:
    """Return the wavelength that excites, in nm, where it is one."""
    if picture.excitations is not None:
        return picture.excitations[indices["excitation"]] if "excitation" in indices else None
    lines = set()
    for line in picture.element.iterfind(f".//{_SCAN}/AotfList/Aotf/LaserLineSetting"):
        if _number(line.get("IntensityDev")) > 0:
            lines.add(_number(line.get("LaserLine")))
    return lines.pop() or None if len(lines) == 1 else None


def _number(text: str | None) -> float:
    """Return a number, 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _metadata(picture: _Picture, roles: Mapping[str, str]) -> dict[str, Any]:
    """Return all the file says of an image, and which axes are not what they are called."""
    image = picture.element.find("Data/Image")
    metadata: dict[str, Any] = {"Leica": {} if image is None else settings(image)}
    renamed = {}
    for letter, name in roles.items():
        if letter != name:
            renamed["band" if letter == "b" else letter] = name
    if picture.excitations is not None or set(renamed) - {"band"}:
        metadata["axes"] = renamed
    if picture.excitations is not None:
        metadata["excitation_nm"] = picture.excitations
    return metadata
