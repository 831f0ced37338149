"""NumPy files: one array, memory-mapped, its meaning in a sidecar.

Source: NumPy, "numpy.lib.format", https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import axis_from_json
from ...cube import SCHEMA, Image, image_from
from ...errors import FileFormatError
from ..arrays.blocks import blocks
from ..arrays.mapped import with_second_mapping
from ..metadata.named_arrays import cube_from_array, images_from_arrays, layout_with_bands
from ..metadata.sidecar import LAYOUT_KEY, read_sidecar, sidecar_of, write_sidecar
from ..source import Source, checked_layout

_SIBLINGS: Final = (
    "wavelengths",
    "wavelength",
    "wavenumbers",
    "wavenumber",
    "raman_shift",
    "mz",
    "axis",
)
"""Vectors people keep beside an array: scan_wavelengths.npy, .txt or .csv."""
_MAGIC: Final = b"\x93NUMPY"


def read_images(source: Source) -> list[Image]:
    """Map the array of a file; its sidecar, or a vector beside it, tells of the axis."""
    data = _mapped(source.path)
    if source.array is not None:
        raise FileFormatError(source.path, "a .npy holds one array", f"leave out ::{source.array}")
    about = read_sidecar(source.path)
    if about is not None and source.axes is None and ("axis" in about or "classes" in about):
        return [_described(data, about, source)]
    if about is not None and source.axes is None:
        source = replace(source, axes=checked_layout(source.path, about[LAYOUT_KEY]))
    arrays = {"": data} | _vectors(source.path)
    history = (f"read {source.path.name}",)
    return [*images_from_arrays(arrays, source, name=source.path.stem, history=history)]


def write_image(path: Path, image: Image) -> None:
    """Write the data in C order, a few bands at a time, and the sidecar."""
    dtype = np.dtype(image.data.dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": image.shape,
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for _, block in blocks(image.data):
            file.write(np.ascontiguousarray(block, dtype).data)
    write_sidecar(path, image)


def _mapped(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        if not _MAGIC.startswith(file.read(len(_MAGIC))):  # NumPy would call it pickled objects
            raise FileFormatError(path, "not a NumPy file", "give the file its right suffix")
    try:
        data: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TokenError) as error:
        reason = str(error).split("\n")[0]
        if "bject" in reason:
            raise FileFormatError(
                path, "holds Python objects, not numbers", "save an array of numbers instead"
            ) from error
        raise FileFormatError(
            path, f"not a whole NumPy file of numbers ({reason})", "copy or save it again"
        ) from error
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "iufbc":
        raise FileFormatError(path, "holds no array of numbers", "save one with numpy.save")
    if not isinstance(data, np.memmap):
        return data
    size, wanted = path.stat().st_size, data.offset + data.nbytes
    if data.size and size != wanted:  # its header is damaged, or this array is not all it holds
        raise FileFormatError(
            path,
            f"{size} bytes, but an array {data.shape} of {data.dtype} ends at byte {wanted}",
            "copy it again, or save each array in a file of its own",
        )
    return with_second_mapping(data)


def _described(data: NDArray[Any], about: dict[str, Any], source: Source) -> Image:
    """Return the image that the sidecar describes: one of ours, or an axis noted by hand."""
    try:
        if about.get("schema") == SCHEMA:
            return image_from(data, about)
        axis = axis_from_json(about["axis"])
        layout = about.get(LAYOUT_KEY) or layout_with_bands(data.shape, len(axis))
    except (ValueError, TypeError, KeyError) as error:
        raise FileFormatError(
            sidecar_of(source.path),
            f"does not describe {source.path.name} ({error})",
            "mend or remove it",
        ) from error
    if layout is None or len(layout) != data.ndim or data.shape[layout.index("b")] != len(axis):
        raise FileFormatError(
            sidecar_of(source.path),
            f"its axis has {axis}, the array is {data.shape}",
            'say where the bands are, as in "layout": "yxb"',
        )
    cube = cube_from_array(
        data, layout, None, name=source.path.stem, history=(f"read {source.path.name}",)
    )
    known: dict[str, Any] = {
        key: tuple(about[key]) for key in ("pixel_size", "origin") if key in about
    }
    return replace(cube, axis=axis, pixel_unit=about.get("pixel_unit"), **known)


def _vectors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the first vector that lies beside the file under a usual name."""
    for name in _SIBLINGS:
        for suffix, load in (
            (".npy", _load_vector),
            (".txt", _parse_vector),
            (".csv", _parse_vector),
        ):
            beside = path.with_name(f"{path.stem}_{name}{suffix}")
            if beside.is_file() and beside != path:
                return {name: np.ravel(load(beside))}
    return {}


def _load_vector(path: Path) -> NDArray[Any]:
    return np.asarray(_mapped(path))


def _parse_vector(path: Path) -> NDArray[Any]:
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace(",", " ")
    try:
        return np.array(text.split(), dtype=np.float64)
    except ValueError as error:
        raise FileFormatError(
            path, f"not a list of numbers ({error})", "mend or remove it"
        ) from error
