"""The planes of TIFF files as lazy arrays, and lazy arrays as planes of TIFF files.

Source: Adobe, "TIFF Revision 6.0", https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
(tags and their meaning); tifffile, https://github.com/cgohlke/tifffile (decoding).
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFileError, TiffWriter

from .errors import FileFormatError
from .mapped import mapped

CUT_SHORT: Final = "the file was cut short: copy or export it again"

_SLAB: Final = 64 * 2**20
"""Bytes that are loaded at a time while writing."""
_CLASSIC_LIMIT: Final = 2**32 - 2**25
"""Bytes of image data beyond which offsets of 32 bits may not do."""

# tags of TIFF 6.0
_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 279, 284, 317
_RGB, _YCBCR, _SEPARATE = 2, 6, 2


@dataclass(frozen=True)
class Planes:
    """A series of equal pages.

    Parameters
    ----------
    data : array, shape (page, sample, y, x)
        Lazy: a memory map where the file allows, else dask with a page a chunk.
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


@contextmanager
def opened(path: Path) -> Generator[TiffFile, None, None]:
    """Open a TIFF file, and say in a sentence why it cannot be."""
    _check_links(path)
    try:
        file = TiffFile(path)
        if not len(file.series):
            raise FileFormatError(path, "no image in it", CUT_SHORT)
    except (TiffFileError, struct.error, ValueError, IndexError, KeyError, OSError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            path, f"not a readable TIFF file ({error})", "copy or export it again"
        ) from error
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
    samples = int(tags.get(_SAMPLES, 1))
    height, width = int(tags[_LENGTH]), int(tags[_WIDTH])
    separate = samples > 1 and tags.get(_PLANAR) == _SEPARATE
    stored = (samples, height, width) if separate else (height, width, samples)
    offset = series.dataoffset
    if offset is None and len(series.pages) == 1:
        offset = _offset_of_strips(tags, math.prod(stored) * series.dtype.itemsize)
    count = max(1, math.prod(series.shape) // math.prod(stored))
    if offset is not None:
        data = _mapped(path, (count, *stored), series.dtype.newbyteorder(file.byteorder), offset)
    else:
        data = _decoded(path, series, stored, count)
    data = data if separate else data.transpose(0, 3, 1, 2)
    colour = samples in (3, 4) and int(tags.get(_PHOTOMETRIC, 1)) in (_RGB, _YCBCR)
    return Planes(data, chunky=samples > 1 and not separate, colour=colour)


def _check_links(path: Path) -> None:
    """Follow the links from page to page: tifffile reads what is left of a file, and is content.

    Raises
    ------
    FileFormatError
        If the file is empty, not a TIFF file, or a link points beyond its end.
    """
    size, pages, seen = path.stat().st_size, 0, set[int]()
    with path.open("rb") as file:
        form, offset = _first_link(path, file.read(16))
        while offset and offset not in seen:
            seen.add(offset)
            file.seek(min(offset, size))
            number = file.read(form.number.size).ljust(form.number.size, b"\0")
            entries = file.read(min(form.number.unpack(number)[0] * form.entry.size, size))
            link = file.read(form.link.size)
            ends = max(_ends(form, entries), default=0) if link else offset + len(number)
            if len(link) < form.link.size or ends > size:
                raise FileFormatError(
                    path,
                    f"page {pages + 1} should be at byte {max(offset, ends):,}, "
                    f"but the file has {size:,} bytes",
                    CUT_SHORT,
                )
            pages, offset = pages + 1, form.link.unpack(link)[0]


class _Form(NamedTuple):
    """How numbers are stored in a TIFF file, classic or big, of either byte order."""

    number: struct.Struct
    entry: struct.Struct
    """Tag, type, number of values, and the value or the byte where the values are."""
    link: struct.Struct


def _first_link(path: Path, head: bytes) -> tuple[_Form, int]:
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
    if version not in (_CLASSIC, _BIG):
        found = f"not a TIFF file (it begins with {head[:8]!r})" if head else "an empty file"
        raise FileFormatError(path, found, "give the file its right suffix, or copy it again")
    big = version == _BIG
    count, entry, link = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    form = _Form(*(struct.Struct(order + part) for part in (count, entry, link)))
    return form, form.link.unpack_from(head.ljust(16, b"\0"), form.link.size)[0]


def _ends(form: _Form, entries: bytes) -> Iterator[int]:
    """Yield where the values end of those tags that no reader can do without."""
    whole = len(entries) // form.entry.size * form.entry.size
    for tag, kind, number, place in form.entry.iter_unpack(entries[:whole]):
        size = _TYPE_SIZES.get(kind, 1) * number
        if tag in _NEEDED and size > form.link.size:
            yield place + size


_CLASSIC, _BIG = 42, 43
_NEEDED: Final = (270, 273, 279, 324, 325, 42112, 50838, 50839)
"""Description, offsets and sizes of strips and tiles, metadata of GDAL and ImageJ."""
_TYPE_SIZES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_KNOWN: Final = (
    *(_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER),
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


def _decoded(path: Path, series: Any, stored: tuple[int, ...], count: int) -> Any:
    import dask.array as da

    pages = list(series.pages)
    missing = [number for number, page in enumerate(pages) if page is None]
    if missing or len(pages) != count:
        raise FileFormatError(
            path,
            f"{len(pages) - len(missing)} pages where there should be {count}",
            "put the other files of the set beside it, or copy it again",
        )
    places = []
    for page in pages:
        place = Path(page.parent.filehandle.path)
        size, ends = place.stat().st_size, [o + n for o, n in _extents(page)]
        if max(ends, default=0) > size:
            raise FileFormatError(
                place, f"{size:,} bytes, but page {page.index} ends at {max(ends):,}", CUT_SHORT
            )
        places.append((place, int(page.index)))
    return da.map_blocks(  # type: ignore[no-untyped-call]
        _PageReader(places, stored),
        chunks=((1,) * count, *((size,) for size in stored)),
        dtype=series.dtype,
        meta=np.empty((0,) * 4, series.dtype),
    )


def _extents(page: Any) -> Iterator[tuple[int, int]]:
    return zip(page.dataoffsets, page.databytecounts, strict=False)


class _PageReader:
    """Reads one page a call, from any thread, and from other processes it is sent to."""

    def __init__(self, places: Sequence[tuple[Path, int]], stored: tuple[int, ...]) -> None:
        self._places, self._stored = places, stored
        self._lock = threading.Lock()
        self._files: dict[Path, TiffFile] = {}  # kept open: finding page n means n hops

    def __call__(self, block_id: tuple[int, ...]) -> NDArray[Any]:
        path, index = self._places[block_id[0]]
        with self._lock:
            if path not in self._files:
                self._files[path] = TiffFile(path)
            page: NDArray[Any] = np.asarray(self._files[path].pages[index].asarray())
        return page.reshape(1, *self._stored)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._places, self._stored)

    def __del__(self) -> None:
        for file in self._files.values():
            file.close()


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
