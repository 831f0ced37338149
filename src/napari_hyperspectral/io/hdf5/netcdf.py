"""NetCDF: arrays with named dimensions, coordinates and units; version 4 is HDF5, 3 its own format.

A dimension is spectral where a coordinate of its name, or another vector along it in any group
(`sensor_band_parameters/wavelengths`), is one. Scale factors and fill values are told, not applied.

Sources: Unidata, "NetCDF Classic Format Specification" and "NetCDF-4 Format",
https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html ; "CF Conventions",
https://cfconventions.org
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image, Sampling, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import axis_from_vector, cube_from_array, wavelength_unit
from ..metadata.units import axis_in, place_unit, spectral_unit
from ..source import Source
from . import reader as hdf5
from .file import attribute, datasets, lazy, numbers, opened, own_description, text
from .image import SPECTRAL_NAME, Dimension
from .netcdf3 import Variable, read_variables

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_CLASSIC: Final = (b"CDF\x01", b"CDF\x02")
_NO_VECTOR: Final = "This is a netCDF dimension but not a netCDF variable"
_PLACES: Final = (
    ("x", r"^x$|^lon|column|cross.?track|sample|pixel|^width"),
    ("y", r"^y$|^lat|^row|^line|down.?track|along.?track|scan|^height"),
    ("t", r"time|^t$|date|frame"),
    ("z", r"^z$|depth|level|altitude"),
)

_HIDDEN: Final = (
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "CLASS",
    "NAME",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
)
"""Attributes by which NetCDF keeps its dimensions in HDF5."""


@dataclass(frozen=True)
class _Variable:
    """An array of a file, its dimensions by name."""

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    about: Mapping[str, Any]
    load: Callable[[], Any]
    """Returns the values, lazily where they are many."""

    @property
    def last_name(self) -> str:
        return self.name.rpartition("/")[2]

    def text(self, key: str) -> str:
        return str(self.about.get(key, "") or "")


def read_images(source: Source) -> list[Image]:
    """Read the variables that have a spectral dimension; where none has, those with most axes."""
    with source.path.open("rb") as file:
        start = file.read(8)
    if start == _HDF5:
        return _newer(source)
    if start[:4] in _CLASSIC:
        variables, about = _classic(source.path)
        return _images(source, variables, about)
    if start[:3] == b"CDF":
        what = "64-bit data NetCDF (CDF-5)" if start[3:4] == b"\x05" else "a NetCDF of another kind"
        raise FileFormatError(source.path, what, "convert it with: nccopy -k netCDF-4")
    raise FileFormatError(
        source.path, "not a NetCDF file", "give the file its right suffix, or copy it again"
    )


# ---------------------------------------------------------------------------------- version 4


def _newer(source: Source) -> list[Image]:
    if source.axes is not None:  # the array is named, and its layout: as in any HDF5
        return hdf5.read_images(source)
    with opened(source.path) as file:
        ours = own_description(file)
        if ours is not None:
            return [image_from(lazy(source.path, ours[1]), ours[0])]
        variables = [
            _variable(source.path, item)
            for item in datasets(file)
            if item.dtype.kind in "iufb" and not str(attribute(item, "NAME")).startswith(_NO_VECTOR)
        ]
        about = {key: value for key in file.attrs if (value := attribute(file, key)) is not None}
        return _images(source, variables, about)


def _variable(path: Path, item: h5py.Dataset) -> _Variable:
    values = [(key, attribute(item, key)) for key in item.attrs if key not in _HIDDEN]
    small = item.ndim < 2
    data = numbers(item) if small and item.size else lazy(path, item)
    return _Variable(
        item.name.strip("/"),
        tuple(_dimension_name(item, place) for place in range(item.ndim)),
        item.shape,
        item.dtype,
        {key: value for key, value in values if value is not None},
        lambda: data,
    )


def _dimension_name(item: h5py.Dataset, place: int) -> str:
    """Return the name of the scale of a dimension.

    Its attributes are read one by one: the library's own functions for scales never return from
    some damaged files.
    """
    own = f"{item.name.strip('/')}/dim{place}"
    if text(item, "CLASS") == "DIMENSION_SCALE":
        return str(item.name).strip("/")
    try:
        kind = item.attrs.get_id("DIMENSION_LIST").get_type()
        if not isinstance(kind.get_super(), h5py.h5t.TypeReferenceID):
            return own  # a damaged type, from which h5py would crash
        scale = item.file[item.attrs["DIMENSION_LIST"][place][0]]
    except (KeyError, IndexError, TypeError, ValueError, OSError, RuntimeError):
        return own
    return str(scale.name).strip("/") if isinstance(scale, h5py.Dataset) else own


# ---------------------------------------------------------------------------------- classic


def _classic(path: Path) -> tuple[list[_Variable], dict[str, Any]]:
    found, about = read_variables(path)
    return [_classic_variable(each) for each in found if each.data.dtype.kind in "iuf"], about


def _classic_variable(found: Variable) -> _Variable:
    data = found.data
    return _Variable(
        found.name, found.dimensions, data.shape, data.dtype, found.attributes, lambda: data
    )


# ---------------------------------------------------------------------------------- images


def _images(source: Source, variables: list[_Variable], about: dict[str, Any]) -> list[Image]:
    vectors = [v for v in variables if len(v.dimensions) == 1]
    spectral = {v.dimensions[0] for v in vectors if _is_spectral(v)}
    arrays = [v for v in variables if len(v.dimensions) > 1 and 0 not in v.shape]
    if source.array is not None:
        chosen = [v for v in variables if source.array in (v.name, v.last_name)]
    else:
        chosen = [v for v in arrays if len(v.shape) > 2 and spectral & {*v.dimensions}]
        chosen = chosen or [v for v in arrays if spectral & {*v.dimensions}]
        most = max((len(v.shape) for v in arrays), default=0)
        chosen = chosen or [v for v in arrays if len(v.shape) == most]
    chosen = [v for v in chosen if len(v.shape) <= 5]
    if not chosen:
        listed = ", ".join(f"{v.name} {v.shape}" for v in variables) or "nothing"
        wanted = repr(source.array) if source.array else "with two to five axes"
        raise FileFormatError(source.path, f"no array {wanted}", f"there is {listed}")
    return [_image(source, variable, variables, about) for variable in chosen]


def _is_spectral(vector: _Variable) -> bool:
    """Whether a vector tells the wavelengths of bands."""
    stated = f"{vector.last_name} {vector.text('standard_name')}"
    unit = spectral_unit(vector.text("units"))
    if re.search(r"fwhm|width|good|irradiance|gain|coef|offset", vector.last_name, re.IGNORECASE):
        return False
    return bool(re.search(r"wavelength|wavenumber|raman|lambda", stated, re.IGNORECASE)) or bool(
        SPECTRAL_NAME.search(stated) and unit is not None
    )


def _image(
    source: Source, variable: _Variable, variables: list[_Variable], about: dict[str, Any]
) -> Cube:
    along = [
        [v for v in variables if v.dimensions == (name,) and v.shape == (size,)]
        for name, size in zip(variable.dimensions, variable.shape, strict=True)
    ]
    letters = _letters(variable.dimensions, along)
    of = dict(zip(letters, zip(variable.dimensions, along, strict=True), strict=True))
    y, x = (_place(*of[letter]) if letter in of else Dimension() for letter in "yx")
    (height, top, y_unit), (width, left, x_unit) = y.sampling(), x.sampling()
    stacks = {letter: Sampling(*_place(*of[letter]).sampling()) for letter in "tz" if letter in of}
    axis = _axis(of["b"][1]) if "b" in of else None
    return cube_from_array(
        variable.load(),
        letters,
        axis,
        name=variable.name,
        history=(f"read {source.path.name}",),
        pixel_size=(abs(height) or 1.0, abs(width) or 1.0),
        origin=(top, left),
        pixel_unit=x_unit or y_unit,
        intensity_unit=variable.text("units") or None,
        georeference=_georeference(variable, variables),
        metadata={"variable": _json(variable.about), "file": _json(about)},
        **stacks,
    )


def _letters(names: tuple[str, ...], along: list[list[_Variable]]) -> str:
    """Return the layout: the spectral dimension, places by their names, the rest in order."""
    letters: list[str] = ["" for _ in names]
    for place, vectors in enumerate(along):
        if any(map(_is_spectral, vectors)) and "b" not in letters:
            letters[place] = "b"
    for place, name in enumerate(names):
        marks = [v.text("axis").lower() for v in along[place] if v.name == name]
        found = next((mark for mark in marks if mark in ("x", "y", "z", "t")), None)
        last = name.rpartition("/")[2].lower()
        found = found or next((letter for letter, p in _PLACES if re.search(p, last)), None)
        if not letters[place] and found and found not in letters:
            letters[place] = found
    for place, name in enumerate(names):
        if not letters[place] and "b" not in letters and re.search("band|channel", name.lower()):
            letters[place] = "b"
    free = [letter for letter in "xyzbt" if letter not in letters]
    for place in reversed(range(len(names))):
        letters[place] = letters[place] or free.pop(0)
    return "".join(letters)


def _place(name: str, vectors: list[_Variable]) -> Dimension:
    found = next((v for v in vectors if v.name == name), None)
    if found is None or found.shape[0] < 2:
        return Dimension(name)
    values = np.asarray(found.load(), np.float64)
    steps = np.diff(values)
    if not np.isfinite(values).all() or np.ptp(steps) > 0.01 * abs(steps.mean()):
        return Dimension(name)  # of uneven lines there is no one size of a pixel
    units = found.text("units")
    since = re.match(r"(\w+) since", units)
    return Dimension(name, since[1] if since else place_unit(units) or "", values)


def _axis(vectors: list[_Variable]) -> SpectralAxis | None:
    found = next(filter(_is_spectral, vectors), None)
    if found is None:
        return None
    centres = np.asarray(found.load(), np.float64)
    stated = axis_in(found.text("units"), centres)
    if stated is None:
        unit = wavelength_unit(centres)
        if unit is None:
            return axis_from_vector(found.name, centres)
        stated = SpectralAxis(centres, unit, "wavelength", guessed=True)
    widths = _beside(vectors, r"fwhm|bandwidth")
    good = _beside(vectors, r"^good")
    factor = 1.0 if not centres[0] else stated.centres[0] / centres[0]
    return SpectralAxis(
        stated.centres,
        stated.unit,
        stated.kind,
        widths=None if widths is None else widths * factor,
        bad=None if good is None or (good != 0).all() else good == 0,
        guessed=stated.guessed,
    )


def _beside(vectors: list[_Variable], pattern: str) -> NDArray[np.float64] | None:
    found = [v for v in vectors if re.search(pattern, v.last_name, re.IGNORECASE)]
    return np.asarray(found[0].load(), np.float64) if found else None


def _georeference(variable: _Variable, variables: list[_Variable]) -> dict[str, Any] | None:
    """Return what the grid mapping of a variable says of its projection."""
    name = variable.text("grid_mapping")
    found = next((v for v in variables if name and v.last_name == name), None)
    return None if found is None else _json(found.about)


def _json(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is plain JSON, numbers that are none as text: a fill value may be NaN."""
    return {key: _jsonable(value) for key, value in about.items() if _jsonable(value) is not None}


def _jsonable(value: Any) -> Any:
    if isinstance(value, list):
        parts = [_jsonable(each) for each in value]
        return None if any(part is None for part in parts) else parts
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) else None
