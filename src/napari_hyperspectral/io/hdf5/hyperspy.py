"""HyperSpy's HDF5 layout (.hspy), which HyperSpy and RosettaSciIO open with all axes.

Source: HyperSpy, "HSpy - HyperSpy's HDF5 Specification",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/hspy.html
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image
from .file import (
    attribute,
    dataset_in,
    describe_in,
    fill,
    group_in,
    loaded_vector,
    number,
    text,
    tree,
)
from .image import Dimension, cube_of_dataset

_VERSION: Final = "3.3"
_NO: Final = (False, 0, "False")
"""How versions write that an axis does not navigate."""
_NO_UNITS: Final = ("_None_", "<undefined>", "t.Undefined")
_OPERATORS: Final[Mapping[type, Callable[..., Any]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.USub: np.negative,
    ast.UAdd: np.positive,
}
_FUNCTIONS: Final = ("sqrt", "exp", "log", "log10", "sin", "cos", "tan", "arcsin", "arctan")
"""What the expression of a FunctionalDataAxis may be made of."""


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the signals of a file: navigation axes are spatial, a lone signal axis is spectral."""
    signals = group_in(file, "Experiments")
    if signals is None:
        return []
    images: list[Image] = []
    for name in signals:
        group = group_in(signals, name)
        data = None if group is None else dataset_in(group, "data")
        if group is None or data is None:
            continue
        if data.dtype.kind in "iufbc" and 1 <= data.ndim <= 5:
            images.append(_signal(path, name, group, data))
    return images


def _signal(path: Path, name: str, group: h5py.Group, data: h5py.Dataset) -> Image:
    """Return a signal as a cube; its metadata are kept."""
    metadata = tree(group.get("metadata", group.get("mapped_parameters")))
    original = tree(group.get("original_metadata", group.get("original_parameters")))
    signal = metadata.get("Signal")
    quantity = str(signal.get("quantity", "")) if isinstance(signal, dict) else ""
    unit = re.search(r"\((.+)\)\s*$", quantity)  # "Intensity (counts)"
    if original:
        metadata["original_metadata"] = original
    return cube_of_dataset(
        path,
        data,
        _dimensions(path, group, data),
        name=name,
        metadata=metadata,
        intensity_unit=unit[1] if unit else None,
    )


def _dimensions(path: Path, group: h5py.Group, data: h5py.Dataset) -> list[Dimension]:
    """Return what the group of each axis says; several signal axes are no spectrum."""
    axes = [_axis_group(group, axis, data.ndim) for axis in range(data.ndim)]
    navigates = [None if axis is None else attribute(axis, "navigate") for axis in axes]
    signal_axes = sum(each in _NO for each in navigates)
    dimensions = []
    for axis, each, size in zip(axes, navigates, data.shape, strict=True):
        if axis is None:
            dimensions.append(Dimension())
            continue
        spectral = None if each is None else each in _NO and signal_axes == 1
        units = text(axis, "units")
        if units in _NO_UNITS:
            units = ""
        values = _values(path, axis, size)
        dimensions.append(Dimension(text(axis, "name"), units, values, spectral))
    return dimensions


def _axis_group(group: h5py.Group, axis: int, ndim: int) -> h5py.Group | None:
    """Return the group of an axis, under its name of today or of version 1; None without one."""
    name = f"axis-{axis}"
    return group_in(group, name if name in group else f"_list_{ndim}_axes/{axis}")


def _values(path: Path, axis: h5py.Group, size: int) -> NDArray[np.float64] | None:
    """Return the values along an axis of any of the three kinds, shape (size,)."""
    listed = dataset_in(axis, "axis")
    if listed is not None:
        values = loaded_vector(listed)
        return values if len(values) == size else None
    expression = text(axis, "expression")
    if not expression:
        return _uniform(axis, size)
    x = _uniform(group_in(axis, "x") or axis, size)
    names = {key: attribute(axis, key) for key in axis.attrs} | {"x": x}
    try:
        formula = ast.parse(expression, mode="eval").body
        values = np.broadcast_to(_evaluated(formula, names), (size,))
    except (ValueError, TypeError, SyntaxError, KeyError, RecursionError, MemoryError):
        warnings.warn(f"{path.name}: no axis could be made of {expression[:80]!r}", stacklevel=2)
        return None
    return np.asarray(values, np.float64) if np.isfinite(values).all() else None


