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
from .file import lazy, numbers

_LAYOUT = "btzyx"
_NM = 1e9
"""Lengths are in metres."""


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the spectrum images, and beside them the pictures of the electrons."""
    images: list[Image] = []
    for name, group in file.items():
        about = group.get("ImageData") if isinstance(group, h5py.Group) else None
        dataset = about.get("Image") if isinstance(about, h5py.Group) else None
        if isinstance(dataset, h5py.Dataset) and dataset.ndim == len(_LAYOUT):
            title = _text(group.get("PhysicalData/Title"))
            taken = title in [image.name for image in images]
            label = f"{title} ({name})" if taken else title or f"{path.stem} {name}"
            images.append(_image(path, about, dataset, label))
    return sorted(images, key=lambda image: image.shape[-3] == 1)  # spectra first


def _image(path: Path, about: h5py.Group, dataset: h5py.Dataset, name: str) -> Image:
    bands = dataset.shape[0]
    singles = [place for place in (1, 2) if dataset.shape[place] == 1]
    index = tuple(0 if place in singles else slice(None) for place in range(len(_LAYOUT)))
    layout = "".join(letter for n, letter in enumerate(_LAYOUT) if n not in singles)
    centres = _along(about, "C", bands) if bands > 1 else None
    height, width = (_number(about, f"DimensionScale{letter}", 0) * _NM for letter in "YX")
    stacks = {
        letter: Sampling(
            _number(about, f"DimensionScale{letter.upper()}", 0) * factor or 1, 0, unit
        )
        for letter, factor, unit in (("t", 1, "s"), ("z", _NM, "nm"))
        if letter in layout
    }
    return cube_from_array(
        lazy(path, dataset)[index],
        layout,
        None if centres is None else SpectralAxis(centres * _NM, "nm"),
        name=name,
        pixel_size=(abs(height) or 1.0, abs(width) or 1.0),
        pixel_unit="nm",
        origin=_first_pixel(about, dataset.shape[-2:], (height, width)),
        history=(f"read {path.name}",),
        **stacks,
    )


def _first_pixel(
    about: h5py.Group, shape: tuple[int, int], size: tuple[float, float]
) -> tuple[float, float]:
    """Return where the first pixel is, (y, x) in nm: the file has the centre, its y points up."""
    y, x = (_number(about, f"{letter}Offset", 0) * _NM for letter in "YX")
    return -y - (shape[0] - 1) / 2 * size[0], x - (shape[1] - 1) / 2 * size[1]


def _along(about: h5py.Group, letter: str, size: int) -> NDArray[np.float64] | None:
    """Return the values along an axis: one by one, or a start and a step, or a polynomial."""
    scale = about.get(f"DimensionScale{letter}")
    if not isinstance(scale, h5py.Dataset) or scale.dtype.kind not in "iuf":
        return None
    values = numbers(scale)
    if len(values) == 1 and values[0]:
        values = np.array([_number(about, f"{letter}Offset", 0), values[0]])
    if len(values) == size:
        return values
    if not 2 <= len(values) < min(size, 8):
        return None
    return np.asarray(np.polynomial.polynomial.polyval(np.arange(size), values), np.float64)


def _number(about: h5py.Group, name: str, without: float) -> float:
    item = about.get(name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf" or item.size != 1:
        return without
    value = float(numbers(item)[0])
    return value if np.isfinite(value) else without


def _text(item: object) -> str:
    if not isinstance(item, h5py.Dataset) or item.size != 1 or item.dtype.kind not in "SO":
        return ""
    value = np.ravel(item[()])[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
