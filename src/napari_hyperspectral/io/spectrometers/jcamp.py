"""JCAMP-DX: spectra as labelled text, of infrared, Raman, UV, mass and other spectrometers.

A file is a block, or blocks in a block of links; a block has one spectrum, or a page for each of
several (NTUPLES). Spectra over one axis become one list of spectra.

Sources: R. S. McDonald, P. A. Wilks, Appl. Spectrosc. 42 (1988) 151 (version 4.24); P. Lampen et al.,
Appl. Spectrosc. 48 (1994) 1545 (NTUPLES of mass spectra), http://www.jcamp-dx.org
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..binary import COPY_AGAIN
from ..metadata.units import axis_in
from ..source import Source
from ..text.file import read_text, start_of_text
from .jcamp_data import pairs_of_table, rows_of_table

_LABEL: Final = re.compile(r"\s*##([^=]*)=(.*)", re.DOTALL)
_TABLES: Final = ("XYDATA", "XYPOINTS", "PEAKTABLE", "DATATABLE")
_INTENSITIES: Final = {
    "ABSORBANCE": "absorbance",
    "TRANSMITTANCE": "transmittance",
    "REFLECTANCE": "reflectance",
    "COUNTS": "counts",
    "ARBITRARY UNITS": "a.u.",
    "RELATIVE ABUNDANCE": "relative abundance",
    "KUBELKA-MUNK": "Kubelka-Munk",
}
_NO_SPECTRUM: Final = ("PEAKASSIGNMENTS", "ASSIGNMENTS")
_FORM: Final = re.compile(
    r"\(\s*([A-Z])(\+\+\s*\(\s*([A-Z])\s*\.\.|\s*([A-Z])\s*\.\.)", re.IGNORECASE
)
"""(X++(Y..Y)): abscissas at equal steps; (XY..XY): points."""


@dataclass
class _Block:
    """The records of a block, by labels in capitals without blanks."""

    records: dict[str, str] = field(default_factory=dict)
    tables: list[tuple[str, list[str]]] = field(default_factory=list)
    """Label of the page, and the lines of its table: the first says its form."""

    def number(self, label: str) -> float | None:
        """Return a record as a number; None where it is none."""
        return _number(self.records.get(label, ""))


@dataclass(frozen=True)
class _Spectrum:
    axis: SpectralAxis
    values: Floats
    """Shape (band,)."""
    name: str
    unit: str | None
    records: Mapping[str, str]


def is_jcamp(path: Path) -> bool:
    """Whether a text begins with a labelled record."""
    text = start_of_text(path, 1024).lstrip()
    return bool(re.match(r"(\$\$.*\n\s*)*##[^=\n]+=", text))


def read_images(source: Source) -> list[Image]:
    """Read the spectra of a file: those over one axis as one image.

    Raises
    ------
    FileFormatError
        If it has no spectrum, or a table of another length than its block states.
    """
    path = source.path
    spectra: list[_Spectrum] = []
    for block in _blocks(read_text(path)):
        spectra += _spectra(path, block)
    if not spectra:
        raise FileFormatError(path, "no spectrum in it", "export it with its data (XYDATA)")
    groups: list[list[_Spectrum]] = []
    for spectrum in spectra:
        for group in groups:
            if spectrum.axis.same_bands(group[0].axis) and spectrum.unit == group[0].unit:
                group.append(spectrum)
                break
        else:
            groups.append([spectrum])
    return [_cube(path, group, alone=len(groups) == 1) for group in groups]


def _cube(path: Path, spectra: Sequence[_Spectrum], *, alone: bool) -> Cube:
    first = spectra[0]
    metadata: dict[str, Any] = {"jcamp": dict(first.records)}
    names = [spectrum.name for spectrum in spectra]
    if len(spectra) > 1:
        metadata["spectra names"] = names
    return Cube.from_spectra(
        np.stack([spectrum.values for spectrum in spectra]),
        first.axis,
        name=path.stem if alone else f"{path.stem} {first.name}",
        history=(f"read {path.name}",),
        intensity_unit=first.unit,
        metadata=metadata,
    )


# ------------------------------------------------------------------------------------- records


def _blocks(text: str) -> Iterator[_Block]:
    """Yield the blocks of a file; what a block of links holds besides them is in none."""
    block = _Block()
    table: list[str] | None = None
    label = ""
    page = ""
    for line in text.splitlines():
        line = line.partition("$$")[0].rstrip()  # a comment
        match = _LABEL.match(line)
        if match is None:
            if table is not None and line.strip():
                table.append(line)
            elif label and line.strip():
                block.records[label] += f"\n{line.strip()}"
            continue
        label = re.sub(r"[\s\-_/]", "", match[1]).upper()
        value = match[2].strip()
        table = None
        if label == "TITLE" and (block.tables or block.records):
            yield block
            block = _Block()
            page = ""
        if label == "PAGE":
            page = value
        if label in _TABLES:
            table = [value]
            block.tables.append((page, table))
            label = ""
        elif label:
            block.records[label] = value
    yield block


def _number(text: str) -> float | None:
    try:
        return float(text.split()[0].rstrip(","))
    except (ValueError, IndexError):
        return None


# ------------------------------------------------------------------------------------- spectra


def _spectra(path: Path, block: _Block) -> Iterator[_Spectrum]:
    title = block.records.get("TITLE", "") or path.stem
    for number, (page, lines) in enumerate(block.tables, 1):
        form = _FORM.search(lines[0].replace(" ", ""))
        if form is None or len(lines) < 2:
            continue  # peaks with their assignments
        variables = _variables(block, form[1].upper(), (form[3] or form[4]).upper())
        if variables is None:
            continue
        x, y = variables
        if form[3]:
            centres, values = _table(path, lines[1:], x, y)
        else:
            points = pairs_of_table(path, lines[1:])
            centres = points[:, 0] * (x.factor or 1.0)
            values = points[:, 1] * (y.factor or 1.0)
        _check_count(path, title, len(values), x.count)
        axis = _axis(path, block, centres, x.unit)
        name = title
        if len(block.tables) > 1:
            name = f"{title} {page or number}"
        unit = _INTENSITIES.get(y.unit.upper(), y.unit) or None
        yield _Spectrum(axis, values, name, unit, block.records)


@dataclass(frozen=True)
class _Variable:
    unit: str
    factor: float | None
    first: float | None = None
    last: float | None = None
    count: int | None = None


def _variables(block: _Block, x: str, y: str) -> tuple[_Variable, _Variable] | None:
    """Return abscissa and ordinate; None where the block does not know their letters."""
    if "SYMBOL" not in block.records:
        points = block.number("NPOINTS")
        count = None if points is None else int(points)
        abscissa = _Variable(
            block.records.get("XUNITS", ""),
            block.number("XFACTOR"),
            block.number("FIRSTX"),
            block.number("LASTX"),
            count,
        )
        return abscissa, _Variable(block.records.get("YUNITS", ""), block.number("YFACTOR"))
    symbols = [symbol.strip().upper() for symbol in block.records["SYMBOL"].split(",")]
    if x not in symbols or y not in symbols:
        return None
    return _ntuple(block, symbols.index(x)), _ntuple(block, symbols.index(y))


def _ntuple(block: _Block, position: int) -> _Variable:
    """Return a variable of NTUPLES, whose properties are lists with an item for each."""

    def item(label: str) -> str:
        items = block.records.get(label, "").split(",")
        return items[position].strip() if position < len(items) else ""

    count = _number(item("VARDIM"))
    return _Variable(
        item("UNITS"),
        _number(item("FACTOR")),
        _number(item("FIRST")),
        _number(item("LAST")),
        None if count is None else int(count),
    )


def _table(path: Path, lines: Sequence[str], x: _Variable, y: _Variable) -> tuple[Floats, Floats]:
    """Return band centres and values, (band,), of a table at equal steps."""
    starts = []
    values: list[float] = []
    counts = []
    for row in rows_of_table(path, lines):
        starts.append(row.x * (x.factor or 1.0))
        counts.append(len(values))
        values += row.values
    bands = len(values)
    first = starts[0] if x.first is None else x.first
    last = x.last
    if last is None:
        if len(counts) < 2 or not counts[-1]:
            raise FileFormatError(path, "neither LASTX nor steps of its axis", COPY_AGAIN)
        step = (starts[-1] - starts[0]) / counts[-1]
        last = first + step * (bands - 1)
    expected = bands if x.count is None else x.count
    step = (last - first) / max(expected - 1, 1)
    _check_starts(path, np.array(starts), first + step * np.array(counts), step)
    return np.linspace(first, last, bands), np.array(values) * (y.factor or 1.0)


def _check_starts(path: Path, starts: Floats, expected: Floats, step: float) -> None:
    """Refuse a table of which a line is missing: each states where it begins.

    Parameters
    ----------
    starts, expected : ndarray of float64, shape (line,)
        Where lines begin, as they state and by their numbers of values, in the unit of the axis.
    """
    # what a line states is rounded, and some programs count it in numbers of points
    tolerance = 1.5 * abs(step) + 1e-3 * float(np.abs(expected).max())
    off = np.flatnonzero(np.abs(starts - expected) > tolerance)
    if len(off) and len(off) < len(starts) - 1:
        line = int(off[0])
        raise FileFormatError(
            path,
            f"line {line + 1} of its table begins at {starts[line]:g}, expected {expected[line]:g}",
            "a line is missing: copy it again",
        )


def _check_count(path: Path, title: str, found: int, stated: int | None) -> None:
    if stated is not None and found != stated:
        raise FileFormatError(
            path, f"{title} has {found} values, its header states {stated}", COPY_AGAIN
        )


def _axis(path: Path, block: _Block, centres: Floats, unit: str) -> SpectralAxis:
    """Return the axis of centres, (band,), in a unit as the block spells it."""
    kind = block.records.get("DATATYPE", "").upper()
    axis = axis_in(unit, centres)
    if axis is None:
        if unit and unit.upper() not in ("ARBITRARY UNITS", "NONE"):
            warnings.warn(
                f"{path.name}: its axis is in {unit!r}, no spectral unit that we know; its numbers are "
                "kept without one",
                stacklevel=2,
            )
        return SpectralAxis(centres)
    if "RAMAN" in kind and axis.unit == "1/cm":
        return replace(axis, kind="raman_shift")
    return axis
