"""Which paths are ours to open, and which belong to a header that is opened with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

from ..io import FORMATS

_ENTRIES_READ: Final = 10_000
"""Entries of a folder that are read: napari asks about every folder, and some are whole disks."""
_LONGEST_HEADING: Final = 4096
"""Bytes of the first line of a table that are read."""
_TIFF: Final = (".tif", ".tiff")
_DATA_SUFFIXES: Final[Mapping[str, frozenset[str]]] = {
    ".hdr": frozenset(["", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".sli", ".bin"]),
    ".imzml": frozenset([".ibd"]),
    ".rpl": frozenset([".raw"]),
}
"""Suffix of a header file to those of its data file."""


class _Header(NamedTuple):
    """A header file, by what its data file has in common with it."""

    folder: Path
    stem: str
    suffix: str


def local_path(address: str) -> str:
    """Return the path in a file:// address, or a path as it is."""
    parsed = urlparse(address)
    return url2pathname(parsed.path) if parsed.scheme == "file" else address


def may_be_ours(path: str) -> bool:
    """Whether a path that matches our patterns may hold images, as far as a quick look tells."""
    file_or_folder = Path(path)
    try:
        if file_or_folder.is_dir():
            return _is_our_folder(file_or_folder)
        return not _is_napari_table(file_or_folder)
    except OSError:  # reading will explain what is wrong with it
        return file_or_folder.is_file()


def without_companions(paths: Sequence[str], opened: Sequence[str]) -> list[str]:
    """Return paths, each once, without data files whose header is among those that are opened."""
    headers: set[_Header] = set()
    for path in map(Path, map(local_path, opened)):
        if path.suffix.lower() in _DATA_SUFFIXES:
            headers |= _header_names(path)
    return [path for path in dict.fromkeys(paths) if not _has_header(Path(path), headers)]


def _header_names(path: Path) -> set[_Header]:
    """Return a header by its stem; that of "a.img.hdr" may be "a.img" or "a"."""
    suffix = path.suffix.lower()
    stems = (path.stem, Path(path.stem).stem)
    return {_Header(path.parent, stem.lower(), suffix) for stem in stems}


def _has_header(path: Path, headers: set[_Header]) -> bool:
    """Whether a file is the data of one of these headers."""
    for header_suffix, data_suffixes in _DATA_SUFFIXES.items():
        if path.suffix.lower() not in data_suffixes:
            continue
        for stem in (path.stem, path.name):
            if _Header(path.parent, stem.lower(), header_suffix) in headers:
                return True
    return False


def _is_our_folder(path: Path) -> bool:
    """Whether a folder is a store, has a name of ours, or holds TIFF files."""
    from ..io.zarr.store import is_zarr

    if is_zarr(path):
        return True
    for known in FORMATS:
        for pattern in known.patterns if known.reader else ():
            is_folder = pattern.endswith("/") and pattern != "*/"  # that of any folder says nothing
            if is_folder and fnmatch(path.name.lower(), pattern.rstrip("/")):
                return True
    return any(entry.suffix.lower() in _TIFF for entry in islice(path.iterdir(), _ENTRIES_READ))


def _is_napari_table(path: Path) -> bool:
    """Whether a file is a table of points or shapes that napari wrote."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open("rb") as file:
        heading = file.readline(_LONGEST_HEADING).decode("utf-8", "replace")
    columns = {column.strip(' "\r\n') for column in heading.split(",")}
    return {"axis-0", "axis-1"} <= columns
