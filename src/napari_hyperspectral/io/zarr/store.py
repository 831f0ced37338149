"""Zarr stores, of version 2 and 3, in a folder or zipped: opened, listed and read lazily.

Sources: "Zarr core specification", version 3, and "Zarr storage specification", version 2,
https://zarr-specs.readthedocs.io; OME-Zarr RFC 9 for stores in one zip file (.ozx).
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import zarr
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..arrays.lazy import Box, Lazy
from ..metadata.microscopy import refusing
from .checked import CheckedStore

# version 3 has one such file, version 2 one of the others
_MARKS: Final = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_COPY: Final = "copy or export it again"
_LISTED: Final = 20
"""Arrays that are named in a message."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store, by the files that mark one."""
    return any((path / mark).is_file() for mark in _MARKS)


def opened_store(path: Path) -> Any:
    """Return the group or array at the root of a store.

    Raises
    ------
    FileFormatError
        If there is none.
    """
    if path.is_file():
        return _of_zip(path)
    if not is_zarr(path):
        raise FileFormatError(path, *_no_store(path))
    return _opened(path)


def _no_store(path: Path) -> tuple[str, str]:
    """Return what is wrong with a folder, and what to do."""
    problem = "no Zarr store (there is no zarr.json, .zgroup or .zarray in it)"
    for entry in sorted(path.iterdir()):
        if entry.is_dir() and is_zarr(entry):
            return problem, f"open {entry.name}, the store that is in it"
    return problem, "open the folder that holds one of these, or copy it again with hidden files"


def _of_zip(path: Path) -> Any:
    """Return the root of a zipped store, which may be a folder inside the zip file."""
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileFormatError(path, f"not a readable zip file ({error})", _COPY) from error
    # the store may be the zip file itself, or a folder that was zipped
    tops = ["", *sorted({name.split("/")[0] for name in names if "/" in name})]
    for top in tops:
        if any(f"{top}/{mark}".lstrip("/") in names for mark in _MARKS):
            return _opened(path, top)
    raise FileFormatError(
        path, "no Zarr store in this zip file", "zip a folder that has a zarr.json or .zgroup"
    )


def _opened(path: Path, root: str = "") -> Any:
    with refusing_damage(path):
        return zarr.open(CheckedStore.of(path), mode="r", path=root)


@contextmanager
def refusing_damage(path: Path) -> Generator[None, None, None]:
    """Turn what zarr raises on a damaged store into our one error."""
    try:
        with refusing(path, "Zarr"):
            yield
    except (zarr.errors.BaseZarrError, zipfile.BadZipFile) as error:  # of no common class
        raise FileFormatError(path, f"not a whole Zarr store ({error})", _COPY) from error


def lazy_array(array: Any, path: Path) -> Lazy:
    """Return an array of a store, of which chunks are read when their values are used."""
    store = array.store
    if isinstance(store, CheckedStore):
        store.watch(array)

    def read(box: Box) -> NDArray[Any]:
        with refusing_damage(path):
            if isinstance(store, CheckedStore):
                store.check(array)
            return np.asarray(array[box])

    return Lazy(read, array.shape, array.dtype, array.chunks)


def members_of(node: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the groups in a group by name; what is neither is left out."""
    with warnings.catch_warnings():
        # other files, and arrays of objects: see `checked`
        warnings.filterwarnings("ignore", message="Object at .* is not recognized")
        members = dict(node.members())
    arrays = {name: member for name, member in members.items() if isinstance(member, zarr.Array)}
    groups = {name: member for name, member in members.items() if name not in arrays}
    return arrays, groups


def group_contents(node: Any) -> str:
    """Return what a group holds, for a message."""
    if isinstance(node, zarr.Array):
        return f"it is one array, {node.shape} {node.dtype}"
    members = node.members(max_depth=2)
    arrays = [
        f"{name} {member.shape}" for name, member in members if isinstance(member, zarr.Array)
    ]
    return f"there are {', '.join(arrays[:_LISTED])}" if arrays else "it holds no array"
