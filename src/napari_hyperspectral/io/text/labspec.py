"""Horiba LabSpec text: ``#key=value`` lines, a line with the axis, and a line a spectrum.

As LabSpec 6 writes it (File > Save as > txt). A map has the positions of each spectrum before
its values, the slow one first; what they are stands in ``#AxisType[n]``. A single spectrum is two
columns, and only the settings of range and spectrometer tell its unit.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..metadata.positions import map_from_positions, tell_of_holes
from ..metadata.units import length_unit, stated_axis, states_unit
from ..source import Source
from .file import numbers_in, read_text, start_of_text
from .frames import series_of

_KEY: Final = re.compile(r"#([^=\n]+)=[ \t]*(.*)")
_MARKS: Final = ("#Acq. time", "#AxisType[", "#Accumulations", "#Instrument=")
COUNTS: Final = {
    "cnt": "counts",
    "cnt/sec": "counts/s",
    "cnt/s": "counts/s",
}
"""Units of intensities, by what LabSpec calls them."""
_STACKS: Final = {"Z": "z", "T": "t", "Time": "t"}
"""Parameter of `Cube` for a direction of which there are several maps."""


def is_labspec(path: Path) -> bool:
    """Whether a text begins with keys of LabSpec."""
    text = start_of_text(path)
    return text.startswith("#") and any(mark in text for mark in _MARKS)


@dataclass(frozen=True)
class Measurement:
    """Spectra with their positions."""

    axis: SpectralAxis
    spectra: Floats
    """Shape (spectrum, band)."""
    positions: Mapping[str, Floats]
    """By direction (X, Y, Z, Time), one number a spectrum."""
    units: Mapping[str, str | None]
    """Unit of the positions, by direction."""
    metadata: Mapping[str, Any]
    intensity_unit: str | None = None


@dataclass(frozen=True)
class _Header:
    """The lines ``#key=value``."""

    keys: Mapping[str, str]
    kinds: Sequence[str] = field(default=())
    """Of the axes: intensity, spectrum, then the positions."""
    units: Sequence[str] = field(default=())
    """Of the same axes."""

    @property
    def laser_nm(self) -> float | None:
        """Return the excitation, or None where it is not stated."""
        stated = self.keys.get("Laser (nm)", "")
        number = re.match(r"[\d.]+", stated)
        if number is None:
            return None
        return float(number[0]) or None  # 0 stands for no laser

    @property
    def intensity_unit(self) -> str | None:
        """Return the unit of the values."""
        unit = self.units[0] if self.units else ""
        return COUNTS.get(unit.lower(), unit) or None

    def axis(self, centres: Floats, unit: str) -> SpectralAxis:
        """Return the axis of band centres, shape (band,), in a unit as LabSpec spells it."""
        # the superscript of cm⁻¹ is all that is left of the minus one in some encodings
        if unit.lower().startswith("cm-"):
            unit = "1/cm"
        return raman_axis(centres, unit, self.laser_nm)


def raman_axis(
    centres: Floats,
    unit: str,
    excitation_nm: float | None,
) -> SpectralAxis:
    """Return an axis in a stated unit; wavenumbers are Raman shifts, also where none is stated.

    Parameters
    ----------
    centres : ndarray of float64, shape (band,)
        In `unit`.
    """
    axis = stated_axis(unit, centres, kind="raman_shift")
    if axis is None:
        axis = SpectralAxis(centres, "1/cm", "raman_shift", guessed=True)
    return replace(axis, excitation_nm=excitation_nm)


def direction_of(kind: str) -> str:
    """Return the direction of an axis: X for XA, which is X of a map turned against the stage."""
    return kind[0] if kind in ("XA", "YA", "ZA") else kind


