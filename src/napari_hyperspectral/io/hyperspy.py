"""HyperSpy's HDF5 layout (.hspy), which HyperSpy and RosettaSciIO open with all axes.

Source: HyperSpy, "HSpy - HyperSpy's HDF5 Specification",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/hspy.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from ..axis import ChannelAxis, SpectralAxis
from ..cube import Cube, Image
from .h5file import describe_in, fill

_VERSION: Final = "3.3"


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
