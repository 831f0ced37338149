"""Datasets whose axes are described, as cubes: which axis is the spectrum, and which are places.

HyperSpy, NeXus, EMD and NetCDF describe the axes of an array in four ways, and mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Sampling
from ..metadata.named_arrays import axis_from_vector, cube_from_array
from ..metadata.units import axis_in, place_unit, spectral_unit
from .file import lazy, text

SPECTRAL_NAME: Final = re.compile(
    r"wave|lambda|raman|shift|energy|freq|^m.?z$|mass|wn$|wl$|ppm|spectr|channel", re.IGNORECASE
)
PLACE_NAME: Final = re.compile(r"(?:^|[^a-z])([tzyx])(?:$|[^a-z])|^(time)", re.IGNORECASE)
SPECTRAL_ONLY: Final = ("1/cm", "eV", "THz", "m/z")
"""Units that no place is measured in."""


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
        stated = axis_in(f"{self.units}", self.values)
        if stated is None or stated.unit is None:
            return axis_from_vector(self.name, self.values)
        raman = stated.unit == "1/cm" and re.search("raman|shift", self.name, re.IGNORECASE)
        return replace(stated, kind="raman_shift") if raman else stated

    def sampling(self) -> tuple[float, float, str | None]:
        """Return step, start and unit, as a place axis."""
        if self.values is None or not len(self.values):
            return 1.0, 0.0, None
        start, last = float(self.values[0]), float(self.values[-1])
        step = (last - start) / (len(self.values) - 1) if len(self.values) > 1 else 1.0
        return step, start, place_unit(self.units)


def image_of(
    path: Path, dataset: h5py.Dataset, dimensions: list[Dimension], *, name: str, **about: Any
) -> Cube:
    """Return the cube of a dataset each of whose axes is described."""
    layout = _letters(dimensions)
    of = dict(zip(layout, dimensions, strict=True))
    height, top, unit = of["y"].sampling() if "y" in of else (1.0, 0.0, None)
    width, left, x_unit = of["x"].sampling() if "x" in of else (1.0, 0.0, None)
    for letter in "tz":
        if letter in of:
            about[letter] = Sampling(*of[letter].sampling())
    about.setdefault("intensity_unit", text(dataset, "units") or None)
    return cube_from_array(
        lazy(path, dataset),
        layout,
        of["b"].axis() if "b" in of else None,
        name=name,
        history=(f"read {path.name}",),
        pixel_size=(abs(height) or 1.0, abs(width) or 1.0),
        origin=(top, left),
        pixel_unit=x_unit or unit,
        **about,
    )


def _letters(dimensions: list[Dimension]) -> str:
    """Return the layout: what is named or measured as a spectrum, and places for the rest."""
    letters: list[str | None] = [None] * len(dimensions)
    band = _band_place(dimensions)
    if band is not None:
        letters[band] = "b"
    for place, dimension in enumerate(dimensions):
        named = PLACE_NAME.search(dimension.name)
        letter = (named[1] or "t").lower() if named else None
        if letters[place] is None and letter and letter not in letters:
            letters[place] = letter
    free = [letter for letter in "xyzt" if letter not in letters]
    for place in reversed(range(len(letters))):
        letters[place] = letters[place] or free.pop(0)
    return "".join(letter or "" for letter in letters)


def _band_place(dimensions: list[Dimension]) -> int | None:
    """Return which axis is the spectral one; None for an image or a stack of images."""
    tests: tuple[Callable[[Dimension], bool], ...] = (
        lambda d: d.spectral is True,
        lambda d: d.spectral is None and bool(SPECTRAL_NAME.search(d.name)),
        lambda d: (
            d.spectral is None and getattr(spectral_unit(d.units), "unit", None) in SPECTRAL_ONLY
        ),
        lambda d: d.spectral is None and not PLACE_NAME.search(d.name) and len(dimensions) != 2,
    )
    for test in tests:
        found = [place for place, dimension in enumerate(dimensions) if test(dimension)]
        if found:
            return found[-1]
    return None