def _uniform(axis: h5py.Group, size: int) -> NDArray[np.float64]:
    index = np.arange(size, dtype=np.float64)
    return np.asarray(number(axis, "offset", 0) + number(axis, "scale", 1) * index)


def _evaluated(part: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of a formula; it can compute, and do nothing else."""
    match part:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return np.asarray(names[name], np.float64)
        case ast.BinOp():
            left = _evaluated(part.left, names)
            right = _evaluated(part.right, names)
            return _OPERATORS[type(part.op)](left, right)
        case ast.UnaryOp():
            return _OPERATORS[type(part.op)](_evaluated(part.operand, names))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]):
            if name not in _FUNCTIONS:
                raise ValueError(f"no function {name!r}")
            return getattr(np, name)(_evaluated(argument, names))
        case _:
            raise ValueError(f"no formula: {ast.dump(part)[:40]}")


# ------------------------------------------------------------------------------------- writing


@dataclass(frozen=True)
class _Axis:
    """An axis of the written array."""

    name: str
    offset: float
    scale: float
    units: str | None
    navigate: bool
    """Whether it is an axis of the map, and not of the signal."""
    centres: NDArray[np.float64] | None = None
    """Of bands, where they need not be even."""


def write_image(path: Path, image: Image) -> None:
    """Write data as (t, z, y, x, band), with an axis group for each, and our description."""
    is_cube = isinstance(image, Cube)
    with h5py.File(path, "w") as file:
        file.attrs.update(file_format="HyperSpy", file_format_version=_VERSION)
        title = image.name.replace("/", "-").strip(". ") or "image"
        group = file.create_group(f"Experiments/{title}")
        group.attrs.update(package="napari-hyperspectral", package_version=_VERSION)
        data = fill(group, "data", image.data, bands_last=is_cube)
        for number, axis in enumerate(_axes(image)):
            _write_axis(group.create_group(f"axis-{number}"), axis, data.shape[number])
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = image.name
        signal = metadata.create_group("Signal")
        signal.attrs["signal_type"] = ""
        if isinstance(image, Cube) and image.intensity_unit:
            signal.attrs["quantity"] = f"Intensity ({image.intensity_unit})"
        group.create_group("original_metadata")
        group.create_group("attributes").attrs.update(_lazy=False, ragged=False)
        describe_in(file, image, data)


def _axes(image: Image) -> list[_Axis]:
    """Return the axes of the written array, (t, z, y, x, band)."""
    is_cube = isinstance(image, Cube)
    axes = []
    for name, sampling in (("t", image.t), ("z", image.z)):
        if sampling:
            axes.append(_Axis(name, sampling.start, sampling.step, sampling.unit, navigate=True))
    for name, start, step in zip("yx", image.origin, image.pixel_size, strict=True):
        axes.append(_Axis(name, start, step, image.pixel_unit, navigate=is_cube))
    if isinstance(image, Cube):
        axes.append(_band_axis(image))
    return axes


def _band_axis(cube: Cube) -> _Axis:
    if isinstance(cube.axis, ChannelAxis):
        title = "Channel"
        axis = SpectralAxis.index(len(cube.axis))
    else:
        title = cube.axis.title.split(" (")[0]
        axis = cube.spectral_axis
    return _Axis(title, float(axis.centres[0]), 1.0, axis.unit, False, axis.centres)


def _write_axis(group: h5py.Group, axis: _Axis, size: int) -> None:
    """Write an axis as offset and scale where that is exact, else value by value."""
    units = axis.units or "<undefined>"
    group.attrs.update(name=axis.name, units=units, navigate=axis.navigate, is_binned=False)
    scale = axis.scale
    if axis.centres is not None and size > 1:
        scale = float(axis.centres[1] - axis.centres[0])
    if axis.centres is not None:
        uniform = axis.centres[0] + scale * np.arange(size)
        if not np.array_equal(uniform, axis.centres):
            group.attrs["_type"] = "DataAxis"
            group["axis"] = axis.centres
            return
    group.attrs.update(_type="UniformDataAxis", offset=axis.offset, scale=scale, size=size)
