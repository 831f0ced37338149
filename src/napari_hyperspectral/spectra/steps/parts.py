"""Work through an image part by part: lazily where it is lazy, otherwise at once, in little memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from ..arrays import Float32

_VALUES: Final = 2**22
"""Values in a part: 16 MiB in single precision, of which a step may hold a dozen copies."""
_LARGEST: Final = 8 * _VALUES
"""Values in a part that covers complete chunks of a file, so that none is read twice."""


class Function(Protocol):
    """What is done to a part of each of some images."""

    def __call__(self, *parts: Float32) -> Float32:
        """Take parts, (…, band, y, x); return one, (…, bands, y, x)."""


class PixelSizes(NamedTuple):
    """Rows and columns of a part of an image."""

    rows: int
    columns: int


def is_lazy(data: Any) -> bool:
    """Whether an array is read when its values are used: dask, zarr, a memory map, a reader's own."""
    if not isinstance(data, np.ndarray):
        return True
    base: object = data
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def as_lazy(image: Any) -> Any:
    """Return an image, (…, band, y, x), as a lazy array; one in memory as a dask array of its parts."""
    if is_lazy(image):
        return image
    sizes = part_sizes(image)
    return _as_dask(image, sizes.rows, sizes.columns)


def in_parts(
    function: Function,
    images: Sequence[Any],
    bands: int,
    radius: int = 0,
) -> Any:
    """Return the result of `function` for complete images, computed part by part.

    Parameters
    ----------
    function : callable
        Takes a part of each image, all of its bands, and returns an array (…, bands, y, x).
    images : sequence of arrays, shapes (…, band, y, x)
        Of the same pixels; each with its own number of bands.
    bands : int
        Of the result.
    radius : int
        How far, in pixels, the result depends on surroundings.

    Returns
    -------
    array of float32, shape (…, bands, y, x)
        A dask array where one of the images is lazy.
    """
    if any(is_lazy(image) for image in images):
        return _lazily(function, images, bands, radius)
    sizes = part_sizes(images[0], bands)
    *leading, _, height, width = images[0].shape
    if sizes.rows * sizes.columns >= math.prod(leading) * height * width:
        return function(*(np.asarray(image, np.float32) for image in images))
    result = np.empty((*leading, bands, height, width), np.float32)
    for plane in np.ndindex(*leading):
        for rows, columns in _regions((height, width), sizes):
            outer = (_widened(rows, radius, height), _widened(columns, radius, width))
            parts = [np.asarray(image[(*plane, ..., *outer)], np.float32) for image in images]
            inner = (_inside(rows, outer[0]), _inside(columns, outer[1]))
            result[(*plane, ..., rows, columns)] = function(*parts)[(..., *inner)]
    return result


