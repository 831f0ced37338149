"""Arrays in Zarr stores whose axes have names: as xarray, HyperSpy and napari-sediment write them.

Sources: xarray, "Zarr encoding specification" (names of axes, coordinates),
https://docs.xarray.dev/en/stable/internals/zarr-encoding-spec.html; HyperSpy, "ZSpy",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/zspy.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Sampling
from ...errors import FileFormatError
from ..metadata.axes import band_axis
from ..metadata.fields import Geometry
from ..metadata.json_axis import axis_of_json
from ..metadata.named_arrays import (
    axis_from_vector,
    cube_from_array,
    images_from_arrays,
    names_an_axis,
)
from ..metadata.separate_bands import cubes_of_bands
from ..metadata.units import length_unit, spectral_unit, stated_unit
from ..source import Source
from .store import lazy_array, members_of

_NAMES: Final[Mapping[str, str]] = {  # names of axes, as OME-Zarr and xarray users give them
    **dict.fromkeys(("t", "time"), "t"),
    **dict.fromkeys(("z", "depth"), "z"),
    **dict.fromkeys(("c", "band", "bands", "channel", "channels", "wavelength"), "b"),
    **dict.fromkeys(("wavelengths", "wavenumber", "raman_shift", "spectral", "lambda"), "b"),
    **dict.fromkeys(("wl", "energy", "mz", "m/z", "frequency"), "b"),
    **dict.fromkeys(("y", "lat", "latitude", "row", "rows", "line", "lines", "northing"), "y"),
    **dict.fromkeys(("x", "lon", "longitude", "col", "column", "columns", "easting"), "x"),
    **dict.fromkeys(("sample", "samples", "spectrum"), "x"),
}
_DIMENSIONS: Final = "_ARRAY_DIMENSIONS"
"""Attribute in which xarray keeps the names of axes in stores of version 2."""
_PACKED: Final[Mapping[str, str]] = {
    "scale_factor": "scale",
    "add_offset": "offset",
    "_FillValue": "nodata",
    "missing_value": "nodata",
}
"""How CF packs numbers, by the names that GeoTIFF files have for it; values are left as stored."""
_WAVELENGTHS: Final = "wavelength"
"""Name of a vector that is the spectral axis, whatever its unit."""
_UNDEFINED: Final = ("_None_", "<undefined>", "t.Undefined")
"""How HyperSpy writes that a name or unit is not known."""
_EVEN: Final = 1e-3
"""Relative deviation of a step from their mean, up to which coordinates are even."""

_Arrays: TypeAlias = Mapping[str, Any]
"""The arrays of a group by name; "" where the store is one array."""
_Attributes: TypeAlias = Mapping[str, Any]
"""Attributes of a group or an array, as plain JSON."""


def letters_of(names: Sequence[str]) -> str | None:
    """Return names of axes as letters of a layout; None where one is unknown or comes twice."""
    letters = [_NAMES.get(name.lower(), "") for name in names]
    if not letters or not all(letters) or len(set(letters)) < len(letters):
        return None
    return "".join(letters)


# ------------------------------------------------------------------------------------ xarray


def images_of_arrays(arrays: _Arrays, attributes: _Attributes, source: Source) -> list[Cube]:
    """Return the images among arrays: by the names of their axes, else by their shapes.

    Parameters
    ----------
    arrays : mapping of name to array
        All the arrays of a group.
    attributes : mapping
        Those of the group.
    source : Source
        Which array, in which layout.
    """
    if source.axes is None:
        images = _images_with_named_axes(arrays, attributes, source)
        if images:
            return images
    source = replace(source, array=None)  # the one that was asked for has been opened
    history = (f"read {source.path.name}",)
    lazy_arrays: dict[str, Any] = {n: lazy_array(array, source.path) for n, array in arrays.items()}
    of_arrays = {name: array.attrs.asdict() for name, array in arrays.items()}
    cubes = cubes_of_bands(lazy_arrays, source, of_arrays)
    if cubes:
        return cubes
    axis = axis_of_json(dict(attributes), 1)
    has_vector = any(array.ndim == 1 and names_an_axis(n) for n, array in arrays.items())
    if axis is None or has_vector:
        return images_from_arrays(lazy_arrays, source, history=history)
    lazy_arrays[_WAVELENGTHS] = axis.centres  # as a vector, it decides which axis is spectral
    cubes = images_from_arrays(lazy_arrays, source, history=history)
    return [replace(c, axis=axis) if len(c.axis) == len(axis) else c for c in cubes]


def _images_with_named_axes(arrays: _Arrays, attributes: _Attributes, source: Source) -> list[Cube]:
    images = []
    for name, array in arrays.items():
        if array.ndim < 2 or name in _dimensions(array):  # coordinates
            continue
        image = _image(name, array, arrays, source)
        if image is not None:
            images.append(_with_axis(image, attributes))
    return images


def _image(name: str, array: Any, arrays: _Arrays, source: Source) -> Cube | None:
    """Return the cube of an array whose axes have names, one of them of bands; else None."""
    dimensions = _dimensions(array)
    coordinates = {dimension: _coordinate(dimension, arrays) for dimension in dimensions}
    letters = _letters(dimensions, coordinates)
    if letters is None or "b" not in letters or len(letters) != array.ndim:
        return None
    if np.dtype(array.dtype).kind not in "iufb":
        return None
    by_letter = {letter: coordinates[d] for letter, d in zip(letters, dimensions, strict=True)}
    attributes = array.attrs.asdict()
    bands = by_letter["b"]
    size = array.shape[letters.index("b")]
    axis = bands.axis if bands is not None else axis_of_json(dict(attributes), size)
    stem = source.path.name.split(".")[0]
    unit = str(attributes.get("units", "")).strip()
    return cube_from_array(
        lazy_array(array, source.path),
        letters,
        axis,
        name=f"{stem} {name}" if name else stem,
        history=(f"read {source.path.name}",),
        metadata=_metadata(attributes),
        intensity_unit=unit if unit not in ("", "1") else None,  # "1" means without a unit
        **_geometry(by_letter),
    )


def _letters(
    dimensions: Sequence[str], coordinates: Mapping[str, _Coordinate | None]
) -> str | None:
    """Return the layout of named axes; one of any name, with spectral coordinates, is the bands."""
    spectral = [d for d in dimensions if (c := coordinates[d]) is not None and c.is_spectral]
    return letters_of([_WAVELENGTHS if [d] == spectral else d for d in dimensions])


def _with_axis(cube: Cube, attributes: _Attributes) -> Cube:
    """Return a cube with the axis in the attributes of its group, if no array had one."""
    axis = axis_of_json(dict(attributes), len(cube.axis))
    known = isinstance(cube.axis, SpectralAxis) and cube.axis.kind != "index"
    if known or axis is None or len(axis) != len(cube.axis):
        return cube
    return replace(cube, axis=axis)


@dataclass(frozen=True)
class _Coordinate:
    """Where the positions along an axis are."""

    name: str
    values: NDArray[np.float64]
    """Shape (position,), in `units`."""
    units: str

    @property
    def is_spectral(self) -> bool:
        """Whether the unit, or else the name, is of a spectrum and not of a length."""
        unit = spectral_unit(self.units)
        if unit is not None and unit.kind != "wavelength":
            return True
        return names_an_axis(self.name) and _NAMES.get(self.name.lower(), "b") == "b"

    @property
    def axis(self) -> SpectralAxis:
        return spectral_axis(self.name, self.values, self.units)

    @property
    def sampling(self) -> Sampling | None:
        """Step and start, where the values are evenly spaced; None where not."""
        steps = np.diff(self.values)
        if not len(steps) or not steps.mean():
            return None
        if not np.allclose(steps, steps.mean(), rtol=_EVEN, atol=0):
            return None
        return Sampling(float(steps.mean()), float(self.values[0]), length_unit(self.units))


def spectral_axis(name: str, values: NDArray[Any], units: str) -> SpectralAxis:
    """Return the axis of a vector, its unit guessed from its name where `units` is none.

    Parameters
    ----------
    values : ndarray, shape (band,)
        In `units`.
    """
    unit = stated_unit(units, name)
    if unit is None:
        return axis_from_vector(name, values)
    if unit.unit == "1/cm" and any(word in name.lower() for word in ("raman", "shift")):
        unit = unit._replace(kind="raman_shift")
    return band_axis([*values], unit)


def _coordinate(dimension: str, arrays: _Arrays) -> _Coordinate | None:
    """Return the vector along an axis: that of its name, or one that lies along it."""
    along = []
    for each, array in arrays.items():
        is_vector = array.ndim == 1 and np.dtype(array.dtype).kind in "iuf"
        if is_vector and (each == dimension or _dimensions(array) == [dimension]):
            along.append(each)
    spectral = (each for each in along if names_an_axis(each))
    name = dimension if dimension in along else next(spectral, None)
    if name is None:
        return None
    values = np.asarray(arrays[name][...], np.float64)
    if not np.isfinite(values).all():
        return None
    units = str(arrays[name].attrs.asdict().get("units", ""))
    return _Coordinate(name, values, units)


def _geometry(coordinates: Mapping[str, _Coordinate | None]) -> Geometry:
    """Return where pixels, slices and frames lie, as far as they are evenly spaced."""
    even = {}
    for letter, coordinate in coordinates.items():
        if coordinate is not None and coordinate.sampling is not None:
            even[letter] = coordinate.sampling
    geometry = Geometry()
    if "t" in even:
        geometry["t"] = even["t"]
    if "z" in even:
        geometry["z"] = even["z"]
    y = even.get("y")
    x = even.get("x")
    if y is not None and x is not None and y.unit == x.unit:
        geometry["pixel_size"] = (y.step, x.step)
        geometry["pixel_unit"] = y.unit
        geometry["origin"] = (y.start, x.start)
    return geometry


def _metadata(attributes: _Attributes) -> dict[str, Any]:
    packing = {_PACKED[key]: value for key, value in attributes.items() if key in _PACKED}
    known = {*_PACKED, _DIMENSIONS}
    others = {key: value for key, value in attributes.items() if key not in known}
    return packing | ({"attributes": others} if others else {})


def _dimensions(array: Any) -> list[str]:
    """Return the names of an array's axes; [] where they have none."""
    names = getattr(array.metadata, "dimension_names", None)  # version 3
    names = names or array.attrs.asdict().get(_DIMENSIONS, ())
    return [str(name) for name in names]


