"""NetCDF: arrays with named dimensions, coordinates and units; version 4 is HDF5, 3 its own format.

A dimension is spectral where a coordinate of its name, or another vector along it in any group
(`sensor_band_parameters/wavelengths`), is one. Scale factors and fill values are kept as metadata,
not applied.

Sources: Unidata, "NetCDF Classic Format Specification" and "NetCDF-4 Format",
https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html ; "CF Conventions",
https://cfconventions.org
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image, Sampling, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import axis_from_vector, cube_from_array, wavelength_unit
from ..metadata.separate_bands import BandArray, BandSeries, series_of_bands
from ..metadata.units import spectral_unit, stated_axis
from ..source import Source
from . import hdf4
from . import reader as hdf5
from .file import (
    attribute,
    datasets,
    lazy_dataset,
    loaded_vector,
    opened_hdf5,
    own_description,
    text,
)
from .image import SPECTRAL_NAME, Dimension
from .netcdf3 import Variable, read_variables

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_CLASSIC: Final = (b"CDF\x01", b"CDF\x02")
_NO_VECTOR: Final = "This is a netCDF dimension but not a netCDF variable"
"""Name of a dataset that stands for a dimension without values."""
_SPATIAL: Final = (  # letter of an axis, and names of such dimensions
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
_NO_CENTRES: Final = r"fwhm|width|good|irradiance|gain|coef|offset"
"""Names of vectors along the bands that are not their centres."""


@dataclass(frozen=True)
class _Variable:
    """An array of a file, its dimensions by name."""

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    load: Callable[[], Any]
    """Returns the values, lazily where they are many."""

    @property
    def last_name(self) -> str:
        """Return the name without those of its groups."""
        return self.name.rpartition("/")[2]

    def text(self, key: str) -> str:
        """Return an attribute as text; empty where there is none."""
        return str(self.attributes.get(key, "") or "")

    def numbers(self) -> NDArray[np.float64]:
        """Load the values."""
        return np.asarray(self.load(), np.float64)

    @property
    def is_spectral(self) -> bool:
        """Whether it is a vector of the wavelengths of bands."""
        if re.search(_NO_CENTRES, self.last_name, re.IGNORECASE):
            return False
        names = f"{self.last_name} {self.text('standard_name')}"
        if re.search(r"wavelength|wavenumber|raman|lambda", names, re.IGNORECASE):
            return True
        has_unit = spectral_unit(self.text("units")) is not None
        return has_unit and bool(SPECTRAL_NAME.search(names))


class _Axis(NamedTuple):
    """A dimension of a variable, and the vectors along it."""

    name: str
    vectors: Sequence[_Variable]

    @property
    def is_spectral(self) -> bool:
        """Whether one of the vectors has wavelengths."""
        return any(vector.is_spectral for vector in self.vectors)

    @property
    def coordinate(self) -> _Variable | None:
        """Return the vector of the same name (CF conventions, 5)."""
        return next((vector for vector in self.vectors if vector.name == self.name), None)

    @property
    def spatial_letter(self) -> str | None:
        """Return x, y, z or t as its coordinate states, or as its name suggests."""
        stated = "" if self.coordinate is None else self.coordinate.text("axis").lower()
        if stated in ("x", "y", "z", "t"):
            return stated
        last_name = self.name.rpartition("/")[2].lower()
        return next((letter for letter, p in _SPATIAL if re.search(p, last_name)), None)


def read_images(source: Source) -> list[Image]:
    """Read the variables that have a spectral dimension; where none has, those with most axes."""
    with source.path.open("rb") as file:
        start = file.read(8)
    if start == _SIGNATURE:
        return _read_version_4(source)
    if start[:4] in _CLASSIC or hdf4.is_hdf4(source.path):
        read = read_variables if start[:4] in _CLASSIC else hdf4.read_variables
        stored, attributes = read(source.path)
        numeric = [each for each in stored if each.data.dtype.kind in "iuf"]
        return _images(source, [_classic_variable(each) for each in numeric], attributes)
    if start[:3] == b"CDF":
        what = "64-bit data NetCDF (CDF-5)" if start[3:4] == b"\x05" else "a NetCDF of another kind"
        raise FileFormatError(source.path, what, "convert it with: nccopy -k netCDF-4")
    raise FileFormatError(
        source.path, "not a NetCDF file", "give the file its right suffix, or copy it again"
    )


def _classic_variable(stored: Variable) -> _Variable:
    data = stored.data
    return _Variable(
        stored.name, stored.dimensions, data.shape, data.dtype, stored.attributes, lambda: data
    )


# ---------------------------------------------------------------------------------- version 4


def _read_version_4(source: Source) -> list[Image]:
    if source.axes is not None:  # the array is named, and its layout: as in any HDF5
        return hdf5.read_images(source)
    with opened_hdf5(source.path) as file:
        ours = own_description(file)
        if ours is not None:
            description, dataset = ours
            return [image_from(lazy_dataset(source.path, dataset), description)]
        variables = []
        for item in datasets(file):
            is_dimension = str(attribute(item, "NAME")).startswith(_NO_VECTOR)
            if item.dtype.kind in "iufb" and not is_dimension:
                variables.append(_variable(source.path, item))
        return _images(source, variables, _attributes(file))


def _attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    attributes = {}
    for key in item.attrs:
        value = attribute(item, key)
        if value is not None:
            attributes[key] = value
    return attributes


def _variable(path: Path, item: h5py.Dataset) -> _Variable:
    """Return a dataset as a variable; vectors are loaded, arrays are lazy."""
    attributes = _attributes(item)
    is_vector = item.ndim < 2 and item.size
    data = loaded_vector(item) if is_vector else lazy_dataset(path, item)
    return _Variable(
        item.name.strip("/"),
        tuple(_dimension_name(item, axis) for axis in range(item.ndim)),
        item.shape,
        item.dtype,
        {key: value for key, value in attributes.items() if key not in _HIDDEN},
        lambda: data,
    )


def _dimension_name(item: h5py.Dataset, axis: int) -> str:
    """Return the name of the scale of a dimension.

    Its attributes are read one by one: the library's own functions for scales never return from
    some damaged files.
    """
    own = f"{item.name.strip('/')}/dim{axis}"
    if text(item, "CLASS") == "DIMENSION_SCALE":
        return str(item.name).strip("/")
    try:
        kind = item.attrs.get_id("DIMENSION_LIST").get_type()
        if not isinstance(kind.get_super(), h5py.h5t.TypeReferenceID):
            return own  # a damaged type, from which h5py would crash
        scale = item.file[item.attrs["DIMENSION_LIST"][axis][0]]
    except (KeyError, IndexError, TypeError, ValueError, OSError, RuntimeError):
        return own
    return str(scale.name).strip("/") if isinstance(scale, h5py.Dataset) else own


# ---------------------------------------------------------------------------------- images


def _images(
    source: Source, variables: Sequence[_Variable], attributes: Mapping[str, Any]
) -> list[Image]:
    """Return the chosen variables as cubes.

    Parameters
    ----------
    attributes : mapping
        Of the file, kept as metadata.
    """
    chosen = _chosen(source, variables)
    series = _series(source, variables, chosen)
    if series:
        return [_image_of_series(source, each, variables, attributes) for each in series]
    if not chosen:
        listed = ", ".join(f"{each.name} {each.shape}" for each in variables) or "nothing"
        asked = repr(source.array) if source.array else "with two to five axes"
        raise FileFormatError(source.path, f"no array {asked}", f"there is {listed}")
    return [_image(source, variable, variables, attributes) for variable in chosen]


def _series(
    source: Source, variables: Sequence[_Variable], chosen: Sequence[_Variable]
) -> list[BandSeries]:
    """Return the cubes that variables of one band each make, where no variable is one itself."""
    if source.array is not None and chosen:
        return []  # one band of them was asked for
    spectral = _spectral_dimensions(variables)
    if source.array is None and any(spectral & {*each.dimensions} for each in chosen):
        return []
    planes = []
    for each in variables:
        is_plane = 2 <= len(each.shape) <= 4 and 0 not in each.shape
        if is_plane and not spectral & {*each.dimensions}:
            own = f"{each.name}/dim"  # of dimensions that the file does not name
            dimensions = tuple("" if name.startswith(own) else name for name in each.dimensions)
            planes.append(BandArray(each.name, each.shape, each.dtype, each.attributes, dimensions))
    series = series_of_bands(source.path, planes)
    return [each for each in series if source.array in (None, each.name)]


def _image_of_series(
    source: Source,
    series: BandSeries,
    variables: Sequence[_Variable],
    attributes: Mapping[str, Any],
) -> Cube:
    """Return the cube of variables of one band each, where the first one lies."""
    by_name = {each.name: each for each in variables}
    first = by_name[series.members[0].name]
    data = series.stacked({each.name: by_name[each.name].load() for each in series.members})
    joined = _Variable(
        series.name,
        ("band", *first.dimensions),
        data.shape,
        first.dtype,
        first.attributes,
        lambda: data,
    )
    cube = _image(source, joined, variables, attributes)
    metadata = {key: _json(value) for key, value in series.metadata.items()}
    return replace(cube, axis=series.axis, metadata={**cube.metadata, **metadata})


def _chosen(source: Source, variables: Sequence[_Variable]) -> list[_Variable]:
    """Return the variable asked for, else the most likely ones; at most (t, z, band, y, x)."""
    if source.array is not None:
        named = [each for each in variables if source.array in (each.name, each.last_name)]
        return [each for each in named if len(each.shape) <= 5]
    spectral = _spectral_dimensions(variables)
    arrays = [each for each in variables if len(each.dimensions) > 1 and 0 not in each.shape]
    with_bands = [each for each in arrays if spectral & {*each.dimensions}]
    images = [each for each in with_bands if len(each.shape) > 2]
    candidates = images or with_bands
    if not candidates:
        most = max((len(each.shape) for each in arrays), default=0)
        candidates = [each for each in arrays if len(each.shape) == most]
    return [each for each in candidates if len(each.shape) <= 5]


def _spectral_dimensions(variables: Sequence[_Variable]) -> set[str]:
    """Return the dimensions along which a vector has wavelengths."""
    spectral = set()
    for vector in variables:
        if len(vector.dimensions) == 1 and vector.is_spectral:
            spectral.add(vector.dimensions[0])
    return spectral


def _image(
    source: Source,
    variable: _Variable,
    variables: Sequence[_Variable],
    attributes: Mapping[str, Any],
) -> Cube:
    """Return a variable as a cube, with what the vectors along its dimensions say."""
    axes = []
    for name, size in zip(variable.dimensions, variable.shape, strict=True):
        along = [each for each in variables if each.dimensions == (name,) and each.shape == (size,)]
        axes.append(_Axis(name, along))
    layout = _layout(axes)
    by_letter = dict(zip(layout, axes, strict=True))
    y = _sampling(by_letter.get("y"))
    x = _sampling(by_letter.get("x"))
    stacks = {letter: _sampling(by_letter[letter]) for letter in "tz" if letter in by_letter}
    return cube_from_array(
        variable.load(),
        layout,
        _spectral_axis(by_letter["b"].vectors) if "b" in by_letter else None,
        name=variable.name,
        history=(f"read {source.path.name}",),
        pixel_size=(y.step or 1.0, x.step or 1.0),
        origin=(y.start, x.start),
        pixel_unit=x.unit or y.unit,
        intensity_unit=variable.text("units") or None,
        georeference=_georeference(variable, variables),
        metadata={"variable": _json(variable.attributes), "file": _json(attributes)},
        **stacks,
    )


def _layout(axes: Sequence[_Axis]) -> str:
    """Return the letter of each dimension: spectral ones, then by their names, then by habit."""
    letters = [""] * len(axes)
    for number, axis in enumerate(axes):
        if axis.is_spectral and "b" not in letters:
            letters[number] = "b"
    for number, axis in enumerate(axes):
        letter = axis.spatial_letter
        if not letters[number] and letter and letter not in letters:
            letters[number] = letter
    for number, axis in enumerate(axes):
        named = re.search("band|channel", axis.name.lower())
        if not letters[number] and "b" not in letters and named:
            letters[number] = "b"
    # the last dimension without a letter is the fastest one
    free = [letter for letter in "xyzbt" if letter not in letters]
    for number in reversed(range(len(axes))):
        letters[number] = letters[number] or free.pop(0)
    return "".join(letters)


def _sampling(axis: _Axis | None) -> Sampling:
    """Return where the pixels, planes or frames along a dimension lie; without values, counted."""
    coordinate = None if axis is None else axis.coordinate
    if coordinate is None or coordinate.shape[0] < 2:
        return Sampling()
    values = coordinate.numbers()
    steps = np.diff(values)
    if not np.isfinite(values).all() or np.ptp(steps) > 0.01 * abs(steps.mean()):
        return Sampling()  # of uneven lines there is no one size of a pixel
    units = coordinate.text("units")
    since = re.match(r"(\w+) since", units)  # "seconds since 1970-01-01"
    return Dimension(units=since[1] if since else units, values=values).sampling()


def _spectral_axis(vectors: Sequence[_Variable]) -> SpectralAxis | None:
    """Return the axis of the first spectral vector; others may be its widths and bad bands."""
    vector = next((each for each in vectors if each.is_spectral), None)
    if vector is None:
        return None
    centres = vector.numbers()
    axis = stated_axis(vector.text("units"), centres, name=vector.last_name)
    if axis is None:
        unit = wavelength_unit(centres)
        if unit is None:
            return axis_from_vector(vector.name, centres)
        axis = SpectralAxis(centres, unit, "wavelength", guessed=True)
    widths = _values_named(vectors, r"fwhm|bandwidth")
    if widths is not None:
        factor = axis.centres[0] / centres[0] if centres[0] else 1.0  # to the unit of the axis
        widths = widths * factor
    good = _values_named(vectors, r"^good")
    bad = None if good is None or (good != 0).all() else good == 0
    return replace(axis, widths=widths, bad=bad)


def _values_named(vectors: Sequence[_Variable], pattern: str) -> NDArray[np.float64] | None:
    for vector in vectors:
        if re.search(pattern, vector.last_name, re.IGNORECASE):
            return vector.numbers()
    return None


def _georeference(variable: _Variable, variables: Sequence[_Variable]) -> dict[str, Any] | None:
    """Return what the grid mapping of a variable says of its projection."""
    name = variable.text("grid_mapping")
    for each in variables:
        if name and each.last_name == name:
            return _json(each.attributes)
    return None


def _json(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is plain JSON, numbers that are none as text: a fill value may be NaN."""
    plain = {key: _jsonable(value) for key, value in attributes.items()}
    return {key: value for key, value in plain.items() if value is not None}


def _jsonable(value: Any) -> Any:
    if isinstance(value, list):
        parts = [_jsonable(each) for each in value]
        return None if any(part is None for part in parts) else parts
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) else None
