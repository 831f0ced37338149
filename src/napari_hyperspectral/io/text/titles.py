"""Units, quantities and the laser line in the titles of a table and the notes around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from ...axis import SpectralAxis
from ...metrics.values import Floats
from ..metadata.named_arrays import axis_from_vector
from ..metadata.units import axis_in, length_unit, metres
from .grid import Grid

_Pattern: TypeAlias = re.Pattern[str]

TITLE_OF_X: Final = re.compile(
    r"(.*\bx\b.*|column|col|map_x|x[ _-]?(pos.*|axis.*)?)", re.IGNORECASE
)
TITLE_OF_Y: Final = re.compile(r"(.*\by\b.*|row|map_y|y[ _-]?(pos.*|axis.*)?)", re.IGNORECASE)
_AXIS: Final = re.compile(
    r"raman|shift|wave|lambda|λ|freq|energy|\bwn\b|\bnm\b|cm.?-1|1/cm|m/z", re.I
)
_VALUE: Final = re.compile(r"intens|count|absorb|signal|power|irradiance|transm|reflect|%", re.I)
_INTENSITIES: Final = (
    (r"abs(orbance)?", "absorbance"),
    (r"%\s*t|transmittance\s*\(?%\)?|t\s*%", "%T"),
    (r"%\s*r|reflectance\s*\(?%\)?", "%R"),
    (r"transmittance", "transmittance"),
    (r"reflectance", "reflectance"),
    (r"(ccd )?(counts?|cts|cnt)", "counts"),
    (r"a\.?\s?u\.?|arb\.? ?units?", "a.u."),
)
_X_UNIT: Final = re.compile(r"x[ _-]?(?:axis)?[ _-]?(?:units?|label)\W+(.+)", re.IGNORECASE)
_Y_UNIT: Final = re.compile(r"y[ _-]?(?:axis)?[ _-]?(?:units?|label)\W+(.+)", re.IGNORECASE)
_LASER: Final = re.compile(
    r"(?:laser|excitation)[ _]?(?:wavelength|line)?(?:\W*nm)?\W{1,3}(\d{3,4}(?:[.,]\d+)?)", re.I
)


def names_axis(title: str) -> bool:
    """Whether a title is that of an axis, and not of intensities."""
    return bool(_AXIS.search(title)) and not _VALUE.search(title)


def names_values(title: str) -> bool:
    """Whether a title is one of intensities."""
    return bool(_VALUE.search(title))


def is_axis(values: Floats) -> bool:
    """Whether numbers, shape (band,), ascend or descend, but for a few: detectors may overlap."""
    steps = np.diff(values)
    all_known = np.isfinite(values).all()
    if not len(steps) or not all_known:
        return False
    ascending = (steps > 0).mean()
    descending = (steps < 0).mean()
    return bool(max(ascending, descending) > 0.9)


def axis_from_titles(
    centres: Floats,
    titles: Sequence[str],
    grid: Grid,
) -> SpectralAxis:
    """Return an axis in the unit that a title spells, or the quantity it names, or without any.

    Parameters
    ----------
    centres : ndarray of float64, shape (band,)
        In the unit of the table.
    titles : sequence of str
        Of the column or row of the centres, the most telling one first.
    """
    texts = [*titles, *_stated(_X_UNIT, grid.notes)]
    candidates = [text for text in texts if text]
    # a unit anywhere says more than the name of a quantity
    axis = _axis_with_unit(centres, candidates)
    if axis is None:
        axis = _axis_of_quantity(centres, candidates)
    laser = _first_match(_LASER, grid.notes)
    if laser is not None and axis.kind == "raman_shift":
        excitation = laser[1].replace(",", ".")  # a decimal comma
        axis = replace(axis, excitation_nm=float(excitation))
    return axis


def _axis_with_unit(centres: Floats, candidates: Iterable[str]) -> SpectralAxis | None:
    for text in candidates:
        axis = axis_in(text, centres)
        if axis is not None:
            return axis
    return None


def _axis_of_quantity(centres: Floats, candidates: Iterable[str]) -> SpectralAxis:
    for text in candidates:
        # "Wave", as Renishaw has it, may be anything
        if names_axis(text) and text.lower() != "wave":
            return axis_from_vector(text, centres)
    return SpectralAxis(centres)


def cube_parameters(path: Path, grid: Grid, *titles: str) -> dict[str, Any]:
    """Return name, history, unit of intensity and metadata of a cube, as parameters of `Cube`.

    Parameters
    ----------
    *titles : str
        Of the columns of intensities, where they have any.
    """
    units = {_intensity_unit(title) for title in titles}
    unit = None  # columns of different units have none in common
    if len(units) == 1:
        unit = units.pop()
    for text in _stated(_Y_UNIT, grid.notes):
        unit = unit or _intensity_unit(text)
    metadata = {}
    if grid.notes:
        metadata["text"] = list(grid.notes)
    return {
        "name": _stem(path),
        "history": (f"read {path.name}",),
        "intensity_unit": unit,
        "metadata": metadata,
    }


def _stated(pattern: _Pattern, notes: Iterable[str]) -> list[str]:
    """Return what the notes state after a key such as "X-Axis Units:"."""
    matches = [pattern.search(note) for note in notes]
    return [match[1] for match in matches if match]


def _first_match(pattern: _Pattern, notes: Iterable[str]) -> re.Match[str] | None:
    for note in notes:
        match = pattern.search(note)
        if match:
            return match
    return None


def _intensity_unit(title: str) -> str | None:
    """Return the unit that a title is, or has in brackets; None where it has none."""
    plain = title.strip().lower()
    in_brackets = re.findall(r"[\[(]([^\])]*)[\])]", plain)
    words = [word.strip() for word in (plain, *in_brackets)]
    for pattern, unit in _INTENSITIES:
        if any(re.fullmatch(pattern, word) for word in words):
            return unit
    return None


def length_unit_in(title: str) -> str | None:
    """Return the unit of length, or of angle, in a title such as "x (um)"; None without any."""
    match = re.search(r"[\[(/]\s*([^\])]+)[\])]?", title)
    if match is None:
        return None
    unit = length_unit(match[1])
    if metres(unit) is None and unit != "deg":  # a unit, but none of a place
        return None
    return unit


def _stem(path: Path) -> str:
    """Return the name of a file without its suffix, or without both of "map.txt.gz"."""
    if path.suffix.lower() == ".gz":
        return Path(path.stem).stem
    return path.stem
