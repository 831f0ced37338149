"""MATLAB files: v5 to v7 through SciPy, v7.3 as the HDF5 it is.

People keep cubes in them as (y, x, band), as a table (pixel, band) with its height and width,
or as a DataSet Object, the way WITec and PLS_Toolbox export them. v7.3 stores axes reversed.

Source: MathWorks, "MAT-File Format", and "MAT-File Versions",
https://www.mathworks.com/help/matlab/import_export/mat-file-versions.html
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image, Labels, Sampling, describe, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import axis_from_vector, images_from_arrays
from ..metadata.separate_bands import cubes_of_bands
from ..metadata.units import axis_in, length_unit
from ..source import Source
from .file import fill, lazy_dataset, opened_hdf5, text
from .matlab5 import check_elements

_DESCRIPTION: Final = "hyperspectral"
"""Variable that holds our description, as JSON."""
_VERSION_7_3: Final = b"MATLAB 7.3 MAT-file"
_HDF5: Final = b"\x89HDF\r\n"
_MAX_BYTES: Final = 2**31 - 1
"""Bytes that a variable of a v5 file may have."""
_USERBLOCK: Final = 512
_CLASSES: Final = {  # type of NumPy: class of MATLAB
    "f4": "single", "f8": "double", "b1": "logical",
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
}  # fmt: skip
_HEIGHT_AND_WIDTH: Final = (
    ("lines", "cols"), ("rows", "cols"), ("nrow", "ncol"), ("nrows", "ncols"),
    ("height", "width"), ("h", "w"), ("ny", "nx"), ("lines", "samples"),
)  # fmt: skip
"""Names of variables that hold the size of an image."""
_MAX_DEPTH: Final = 8
"""Levels of structs and cells that are looked into."""
_CONVENTION: Final = "yxb"

_Struct: TypeAlias = Mapping[str, Any]
"""A struct of MATLAB: fields by name."""


def read_images(source: Source) -> list[Image]:
    """Read the cubes of a file: v7.3 lazily, older ones loaded (they are compressed)."""
    path = source.path
    with path.open("rb") as file:
        start = file.read(len(_VERSION_7_3))
    if start.startswith(_HDF5):
        raise FileFormatError(path, "an HDF5 file, but not of MATLAB", "rename it to .h5")
    is_7_3 = start == _VERSION_7_3
    variables = _variables_of_7_3(path) if is_7_3 else _variables_of_v5(path)
    asks_nothing = source.array is None and source.axes is None
    if asks_nothing and isinstance(variables.get(_DESCRIPTION), str):
        return [_ours(variables, path)]
    objects = {name: value for name, value in variables.items() if _is_dataset_object(value)}
    if source.array in objects:
        return [_cube_of_dataset_object(objects[source.array], source)]
    if objects and asks_nothing:
        return [_cube_of_dataset_object(value, source) for value in objects.values()]
    arrays = _arrays(variables)
    if source.axes is None:
        arrays = _with_tables_as_images(arrays, source.array)
    cubes = cubes_of_bands(arrays, source)
    if cubes:
        return [*cubes]
    history = (f"read {path.name}",)
    return [*images_from_arrays(arrays, source, convention=_CONVENTION, history=history)]


def write_image(path: Path, image: Image) -> None:
    """Write (y, x, band) and the axis; v7.3 where v5 has no room for the size, or for t and z.

    Raises
    ------
    FileFormatError
        If MATLAB has no such type.
    """
    dtype = np.dtype(image.data.dtype)
    if dtype.str[1:] not in _CLASSES:
        raise FileFormatError(
            path, f"MATLAB has no type for {dtype}", "convert the data first, such as to float32"
        )
    size = int(np.prod(image.shape)) * dtype.itemsize
    if image.t or image.z or size > _MAX_BYTES:
        _write_7_3(path, image)
    else:
        _write_v5(path, image)


# ---------------------------------------------------------------------------------- variables


def _variables_of_v5(path: Path) -> dict[str, Any]:
    """Load the variables of a v4 to v7 file: arrays, texts, and dicts for structs."""
    check_elements(path)
    try:
        variables = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=False)
    except MemoryError:
        raise
    except (Exception, zlib.error) as error:  # damaged files raise anything
        reason = str(error).split("\n")[0] or type(error).__name__
        raise FileFormatError(
            path, f"not a whole MATLAB file ({reason})", "copy or save it again"
        ) from error
    return {name: _value(item) for name, item in variables.items() if not name.startswith("__")}


def _value(item: Any) -> Any:
    """Return what SciPy loaded as an array, a text, a dict for a struct, or an array of cells."""
    if hasattr(item, "_fieldnames"):
        return {name: _value(getattr(item, name)) for name in item._fieldnames}
    if not isinstance(item, np.ndarray):
        return item
    if item.dtype.kind == "U":
        return "\n".join(map(str, item.ravel()))
    if item.dtype != object:
        return item
    cells = np.empty(item.shape, object)
    for index, cell in np.ndenumerate(item):
        cells[index] = _value(cell)
    is_struct = item.size == 1 and isinstance(cells.flat[0], dict)
    return cells.flat[0] if is_struct else cells


def _variables_of_7_3(path: Path) -> dict[str, Any]:
    """Return the variables of a v7.3 file; arrays are lazy, in MATLAB's order of axes."""
    with opened_hdf5(path) as file:
        # what begins with # are MATLAB's own groups, as of the content of cells
        return {name: _h5_value(path, item) for name, item in file.items() if name[:1] != "#"}


