"""Thermo OMNIC .map and .srs: spectra of an infrared microscope, and its camera; series over time.

Thermo publishes no description; the layout was learned from H. Towbin, "ftir-OMNIC-map-reader",
https://github.com/whtowbin/FTIR_OMNIC_MAP_Reader (MIT), after V. A. Solé's reader in PyMca.
A directory has key, offset, length and number of each block. Older files have a block a
spectrum, later ones all spectra in one block. The stage counts in µm, and a picture of the camera
has the rectangle it covers. A series (.srs) is a map without positions; before the values of
each spectrum stands its time, in hundredths of a second.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.indexed import NOT_MEASURED, IndexMappedArray, Rows
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.bitmap import picture
from ..source import Source
from .omnic_spa import INTENSITIES, axis_of

_CLASSIC: Final = b"Spectral Data File"
_ENTRIES: Final = {  # first bytes: layout of an entry (key, offset, length, number, unknown)
    _CLASSIC: "<HIIIH",
    b"Spectral Exte File": "<HQIII",
}
_TITLE, _COUNT, _TIME, _DIRECTORY = 0x1E, 0x126, 0x128, 0x130
"""Offsets of the title, the number of entries, the time and the directory."""
_EPOCH: Final = datetime(1899, 12, 31)

_HEADER, _SPECTRUM, _ARRAYS, _HISTORY = 0x02, 0x03, 0x06, 0x1B
_VIDEO, _SERIES, _MOSAIC = 0x93, 0x12D, 0x14B
"""Keys of the blocks that are read."""
_SERIES_HEADER: Final = 196
"""Bytes before the first spectrum in the one block of all."""
_SPECTRUM_HEADER: Final = 100
"""Bytes before the values of each."""
_HUNDREDTHS: Final = 4
"""Offset of its time before the values of each."""
_XY, _RECTANGLE = 2, 4
"""Numbers a point, in blocks of arrays."""
_SAME: Final = 0.5
"""Positions of the stage that are nearer than this, in µm, are one row, or column."""


@dataclass(frozen=True)
class _Block:
    number: int
    start: int
    length: int


@dataclass(frozen=True)
class _Grid:
    """Where each spectrum lies in the image, the first spectrum in the first row and column."""

    index: NDArray[np.intp]
    """Number of the spectrum of each pixel, shape (y, x)."""
    x: NDArray[np.float64]
    """Positions of the columns, in µm."""
    y: NDArray[np.float64]
    """Positions of the rows, in µm."""


_Blocks = dict[int, list[_Block]]
"""The blocks of a file by their key."""


def read_images(source: Source) -> list[Image]:
    """Map the spectra of a file, and load the pictures of the camera."""
    raw = Bytes(source.path)
    blocks = _directory(raw)
    if _HEADER not in blocks:
        raise FileFormatError(raw.path, "no block states its axis", COPY_AGAIN)
    header = _first_header(blocks)
    # header: unknown, points, unit of x, unit of y, last and first wavenumber
    count, x_unit, _, last, first = raw.unpack("<3I2f", header.start + 4, "the axis")
    series = blocks.get(_SERIES, [header])[0]  # a block of all spectra begins with its own header
    y_unit = raw.number("<I", series.start + 12, "the unit")
    if not 0 < count < 2**24:
        raise FileFormatError(raw.path, f"{count} points in a spectrum", COPY_AGAIN)
    spectra = _spectra(raw, blocks, count)  # (spectrum, band)
    positions = _positions(raw, blocks, len(spectra))
    grid = None if positions is None else _grid(positions)
    metadata = _metadata(raw, blocks)
    pixels: dict[str, Any] = {}
    if grid is None:
        data = spectra.T[:, None, :]
        metadata["positions (µm)"] = None if positions is None else positions.tolist()
        if positions is None and _SERIES in blocks:
            times = _times(raw, blocks[_SERIES][0], spectra)
            metadata |= {"times (s)": times} if min(np.diff(times), default=0) > 0 else {}
    else:
        data = _as_image(spectra, grid.index)
        pixels = _pixel_size_and_origin(grid)
    centres = np.linspace(first, last, count)
    cube = Cube(
        data,
        axis_of(centres, x_unit),
        name=source.path.stem,
        history=(f"read {source.path.name}",),
        intensity_unit=INTENSITIES.get(y_unit),
        metadata={"OMNIC": metadata},
        **pixels,
    )
    return [cube, *_pictures(raw, blocks, source.path.stem, grid)]


def _directory(raw: Bytes) -> _Blocks:
    """Return the blocks of a file, each seen to lie within it."""
    signature = raw.take(0, min(len(raw), len(_CLASSIC)))
    layout = _ENTRIES.get(signature)
    if layout is None:
        raise FileFormatError(
            raw.path, "not a map of Thermo OMNIC", "give it its right suffix, or copy it again"
        )
    blocks: _Blocks = {}
    for entry in range(raw.number("<H", _COUNT, "the directory")):
        offset = _DIRECTORY + struct.calcsize(layout) * entry
        key, start, length, number, _ = raw.unpack(layout, offset, "the directory")
        raw.take(start, length, f"block {key:#x}")
        blocks.setdefault(key, []).append(_Block(number, start, length))
    return blocks


def _first_header(blocks: _Blocks) -> _Block:
    """Return the header of the first spectrum, else whichever there is."""
    return min(blocks[_HEADER], key=lambda block: block.number != 1)


# ------------------------------------------------------------------------------------ spectra


def _spectra(raw: Bytes, blocks: _Blocks, count: int) -> NDArray[Any]:
    """Map the spectra of `count` points, as (spectrum, band)."""
    if _SERIES in blocks:
        return _spectra_of_series(raw, blocks[_SERIES][0], count)
    single = [block for block in blocks.get(_SPECTRUM, ()) if block.number >= 1]
    single.sort(key=lambda block: block.number)
    if not single:
        raise FileFormatError(raw.path, "no spectra in it", "is it only a mosaic of pictures?")
    for block in single:
        if block.length != 4 * count:
            raise FileFormatError(
                raw.path,
                f"spectrum {block.number} has not {count} points like the others",
                COPY_AGAIN,
            )
    distances = np.diff([block.start for block in single])
    if len(distances) and distances.min() == distances.max() >= 4 * count:
        records = _Records(single[0].start, 0, int(distances[0]), len(single))
        return _mapped_records(raw, records, count)
    return np.stack([raw.array("<f4", count, block.start) for block in single])


def _spectra_of_series(raw: Bytes, block: _Block, count: int) -> NDArray[Any]:
    stride = _SPECTRUM_HEADER + 4 * count
    number, remainder = divmod(block.length - _SERIES_HEADER, stride)
    if remainder or number < 1:
        raise FileFormatError(
            raw.path, f"spectra of {count} points do not fill {block.length} bytes", COPY_AGAIN
        )
    records = _Records(block.start + _SERIES_HEADER, _SPECTRUM_HEADER, stride, number)
    return _mapped_records(raw, records, count)


def _times(raw: Bytes, block: _Block, spectra: NDArray[Any]) -> list[float]:
    """Return when each spectrum of a series was measured, in seconds from its beginning."""
    number, count = spectra.shape
    stride = _SPECTRUM_HEADER + 4 * count
    first = block.start + _SERIES_HEADER + _HUNDREDTHS
    return [raw.number("<I", first + stride * index) / 100 for index in range(number)]


class _Records(NamedTuple):
    """Spectra at equal distances in a file."""

    start: int
    header: int
    """Bytes before the values of each."""
    stride: int
    """Bytes from one to the next."""
    number: int


def _mapped_records(raw: Bytes, records: _Records, count: int) -> NDArray[Any]:
    """Map spectra of `count` points, as (spectrum, band)."""
    start, header, stride, number = records
    last = start + stride * (number - 1) + header  # first byte of the last values
    raw.take(last, 4 * count, f"spectrum {number}")
    if number == 1:
        return mapped(raw.path, "<f4", (1, count), start + header)
    last_is_cut = start + stride * number > len(raw)  # it ends with the file, before its stride
    record = np.dtype([("values", f"V{stride}")])
    values = mapped(raw.path, record, (number - last_is_cut,), start)
    spectra = values.getfield(np.dtype(("<f4", (count,))), header)
    if not last_is_cut:
        return spectra
    return np.concatenate([spectra, raw.array("<f4", count, last)[None]])


def _as_image(spectra: NDArray[Any], index: NDArray[np.intp]) -> Any:
    """Return spectra as (band, y, x), mapped where they lie in the order of the pixels."""
    height, width = index.shape
    if np.array_equal(index.ravel(), np.arange(len(spectra))):
        return spectra.reshape(height, width, -1).transpose(2, 0, 1)
    return IndexMappedArray(Rows(spectra), index)


# ---------------------------------------------------------------------------------- positions


def _arrays(raw: Bytes, blocks: _Blocks, columns: int) -> list[NDArray[np.float64]]:
    """Return the arrays that have so many numbers a point, shape (point, number)."""
    arrays = []
    for block in blocks.get(_ARRAYS, ()):
        if block.length < 6:
            continue
        points, width, _ = raw.unpack("<3H", block.start)
        if width == columns and points and 6 + 4 * points * width <= block.length:
            values = raw.array("<f4", points * width, block.start + 6).astype(np.float64)
            arrays.append(values.reshape(points, width))
    return arrays


def _positions(raw: Bytes, blocks: _Blocks, spectra: int) -> NDArray[np.float64] | None:
    """Return where the stage was for each spectrum, shape (spectrum, (x, y)), in µm."""
    for array in _arrays(raw, blocks, _XY):
        if len(array) == spectra and np.isfinite(array).all():
            return array
    return None


def _grid(positions: NDArray[np.float64]) -> _Grid | None:
    """Return the grid that positions, (spectrum, (x, y)), make; None for other lines and points."""
    columns, x = _lines(positions[:, 0])
    rows, y = _lines(positions[:, 1])
    missing = len(x) * len(y) - len(positions)  # at most, the scan ended within a line
    if len(positions) < 2 or missing >= max(len(x), len(y)):
        return None
    if not (_is_even(x) and _is_even(y)):
        return None
    index = np.full((len(y), len(x)), NOT_MEASURED, np.intp)
    index[rows, columns] = np.arange(len(positions))
    if (index != NOT_MEASURED).sum() < len(positions):  # two spectra at one position
        return None
    return _Grid(index, x, y)


def _lines(values: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the row (or column) of each value, the first value's side first, and their positions."""
    order = np.argsort(values, kind="stable")
    begins_line = np.diff(values[order]) > _SAME
    line = np.empty(len(values), np.intp)
    line[order] = np.concatenate([[0], np.cumsum(begins_line)])
    positions = np.bincount(line, values) / np.bincount(line)  # the mean of each line
    last = len(positions) - 1
    if line[0] > last / 2:
        return last - line, positions[::-1]
    return line, positions


