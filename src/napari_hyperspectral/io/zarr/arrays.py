"""Arrays in Zarr stores whose axes have names: as xarray, HyperSpy and napari-sediment write them.

Sources: xarray, "Zarr encoding specification" (names of axes, coordinates),
https://docs.xarray.dev/en/stable/internals/zarr-encoding-spec.html; HyperSpy, "ZSpy",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/zspy.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Sampling
from ...errors import FileFormatError
from ..metadata.axes import band_axis
from ..metadata.json_axis import axis_of_json
from ..metadata.named_arrays import (
    axis_from_vector,
    cube_from_array,
    images_from_arrays,
    names_an_axis,
)
from ..metadata.units import length_unit, spectral_unit
from ..source import Source
from .store import lazy

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
_PACKED: Final[Mapping[str, str]] = {
    "scale_factor": "scale",
    "add_offset": "offset",
    "_FillValue": "nodata",
    "missing_value": "nodata",
}
"""How CF packs numbers, by the names that GeoTIFF files have for it; values are left as stored."""


def letters_of(names: Sequence[str]) -> str | None:
    """Return names of axes as letters of a layout; None where one is unknown or comes twice."""
    found = [_NAMES.get(name.lower(), "") for name in names]
    return "".join(found) if names and all(found) and len(set(found)) == len(found) else None


# ------------------------------------------------------------------------------------ xarray


def images_of_arrays(
    arrays: Mapping[str, Any], attributes: Mapping[str, Any], source: Source
) -> list[Cube]:
    """Return the images among arrays: by the names of their axes, else by their shapes.

    Parameters
    ----------
    arrays : mapping of name to array
        All the arrays of a group; "" where the store is one array.
    attributes : mapping
        Those of the group.
    """
    if source.axes is None:
        images = [
            _image(name, array, arrays, attributes, source)
            for name, array in arrays.items()
            if array.ndim > 1 and name not in _dimensions(array)
        ]
        found = [image for image in images if image is not None]
        if found:
            return found
    source = replace(source, array=None)
    history = (f"read {source.path.name}",)
    lazily: dict[str, Any] = {n: lazy(array, source.path) for n, array in arrays.items()}
    told = axis_of_json(dict(attributes), 1)
    if told is None or any(array.ndim == 1 and names_an_axis(n) for n, array in arrays.items()):
        return images_from_arrays(lazily, source, history=history)
    lazily[_TOLD] = told.centres  # as a vector, it says which axis is spectral
    cubes = images_from_arrays(lazily, source, history=history)
    return [replace(c, axis=told) if len(c.axis) == len(told) else c for c in cubes]


_TOLD: Final = "wavelength"


def _with_axis(cube: Cube, attributes: Mapping[str, Any]) -> Cube:
    """Return a cube with the axis that the attributes of its group tell, if no array told one."""
    axis = axis_of_json(dict(attributes), len(cube.axis))
    known = isinstance(cube.axis, SpectralAxis) and cube.axis.kind != "index"
    if known or axis is None or len(axis) != len(cube.axis):
        return cube
    return replace(cube, axis=axis)


def _image(
    name: str,
    array: Any,
    arrays: Mapping[str, Any],
    attributes: Mapping[str, Any],
    source: Source,
) -> Cube | None:
    names = _dimensions(array)
    coordinates = {dim: _coordinate(dim, arrays) for dim in names}
    spectral = [dim for dim, found in coordinates.items() if found and found.is_spectral]
    known = ["wavelength" if [dim] == spectral else dim for dim in names]
    letters = letters_of(known)
    if letters is None or "b" not in letters or len(letters) != array.ndim:
        return None
    if np.dtype(array.dtype).kind not in "iufb":
        return None
    by_letter = {letter: coordinates[dim] for letter, dim in zip(letters, names, strict=True)}
    bands = by_letter["b"]
    own = array.attrs.asdict()
    stem = source.path.name.split(".")[0]
    cube = cube_from_array(
        lazy(array, source.path),
        letters,
        bands.axis if bands else axis_of_json(dict(own), array.shape[letters.index("b")]),
        name=f"{stem} {name}" if name else stem,
        history=(f"read {source.path.name}",),
        metadata=_metadata(own),
        **_place(by_letter),
    )
    unit = str(own.get("units", "")).strip()
    cube = replace(cube, intensity_unit=unit if unit not in ("", "1") else None)
    return _with_axis(cube, attributes)


@dataclass(frozen=True)
class _Coordinate:
    """Where the places along an axis are."""

    name: str
    values: NDArray[np.float64]
    units: str

    @property
    def is_spectral(self) -> bool:
        """Whether the unit, or else the name, is of a spectrum and not of a length."""
        means = spectral_unit(self.units)
        if means is not None and means.kind != "wavelength":
            return True
        return names_an_axis(self.name) and _NAMES.get(self.name.lower(), "b") == "b"

    @property
    def axis(self) -> SpectralAxis:
        return spectral_axis(self.name, self.values, self.units)

    @property
    def sampling(self) -> tuple[float, float, str | None] | None:
        """First value, step and unit, where the values are evenly spaced; None where not."""
        steps = np.diff(self.values)
        even = len(steps) and np.allclose(steps, steps.mean(), rtol=1e-3, atol=0)
        if not even or not steps.mean():
            return None
        return float(self.values[0]), float(steps.mean()), length_unit(self.units)


def spectral_axis(name: str, values: NDArray[Any], units: str) -> SpectralAxis:
    """Return the axis of a vector, its unit guessed from its name where `units` is none."""
    means = spectral_unit(units)
    if means is None:
        return axis_from_vector(name, values)
    if means.unit == "1/cm" and any(word in name.lower() for word in ("raman", "shift")):
        means = means._replace(kind="raman_shift")
    return band_axis([*values], means)


def _coordinate(dim: str, arrays: Mapping[str, Any]) -> _Coordinate | None:
    """Return the vector along an axis: that of its name, or one that lies along it."""
    along = {
        name: array
        for name, array in arrays.items()
        if array.ndim == 1
        and np.dtype(array.dtype).kind in "iuf"
        and (name == dim or _dimensions(array) == [dim])
    }
    other = (name for name in along if names_an_axis(name))
    name = dim if dim in along else next(other, None)
    if name is None:
        return None
    values = np.asarray(along[name][...], np.float64)
    if not np.isfinite(values).all():
        return None
    return _Coordinate(name, values, str(along[name].attrs.asdict().get("units", "")))


def _place(coordinates: Mapping[str, _Coordinate | None]) -> dict[str, Any]:
    """Return size, place and sampling of pixels, as far as the coordinates are even."""
    even = {letter: c.sampling for letter, c in coordinates.items() if c is not None}
    about: dict[str, Any] = {}
    for letter in "tz":
        found = even.get(letter)
        if found is not None:
            about[letter] = Sampling(found[1], found[0], found[2])
    down, across = even.get("y"), even.get("x")
    if down is not None and across is not None and down[2] == across[2] and down[2]:
        about |= {"pixel_size": (abs(down[1]), abs(across[1])), "pixel_unit": down[2]}
        if down[1] > 0 and across[1] > 0:  # rows of a map run south, and coordinates north
            about["origin"] = (down[0], across[0])
    return about


def _metadata(own: Mapping[str, Any]) -> dict[str, Any]:
    packed = {_PACKED[key]: value for key, value in own.items() if key in _PACKED}
    rest = {k: v for k, v in own.items() if k not in _PACKED and k not in ("_ARRAY_DIMENSIONS",)}
    return packed | ({"attributes": rest} if rest else {})


def _dimensions(array: Any) -> list[str]:
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.asdict().get("_ARRAY_DIMENSIONS", ())
    return [str(name) for name in names]


# ---------------------------------------------------------------------------------- HyperSpy


def is_hyperspy(group: Any, arrays: Mapping[str, Any]) -> bool:
    """Whether a group is a signal of HyperSpy: data, with a group for each of their axes."""
    return "data" in arrays and "axis-0" in group


def images_of_hyperspy(group: Any, array: Any, source: Source) -> Iterator[Cube]:
    """Yield the cube of a signal; of images (two signal axes) the first axis counts them."""
    missing = [number for number in range(array.ndim) if f"axis-{number}" not in group]
    if missing:
        raise FileFormatError(
            source.path, f"{array.ndim} axes, but no axis-{missing[0]} beside them", "copy it again"
        )
    axes = [group[f"axis-{number}"] for number in range(array.ndim)]
    abouts = [axis.attrs.asdict() for axis in axes]
    signal = [number for number, about in enumerate(abouts) if not _navigates(about)]
    others = [number for number in range(array.ndim) if signal != [number]]
    if len(signal) == 1 and len(others) <= len("tzyx"):
        order = dict(zip(others, "tzyx"[-len(others) :] if others else "", strict=True))
        letters = "".join(order.get(number, "b") for number in range(array.ndim))
        values = _values(axes[signal[0]], abouts[signal[0]], array.shape[signal[0]])
        about = abouts[signal[0]]
        title, units = (_text(about, key) for key in ("name", "units"))
        axis: SpectralAxis | None = spectral_axis(title, values, units)
    elif 2 <= array.ndim <= 5:
        letters, axis = "tzbyx"[-array.ndim :], None
    else:
        return
    yield cube_from_array(
        lazy(array, source.path),
        source.axes or letters,
        axis,
        name=group.basename,
        history=(f"read {source.path.name}",),
        metadata=_tree(group),
        **(_steps(abouts, letters) if source.axes is None else {}),
    )


def _navigates(about: Mapping[str, Any]) -> bool:
    return about.get("navigate") in (True, 1, "True")


def _text(about: Mapping[str, Any], key: str) -> str:
    value = about.get(key)
    return value if isinstance(value, str) and value not in ("<undefined>", "t.Undefined") else ""


def _values(axis: Any, about: Mapping[str, Any], size: int) -> NDArray[np.float64]:
    if "axis" in axis:
        return np.asarray(axis["axis"][...], np.float64)
    scale, offset = float(about.get("scale") or 1), float(about.get("offset") or 0)
    return offset + scale * np.arange(size, dtype=np.float64)


def _steps(abouts: Sequence[Mapping[str, Any]], letters: str) -> dict[str, Any]:
    found: dict[str, tuple[float, float, str | None]] = {
        letter: (
            float(about.get("offset") or 0),
            float(about.get("scale") or 1),
            length_unit(_text(about, "units")),
        )
        for letter, about in zip(letters, abouts, strict=True)
    }
    steps: dict[str, Any] = {
        letter: Sampling(found[letter][1], found[letter][0], found[letter][2])
        for letter in "tz"
        if letter in found
    }
    if "y" in found and "x" in found and found["y"][2] == found["x"][2] and found["x"][2]:
        (top, height, unit), (left, width, _) = found["y"], found["x"]
        steps |= {"pixel_size": (height, width), "origin": (top, left), "pixel_unit": unit}
    return steps


def _tree(group: Any) -> dict[str, Any]:
    """Return what HyperSpy keeps beside the data, as plain JSON."""
    found = group.get("metadata")
    return {} if found is None or not hasattr(found, "groups") else {"hyperspy": _attributes(found)}


def _attributes(group: Any) -> dict[str, Any]:
    return dict(group.attrs.asdict()) | {name: _attributes(g) for name, g in group.groups()}