def _h5_value(path: Path, item: object, depth: int = _MAX_DEPTH) -> Any:
    """Return a variable as `_value` does; None for what cannot be read."""
    if depth == 0:
        return None  # cells that hold themselves
    if isinstance(item, h5py.Group):
        return {name: _h5_value(path, field, depth - 1) for name, field in item.items()}
    if not isinstance(item, h5py.Dataset):
        return None  # a link to nothing
    if "MATLAB_empty" in item.attrs or item.shape is None:
        return np.empty((0, 0))
    if text(item, "MATLAB_class") == "char":
        rows = np.asarray(item).T
        return "\n".join(row.astype("<u2").tobytes().decode("utf-16-le") for row in rows)
    if item.dtype == h5py.ref_dtype:
        cells = np.empty(item.shape, object)
        for index, reference in np.ndenumerate(item[()]):
            cell = item.file[reference] if reference else None
            cells[index] = _h5_value(path, cell, depth - 1)
        return cells.T
    if item.size <= max(item.shape):  # a number, or a vector
        return np.asarray(item).T
    return lazy_dataset(path, item).transpose()


def _arrays(variables: _Struct, prefix: str = "") -> dict[str, Any]:
    """Return all arrays by name; those of a struct as "struct.field"."""
    arrays: dict[str, Any] = {}
    for name, value in variables.items():
        if isinstance(value, dict):
            arrays |= _arrays(value, f"{prefix}{name}.")
        elif _is_numeric(value):
            arrays[f"{prefix}{name}"] = value
    return arrays


def _is_numeric(value: Any) -> bool:
    """Whether it is an array of numbers, loaded or lazy."""
    return hasattr(value, "dtype") and hasattr(value, "transpose") and value.dtype.kind in "iufbc"


def _ours(variables: _Struct, path: Path) -> Image:
    """Return the image that we wrote, with all that we knew of it."""
    try:
        description = json.loads(variables[_DESCRIPTION])
        name = "cube" if "axis" in description else "labels"
        data = variables[name]
        dtype = np.dtype(description.pop("dtype"))
        if not hasattr(data, "transpose"):
            raise TypeError(f"{name} is no array")
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            path, f"its description was changed ({error})", "name the array: path::cube"
        ) from error
    order = [*range(data.ndim - 1, 1, -1), 0, 1]  # (y, x, band, z, t) to (t, z, band, y, x)
    return image_from(data.transpose(order).astype(dtype, copy=False), description)


# ------------------------------------------------------------------------------------- tables


def _with_tables_as_images(arrays: dict[str, Any], asked: str | None) -> dict[str, Any]:
    """Return the arrays with tables (pixel, band) as (y, x, band) where variables hold their size."""
    if asked is None and any(array.ndim > 2 for array in arrays.values()):
        return arrays
    size = _height_and_width(arrays)
    if size is None:
        return arrays
    height, width = size
    images = dict(arrays)
    for name, table in arrays.items():
        if table.ndim != 2 or 1 in table.shape or height * width not in table.shape:
            continue
        if table.shape[0] != height * width:
            table = table.T
        # MATLAB counts down the columns first
        images[name] = table.T.reshape(-1, width, height).transpose(2, 1, 0)
    return images


