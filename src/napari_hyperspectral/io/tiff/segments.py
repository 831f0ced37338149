"""Compressed TIFF pages as a lazy array, of which strips and tiles are decoded one by one.

A segment is a strip or a tile; a block is what is decoded at a time, some megabytes of whole
segments. Planes of samples that are stored separately are decoded separately; where the samples of
a pixel are neighbours, a segment holds all of them.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from ...errors import FileFormatError, MissingPackageError
from ..arrays.identity import Identity, check_unchanged
from ..metadata.microscopy import refusing
from .links import CUT_SHORT

_Plane: TypeAlias = tuple[int, int, int]
"""Samples, height and width, in pixels."""
_BLOCK: Final = 16 * 2**20
"""Bytes of a block, at most, unless one segment has more."""
_BUILT_IN: Final = (1, 8, 32946, 32773, 34925, 50013)
"""Compressions that need no other package: none, deflate, PackBits and LZMA."""
_NO_PREDICTOR: Final = 1
_HORIZONTAL: Final = 2  # differences of neighbours (TIFF 6.0, section 14)
_JPEG: Final = 7
_SEPARATE: Final = 2
"""Planar configuration in which each sample has segments of its own."""


def decoded_pages(
    path: Path,
    series: Any,
    plane: _Plane,
    count: int,
) -> Any:
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
        If the compression is one that only imagecodecs can decode.
    """
    import dask.array as da

    pages = list(series.pages)
    _check_pages(path, pages, count)
    keyframe = pages[0].keyframe
    _check_compression(path, keyframe)
    file_path = Path(pages[0].parent.filehandle.path)  # perhaps another file of the set
    reader = _Reader(
        (file_path, int(keyframe.index)),
        [_segments(page) for page in pages],
        _Grid.of(keyframe),
        plane,
        series.dtype.type(keyframe.nodata),
    )
    blocks = []
    for size, step in zip(plane, reader.block, strict=True):
        blocks.append(_cut(size, step))
    return da.map_blocks(  # type: ignore[no-untyped-call]
        reader,
        chunks=((1,) * count, *blocks),
        dtype=series.dtype,
        meta=np.empty((0, 0, 0, 0), series.dtype),
        token=uuid.uuid4().hex,  # napari caches blocks by name: no other file may have the same
    )


@dataclass(frozen=True)
class _Segments:
    """Offsets of the segments of a page."""

    path: Path
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    tables: bytes | None
    """What all JPEG streams of a page share."""
    identity: Identity
    """What the file was known by when it was opened."""