def _is_even(positions: NDArray[np.float64]) -> bool:
    """Whether rows (or columns) are at equal distances, as well as a stage can tell."""
    steps = np.abs(np.diff(positions))
    if not len(steps):
        return True
    return bool(steps.max() - steps.min() <= max(_SAME, 0.05 * steps.mean()))


def _pixel_size_and_origin(grid: _Grid) -> dict[str, Any]:
    """Return them as parameters of `Cube`; a single line has square pixels."""
    dy = _mean_step(grid.y)
    dx = _mean_step(grid.x)
    return {
        "pixel_size": (dy or abs(dx), dx or abs(dy)),
        "pixel_unit": "um",
        "origin": (float(grid.y[0]), float(grid.x[0])),
    }


def _mean_step(positions: NDArray[np.float64]) -> float:
    """Return the mean distance of neighbours, negative where positions fall; 0 without any."""
    if len(positions) < 2:
        return 0.0
    step = float(np.abs(np.diff(positions)).mean())
    return -step if _descends(positions) else step


# --------------------------------------------------------------------------- metadata, pictures


def _metadata(raw: Bytes, blocks: _Blocks) -> dict[str, Any]:
    """Return title, time, history and numbers of scans of a map."""
    seconds = raw.number("<I", _TIME)
    history = [raw.text(block.start, block.length) for block in blocks.get(_HISTORY, ())]
    settings = raw.unpack("<35I", _first_header(blocks).start, "the settings")
    return {
        "title": raw.text(_TITLE, 0x100),
        "time": (_EPOCH + timedelta(seconds=seconds)).isoformat(),
        "history": "\n".join(text for text in history if text),
        "sample scans": settings[9],
        "background scans": settings[13],
    }


