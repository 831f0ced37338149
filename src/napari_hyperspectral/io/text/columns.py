"""Cubes as text: a row a band, its centre first, then a column for each pixel.

Lines that begin with ``#`` stand above and hold all that is known of the cube, so that it comes
back exactly. Spreadsheets show them as they are; ``numpy.genfromtxt(path, delimiter=",")`` and
its like skip them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image, describe, image_from
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..arrays.blocks import blocks
from ..source import Source

MARK: Final = "# napari-hyperspectral table"
"""How our files begin."""
_DESCRIPTION: Final = "# description: "
_AGAIN: Final = "copy it again, or remove the lines with # to read what is left as a plain table"
_INTEGERS: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS: Final = ("float16", "float32", "float64")
_TYPES: Final = ("bool", *_INTEGERS, *_FLOATS)
_DAMAGED: Final = (
    StopIteration,  # no line begins with it
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    RecursionError,
)
"""What the parts of a damaged description raise."""
_BLOCK: Final = 2**16
"""Values that are formatted or parsed at a time: as text they are long."""


def write_image(path: Path, image: Image) -> None:
    """Write a cube, a band at a time: commas in a ``.csv``, else tabs.

    Raises
    ------
    FileFormatError
        If it has planes or frames, or a type of numbers that has no words.
    """
    if not isinstance(image, Cube):
        raise FileFormatError(
            path,
            "a table cannot hold labels",
            "write .ome.tif or .npz",
        )
    if image.z or image.t:
        raise FileFormatError(
            path,
            "a table has no room for planes and frames",
            "write .ome.tif or .npz",
        )
    dtype = np.dtype(image.data.dtype).name
    if dtype not in _TYPES:
        raise FileFormatError(
            path,
            f"a table cannot hold {dtype}",
            "write .npz, or as float64",
        )
    description = {
        "shape": list(image.shape),
        "dtype": dtype,
        "image": describe(image),
    }
    delimiter = "," if path.suffix.lower() == ".csv" else "\t"
    title = json.dumps(image.axis.title)
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"{MARK}\n")
        file.write(f"{_DESCRIPTION}{json.dumps(description)}\n")
        file.write(f"# first column: {title}; then a pixel each, by rows\n")
        _write_bands(file, image, delimiter)


def _write_bands(
    file: TextIO,
    cube: Cube,
    delimiter: str,
) -> None:
    centres = iter(_centres(cube.axis))
    for _, block in blocks(cube.data):  # (band, y, x)
        for band in block.reshape(len(block), -1):
            centre = float(next(centres))
            file.write(repr(centre))
            for texts in _texts(band):
                file.write(delimiter + delimiter.join(texts))
            file.write("\n")


def read_back(source: Source, text: str) -> Image:
    """Return the cube of a text that `write_image` wrote.

    Raises
    ------
    FileFormatError
        If something is missing, or its description is not of these numbers.
    """
    path = source.path
    if not text.endswith("\n"):
        raise FileFormatError(path, "it was cut short", _AGAIN)
    lines = text.splitlines()
    description = _description(path, lines)
    bands = description.shape[0]
    pixels = math.prod(description.shape[1:])
    rows = _rows(lines)
    delimiter = ","
    if rows and "\t" in rows[0]:
        delimiter = "\t"
    # before each pixel, one: the centre comes first
    complete = all(row.count(delimiter) == pixels for row in rows)
    if len(rows) != bands or not complete:
        width = "" if complete else ", and not all as long"
        raise FileFormatError(
            path,
            f"{len(rows)} bands of {bands}{width}",
            _AGAIN,
        )
    centres, data = _numbers(source, rows, delimiter, pixels, description.dtype)
    data = data.reshape(description.shape)
    image = image_from(data, description.image)
    # somebody may have edited either of them
    if not isinstance(image, Cube) or not np.array_equal(centres, _centres(image.axis)):
        raise FileFormatError(
            path,
            "the first column is not the axis that its header states",
            _AGAIN,
        )
    return image


def _rows(lines: list[str]) -> list[str]:
    rows = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            rows.append(line)
    return rows


def _centres(axis: Axis) -> Floats:
    """Return the first column: band centres in the unit of the axis, or numbers of channels."""
    if isinstance(axis, ChannelAxis):
        return np.arange(len(axis), dtype=np.float64)
    return axis.centres


def _texts(band: NDArray[Any]) -> Iterator[list[str]]:
    """Yield numbers in the fewest digits that tell them from all others of their type."""
    if band.dtype.kind == "b":
        band = band.astype(np.uint8)
    for start in range(0, len(band), _BLOCK):
        block = band[start : start + _BLOCK]
        yield block.astype("U").tolist()


class _Description(NamedTuple):
    """The line about a cube, as JSON."""

    shape: list[int]
    """(band, y, x)."""
    dtype: str
    image: dict[str, Any]
    """What `cube.describe` says of it."""


def _description(path: Path, lines: list[str]) -> _Description:
    """Return the description of a cube, after its parts were seen to be there."""
    try:
        line = next(line for line in lines if line.startswith(_DESCRIPTION))
        stored = json.loads(line.removeprefix(_DESCRIPTION))
        description = _Description(
            stored["shape"],
            stored["dtype"],
            stored["image"],
        )
        sizes = [description.shape[axis] for axis in range(3)]
        sizes_known = all(isinstance(size, int) and size > 0 for size in sizes)
    except _DAMAGED as error:
        raise FileFormatError(path, "its description is damaged", _AGAIN) from error
    type_known = description.dtype in _TYPES
    image_known = isinstance(description.image, dict)
    all_known = sizes_known and type_known and image_known
    if not all_known or len(description.shape) != 3:
        raise FileFormatError(
            path,
            "its description is none of ours",
            _AGAIN,
        )
    return description


def _numbers(
    source: Source,
    rows: list[str],
    delimiter: str,
    pixels: int,
    dtype: str,
) -> tuple[Floats, NDArray[Any]]:
    """Return the first column, and the others in their own type: int64 has no room in a float."""
    bands = len(rows)
    data = np.empty((bands, pixels), dtype)  # (band, pixel)
    centres = np.empty(bands)
    # booleans are written as 0 and 1
    parsed_type = np.uint8 if dtype == "bool" else np.dtype(dtype)
    step = max(1, _BLOCK // pixels)
    try:
        for start in range(0, bands, step):
            source.tell(start, bands)
            block = slice(start, start + step)
            parts = [row.split(delimiter, 1) for row in rows[block]]
            centres[block] = [float(centre) for centre, _ in parts]
            values = np.loadtxt(
                [values for _, values in parts],
                dtype=parsed_type,
                delimiter=delimiter,
                comments=None,
                ndmin=2,
            )
            data[block] = values.reshape(len(parts), pixels)
    except ValueError as error:
        raise FileFormatError(
            source.path,
            f"not all are numbers ({error})",
            _AGAIN,
        ) from error
    return centres, data
