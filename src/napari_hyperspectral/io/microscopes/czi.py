"""Zeiss CZI: planes made of tiles, channels that may be a spectrum.

Each scene is an image; tiles of a mosaic lie where they were measured, and what lies between them
is NaN. The pictures that a slide scanner attaches (label, overview) follow.

Source: see `zisraw`; the places of what the XML tells are those that ZEN 2 and 3 write.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import RGB, channel_axis, planes, sampling, settings, xml_of
from ..source import Source
from .zisraw import Tile, attached, check_decoders, description, is_zisraw, pixels, tiles

_SPARSE: Final = 20
"""How many times larger than its tiles a mosaic may be; beyond, its positions are damaged."""
_TOLD: Final = ("Information", "Scaling", "DisplaySetting")
"""What is kept of the XML; the rest is how the microscope was set up to do it again."""
_RANGE: Final = re.compile(r"\s*(\d+\.?\d*)\s*-\s*(\d+\.?\d*)\s*")
_APART: Final = "SRIHVB"
"""Dimensions of which each place is an image: scene, rotation, illumination, phase, view, block."""
_WORDS: Final = {
    "S": "scene",
    "R": "rotation",
    "I": "illumination",
    "H": "phase",
    "V": "view",
    "B": "block",
}


def read_images(source: Source) -> list[Image]:
    """Read all scenes of a file, plane by plane when they are looked at."""
    raw = Bytes(source.path)
    if not is_zisraw(raw):
        raise FileFormatError(
            source.path, "not a Zeiss CZI file", "give the file its right suffix, or copy it again"
        )
    name = source.path.stem
    return [
        *_images(raw, 0, name, source),
        *(
            image
            for label, base in attached(raw)
            if is_zisraw(raw, base)
            for image in _images(raw, base, f"{name} {label}", source)
        ),
    ]


def _images(raw: Bytes, base: int, name: str, source: Source) -> Iterator[Cube]:
    full, reduced = tiles(raw, source.tell, base)
    if not full:
        found = "only reduced images" if reduced else "no image"
        raise FileFormatError(source.path, f"{found} in it", "save it again with ZEN")
    check_decoders(source.path, full)
    text = description(raw, base).rstrip(b"\0 ")
    about = xml_of(source.path, text).find("Metadata") if text else None
    for words, group in _groups(full):
        yield _cube(group, about, " ".join((name, *words)), source.path)


def _groups(full: Sequence[Tile]) -> list[tuple[list[str], list[Tile]]]:
    """Return the tiles of each image, with the words that tell it from the others."""
    groups: dict[tuple[Any, ...], list[Tile]] = {}
    for tile in full:
        place = tuple(tile.start.get(letter, 0) for letter in _APART)
        groups.setdefault((place, tile.dtype.str, tile.samples), []).append(tile)
    varied = [len({place[n] for place, _, _ in groups}) > 1 for n in range(len(_APART))]
    types = {(dtype, samples) for _, dtype, samples in groups}
    named = []
    for key, group in sorted(groups.items()):
        words = [
            f"{_WORDS[letter]} {place + 1}"
            for letter, place, differs in zip(_APART, key[0], varied)
            if differs
        ]
        words += [f"{group[0].samples} x {group[0].dtype.name}"] if len(types) > 1 else []
        named.append((words, group))
    return named


def _cube(group: Sequence[Tile], about: Element | None, name: str, path: Path) -> Cube:
    places = {letter: sorted({tile.start.get(letter, 0) for tile in group}) for letter in "TZC"}
    mosaic = _Mosaic(path, group, places)
    data = planes(mosaic.plane, mosaic.leading, mosaic.shape, mosaic.dtype)  # (t, z, c, y, x, …)
    times, depths = (len(places[letter]) > 1 for letter in "TZ")
    axis: Axis
    if len(mosaic.shape) == 3:  # colours are neighbours in the file
        channels, height, width = mosaic.leading[2], *mosaic.shape[:2]
        data = data.transpose(0, 1, 2, 5, 3, 4)
        data = data.reshape(*mosaic.leading[:2], 3 * channels, height, width)
        axis = ChannelAxis(RGB if channels == 1 else _coloured(_names(about, places["C"])))
    else:
        axis = _axis(about, places["C"])
    data = data[tuple(slice(None) if kept else 0 for kept in (times, depths))]
    step = {letter: _distance(about, letter) for letter in "XYZ"}
    where: dict[str, Any] = {}
    if step["X"] and step["Y"]:
        origin = (mosaic.top * step["Y"], mosaic.left * step["X"])
        where = {"pixel_size": (step["Y"], step["X"]), "origin": origin, "pixel_unit": "um"}
    return Cube(
        data,
        axis,
        t=sampling(_increment(about), 0.0, "s") if times else None,
        z=sampling(step["Z"], 0.0, "um") if depths else None,
        name=name,
        history=(f"read {path.name}",),
        metadata={} if about is None else {"Zeiss": _told(about)},
        **where,
    )


class _Mosaic:
    """The planes of an image, each made of the tiles that lie in it.

    Raises
    ------
    FileFormatError
        If the tiles lie so far apart, or in so many planes, that their places cannot be right.
    """

    def __init__(
        self, path: Path, group: Sequence[Tile], places: Mapping[str, Sequence[int]]
    ) -> None:
        self.path = path
        self.leading = tuple(len(places[letter]) for letter in "TZC")
        self._tiles: dict[tuple[int, ...], list[Tile]] = {}
        index = {letter: {v: n for n, v in enumerate(places[letter])} for letter in "TZC"}
        for tile in sorted(group, key=lambda tile: tile.start.get("M", 0)):
            where = tuple(index[letter][tile.start.get(letter, 0)] for letter in "TZC")
            self._tiles.setdefault(where, []).append(tile)
        self.top = min(tile.start["Y"] for tile in group)
        self.left = min(tile.start["X"] for tile in group)
        height = max(tile.start["Y"] + tile.height for tile in group) - self.top
        width = max(tile.start["X"] + tile.width for tile in group) - self.left
        measured = sum(tile.height * tile.width for tile in group)
        if height * width * math.prod(self.leading) > _SPARSE * measured:
            raise FileFormatError(
                path,
                f"tiles of {measured:,} pixels are spread over {self.leading} planes "
                f"(t, z, channel) of {height} x {width}",
                f"{COPY_AGAIN}, or export its parts one by one",
            )
        samples, dtype = group[0].samples, group[0].dtype
        self.shape = (height, width) if samples == 1 else (height, width, 3)
        patterns = {tuple(map(_outline, plane)) for plane in self._tiles.values()}
        self.whole = len(self._tiles) == math.prod(self.leading) and all(
            self._covered(pattern) for pattern in patterns
        )
        self.dtype = dtype if self.whole else np.result_type(dtype, np.float32)
        if len(self._tiles) < math.prod(self.leading):
            warnings.warn(
                f"{path.name}: {len(self._tiles)} of {math.prod(self.leading)} planes were "
                "measured; the others are NaN",
                stacklevel=2,
            )

    def plane(self, where: tuple[int, ...]) -> NDArray[Any]:
        """Return the plane at (t, z, channel)."""
        inside = self._tiles.get(where, [])
        if self.whole and len(inside) == 1:
            return pixels(self.path, inside[0])
        plane = np.full(self.shape, 0 if self.whole else np.nan, self.dtype)
        for tile in inside:  # the later ones lie on top
            top, left = tile.start["Y"] - self.top, tile.start["X"] - self.left
            plane[top : top + tile.height, left : left + tile.width] = pixels(self.path, tile)
        return plane

    def _covered(self, pattern: Sequence[tuple[int, int, int, int]]) -> bool:
        """Whether tiles leave no hole: looked at on the grid that their edges make."""
        rows = sorted({edge for top, _, height, _ in pattern for edge in (top, top + height)})
        columns = sorted({edge for _, left, _, width in pattern for edge in (left, left + width)})
        if (rows[-1] - rows[0], columns[-1] - columns[0]) != self.shape[:2]:
            return False
        seen = np.zeros((len(rows) - 1, len(columns) - 1), bool)
        for top, left, height, width in pattern:
            down = slice(*np.searchsorted(rows, (top, top + height)))
            right = slice(*np.searchsorted(columns, (left, left + width)))
            seen[down, right] = True
        return bool(seen.all())


def _outline(tile: Tile) -> tuple[int, int, int, int]:
    """Return top, left, height and width."""
    return tile.start["Y"], tile.start["X"], tile.height, tile.width


def _axis(about: Element | None, places: Sequence[int]) -> Axis:
    """Return the axis of the channels that lie at these places."""
    told = [] if about is None else about.findall("Information/Image/Dimensions/Channels/Channel")
    channels = [told[place] if 0 <= place < len(told) else Element("Channel") for place in places]
    excitations = {_number(channel.findtext("ExcitationWavelength")) for channel in channels}
    excitation = excitations.pop() if len(excitations) == 1 else None
    return channel_axis(
        _names(about, places),
        emissions=[_number(channel.findtext("EmissionWavelength")) for channel in channels],
        ranges=[_range(channel.findtext("DetectionWavelength/Ranges")) for channel in channels],
        excitation_nm=excitation,
    )


def _names(about: Element | None, places: Sequence[int]) -> list[str]:
    """Return the names of channels, as they were recorded or else as they are shown."""
    lists = [
        [] if about is None else about.findall(path)
        for path in (
            "Information/Image/Dimensions/Channels/Channel",
            "DisplaySetting/Channels/Channel",
        )
    ]
    names = []
    for place in places:
        given = [each[place].get("Name", "") for each in lists if 0 <= place < len(each)]
        names.append(next(filter(None, given), ""))
    return names


def _coloured(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"{name or f'channel {number}'} {colour}"
        for number, name in enumerate(names, 1)
        for colour in RGB
    )


def _distance(about: Element | None, letter: str) -> float | None:
    """Return the distance of neighbours along x, y or z in µm; the file counts metres."""
    path = f"Scaling/Items/Distance[@Id='{letter}']/Value"
    value = None if about is None else _number(about.findtext(path))
    return None if value is None else value * 1e6


def _increment(about: Element | None) -> float | None:
    """Return the seconds from frame to frame."""
    path = "Information/Image/Dimensions/T/Positions/Interval/Increment"
    return None if about is None else _number(about.findtext(path))


def _number(text: str | None) -> float | None:
    """Return a number that is more than nothing, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _range(text: str | None) -> tuple[float, float] | None:
    """Return the ends of a range, where it is one."""
    found = _RANGE.fullmatch(text or "")
    return (float(found[1]), float(found[2])) if found else None


def _told(about: Element) -> dict[str, Any]:
    parts = {part: about.find(part) for part in _TOLD}
    return {name: settings(part) for name, part in parts.items() if part is not None}
