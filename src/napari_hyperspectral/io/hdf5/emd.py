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
from .file import dataset_in, groups, loaded_vector, text
from .image import Dimension, cube_of_dataset

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
    images: list[Image] = []
    for group in groups(file):
        data = dataset_in(group, "data")
        if text(group, "emd_group_type") not in _ARRAY or data is None:
            continue
        if data.dtype.kind in "iufb" and 1 <= data.ndim <= 5:
            name = (group.name or "").rpartition("/")[2]
            images.append(cube_of_dataset(path, data, _dimensions(group, data), name=name))
    return images


def _dimensions(group: h5py.Group, data: h5py.Dataset) -> list[Dimension]:
    first = 0 if "dim0" in group else 1
    dimensions = []
    for axis, size in enumerate(data.shape):
        vector = dataset_in(group, f"dim{first + axis}")
        dimensions.append(Dimension() if vector is None else _dimension(vector, size))
    return dimensions


def _dimension(vector: h5py.Dataset, size: int) -> Dimension:
    name = text(vector, "name")
    units = text(vector, "units").strip("[]").replace("_", "")  # [n_m] is nm
    if vector.dtype.kind not in "iuf":
        return Dimension(name, units)
    values = loaded_vector(vector)
    if len(values) == 2 < size:  # the first two values of a uniform axis
        start, following = values
        values = start + (following - start) * np.arange(size)
    return Dimension(name, units, values if len(values) == size else None)
