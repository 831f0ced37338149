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
"""Vectors that people keep in companions of an array: scan_wavelengths.npy, .txt or .csv."""
_MAGIC: Final = b"\x93NUMPY"


def read_images(source: Source) -> list[Image]:
    """Map the array of a file; its axis is in a sidecar, or a vector in another companion."""
    data = _mapped(source.path)
    if source.array is not None:
        raise FileFormatError(source.path, "a .npy holds one array", f"leave out ::{source.array}")
    description = read_sidecar(source.path)
    if description is not None and source.axes is None:
        if "axis" in description or "classes" in description:
            return [_described(data, description, source)]
        source = replace(source, axes=checked_layout(source.path, description[LAYOUT_KEY]))
    arrays = {"": data} | _vector(source.path)
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
    """Return the array of a file as a memory map, where NumPy can map it."""
    with path.open("rb") as file:
        if not _MAGIC.startswith(file.read(len(_MAGIC))):  # NumPy would call it pickled objects
            raise FileFormatError(path, "not a NumPy file", "give the file its right suffix")
    try:
        data: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TokenError) as error:
        reason = str(error).split("\n")[0]
        if "bject" in reason:  # "Object arrays cannot be …", or "array of objects"
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
    size = path.stat().st_size
    end = data.offset + data.nbytes
    if data.size and size != end:  # its header is damaged, or this array is not all it holds
        raise FileFormatError(
            path,
            f"{size} bytes, but an array {data.shape} of {data.dtype} ends at byte {end}",
            "copy it again, or save each array in a file of its own",
        )
    return with_second_mapping(data)


def _described(data: NDArray[Any], description: dict[str, Any], source: Source) -> Image:
    """Return the image that the sidecar describes: one of ours, or an axis noted by hand."""
    path = source.path
    try:
        if description.get("schema") == SCHEMA:
            return image_from(data, description)
        axis = axis_from_json(description["axis"])
        layout = description.get(LAYOUT_KEY) or layout_with_bands(data.shape, len(axis))
    except (ValueError, TypeError, KeyError) as error:
        raise FileFormatError(
            sidecar_of(path), f"does not describe {path.name} ({error})", "mend or remove it"
        ) from error
    if layout is None or len(layout) != data.ndim or data.shape[layout.index("b")] != len(axis):
        raise FileFormatError(
            sidecar_of(path),
            f"its axis has {axis}, the array is {data.shape}",
            'say where the bands are, as in "layout": "yxb"',
        )
    cube = cube_from_array(data, layout, None, name=path.stem, history=(f"read {path.name}",))
    fields: dict[str, Any] = {"pixel_unit": description.get("pixel_unit")}
    for key in ("pixel_size", "origin"):
        if key in description:
            fields[key] = tuple(description[key])
    return replace(cube, axis=axis, **fields)


def _vector(path: Path) -> dict[str, NDArray[Any]]:
    """Return the first vector in a companion of a usual name; {} where there is none."""
    loaders = {".npy": _load_vector, ".txt": _parse_vector, ".csv": _parse_vector}
    for name in _SIBLINGS:
        for suffix, load in loaders.items():
            companion = path.with_name(f"{path.stem}_{name}{suffix}")
            if companion.is_file() and companion != path:
                return {name: np.ravel(load(companion))}
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
