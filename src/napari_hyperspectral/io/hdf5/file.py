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
from ..arrays.identity import Identity, check_unchanged
from ..arrays.lazy import Box, Lazy
from ..arrays.mapped import mapped
from .heap import check_heaps
from .outside import check_link, files_of, may_follow
from .packed import check_chunks

DESCRIPTION: Final = "hyperspectral"
"""Dataset at the root that holds our description; an attribute could not hold 64 kB."""
_DATA: Final = "data"
"""Its attribute: path of the dataset described."""
_CONTIGUOUS: Final = 2**20
"""Bytes up to which an array is written without chunks."""
_MAX_EXPANSION: Final = 2**20
"""Bytes of values for each byte of a file; no compression comes near it."""
_MAX_NUMBERS: Final = 2**26
"""Longest vector that is loaded as an axis."""
_LOCKED: Final = re.compile(r"\block", re.IGNORECASE)  # a "sblock" is none
_MAX_DEPTH: Final = 20
"""Levels of groups that are looked into; links can make more of a file than there is."""
_FILTERS: Final = {  # registered at https://github.com/HDFGroup/hdf5_plugins
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32015: "zstd",
    32026: "blosc2",
}


@contextmanager
def opened_hdf5(path: Path, *, again: bool = False) -> Generator[h5py.File, None, None]:
    """Open a file to read; what is wrong with it becomes one readable error.

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
        raise FileFormatError(path, *_diagnosis(path, str(error).split("\n")[0])) from error


def _diagnosis(path: Path, reason: str) -> tuple[str, str]:
    """Return what is wrong with a file, and what to do, for what HDF5 says."""
    if _LOCKED.search(reason):
        return (
            "another program holds the file locked",
            "close it there, or set HDF5_USE_FILE_LOCKING=FALSE",
        )
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
    identities: tuple[tuple[Path, Identity], ...]
    """What the file, and those that its values lie in, were known by when it was opened."""

    def read(self, box: Box) -> NDArray[Any]:
        for file, identity in self.identities:
            check_unchanged(file, identity)
        with opened_hdf5(self.path, again=True) as file:
            dataset = file[self.name]
            check_chunks(self.path, dataset, box)
            return np.asarray(dataset[box])


def lazy_dataset(path: Path, dataset: h5py.Dataset) -> Any:
    """Return a dataset as an array that is read when it is looked at.

    What lies in one piece is mapped, so that a spectrum across its bands comes quickly, too.

    Raises
    ------
    MissingPackageError
        If it is compressed with a filter that is not installed.
    """
    _check_filters(path, dataset)
    holder = Path(dataset.file.filename)  # another one than `path`, behind an external link
    files = [holder, *files_of(holder, dataset)]
    if holder != path:
        files.append(path)
    file_size = holder.stat().st_size
    offset = dataset.id.get_offset()  # None where it is stored in chunks
    if offset is not None and not dataset.external and not dataset.is_virtual:
        end = offset + dataset.nbytes
        if end > file_size:
            raise FileFormatError(
                path,
                f"{dataset.name} ends at byte {end}, the file at {file_size}",
                "copy or download it again",
            )
        return mapped(holder, dataset.dtype, dataset.shape, offset)
    if dataset.nbytes > _MAX_EXPANSION * max(file_size, 2**20):
        raise FileFormatError(
            path,
            f"{dataset.name} of {dataset.shape} cannot be meant in a file of this size",
            "copy or download it again",
        )
    identities = tuple((file, Identity.of(file)) for file in files if file.exists())
    stored = _Stored(holder, dataset.name, identities)
    return Lazy(stored.read, dataset.shape, dataset.dtype, dataset.chunks)


def _check_filters(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse a dataset whose compression is not installed."""
    plan = dataset.id.get_create_plist()
    codes = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    if all(h5py.h5z.filter_avail(code) for code in codes):
        return
    with contextlib.suppress(ImportError):
        __import__("hdf5plugin")  # registers its filters
    missing = [_FILTERS.get(code, str(code)) for code in codes if not h5py.h5z.filter_avail(code)]
    if missing:
        raise MissingPackageError(
            "hdf5plugin", "hdf5", f"reading {path.name}, compressed with {', '.join(missing)},"
        )


# --------------------------------------------------------------------------------- attributes


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
    if not isinstance(value, np.ndarray):
        return _plain(value)
    parts = [_plain(part) for part in value.ravel()]
    return parts[0] if len(parts) == 1 else parts


def text(item: Any, name: str) -> str:
    """Return an attribute as text; empty where there is none."""
    value = attribute(item, name)
    return "" if value is None else str(spelled_out(value))


def texts(item: Any, name: str) -> list[str]:
    """Return an attribute as a list of texts, of one where it is no list; [] where there is none."""
    value = attribute(item, name)
    if value is None:
        return []
    return list(map(str, value)) if isinstance(value, list) else [str(value)]


def spelled_out(value: Any) -> Any:
    """Return a list of letters as the text that they spell, and everything else as it is.

    Only who asks knows whether a list of letters is a text, as some instruments write it, or
    are names of one letter.
    """
    if not isinstance(value, list) or not value:
        return value
    is_text = all(isinstance(part, str) and len(part) == 1 for part in value)
    return "".join(value) if is_text else value


