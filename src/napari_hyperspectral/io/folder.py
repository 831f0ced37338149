"""The images in a folder: each once, by the stem of its name.

Headers and their data, and what describes an image beside it, are one image; two images of one
stem are not told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from ..errors import AmbiguousError, FileFormatError
from .formats import FORMATS, format_of, module_of
from .source import Source
from .tiff.folder import is_ours
from .zarr.store import is_zarr

_HEADERS: Final = (".imzml", ".rpl", ".seq", ".dmt")
"""Of the files of an image, the one to open."""
_NOTES: Final = (".hdr", ".json", ".txt", ".csv")
"""What lies beside an image and describes it, where there is one of the same name."""
_TIFFS: Final = (".tif", ".tiff")
_TOLD: Final = 8
"""Names in an error."""


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder and not hidden, in natural order: 2 before 10."""
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=_natural)


def images_among(paths: Iterable[Path]) -> tuple[dict[str, Path], list[Path]]:
    """Return images by stem, in natural order, and what is none; files of one image count once.

    Raises
    ------
    AmbiguousError
        If two images have the same stem.
    """
    found: dict[str, list[Path]] = {}
    others: list[Path] = []
    for path in sorted((p for p in paths if not p.name.startswith(".")), key=_natural):
        if is_image(path):
            found.setdefault(_stem(path), []).append(path)
        elif path.suffix.lower() not in _NOTES:
            others.append(path)
    images = {stem: _leading(files) for stem, files in found.items()}
    double = [path for files in images.values() if len(files) > 1 for path in files]
    if double:
        told = ", ".join(path.name for path in double[:_TOLD])
        raise AmbiguousError(
            double[0].parent,
            f"files of the same name but for the suffix: {told}{' …' * (len(double) > _TOLD)}",
            "move one of each elsewhere, or choose by a pattern ('folder/*.tif')",
        )
    return {stem: files[0] for stem, files in images.items()}, others


def is_image(path: Path) -> bool:
    """Whether a file, or a folder as a whole, is an image that we can read."""
    if path.is_dir():
        named = any(
            fnmatch(path.name.lower(), pattern.rstrip("/"))
            for known in FORMATS
            for pattern in known.patterns
            if pattern.endswith("/") and pattern != "*/"
        )
        return named or is_zarr(path) or is_ours(path)
    try:
        return format_of(path).reader is not None
    except FileFormatError:
        return False


def holds_bands(folder: Path) -> bool:
    """Whether all in a folder are TIFF files, several, of which the first has a single band."""
    files = [path for path in entries(folder) if path.suffix.lower() not in _NOTES]
    if len(files) < 2 or any(path.suffix.lower() not in _TIFFS for path in files):
        return False
    try:
        (first, *_) = module_of("tiff.reader").read_images(Source(files[0]))
        return bool(dict(zip(first.dims, first.shape, strict=True)).get("band", 1) == 1)
    except (ValueError, OSError, ImportError):  # reading it will say what is wrong
        return False


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _leading(files: list[Path]) -> list[Path]:
    """Return those of the files of one stem that may be an image by themselves."""
    headers = [path for path in files if path.suffix.lower() in _HEADERS]
    return headers or [path for path in files if path.suffix.lower() not in _NOTES] or files


def _stem(path: Path) -> str:
    """Return the name of a file without what its format adds: ``.ome.tif`` as a whole.

    A header has the stem of its data (``a.img.hdr``), numbers that count files (``a.0``) stay.
    """
    name = path.name
    if path.suffix.lower() == ".hdr" and path.with_suffix("").is_file():
        return _stem(path.with_suffix("")) if path.with_suffix("").suffix else path.stem
    endings = [
        pattern.strip("*/")
        for known in FORMATS
        for pattern in known.patterns
        if "[" not in pattern and fnmatch(name.lower(), pattern.rstrip("/"))
    ]
    stem = name[: len(name) - max(map(len, endings), default=0)] or name
    return stem.removesuffix("_wavelengths") if path.suffix.lower() == ".txt" else stem
