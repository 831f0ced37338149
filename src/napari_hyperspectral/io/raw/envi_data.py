"""The data file of an ENVI header, found and mapped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ...files.regular import check_regular
from ..arrays.mapped import mapped
from ..metadata.tie import warn_if_untied
from .envi_header import EnviHeader, integer, list_numbers, own_entry, warn

DTYPES: Final = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
"""Types of data by the code that ENVI has for them."""
_COMPLEX: Final = (6, 9)
_TO_BAND_YX: Final = {  # interleave: (file order of axes, transpose to (band, y, x))
    "bsq": ("bands lines samples", (0, 1, 2)),
    "bil": ("lines bands samples", (1, 0, 2)),
    "bip": ("lines samples bands", (2, 0, 1)),
}
_SUFFIXES: Final = (
    "", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".sli", ".spec", ".cube", ".hyspex",
)  # fmt: skip
_TESTED: Final = 4096
"""Values that are looked at to see whether the byte order is right."""


def header_and_data(path: Path) -> tuple[Path, Path | None]:
    """Return the header, and the data file where that was named instead of the header."""
    if path.suffix.lower() == ".hdr":
        return path, None
    files = {file.name.lower(): file for file in path.parent.iterdir()}
    for name in (f"{path.name}.hdr", f"{path.stem}.hdr"):
        if name.lower() in files:
            return files[name.lower()], path
    if path.is_symlink():
        return header_and_data(path.resolve())
    raise FileFormatError(
        path, "no ENVI header beside it", f"put {path.stem}.hdr into the same folder"
    )


def mapped_data(path: Path, header: EnviHeader, data_file: Path | None) -> NDArray[Any]:
    """Return the data as a memory map, shape (band, y, x), after all sizes were seen to fit.

    Parameters
    ----------
    path : path
        Of the header.
    data_file : path, optional
        Where it was named; else it is looked for beside the header.
    """
    sizes = {key: integer(header, key, path) for key in ("samples", "lines", "bands")}
    if min(sizes.values()) < 1:
        raise FileFormatError(
            path, f"contains no data ({_product(sizes)})", "mend the header or export again"
        )
    order, transpose = _TO_BAND_YX[_interleave(path, header, sizes["bands"])]
    shape = tuple(sizes[name] for name in order.split())
    dtype = _dtype(path, header)
    offset = integer(header, "header offset", path, 0)
    _refuse_packed(path, header, offset)
    needed = offset + sizes["samples"] * sizes["lines"] * sizes["bands"] * dtype.itemsize
    file = data_file or _data_file(path, needed)
    check_regular(file)
    _check_size(path, file, needed, sizes, order, dtype, offset)
    warn_if_untied(file, path, own_entry(header))
    raw = mapped(file, dtype, shape, offset)
    _check_byte_order(raw, path, header)
    return raw.transpose(transpose)


def _data_file(path: Path, size: int) -> Path:
    """Return the data file of a header, preferably one of the right size in bytes."""
    files = {file.name.lower(): file for file in path.parent.iterdir() if file.is_file()}
    names = [f"{path.stem}{suffix}" for suffix in _SUFFIXES]
    existing = [files[name.lower()] for name in names if name.lower() in files]
    candidates = [file for file in existing if file != path and file.suffix.lower() != ".hdr"]
    if not candidates and path.is_symlink():  # the data may lie beside what it points to
        return _data_file(path.resolve(), size)
    if not candidates:
        raise FileFormatError(
            path,
            f"its data file is missing (looked for {', '.join(names)} in {str(path.parent)!r})",
            "put it beside the header",
        )
    fitting = (file for file in candidates if file.stat().st_size == size)
    return next(fitting, candidates[0])


def _interleave(path: Path, header: EnviHeader, bands: int) -> str:
    default = "bsq" if bands == 1 else ""  # of one band, all three are the same
    interleave = header.get("interleave", default).lower()
    if interleave not in _TO_BAND_YX:
        raise FileFormatError(
            path,
            f"interleave is {interleave!r}" if interleave else "the header lacks 'interleave'",
            "it must be one of bsq, bil, bip",
        )
    return interleave


def _dtype(path: Path, header: EnviHeader) -> np.dtype[Any]:
    """Return the type of the values in the file, with its byte order."""
    code = integer(header, "data type", path)
    order = integer(header, "byte order", path, 0)
    if code in _COMPLEX:
        raise FileFormatError(
            path,
            f"data type {code} is complex, spectra are real",
            "save its absolute value or real part as float first",
        )
    if code not in DTYPES:
        raise FileFormatError(
            path, f"there is no data type {code}", f"ENVI knows {', '.join(map(str, DTYPES))}"
        )
    if order not in (0, 1):
        raise FileFormatError(path, f"byte order is {order}", "it must be 0 (little) or 1 (big)")
    return np.dtype("<>"[order] + DTYPES[code])


def _refuse_packed(path: Path, header: EnviHeader, offset: int) -> None:
    """Refuse data that are compressed, or not contiguous."""
    if offset < 0:
        raise FileFormatError(path, f"header offset is {offset}", "it must be 0 or more")
    if integer(header, "file compression", path, 0):
        raise FileFormatError(
            path, "the data are compressed", "save them uncompressed (file compression = 0)"
        )
    for key in ("major frame offsets", "minor frame offsets"):
        if any(list_numbers(header.get(key, ""))):
            raise FileFormatError(
                path,
                f"{key} = {{{header[key]}}} are not supported",
                "save it without frame offsets",
            )


def _check_size(
    path: Path,
    file: Path,
    needed: int,
    sizes: Mapping[str, int],
    order: str,
    dtype: np.dtype[Any],
    offset: int,
) -> None:
    """Refuse a data file that is too short, and warn of one that is too long."""
    size = file.stat().st_size
    if size < needed:
        slowest = order.split()[0]
        bytes_a_slice = (needed - offset) // sizes[slowest]
        complete = max(0, size - offset) // bytes_a_slice
        there = f": {complete} complete {slowest} are there" if complete else ""
        raise FileFormatError(
            path,
            f"{file.name} has {size} bytes, the header needs {needed} "
            f"({_product(sizes)}, {dtype.name}, offset {offset})",
            f"copy it again, or mend the header{there}",
        )
    if size > needed:
        warn(
            path,
            f"{file.name} has {size - needed} bytes more than the header describes; "
            "if the image looks shifted, mend its 'header offset'",
        )


def _check_byte_order(raw: NDArray[Any], path: Path, header: EnviHeader) -> None:
    """Warn where the first values make no sense in this byte order."""
    if raw.dtype.kind != "f":
        return
    row = np.abs(np.asarray(raw[0, 0, :_TESTED], dtype=np.float64))
    odd = ~np.isfinite(row) | (row > 1e20) | ((row < 1e-30) & (row > 0))
    if odd.mean() > 0.5 and not np.isnan(row).all():
        order = header.get("byte order", 0)
        warn(path, f"values up to {row.max():.2g}: is byte order = {order} right?")


def _product(sizes: Mapping[str, int]) -> str:
    return " × ".join(f"{size} {name}" for name, size in sizes.items())
