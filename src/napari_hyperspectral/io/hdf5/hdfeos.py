"""HDF-EOS: cubes of satellites below HDFEOS, their wavelengths in attributes.

Sources: ASI, "PRISMA Products Specification Document" (List_Cw_Vnir, List_Fwhm_Vnir …); Planet,
"Tanager Core Imagery Product Specification" (wavelengths, fwhm and good_wavelengths of a field).
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import Kind, SpectralAxis
from ...cube import Image
from ..metadata.named_arrays import cube_from_array, layout_with_bands, wavelength_unit
from .file import attribute, datasets, group_in, lazy_dataset, text, tree


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the fields of which wavelengths are stated."""
    root = group_in(file, "HDFEOS")
    if root is None:
        return []
    metadata = tree(file, 1)
    images: list[Image] = []
    for item in datasets(root):
        if item.ndim != 3 or item.dtype.kind not in "iuf":
            continue
        name = item.name.rpartition("/")[2]
        axis = _axis_of_field(item) or _axis_in_root(file, name)
        layout = None if axis is None else layout_with_bands(item.shape, len(axis))
        if axis is None or layout is None:
            continue
        cube = cube_from_array(
            lazy_dataset(path, item),
            layout,
            axis,
            name=name,
            intensity_unit=text(item, "units") or text(item, "Unit") or None,
            metadata=metadata,
            history=(f"read {path.name}",),
        )
        images.append(cube)
    return images


def _axis_of_field(item: h5py.Dataset) -> SpectralAxis | None:
    """Return the axis that the field itself states."""
    centres = _vector(item, "wavelengths")
    if centres is None:
        return None
    good = _vector(item, "good_wavelengths")
    bad = None if good is None or len(good) != len(centres) else good == 0
    return _axis(centres, _vector(item, "fwhm"), bad)


def _axis_in_root(file: h5py.File, name: str) -> SpectralAxis | None:
    """Return the axis of a list at the root, as List_Cw_Vnir of VNIR_Cube."""
    detector = re.match(r"([A-Za-z]+)_Cube", name)
    if detector is None:
        return None
    suffix = detector[1].title()
    centres = _vector(file, f"List_Cw_{suffix}")
    if centres is None:
        return None
    return _axis(centres, _vector(file, f"List_Fwhm_{suffix}"), centres <= 0)  # 0: no band at all


def _axis(
    centres: NDArray[np.float64], widths: NDArray[np.float64] | None, bad: NDArray[np.bool_] | None
) -> SpectralAxis:
    """Return an axis in the unit that the size of its centres, (band,), suggests."""
    unit = wavelength_unit(centres[centres > 0])
    if widths is not None and len(widths) != len(centres):
        widths = None
    if bad is not None and not bad.any():
        bad = None
    kind: Kind = "wavelength" if unit else "index"
    return SpectralAxis(centres, unit, kind, widths=widths, bad=bad, guessed=unit is None)


def _vector(item: h5py.Group | h5py.Dataset, name: str) -> NDArray[np.float64] | None:
    """Return a list of numbers among the attributes."""
    value = attribute(item, name)
    if not isinstance(value, list) or not all(isinstance(each, (int, float)) for each in value):
        return None
    return np.array(value, np.float64)