# ---------------------------------------------------------------------------------- HyperSpy


def is_hyperspy(group: Any, arrays: _Arrays) -> bool:
    """Whether a group is a signal of HyperSpy: data, with a group for each of their axes."""
    return "data" in arrays and "axis-0" in group


def images_of_hyperspy(group: Any, array: Any, source: Source) -> Iterator[Cube]:
    """Yield the cube of a signal; of images (two signal axes) the first axis counts them."""
    numbers = range(array.ndim)
    missing = [number for number in numbers if f"axis-{number}" not in group]
    if missing:
        raise FileFormatError(
            source.path, f"{array.ndim} axes, but no axis-{missing[0]} beside them", "copy it again"
        )
    groups = [group[f"axis-{number}"] for number in numbers]
    entries = [axis.attrs.asdict() for axis in groups]
    signal = [number for number in numbers if not _navigates(entries[number])]
    axis: SpectralAxis | None = None
    if len(signal) == 1 and array.ndim <= len("tzyx") + 1:
        band = signal[0]
        letters = _letters_around(band, array.ndim)
        values = _values(groups[band], entries[band], array.shape[band])
        axis = spectral_axis(_text(entries[band], "name"), values, _text(entries[band], "units"))
    elif 2 <= array.ndim <= 5:
        letters = "tzbyx"[-array.ndim :]
    else:
        return
    yield cube_from_array(
        lazy_array(array, source.path),
        source.axes or letters,
        axis,
        name=group.basename,
        history=(f"read {source.path.name}",),
        metadata=_tree(group),
        **(_signal_geometry(entries, letters) if source.axes is None else Geometry()),
    )


