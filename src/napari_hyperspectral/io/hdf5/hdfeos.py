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

from ...axis import SpectralAxis
from ...cube import Image
from ..metadata.named_arrays import cube_from_array, layout_with_bands, wavelength_unit
from .file import attribute, datasets, lazy, text, tree


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return the fields of which wavelengths are stated."""
    top = file.get("HDFEOS")
    if not isinstance(top, h5py.Group):
        return []
    images: list[Image] = []
    about = {"metadata": tree(file, 1), "history": (f"read {path.name}",)}
    for item in datasets(top):
        if item.ndim != 3 or item.dtype.kind not in "iuf":
            continue
        name = item.name.rpartition("/")[2]
        axis = _stated(item) or _listed(file, name)
        layout = None if axis is None else layout_with_bands(item.shape, len(axis))
        if axis is not None and layout is not None:
            unit = text(item, "units") or text(item, "Unit") or None
            more = {"intensity_unit": unit} | about
            images.append(cube_from_array(lazy(path, item), layout, axis, name=name, **more))
    return images


def _stated(item: h5py.Dataset) -> SpectralAxis | None:
    """Return the axis that the field itself states."""
    centres = _row(item, "wavelengths")
    if centres is None:
        return None
    good = _row(item, "good_wavelengths")
    bad = None if good is None or len(good) != len(centres) else good == 0
    return _axis(centres, _row(item, "fwhm"), bad)


def _listed(file: h5py.File, name: str) -> SpectralAxis | None:
    """Return the axis of a list at the root, as List_Cw_Vnir of VNIR_Cube; 0 is no band at all."""
    part = re.match(r"([A-Za-z]+)_Cube", name)
    centres = None if part is None else _row(file, f"List_Cw_{part[1].title()}")
    if part is None or centres is None:
        return None
    return _axis(centres, _row(file, f"List_Fwhm_{part[1].title()}"), centres <= 0)


def _axis(
    centres: NDArray[np.float64], widths: NDArray[np.float64] | None, bad: NDArray[np.bool_] | None
) -> SpectralAxis:
    unit = wavelength_unit(centres[centres > 0])
    same = widths is not None and len(widths) == len(centres)
    return SpectralAxis(
        centres,
        unit,
        "wavelength" if unit else "index",
        widths=widths if same else None,
        bad=bad if bad is not None and bad.any() else None,
        guessed=unit is None,
    )


def _row(item: h5py.Group | h5py.Dataset, name: str) -> NDArray[np.float64] | None:
    value = attribute(item, name)
    if not isinstance(value, list) or not all(isinstance(each, (int, float)) for each in value):
        return None
    return np.array(value, np.float64)