def read_images(source: Source) -> list[Image]:
    """Read a spectrum, a line of spectra or a map.

    Raises
    ------
    FileFormatError
        If a line was cut short, or no axis stands above the spectra.
    """
    path = source.path
    lines = read_text(path).splitlines()
    header_lines = list(takewhile(lambda line: line.startswith("#"), lines))
    first_line = len(header_lines) + 1  # counted from 1
    below = lines[len(header_lines) :]
    body = [line for line in below if line.strip()]
    if not body:
        raise FileFormatError(
            path,
            "no spectrum below the header",
            "export it again",
        )
    header = _header(header_lines)
    _tell_of_sizes(path, header, body)
    # spectra with positions are below a line with the axis, which begins with empty cells
    axis_line = body[0].lstrip("\t")
    position_columns = len(body[0]) - len(axis_line)
    if position_columns:
        measurement = _from_rows(path, header, body, first_line, position_columns)
    else:
        measurement = _from_columns(path, header, body, first_line)
    return [cube_of(path, measurement)]


# ------------------------------------------------------------------------------------- reading


def _header(lines: Sequence[str]) -> _Header:
    keys = {}
    for line in lines:
        match = _KEY.match(line)
        if match:
            key = match[1].strip()
            keys[key] = match[2].strip()
    kinds = _numbered(keys, "AxisType")
    units = _numbered(keys, "AxisUnit")
    return _Header(keys, kinds, units)


def _tell_of_sizes(path: Path, header: _Header, body: Sequence[str]) -> None:
    """Warn where the header states another number of bands or spectra than there are."""
    sizes = [re.match(r"\d+", size) for size in _numbered(header.keys, "AxisSize")]
    stated = [int(size[0]) for size in sizes if size]
    if len(stated) < 2 or len(stated) < len(sizes):
        return
    is_table = body[0].startswith("\t")
    rows = len(body) - 1 if is_table else len(body)
    expected = math.prod(stated[2:]) if is_table else stated[1]
    if rows != expected:
        noun = "spectra" if is_table else "bands"
        warnings.warn(
            f"{path.name}: {rows} {noun}, its header states {expected}: it was cut short, or edited",
            stacklevel=2,
        )


def _numbered(keys: Mapping[str, str], name: str) -> list[str]:
    """Return the values of ``name[0]``, ``name[1]`` … as far as they go."""
    values: list[str] = []
    while True:
        key = f"{name}[{len(values)}]"
        if key not in keys:
            return values
        values.append(keys[key])


def _from_rows(
    path: Path,
    header: _Header,
    body: Sequence[str],
    first_line: int,
    position_columns: int,
) -> Measurement:
    """Return spectra of which each is a line, after its positions."""
    axis_line = body[0].lstrip("\t")
    bands = body[0].strip().count("\t") + 1
    centres = numbers_in(path, [axis_line], bands, first_line)[0]  # (band,)
    columns = position_columns + bands
    table = numbers_in(path, body[1:], columns, first_line + 1)  # (spectrum, column)
    kinds = [direction_of(kind) for kind in header.kinds[2:]]
    names = [*kinds, *"XYZ"]  # the usual ones, where the header has none
    no_units = [""] * position_columns
    units_of_axes = [*header.units[2:], *no_units]
    positions = {}
    units = {}
    for column, name in enumerate(names[:position_columns]):
        positions[name] = table[:, column]
        units[name] = length_unit(units_of_axes[column])
    return Measurement(
        header.axis(centres, _spectral_unit(header)),
        table[:, position_columns:],
        positions=positions,
        units=units,
        metadata=_metadata(header),
        intensity_unit=header.intensity_unit,
    )


def _from_columns(
    path: Path,
    header: _Header,
    body: Sequence[str],
    first_line: int,
) -> Measurement:
    """Return a spectrum that stands in two columns, or several with a common axis."""
    columns = body[0].strip().count("\t") + 1
    table = numbers_in(path, body, columns, first_line)
    if columns < 2:
        raise FileFormatError(
            path,
            "one column of numbers",
            "export axis and intensities",
        )
    axis = header.axis(table[:, 0], _spectral_unit(header))
    axis, spectra, _ = series_of(path, axis, table[:, 1:].T)  # (spectrum, band)
    return Measurement(
        axis,
        spectra,
        positions={},
        units={},
        metadata=_metadata(header),
        intensity_unit=header.intensity_unit,
    )


