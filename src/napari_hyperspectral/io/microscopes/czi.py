"""Zeiss CZI: planes made of sub_blocks, channels that may be a spectrum.

Each scene is an image; tiles of a mosaic lie where they were measured, and what lies between them
is NaN. The pictures that a slide scanner attaches (label, overview) follow.

Source: see `zisraw`; paths in the XML are those that ZEN 2 and 3 write.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.positional import OpenFile
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import RGB, channel_axis, planes, sampling, settings, xml_of
from ..source import Source
from .zisraw import SubBlock, attached, check_decoders, description, is_zisraw, pixels, sub_blocks

_SPARSE: Final = 20
"""How many times larger than its tiles a mosaic may be; beyond, its positions are damaged."""
_KEPT: Final = ("Information", "Scaling", "DisplaySetting")
"""Parts of the XML that become metadata; the others are how the microscope was set up."""
_CHANNELS: Final = "Information/Image/Dimensions/Channels/Channel"
_SHOWN_CHANNELS: Final = "DisplaySetting/Channels/Channel"
_RANGE: Final = re.compile(r"\s*(\d+\.?\d*)\s*-\s*(\d+\.?\d*)\s*")
_SEPARATE: Final = {
    "S": "scene",
    "R": "rotation",
    "I": "illumination",
    "H": "phase",
    "V": "view",
    "B": "block",
}
"""Dimensions along which each index is an image of its own."""


def read_images(source: Source) -> list[Image]:
    """Read all scenes of a file, plane by plane when they are looked at."""
    raw = Bytes(source.path)
    if not is_zisraw(raw):
        raise FileFormatError(
            source.path, "not a Zeiss CZI file", "give the file its right suffix, or copy it again"
        )
    name = source.path.stem
    images: list[Image] = [*_images(raw, 0, name, source)]
    for label, start in attached(raw):
        if is_zisraw(raw, start):
            images += _images(raw, start, f"{name} {label}", source)
    return images


def _images(raw: Bytes, start: int, name: str, source: Source) -> Iterator[Cube]:
    """Yield the images of a file, or of one that lies inside another from byte `start` on."""
    full, reduced = sub_blocks(raw, source.tell, start)
    if not full:
        content = "only reduced images" if reduced else "no image"
        raise FileFormatError(source.path, f"{content} in it", "save it again with ZEN")
    check_decoders(source.path, full)
    text = description(raw, start).rstrip(b"\0 ")
    metadata = xml_of(source.path, text).find("Metadata") if text else None
    if metadata is None:
        metadata = Element("Metadata")
    for words, group in _groups(full):
        yield _cube(group, metadata, " ".join((name, *words)), source.path)


def _groups(full: Sequence[SubBlock]) -> list[tuple[list[str], list[SubBlock]]]:
    """Return the tiles of each image, with the words that distinguish it from the others."""
    groups: dict[tuple[tuple[int, ...], str, int], list[SubBlock]] = {}
    for tile in full:
        indices = tuple(tile.start.get(letter, 0) for letter in _SEPARATE)
        groups.setdefault((indices, tile.dtype.str, tile.samples), []).append(tile)
    several_types = len({(dtype, samples) for _, dtype, samples in groups}) > 1
    named = []
    for key, group in sorted(groups.items()):
        words = []
        for number, word in enumerate(_SEPARATE.values()):
            if len({indices[number] for indices, _, _ in groups}) > 1:
                words.append(f"{word} {key[0][number] + 1}")
        if several_types:
            words.append(f"{group[0].samples} x {group[0].dtype.name}")
        named.append((words, group))
    return named


def _cube(group: Sequence[SubBlock], metadata: Element, name: str, path: Path) -> Cube:
    """Return the tiles of one image as a cube, (band, y, x), with t and z where it has them."""
    indices = {letter: sorted({tile.start.get(letter, 0) for tile in group}) for letter in "TZC"}
    mosaic = _Mosaic(path, group, indices)
    data = planes(mosaic.plane, mosaic.leading, mosaic.shape, mosaic.dtype)  # (t, z, c, y, x, …)
    data, axis = _with_axis(data, metadata, indices["C"])
    has_times = len(indices["T"]) > 1
    has_depths = len(indices["Z"]) > 1
    times = slice(None) if has_times else 0
    depths = slice(None) if has_depths else 0
    data = data[times, depths]
    return Cube(
        data,
        axis,
        t=sampling(_frame_interval(metadata), 0.0, "s") if has_times else None,
        z=sampling(_distance(metadata, "Z"), 0.0, "um") if has_depths else None,
        name=name,
        history=(f"read {path.name}",),
        metadata=_kept(metadata),
        **_pixel_size_and_origin(metadata, mosaic),
    )


def _with_axis(data: Any, metadata: Element, channels: Sequence[int]) -> tuple[Any, Axis]:
    """Return (t, z, channel, y, x[, colour]) as (t, z, band, y, x), and the axis of the bands."""
    if data.ndim == 5:
        return data, _channel_axis(metadata, channels)
    times, depths, count, height, width, colours = data.shape  # neighbours in the file
    data = data.transpose(0, 1, 2, 5, 3, 4).reshape(times, depths, colours * count, height, width)
    if count == 1:
        return data, ChannelAxis(RGB)
    names = []
    for number, name in enumerate(_channel_names(metadata, channels), 1):
        names += [f"{name or f'channel {number}'} {colour}" for colour in RGB]
    return data, ChannelAxis(tuple(names))


def _pixel_size_and_origin(metadata: Element, mosaic: _Mosaic) -> dict[str, Any]:
    """Return them as parameters of `Cube`, where the file states the size."""
    dx = _distance(metadata, "X")
    dy = _distance(metadata, "Y")
    if not dx or not dy:
        return {}
    origin = (mosaic.top * dy, mosaic.left * dx)
    return {"pixel_size": (dy, dx), "origin": origin, "pixel_unit": "um"}


# -------------------------------------------------------------------------------------- mosaics


class _Outline(NamedTuple):
    """Where a tile lies, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, tile: SubBlock) -> _Outline:
        """Return that of a tile."""
        return cls(tile.start["Y"], tile.start["X"], tile.height, tile.width)

    @property
    def bottom(self) -> int:
        """Return the row below it."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """Return the column right of it."""
        return self.left + self.width


class _Mosaic:
    """The planes of an image, each made of the tiles that lie in it.

    Parameters
    ----------
    path : path
        The file.
    group : sequence of SubBlock
        The tiles of the image.
    indices : mapping of str to sequence of int
        Which times (T), depths (Z) and channels (C) there are.

    Raises
    ------
    FileFormatError
        If the tiles lie so far apart, or in so many planes, that their positions cannot be right.
    """

    def __init__(
        self, path: Path, group: Sequence[SubBlock], indices: Mapping[str, Sequence[int]]
    ) -> None:
        self.path = path
        self.file = OpenFile(path)
        self.leading = tuple(len(indices[letter]) for letter in "TZC")
        self._tiles = _tiles_of_planes(group, indices)
        outlines = [_Outline.of(tile) for tile in group]
        self.top = min(each.top for each in outlines)
        self.left = min(each.left for each in outlines)
        height = max(each.bottom for each in outlines) - self.top
        width = max(each.right for each in outlines) - self.left
        self._check_density(group, height, width)
        samples = group[0].samples
        self.shape = (height, width) if samples == 1 else (height, width, 3)
        count = math.prod(self.leading)
        self._complete = len(self._tiles) == count and self._is_covered()
        self.dtype = group[0].dtype
        if not self._complete:  # holes need a type that has NaN
            self.dtype = np.result_type(self.dtype, np.float32)
        if len(self._tiles) < count:
            warnings.warn(
                f"{path.name}: {len(self._tiles)} of {count} planes were "
                "measured; the others are NaN",
                stacklevel=2,
            )

    def _check_density(self, group: Sequence[SubBlock], height: int, width: int) -> None:
        """Refuse an image that is far larger than what was measured of it."""
        measured = sum(tile.height * tile.width for tile in group)
        if height * width * math.prod(self.leading) > _SPARSE * measured:
            raise FileFormatError(
                self.path,
                f"tiles of {measured:,} pixels are spread over {self.leading} planes "
                f"(t, z, channel) of {height} x {width}",
                f"{COPY_AGAIN}, or export its parts one by one",
            )

    def plane(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Return the plane at (t, z, channel), (y, x) or (y, x, colour)."""
        inside = self._tiles.get(index, [])
        if self._complete and len(inside) == 1:
            return pixels(self.file, inside[0])
        plane = np.full(self.shape, 0 if self._complete else np.nan, self.dtype)
        for tile in inside:  # the later ones lie on top
            top = tile.start["Y"] - self.top
            left = tile.start["X"] - self.left
            plane[top : top + tile.height, left : left + tile.width] = pixels(self.file, tile)
        return plane

    def _is_covered(self) -> bool:
        """Whether the tiles of each plane leave no hole; most planes have the same pattern."""
        patterns = {tuple(map(_Outline.of, plane)) for plane in self._tiles.values()}
        return all(_covers(pattern, self.shape[0], self.shape[1]) for pattern in patterns)


