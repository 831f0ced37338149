"""Arrays that are one band each: which of them make a cube, in which order, at which wavelengths.

GDAL writes a variable `Band1`, `Band2`, … for each band of an image; processors of satellite data
write one for each wavelength, which stands in its attributes (`wavelength`, `bandwidth`) or name
(`rhot_443`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube
from ..arrays.lazy import Lazy
from ..arrays.stacked import stacked
from ..source import Source
from .axes import NUMBER, axis_from_names, axis_from_numbered_names, band_axis
from .named_arrays import axis_from_vector, cube_from_array, names_an_axis
from .units import spectral_unit, stated_unit

_Attributes: TypeAlias = Mapping[str, Any]

_CENTRE: Final = re.compile(r"wave(length|number)?s?(_|$)|lambda|^wvl$", re.IGNORECASE)
_NO_CENTRE: Final = re.compile(r"unit|min|max|width|fwhm|name|range|start|end|low|upp", re.I)
_WIDTH: Final = re.compile(r"fwhm|band_?width|wavelength_?width", re.IGNORECASE)
_UNIT: Final = re.compile(r"wave.*units?|band.*units?", re.IGNORECASE)
_MEASURED: Final = re.compile(rf"\s*({NUMBER})\s*(.*)", re.DOTALL)
_UNIT_IN_KEY: Final = re.compile(r"_([a-z]+)$", re.IGNORECASE)
_SPELLED: Final = {"mu": "um"}  # as `wave_mu`
_BANDS: Final = re.compile(
    r"band|channel|spectral|radiance|reflectance|refl|^b#|^ch#|_b#|^rrs|^rho|^toa|^boa|nm$",
    re.IGNORECASE,
)
"""What names of bands begin with or hold, "#" for their number."""
_FEWEST: Final = 2
"""Fewer arrays are no series."""


class BandArray(NamedTuple):
    """What a container says of one of its arrays."""

    name: str
    """With the groups that it lies in, as "group/Band1"."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: _Attributes
    dimensions: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Return the name with "#" for its numbers: what the bands of one series share."""
        return re.sub(r"\d+(?:\.\d+)?", "#", self.name)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Return what arrays must share to be bands of one cube."""
        units = str(self.attributes.get("units", ""))
        return (self.shape, self.dtype, self.dimensions, units)

    @property
    def group(self) -> str:
        """Return the path of the group that it lies in."""
        return self.name.rpartition("/")[0]


@dataclass(frozen=True)
class BandSeries:
    """Arrays that are the bands of one cube, in their order."""

    name: str
    members: tuple[BandArray, ...]
    axis: SpectralAxis

    @property
    def metadata(self) -> dict[str, Any]:
        """Return the attributes that all bands share, and for each those that differ."""
        shared = dict(self.members[0].attributes)
        for member in self.members:
            shared = {k: v for k, v in shared.items() if member.attributes.get(k) == v}
        of_bands = {}
        for member in self.members:
            own = {k: v for k, v in member.attributes.items() if k not in shared}
            of_bands[member.name] = own
        return {"variable": shared, "bands": of_bands}

    def stacked(self, arrays: Mapping[str, Any]) -> Lazy:
        """Return the arrays of these names as one, shape (band, *shape of each)."""
        return stacked([arrays[member.name] for member in self.members])


def series_of_bands(path: Path, arrays: Sequence[BandArray]) -> list[BandSeries]:
    """Return the series among arrays of a file; [] where none is one band of several.

    Series are told apart by group, shape, type, unit and what their names share; names without
    anything in common are one where each states a wavelength of its own. Of groups that hold
    one band each ("Band_1/data"), the numbers count.
    """
    series: list[BandSeries] = []
    remaining = list(arrays)
    for group_of in (_group, _stem_of_group):
        kinds: dict[tuple[Any, ...], list[BandArray]] = {}
        for array in remaining:
            kinds.setdefault((group_of(array), *array.kind), []).append(array)
        for alike in kinds.values():
            series += _series_of_kind(path, alike)
        taken = {member.name for each in series for member in each.members}
        remaining = [array for array in remaining if array.name not in taken]
    return series


