"""Thermo OMNIC .map: the spectra of an infrared microscope, and what its camera saw.

Thermo publishes no description; the layout was learned from H. Towbin, "ftir-OMNIC-map-reader",
https://github.com/whtowbin/FTIR_OMNIC_MAP_Reader (MIT), after V. A. Solé's reader in PyMca.
A directory tells of each block its key, number, place and length. Older files have a block a
spectrum, later ones all spectra in one block. The stage counts in µm, and a picture of the camera
has the rectangle it covers.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.indexed import NEVER, Placed, Rows
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.bitmap import picture
from ..source import Source

_CLASSIC: Final = b"Spectral Data File"
_ENTRIES: Final = {  # first bytes: layout of an entry of the directory
    _CLASSIC: "<HIIIH",
    b"Spectral Exte File": "<HQIII",
}
_COUNT, _TIME, _TITLE, _DIRECTORY = 0x126, 0x128, 0x1E, 0x130
"""Where the number of entries, the time, the title and the directory stand."""
_ENTRY_BYTES: Final = {"<HIIIH": 16, "<HQIII": 22}
_EPOCH: Final = datetime(1899, 12, 31)

_HEADER, _SPECTRUM, _ARRAYS, _HISTORY = 0x02, 0x03, 0x06, 0x1B
_VIDEO, _SERIES, _MOSAIC = 0x93, 0x12D, 0x14B
"""Keys of the blocks that are read."""
_SERIES_HEAD: Final = 196
"""Bytes before the first spectrum in the one block of all."""
_SPECTRUM_HEAD: Final = 100
"""Bytes before the values of each."""
_XY, _RECTANGLE = 2, 4
"""Numbers a point, in blocks of arrays."""
_WAVENUMBERS: Final = 1
_INTENSITIES: Final = {
    15: "single beam", 16: "transmittance", 17: "absorbance", 22: "interferogram",
}  # fmt: skip
_SAME: Final = 0.5
"""Places of the stage that are nearer than this, in µm, are one row, or column."""


@dataclass(frozen=True)
class _Block:
    number: int
    start: int
    length: int


@dataclass(frozen=True)
class _Grid:
    """Where each spectrum lies in the image, the first spectrum in the first row and column."""

    raster: NDArray[np.intp]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Places of columns and rows."""


_Blocks = dict[int, list[_Block]]


def read_images(source: Source) -> list[Image]:
    """Map the spectra of a file, and load the pictures of the camera."""
    raw = Bytes(source.path)
    blocks = _directory(raw)
    headers = sorted(blocks.get(_HEADER, ()), key=lambda block: block.number != 1)
    if not headers:
        raise FileFormatError(raw.path, "nothing tells of its axis", COPY_AGAIN)
    count, x_unit, _, last, first = raw.unpack("<3I2f", headers[0].start + 4, "the axis")
    own = blocks.get(_SERIES, headers)[0]  # a block of all spectra begins with a header of its own
    y_unit = raw.number("<I", own.start + 12, "the unit")
    if not 0 < count < 2**24:
        raise FileFormatError(raw.path, f"{count} points in a spectrum", COPY_AGAIN)
    spectra = _spectra(raw, blocks, count)
    places = _places(raw, blocks, len(spectra))
    grid = None if places is None else _grid(places)
    metadata = _told(raw, blocks)
    if grid is None:
        data = spectra.T[:, None, :]
        metadata["positions (µm)"] = None if places is None else places.tolist()
    else:
        data = _as_image(spectra, grid.raster)
    centres = np.linspace(first, last, count)
    cube = Cube(
        data,
        SpectralAxis(centres, "1/cm") if x_unit == _WAVENUMBERS else SpectralAxis(centres),
        name=source.path.stem,
        history=(f"read {source.path.name}",),
        intensity_unit=_INTENSITIES.get(y_unit),
        metadata={"OMNIC": metadata},
        **({} if grid is None else _placing(grid)),
    )
    return [cube, *_pictures(raw, blocks, source.path.stem, grid)]


def _directory(raw: Bytes) -> _Blocks:
    layout = _ENTRIES.get(raw.take(0, min(len(raw), len(_CLASSIC))))
    if layout is None:
        raise FileFormatError(
            raw.path, "not a map of Thermo OMNIC", "give it its right suffix, or copy it again"
        )
    blocks: _Blocks = {}
    for entry in range(raw.number("<H", _COUNT, "the directory")):
        place = _DIRECTORY + _ENTRY_BYTES[layout] * entry
        key, start, length, number, _ = raw.unpack(layout, place, "the directory")
        raw.take(start, length, f"block {key:#x}")
        blocks.setdefault(key, []).append(_Block(number, start, length))
    return blocks


