"""Photothermal (mIRage, PTIR Studio): measurements in HDF5, each a table (position, band).

A measurement of many positions is a map, or a line of points; spectra that were taken one by one
with the same bands are a list of points. Text is often kept as an array of single bytes.

Sources: pyUSID, "USID data format", https://pycroscopy.github.io/USID/ ; the files themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
from ..metadata.positions import in_direction_of
from ..metadata.units import axis_in, length_unit, stated_axis
from .file import (
    attribute,
    dataset_in,
    datasets,
    group_in,
    lazy_dataset,
    loaded_vector,
    number,
    spelled_out,
    text,
    tree,
)

_MEASUREMENT: Final = re.compile(r"Measurement_\d+")
_SAME_LINE: Final = 0.1
"""Part of a step by which positions may differ and be of one row."""


@dataclass(frozen=True)
class _Table:
    """Spectra of one channel of one measurement."""

    name: str
    label: str
    spectra: Any
    """Shape (position, band), lazy."""
    axis: SpectralAxis
    positions: NDArray[np.float64]
    """Shape (position, 2): x, y."""
    unit: str | None
    """Of the positions."""
    attributes: dict[str, Any]
    """Of the measurement."""
    intensity_unit: str | None

    @property
    def metadata(self) -> dict[str, Any]:
        """Return label and attributes."""
        return {"label": self.label, **self.attributes}


def images_in(file: h5py.File, path: Path) -> list[Image]:
    """Return maps, lists of points, and the pictures taken along."""
    tables: list[_Table] = []
    for name in sorted(map(str, file)):
        measurement = group_in(file, name) if _MEASUREMENT.fullmatch(name) else None
        if measurement is not None:
            tables += _tables(path, name, measurement)
    if not tables:
        return []
    maps = [_map(path, table) for table in tables if len(table.positions) > 1]
    points = [table for table in tables if len(table.positions) == 1]
    pictures = [*_pictures(file, path)]
    if maps:
        pictures = [in_direction_of(maps[0], picture) for picture in pictures]
    return [*maps, *_lists(path, points), *pictures]


# ---------------------------------------------------------------------------------- spectra


def _tables(path: Path, name: str, measurement: h5py.Group) -> list[_Table]:
    """Return the table of each channel of a measurement."""
    channels = {}
    for key in measurement:
        channel = group_in(measurement, key) if str(key).startswith("Channel_") else None
        data = None if channel is None else dataset_in(channel, "Raw_Data")
        if data is not None:
            channels[key] = data
    tables = []
    for key, data in channels.items():
        if data.ndim == 2 and data.dtype.kind in "iuf" and data.size:
            title = name if len(channels) == 1 else f"{name}/{key}"
            tables.append(_table(path, title, measurement, measurement[key], data))
    return tables


def _table(
    path: Path, name: str, measurement: h5py.Group, channel: h5py.Group, data: h5py.Dataset
) -> _Table:
    count, bands = data.shape
    label = text(channel, "Label")
    raman = "raman" in f"{label} {text(channel, 'DataSignal')}".lower()
    unit = text(data, "units")
    if axis_in(unit, [1.0]) is not None:  # that of the axis, by mistake
        unit = ""
    positions, length_unit = _positions(measurement, count)
    return _Table(
        name,
        label,
        lazy_dataset(path, data),
        _axis(path, name, measurement, bands, raman),
        positions,
        length_unit,
        tree(measurement, spelled=True),
        unit or None,
    )


def _axis(path: Path, name: str, measurement: h5py.Group, bands: int, raman: bool) -> SpectralAxis:
    values = dataset_in(measurement, "Spectroscopic_Values")
    if values is None:
        return SpectralAxis.index(bands)
    centres = loaded_vector(values)
    if len(centres) != bands:
        raise FileFormatError(
            path, f"{name} has {bands} bands and an axis of {len(centres)}", "export it again"
        )
    kind: Kind = "raman_shift" if raman else "wavenumber"
    stated = stated_axis(text(values, "units"), centres, kind=kind)
    return stated or SpectralAxis(centres, "1/cm", kind, guessed=True)


def _positions(measurement: h5py.Group, count: int) -> tuple[NDArray[np.float64], str | None]:
    """Return x and y of each spectrum, (spectrum, 2), and their unit.

    A single one has them among the attributes of its measurement.
    """
    if count == 1:
        x = number(measurement, "LocationX", 0)
        y = number(measurement, "LocationY", 0)
        return np.array([[x, y]]), "um"
    values = dataset_in(measurement, "Position_Values")
    if values is None or values.shape != (count, 2):
        return np.column_stack([np.arange(count), np.zeros(count)]), None
    positions = loaded_vector(values).reshape(count, 2)
    labels = attribute(values, "labels")
    if isinstance(labels, (list, str)) and [*labels][:2] == ["Y", "X"]:
        positions = positions[:, ::-1]
    units = spelled_out(attribute(values, "units"))
    first = units[0] if isinstance(units, list) else units
    unit = length_unit(str(first or ""))
    # pyUSID writes m where nobody stated a unit; stages move by micrometres
    return positions, "um" if unit in (None, "m", "mm") else unit


# ------------------------------------------------------------------------------------- maps


@dataclass(frozen=True)
class _Lines:
    """The rows, or columns, of a scan."""

    index: NDArray[np.intp]
    """Which of them each position belongs to, shape (position,)."""
    centres: NDArray[np.float64]
    """Where they are, in the order in which they were first reached."""

    @property
    def step(self) -> float:
        """Return the mean distance of neighbours, negative where they fall."""
        return float((self.centres[-1] - self.centres[0]) / (len(self.centres) - 1))

    @property
    def start(self) -> float:
        """Return the first of them."""
        return float(self.centres[0])


def _map(path: Path, table: _Table) -> Cube:
    """Return a measurement as a map, or as a row of spectra where its positions are none."""
    parameters: dict[str, Any] = {
        "name": table.name,
        "history": (f"read {path.name}",),
        "metadata": table.metadata,
        "intensity_unit": table.intensity_unit,
    }
    grid = _grid(table.positions)
    if grid is None:
        positions = {"positions": table.positions.tolist(), "positions_unit": table.unit}
        parameters["metadata"] |= positions
        return Cube(table.spectra.transpose(1, 0)[:, None, :], table.axis, **parameters)
    rows, columns = grid
    return Cube(
        _as_image(table.spectra, rows, columns),
        table.axis,
        pixel_size=(rows.step, columns.step),
        origin=(rows.start, columns.start),
        pixel_unit=table.unit,
        **parameters,
    )


def _as_image(spectra: Any, rows: _Lines, columns: _Lines) -> Any:
    """Return spectra, (position, band), as (band, y, x): lazy in the order of the pixels."""
    count, bands = spectra.shape
    height = len(rows.centres)
    width = len(columns.centres)
    pixels = rows.index * width + columns.index
    if count == height * width and np.array_equal(pixels, np.arange(count)):
        return spectra.reshape(height, width, bands).transpose(2, 0, 1)
    dtype = spectra.dtype
    empty = 0.0
    if count < height * width:  # pixels without a spectrum need a type that has NaN
        dtype = np.result_type(dtype, np.float32)
        empty = np.nan
    flat = np.full((height * width, bands), empty, dtype)
    flat[pixels] = np.asarray(spectra)
    return flat.reshape(height, width, bands).transpose(2, 0, 1)


def _grid(positions: NDArray[np.float64]) -> tuple[_Lines, _Lines] | None:
    """Return the rows and columns of positions, (position, (x, y)); None for no raster.

    They are in the order in which they were first reached, as the stage scanned.
    """
    if not np.isfinite(positions).all():
        return None
    columns = _lines(positions[:, 0])
    rows = _lines(positions[:, 1])
    height = len(rows.centres)
    width = len(columns.centres)
    if height < 2 or width < 2 or height * width > 2 * len(positions):
        return None
    pixels = rows.index * width + columns.index
    if len(np.unique(pixels)) < len(pixels):
        return None
    return rows, columns


def _lines(values: NDArray[np.float64]) -> _Lines:
    """Return the line each position along one direction belongs to, and where the lines are."""
    ordered = np.sort(values)
    gaps = np.diff(ordered)
    steps = gaps[gaps > _SAME_LINE * gaps.max(initial=0)]
    starts_line = np.zeros(len(gaps), bool)
    if len(steps):
        starts_line = gaps > _SAME_LINE * np.median(steps)
    groups = np.split(ordered, np.flatnonzero(starts_line) + 1)
    centres = np.array([group.mean() for group in groups])
    borders = (centres[1:] + centres[:-1]) / 2
    index = np.searchsorted(borders, values)
    others = np.flatnonzero(index != index[0])
    if len(others) and index[others[0]] < index[0]:  # the stage went down to the second line
        return _Lines(len(centres) - 1 - index, centres[::-1])
    return _Lines(index, centres)


# ------------------------------------------------------------------------------------- points


def _lists(path: Path, tables: Sequence[_Table]) -> list[Cube]:
    """Return single spectra as lists of those that have the same bands and channel."""
    alike: list[list[_Table]] = []
    for table in tables:
        for group in alike:
            if group[0].label == table.label and group[0].axis == table.axis:
                group.append(table)
                break
        else:
            alike.append([table])
    return [_list(path, group) for group in alike]


def _list(path: Path, tables: Sequence[_Table]) -> Cube:
    first = tables[0]
    name = first.name
    metadata = first.metadata
    if len(tables) > 1:
        name = f"{first.name} to {tables[-1].name[-3:]} {first.label}"
        measurements = {table.name: table.attributes for table in tables}
        metadata = {"label": first.label, "measurements": measurements}
    metadata["positions"] = [table.positions[0].tolist() for table in tables]
    metadata["positions_unit"] = "um"
    return Cube.from_spectra(
        np.concatenate([np.asarray(table.spectra) for table in tables]),
        first.axis,
        name=name,
        intensity_unit=first.intensity_unit,
        metadata=metadata,
        history=(f"read {path.name}",),
    )


# ---------------------------------------------------------------------------------- pictures


def _pictures(file: h5py.File, path: Path) -> Iterator[Cube]:
    """Yield the camera images and height maps, each where it was taken."""
    for name in ("Images", "Heightmaps"):
        folder = group_in(file, name)
        if folder is None:
            continue
        for item in datasets(folder):
            if item.dtype.kind in "iuf" and _is_picture(item.shape):
                yield _picture(path, name, item)


def _is_picture(shape: tuple[int, ...]) -> bool:
    """Whether it is (y, x), or (y, x, colour)."""
    if min(shape, default=0) < 1:
        return False
    if len(shape) == 3:
        return shape[2] in (1, 3, 4)
    return len(shape) == 2 and min(shape) > 1


def _picture(path: Path, folder: str, item: h5py.Dataset) -> Cube:
    """Return a picture, (colour, y, x), without its transparency."""
    data = lazy_dataset(path, item)
    data = data[..., None] if data.ndim == 2 else data[..., :3]
    data = data.transpose(2, 0, 1)
    colours, rows, columns = data.shape
    name = text(item, "Label") or item.name.strip("/").removeprefix(f"{folder}/")
    pixels: dict[str, Any] = {}
    width = number(item, "SizeWidth", 0)
    height = number(item, "SizeHeight", 0)
    if width > 0 and height > 0:
        dy = height / rows
        dx = width / columns
        # the file has the centre of the picture
        top = number(item, "PositionY", 0) - (height - dy) / 2
        left = number(item, "PositionX", 0) - (width - dx) / 2
        pixels = {"pixel_size": (dy, dx), "pixel_unit": "um", "origin": (top, left)}
    axis = ChannelAxis(RGB) if colours == 3 else SpectralAxis.index(colours)
    return Cube(data, axis, name=f"{folder} {name}", history=(f"read {path.name}",), **pixels)