def _tiles_of_planes(
    group: Sequence[SubBlock], indices: Mapping[str, Sequence[int]]
) -> dict[tuple[int, ...], list[SubBlock]]:
    """Return the tiles of each plane, by its numbers along (t, z, channel)."""
    numbers = {}
    for letter in "TZC":
        numbers[letter] = {index: number for number, index in enumerate(indices[letter])}
    by_plane: dict[tuple[int, ...], list[SubBlock]] = {}
    for tile in sorted(group, key=lambda tile: tile.start.get("M", 0)):  # in order of the mosaic
        plane = tuple(numbers[letter][tile.start.get(letter, 0)] for letter in "TZC")
        by_plane.setdefault(plane, []).append(tile)
    return by_plane


def _covers(pattern: Sequence[_Outline], height: int, width: int) -> bool:
    """Whether tiles fill a rectangle without a hole: looked at on the grid that their edges make."""
    rows = np.unique([(each.top, each.bottom) for each in pattern])
    columns = np.unique([(each.left, each.right) for each in pattern])
    if rows[-1] - rows[0] != height or columns[-1] - columns[0] != width:
        return False
    covered = np.zeros((len(rows) - 1, len(columns) - 1), bool)
    for each in pattern:
        top, bottom = np.searchsorted(rows, (each.top, each.bottom))
        left, right = np.searchsorted(columns, (each.left, each.right))
        covered[top:bottom, left:right] = True
    return bool(covered.all())