def number(item: Any, name: str, without: float) -> float:
    """Return an attribute as a number; `without` where there is none."""
    value = attribute(item, name)
    try:
        return without if value is None else float(value)
    except (TypeError, ValueError):
        return without


def loaded_vector(dataset: h5py.Dataset) -> NDArray[np.float64]:
    """Load a vector, or what is small, as one axis of float64.

    Raises
    ------
    FileFormatError
        If it holds no numbers, or too many for an axis.
    """
    if dataset.dtype.kind not in "iufb" or dataset.shape is None or dataset.size > _MAX_NUMBERS:
        raise FileFormatError(
            dataset.file.filename,
            f"{dataset.name} is no axis: {dataset.dtype} {dataset.shape}",
            "copy or download the file again",
        )
    path = Path(dataset.file.filename)
    files_of(path, dataset)  # refuses, or warns of, those of others
    check_chunks(path, dataset, tuple(slice(0, size) for size in dataset.shape))
    return np.ravel(np.asarray(dataset, np.float64))


def tree(group: object, depth: int = _MAX_DEPTH, *, spelled: bool = False) -> dict[str, Any]:
    """Return the attributes of a group and of those below as plain JSON.

    Parameters
    ----------
    spelled : bool
        Whether lists of letters are texts: see `spelled_out`.
    """
    if not isinstance(group, h5py.Group) or depth == 0:
        return {}
    attributes = {}
    for key in group.attrs:
        value = attribute(group, key)
        if spelled:
            value = spelled_out(value)
        if _is_json(value):
            attributes[key] = value
    path = Path(group.file.filename)
    for key in group:
        if not may_follow(path, group.get(key, getlink=True)):
            continue
        below = tree(group.get(key), depth - 1, spelled=spelled)
        if below:
            attributes[key] = below
    return attributes


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_json(each) for each in value)
    return isinstance(value, (str, int, float, bool))


def _plain(value: Any) -> Any:
    """Return bytes as text, and a number of NumPy as one of Python."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic) and value.dtype.kind in "iufb":
        return value.item()
    return value


# ------------------------------------------------------------------------------------ members


def dataset_in(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """Return the dataset of a name or path; None where there is none, or something else."""
    item = _member(group, name)
    return item if isinstance(item, h5py.Dataset) else None


def group_in(group: h5py.Group, name: str) -> h5py.Group | None:
    """Return the group of a name or path; None where there is none, or something else."""
    item = _member(group, name)
    return item if isinstance(item, h5py.Group) else None


def _member(group: h5py.Group, name: str) -> object:
    """Return what has a name or path; a link into a file outside the folder is not followed.

    Raises
    ------
    FileFormatError
        If it is such a link.
    """
    item: object = group.file if name.startswith("/") else group
    for part in filter(None, name.split("/")):
        if not isinstance(item, h5py.Group):
            return None
        link = item.get(part, getlink=True)
        check_link(Path(item.file.filename), f"{item.name}/{part}", link)
        item = item.get(part)
    return item


def datasets(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """Yield each dataset below a group once, however many names it has."""
    items: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            items[name] = item

    group.visititems(visit)  # comes by each object once
    yield from items.values()


def groups(parent: h5py.Group) -> list[h5py.Group]:
    """Return each group below one once."""
    items: list[h5py.Group] = []

    def visit(_: str, item: object) -> None:
        if isinstance(item, h5py.Group):
            items.append(item)

    parent.visititems(visit)
    return items


# ------------------------------------------------------------------------------------- writing


def own_description(file: h5py.File) -> tuple[dict[str, Any], h5py.Dataset] | None:
    """Return the description we left in a file, and the dataset it is of."""
    stored = dataset_in(file, DESCRIPTION)
    if stored is None:
        return None
    description = json.loads(stored.asstr()[()])
    dataset = dataset_in(file, text(stored, _DATA))
    return None if dataset is None else (description, dataset)


def describe_in(file: h5py.File, image: Image, dataset: h5py.Dataset) -> None:
    """Leave our description of an image in a file."""
    file[DESCRIPTION] = json.dumps(describe(image))
    file[DESCRIPTION].attrs[_DATA] = dataset.name


def fill(group: h5py.Group, name: str, data: Any, *, bands_last: bool = False) -> h5py.Dataset:
    """Write an array, a few bands at a time; large ones in chunks that suit bands and spectra.

    Parameters
    ----------
    data : array, shape (…, band, y, x)
    bands_last : bool
        Whether it becomes (…, y, x, band).
    """
    shape = tuple(int(size) for size in data.shape)
    chunk = (*(1,) * (len(shape) - 3), 32, 64, 64)[-len(shape) :]
    if bands_last:
        shape = (*shape[:-3], *shape[-2:], shape[-3])
        chunk = (*chunk[:-3], *chunk[-2:], chunk[-3])
    dtype = np.dtype(data.dtype)
    chunks = None
    if int(np.prod(shape)) * dtype.itemsize > _CONTIGUOUS:
        chunks = tuple(min(sizes) for sizes in zip(shape, chunk, strict=True))
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks)
    for index, block in blocks(data):
        if bands_last:
            *lead, bands = index
            dataset[(*lead, slice(None), slice(None), bands)] = np.moveaxis(block, -3, -1)
        else:
            dataset[index] = block
    return dataset