# ------------------------------------------------------------------------------------ spectra


def _spectra(raw: Bytes, blocks: _Blocks, count: int) -> NDArray[Any]:
    """Map the spectra, as (spectrum, band)."""
    if _SERIES in blocks:
        block = blocks[_SERIES][0]
        stride = _SPECTRUM_HEAD + 4 * count
        number, rest = divmod(block.length - _SERIES_HEAD, stride)
        if rest or number < 1:
            raise FileFormatError(
                raw.path,
                f"spectra of {count} points do not fill {block.length} bytes",
                COPY_AGAIN,
            )
        return _evenly(raw, block.start + _SERIES_HEAD, _SPECTRUM_HEAD, number, count)
    single = sorted(
        (b for b in blocks.get(_SPECTRUM, ()) if b.number >= 1), key=lambda block: block.number
    )
    if not single:
        raise FileFormatError(raw.path, "no spectra in it", "is it only a mosaic of pictures?")
    wrong = [b.number for b in single if b.length != 4 * count]
    if wrong:
        raise FileFormatError(
            raw.path, f"spectrum {wrong[0]} has not {count} points like the others", COPY_AGAIN
        )
    steps = np.diff([b.start for b in single])
    if len(steps) and steps.min() == steps.max() >= 4 * count:
        return _evenly(raw, single[0].start, 0, len(single), count, int(steps[0]))
    return np.stack([raw.array("<f4", count, b.start) for b in single])


def _evenly(
    raw: Bytes, start: int, head: int, number: int, count: int, stride: int | None = None
) -> NDArray[Any]:
    """Map spectra that lie equally far apart."""
    stride = head + 4 * count if stride is None else stride
    end = start + stride * (number - 1) + head + 4 * count
    raw.take(end - 4 * count, 4 * count, f"spectrum {number}")
    if number == 1:
        return mapped(raw.path, "<f4", (1, count), start + head)
    whole = number if start + stride * number <= len(raw) else number - 1
    record = np.dtype([("values", f"V{stride}")])
    values = mapped(raw.path, record, (whole,), start).getfield(np.dtype(("<f4", (count,))), head)
    if whole == number:
        return values
    rest = raw.array("<f4", count, end - 4 * count)  # the last record ends with the file
    return np.concatenate([values, rest[None]])


def _as_image(spectra: NDArray[Any], raster: NDArray[np.intp]) -> Any:
    """Return spectra as (band, y, x), mapped where they lie in the order of the pixels."""
    height, width = raster.shape
    if np.array_equal(raster.ravel(), np.arange(len(spectra))):
        return spectra.reshape(height, width, -1).transpose(2, 0, 1)
    return Placed(Rows(spectra), raster)


# ------------------------------------------------------------------------------------- places


def _arrays(raw: Bytes, blocks: _Blocks, columns: int) -> list[NDArray[np.float64]]:
    """Return the arrays that have so many numbers a point, shape (point, number)."""
    found = []
    for block in blocks.get(_ARRAYS, ()):
        if block.length < 6:
            continue
        count, kind, _ = raw.unpack("<3H", block.start)
        if kind == columns and count and 6 + 4 * count * kind <= block.length:
            values = raw.array("<f4", count * kind, block.start + 6).astype(np.float64)
            found.append(values.reshape(count, kind))
    return found


def _places(raw: Bytes, blocks: _Blocks, number: int) -> NDArray[np.float64] | None:
    """Return where the stage was for each spectrum, shape (spectrum, (x, y)), in µm."""
    fitting = [a for a in _arrays(raw, blocks, _XY) if len(a) == number and np.isfinite(a).all()]
    return fitting[0] if fitting else None


def _grid(places: NDArray[np.float64]) -> _Grid | None:
    """Return the raster that the places make; None for a line askew, or points here and there."""
    (columns, x), (rows, y) = (_steps(places[:, axis]) for axis in (0, 1))
    size = len(x) * len(y)
    missing = size - len(places)  # at most, the scan ended within a line
    if len(places) < 2 or missing >= max(len(x), len(y)) or not (_even(x) and _even(y)):
        return None
    raster = np.full((len(y), len(x)), NEVER, np.intp)
    raster[rows, columns] = np.arange(len(places))
    return _Grid(raster, x, y) if (raster != NEVER).sum() == len(places) else None


