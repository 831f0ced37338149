"""NeXus: data and axes in an NXdata group, which any NeXus viewer plots.

Source: NeXus, "NXdata", https://manual.nexusformat.org/classes/base_classes/NXdata.html
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ..axis import ChannelAxis
from ..cube import Cube, Image
from .h5file import describe_in, fill


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
