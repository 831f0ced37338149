"""Agilent infrared images: raw tiles of a detector array beside a file of settings.

A single tile is ``name.seq`` (interferograms), ``name.dat`` (spectra) and ``name.bsp`` (settings);
a mosaic is ``name.dmt`` (settings) and, for each tile, ``name_0000_0000.dmd`` (spectra) and ``.drd``
(interferograms). Agilent publishes no description; the layout was learned from S. Read,
"agilent-format", https://github.com/stuart-cls/python-agilent-file-formats (MIT), after
A. Henderson, https://bitbucket.org/AlexHenderson/agilent-file-formats.

Settings are one stream of a compound file: Microsoft, "[MS-CFB]: Compound File Binary File Format",
https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb.

Rows are those of the ENVI twin (``.dat`` and ``.hdr``) that Agilent writes: the first one lies at the
bottom of what the microscope shows, and the tiles are numbered from the top.
"""

from __future__ import annotations

import configparser
import math
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.lazy import Box, Lazy
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.bitmap import picture
from ..metadata.units import axis_in
from ..source import Source

INTERFEROGRAMS: Final = "interferograms"
"""What to write after the name of a file and ``::`` for those."""
OFFSET: Final = 1020
"""Bytes before the values of a tile."""
_BANDS, _SIZE = 9, 24
"""Where a tile says how many bands it has, and how wide and high it is."""
_MOST_TILES: Final = 9999

_CFB: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CFB_HEAD, _CFB_TABLES, _CFB_STREAM, _CFB_FREE = 512, 109, 2, 0xFFFFFFFF
"""Of a compound file: bytes of its head, tables told there, and marks of streams and free sectors."""

_LENGTH: Final = rb"\x04\0\0\0(..\0\0)\x04\0\0\0\2\2"
_TEXT: Final = re.compile(
    rb"([ -~]{2,60})\x04\0\0\0.{4}\x04\0\0\0\x02\0\0\0\x04\0\0\0\x04\0\0\0" + _LENGTH, re.DOTALL
)
"""A setting whose value is a text; its length stands there three times, then follows the text."""
_NUMBER: Final = re.compile(
    rb"([ -~]{3,60})\0{4}\x02\0\0\0\x08\0\0\0PropType.{20}1\.00(?:\x01\0\0\0){2}\x08\0\0\0(.{8})",
    re.DOTALL,
)
"""A setting whose value is a number."""
_SAMPLING: Final = re.compile(
    rb"1\.00\x01\0\0\0\x04\0\0\0\x08\0\0\0(.{8})\x04\0\0\0(.{4})\x04\0\0\0(.{4})", re.DOTALL
)
"""Distance, number of the first, and count, of the bands; then again of the retardations."""
_QUANTITIES: Final = re.compile(rb"(.{4})Wavenumber\x04\0\0\0(.{4})\2([ -~]{1,40})", re.DOTALL)


@dataclass(frozen=True)
class _Settings:
    """What a .bsp or .dmt says."""

    values: Mapping[str, str | float]
    axis: SpectralAxis
    retardations: NDArray[np.float64] | None
    """Places along the interferograms, in cm."""
    quantity: str | None


@dataclass(frozen=True)
class _Tile:
    """The layout of a file of values."""

    path: Path
    bands: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.bands, self.height, self.width

    def load(self) -> NDArray[Any]:
        """Map the values, as (band, y, x)."""
        return mapped(self.path, "<f4", self.shape, OFFSET)


def read_images(source: Source) -> list[Image]:
    """Map the spectra, and load the pictures taken along.

    ``name.seq::interferograms`` gives the interferograms instead; they are also what is read
    where there are no spectra.
    """
    if source.array not in (None, INTERFEROGRAMS):
        raise FileFormatError(
            source.path,
            f"no array {source.array!r}",
            f"leave it out, or write {source.path.name}::{INTERFEROGRAMS}",
        )
    if source.path.suffix.lower() == ".dmt":
        return _mosaic(source)
    return [_single(source)]


def pixel_size_beside(path: Path, width: int) -> float | None:
    """Return the size of a pixel, in µm, that the settings beside an Agilent file tell, if any."""
    for suffix in (".bsp", ".dmt"):
        file = _beside(path, suffix)
        if file is not None:
            try:
                tile = width if suffix == ".bsp" else 0  # those of a mosaic are not so wide
                return _pixel_size(_values(_content(Bytes(file))), tile)
            except FileFormatError:  # they are but an addition here
                return None
    return None


