"""Photothermal (mIRage, PTIR Studio): measurements in HDF5, each a table (position, band).

A measurement of many positions is a map, or a line of points; spectra that were taken one by one
with the same bands are a list of points. Text is often kept as an array of single bytes.

Sources: pyUSID, "USID data format", https://pycroscopy.github.io/USID/ ; the files themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import ChannelAxis, Kind, SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..metadata.microscopy import RGB
from ..metadata.units import axis_in, place_unit
from .file import attribute, datasets, lazy, number, numbers, text, tree

_MEASUREMENT: Final = re.compile(r"Measurement_\d+")
_SAME_PLACE: Final = 0.1
"""How much of a step positions may differ by and be of one row."""


@dataclass(frozen=True)
class _Table:
    """Spectra of one channel of one measurement."""

    name: str
    label: str
    spectra: Any
    """Shape (position, band)."""
    axis: SpectralAxis
    positions: NDArray[np.float64]
    """Shape (position, 2): x, y."""
    unit: str | None
    """Of the positions."""
    about: dict[str, Any]
    intensity_unit: str | None


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return maps, lists of points, and the pictures taken beside them."""
    tables = [
        table
        for name in sorted(map(str, file))
        if _MEASUREMENT.fullmatch(name) and isinstance(file[name], h5py.Group)
        for table in _tables(path, name, file[name])
    ]
    if not tables:
        return []
    maps = [_cube(path, table) for table in tables if len(table.positions) > 1]
    return [
        *maps,
        *_points(path, [t for t in tables if len(t.positions) == 1]),
        *_pictures(file, path),
    ]


# ---------------------------------------------------------------------------------- spectra


def _tables(path: Path, name: str, group: h5py.Group) -> list[_Table]:
    channels = [
        (key, channel["Raw_Data"])
        for key, channel in group.items()
        if str(key).startswith("Channel_")
        and isinstance(channel, h5py.Group)
        and isinstance(channel.get("Raw_Data"), h5py.Dataset)
    ]
    return [
        _table(path, name if len(channels) == 1 else f"{name}/{key}", group, group[key], data)
        for key, data in channels
        if data.ndim == 2 and data.dtype.kind in "iuf" and data.size
    ]


def _table(
    path: Path, name: str, group: h5py.Group, channel: h5py.Group, data: h5py.Dataset
) -> _Table:
    count, bands = data.shape
    label = text(channel, "Label")
    raman = "raman" in f"{label} {text(channel, 'DataSignal')}".lower()
    units = text(data, "units")
    positions, unit = _positions(group, count)
    return _Table(
        name,
        label,
        lazy(path, data),
        _axis(path, name, group, bands, raman),
        positions,
        unit,
        tree(group),
        units if units and axis_in(units, [1.0]) is None else None,
    )


def _axis(path: Path, name: str, group: h5py.Group, bands: int, raman: bool) -> SpectralAxis:
    values = group.get("Spectroscopic_Values")
    if not isinstance(values, h5py.Dataset):
        return SpectralAxis.index(bands)
    centres = numbers(values)
    if len(centres) != bands:
        raise FileFormatError(
            path, f"{name} has {bands} bands and {len(centres)} places of them", "export it again"
        )
    units = text(values, "units")
    kind: Kind = "raman_shift" if raman else "wavenumber"
    found = axis_in(units, centres, kind=kind)
    if found is not None:
        return found
    return SpectralAxis(centres, "1/cm", kind, guessed=True)


def _positions(group: h5py.Group, count: int) -> tuple[NDArray[np.float64], str | None]:
    """Return x and y of each spectrum; of a single one its measurement tells."""
    values = group.get("Position_Values")
    if count > 1 and isinstance(values, h5py.Dataset) and values.shape == (count, 2):
        found = numbers(values).reshape(count, 2)
        labels = attribute(values, "labels")
        swapped = isinstance(labels, (list, str)) and [*labels][:2] == ["Y", "X"]
        units = attribute(values, "units")
        first = units[0] if isinstance(units, list) else units
        unit = place_unit(str(first or ""))
        # pyUSID writes m where nobody told it a unit; stages move by micrometres
        unit = "um" if unit in (None, "m", "mm") else unit
        return (found[:, ::-1] if swapped else found), unit
    if count > 1:
        return np.column_stack([np.arange(count), np.zeros(count)]), None
    return np.array([[number(group, "LocationX", 0), number(group, "LocationY", 0)]]), "um"


