"""Datasets whose axes are described, as cubes: which axis is spectral, and which are spatial.

HyperSpy, NeXus, EMD and NetCDF describe the axes of an array in four ways, and mean the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Sampling
from ..metadata.named_arrays import axis_from_vector, cube_from_array
from ..metadata.units import length_unit, spectral_unit, stated_axis
from .file import lazy_dataset, text

SPECTRAL_NAME: Final = re.compile(
    r"wave|lambda|raman|shift|energy|freq|^m.?z$|mass|wn$|wl$|ppm|spectr|channel", re.IGNORECASE
)
SPATIAL_NAME: Final = re.compile(r"(?:^|[^a-z])([tzyx])(?:$|[^a-z])|^(time)", re.IGNORECASE)
SPECTRAL_ONLY: Final = ("1/cm", "eV", "THz", "m/z")
"""Units in which no length is measured."""


@dataclass(frozen=True)
class Dimension:
    """What a file says of one axis of an array."""

    name: str = ""
    units: str = ""
    values: NDArray[np.float64] | None = None
    spectral: bool | None = None
    """None: the file does not say."""

    def axis(self) -> SpectralAxis | None:
        """Return it as a spectral axis."""
        if self.values is None:
            return None
        stated = stated_axis(self.units, self.values, name=self.name)
        if stated is None:
            return axis_from_vector(self.name, self.values)
        if stated.unit == "1/cm" and re.search("raman|shift", self.name, re.IGNORECASE):
            return replace(stated, kind="raman_shift")
        return stated

    def sampling(self) -> Sampling:
        """Return it as an axis in space or time; without values, pixels are counted."""
        if self.values is None or not len(self.values):
            return Sampling()
        start = float(self.values[0])
        last = float(self.values[-1])
        step = (last - start) / (len(self.values) - 1) if len(self.values) > 1 else 1.0
        return Sampling(step, start, length_unit(self.units))

    @property
    def may_be_spectral(self) -> bool:
        """Whether the file leaves open if it is the spectral axis."""
        return self.spectral is None

    @property
    def has_spectral_name(self) -> bool:
        """Whether its name is that of a spectral quantity."""
        return bool(SPECTRAL_NAME.search(self.name))

    @property
    def has_spectral_unit(self) -> bool:
        """Whether only spectra are measured in its unit."""
        unit = spectral_unit(self.units)
        return unit is not None and unit.unit in SPECTRAL_ONLY


def cube_of_dataset(
    path: Path, dataset: h5py.Dataset, dimensions: list[Dimension], *, name: str, **parameters: Any
) -> Cube:
    """Return the cube of a dataset each of whose axes is described.

    Parameters
    ----------
    dataset : h5py.Dataset
        With an axis for each of `dimensions`, in their order.
    **parameters
        Further parameters of `Cube`.
    """
    layout = _layout(dimensions)
    by_letter = dict(zip(layout, dimensions, strict=True))
    nothing = Dimension()
    y = by_letter.get("y", nothing).sampling()
    x = by_letter.get("x", nothing).sampling()
    for letter in "tz":
        if letter in by_letter:
            parameters[letter] = by_letter[letter].sampling()
    parameters.setdefault("intensity_unit", text(dataset, "units") or None)
    return cube_from_array(
        lazy_dataset(path, dataset),
        layout,
        by_letter.get("b", nothing).axis(),
        name=name,
        history=(f"read {path.name}",),
        pixel_size=(y.step or 1.0, x.step or 1.0),
        origin=(y.start, x.start),
        pixel_unit=x.unit or y.unit,
        **parameters,
    )


def _layout(dimensions: list[Dimension]) -> str:
    """Return the letter of each axis: b for the spectral one, then by their names, then by habit."""
    letters: list[str | None] = [None] * len(dimensions)
    spectral = _spectral_axis(dimensions)
    if spectral is not None:
        letters[spectral] = "b"
    for axis, dimension in enumerate(dimensions):
        named = SPATIAL_NAME.search(dimension.name)
        if named is None or letters[axis] is not None:
            continue
        letter = (named[1] or "t").lower()
        if letter not in letters:
            letters[axis] = letter
    # the last axis without a letter is the fastest one
    free = [letter for letter in "xyzt" if letter not in letters]
    for axis in reversed(range(len(letters))):
        if letters[axis] is None:
            letters[axis] = free.pop(0)
    return "".join(letter or "" for letter in letters)


def _spectral_axis(dimensions: list[Dimension]) -> int | None:
    """Return which axis is the spectral one; None for an image or a stack of images."""
    stated = [axis for axis, each in enumerate(dimensions) if each.spectral]
    if stated:
        return stated[-1]
    open_axes = [axis for axis, each in enumerate(dimensions) if each.may_be_spectral]
    named = [axis for axis in open_axes if dimensions[axis].has_spectral_name]
    if named:
        return named[-1]
    measured = [axis for axis in open_axes if dimensions[axis].has_spectral_unit]
    if measured:
        return measured[-1]
    unnamed = [axis for axis in open_axes if not SPATIAL_NAME.search(dimensions[axis].name)]
    if unnamed and len(dimensions) != 2:  # two axes are an image
        return unnamed[-1]
    return None
