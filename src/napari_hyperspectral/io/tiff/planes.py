"""The planes of TIFF files as lazy arrays, and lazy arrays as planes of TIFF files.

Source: Adobe, "TIFF Revision 6.0", https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
(tags and their meaning); tifffile, https://github.com/cgohlke/tifffile (decoding).
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffWriter

from ...errors import FileFormatError
from ..arrays.lazy import Lazy
from ..arrays.mapped import mapped
from ..arrays.strided_pages import mapped_pages
from ..metadata.microscopy import refusing
from .links import CUT_SHORT, check_links
from .segments import decoded_pages

# what tifffile would write to stderr of a damaged file, we refuse in a sentence
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_SLAB: Final = 64 * 2**20
"""Bytes that are loaded at a time while writing."""
_CLASSIC_LIMIT: Final = 2**32 - 2**25
"""Bytes of image data beyond which offsets of 32 bits may not do."""

# tags of TIFF 6.0, sections 8 (baseline), 14 (predictor) and 19 (format of samples)
_WIDTH: Final = 256
_LENGTH: Final = 257
_BITS: Final = 258
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_FILL_ORDER: Final = 266
_STRIP_OFFSETS: Final = 273
_SAMPLES: Final = 277
_STRIP_BYTES: Final = 279
_PLANAR: Final = 284
_PREDICTOR: Final = 317
_FORMAT: Final = 339

_RGB: Final = 2
_YCBCR: Final = 6
_SEPARATE: Final = 2
"""Planar configuration in which each sample has planes of its own."""
_PLAIN: Final = 1
"""Compression, predictor and fill order where bytes are stored as they are."""


@dataclass(frozen=True)
class Planes:
    """A series of equal pages.

    Parameters
    ----------
    data : array, shape (page, sample, y, x)
        Lazy: a memory map where the file allows, else dask: see `segments`.
    chunky : bool
        Whether the samples of a pixel are neighbours in the file, (y, x, sample).
    colour : bool
        Whether the samples are red, green and blue.
    """

    data: Any
    chunky: bool
    colour: bool

    @property
    def pages(self) -> int:
        """Number of pages."""
        return int(self.data.shape[0])

    @property
    def samples(self) -> int:
        """Number of samples of each pixel of a page."""
        return int(self.data.shape[1])

    @property
    def bands(self) -> int:
        """Number of bands, where nothing says what the pages are."""
        return self.samples if self.samples > 1 else self.pages

    def part(self, pages: slice, samples: slice) -> Self:
        """Return some of the pages, and of the samples of their pixels."""
        return replace(self, data=self.data[pages, samples])


@contextmanager
def opened(path: Path) -> Generator[TiffFile, None, None]:
    """Open a TIFF file, or say in one error why it cannot be opened."""
    check_links(path)
    with refusing(path, "TIFF"):
        file = TiffFile(path)
        if not _number_of_series(file):
            raise FileFormatError(path, "no image in it", CUT_SHORT)
    with file:
        yield file


def _number_of_series(file: TiffFile) -> int:
    """Return how many images tifffile finds, without regard to modulo annotations of OME.

    `modulo` reads these. tifffile counts their steps by `numpy.arange`, one too many where they are no
    whole numbers, and fails where none is the last.
    """
    stated = file.ome_metadata or ""
    if "ModuloAlong" not in stated:
        return len(file.series)
    page = file.pages.first
    original = page.description
    page.description = stated.replace("ModuloAlong", "ModuloOf")
    try:
        return len(file.series)  # they are kept from now on
    finally:
        page.description = original


def planes_of(
    path: Path,
    file: TiffFile,
    series: Any,
) -> Planes:
    """Return the pages of a series, lazily.

    Raises
    ------
    FileFormatError
        If pages or parts of them are missing.
    """
    tags = _known_tags(series.pages[0])
    if series.dtype is None:
        raise FileFormatError(
            path,
            f"samples of {tags.get(_BITS)} bits in format {tags.get(_FORMAT)}, which cannot be read",
            "export it with whole numbers of 8, 16 or 32 bits, or with floats",
        )
    samples = int(tags.get(_SAMPLES, 1))
    height = int(tags[_LENGTH])
    width = int(tags[_WIDTH])
    separate = samples > 1 and tags.get(_PLANAR) == _SEPARATE
    stored = (height, width, samples)
    if separate:
        stored = (samples, height, width)
    if 0 in stored:
        raise FileFormatError(
            path,
            f"pages of {stored}: there is nothing in them",
            CUT_SHORT,
        )
    pages = math.prod(series.shape) // math.prod(stored)
    count = max(1, pages)
    dtype = series.dtype.newbyteorder(file.byteorder)
    shape = (count, *stored)
    data = _mapped_series(path, series, tags, shape, dtype)
    if data is None:
        plane = (samples, height, width)
        data = decoded_pages(path, series, plane, count)
    elif not separate:
        data = data.transpose(0, 3, 1, 2)  # (page, y, x, sample) in the file
    colour = False
    if samples in (3, 4):  # the fourth is opacity
        colour = int(tags.get(_PHOTOMETRIC, 1)) in (_RGB, _YCBCR)
    return Planes(
        data,
        chunky=samples > 1 and not separate,
        colour=colour,
    )


_KNOWN: Final = (
    _WIDTH,
    _LENGTH,
    _BITS,
    _FORMAT,
    _COMPRESSION,
    _PHOTOMETRIC,
    _FILL_ORDER,
    _STRIP_OFFSETS,
    _SAMPLES,
    _STRIP_BYTES,
    _PLANAR,
    _PREDICTOR,
)


def _known_tags(page: Any) -> dict[int, Any]:
    tags = {}
    for code in _KNOWN:
        if code in page.tags:
            tags[code] = page.tags[code].value
    return tags


def _mapped_series(
    path: Path,
    series: Any,
    tags: Mapping[int, Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> NDArray[Any] | Lazy | None:
    """Return pages as a map of the file, of this shape; None where they must be decoded."""
    count, *stored = shape
    offset = series.dataoffset  # where tifffile saw that all pages are contiguous
    if offset is None and len(series.pages) == 1:
        size = math.prod(stored) * dtype.itemsize  # bytes of a page
        offset = _offset_of_strips(tags, size)
    if offset is not None:
        return _mapped(path, shape, dtype, offset)
    if len(series.pages) != count:
        return None
    return mapped_pages(path, series, tuple(stored), dtype)


def _offset_of_strips(tags: Mapping[int, Any], size: int) -> int | None:
    """Return the first byte of a page of so many bytes, if its strips are plain and contiguous."""
    for tag in (_COMPRESSION, _PREDICTOR, _FILL_ORDER):
        if tags.get(tag, _PLAIN) != _PLAIN:
            return None
    if _STRIP_OFFSETS not in tags or _STRIP_BYTES not in tags:
        return None
    offsets = np.atleast_1d(tags[_STRIP_OFFSETS])
    sizes = np.atleast_1d(tags[_STRIP_BYTES])
    ends = offsets[:-1] + sizes[:-1]
    contiguous = np.array_equal(ends, offsets[1:])
    if sizes.sum() != size or not contiguous:
        return None
    return int(offsets[0])


def _mapped(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    offset: int,
) -> NDArray[Any]:
    """Return a part of a file as an array, after it was seen to be long enough."""
    size = path.stat().st_size
    needed = offset + math.prod(shape) * dtype.itemsize
    if needed > size:
        raise FileFormatError(
            path,
            f"{size:,} bytes, but its {shape[0]} pages {shape[1:]} {dtype.name} "
            f"need {needed:,} (they begin at byte {offset:,})",
            CUT_SHORT,
        )
    return mapped(path, dtype, shape, offset)


def reshaped(data: Any, shape: Sequence[int]) -> Any:
    """Return planes in another shape; lazy ones stay lazy."""
    if isinstance(data, Lazy):
        long = [size for size in data.shape if size > 1]
        if long == [size for size in shape if size > 1]:
            return _with_axes_of_one(data, shape)
        data = _as_dask(data)
    return data.reshape(tuple(shape))


def _with_axes_of_one(data: Lazy, shape: Sequence[int]) -> Any:
    """Return an array in a shape that differs from its own by axes of one only."""
    dropped = tuple(slice(None) if size > 1 else 0 for size in data.shape)
    part = data[dropped]
    if not isinstance(part, Lazy):  # indexing all axes with numbers loads the value
        return np.asarray(part).reshape(shape)
    added = tuple(slice(None) if size > 1 else None for size in shape)
    return part[added]


def _as_dask(data: Lazy) -> Any:
    import dask.array as da

    return da.from_array(  # type: ignore[no-untyped-call]
        data,
        chunks=data.chunks or "auto",  # what is read by position has none
        name=uuid.uuid4().hex,  # else dask reads all to give it a name
        asarray=False,
    )


def each_plane(data: Any) -> Iterator[NDArray[Any]]:
    """Yield the planes (y, x) of an array in order, loading little at a time."""
    if data.ndim == 2:
        yield np.ascontiguousarray(data)
        return
    height, width = data.shape[-2:]
    count = data.shape[-3]
    plane = height * width * data.dtype.itemsize  # in bytes
    step = max(1, _SLAB // plane)
    for index in np.ndindex(data.shape[:-3]):
        for start in range(0, count, step):
            slab = data[(*index, slice(start, start + step))]  # (plane, y, x)
            yield from np.ascontiguousarray(slab)


def write_planes(
    file: TiffWriter,
    data: Any,
    description: bytes | str | None = None,
) -> None:
    """Write an array as pages, little by little, the last two axes being y and x."""
    *leading, height, width = data.shape
    # metadata=None: tifffile adds no description of its own
    options: dict[str, Any] = {
        "photometric": "minisblack",
        "metadata": None,
    }
    first = options
    if description is not None:
        first = options | {"description": description}
    if width > 1:
        shape = (math.prod(leading), height, width)
        file.write(
            each_plane(data),
            shape=shape,
            dtype=np.dtype(data.dtype),
            **first,
        )
        return
    # written at once, planes of one column would lose that axis
    for number, plane in enumerate(each_plane(data)):
        file.write(
            plane,
            contiguous=number > 0,
            **(options if number else first),
        )


def layout_of_file(data: Any) -> dict[str, Any]:
    """Return what `TiffWriter` must know to write `data` as it is: byte order, size of offsets."""
    size = math.prod(data.shape) * data.dtype.itemsize
    dtype = np.dtype(data.dtype)
    order = ">" if dtype.str.startswith(">") else "<"
    return {"byteorder": order, "bigtiff": size > _CLASSIC_LIMIT}