def _cube(path: Path, table: _Table) -> Cube:
    about: dict[str, Any] = {"name": table.name, "history": (f"read {path.name}",)}
    about |= {"metadata": _metadata(table), "intensity_unit": table.intensity_unit}
    grid = _grid(table.positions)
    if grid is None:
        about["metadata"] |= {"positions": table.positions.tolist(), "positions_unit": table.unit}
        return Cube(table.spectra.transpose(1, 0)[:, None, :], table.axis, **about)
    pixels, (rows, columns) = grid
    shape = (len(rows), len(columns))
    if np.array_equal(pixels, np.arange(len(pixels))) and len(pixels) == len(rows) * len(columns):
        data = table.spectra.reshape(*shape, len(table.axis)).transpose(2, 0, 1)
    else:
        holes = len(pixels) < len(rows) * len(columns)
        dtype = np.result_type(table.spectra.dtype, np.float32) if holes else table.spectra.dtype
        flat = np.full((shape[0] * shape[1], len(table.axis)), np.nan if holes else 0, dtype)
        flat[pixels] = np.asarray(table.spectra)
        data = flat.reshape(*shape, len(table.axis)).transpose(2, 0, 1)
    steps = [abs(side[-1] - side[0]) / (len(side) - 1) for side in (rows, columns)]
    return Cube(
        data,
        table.axis,
        pixel_size=(float(steps[0]), float(steps[1])),
        origin=(float(min(rows[0], rows[-1])), float(min(columns[0], columns[-1]))),
        pixel_unit=table.unit,
        **about,
    )


def _grid(
    positions: NDArray[np.float64],
) -> tuple[NDArray[np.intp], tuple[NDArray[np.float64], NDArray[np.float64]]] | None:
    """Return the pixel of each spectrum, and the places of rows and columns; None for no raster.

    Rows and columns are in the order in which they were first reached, as the stage scanned.
    """
    if not np.isfinite(positions).all():
        return None
    (column, columns), (row, rows) = (_lines(positions[:, side]) for side in (0, 1))
    size = len(rows) * len(columns)
    pixels = row * len(columns) + column
    few = len(rows) < 2 or len(columns) < 2 or size > 2 * len(pixels)
    return None if few or len(np.unique(pixels)) < len(pixels) else (pixels, (rows, columns))


def _lines(places: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the line each place belongs to, and where the lines are."""
    ordered = np.sort(places)
    gaps = np.diff(ordered)
    step = gaps[gaps > _SAME_PLACE * gaps.max(initial=0)]
    apart = gaps > _SAME_PLACE * np.median(step) if len(step) else np.zeros(len(gaps), bool)
    groups = np.split(ordered, np.flatnonzero(apart) + 1)
    middles = np.array([group.mean() for group in groups])
    line = np.searchsorted((middles[1:] + middles[:-1]) / 2, places)
    others = np.flatnonzero(line != line[0])
    if len(others) and line[others[0]] < line[0]:  # the stage went down to the second line
        return len(middles) - 1 - line, middles[::-1]
    return line, middles


def _points(path: Path, tables: list[_Table]) -> list[Cube]:
    """Return single spectra together, where they have the same bands and channel."""
    alike: list[list[_Table]] = []
    for table in tables:
        same = [a for a in alike if a[0].label == table.label and a[0].axis == table.axis]
        if same:
            same[0].append(table)
        else:
            alike.append([table])
    return [_list(path, together) for together in alike]


def _list(path: Path, tables: list[_Table]) -> Cube:
    first, last = tables[0], tables[-1]
    metadata = _metadata(first)
    if len(tables) > 1:
        metadata = {"label": first.label, "measurements": {t.name: t.about for t in tables}}
    places = {"positions": [t.positions[0].tolist() for t in tables], "positions_unit": "um"}
    return Cube.from_spectra(
        np.concatenate([np.asarray(table.spectra) for table in tables]),
        first.axis,
        name=first.name if first is last else f"{first.name} to {last.name[-3:]} {first.label}",
        intensity_unit=first.intensity_unit,
        metadata=metadata | places,
        history=(f"read {path.name}",),
    )


def _metadata(table: _Table) -> dict[str, Any]:
    return {"label": table.label, **table.about}


# ---------------------------------------------------------------------------------- pictures


def _pictures(file: h5py.File, path: Path) -> list[Cube]:
    """Return the camera images and height maps, each with its place."""
    return [
        _picture(path, folder, item)
        for folder in ("Images", "Heightmaps")
        if isinstance(file.get(folder), h5py.Group)
        for item in datasets(file[folder])
        if item.dtype.kind in "iuf" and _is_picture(item.shape)
    ]


def _is_picture(shape: tuple[int, ...]) -> bool:
    return min(shape, default=0) > 0 and (
        (len(shape) == 2 and min(shape) > 1) or (len(shape) == 3 and shape[2] in (1, 3, 4))
    )


def _picture(path: Path, folder: str, item: h5py.Dataset) -> Cube:
    data = lazy(path, item)
    data = data[..., None] if data.ndim == 2 else data[..., : min(3, item.shape[2])]
    data = data.transpose(2, 0, 1)
    name = text(item, "Label") or item.name.strip("/").removeprefix(f"{folder}/")
    about: dict[str, Any] = {"name": f"{folder} {name}", "history": (f"read {path.name}",)}
    width, height = (number(item, f"Size{side}", 0) for side in ("Width", "Height"))
    if width > 0 and height > 0:
        size = height / data.shape[1], width / data.shape[2]
        x, y = (number(item, f"Position{letter}", 0) for letter in "XY")
        about |= {"pixel_size": size, "pixel_unit": "um"}
        about["origin"] = (y - (height - size[0]) / 2, x - (width - size[1]) / 2)
    axis = ChannelAxis(RGB) if len(data) == 3 else SpectralAxis.index(len(data))
    return Cube(data, axis, **about)
