"""HDF5 files, opened for as long as it takes: lazy arrays open them again when they are needed.

So no handle stays open, files can be replaced while an array of theirs is shown, and arrays
can be sent to other processes.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...cube import Image, describe
from ...errors import FileFormatError, MissingPackageError
from ..arrays.blocks import blocks
from ..arrays.lazy import Box, Lazy
from ..arrays.mapped import mapped
from .heap import check_heaps

OURS: Final = "hyperspectral"
"""Dataset at the root that holds our description; an attribute could not hold 64 kB."""
_DATA: Final = "data"
"""Its attribute: path of the dataset described."""
_ONE_PIECE: Final = 2**20
_MOST_PER_BYTE: Final = 2**20
"""Bytes of values for each byte of a file; no compression comes near it."""
_MOST_NUMBERS: Final = 2**26
"""Longest vector that is loaded as an axis."""
_LOCKED: Final = re.compile(r"\block", re.IGNORECASE)  # a "sblock" is none
_DEEPEST: Final = 20
"""Levels of groups that are looked into; links can make more of a file than there is."""
_FILTERS: Final = {
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32015: "zstd",
    32026: "blosc2",
}


@contextmanager
def opened(path: Path, *, again: bool = False) -> Generator[h5py.File, None, None]:
    """Open a file to read, and tell what is wrong with it in a sentence.

    Parameters
    ----------
    again : bool
        Whether it was opened before, and need not be checked any more.
    """
    try:
        if not again:
            check_heaps(path)
        with _opened(path) as file:
            yield file
    except FileFormatError:
        raise
    except (OSError, RuntimeError, KeyError) as error:
        raise FileFormatError(path, *_told(path, str(error).split("\n")[0])) from error


def _told(path: Path, reason: str) -> tuple[str, str]:
    """Return what is wrong with a file, and what to do, for what HDF5 says."""
    if _LOCKED.search(reason):
        found = "another program holds the file locked"
        return found, "close it there, or set HDF5_USE_FILE_LOCKING=FALSE"
    sizes = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", reason)
    if sizes:
        return f"the file ends at {sizes[1]} of {sizes[2]} bytes", "copy or download it again"
    if not h5py.is_hdf5(path):
        return "no HDF5 file (its signature is missing)", "copy or download it again"
    return f"not a whole HDF5 file ({reason})", "copy or download it again"


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if not _LOCKED.search(str(error)):
            raise
        return h5py.File(path, "r", locking=False)  # another program writes it, or a network drive


@dataclass(frozen=True)
class _Stored:
    """A dataset that is opened each time it is looked at."""

    path: Path
    name: str

    def read(self, box: Box) -> NDArray[Any]:
        with opened(self.path, again=True) as file:
            return np.asarray(file[self.name][box])


def lazy(path: Path, dataset: h5py.Dataset) -> Any:
    """Return a dataset as an array that is read when it is looked at.

    What lies in one piece is mapped, so that a spectrum across its bands comes quickly, too.

    Raises
    ------
    MissingPackageError
        If it is compressed with a filter that is not installed.
    """
    _check_filters(path, dataset)
    offset = dataset.id.get_offset()
    if offset is not None and not dataset.external and not dataset.is_virtual:
        end, size = offset + dataset.nbytes, path.stat().st_size
        if end > size:
            raise FileFormatError(
                path,
                f"{dataset.name} ends at byte {end}, the file at {size}",
                "copy or download it again",
            )
        return mapped(Path(dataset.file.filename), dataset.dtype, dataset.shape, offset)
    if dataset.nbytes > _MOST_PER_BYTE * max(path.stat().st_size, 2**20):
        raise FileFormatError(
            path,
            f"{dataset.name} of {dataset.shape} cannot be meant in a file of this size",
            "copy or download it again",
        )
    return Lazy(_Stored(path, dataset.name).read, dataset.shape, dataset.dtype, dataset.chunks)


def _check_filters(path: Path, dataset: h5py.Dataset) -> None:
    plan = dataset.id.get_create_plist()
    codes = [plan.get_filter(place)[0] for place in range(plan.get_nfilters())]
    if all(h5py.h5z.filter_avail(code) for code in codes):
        return
    with contextlib.suppress(ImportError):
        __import__("hdf5plugin")
    missing = [_FILTERS.get(code, str(code)) for code in codes if not h5py.h5z.filter_avail(code)]
    if missing:
        raise MissingPackageError(
            "hdf5plugin", "hdf5", f"reading {path.name}, compressed with {', '.join(missing)},"
        )


def attribute(item: Any, name: str) -> Any:
    """Return an attribute as text, number or list; None where there is none, or an empty one."""
    try:
        if isinstance(item.attrs.get_id(name).get_type(), h5py.h5t.TypeVlenID):
            return None  # nothing we need; where a damaged type claims to be one, h5py crashes
        value = item.attrs[name]
    except (KeyError, OSError, TypeError, AttributeError):
        return None
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray):
        parts = [_plain(part) for part in value.ravel()]
        if value.dtype.kind in "SO" and len(parts) > 1 and all(len(str(p)) == 1 for p in parts):
            return "".join(map(str, parts))  # text spelled out, a byte an element
        return parts[0] if len(parts) == 1 else parts
    return _plain(value)


def text(item: Any, name: str) -> str:
    """Return an attribute as text; empty where there is none."""
    value = attribute(item, name)
    return "" if value is None else str(value)


def number(item: Any, name: str, without: float) -> float:
    """Return an attribute as a number; `without` where there is none."""
    value = attribute(item, name)
    try:
        return without if value is None else float(value)
    except (TypeError, ValueError):
        return without


def numbers(dataset: h5py.Dataset) -> NDArray[np.float64]:
    """Load a vector, or what is small, as one axis of float64.

    Raises
    ------
    FileFormatError
        If it holds no numbers, or too many for an axis.
    """
    if dataset.dtype.kind not in "iufb" or dataset.shape is None or dataset.size > _MOST_NUMBERS:
        raise FileFormatError(
            dataset.file.filename,
            f"{dataset.name} is no axis: {dataset.dtype} {dataset.shape}",
            "copy or download the file again",
        )
    return np.ravel(np.asarray(dataset, np.float64))


def tree(group: Any, depth: int = _DEEPEST) -> dict[str, Any]:
    """Return the attributes of a group and of those below as plain JSON."""
    if not isinstance(group, h5py.Group) or depth == 0:
        return {}
    found = {key: value for key in group.attrs if _is_json(value := attribute(group, key))}
    for key, item in group.items():
        if isinstance(item, h5py.Group) and (below := tree(item, depth - 1)):
            found[key] = below
    return found


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_json(each) for each in value)
    return isinstance(value, (str, int, float, bool))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "iufb" else value


def datasets(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """Yield each dataset below a group once, however many names it has."""
    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found[name] = item

    group.visititems(visit)  # comes by each object once
    yield from found.values()


def own_description(file: h5py.File) -> tuple[dict[str, Any], h5py.Dataset] | None:
    """Return the description we left in a file, and the dataset it is of."""
    if not isinstance(file.get(OURS), h5py.Dataset):
        return None
    about = json.loads(file[OURS].asstr()[()])
    return about, file[text(file[OURS], _DATA)]


def describe_in(file: h5py.File, image: Image, dataset: h5py.Dataset) -> None:
    """Leave our description of an image in a file."""
    file[OURS] = json.dumps(describe(image))
    file[OURS].attrs[_DATA] = dataset.name


def fill(group: h5py.Group, name: str, data: Any, *, bands_last: bool = False) -> h5py.Dataset:
    """Write an array, a few bands at a time; large ones in chunks that suit bands and spectra."""
    shape = tuple(int(size) for size in data.shape)
    cubic = (*(1,) * (len(shape) - 3), 32, 64, 64)[-len(shape) :]
    if bands_last:
        shape = (*shape[:-3], *shape[-2:], shape[-3])
        cubic = (*cubic[:-3], *cubic[-2:], cubic[-3])
    dtype = np.dtype(data.dtype)
    small = int(np.prod(shape)) * dtype.itemsize <= _ONE_PIECE
    chunks = None if small else tuple(min(pair) for pair in zip(shape, cubic, strict=True))
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks)
    for place, block in blocks(data):
        if bands_last:
            *lead, bands = place
            dataset[(*lead, slice(None), slice(None), bands)] = np.moveaxis(block, -3, -1)
        else:
            dataset[place] = block
    return dataset
