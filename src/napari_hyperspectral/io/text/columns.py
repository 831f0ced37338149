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
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image, describe, image_from
from ...errors import FileFormatError
from ..arrays.blocks import blocks
from ..source import Source

MARK: Final = "# napari-hyperspectral table"
"""How our files begin."""
_KEY: Final = "# description: "
_AGAIN: Final = "copy it again, or remove the lines with # to read what is left as a plain table"
_TYPES: Final = ("bool", *(f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64)))
_FLOATS: Final = ("float16", "float32", "float64")
_PIECE: Final = 2**16
"""Values that are put into words, or rows into numbers, at a time: words are long."""


def write_image(path: Path, image: Image) -> None:
    """Write a cube, a band at a time: commas in a ``.csv``, else tabs.

    Raises
    ------
    FileFormatError
        If it has planes or frames, or a type of numbers that has no words.
    """
    if not isinstance(image, Cube):
        raise FileFormatError(path, "a table cannot hold labels", "write .ome.tif or .npz")
    if image.z or image.t:
        raise FileFormatError(
            path, "a table has no room for planes and frames", "write .ome.tif or .npz"
        )
    dtype = np.dtype(image.data.dtype).name
    if dtype not in (*_TYPES, *_FLOATS):
        raise FileFormatError(path, f"a table cannot hold {dtype}", "write .npz, or as float64")
    delimiter = "," if path.suffix.lower() == ".csv" else "\t"
    about = {"shape": list(image.shape), "dtype": dtype, "image": describe(image)}
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"{MARK}\n{_KEY}{json.dumps(about)}\n")
        file.write(f"# first column: {json.dumps(image.axis.title)}; then a pixel each, by rows\n")
        centres = iter(_centres(image.axis))
        for _, block in blocks(image.data):
            for band in block.reshape(len(block), -1):
                file.write(repr(float(next(centres))))
                for words in _words(band):
                    file.write(delimiter + delimiter.join(words))
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
    about = _description(path, lines)
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    bands, pixels = about["shape"][0], math.prod(about["shape"][1:])
    delimiter = "\t" if rows and "\t" in rows[0] else ","
    whole = all(row.count(delimiter) == pixels for row in rows)
    if len(rows) != bands or not whole:
        width = "" if whole else ", and not all as long"
        raise FileFormatError(path, f"{len(rows)} bands of {bands}{width}", _AGAIN)
    centres, data = _numbers(source, rows, delimiter, pixels, about["dtype"])
    image = image_from(data.reshape(about["shape"]), about["image"])
    if not isinstance(image, Cube) or not np.array_equal(centres, _centres(image.axis)):
        raise FileFormatError(
            path, "the first column is not the axis that its header tells", _AGAIN
        )
    return image


def _centres(axis: Axis) -> NDArray[np.float64]:
    return np.arange(len(axis), dtype=np.float64) if isinstance(axis, ChannelAxis) else axis.centres


def _words(band: NDArray[Any]) -> Iterator[list[str]]:
    """Yield numbers in the fewest digits that tell them from all others of their type."""
    plain = band.astype(np.uint8) if band.dtype.kind == "b" else band
    for start in range(0, len(plain), _PIECE):
        yield plain[start : start + _PIECE].astype("U").tolist()


def _description(path: Path, lines: list[str]) -> dict[str, Any]:
    try:
        line = next(line for line in lines if line.startswith(_KEY))
        about: dict[str, Any] = json.loads(line.removeprefix(_KEY))
        sizes = [about["shape"][place] for place in range(3)]
        known = about["dtype"] in (*_TYPES, *_FLOATS) and isinstance(about["image"], dict)
        known = known and all(isinstance(size, int) and size > 0 for size in sizes)
    except (StopIteration, ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise FileFormatError(path, "its description is damaged", _AGAIN) from error
    if not known or len(about["shape"]) != 3:
        raise FileFormatError(path, "its description is none of ours", _AGAIN)
    return about


def _numbers(
    source: Source, rows: list[str], delimiter: str, pixels: int, dtype: str
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the first column, and the others in their own type: int64 has no room in a float."""
    data = np.empty((len(rows), pixels), dtype)
    centres = np.empty(len(rows))
    stored = np.uint8 if dtype == "bool" else np.dtype(dtype)
    step = max(1, _PIECE // pixels)
    try:
        for start in range(0, len(rows), step):
            source.tell(start, len(rows))
            parts = [row.split(delimiter, 1) for row in rows[start : start + step]]
            centres[start : start + step] = [float(first) for first, _ in parts]
            data[start : start + step] = np.loadtxt(
                [rest for _, rest in parts],
                dtype=stored,
                delimiter=delimiter,
                comments=None,
                ndmin=2,
            ).reshape(len(parts), pixels)
    except ValueError as error:
        raise FileFormatError(source.path, f"not all are numbers ({error})", _AGAIN) from error
    return centres, data