def cubes_of_bands(
    arrays: Mapping[str, Any],
    source: Source,
    attributes: Mapping[str, _Attributes] | None = None,
) -> list[Cube]:
    """Return the cubes that images (y, x) of one band each make; [] where an array is a cube.

    Parameters
    ----------
    arrays : mapping of name to array
        All that a container holds.
    source : Source
        Which array, in which layout: an array, or a layout, that was asked for is no band.
    attributes : mapping of name to attributes, optional
        What the container says of each.
    """
    is_cube = any(array.ndim > 2 for array in arrays.values())
    if source.axes is not None or source.array in arrays or (is_cube and source.array is None):
        return []
    planes = []
    for name, array in arrays.items():
        if array.ndim == 2 and min(array.shape) > 1 and array.dtype.kind in "iuf":
            stated = (attributes or {}).get(name, {})
            planes.append(BandArray(name, tuple(array.shape), array.dtype, stated))
    cubes = []
    stem = source.path.name.split(".")[0]
    for series in series_of_bands(source.path, planes):
        if source.array in (None, series.name):
            axis = series.axis
            if axis.kind == "index":
                axis = _vector_beside(arrays, len(axis)) or axis
            cube = cube_from_array(
                series.stacked(arrays),
                "byx",
                axis,
                name=f"{stem} {series.name}",
                history=(f"read {source.path.name}",),
                metadata=series.metadata,
            )
            cubes.append(cube)
    return cubes