def _height_and_width(arrays: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return them where variables hold them, as Python numbers: 100·100 is no uint8."""
    nothing: NDArray[Any] = np.empty(0)
    small: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.size in (1, 2):
            small[name.lower().rpartition(".")[2]] = np.ravel(array)
    if len(small.get("imagesize", nothing)) == 2:
        height, width = small["imagesize"]
        return int(height), int(width)
    for height_name, width_name in _HEIGHT_AND_WIDTH:
        heights = small.get(height_name, nothing)
        widths = small.get(width_name, nothing)
        if len(heights) == len(widths) == 1:
            return int(heights[0]), int(widths[0])
    return None


# ----------------------------------------------------------------------------- DataSet Objects


class _Scale(NamedTuple):
    """The numbers along one direction of a DataSet Object, and their name."""

    values: NDArray[np.float64]
    name: str

    def sampling(self, size: int) -> Sampling:
        """Return first value and mean step, which may be negative; pixels of 1 without values."""
        if len(self.values) != size or size < 2:
            return Sampling(unit=length_unit(self.name))
        first = float(self.values[0])
        step = float(self.values[-1] - self.values[0]) / (size - 1)
        return Sampling(step or 1.0, first, length_unit(self.name))


def _is_dataset_object(value: Any) -> bool:
    """Whether a variable is a DataSet Object with a table."""
    if not isinstance(value, dict):
        return False
    data: Any = value.get("data")
    return "axisscale" in value and getattr(data, "ndim", 0) == 2 and 0 not in data.shape


def _cube_of_dataset_object(value: _Struct, source: Source) -> Cube:
    """Return the cube of a DataSet Object: pixels run along x first, its size is (width, height)."""
    table = value["data"]  # (pixel, band)
    count, bands = (int(side) for side in table.shape)
    sides = [int(side) for side in np.ravel(value.get("imagesize", ()))]
    width, height, *depth = sides if len(sides) in (2, 3) else (count, 1)
    if math.prod((width, height, *depth)) != count:
        raise FileFormatError(
            source.path,
            f"{count} spectra do not fill an image of {' × '.join(map(str, sides))}",
            "open the table itself, as in path::NAME.data@xb",
        )
    x = _scale(value, "imageaxisscale", 0).sampling(width)
    y = _scale(value, "imageaxisscale", 1).sampling(height)
    data = table.T.reshape(bands, *depth, height, width)
    z = None
    if depth:
        data = data.swapaxes(0, 1)  # (z, band, y, x)
        z = _depths(value, depth[0])
    return Cube(
        data,
        _spectral_axis(value, bands),
        name=value["name"].strip() if isinstance(value.get("name"), str) else source.path.stem,
        history=(f"read {source.path.name}",),
        pixel_size=(y.step, x.step),
        origin=(y.start, x.start),
        pixel_unit=x.unit,
        z=z,
        metadata={"DataSet Object": _metadata(value)},
    )


def _metadata(value: _Struct) -> dict[str, Any]:
    """Return what a DataSet Object says in words, its dates, and its history."""
    metadata: dict[str, Any] = {}
    for name in ("type", "author", "description", "datasetversion", "uniqueid"):
        words = value.get(name)
        if isinstance(words, str) and words.strip():
            metadata[name] = "\n".join(line.rstrip() for line in words.strip().splitlines())
    for name in ("date", "moddate"):
        clock = np.ravel(value.get(name, ()))  # year, month, day, hour, minute, second
        if clock.size == 6 and clock.dtype.kind in "iuf":
            metadata[name] = [float(part) for part in clock]
    history = []
    for line in _cells(value, "history").ravel():
        if isinstance(line, str) and line.strip():
            history.append(line.strip())
    if history:
        metadata["history"] = history
    return metadata


def _cells(value: _Struct, name: str) -> NDArray[Any]:
    """Return a field that is an array of cells; an empty one where it is none."""
    cells = value.get(name)
    if isinstance(cells, np.ndarray) and cells.dtype == object:
        return cells
    return np.empty((0, 0), object)


def _scale(value: _Struct, key: str, mode: int) -> _Scale:
    """Return the scale along a mode: its cells are the numbers, and their name."""
    cells = _cells(value, key)
    if cells.shape[0] <= mode:
        return _Scale(np.empty(0), "")
    row = cells[mode].ravel()
    numbers = np.ravel(row[0]) if hasattr(row[0], "dtype") else np.empty(0)
    name = row[1] if len(row) > 1 and isinstance(row[1], str) else ""
    return _Scale(np.asarray(numbers, np.float64), name)


def _spectral_axis(value: _Struct, bands: int) -> SpectralAxis:
    scale = _scale(value, "axisscale", 1)
    if len(scale.values) != bands:
        return SpectralAxis.index(bands)
    return axis_in(scale.name, scale.values) or axis_from_vector(scale.name, scale.values)


def _depths(value: _Struct, size: int) -> Sampling:
    """Return where the planes of a stack lie; they may go down."""
    scale = _scale(value, "imageaxisscale", 2)
    return scale.sampling(size) if len(scale.values) == size > 1 else Sampling()


# ---------------------------------------------------------------------------------- writing


def _vectors(image: Image) -> dict[str, NDArray[Any]]:
    """Return the axis of a cube by its quantity, shape (1, band)."""
    if isinstance(image, Labels) or not isinstance(image.axis, SpectralAxis):
        return {}
    return {} if image.axis.kind == "index" else {image.axis.kind: image.axis.centres[None, :]}


def _description(image: Image) -> str:
    return json.dumps(describe(image) | {"dtype": np.dtype(image.data.dtype).str})


def _write_v5(path: Path, image: Image) -> None:
    data = np.asarray(image.data)
    variables: dict[str, Any]
    if isinstance(image, Labels):
        variables = {"labels": data}
        if image.classes:
            variables["class_names"] = np.array(image.classes, object)
    else:
        variables = {"cube": np.moveaxis(data, -3, -1)}  # (y, x, band)
    variables |= _vectors(image) | {_DESCRIPTION: _description(image)}
    scipy.io.savemat(path, variables, do_compression=True, oned_as="row")


def _write_7_3(path: Path, image: Image) -> None:
    """Write HDF5 with MATLAB's header in front, its classes, and its axes reversed."""
    with h5py.File(path, "w", userblock_size=_USERBLOCK) as file:
        name = "labels" if isinstance(image, Labels) else "cube"
        data = fill(file, name, _Swapped(image.data))
        _set_class(data, _CLASSES[np.dtype(image.data.dtype).str[1:]])
        for key, vector in _vectors(image).items():
            _set_class(file.create_dataset(key, data=vector.T), "double")
        letters = np.frombuffer(_description(image).encode("utf-16-le"), "<u2")
        description = file.create_dataset(_DESCRIPTION, data=letters[:, None])
        _set_class(description, "char")
    with path.open("r+b") as file_start:
        # 116 bytes of text, 8 of an offset that nobody uses, version, and the order of bytes
        title = b"MATLAB 7.3 MAT-file, Platform: Python, HDF5 schema 1.00 ."
        version = struct.pack("<H", 0x0200)
        file_start.write(title.ljust(116) + b"\0" * 8 + version + b"IM")


def _set_class(dataset: h5py.Dataset, kind: str) -> None:
    """Tell MATLAB the class of a variable, and how its numbers are decoded."""
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    if kind in ("char", "logical"):
        dataset.attrs["MATLAB_int_decode"] = np.int32(2 if kind == "char" else 1)


class _Swapped:
    """An array with its last two axes exchanged, still as lazy as it was."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self.shape = (*data.shape[:-2], data.shape[-1], data.shape[-2])
        dtype = np.dtype(data.dtype)
        self.dtype = np.dtype("u1") if dtype.kind == "b" else dtype
        self.chunks = getattr(data, "chunks", None)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        *leading, last = index
        if len(self.shape) < 3:  # labels: rows of ours are columns here
            return np.asarray(self._data[..., last]).swapaxes(-1, -2).astype(self.dtype)
        block = np.asarray(self._data[(*leading, last)])
        return block.swapaxes(-1, -2).astype(self.dtype, copy=False)