def _single(source: Source) -> Cube:
    path = source.path
    settings = _settings(_needed(path, ".bsp"))
    raw, values = _tile(path), _beside(path, ".dat")
    if source.array == INTERFEROGRAMS or values is None:
        return _interferograms(path, raw, raw.load(), settings)
    spectra = _tile(values)
    if spectra.shape[1:] != raw.shape[1:]:
        raise FileFormatError(
            path,
            f"it has {raw.width} × {raw.height} pixels, "
            f"{values.name} {spectra.width} × {spectra.height}",
            "put the files of one measurement together",
        )
    return _spectra(path, spectra, spectra.load(), settings)


# -------------------------------------------------------------------------------------- files


def _beside(path: Path, suffix: str, stem: str | None = None) -> Path | None:
    """Return the file of another suffix; Agilent writes some of them in lower case."""
    wanted = f"{stem or path.stem}{suffix}".lower()
    return next((file for file in path.parent.iterdir() if file.name.lower() == wanted), None)


def _needed(path: Path, suffix: str) -> Path:
    found = _beside(path, suffix)
    if found is None:
        raise FileFormatError(
            path,
            f"its settings, {path.stem}{suffix}, are missing",
            f"put them beside it, or open {path.stem}.hdr",
        )
    return found


def _tile(path: Path) -> _Tile:
    """Return the layout of a file of values, after its size was seen to fit."""
    raw = Bytes(path)
    bands = raw.number("<I", _BANDS, "the head")
    width, height = raw.unpack("<HH", _SIZE, "the head")
    if not width and not height and bands:  # older files are square, and do not say so
        width = height = math.isqrt(max(0, len(raw) - OFFSET) // (4 * bands))
    wanted = OFFSET + 4 * bands * width * height
    if not bands * width * height or len(raw) != wanted:
        raise FileFormatError(
            path,
            f"{len(raw)} bytes, but {bands} bands of {width} × {height} pixels need {wanted}",
            COPY_AGAIN,
        )
    return _Tile(path, bands, height, width)


# ----------------------------------------------------------------------------------- settings


def _settings(path: Path) -> _Settings:
    content = _content(Bytes(path))
    samplings = list(_SAMPLING.finditer(content))
    if not samplings:
        raise FileFormatError(path, "no wavenumbers in these settings", COPY_AGAIN)
    axis = axis_in("1/cm", _places(samplings[0], path))
    assert axis is not None
    interferogram = content.find(b"Interferogram")
    later = [each for each in samplings if each.start() > interferogram >= 0]
    quantity = _QUANTITIES.search(content)
    return _Settings(
        _values(content),
        axis,
        _places(later[0], path) if later else None,
        None if quantity is None else _spelled(quantity),
    )


def _content(raw: Bytes) -> bytes:
    """Return the longest stream of a compound file, its sectors in order ([MS-CFB])."""
    if len(raw) < _CFB_HEAD or raw.take(0, 8) != _CFB:
        raise FileFormatError(raw.path, "these are no settings of Agilent's", COPY_AGAIN)
    size = 1 << min(raw.number("<H", 30), 16)
    count, first = raw.unpack("<II", 44)
    tables = raw.unpack(f"<{min(count, _CFB_TABLES)}I", 76)
    following = np.concatenate(
        [np.empty(0, "<u4"), *(raw.array("<u4", size // 4, (n + 1) * size) for n in tables)]
    )
    used = np.flatnonzero(following != _CFB_FREE)
    if not len(used) or (int(used[-1]) + 2) * size > len(raw):
        raise FileFormatError(raw.path, f"settings of {len(raw)} bytes are not whole", COPY_AGAIN)
    entries = _chained(raw, following, first, size)
    streams = [
        struct.unpack_from("<II", entries, place + 116)
        for place in range(0, len(entries) - 127, 128)
        if entries[place + 66] == _CFB_STREAM
    ]
    start, length = max(streams, key=lambda stream: stream[1], default=(0, 0))
    return _chained(raw, following, start, size)[:length]


def _chained(raw: Bytes, following: NDArray[np.uint32], sector: int, size: int) -> bytes:
    """Return the sectors that follow on one, as the table of a compound file says."""
    parts: list[bytes] = []
    while sector < len(following) and len(parts) < len(following):
        parts.append(raw.take((sector + 1) * size, size, "the settings"))
        sector = int(following[sector])
    return b"".join(parts)


def _places(sampling: re.Match[bytes], path: Path) -> NDArray[np.float64]:
    step, start, count = struct.unpack("<dii", b"".join(sampling.groups()))
    if not 0 < count <= 2**20 or not math.isfinite(step) or not step:
        raise FileFormatError(path, f"{count} points every {step:g}", COPY_AGAIN)
    places: NDArray[np.float64] = float(step) * (start + np.arange(count, dtype=np.float64))
    return places


def _spelled(quantity: re.Match[bytes]) -> str:
    return quantity[3][: int.from_bytes(quantity[2], "little")].decode("latin-1")


def _values(content: bytes) -> dict[str, str | float]:
    """Return the settings by name; those that are empty are left out."""
    values: dict[str, str | float] = {}
    for match in _TEXT.finditer(content):
        length = int.from_bytes(match[2], "little")
        text = content[match.end() : match.end() + length].decode("latin-1").strip(" \0")
        if text.isprintable() and text:
            values[match[1].decode("latin-1")] = text
    for match in _NUMBER.finditer(content):
        number = float(struct.unpack("<d", match[2])[0])
        if math.isfinite(number) and match[1] != b"Time":  # a time is no double: meaningless
            values[match[1].decode("latin-1")] = number
    return values


def _pixel_size(values: Mapping[str, str | float], width: int) -> float | None:
    """Return the size of a pixel, in µm: that of the detector's, times how many were summed up.

    Where that number is not told, how often the `width` of a tile goes into that of the detector is.
    """
    size, summed = values.get("FPA Pixel Size"), _whole(values, "PixelAggregationSize")
    whole = _whole(values, "FPA Size X")
    if not summed and width and whole % width == 0:
        summed = whole // width
    return size * summed if isinstance(size, float) and size > 0 and summed else None


def _whole(values: Mapping[str, str | float], name: str) -> int:
    """Return a whole number among the settings; 0 where there is none."""
    text = str(values.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


# ------------------------------------------------------------------------------------- images


def _spectra(path: Path, tile: _Tile, data: Any, settings: _Settings) -> Cube:
    bands = tile.bands
    if bands != len(settings.axis):
        raise FileFormatError(
            path,
            f"{bands} bands, but {len(settings.axis)} wavenumbers in its settings",
            "put the files of one measurement together",
        )
    unit = settings.quantity
    return _cube(path, tile, data, settings.axis, settings, unit and unit.lower())


def _interferograms(path: Path, tile: _Tile, data: Any, settings: _Settings) -> Cube:
    places = settings.retardations
    known = places is not None and len(places) == tile.bands
    axis = SpectralAxis(places) if known and places is not None else SpectralAxis.index(tile.bands)
    cube = _cube(path, tile, data, axis, settings, "V")
    return cube.after(
        "took the interferograms",
        name=f"{path.stem} interferograms",
        metadata={**cube.metadata, "axis": "optical retardation (cm)" if known else "point"},
    )


def _cube(
    path: Path, tile: _Tile, data: Any, axis: SpectralAxis, settings: _Settings, unit: str | None
) -> Cube:
    size = _pixel_size(settings.values, tile.width)
    if size is None:
        warnings.warn(f"{path.name}: its settings do not tell the size of a pixel", stacklevel=2)
    return Cube(
        data,
        axis,
        name=path.stem,
        history=(f"read {path.name}",),
        pixel_size=(size or 1.0, size or 1.0),
        pixel_unit="um" if size else None,
        metadata={"Agilent": dict(settings.values)},
        intensity_unit=unit,
    )


# ------------------------------------------------------------------------------------- mosaics


def _mosaic(source: Source) -> list[Image]:
    path = source.path
    settings = _settings(path)
    spectra = {} if source.array == INTERFEROGRAMS else _tiles(path, ".dmd", source)
    tiles = spectra or _tiles(path, ".drd", source)
    if not tiles:
        raise FileFormatError(
            path,
            f"none of its tiles is there (looked for {path.stem}_0000_0000.dmd)",
            "put it beside them",
        )
    make = _spectra if spectra else _interferograms
    tile, data = next(iter(tiles.values())), _assembled(path, tiles, settings)
    cube = make(path, tile, data, settings)
    return [cube] if source.array else [cube, *_pictures(path, cube)]


def _tiles(path: Path, suffix: str, source: Source) -> dict[tuple[int, int], _Tile]:
    """Return the tiles by column and row, as they are numbered: from the top left."""
    name = re.compile(re.escape(path.stem) + r"_(\d{4})_(\d{4})" + re.escape(suffix), re.IGNORECASE)
    named = [
        (match, file) for file in path.parent.iterdir() if (match := name.fullmatch(file.name))
    ]
    tiles = {}
    for done, (match, file) in enumerate(sorted(named, key=lambda each: each[1].name)):
        source.tell(done, len(named))
        tiles[int(match[1]), int(match[2])] = _tile(file)
    shapes = {tile.shape: tile.path.name for tile in tiles.values()}
    if len(shapes) > 1:
        told = ", ".join(f"{shape} in {name}" for shape, name in shapes.items())
        raise FileFormatError(
            path, f"its tiles differ in shape: {told}", "put the files of one measurement together"
        )
    return tiles


def _assembled(path: Path, tiles: Mapping[tuple[int, int], _Tile], settings: _Settings) -> Lazy:
    """Return the mosaic as (band, y, x); a tile is read when it is looked at."""
    columns, rows = (
        max(_extent(settings.values, letter), 1 + max(place[axis] for place in tiles))
        for axis, letter in enumerate("XY")
    )
    missing = columns * rows - len(tiles)
    if missing:
        warnings.warn(
            f"{path.name}: {missing} of {columns * rows} tiles are missing, they are left empty",
            stacklevel=2,
        )
    bands, height, width = next(iter(tiles.values())).shape
    from_below = {(rows - 1 - row, column): tile for (column, row), tile in tiles.items()}

    def read(box: Box) -> NDArray[np.float32]:
        y, x = np.arange(rows * height)[box[1]], np.arange(columns * width)[box[2]]
        found = np.full((len(range(bands)[box[0]]), len(y), len(x)), np.nan, np.float32)
        for (row, column), tile in from_below.items():
            ys, xs = np.flatnonzero(y // height == row), np.flatnonzero(x // width == column)
            if len(ys) and len(xs):
                part = tile.load()[box[0], _inside(y[ys], height), _inside(x[xs], width)]
                found[:, ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = part
        return found

    shape = (bands, rows * height, columns * width)
    return Lazy(read, shape, np.float32, chunks=(bands, height, width))


def _inside(places: NDArray[np.intp], length: int) -> slice:
    """Return the slice of a tile that has these places of the mosaic; they are evenly spaced."""
    step = int(places[1] - places[0]) if len(places) > 1 else 1
    return slice(int(places[0] % length), int(places[-1] % length) + 1, step)


def _extent(values: Mapping[str, str | float], letter: str) -> int:
    """Return how many tiles the settings tell of, along x or y."""
    return min(max(1, _whole(values, f"MosaicExtent{letter}")), _MOST_TILES)


def _pictures(path: Path, cube: Image) -> list[Cube]:
    """Return the pictures of the microscope, laid where the mosaic is."""
    told = configparser.ConfigParser(interpolation=None)
    for name in ("IrMosaicInfo.cfg", "VisMosaicInfo.cfg"):
        try:
            told.read(path.parent / name, encoding="latin-1")
        except configparser.Error as error:
            warnings.warn(f"{name} is not readable ({type(error).__name__})", stacklevel=2)
    pictures = []
    for name, title, place in (
        ("IrCutout.bmp", "visible cutout", _cutout_place),
        ("VisMosaicCollectImages_Thumbnail.bmp", "visible mosaic", _overview_place),
    ):
        file = path.parent / name
        if file.is_file():
            try:
                found = picture(file.read_bytes(), file, f"{path.stem} {title}")
                pictures.append(_placed(found, cube, place(told)))
            except FileFormatError as error:
                warnings.warn(f"a picture was left out: {error}", stacklevel=2)
    return pictures


_Place = tuple[float, float, float, float]
"""Left and bottom side, width and height of a picture, in µm from the corner of the mosaic."""


def _cutout_place(told: configparser.ConfigParser) -> _Place | None:
    size = _numbers(told, "MicronMeasurements", "IrCollectWidthMicrons", "IrCollectHeightMicrons")
    return None if size is None else (0.0, 0.0, size[0], size[1])


def _overview_place(told: configparser.ConfigParser) -> _Place | None:
    size = _numbers(told, "VisMosaicDefinition", "MosaicSizeMicronsX", "MosaicSizeMicronsY")
    start = _numbers(
        told,
        "MicronMeasurements",
        "IrCollectStartLocationMicronsX",
        "IrCollectStartLocationMicronsY",
        "IrCollectHeightMicrons",
    )
    if size is None or start is None:
        return None
    return -start[0], start[1] + start[2] - size[1], size[0], size[1]


def _numbers(told: configparser.ConfigParser, section: str, *keys: str) -> tuple[float, ...] | None:
    try:
        numbers = tuple(told.getfloat(section, key) for key in keys)
    except (configparser.Error, ValueError):
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _placed(found: Cube, cube: Image, place: _Place | None) -> Cube:
    """Return a picture with its rows from below, as those of the mosaic, where its place is known."""
    if place is None or min(place[2:]) <= 0 or cube.pixel_unit is None:
        return found
    _, height, width = found.shape
    dy, dx = place[3] / height, place[2] / width
    corner = (place[1] - cube.pixel_size[0] / 2, place[0] - cube.pixel_size[1] / 2)
    return found.after(
        "turned the rows to run from below",
        data=found.data[:, ::-1],
        pixel_size=(dy, dx),
        pixel_unit="um",
        origin=(corner[0] + dy / 2, corner[1] + dx / 2),
    )