def _pictures(raw: Bytes, blocks: _Blocks, stem: str, grid: _Grid | None) -> list[Cube]:
    """Return what the camera saw, laid where the map is."""
    stored = sorted(blocks.get(_MOSAIC) or blocks.get(_VIDEO) or (), key=lambda block: block.number)
    rectangles = [row for array in _arrays(raw, blocks, _RECTANGLE) for row in array.tolist()]
    pictures = []
    for index, block in enumerate(stored):
        name = f"{stem} camera"
        if len(stored) > 1:
            name += f" {index + 1}"
        length = min(raw.number("<I", block.start), block.length - 4)
        try:
            image = picture(raw.take(block.start + 4, length), raw.path, name)
        except FileFormatError as error:
            warnings.warn(f"a picture was left out: {error}", stacklevel=3)
            continue
        if index < len(rectangles):
            image = _on_stage(image, rectangles[index], grid)
        pictures.append(image)
    return pictures


def _on_stage(image: Cube, rectangle: Sequence[float], grid: _Grid | None) -> Cube:
    """Return a picture over the rectangle of the stage that it covers, in µm.

    Its upper side has the greater y, as in OMNIC. Rows of a map can run either way: down the
    picture, or up; then the picture is turned over, so that both lie on each other.
    """
    left, right = sorted((rectangle[0], rectangle[2]))
    bottom, top = sorted((rectangle[1], rectangle[3]))
    _, height, width = image.shape
    dy = (top - bottom) / height
    dx = (right - left) / width
    if not (np.isfinite(rectangle).all() and dy > 0 and dx > 0):
        return image
    first_y = bottom
    first_x = left
    data = image.data
    if grid is not None and _descends(grid.y):
        first_y = top
        dy = -dy
    else:
        data = data[:, ::-1]
    if grid is not None and _descends(grid.x):
        first_x = right
        dx = -dx
        data = data[:, :, ::-1]
    return image.after(
        "laid it on the map",
        data=data,
        pixel_size=(dy, dx),
        pixel_unit="um",
        origin=(float(first_y + dy / 2), float(first_x + dx / 2)),
    )


def _descends(positions: NDArray[np.float64]) -> bool:
    return len(positions) > 1 and bool(positions[0] > positions[-1])