def _vector_beside(arrays: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    """Return the only spectral vector with a number for each band."""
    vectors = {}
    for name, array in arrays.items():
        if array.size == bands and max(array.shape) == bands and names_an_axis(name):
            vectors[name] = np.ravel(np.asarray(array))
    if len(vectors) != 1:
        return None
    ((name, vector),) = vectors.items()
    return axis_from_vector(name, vector)


def _group(array: BandArray) -> str:
    return array.group


def _stem_of_group(array: BandArray) -> str:
    return array.stem.rpartition("/")[0]


def _series_of_kind(path: Path, arrays: Sequence[BandArray]) -> Iterator[BandSeries]:
    measured = [array for array in arrays if _centre(array.attributes) is not None]
    if len(measured) >= _FEWEST and _all_differ(measured):
        yield _series_at_wavelengths(measured)
        return
    stems: dict[str, list[BandArray]] = {}
    for array in arrays:
        stems.setdefault(array.stem, []).append(array)
    for stem, members in stems.items():
        if len(members) < _FEWEST:
            continue
        if all(member in measured for member in members):
            if _all_differ(members):
                yield _series_at_wavelengths(members)
        elif _BANDS.search(_numbered_part(stem)):
            yield _series_by_number(path, members)


# ------------------------------------------------------------------- wavelengths in attributes


def _series_at_wavelengths(arrays: Sequence[BandArray]) -> BandSeries:
    """Return the series of arrays each of which states its wavelength."""
    members = tuple(sorted(arrays, key=_natural))
    if not all(re.search(r"\d", member.name) for member in members):
        members = tuple(sorted(arrays, key=_centre_in_file))  # "blue", "green", …
    centres = []
    widths = []
    units = set()
    for member in members:
        centre, unit = _centre(member.attributes) or (np.nan, "")
        centres.append(centre)
        units.add(unit)
        width = _number_under(_WIDTH, member.attributes)
        if width is not None:
            widths.append(width[0])
    unit = units.pop() if len(units) == 1 else ""
    return BandSeries(
        _title(members), members, band_axis(centres, stated_unit(unit, "wavelength"), widths=widths)
    )


def _centre(attributes: _Attributes) -> tuple[float, str] | None:
    """Return the wavelength that an array states, and its unit as text; None where it does not."""
    stated = _number_under(_CENTRE, attributes)
    if stated is None or stated[0] <= 0:
        return None
    centre, unit = stated
    if not unit:
        units = (str(v) for k, v in attributes.items() if _UNIT.search(k) and isinstance(v, str))
        unit = next(units, "")
    return centre, unit


def _centre_in_file(array: BandArray) -> float:
    centre = _centre(array.attributes)
    return np.nan if centre is None else centre[0]


def _number_under(key: re.Pattern[str], attributes: _Attributes) -> tuple[float, str] | None:
    """Return the number under the first matching key, and the unit behind it or in the key."""
    for name, value in attributes.items():
        if not key.search(name) or (key is _CENTRE and _NO_CENTRE.search(name)):
            continue
        match = _MEASURED.fullmatch(str(value))
        if match is None or not np.isfinite(float(match[1])):
            continue
        unit = match[2].strip()
        if not unit:
            in_key = _UNIT_IN_KEY.search(name)
            unit = in_key[1].lower() if in_key else ""
            unit = _SPELLED.get(unit, unit)
        return float(match[1]), unit if spectral_unit(unit) else ""
    return None


def _all_differ(arrays: Sequence[BandArray]) -> bool:
    centres = [_centre(array.attributes) for array in arrays]
    return len(set(centres)) == len(centres)


# ------------------------------------------------------------------------- numbers in their names


def _series_by_number(path: Path, arrays: Sequence[BandArray]) -> BandSeries:
    """Return the series of arrays that are numbered, or have wavelengths in their names."""
    members = tuple(sorted(arrays, key=_natural))
    names = [re.sub(r"[_\s]", " ", _differing_part(member)) for member in members]
    titles = [str(member.attributes.get("long_name", "")) for member in members]
    axis = axis_from_names(names) or axis_from_names(titles) or axis_from_numbered_names(names)
    if axis is not None:
        axis = replace(axis, guessed=True)
    else:
        _tell_of_gaps(path, members)
    return BandSeries(_title(members), members, axis or SpectralAxis.index(len(members)))


def _tell_of_gaps(path: Path, members: Sequence[BandArray]) -> None:
    """Warn where a number is missing: the band may have been left out, or lost."""
    numbers = []
    for member in members:
        in_name = re.findall(r"\d+", _differing_part(member))
        if len(in_name) != 1:
            return
        numbers.append(int(in_name[0]))
    missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
    if missing:
        listed = ", ".join(map(str, missing[:8])) + (" …" if len(missing) > 8 else "")
        warnings.warn(
            f"{path.name}: of {members[0].name} to {members[-1].name}, "
            f"{listed} is missing or of another shape; the others are taken as one cube",
            stacklevel=2,
        )


def _natural(array: BandArray) -> list[tuple[float, str]]:
    """Return texts and numbers of a name by turns: 2 comes before 10, and 8 before 8A."""
    parts: list[tuple[float, str]] = []
    for text, number in re.findall(r"(\D*)(\d*)", array.name.lower()):
        parts += [(-1.0, text), (float(number or -1), "")]
    return parts


def _differing_part(array: BandArray) -> str:
    """Return the last part of a name that has a number in it, as the file spells it."""
    numbered = [part for part in array.name.split("/") if re.search(r"\d", part)]
    return numbered[-1] if numbered else ""


def _numbered_part(stem: str) -> str:
    """Return the last part of a path that has a number in it: "Band_#" of "Band_#/data"."""
    numbered = [part for part in stem.split("/") if "#" in part]
    return numbered[-1] if numbered else ""


def _title(members: Sequence[BandArray]) -> str:
    """Return what the names of the bands share, without their numbers."""
    stems = {member.stem for member in members}
    groups = {member.group for member in members}
    group = groups.pop() if len(groups) == 1 else ""
    if len(stems) > 1:
        return group or "bands"
    last_name = _last_name(members[0].stem)
    return re.sub(r"[_\s.-]*#", "", last_name).strip("_-. ") or group or "bands"


def _last_name(name: str) -> str:
    return name.rpartition("/")[2]
