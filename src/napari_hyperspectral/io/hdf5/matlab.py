"""MATLAB files: v5 to v7 through SciPy, v7.3 as the HDF5 it is.

People keep cubes in them as (y, x, band), as a table (pixel, band) beside its height and width,
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
from typing import Any, Final

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image, Labels, Sampling, describe, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import axis_from_vector, images_from_arrays
from ..metadata.units import axis_in, place_unit
from ..source import Source
from .file import fill, lazy, opened, text

_ABOUT: Final = "hyperspectral"
_NEWER: Final = b"MATLAB 7.3 MAT-file"
_HDF5: Final = b"\x89HDF\r\n"
_LARGEST: Final = 2**31 - 1
"""Bytes that a variable of a v5 file may have."""
_USERBLOCK: Final = 512
_CLASSES: Final = {
    "f4": "single", "f8": "double", "b1": "logical",
    **{f"{sign}{size}": f"{'u' * (sign == 'u')}int{8 * size}" for sign in "iu" for size in (1, 2, 4, 8)},
}  # fmt: skip
_SIZES: Final = (("lines", "cols"), ("rows", "cols"), ("nrow", "ncol"), ("nrows", "ncols"),
                 ("height", "width"), ("h", "w"), ("ny", "nx"), ("lines", "samples"))  # fmt: skip
_DEEPEST: Final = 8
"""Levels of structs and cells that are looked into."""
_HABIT: Final = "yxb"


def read_images(source: Source) -> list[Image]:
    """Read the cubes of a file: v7.3 lazily, older ones loaded (they are compressed)."""
    with source.path.open("rb") as start:
        begins = start.read(len(_NEWER))
    if begins.startswith(_HDF5):
        raise FileFormatError(source.path, "an HDF5 file, but not of MATLAB", "rename it to .h5")
    newer = begins == _NEWER
    variables = _newer(source.path) if newer else _older(source.path)
    if isinstance(variables.get(_ABOUT), str) and source.array is None and source.axes is None:
        return [_ours(variables, source.path)]
    history = (f"read {source.path.name}",)
    objects = {n: v for n, v in variables.items() if isinstance(v, dict) and _is_dataset(v)}
    if source.array in objects or (objects and source.array is None and source.axes is None):
        chosen = [objects[source.array]] if source.array else list(objects.values())
        return [_cube_of_dataset(value, source, history) for value in chosen]
    arrays = _flat(variables)
    if source.axes is None:
        arrays = _folded(arrays, source.array)
    return [*images_from_arrays(arrays, source, convention=_HABIT, history=history)]


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
    if image.t or image.z or size > _LARGEST:
        _write_newer(path, image)
    else:
        _write_older(path, image)


# ---------------------------------------------------------------------------------- variables


def _older(path: Path) -> dict[str, Any]:
    """Load the variables of a v4 to v7 file: arrays, texts, and dicts for structs."""
    try:
        found = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=False)
    except MemoryError:
        raise
    except (Exception, zlib.error) as error:  # damaged files raise anything
        reason = str(error).split("\n")[0] or type(error).__name__
        raise FileFormatError(
            path, f"not a whole MATLAB file ({reason})", "copy or save it again"
        ) from error
    return {name: _value(item) for name, item in found.items() if not name.startswith("__")}


def _value(item: Any) -> Any:
    if hasattr(item, "_fieldnames"):
        return {name: _value(getattr(item, name)) for name in item._fieldnames}
    if not isinstance(item, np.ndarray):
        return item
    if item.dtype.kind == "U":
        return "\n".join(map(str, item.ravel()))
    if item.dtype == object:
        cells = np.empty(item.shape, object)
        for place, cell in np.ndenumerate(item):
            cells[place] = _value(cell)
        is_struct = item.size == 1 and isinstance(cells.flat[0], dict)
        return cells.flat[0] if is_struct else cells
    return item


def _newer(path: Path) -> dict[str, Any]:
    """Return the variables of a v7.3 file; arrays are lazy, in MATLAB's order of axes."""
    with opened(path) as file:
        return {name: _h5_value(path, item) for name, item in file.items() if name[:1] != "#"}