def _spectral_unit(header: _Header) -> str:
    """Return the unit of the axis, or that of a setting such as "Range (nm)"; "" without any."""
    if len(header.units) > 1 and states_unit(header.units[1]):
        return header.units[1]
    settings = []
    for key in header.keys:
        if key.startswith(("Range", "Spectro")):
            settings.append(key)
    in_brackets = re.search(r"\(([^)]+)\)", " ".join(settings))
    if in_brackets is None:
        return ""
    return in_brackets[1]


def _metadata(header: _Header) -> dict[str, Any]:
    settings = {}
    for key, value in header.keys.items():
        if not key.startswith("Axis"):  # those are in the axis and the positions
            settings[key] = value
    return {"labspec": settings}


# ------------------------------------------------------------------------------------- folding


class _Fold(NamedTuple):
    """The data of a cube, and the parameters of `Cube` that say where its pixels are."""

    data: Floats
    """Shape (band, y, x), with a leading axis for a stack."""
    parameters: dict[str, Any]


def cube_of(path: Path, measurement: Measurement) -> Cube:
    """Return spectra as a map, where their positions make one, else as a list."""
    parameters = {
        "name": path.name.split(".")[0],
        "history": (f"read {path.name}",),
        "metadata": measurement.metadata,
        "intensity_unit": measurement.intensity_unit,
    }
    axis = measurement.axis
    fold = _stack(measurement)
    if fold is None:
        fold = _map(measurement, path)
    if fold is not None:
        return Cube(fold.data, axis, **parameters | fold.parameters)
    if measurement.positions:
        # as plain lists, which JSON can hold
        positions = {}
        for name, values in measurement.positions.items():
            positions[name] = values.tolist()
        parameters["metadata"] = {
            **measurement.metadata,
            "positions": positions,
            "units": dict(measurement.units),
        }
    return Cube.from_spectra(measurement.spectra, axis, **parameters)


def _map(measurement: Measurement, path: Path | None = None) -> _Fold | None:
    """Return spectra at X and Y as a map, None where they make none.

    Parameters
    ----------
    path : path, optional
        Where pixels that are missing are told.
    """
    positions = measurement.positions
    if not {"X", "Y"} <= set(positions):
        return None
    spectral_map = map_from_positions(
        measurement.spectra,
        positions["Y"],
        positions["X"],
    )
    if spectral_map is None:
        return None
    if path is not None:
        tell_of_holes(path, spectral_map, len(measurement.spectra))
    parameters = {
        "pixel_size": spectral_map.pixel_size,
        "origin": spectral_map.origin,
        "pixel_unit": measurement.units["X"],
    }
    return _Fold(spectral_map.data, parameters)


def _stack(measurement: Measurement) -> _Fold | None:
    """Return the maps at each depth or time, one behind the other; None where there is one."""
    directions = [name for name in measurement.positions if name in _STACKS]
    if not directions:
        return None
    direction = directions[0]
    positions = measurement.positions[direction].tolist()
    depths = list(dict.fromkeys(positions))  # each once, in the order of the file
    if len(depths) < 2:
        return None
    layers = []
    for layer in _layers(measurement, direction, depths):
        layers.append(_map(layer) or _line(layer))
    shapes = {layer.data.shape for layer in layers}
    if len(shapes) > 1:
        return None
    step = float(np.diff(depths).mean())
    start = float(depths[0])
    sampling = Sampling(step, start, measurement.units[direction])
    data = np.stack([layer.data for layer in layers])  # (z or t, band, y, x)
    parameters = layers[0].parameters | {_STACKS[direction]: sampling}
    return _Fold(data, parameters)


def _layers(
    measurement: Measurement,
    direction: str,
    depths: Sequence[float],
) -> Iterator[Measurement]:
    """Yield the spectra at each depth or time."""
    for depth in depths:
        chosen = measurement.positions[direction] == depth
        positions = {}
        for name, values in measurement.positions.items():
            positions[name] = values[chosen]
        spectra = measurement.spectra[chosen]
        yield replace(measurement, spectra=spectra, positions=positions)


def _line(measurement: Measurement) -> _Fold:
    """Return spectra as one row of pixels, (band, 1, spectrum)."""
    bands_first = measurement.spectra.T
    return _Fold(bands_first[:, None, :], {})
