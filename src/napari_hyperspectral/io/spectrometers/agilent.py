"""Agilent infrared images: raw tiles of a detector array, and a file of settings.

A single tile is ``name.seq`` (interferograms), ``name.dat`` (spectra) and ``name.bsp`` (settings);
a mosaic is ``name.dmt`` (settings) and, for each tile, ``name_0000_0000.dmd`` (spectra) and ``.drd``
(interferograms). Agilent publishes no description; the layout was learned from S. Read,
"agilent-format", https://github.com/stuart-cls/python-agilent-file-formats (MIT), after
A. Henderson, https://bitbucket.org/AlexHenderson/agilent-file-formats.

Rows are those of the ENVI twin (``.dat`` and ``.hdr``) that Agilent writes: the first one lies at the
bottom of what the microscope shows, and the tiles are numbered from the top.
"""

from __future__ import annotations

import configparser
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.lazy import Box, Lazy
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.bitmap import picture
from ..source import Source
from .agilent_settings import AgilentSettings, pixel_size_in_settings, read_settings

INTERFEROGRAMS: Final = "interferograms"
"""What to write after the name of a file and ``::`` for those."""
OFFSET: Final = 1020
"""Bytes before the values of a tile."""
_BANDS, _SIZE = 9, 24
"""Offsets in a tile of the number of its bands, and of its width and height."""
_MAX_TILES: Final = 9999