def part_sizes(image: Any, bands: int = 0) -> PixelSizes:
    """Return how many rows and columns of an image, (…, band, y, x), make a part of it.

    `bands` is the number of bands of a result, where it may be the greater one.
    """
    *_, own_bands, _, width = (int(size) for size in image.shape)
    per_pixel = max(own_bands, bands)
    pixels = max(1, _VALUES // per_pixel)
    columns = min(width, pixels)
    rows = max(1, pixels // width)
    stored = _stored_sizes(image)
    columns = _multiple(columns, stored.columns, _LARGEST // (per_pixel * rows), width)
    rows = _multiple(rows, stored.rows, _LARGEST // (per_pixel * columns), int(image.shape[-2]))
    return PixelSizes(rows, columns)


def parts_of(image: Any) -> Iterator[Float32]:
    """Yield an image, (…, band, y, x), as parts of all its bands, (band, y, x), float32."""
    *leading, _, height, width = image.shape
    sizes = part_sizes(image)
    for plane in np.ndindex(*leading):
        for rows, columns in _regions((height, width), sizes):
            yield np.asarray(image[(*plane, slice(None), rows, columns)], np.float32)


def _lazily(function: Function, images: Sequence[Any], bands: int, radius: int) -> Any:
    """Return what `in_parts` does, as a dask array of chunks with all bands."""
    import dask.array as da

    sizes = part_sizes(images[0], bands)
    rows = max(sizes.rows, radius)
    columns = max(sizes.columns, radius)
    arrays = [_as_dask(image, rows, columns) for image in images]
    depth = {-2: radius, -1: radius}
    if radius:
        arrays = [_overlapping(array, depth) for array in arrays]
    first = arrays[0]
    chunks = (*first.chunks[:-3], (bands,), *first.chunks[-2:])
    result = da.map_blocks(  # type: ignore[no-untyped-call]
        _on_chunks,
        *arrays,
        function=function,
        chunks=chunks,
        dtype=np.float32,
        meta=np.empty((0,) * first.ndim, np.float32),
    )
    if radius:
        overlaps = _depth(result, depth)
        return da.overlap.trim_internal(result, overlaps, "none")  # type: ignore[no-untyped-call]
    return result


def _on_chunks(*chunks: Any, function: Function) -> Float32:
    """Return the result of `function` for one chunk of each image."""
    return function(*(np.asarray(chunk, np.float32) for chunk in chunks))


def _as_dask(image: Any, rows: int, columns: int) -> Any:
    """Return an image as a dask array, in chunks of a plane, all bands, and some pixels."""
    import dask.array as da

    leading = (1,) * (len(image.shape) - 3)
    chunks = (*leading, -1, rows, columns)
    if isinstance(image, da.Array):
        return image.rechunk(chunks)  # type: ignore[no-untyped-call]
    # to name it by its values, all of them would be read; only one part is read at a time
    lock = not isinstance(image, np.ndarray)
    return da.from_array(image, chunks, name=False, lock=lock)  # type: ignore[no-untyped-call]


def _overlapping(array: Any, depth: dict[int, int]) -> Any:
    """Return a dask array whose chunks begin and end in those beside them."""
    import dask.array as da

    overlaps = _depth(array, depth)
    return da.overlap.overlap(array, overlaps, "none")  # type: ignore[no-untyped-call]


def _depth(array: Any, depth: dict[int, int]) -> dict[int, int]:
    """Return how far chunks overlap along each axis; an axis of one chunk needs none."""
    overlaps = dict.fromkeys(range(array.ndim), 0)
    for axis, pixels in depth.items():
        if len(array.chunks[axis]) > 1:
            overlaps[array.ndim + axis] = pixels
    return overlaps


def _stored_sizes(image: Any) -> PixelSizes:
    """Return the rows and columns of the chunks in which an image is stored; 1 where in none."""
    chunks = getattr(image, "chunks", None)
    if not chunks:
        return PixelSizes(1, 1)
    sizes = []
    for along in chunks[-2:]:
        # dask has the size of each chunk, zarr one size for all of them
        sizes.append(max(along) if isinstance(along, tuple) else int(along))
    return PixelSizes(*sizes)


def _multiple(size: int, of: int, largest: int, full: int) -> int:
    """Return a size as a multiple of stored chunks, as long as it is no larger than `largest`."""
    if size >= full:
        return full
    if of <= 1 or of > max(size, largest):
        return size
    return min(max(1, size // of) * of, full)


def _regions(size: tuple[int, int], part: PixelSizes) -> Iterator[tuple[slice, slice]]:
    height, width = size
    for top in range(0, height, part.rows):
        for left in range(0, width, part.columns):
            rows = slice(top, min(top + part.rows, height))
            columns = slice(left, min(left + part.columns, width))
            yield rows, columns


def _widened(part: slice, radius: int, size: int) -> slice:
    return slice(max(0, part.start - radius), min(size, part.stop + radius))


def _inside(part: slice, outer: slice) -> slice:
    """Return where a part lies in an outer one."""
    return slice(part.start - outer.start, part.stop - outer.start)
