"""NeXus: data and axes in an NXdata group, which any NeXus viewer plots.

Source: NeXus, "NXdata", https://manual.nexusformat.org/classes/base_classes/NXdata.html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from ...axis import ChannelAxis
from ...cube import Cube, Image, Sampling
from .file import dataset_in, describe_in, fill, group_in, groups, loaded_vector, text, texts
from .image import Dimension, cube_of_dataset

_MAX_DEPTH: Final = 20
"""Links of the chain of `default` attributes that are followed."""


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the plots of a file: the one it opens by default, else all of them."""
    images: list[Image] = []
    addresses = set()
    for group in _default(file) or _nxdata(file):
        signal = _signal(group)
        if signal is None or signal.dtype.kind not in "iufb" or not 1 <= signal.ndim <= 5:
            continue
        address = h5py.h5o.get_info(signal.id).addr
        if address in addresses:  # the same data are linked from many groups
            continue
        addresses.add(address)
        dimensions = _dimensions(group, signal)
        name = text(group, "title") or group.name.strip("/").split("/")[-1]
        images.append(cube_of_dataset(path, signal, dimensions, name=name))
    return images


def _default(file: h5py.File) -> list[h5py.Group]:
    """Return the group that the chain of `default` attributes leads to."""
    group: h5py.Group | None = file
    for _ in range(_MAX_DEPTH):  # a damaged chain may have a circle
        if group is None or not text(group, "default"):
            break
        group = group_in(group, text(group, "default"))
    if group is None or group == file:
        return []
    return [group] if text(group, "NX_class") == "NXdata" else _nxdata(group)


def _nxdata(parent: h5py.Group) -> list[h5py.Group]:
    return [group for group in groups(parent) if text(group, "NX_class") == "NXdata"]


def _signal(group: h5py.Group) -> h5py.Dataset | None:
    """Return the data of a plot: named by the group, or marked itself in older files."""
    name = text(group, "signal")
    signal = dataset_in(group, name) if name else None
    if signal is not None:
        return signal
    for member in group:
        item = dataset_in(group, member)
        if item is not None and text(item, "signal") in ("1", "1.0"):
            return item
    return None


def _dimensions(group: h5py.Group, signal: h5py.Dataset) -> list[Dimension]:
    """Return what the vector of each axis says."""
    names = _stated_axes(group, signal)
    for name, axis in _marked_axes(group).items():
        names.setdefault(axis, name)
    dimensions = []
    for axis, size in enumerate(signal.shape):
        name = names.get(axis, ".")
        dimensions.append(Dimension() if name == "." else _dimension(group, name, size))
    return dimensions


def _stated_axes(group: h5py.Group, signal: h5py.Dataset) -> dict[int, str]:
    """Return the name of the vector of each axis, as `axes` and `AXIS_indices` have it."""
    names = texts(group, "axes") or texts(signal, "axes")
    if len(names) == 1 and names[0] not in group:
        names = re.findall(r"[^:,\s\[\]]+", names[0])  # "y:x", or "[y,x]"
    axes: dict[int, str] = {}
    for number, name in enumerate(names):
        axis = number
        indices = texts(group, f"{name}_indices")
        if indices and len(names) != signal.ndim and indices[0].isdecimal():
            axis = int(indices[0])
        axes.setdefault(axis, name)
    return _indexed_axes(group) | {axis: name for axis, name in axes.items() if name != "."}


def _indexed_axes(group: h5py.Group) -> dict[int, str]:
    """Return the name of the vector of each axis, as its attribute `NAME_indices` has it alone."""
    axes: dict[int, str] = {}
    for attribute in group.attrs:
        name = attribute.removesuffix("_indices")
        indices = texts(group, attribute) if name != attribute and name in group else []
        if len(indices) == 1 and indices[0].isdecimal():
            axes.setdefault(int(indices[0]), name)
    return axes


def _marked_axes(group: h5py.Group) -> dict[str, int]:
    """Return the axis of each vector that has it as an attribute, as in older files."""
    axes = {}
    for name in group:
        item = dataset_in(group, name)
        number = "" if item is None else text(item, "axis")
        if number.isdecimal():  # counted from 1
            axes[name] = int(number) - 1
    return axes


def _dimension(group: h5py.Group, name: str, size: int) -> Dimension:
    vector = dataset_in(group, name)
    if vector is None or vector.shape != (size,) or vector.dtype.kind not in "iuf":
        return Dimension(name)
    title = text(vector, "long_name")
    return Dimension(f"{name} {title}".strip(), text(vector, "units"), loaded_vector(vector))


# ------------------------------------------------------------------------------------- writing


def write_image(path: Path, image: Image) -> None:
    """Write data as (t, z, band, y, x), a vector for each axis, and our description."""
    with h5py.File(path, "w") as file:
        file.attrs.update(NX_class="NXroot", default="entry")
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="data")
        group = entry.create_group("data")
        data = fill(group, "data", image.data)
        data.attrs["long_name"] = image.name or "intensity"
        if isinstance(image, Cube) and image.intensity_unit:
            data.attrs["units"] = image.intensity_unit
        names = []
        for axis, dim in enumerate(image.dims):
            if dim == "band" and isinstance(image, Cube):
                name = _write_bands(group, image)
            else:
                name = _write_positions(group, dim, _sampling(image, dim), image.shape[axis])
            group.attrs[f"{name}_indices"] = axis
            names.append(name)
        group.attrs.update(NX_class="NXdata", signal="data", axes=names, title=image.name)
        describe_in(file, image, data)


def _write_bands(group: h5py.Group, cube: Cube) -> str:
    """Write the centres of the bands, or the names of channels; return the name of the vector."""
    axis = cube.axis
    if isinstance(axis, ChannelAxis):
        group["channel"] = np.array(axis.names, dtype=h5py.string_dtype())
        group["channel"].attrs["long_name"] = "Channel"
        return "channel"
    name = axis.kind
    group[name] = axis.centres
    group[name].attrs["long_name"] = axis.title.split(" (")[0]
    if axis.unit:
        group[name].attrs["units"] = axis.unit
    return name


def _write_positions(group: h5py.Group, name: str, sampling: Sampling, size: int) -> str:
    """Write the positions along an axis; return the name of the vector."""
    group[name] = sampling.start + sampling.step * np.arange(size)
    group[name].attrs["long_name"] = name
    if sampling.unit:
        group[name].attrs["units"] = sampling.unit
    return name


def _sampling(image: Image, dim: str) -> Sampling:
    """Return where the planes, frames, rows or columns of an image lie."""
    stack = {"t": image.t, "z": image.z}.get(dim)
    if stack is not None:
        return stack
    axis = "yx".index(dim)
    return Sampling(image.pixel_size[axis], image.origin[axis], image.pixel_unit)
