"""HyperSpy's HDF5 layout (.hspy), which HyperSpy and RosettaSciIO open with all axes.

Source: HyperSpy, "HSpy - HyperSpy's HDF5 Specification",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/hspy.html
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image
from .file import attribute, describe_in, fill, number, numbers, text, tree
from .image import Dimension, image_of

_VERSION: Final = "3.3"
_NO: Final = (False, 0, "False")
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
    """Return the signals of a file: navigation axes are places, a lone signal axis is the spectrum."""
    signals = file.get("Experiments")
    if not isinstance(signals, h5py.Group):
        return []
    return [
        _signal(path, name, group)
        for name, group in signals.items()
        if isinstance(group, h5py.Group)
        and isinstance(group.get("data"), h5py.Dataset)
        and group["data"].dtype.kind in "iufbc"
        and 1 <= group["data"].ndim <= 5
    ]


def _signal(path: Path, name: str, group: h5py.Group) -> Image:
    about = tree(group.get("metadata", group.get("mapped_parameters")))
    original = tree(group.get("original_metadata", group.get("original_parameters")))
    signal = about.get("Signal")
    quantity = str(signal.get("quantity", "")) if isinstance(signal, dict) else ""
    in_brackets = re.search(r"\((.+)\)\s*$", quantity)
    return image_of(
        path,
        group["data"],
        [_dimension(path, group, place) for place in range(group["data"].ndim)],
        name=name,
        metadata=about | ({"original_metadata": original} if original else {}),
        intensity_unit=in_brackets[1] if in_brackets else None,
    )


def _dimension(path: Path, group: h5py.Group, place: int) -> Dimension:
    axes = [_axis_of(group, each) for each in range(group["data"].ndim)]
    about = axes[place]
    if about is None:
        return Dimension()
    navigates = attribute(about, "navigate")
    signals = sum(attribute(axis, "navigate") in _NO for axis in axes if axis is not None)
    spectral = None if navigates is None else navigates in _NO and signals == 1
    units = text(about, "units")
    values = _values(path, about, group["data"].shape[place])
    return Dimension(text(about, "name"), "" if units in _NO_UNITS else units, values, spectral)


def _axis_of(group: h5py.Group, place: int) -> h5py.Group | None:
    """Return the group of an axis, under its name of today or of version 1; None without one."""
    found = group.get(f"axis-{place}", group.get(f"_list_{group['data'].ndim}_axes/{place}"))
    return found if isinstance(found, h5py.Group) else None


def _values(path: Path, about: h5py.Group, size: int) -> NDArray[np.float64] | None:
    """Return the values along an axis of any of the three kinds."""
    if isinstance(about.get("axis"), h5py.Dataset):
        values = numbers(about["axis"])
        return values if len(values) == size else None
    expression = text(about, "expression")
    if not expression:
        return _uniform(about, size)
    x = _uniform(about.get("x", about), size)
    names = {key: attribute(about, key) for key in about.attrs} | {"x": x}
    try:
        values = np.broadcast_to(
            _evaluated(ast.parse(expression, mode="eval").body, names), (size,)
        )
    except (ValueError, TypeError, SyntaxError, KeyError, RecursionError, MemoryError):
        warnings.warn(f"{path.name}: no axis could be made of {expression[:80]!r}", stacklevel=2)
        return None
    return np.asarray(values, np.float64) if np.isfinite(values).all() else None


def _uniform(about: h5py.Group, size: int) -> NDArray[np.float64]:
    places = np.arange(size, dtype=np.float64)
    return np.asarray(number(about, "offset", 0) + number(about, "scale", 1) * places)


def _evaluated(part: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of a formula; it can compute, and do nothing else."""
    match part:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return np.asarray(names[name], np.float64)
        case ast.BinOp():
            sides = _evaluated(part.left, names), _evaluated(part.right, names)
            return _OPERATORS[type(part.op)](*sides)
        case ast.UnaryOp():
            return _OPERATORS[type(part.op)](_evaluated(part.operand, names))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]):
            if name not in _FUNCTIONS:
                raise ValueError(f"no function {name!r}")
            return getattr(np, name)(_evaluated(argument, names))
        case _:
            raise ValueError(f"no formula: {ast.dump(part)[:40]}")


def write_image(path: Path, image: Image) -> None:
    """Write data as (t, z, y, x, band), with an axis group for each, and our description."""
    is_cube = isinstance(image, Cube)
    with h5py.File(path, "w") as file:
        file.attrs.update(file_format="HyperSpy", file_format_version=_VERSION)
        title = image.name.replace("/", "-").strip(". ") or "image"
        group = file.create_group(f"Experiments/{title}")
        group.attrs.update(package="napari-hyperspectral", package_version=_VERSION)
        data = fill(group, "data", image.data, bands_last=is_cube)
        for place, axis in enumerate(_axes(image)):
            _write_axis(group.create_group(f"axis-{place}"), axis, data.shape[place])
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = image.name
        signal = metadata.create_group("Signal")
        signal.attrs["signal_type"] = ""
        if isinstance(image, Cube) and image.intensity_unit:
            signal.attrs["quantity"] = f"Intensity ({image.intensity_unit})"
        group.create_group("original_metadata")
        group.create_group("attributes").attrs.update(_lazy=False, ragged=False)
        describe_in(file, image, data)


def _axes(image: Image) -> list[dict[str, Any]]:
    """Return name, unit, start, step and part of each axis of the written array."""
    unit = image.pixel_unit
    place = [
        {
            "name": letter,
            "offset": start,
            "scale": step,
            "units": unit,
            "navigate": isinstance(image, Cube),
        }
        for letter, start, step in zip("yx", image.origin, image.pixel_size, strict=True)
    ]
    lead = [
        {"name": name, "offset": s.start, "scale": s.step, "units": s.unit, "navigate": True}
        for name, s in (("t", image.t), ("z", image.z))
        if s
    ]
    spectral = []
    if isinstance(image, Cube):
        named = isinstance(image.axis, ChannelAxis)
        axis = SpectralAxis.index(len(image.axis)) if named else image.spectral_axis
        title = "Channel" if named else axis.title.split(" (")[0]
        spectral = [{"name": title, "centres": axis.centres, "units": axis.unit, "navigate": False}]
    return [*lead, *place, *spectral]


def _write_axis(group: h5py.Group, axis: dict[str, Any], size: int) -> None:
    """Write an axis as offset and scale where that is exact, else value by value."""
    units = axis["units"] or "<undefined>"
    group.attrs.update(name=axis["name"], units=units, navigate=axis["navigate"], is_binned=False)
    centres = axis.get("centres")
    if centres is not None:
        scale = float(centres[1] - centres[0]) if size > 1 else 1.0
        if not np.array_equal(centres[0] + scale * np.arange(size), centres):
            group.attrs["_type"] = "DataAxis"
            group["axis"] = centres
            return
        axis = axis | {"offset": float(centres[0]), "scale": scale}
    group.attrs.update(
        _type="UniformDataAxis", offset=axis["offset"], scale=axis["scale"], size=size
    )
