"""Compressed or scattered TIFF pages as a lazy array, of which strips and tiles are decoded alone.

Planes that are stored apart are decoded one by one. Where the samples of a pixel are neighbours
a strip or tile holds all of them, and pieces of some megabytes are decoded together.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from ...errors import FileFormatError, MissingPackageError
from ..metadata.microscopy import refusing
from .links import CUT_SHORT

_PIECE: Final = 16 * 2**20
"""Bytes that are decoded together, at most, unless one strip or tile has more."""
_PLAIN: Final = (1, 8, 32946, 32773, 34925, 50013)
"""Compressions that need no other package: none, deflate, PackBits and LZMA."""
_JPEG: Final = 7


def decoded(path: Path, series: Any, plane: tuple[int, int, int], count: int) -> Any:
    """Return the pages of a series as a lazy array, shape (page, sample, y, x).

    Parameters
    ----------
    plane : tuple of int
        Samples, height and width of a page.
    count : int
        Pages that there should be.

    Raises
    ------
    FileFormatError
        If pages, or parts of them, are missing.
    MissingPackageError
        If the compression is one that only imagecodecs knows.
    """
    import dask.array as da

    pages = list(series.pages)
    missing = sum(page is None for page in pages)
    if missing or len(pages) != count:
        raise FileFormatError(
            path,
            f"{len(pages) - missing} pages where there should be {count}",
            "put the other files of the set beside it, or copy it again",
        )
    keyframe = pages[0].keyframe
    _check_compression(path, keyframe)
    reader = _Reader(
        (Path(pages[0].parent.filehandle.path), int(keyframe.index)),
        [_segments(page) for page in pages],
        _Grid.of(keyframe),
        plane,
        series.dtype.type(keyframe.nodata),
    )
    return da.map_blocks(  # type: ignore[no-untyped-call]
        reader,
        chunks=((1,) * count, *(_cut(*each) for each in zip(plane, reader.piece, strict=True))),
        dtype=series.dtype,
        meta=np.empty((0,) * 4, series.dtype),
        token=uuid.uuid4().hex,  # napari keeps pieces by name: those of another file are others
    )


@dataclass(frozen=True)
class _Segments:
    """Where the strips or tiles of a page are."""

    path: Path
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    tables: bytes | None
    """What all JPEG streams of a page share."""


@dataclass(frozen=True)
class _Grid:
    """How a page is divided into strips or tiles, counted row by row and sample by sample."""

    height: int
    width: int
    rows: int
    columns: int
    separate: bool
    """Whether each sample has strips of its own."""
    itemsize: int

    @classmethod
    def of(cls, keyframe: Any) -> _Grid:
        page_height, page_width = int(keyframe.imagelength), int(keyframe.imagewidth)
        height = int(keyframe.tilelength if keyframe.is_tiled else keyframe.rowsperstrip)
        height = min(height, page_height) if not keyframe.is_tiled else height
        width = int(keyframe.tilewidth) if keyframe.is_tiled else page_width
        separate = keyframe.planarconfig == 2 and keyframe.samplesperpixel > 1
        rows, columns = math.ceil(page_height / height), math.ceil(page_width / width)
        return cls(height, width, rows, columns, separate, keyframe.dtype.itemsize)

    def piece(self, plane: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the samples, height and width that are decoded together: whole segments."""
        samples = 1 if self.separate else plane[0]
        each = self.height * self.width * samples * self.itemsize
        columns = min(self.columns, max(1, _PIECE // each))
        rows = min(self.rows, max(1, _PIECE // (each * self.columns)))
        height, width = rows * self.height, columns * self.width
        return samples, min(plane[1], height), min(plane[2], width)

    def within(self, sample: int, box: Sequence[slice]) -> list[int]:
        """Return the numbers of the segments that a box (y, x) consists of."""
        first = sample * self.rows * self.columns if self.separate else 0
        down = range(box[0].start // self.height, math.ceil(box[0].stop / self.height))
        across = range(box[1].start // self.width, math.ceil(box[1].stop / self.width))
        return [first + row * self.columns + column for row in down for column in across]


class _Reader:
    """Decodes a piece a call, from any thread, and from other processes it is sent to."""

    def __init__(
        self,
        keyframe: tuple[Path, int],
        pages: Sequence[_Segments],
        grid: _Grid,
        plane: tuple[int, int, int],
        empty: np.generic,
    ) -> None:
        self._keyframe, self._pages, self._grid, self._plane = keyframe, pages, grid, plane
        self._empty = empty
        self.piece = grid.piece(plane)
        self._decode: Callable[..., Any] | None = None

    def __call__(self, block_id: tuple[int, ...]) -> NDArray[Any]:
        page = self._pages[block_id[0]]
        sample, *box = (
            slice(number * size, min((number + 1) * size, whole))
            for number, size, whole in zip(block_id[1:], self.piece, self._plane, strict=True)
        )
        with refusing(page.path, "TIFF"), page.path.open("rb") as file:
            decode = self._decode = self._decode or self._decoder()
            sizes = (self.piece[0], *(side.stop - side.start for side in box))
            values = np.full(sizes, self._empty)
            for number in self._grid.within(sample.start, box):
                file.seek(page.offsets[number])
                raw = file.read(page.sizes[number]) or None
                about = {"jpegtables": page.tables} if page.tables else {}
                segment, (_, _, y, x, _), (_, height, width, _) = decode(raw, number, **about)
                if segment is None:
                    continue  # a hole: nothing was written here
                y, x = y - box[0].start, x - box[1].start
                target = values[:, y : y + height, x : x + width].transpose(1, 2, 0)
                target[...] = segment[0, : target.shape[0], : target.shape[1]]
        return values[None]

    def _decoder(self) -> Callable[..., Any]:
        path, index = self._keyframe
        with TiffFile(path) as file:
            keyframe: Any = file.pages[index].keyframe
            decode: Callable[..., Any] = keyframe.decode
            return decode

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_decode": None}


def _segments(page: Any) -> _Segments:
    path = Path(page.parent.filehandle.path)
    offsets, sizes = (
        np.asarray(each, np.int64) for each in (page.dataoffsets, page.databytecounts)
    )
    ends, size = int((offsets + sizes).max(initial=0)), path.stat().st_size
    if ends > size:
        raise FileFormatError(
            path, f"{size:,} bytes, but page {page.index} ends at {ends:,}", CUT_SHORT
        )
    tables = page.jpegtables if page.keyframe.compression == _JPEG else None
    return _Segments(path, offsets, sizes, tables)


def _check_compression(path: Path, keyframe: Any) -> None:
    if int(keyframe.compression) in _PLAIN and int(keyframe.predictor) in (1, 2):
        return
    try:
        import imagecodecs  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "imagecodecs", "tiff", f"reading {path.name} ({keyframe.compression.name})"
        ) from error


def _cut(whole: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, whole - start) for start in range(0, whole, step))