@dataclass(frozen=True)
class _Tile:
    """The layout of a file of values."""

    path: Path
    bands: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (band, y, x)."""
        return self.bands, self.height, self.width

    def load(self) -> NDArray[Any]:
        """Map the values, as (band, y, x)."""
        return mapped(self.path, "<f4", self.shape, OFFSET)


_Tiles = Mapping[tuple[int, int], _Tile]
"""Tiles by column and row, as they are numbered: from the top left."""


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
    return [_single_tile(source)]


def pixel_size_from_companion(path: Path, width: int) -> float | None:
    """Return the size of a pixel, in µm, in the settings of an Agilent file, if there are any.

    Parameters
    ----------
    width : int
        Pixels of a row of the image.
    """
    bsp = _companion(path, ".bsp")
    if bsp is not None:
        return pixel_size_in_settings(bsp, width)
    dmt = _companion(path, ".dmt")
    if dmt is not None:
        return pixel_size_in_settings(dmt, 0)  # the tiles of a mosaic are not so wide
    return None


def _single_tile(source: Source) -> Cube:
    """Return the spectra of a tile, or its interferograms."""
    path = source.path
    settings_file = _companion(path, ".bsp")
    if settings_file is None:
        raise FileFormatError(
            path,
            f"its settings, {path.stem}.bsp, are missing",
            f"put them into the same folder, or open {path.stem}.hdr",
        )
    settings = read_settings(settings_file)
    tile = _tile(path)
    spectra_file = _companion(path, ".dat")
    if source.array == INTERFEROGRAMS or spectra_file is None:
        return _interferograms(path, tile, tile.load(), settings)
    spectra = _tile(spectra_file)
    if spectra.shape[1:] != tile.shape[1:]:
        raise FileFormatError(
            path,
            f"it has {tile.width} × {tile.height} pixels, "
            f"{spectra_file.name} {spectra.width} × {spectra.height}",
            "put the files of one measurement together",
        )
    return _spectra(path, spectra, spectra.load(), settings)


# -------------------------------------------------------------------------------------- files


def _companion(path: Path, suffix: str) -> Path | None:
    """Return the file of another suffix; Agilent writes some of them in lower case."""
    name = f"{path.stem}{suffix}".lower()
    return next((file for file in path.parent.iterdir() if file.name.lower() == name), None)


def _tile(path: Path) -> _Tile:
    """Return the layout of a file of values, after its size was seen to fit."""
    raw = Bytes(path)
    bands = raw.number("<I", _BANDS, "the head")
    width, height = raw.unpack("<HH", _SIZE, "the head")
    if not width and not height and bands:  # older files are square, and do not say so
        side = math.isqrt(max(0, len(raw) - OFFSET) // (4 * bands))
        width = height = side
    needed = OFFSET + 4 * bands * width * height
    if not bands * width * height or len(raw) != needed:
        raise FileFormatError(
            path,
            f"{len(raw)} bytes, but {bands} bands of {width} × {height} pixels need {needed}",
            COPY_AGAIN,
        )
    return _Tile(path, bands, height, width)


# ------------------------------------------------------------------------------------- images


def _spectra(path: Path, tile: _Tile, data: Any, settings: AgilentSettings) -> Cube:
    """Return the spectra of a tile or of a mosaic, (band, y, x)."""
    if tile.bands != len(settings.axis):
        raise FileFormatError(
            path,
            f"{tile.bands} bands, but {len(settings.axis)} wavenumbers in its settings",
            "put the files of one measurement together",
        )
    unit = settings.quantity.lower() if settings.quantity else None
    return _cube(path, tile, data, settings.axis, settings, unit)


def _interferograms(path: Path, tile: _Tile, data: Any, settings: AgilentSettings) -> Cube:
    """Return the interferograms of a tile or of a mosaic, (point, y, x)."""
    retardations = settings.retardations
    if retardations is not None and len(retardations) == tile.bands:
        axis = SpectralAxis(retardations)
        title = "optical retardation (cm)"
    else:
        axis = SpectralAxis.index(tile.bands)
        title = "point"
    cube = _cube(path, tile, data, axis, settings, "V")
    return cube.after(
        "took the interferograms",
        name=f"{path.stem} interferograms",
        metadata={**cube.metadata, "axis": title},
    )


def _cube(
    path: Path,
    tile: _Tile,
    data: Any,
    axis: SpectralAxis,
    settings: AgilentSettings,
    unit: str | None,
) -> Cube:
    size = settings.pixel_size(tile.width)
    if size is None:
        warnings.warn(f"{path.name}: its settings do not state the size of a pixel", stacklevel=2)
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
    """Return the spectra of a mosaic, or its interferograms, and the pictures of it."""
    path = source.path
    settings = read_settings(path)
    tiles: _Tiles = {}
    cube_of = _spectra
    if source.array != INTERFEROGRAMS:
        tiles = _tiles(path, ".dmd", source)
    if not tiles:
        tiles = _tiles(path, ".drd", source)
        cube_of = _interferograms
    if not tiles:
        raise FileFormatError(
            path,
            f"none of its tiles is there (looked for {path.stem}_0000_0000.dmd)",
            "put it into their folder",
        )
    tile = next(iter(tiles.values()))
    cube = cube_of(path, tile, _assembled(path, tiles, settings), settings)
    return [cube] if source.array else [cube, *_pictures(path, cube)]


def _tiles(path: Path, suffix: str, source: Source) -> _Tiles:
    """Return the tiles of a mosaic, after it was seen that all have one shape."""
    pattern = re.escape(path.stem) + r"_(\d{4})_(\d{4})" + re.escape(suffix)
    name = re.compile(pattern, re.IGNORECASE)
    files = sorted(file for file in path.parent.iterdir() if name.fullmatch(file.name))
    tiles = {}
    for done, file in enumerate(files):
        source.tell(done, len(files))
        number = name.fullmatch(file.name)
        if number:
            tiles[int(number[1]), int(number[2])] = _tile(file)
    shapes = {tile.shape: tile.path.name for tile in tiles.values()}
    if len(shapes) > 1:
        listed = ", ".join(f"{shape} in {name}" for shape, name in shapes.items())
        raise FileFormatError(
            path,
            f"its tiles differ in shape: {listed}",
            "put the files of one measurement together",
        )
    return tiles


def _assembled(path: Path, tiles: _Tiles, settings: AgilentSettings) -> Lazy:
    """Return the mosaic as (band, y, x); a tile is read when it is looked at."""
    columns = _extent(settings, "X", max(column for column, _ in tiles))
    rows = _extent(settings, "Y", max(row for _, row in tiles))
    missing = columns * rows - len(tiles)
    if missing:
        warnings.warn(
            f"{path.name}: {missing} of {columns * rows} tiles are missing, they are left empty",
            stacklevel=2,
        )
    bands, height, width = next(iter(tiles.values())).shape

    def read(box: Box) -> NDArray[np.float32]:
        in_bands, in_y, in_x = box
        y = np.arange(rows * height)[in_y]
        x = np.arange(columns * width)[in_x]
        shape = (len(range(bands)[in_bands]), len(y), len(x))
        values = np.full(shape, np.nan, np.float32)
        for (column, row_from_top), tile in tiles.items():
            row = rows - 1 - row_from_top  # rows of the image begin at the bottom
            ys = np.flatnonzero(y // height == row)
            xs = np.flatnonzero(x // width == column)
            if not len(ys) or not len(xs):
                continue
            tile_y = _within_tile(y[ys], height)
            tile_x = _within_tile(x[xs], width)
            part = tile.load()[in_bands, tile_y, tile_x]
            values[:, ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = part
        return values

    shape = (bands, rows * height, columns * width)
    return Lazy(read, shape, np.float32, chunks=(bands, height, width))


def _within_tile(pixels: NDArray[np.intp], length: int) -> slice:
    """Return the slice of a tile that has these pixels of the mosaic; they are evenly spaced."""
    step = int(pixels[1] - pixels[0]) if len(pixels) > 1 else 1
    return slice(int(pixels[0] % length), int(pixels[-1] % length) + 1, step)


def _extent(settings: AgilentSettings, letter: str, last: int) -> int:
    """Return the number of tiles along X or Y: as the settings state, or up to the last one."""
    return max(min(settings.mosaic_extent(letter), _MAX_TILES), last + 1)


# ------------------------------------------------------------------------------------ pictures


class _Rectangle(NamedTuple):
    """Where a picture is, in µm from the lower left corner of the mosaic."""

    left: float
    bottom: float
    width: float
    height: float


def _pictures(path: Path, cube: Image) -> list[Cube]:
    """Return the pictures of the microscope, laid where the mosaic is."""
    config = _mosaic_config(path.parent)
    rectangles = {
        ("IrCutout.bmp", "visible cutout"): _cutout(config),
        ("VisMosaicCollectImages_Thumbnail.bmp", "visible mosaic"): _overview(config),
    }
    pictures = []
    for (name, title), rectangle in rectangles.items():
        file = path.parent / name
        if not file.is_file():
            continue
        try:
            image = picture(file.read_bytes(), file, f"{path.stem} {title}")
        except FileFormatError as error:
            warnings.warn(f"a picture was left out: {error}", stacklevel=2)
            continue
        pictures.append(_on_mosaic(image, cube, rectangle))
    return pictures


def _mosaic_config(folder: Path) -> configparser.ConfigParser:
    """Return the files that state what the pictures cover, as far as they can be read."""
    config = configparser.ConfigParser(interpolation=None)
    for name in ("IrMosaicInfo.cfg", "VisMosaicInfo.cfg"):
        try:
            config.read(folder / name, encoding="latin-1")
        except configparser.Error as error:
            warnings.warn(f"{name} is not readable ({type(error).__name__})", stacklevel=2)
    return config


def _cutout(config: configparser.ConfigParser) -> _Rectangle | None:
    section = "MicronMeasurements"
    size = _numbers(config, section, "IrCollectWidthMicrons", "IrCollectHeightMicrons")
    return None if size is None else _Rectangle(0.0, 0.0, size[0], size[1])


def _overview(config: configparser.ConfigParser) -> _Rectangle | None:
    size = _numbers(config, "VisMosaicDefinition", "MosaicSizeMicronsX", "MosaicSizeMicronsY")
    infrared = _numbers(
        config,
        "MicronMeasurements",
        "IrCollectStartLocationMicronsX",
        "IrCollectStartLocationMicronsY",
        "IrCollectHeightMicrons",
    )
    if size is None or infrared is None:
        return None
    width, height = size
    left, top, infrared_height = infrared  # of the mosaic, from the upper left of the overview
    return _Rectangle(-left, top + infrared_height - height, width, height)


def _numbers(
    config: configparser.ConfigParser, section: str, *keys: str
) -> tuple[float, ...] | None:
    """Return the numbers of some keys, or None where one is missing or not finite."""
    try:
        numbers = tuple(config.getfloat(section, key) for key in keys)
    except (configparser.Error, ValueError):
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _on_mosaic(image: Cube, cube: Image, rectangle: _Rectangle | None) -> Cube:
    """Return a picture with its rows from below, as those of the mosaic, where that is known."""
    if rectangle is None or min(rectangle.width, rectangle.height) <= 0 or cube.pixel_unit is None:
        return image
    _, height, width = image.shape
    dy = rectangle.height / height
    dx = rectangle.width / width
    # origins are centres of pixels, rectangles begin at their sides
    bottom = rectangle.bottom - cube.pixel_size[0] / 2
    left = rectangle.left - cube.pixel_size[1] / 2
    return image.after(
        "turned the rows to run from below",
        data=image.data[:, ::-1],
        pixel_size=(dy, dx),
        pixel_unit="um",
        origin=(bottom + dy / 2, left + dx / 2),
    )
