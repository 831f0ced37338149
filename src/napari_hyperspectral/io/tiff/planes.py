"""The planes of TIFF files as lazy arrays, and lazy arrays as planes of TIFF files.

Source: Adobe, "TIFF Revision 6.0", https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
(tags and their meaning); tifffile, https://github.com/cgohlke/tifffile (decoding).
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Generator, Iterator, Sequence
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
from ..arrays.strided_pages import scattered
from ..metadata.microscopy import refusing
from .links import CUT_SHORT, check_links
from .segments import decoded

logging.getLogger("tifffile").addHandler(logging.NullHandler())
# what it would write to stderr of a damaged file, we refuse in a sentence

_SLAB: Final = 64 * 2**20
"""Bytes that are loaded at a time while writing."""
_CLASSIC_LIMIT: Final = 2**32 - 2**25
"""Bytes of image data beyond which offsets of 32 bits may not do."""

# tags of TIFF 6.0
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _STRIP_BYTES, _PLANAR, _PREDICTOR, _FORMAT = 273, 277, 279, 284, 317, 339
_RGB, _YCBCR, _SEPARATE = 2, 6, 2


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

    def part(self, pages: slice, samples: slice) -> Self:
        """Return some of the pages, and of the samples of their pixels."""
        return replace(self, data=self.data[pages, samples])


@contextmanager
def opened(path: Path) -> Generator[TiffFile, None, None]:
    """Open a TIFF file, and say in a sentence why it cannot be."""
    check_links(path)
    with refusing(path, "TIFF"):
        file = TiffFile(path)
        if not len(file.series):
            raise FileFormatError(path, "no image in it", CUT_SHORT)
    with file:
        yield file


def planes_of(path: Path, file: TiffFile, series: Any) -> Planes:
    """Return the pages of a series, lazily.

    Raises
    ------
    FileFormatError
        If pages or parts of them are missing.
    """
    page = series.pages[0]
    tags = {code: page.tags[code].value for code in _KNOWN if code in page.tags}
    if series.dtype is None:
        raise FileFormatError(
            path,
            f"samples of {tags.get(_BITS)} bits in format {tags.get(_FORMAT)}, which nobody reads",
            "export it with whole numbers of 8, 16 or 32 bits, or with floats",
        )
    samples = int(tags.get(_SAMPLES, 1))
    height, width = int(tags[_LENGTH]), int(tags[_WIDTH])
    separate = samples > 1 and tags.get(_PLANAR) == _SEPARATE
    stored = (samples, height, width) if separate else (height, width, samples)
    if 0 in stored:
        raise FileFormatError(path, f"pages of {stored}: there is nothing in them", CUT_SHORT)
    offset = series.dataoffset
    if offset is None and len(series.pages) == 1:
        offset = _offset_of_strips(tags, math.prod(stored) * series.dtype.itemsize)
    count = max(1, math.prod(series.shape) // math.prod(stored))
    dtype = series.dtype.newbyteorder(file.byteorder)
    if offset is not None:
        data = _mapped(path, (count, *stored), dtype, offset)
    else:
        data = scattered(path, series, stored, dtype) if len(series.pages) == count else None
    if data is None:
        data = decoded(path, series, (samples, height, width), count)
    elif not separate:
        data = data.transpose(0, 3, 1, 2)
    colour = samples in (3, 4) and int(tags.get(_PHOTOMETRIC, 1)) in (_RGB, _YCBCR)
    return Planes(data, chunky=samples > 1 and not separate, colour=colour)


_KNOWN: Final = (
    *(_WIDTH, _LENGTH, _BITS, _FORMAT, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER),
    *(_STRIP_OFFSETS, _SAMPLES, _STRIP_BYTES, _PLANAR, _PREDICTOR),
)


def _offset_of_strips(tags: dict[int, Any], size: int) -> int | None:
    plain = tags.get(_COMPRESSION, 1) == tags.get(_PREDICTOR, 1) == tags.get(_FILL_ORDER, 1) == 1
    if not plain or _STRIP_OFFSETS not in tags or _STRIP_BYTES not in tags:
        return None
    offsets, bytes_ = np.atleast_1d(tags[_STRIP_OFFSETS]), np.atleast_1d(tags[_STRIP_BYTES])
    if bytes_.sum() != size or not np.array_equal(offsets[:-1] + bytes_[:-1], offsets[1:]):
        return None
    return int(offsets[0])


def _mapped(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> Any:
    size, wanted = path.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if wanted > size:
        raise FileFormatError(
            path,
            f"{size:,} bytes, but its {shape[0]} pages {shape[1:]} {dtype.name} "
            f"need {wanted:,} (they begin at byte {offset:,})",
            CUT_SHORT,
        )
    return mapped(path, dtype, shape, offset)


def reshaped(data: Any, shape: Sequence[int]) -> Any:
    """Return planes in another shape; lazy ones stay lazy."""
    if isinstance(data, Lazy):
        many = [size for size in data.shape if size > 1]
        if many == [size for size in shape if size > 1]:
            part = data[tuple(slice(None) if size > 1 else 0 for size in data.shape)]
            return (
                part[tuple(slice(None) if size > 1 else None for size in shape)]
                if many
                else (np.asarray(part).reshape(shape))
            )
        import dask.array as da

        data = da.from_array(  # type: ignore[no-untyped-call]
            data,
            chunks=data.chunks,
            name=uuid.uuid4().hex,  # else dask reads all to give it a name
            asarray=False,
        )
    return data.reshape(tuple(shape))


def each_plane(data: Any) -> Iterator[NDArray[Any]]:
    """Yield the planes (y, x) of an array in order, loading little at a time."""
    if data.ndim == 2:
        yield np.ascontiguousarray(data)
        return
    height, width = data.shape[-2:]
    slab = max(1, _SLAB // (height * width * data.dtype.itemsize))
    for place in np.ndindex(data.shape[:-3]):
        for start in range(0, data.shape[-3], slab):
            yield from np.ascontiguousarray(data[(*place, slice(start, start + slab))])


def write_planes(file: TiffWriter, data: Any, description: bytes | str | None = None) -> None:
    """Write an array as pages, little by little, the last two axes being y and x."""
    *leading, height, width = data.shape
    about: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
    first = about if description is None else about | {"description": description}
    if width > 1:
        shape = (math.prod(leading), height, width)
        file.write(each_plane(data), shape=shape, dtype=np.dtype(data.dtype), **first)
        return
    for number, plane in enumerate(each_plane(data)):  # at once, it would drop an axis of one
        file.write(plane, contiguous=number > 0, **(about if number else first))


def layout_of_file(data: Any) -> dict[str, Any]:
    """Return what `TiffWriter` must know to write `data` as it is: byte order, size of offsets."""
    size = math.prod(data.shape) * data.dtype.itemsize
    order = ">" if np.dtype(data.dtype).str.startswith(">") else "<"
    return {"byteorder": order, "bigtiff": size > _CLASSIC_LIMIT}