def _h5_value(path: Path, item: Any, depth: int = _DEEPEST) -> Any:
    if not isinstance(item, (h5py.Group, h5py.Dataset)) or depth == 0:
        return None  # a link to nothing, or cells that hold themselves
    if isinstance(item, h5py.Group):
        return {name: _h5_value(path, below, depth - 1) for name, below in item.items()}
    if "MATLAB_empty" in item.attrs or item.shape is None:
        return np.empty((0, 0))
    if text(item, "MATLAB_class") == "char":
        rows = np.asarray(item).T
        return "\n".join(row.astype("<u2").tobytes().decode("utf-16-le") for row in rows)
    if item.dtype == h5py.ref_dtype:
        cells = np.empty(item.shape, object)
        for place, reference in np.ndenumerate(item[()]):
            found = item.file[reference] if reference else None
            cells[place] = _h5_value(path, found, depth - 1)
        return cells.T
    if item.size <= max(item.shape):
        return np.asarray(item).T
    return lazy(path, item).transpose()


def _flat(variables: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return all arrays by name; those of a struct as "struct.field"."""
    arrays: dict[str, Any] = {}
    for name, value in variables.items():
        if isinstance(value, dict):
            arrays |= _flat(value, f"{above}{name}.")
        elif (
            hasattr(value, "dtype") and hasattr(value, "transpose") and value.dtype.kind in "iufbc"
        ):
            arrays[f"{above}{name}"] = value
    return arrays


def _ours(variables: Mapping[str, Any], path: Path) -> Image:
    try:
        about = json.loads(variables[_ABOUT])
        name = "cube" if "axis" in about else "labels"
        data, dtype = variables[name], np.dtype(about.pop("dtype"))
        if not hasattr(data, "transpose"):
            raise TypeError(f"{name} is no array")
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            path, f"its description was changed ({error})", "name the array: path::cube"
        ) from error
    order = [*range(data.ndim - 1, 1, -1), 0, 1]  # (y, x, band, z, t) to (t, z, band, y, x)
    return image_from(data.transpose(order).astype(dtype, copy=False), about)


# ---------------------------------------------------------------------------------- habits


def _folded(arrays: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """Return the arrays with a table (pixel, band) made an image where a size tells its shape."""
    if wanted is None and any(array.ndim > 2 for array in arrays.values()):
        return arrays
    size = _size(arrays)
    if size is None:
        return arrays
    height, width = size
    folded = dict(arrays)
    for name, table in arrays.items():
        if table.ndim != 2 or 1 in table.shape or height * width not in table.shape:
            continue
        table = table if table.shape[0] == height * width else table.T
        # MATLAB counts down the columns first
        folded[name] = table.T.reshape(-1, width, height).transpose(2, 1, 0)
    return folded


def _size(arrays: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width, where variables hold them, as Python numbers: 100·100 is no uint8."""
    numbers = {n.lower().rpartition(".")[2]: a for n, a in arrays.items() if a.size in (1, 2)}
    if "imagesize" in numbers and numbers["imagesize"].size == 2:
        height, width = (int(side) for side in np.ravel(numbers["imagesize"]))
        return height, width
    for pair in _SIZES:
        if all(name in numbers and numbers[name].size == 1 for name in pair):
            height, width = (int(np.ravel(numbers[name])[0]) for name in pair)
            return height, width
    return None


def _is_dataset(value: Mapping[str, Any]) -> bool:
    data: Any = value.get("data")
    return "axisscale" in value and getattr(data, "ndim", 0) == 2 and 0 not in data.shape


def _cube_of_dataset(value: Mapping[str, Any], source: Source, history: tuple[str, ...]) -> Cube:
    """Return the cube of a DataSet Object: pixels run along x first, its size is (width, height)."""
    table = value["data"]
    count, bands = (int(side) for side in table.shape)
    sides = [int(side) for side in np.ravel(value.get("imagesize", ()))]
    width, height, *depth = sides if len(sides) in (2, 3) else (count, 1)
    if math.prod((width, height, *depth)) != count:
        raise FileFormatError(
            source.path,
            f"{count} spectra do not fill an image of {' × '.join(map(str, sides))}",
            "open the table itself, as in path::NAME.data@xb",
        )
    dx, left, unit = _positions(value, 0, width)
    dy, top, _ = _positions(value, 1, height)
    data = table.T.reshape(bands, *depth, height, width)
    return Cube(
        data.swapaxes(0, 1) if depth else data,
        _dataset_axis(value, bands),
        name=value["name"].strip() if isinstance(value.get("name"), str) else source.path.stem,
        history=history,
        pixel_size=(dy, dx),
        origin=(top, left),
        pixel_unit=unit,
        z=_depths(value, depth[0]) if depth else None,
        metadata=_told(value),
    )


def _told(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a DataSet Object says in words, its dates, and where it came from."""
    told: dict[str, Any] = {}
    for name in ("type", "author", "description", "datasetversion", "uniqueid"):
        if isinstance(value.get(name), str) and value[name].strip():
            told[name] = "\n".join(line.rstrip() for line in value[name].strip().splitlines())
    for name in ("date", "moddate"):
        clock = np.ravel(value.get(name, ()))
        if clock.size == 6 and clock.dtype.kind in "iuf":
            told[name] = [float(part) for part in clock]
    cells = value.get("history")
    lines = np.ravel(cells) if isinstance(cells, np.ndarray) and cells.dtype == object else ()
    past = [line.strip() for line in lines if isinstance(line, str) and line.strip()]
    return {"DataSet Object": told | ({"history": past} if past else {})}


def _scale(value: Mapping[str, Any], key: str, mode: int) -> tuple[NDArray[np.float64], str]:
    """Return the numbers and the name of the scale along a mode."""
    cells = value.get(key)
    if not isinstance(cells, np.ndarray) or cells.dtype != object or cells.shape[0] <= mode:
        return np.empty(0), ""
    row = cells[mode].ravel()
    numbers = np.ravel(row[0]) if hasattr(row[0], "dtype") else np.empty(0)
    name = row[1] if len(row) > 1 and isinstance(row[1], str) else ""
    return np.asarray(numbers, np.float64), name


def _dataset_axis(value: Mapping[str, Any], bands: int) -> SpectralAxis:
    centres, name = _scale(value, "axisscale", 1)
    if len(centres) != bands:
        return SpectralAxis.index(bands)
    return axis_in(name, centres) or axis_from_vector(name, centres)


def _positions(value: Mapping[str, Any], mode: int, size: int) -> tuple[float, float, str | None]:
    """Return step, start and unit along one side of the image."""
    places, unit = _scale(value, "imageaxisscale", mode)
    if len(places) != size or size < 2:
        return 1.0, 0.0, place_unit(unit)
    step = float(places[-1] - places[0]) / (size - 1)
    return abs(step) or 1.0, float(min(places[0], places[-1])), place_unit(unit)


def _depths(value: Mapping[str, Any], size: int) -> Sampling:
    """Return where the planes of a stack lie; they may go down."""
    places, unit = _scale(value, "imageaxisscale", 2)
    if len(places) != size or size < 2:
        return Sampling()
    step = float(places[-1] - places[0]) / (size - 1)
    return Sampling(step or 1.0, float(places[0]), place_unit(unit))


# ---------------------------------------------------------------------------------- writing


def _vectors(image: Image) -> dict[str, NDArray[Any]]:
    axis = getattr(image, "axis", None)
    if not isinstance(axis, SpectralAxis) or axis.kind == "index":
        return {}
    return {axis.kind: axis.centres[None, :]}


def _about(image: Image) -> str:
    return json.dumps(describe(image) | {"dtype": np.dtype(image.data.dtype).str})


def _write_older(path: Path, image: Image) -> None:
    data = np.asarray(image.data)
    if isinstance(image, Labels):
        names = np.array(image.classes, object)
        variables = {"labels": data, "class_names": names} if len(names) else {"labels": data}
    else:
        variables = {"cube": np.moveaxis(data, -3, -1)}
    everything = variables | _vectors(image) | {_ABOUT: _about(image)}
    scipy.io.savemat(path, everything, do_compression=True, oned_as="row")


def _write_newer(path: Path, image: Image) -> None:
    """Write HDF5 with MATLAB's header in front, its classes, and its axes reversed."""
    with h5py.File(path, "w", userblock_size=_USERBLOCK) as file:
        name = "labels" if isinstance(image, Labels) else "cube"
        data = fill(file, name, _Swapped(image.data))
        _mark(data, _CLASSES[np.dtype(image.data.dtype).str[1:]])
        for key, vector in _vectors(image).items():
            _mark(file.create_dataset(key, data=vector.T), "double")
        letters = np.frombuffer(_about(image).encode("utf-16-le"), "<u2")
        _mark(file.create_dataset(_ABOUT, data=letters[:, None]), "char")
    with path.open("r+b") as start:
        title = b"MATLAB 7.3 MAT-file, Platform: Python, HDF5 schema 1.00 ."
        start.write(title.ljust(116) + b"\0" * 8 + struct.pack("<H", 0x0200) + b"IM")


def _mark(dataset: h5py.Dataset, kind: str) -> None:
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

    def __getitem__(self, place: Any) -> NDArray[Any]:
        *lead, last = place
        if len(self.shape) < 3:  # labels: rows of ours are columns here
            return np.asarray(self._data[..., last]).swapaxes(-1, -2).astype(self.dtype)
        block = np.asarray(self._data[(*lead, last)])
        return block.swapaxes(-1, -2).astype(self.dtype, copy=False)
