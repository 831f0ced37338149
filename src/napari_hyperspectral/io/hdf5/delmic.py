"""Delmic SPARC (Odemis): acquisitions in one HDF5 file, each an image (c, t, z, y, x).

Sources: Delmic, "Odemis: dataio/hdf5.py", https://github.com/delmic/odemis ; Scientific Volume
Imaging, "The SVI HDF5 image file format".
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Image, Sampling
from ..metadata.named_arrays import cube_from_array
from .file import dataset_in, group_in, lazy_dataset, loaded_vector

_LAYOUT = "btzyx"
_NM = 1e9
"""Lengths are in metres."""


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the spectrum images, and after them the electron images."""
    images: list[Image] = []
    names: set[str] = set()
    for key in file:
        group = group_in(file, key)
        acquisition = None if group is None else group_in(group, "ImageData")
        dataset = None if acquisition is None else dataset_in(acquisition, "Image")
        if group is None or acquisition is None or dataset is None:
            continue
        if dataset.ndim == len(_LAYOUT):
            name = _text(dataset_in(group, "PhysicalData/Title")) or f"{path.stem} {key}"
            if name in names:
                name = f"{name} ({key})"
            names.add(name)
            images.append(_image(path, acquisition, dataset, name))
    return sorted(images, key=lambda image: image.shape[-3] == 1)  # spectra first


def _image(path: Path, acquisition: h5py.Group, dataset: h5py.Dataset, name: str) -> Image:
    """Return the cube of an acquisition; a single plane or frame is no stack."""
    layout = ""
    index: list[int | slice] = []
    for letter, size in zip(_LAYOUT, dataset.shape, strict=True):
        is_single = letter in "tz" and size == 1
        index.append(0 if is_single else slice(None))
        if not is_single:
            layout += letter
    bands = dataset.shape[0]
    centres = _values_along(acquisition, "C", bands) if bands > 1 else None
    height = _number(acquisition, "DimensionScaleY") * _NM
    width = _number(acquisition, "DimensionScaleX") * _NM
    stacks = {}
    if "t" in layout:
        stacks["t"] = Sampling(_number(acquisition, "DimensionScaleT") or 1, 0, "s")
    if "z" in layout:
        stacks["z"] = Sampling(_number(acquisition, "DimensionScaleZ") * _NM or 1, 0, "nm")
    return cube_from_array(
        lazy_dataset(path, dataset)[tuple(index)],
        layout,
        None if centres is None else SpectralAxis(centres * _NM, "nm"),
        name=name,
        pixel_size=(abs(height) or 1.0, abs(width) or 1.0),
        pixel_unit="nm",
        origin=_first_pixel(acquisition, dataset.shape[-2:], (height, width)),
        history=(f"read {path.name}",),
        **stacks,
    )


def _first_pixel(
    acquisition: h5py.Group, shape: tuple[int, int], size: tuple[float, float]
) -> tuple[float, float]:
    """Return the position of the first pixel, (y, x) in nm.

    The file has that of the centre, and its y points up.
    """
    y = _number(acquisition, "YOffset") * _NM
    x = _number(acquisition, "XOffset") * _NM
    return -y - (shape[0] - 1) / 2 * size[0], x - (shape[1] - 1) / 2 * size[1]


def _values_along(acquisition: h5py.Group, letter: str, size: int) -> NDArray[np.float64] | None:
    """Return the values along an axis: one by one, or a start and a step, or a polynomial."""
    scale = dataset_in(acquisition, f"DimensionScale{letter}")
    if scale is None or scale.dtype.kind not in "iuf":
        return None
    values = loaded_vector(scale)
    if len(values) == 1 and values[0]:
        values = np.array([_number(acquisition, f"{letter}Offset"), values[0]])
    if len(values) == size:
        return values
    if not 2 <= len(values) < min(size, 8):  # coefficients, the lowest power first
        return None
    return np.asarray(np.polynomial.polynomial.polyval(np.arange(size), values), np.float64)


def _number(acquisition: h5py.Group, name: str) -> float:
    """Return a stated number; 0 where there is none."""
    item = dataset_in(acquisition, name)
    if item is None or item.dtype.kind not in "iuf" or item.size != 1:
        return 0.0
    value = float(loaded_vector(item)[0])
    return value if np.isfinite(value) else 0.0


def _text(item: h5py.Dataset | None) -> str:
    if item is None or item.size != 1 or item.dtype.kind not in "SO":
        return ""
    value = np.ravel(item[()])[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