def _letters_around(band: int, ndim: int) -> str:
    """Return the layout of a signal whose spectral axis has this number."""
    letters = list("tzyx"[len("tzyx") - (ndim - 1) :])
    letters.insert(band, "b")
    return "".join(letters)


def _navigates(entries: _Attributes) -> bool:
    return entries.get("navigate") in (True, 1, "True")


def _text(entries: _Attributes, key: str) -> str:
    value = entries.get(key)
    return value if isinstance(value, str) and value not in _UNDEFINED else ""


def _values(axis: Any, entries: _Attributes, size: int) -> NDArray[np.float64]:
    """Return the values along an axis, in its own units."""
    if "axis" in axis:
        return np.asarray(axis["axis"][...], np.float64)
    sampling = _sampling(entries)
    return sampling.start + sampling.step * np.arange(size, dtype=np.float64)


def _sampling(entries: _Attributes) -> Sampling:
    start = float(entries.get("offset") or 0)
    step = float(entries.get("scale") or 1)
    return Sampling(step, start, length_unit(_text(entries, "units")))


def _signal_geometry(entries: Sequence[_Attributes], letters: str) -> Geometry:
    """Return where pixels, slices and frames lie; pixels only where y and x have one unit."""
    samplings = {letter: _sampling(each) for letter, each in zip(letters, entries, strict=True)}
    geometry = Geometry()
    if "t" in samplings:
        geometry["t"] = samplings["t"]
    if "z" in samplings:
        geometry["z"] = samplings["z"]
    y = samplings.get("y")
    x = samplings.get("x")
    if y is not None and x is not None and y.unit == x.unit and x.unit:
        geometry["pixel_size"] = (y.step, x.step)
        geometry["origin"] = (y.start, x.start)
        geometry["pixel_unit"] = y.unit
    return geometry


def _tree(group: Any) -> dict[str, Any]:
    """Return the metadata that HyperSpy keeps with the data, as plain JSON."""
    metadata = group.get("metadata")
    if metadata is None or not hasattr(metadata, "groups"):
        return {}
    return {"hyperspy": _attributes(metadata)}


def _attributes(group: Any) -> dict[str, Any]:
    _, groups = members_of(group)
    return dict(group.attrs.asdict()) | {name: _attributes(each) for name, each in groups.items()}
