"""NeXus: data and axes in an NXdata group, which any NeXus viewer plots.

Source: NeXus, "NXdata", https://manual.nexusformat.org/classes/base_classes/NXdata.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ...axis import ChannelAxis
from ...cube import Cube, Image
from .file import attribute, describe_in, fill, numbers, text
from .image import Dimension, image_of


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the plots of a file: the one it opens by default, else all of them."""
    groups = _default(file) or [*_nxdata(file)]
    images: list[Image] = []
    seen = set()
    for group in groups:
        signal = _signal(group)
        if signal is None or signal.dtype.kind not in "iufb" or not 1 <= signal.ndim <= 5:
            continue
        place = h5py.h5o.get_info(signal.id).addr  # the same data are linked from many places
        if place not in seen:
            seen.add(place)
            dimensions = _nexus_dimensions(group, signal)
            name = text(group, "title") or group.name.strip("/").split("/")[-1]
            images.append(image_of(path, signal, dimensions, name=name))
    return images


def _default(file: h5py.File) -> list[h5py.Group]:
    """Return the group that the chain of `default` attributes leads to."""
    group: Any = file
    while isinstance(group, h5py.Group) and text(group, "default"):
        group = group.get(text(group, "default"))
    if not isinstance(group, h5py.Group) or group == file:
        return []
    return [group] if text(group, "NX_class") == "NXdata" else [*_nxdata(group)]


def _nxdata(parent: h5py.Group) -> Iterable[h5py.Group]:
    found: list[h5py.Group] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and text(item, "NX_class") == "NXdata":
            found.append(item)

    parent.visititems(visit)
    return found


def _signal(group: h5py.Group) -> h5py.Dataset | None:
    named = group.get(text(group, "signal")) if text(group, "signal") else None
    if isinstance(named, h5py.Dataset):
        return named
    members = [group.get(name) for name in group]
    legacy = [
        item
        for item in members
        if isinstance(item, h5py.Dataset) and text(item, "signal") in ("1", "1.0")
    ]
    return legacy[0] if legacy else None


def _nexus_dimensions(group: h5py.Group, signal: h5py.Dataset) -> list[Dimension]:
    """Return what `axes`, `AXIS_indices` or the older attributes say of each axis."""
    axes = attribute(group, "axes") or attribute(signal, "axes") or []
    names = (
        re.findall(r"[^:,\s\[\]]+", axes) if isinstance(axes, str) else [str(axis) for axis in axes]
    )
    placed: dict[int, str] = {}
    for place, name in enumerate(names):
        indices = attribute(group, f"{name}_indices")
        first = indices[0] if isinstance(indices, list) else indices
        where = int(first) if first is not None and len(names) != signal.ndim else place
        placed.setdefault(where, name)
    for name in group:
        item = group.get(name)
        legacy = attribute(item, "axis") if isinstance(item, h5py.Dataset) else None
        if legacy is not None and str(legacy).isdecimal():
            placed.setdefault(int(legacy) - 1, name)
    return [
        _nexus_dimension(group, placed.get(place, "."), size)
        for place, size in enumerate(signal.shape)
    ]


def _nexus_dimension(group: h5py.Group, name: str, size: int) -> Dimension:
    item = group.get(name) if name != "." else None
    if not isinstance(item, h5py.Dataset) or item.shape != (size,) or item.dtype.kind not in "iuf":
        return Dimension("" if name == "." else name)
    title = text(item, "long_name")
    return Dimension(f"{name} {title}".strip(), text(item, "units"), numbers(item))


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
        names = [_write_axis(group, image, dim, place) for place, dim in enumerate(image.dims)]
        group.attrs.update(NX_class="NXdata", signal="data", axes=names, title=image.name)
        describe_in(file, image, data)


def _write_axis(group: h5py.Group, image: Image, dim: str, place: int) -> str:
    """Write the vector of one axis, and return its name."""
    size = image.shape[place]
    unit: str | None = None
    if dim == "band" and isinstance(image, Cube):
        if isinstance(image.axis, ChannelAxis):
            group["channel"] = np.array(image.axis.names, dtype=h5py.string_dtype())
            name, title = "channel", "Channel"
        else:
            axis = image.axis
            name, unit, title = axis.kind, axis.unit, axis.title.split(" (")[0]
            group[name] = axis.centres
    else:
        step, start, unit = _sampling(image, dim)
        name, title = dim, dim
        group[name] = start + step * np.arange(size)
    group[name].attrs["long_name"] = title
    if unit:
        group[name].attrs["units"] = unit
    group.attrs[f"{name}_indices"] = place
    return name


def _sampling(image: Image, dim: str) -> tuple[float, float, str | None]:
    along = {"t": image.t, "z": image.z}.get(dim)
    if along is not None:
        return along.step, along.start, along.unit
    place = "yx".index(dim)
    return image.pixel_size[place], image.origin[place], image.pixel_unit
