"""The images in a folder, each once, by the stem of its name.

A header and its data are one image, and so are an image and its companion files. Two images of
one stem cannot be distinguished.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from ..errors import AmbiguousError, FileFormatError
from .formats import FORMATS, format_of, patterns_of_folders
from .raw import picture
from .source import Source
from .tiff import reader as tiff
from .tiff.folder import is_ours
from .zarr.store import is_zarr

_HEADERS: Final = (".imzml", ".rpl", ".seq", ".dmt")
"""Of the files of an image, the one to open."""
_NOTES: Final = (".hdr", ".json", ".txt", ".csv")
"""Suffixes of companion files that describe an image, where there is one of the same name."""
_TIFFS: Final = (".tif", ".tiff")
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp")
_LISTED: Final = 8
"""Names in a message."""


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder and not hidden, in natural order: 2 before 10."""
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(visible, key=_natural)


def images_among(paths: Iterable[Path]) -> tuple[dict[str, Path], list[Path]]:
    """Return images by stem, and the paths that are none, both in natural order.

    Of the files that make up one image, the one to open is returned.

    Raises
    ------
    AmbiguousError
        If two images have the same stem.
    """
    files_by_stem: dict[str, list[Path]] = {}
    others: list[Path] = []
    visible = (path for path in paths if not path.name.startswith("."))
    for path in sorted(visible, key=_natural):
        if is_image(path):
            files_by_stem.setdefault(_stem(path), []).append(path)
        elif path.suffix.lower() not in _NOTES:
            others.append(path)
    files_by_stem, pictures = _without_pictures(files_by_stem)
    others = sorted([*others, *pictures], key=_natural)
    images = {stem: _leading(files) for stem, files in files_by_stem.items()}
    _refuse_doubles(images)
    return {stem: files[0] for stem, files in images.items()}, others


def _without_pictures(
    files_by_stem: dict[str, list[Path]],
) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return images by stem, and the pictures among them: beside cubes, they only show these."""
    paths = [path for files in files_by_stem.values() for path in files]
    pictures = [path for path in paths if path.suffix.lower() in _PICTURES]
    if len(pictures) == len(paths):
        return files_by_stem, []
    remaining = {}
    for stem, files in files_by_stem.items():
        kept = [path for path in files if path not in pictures]
        if kept:
            remaining[stem] = kept
    return remaining, pictures


def _refuse_doubles(images: Mapping[str, list[Path]]) -> None:
    """Raise where two images have the same stem: which is meant, nothing says."""
    doubles = [path for files in images.values() if len(files) > 1 for path in files]
    if not doubles:
        return
    names = ", ".join(path.name for path in doubles[:_LISTED])
    more = " …" if len(doubles) > _LISTED else ""
    raise AmbiguousError(
        doubles[0].parent,
        f"files of the same name but for the suffix: {names}{more}",
        "move one of each elsewhere, or choose by a pattern ('folder/*.tif')",
    )


def is_image(path: Path) -> bool:
    """Whether a file, or a folder as a whole, is an image that we can read."""
    if path.is_dir():
        name = path.name.lower()
        named = any(fnmatch(name, pattern.rstrip("/")) for pattern in patterns_of_folders())
        return named or is_zarr(path) or is_ours(path)
    try:
        return format_of(path).reader is not None
    except FileFormatError:
        return False


def holds_bands(folder: Path) -> bool:
    """Whether all in a folder are TIFF files, or PNG files, of which the first has a single band."""
    files = [path for path in entries(folder) if path.suffix.lower() not in _NOTES]
    suffixes = {path.suffix.lower() for path in files}
    if len(files) < 2 or not (suffixes <= {*_TIFFS} or suffixes == {".png"}):
        return False
    try:
        if suffixes == {".png"}:
            first = picture.read_images(Source(files[0]))[0]
        else:
            first = tiff.read_images(Source(files[0]))[0]
    except (ValueError, OSError, ImportError):  # reading it will say what is wrong
        return False
    sizes = dict(zip(first.dims, first.shape, strict=True))
    return sizes.get("band", 1) == 1


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _leading(files: list[Path]) -> list[Path]:
    """Return those of the files of one stem that may be an image by themselves."""
    headers = [path for path in files if path.suffix.lower() in _HEADERS]
    images = [path for path in files if path.suffix.lower() not in _NOTES]
    return headers or images or files


def _stem(path: Path) -> str:
    """Return the name of a file without the longest suffix of a format, such as ``.ome.tif``.

    A header has the stem of its data (``a.img.hdr``), numbers that count files (``a.0``) stay.
    """
    name = path.name
    suffix = path.suffix.lower()
    data_file = path.with_suffix("")
    if suffix == ".hdr" and data_file.is_file():
        return _stem(data_file) if data_file.suffix else path.stem
    endings = [
        pattern.strip("*/")
        for known in FORMATS
        for pattern in known.patterns
        if "[" not in pattern and fnmatch(name.lower(), pattern.rstrip("/"))
    ]
    # "[" is of patterns such as "*.[0-9]", whose numbers count files
    longest = max(map(len, endings), default=0)
    stem = name[: len(name) - longest] or name
    # scan_wavelengths.txt is a companion of scan.tif
    return stem.removesuffix("_wavelengths") if suffix == ".txt" else stem
