"""Values of an HDF5 file that lie in other files: which are there, and which may be read.

Sources: HDF Group, "HDF5 Virtual Dataset", "H5Pset_external", "H5Lcreate_external",
https://support.hdfgroup.org/documentation/hdf5/latest/. A file from elsewhere could have any file of
this machine shown so; those in its own folder came with it.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Final

import h5py

from ...errors import FileFormatError
from ...files.regular import check_regular

VARIABLE: Final = "NAPARI_HYPERSPECTRAL_OUTSIDE_FILES"
"""Environment variable that allows files outside the folder of an HDF5 file to be read."""
_SAME_FILE: Final = "."
_DEEPEST: Final = 8
"""Virtual datasets of virtual datasets that are looked through."""


def files_of(path: Path, dataset: h5py.Dataset) -> list[Path]:
    """Return the other files that the values of a dataset lie in, having warned of missing ones.

    Raises
    ------
    FileFormatError
        If one lies outside the folder of `path`, and that was not allowed.
    """
    files: list[Path] = []
    _gather(path, dataset, files, _DEEPEST)
    return list(dict.fromkeys(files))


def may_follow(path: Path, link: object) -> bool:
    """Whether a link of a group may be followed: one into a file outside the folder may not."""
    if not isinstance(link, h5py.ExternalLink):
        return True
    target = _found(path, link.filename) or _named(path, link.filename)
    return _is_allowed(path, target)


def check_link(path: Path, name: str, link: object) -> None:
    """Refuse a link that may not be followed; see `may_follow`.

    Raises
    ------
    FileFormatError
        If it may not.
    """
    if not may_follow(path, link):
        assert isinstance(link, h5py.ExternalLink)
        _refuse(path, name, _named(path, link.filename))


def _gather(path: Path, dataset: h5py.Dataset, files: list[Path], depth: int) -> None:
    for name, _, _ in dataset.external or ():
        # unlike virtual sources, HDF5 looks for them from the working directory
        file = Path(os.fsdecode(name)).absolute()
        _check(path, dataset.name, file)
        files.append(file)
    if dataset.is_virtual:
        _gather_sources(path, dataset, files, depth)


def _gather_sources(path: Path, dataset: h5py.Dataset, files: list[Path], depth: int) -> None:
    sources = dataset.virtual_sources()
    missing = []
    for source in sources:
        if source.file_name == _SAME_FILE:
            if source.dset_name.lstrip("/") not in dataset.file:
                missing.append(source.dset_name)
            continue
        if "%" in source.file_name:  # a pattern: any number of files, of which none need be there
            _check(path, dataset.name, _named(path, source.file_name))
            continue
        file = _found(path, source.file_name)
        if file is None:
            _check(path, dataset.name, _named(path, source.file_name))
            missing.append(source.file_name)
            continue
        _check(path, dataset.name, file)
        files.append(file)
        if not _holds(file, source.dset_name, files, depth):
            missing.append(f"{source.file_name}::{source.dset_name}")
    if missing:
        named = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        warnings.warn(
            f"{path.name}: {len(missing)} of {len(sources)} sources of {dataset.name} are missing "
            f"({named}); their values are read as {dataset.fillvalue}",
            stacklevel=2,
        )


def _holds(file: Path, name: str, files: list[Path], depth: int) -> bool:
    """Whether a file has a dataset; the files that this one lies in are gathered, too."""
    try:
        with h5py.File(file, "r", locking=False) as opened:
            item = opened.get(name)
            if not isinstance(item, h5py.Dataset):
                return False
            if depth and (item.external or item.is_virtual):
                _gather(file, item, files, depth - 1)
            return True
    except OSError:
        return False


def _found(path: Path, name: str) -> Path | None:
    """Return the file that HDF5 will open for a name; None where there is none."""
    stated = Path(name)
    folder = path.absolute().parent
    candidates = [folder / stated, stated.absolute(), folder / stated.name]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    return None


def _named(path: Path, name: str) -> Path:
    return path.absolute().parent / name


def _check(path: Path, name: str, file: Path) -> None:
    if not _is_allowed(path, file):
        _refuse(path, name, file)
    check_regular(file)


def _is_allowed(path: Path, file: Path) -> bool:
    if os.environ.get(VARIABLE, "") not in ("", "0"):
        return True
    folders = (path.absolute().parent, path.resolve().parent)
    return any(file.resolve().is_relative_to(folder.resolve()) for folder in folders)


def _refuse(path: Path, name: str, file: Path) -> None:
    raise FileFormatError(
        path,
        f"values of {name} lie in {str(file)!r}, outside its folder",
        f"move that file beside it, or set {VARIABLE}=1 to have it read, if you trust the file",
    )