@dataclass(frozen=True)
class _Grid:
    """How a page is divided into segments, counted row by row and sample by sample."""

    height: int
    """Of a segment, as is `width`, in pixels."""
    width: int
    rows: int
    """Of segments, as are `columns`."""
    columns: int
    separate: bool
    """Whether each sample has segments of its own."""
    itemsize: int

    @classmethod
    def of(cls, keyframe: Any) -> _Grid:
        """Return the grid of pages that tifffile describes by a keyframe."""
        page_height = int(keyframe.imagelength)
        page_width = int(keyframe.imagewidth)
        if keyframe.is_tiled:
            height = int(keyframe.tilelength)
            width = int(keyframe.tilewidth)
        else:
            height = min(int(keyframe.rowsperstrip), page_height)  # 2**32 - 1 means one strip
            width = page_width
        separate = keyframe.planarconfig == _SEPARATE and keyframe.samplesperpixel > 1
        rows = math.ceil(page_height / height)
        columns = math.ceil(page_width / width)
        return cls(
            height,
            width,
            rows,
            columns,
            separate,
            keyframe.dtype.itemsize,
        )

    def block(self, plane: _Plane) -> _Plane:
        """Return samples, height and width of a block of whole segments of a plane."""
        samples, height, width = plane
        if self.separate:
            samples = 1
        segment = self.height * self.width * samples * self.itemsize  # in bytes, as is `row`
        row = segment * self.columns
        # at least one segment, whatever its size
        columns = min(self.columns, max(1, _BLOCK // segment))
        rows = min(self.rows, max(1, _BLOCK // row))
        block_height = min(height, rows * self.height)
        block_width = min(width, columns * self.width)
        return samples, block_height, block_width

    def within(
        self,
        sample: int,
        y: slice,
        x: slice,
    ) -> list[int]:
        """Return the numbers of the segments that a box of pixels consists of."""
        first = 0
        if self.separate:
            first = sample * self.rows * self.columns
        first_row = y.start // self.height
        end_row = math.ceil(y.stop / self.height)
        first_column = x.start // self.width
        end_column = math.ceil(x.stop / self.width)
        numbers: list[int] = []
        for row in range(first_row, end_row):
            start = first + row * self.columns
            numbers += range(start + first_column, start + end_column)
        return numbers


class _Reader:
    """Decodes a block a call, from any thread, and from other processes it is sent to."""

    def __init__(
        self,
        keyframe: tuple[Path, int],
        pages: Sequence[_Segments],
        grid: _Grid,
        plane: _Plane,
        empty: np.generic,
    ) -> None:
        self._keyframe = keyframe
        self._pages = pages
        self._grid = grid
        self._plane = plane
        self._empty = empty
        self.block = grid.block(plane)
        self._decode: Callable[..., Any] | None = None

    def __call__(self, block_id: tuple[int, ...]) -> NDArray[Any]:
        """Return the block of this index, shape (1, sample, y, x)."""
        number, *inside = block_id
        page = self._pages[number]
        sample, y, x = self._box(inside)
        height = y.stop - y.start
        width = x.stop - x.start
        check_unchanged(page.path, page.identity)
        with refusing(page.path, "TIFF"), page.path.open("rb") as file:
            decode = self._decode = self._decode or self._decoder()
            values = np.full((self.block[0], height, width), self._empty)
            tables = {"jpegtables": page.tables} if page.tables else {}
            for segment_number in self._grid.within(sample.start, y, x):
                file.seek(page.offsets[segment_number])
                raw = file.read(page.sizes[segment_number]) or None
                segment, position, size = decode(raw, segment_number, **tables)
                if segment is None:
                    continue  # a hole: nothing was written here
                # position is (plane, depth, y, x, sample), size (depth, y, x, sample)
                top = position[2] - y.start
                left = position[3] - x.start
                target = values[:, top : top + size[1], left : left + size[2]]
                target = target.transpose(1, 2, 0)  # (y, x, sample), as segments are
                rows, columns, _ = target.shape  # a tile may hang over the edge of the page
                target[...] = segment[0, :rows, :columns]
        return values[None]

    def _box(self, index: Sequence[int]) -> list[slice]:
        """Return the samples, rows and columns of the block of this index on its page."""
        box = []
        for number, size, end in zip(index, self.block, self._plane, strict=True):
            start = number * size
            box.append(slice(start, min(start + size, end)))
        return box

    def _decoder(self) -> Callable[..., Any]:
        path, index = self._keyframe
        with TiffFile(path) as file:
            keyframe: Any = file.pages[index].keyframe
            decode: Callable[..., Any] = keyframe.decode
            return decode

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_decode": None}  # what tifffile made cannot be pickled


def _check_pages(
    path: Path,
    pages: Sequence[Any],
    count: int,
) -> None:
    """Refuse a series of which pages are missing, perhaps since they are in another file."""
    missing = sum(page is None for page in pages)
    if missing or len(pages) != count:
        raise FileFormatError(
            path,
            f"{len(pages) - missing} pages where there should be {count}",
            "put the other files of the set beside it, or copy it again",
        )


def _segments(page: Any) -> _Segments:
    """Return the segments of a page, after they were seen to lie within its file."""
    path = Path(page.parent.filehandle.path)
    offsets = np.asarray(page.dataoffsets, np.int64)
    sizes = np.asarray(page.databytecounts, np.int64)
    ends = offsets + sizes
    end = int(ends.max(initial=0))
    size = path.stat().st_size
    if end > size:
        raise FileFormatError(
            path,
            f"{size:,} bytes, but page {page.index} ends at {end:,}",
            CUT_SHORT,
        )
    tables = None
    if page.keyframe.compression == _JPEG:
        tables = page.jpegtables
    return _Segments(path, offsets, sizes, tables, Identity.of(path))


def _check_compression(path: Path, keyframe: Any) -> None:
    """Refuse pages that only imagecodecs can decode, where that is not installed."""
    predictor = int(keyframe.predictor)
    compression = int(keyframe.compression)
    plain = predictor in (_NO_PREDICTOR, _HORIZONTAL)
    if plain and compression in _BUILT_IN:
        return
    try:
        import imagecodecs  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "imagecodecs",
            "tiff",
            f"reading {path.name} ({keyframe.compression.name})",
        ) from error


def _cut(size: int, step: int) -> tuple[int, ...]:
    """Return the lengths of the blocks along an axis."""
    starts = range(0, size, step)
    return tuple(min(step, size - start) for start in starts)
