"""EMD of electron microscopy: groups of data and a vector for each axis.

Source: EMD, "Electron Microscopy Datasets", https://emdatasets.com/format/ ; the groups of later
versions (py4DSTEM) begin at dim0, and give a uniform axis by its first two values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import h5py
import numpy as np

from ...cube import Image
from ...errors import FileFormatError
from .file import attribute, numbers, text
from .image import Dimension, image_of

_ARRAY: Final = ("1", "array")
_VELOX: Final = ("Data", "Operations", "Presentation", "Version")
"""Groups at the root of a file that Velox wrote."""


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the arrays of a file.

    Raises
    ------
    FileFormatError
        If Velox wrote it: there a spectrum image is a stream of counts.
    """
    if all(name in file for name in _VELOX):
        raise FileFormatError(
            path, "an EMD file of Velox", "export it from Velox, or convert it with RosettaSciIO"
        )
    groups: list[h5py.Group] = []

    def visit(_: str, item: object) -> None:
        if isinstance(item, h5py.Group) and text(item, "emd_group_type") in _ARRAY:
            groups.append(item)

    file.visititems(visit)
    return [
        image_of(
            path,
            group["data"],
            _dimensions(group, group["data"]),
            name=(group.name or "").rpartition("/")[2],
        )
        for group in groups
        if isinstance(group.get("data"), h5py.Dataset)
        and group["data"].dtype.kind in "iufb"
        and 1 <= group["data"].ndim <= 5
    ]


def _dimensions(group: h5py.Group, data: h5py.Dataset) -> list[Dimension]:
    first = 0 if "dim0" in group else 1
    return [
        _dimension(group.get(f"dim{first + place}"), size) for place, size in enumerate(data.shape)
    ]


def _dimension(item: object, size: int) -> Dimension:
    if not isinstance(item, h5py.Dataset):
        return Dimension()
    name = str(attribute(item, "name") or "")
    units = text(item, "units").strip("[]").replace("_", "")  # [n_m] is nm
    values = numbers(item) if item.dtype.kind in "iuf" else np.empty(0)
    if len(values) == 2 < size:
        values = values[0] + (values[1] - values[0]) * np.arange(size)
    return Dimension(name, units, values if len(values) == size else None)
