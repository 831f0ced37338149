"""Horiba LabSpec text: ``#key=value`` lines, a line with the axis, and a line a spectrum.

As LabSpec 6 writes it (File > Save as > txt). A map has the positions of each spectrum before
its values, the slow one first; what they are stands in ``#AxisType[n]``. A single spectrum is two
columns, and only the lines about range and spectrometer tell its unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError
from ..metadata.positions import on_a_map
from ..metadata.units import axis_in, place_unit
from ..source import Source
from .file import numbers_in, read_text, start_of_text

_KEY: Final = re.compile(r"#([^=\n]+)=[ \t]*(.*)")
_MARKS: Final = ("#Acq. time", "#AxisType[", "#Accumulations", "#Instrument=")
COUNTS: Final = {"cnt": "counts", "cnt/sec": "counts/s", "cnt/s": "counts/s"}
_LEADING: Final = {"Z": "z", "T": "t", "Time": "t"}


def is_labspec(path: Path) -> bool:
    """Whether a text begins with keys of LabSpec."""
    text = start_of_text(path)
    return text.startswith("#") and any(mark in text for mark in _MARKS)


@dataclass(frozen=True)
class Measured:
    """Spectra with their positions."""

    axis: SpectralAxis
    spectra: NDArray[np.float64]
    """Shape (spectrum, band)."""
    positions: Mapping[str, NDArray[np.float64]]
    """By direction (X, Y, Z, Time), one number a spectrum."""
    units: Mapping[str, str | None]
    about: Mapping[str, Any]
    """Parameters of `Cube`."""


def read_images(source: Source) -> list[Image]:
    """Read a spectrum, a line of spectra or a map.

    Raises
    ------
    FileFormatError
        If a line was cut short, or no axis stands above the spectra.
    """
    path = source.path
    lines = read_text(path).splitlines()
    header = list(takewhile(lambda line: line.startswith("#"), lines))
    entries = [found for found in map(_KEY.match, header) if found]
    keys = {found[1].strip(): found[2].strip() for found in entries}
    start = len(header)
    body = [line for line in lines[start:] if line.strip()]
    if not body:
        raise FileFormatError(path, "no spectrum below the header", "export it again")
    return [cube_of(path, _measured(path, keys, body, start + 1))]


def cube_of(path: Path, found: Measured) -> Cube:
    """Return spectra as a map, where their positions make one, else as a list."""
    about = {"name": path.name.split(".")[0], "history": (f"read {path.name}",), **found.about}
    leading = next((name for name in found.positions if name in _LEADING), None)
    if leading and len(np.unique(found.positions[leading])) > 1:
        stacked = _stacked(found, leading)
        if stacked is not None:
            return Cube(stacked.pop("data"), found.axis, **about | stacked)
    flat = _flat(found)
    if flat is not None:
        return Cube(flat.pop("data"), found.axis, **about | flat)
    if found.positions:
        places = {name: values.tolist() for name, values in found.positions.items()}
        metadata = {**about.get("metadata", {}), "positions": places, "units": dict(found.units)}
        about |= {"metadata": metadata}
    return Cube.from_spectra(found.spectra, found.axis, **about)


def _flat(found: Measured) -> dict[str, Any] | None:
    if not {"X", "Y"} <= set(found.positions):
        return None
    placed = on_a_map(found.spectra, found.positions["Y"], found.positions["X"])
    if placed is None:
        return None
    return {
        "data": placed.data,
        "pixel_size": placed.pixel_size,
        "origin": placed.origin,
        "pixel_unit": found.units["X"],
    }


def _stacked(found: Measured, leading: str) -> dict[str, Any] | None:
    """Return the maps at each depth or time, one behind the other."""
    places = found.positions[leading]
    parts = []
    for place in dict.fromkeys(places.tolist()):
        chosen = places == place
        rest = {n: v[chosen] for n, v in found.positions.items() if n != leading}
        part = Measured(found.axis, found.spectra[chosen], rest, found.units, {})
        parts.append(_flat(part) or {"data": part.spectra.T[:, None, :]})
    if len({part["data"].shape for part in parts}) > 1:
        return None
    ordered = np.array(list(dict.fromkeys(places.tolist())))
    step = float(np.diff(ordered).mean()) if len(ordered) > 1 else 1.0
    sampling = Sampling(step, float(ordered[0]), found.units[leading])
    data = np.stack([part["data"] for part in parts])
    return parts[0] | {"data": data, _LEADING[leading]: sampling}


def _measured(
    path: Path, keys: Mapping[str, str], body: Sequence[str], first_line: int
) -> Measured:
    kinds = _numbered(keys, "AxisType")
    units = _numbered(keys, "AxisUnit")
    metadata = {"labspec": {k: v for k, v in keys.items() if not k.startswith("Axis")}}
    about: dict[str, Any] = {"metadata": metadata}
    if units[:1] and units[0]:
        about["intensity_unit"] = COUNTS.get(units[0].lower(), units[0])
    lead = len(body[0]) - len(body[0].lstrip("\t"))
    if not lead:
        return _of_columns(path, keys, body, first_line, about)
    values = numbers_in(path, [body[0].lstrip("\t")], body[0].strip().count("\t") + 1, first_line)
    axis = _axis(values[0], units[1] if len(units) > 1 else "", keys)
    table = numbers_in(path, body[1:], lead + len(axis), first_line + 1)
    names = [*kinds[2:], *"XYZ"][:lead]
    return Measured(
        axis,
        table[:, lead:],
        {name: table[:, place] for place, name in enumerate(names)},
        {name: place_unit(unit) for name, unit in zip(names, [*units[2:], *[""] * lead])},
        about,
    )


def _of_columns(
    path: Path, keys: Mapping[str, str], body: Sequence[str], first_line: int, about: dict[str, Any]
) -> Measured:
    """Return a spectrum that stands in two columns, or several with a common axis."""
    table = numbers_in(path, body, body[0].strip().count("\t") + 1, first_line)
    if table.shape[1] < 2:
        raise FileFormatError(path, "one column of numbers", "export axis and intensities")
    text = " ".join(key for key in keys if key.startswith(("Range", "Spectro")))
    units = _numbered(keys, "AxisUnit")
    unit = units[1] if len(units) > 1 else next(iter(re.findall(r"\(([^)]+)\)", text)), "")
    return Measured(_axis(table[:, 0], unit, keys), table[:, 1:].T, {}, {}, about)


def _axis(centres: NDArray[np.float64], unit: str, keys: Mapping[str, str]) -> SpectralAxis:
    # the superscript of cm⁻² is all that is left of the minus one in some encodings
    unit = "1/cm" if unit.lower().startswith("cm-") else unit
    laser = re.match(r"[\d.]+", keys.get("Laser (nm)", ""))
    line = float(laser[0]) if laser and float(laser[0]) > 0 else None
    found = axis_in(unit, centres, kind="raman_shift")
    if found is None:
        return SpectralAxis(centres, "1/cm", "raman_shift", excitation_nm=line, guessed=True)
    return SpectralAxis(found.centres, found.unit, found.kind, excitation_nm=line)


def _numbered(keys: Mapping[str, str], name: str) -> list[str]:
    found: list[str] = []
    while f"{name}[{len(found)}]" in keys:
        found.append(keys[f"{name}[{len(found)}]"])
    return found