def _steps(values: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the row (or column) of each value, the first value's side first, and their places."""
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), np.intp)
    rank[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > _SAME)])
    places = np.bincount(rank, values) / np.bincount(rank)
    if rank[0] > (len(places) - 1) / 2:
        return len(places) - 1 - rank, places[::-1]
    return rank, places


def _even(places: NDArray[np.float64]) -> bool:
    """Whether rows (or columns) are equally far apart, as well as a stage can tell."""
    steps = np.abs(np.diff(places))
    return not len(steps) or bool(steps.max() - steps.min() <= max(_SAME, 0.05 * steps.mean()))


def _placing(grid: _Grid) -> dict[str, Any]:
    """Return pixel size and origin of the image."""
    dy, dx = (float(np.abs(np.diff(p)).mean()) if len(p) > 1 else 0.0 for p in (grid.y, grid.x))
    return {
        "pixel_size": (dy or dx, dx or dy),
        "pixel_unit": "um",
        "origin": (float(grid.y[0]), float(grid.x[0])),
    }


# ------------------------------------------------------------------------------ beside the spectra


def _told(raw: Bytes, blocks: _Blocks) -> dict[str, Any]:
    seconds = raw.number("<I", _TIME)
    history = [raw.text(b.start, b.length) for b in blocks.get(_HISTORY, ())]
    header = min(blocks[_HEADER], key=lambda block: block.number != 1)
    numbers = raw.unpack("<35I", header.start, "the settings")
    return {
        "title": raw.text(_TITLE, 0x100),
        "time": (_EPOCH + timedelta(seconds=seconds)).isoformat(),
        "history": "\n".join(text for text in history if text),
        "sample scans": numbers[9],
        "background scans": numbers[13],
    }


def _pictures(raw: Bytes, blocks: _Blocks, stem: str, grid: _Grid | None) -> list[Cube]:
    """Return what the camera saw, laid where the map is."""
    found = sorted(blocks.get(_MOSAIC) or blocks.get(_VIDEO) or (), key=lambda block: block.number)
    rectangles = [row for array in _arrays(raw, blocks, _RECTANGLE) for row in array.tolist()]
    pictures = []
    for place, block in enumerate(found):
        name = f"{stem} camera" + (f" {place + 1}" if len(found) > 1 else "")
        length = min(raw.number("<I", block.start), block.length - 4)
        try:
            seen = picture(raw.take(block.start + 4, length), raw.path, name)
        except FileFormatError as error:
            warnings.warn(f"a picture was left out: {error}", stacklevel=3)
            continue
        covered = rectangles[place] if place < len(rectangles) else None
        pictures.append(seen if covered is None else _laid(seen, covered, grid))
    return pictures


def _laid(seen: Cube, rectangle: Sequence[float], grid: _Grid | None) -> Cube:
    """Return a picture over the rectangle of the stage that it covers.

    Its upper side has the greater y, as in OMNIC. Rows of a map can run either way: down the
    picture, or up; then the picture is turned over, so that both lie on each other.
    """
    left, right = sorted((rectangle[0], rectangle[2]))
    bottom, top = sorted((rectangle[1], rectangle[3]))
    _, height, width = seen.shape
    dy, dx = (top - bottom) / height, (right - left) / width
    if not (np.isfinite(rectangle).all() and dy > 0 and dx > 0):
        return seen
    downwards = grid is not None and len(grid.y) > 1 and grid.y[0] > grid.y[-1]
    leftwards = grid is not None and len(grid.x) > 1 and grid.x[0] > grid.x[-1]
    first_y, first_x = bottom, left
    data = seen.data if downwards else seen.data[:, ::-1]
    if grid is not None and downwards:  # places grow down the image from its first row
        first_y = 2 * grid.y[0] - top
    if grid is not None and leftwards:
        first_x, data = 2 * grid.x[0] - right, data[:, :, ::-1]
    return seen.after(
        "laid it on the map",
        data=data,
        pixel_size=(dy, dx),
        pixel_unit="um",
        origin=(float(first_y + dy / 2), float(first_x + dx / 2)),
    )