# ----------------------------------------------------------------------------------------- XML


def _channel_axis(metadata: Element, channels: Sequence[int]) -> Axis:
    """Return the axis of the channels with these indices."""
    stated = metadata.findall(_CHANNELS)
    elements = []
    for index in channels:
        known = 0 <= index < len(stated)
        elements.append(stated[index] if known else Element("Channel"))
    excitations = {_number(each.findtext("ExcitationWavelength")) for each in elements}
    return channel_axis(
        _channel_names(metadata, channels),
        emissions=[_number(each.findtext("EmissionWavelength")) for each in elements],
        ranges=[_range(each.findtext("DetectionWavelength/Ranges")) for each in elements],
        excitation_nm=excitations.pop() if len(excitations) == 1 else None,
    )


def _channel_names(metadata: Element, channels: Sequence[int]) -> list[str]:
    """Return the names of channels, as they were recorded or else as they are shown."""
    recorded = metadata.findall(_CHANNELS)
    shown = metadata.findall(_SHOWN_CHANNELS)
    names = []
    for index in channels:
        name = ""
        for elements in (recorded, shown):
            if not name and 0 <= index < len(elements):
                name = elements[index].get("Name", "")
        names.append(name)
    return names


def _distance(metadata: Element, letter: str) -> float | None:
    """Return the distance of neighbours along X, Y or Z in µm; the file counts metres."""
    value = _number(metadata.findtext(f"Scaling/Items/Distance[@Id='{letter}']/Value"))
    return None if value is None else value * 1e6


def _frame_interval(metadata: Element) -> float | None:
    """Return the seconds from frame to frame."""
    path = "Information/Image/Dimensions/T/Positions/Interval/Increment"
    return _number(metadata.findtext(path))


def _number(text: str | None) -> float | None:
    """Return a number that is more than nothing, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _range(text: str | None) -> tuple[float, float] | None:
    """Return the ends of a range, where it is one."""
    ends = _RANGE.fullmatch(text or "")
    return (float(ends[1]), float(ends[2])) if ends else None


def _kept(metadata: Element) -> dict[str, Any]:
    """Return the parts of the XML that are about the image, as plain JSON."""
    parts = {}
    for name in _KEPT:
        part = metadata.find(name)
        if part is not None:
            parts[name] = settings(part)
    return {"Zeiss": parts} if len(metadata) else {}
