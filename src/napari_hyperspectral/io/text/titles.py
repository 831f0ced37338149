"""What the titles of a table, and the notes around it, tell: units, quantities, the laser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ..metadata.named_arrays import axis_from_vector
from ..metadata.units import axis_in, place_unit
from .grid import Grid

X: Final = re.compile(r"(.*\bx\b.*|column|col|map_x|x[ _-]?(pos.*|axis.*)?)", re.IGNORECASE)
Y: Final = re.compile(r"(.*\by\b.*|row|map_y|y[ _-]?(pos.*|axis.*)?)", re.IGNORECASE)
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


def axis_of(centres: NDArray[np.float64], words: Sequence[str], grid: Grid) -> SpectralAxis:
    """Return an axis in the unit that a title spells, or the quantity it names, or without any."""
    told = [m[1] for note in grid.notes for m in [_X_UNIT.search(note)] if m]
    candidates = [word for word in [*words, *told] if word]
    axis = next((a for a in (axis_in(word, centres) for word in candidates) if a), None)
    if axis is None:
        # "Wave", as Renishaw has it, may be anything
        usual = (word for word in candidates if names_axis(word) and word.lower() != "wave")
        named = next(usual, None)
        axis = axis_from_vector(named, centres) if named else SpectralAxis(centres)
    laser = next((m for m in map(_LASER.search, grid.notes) if m), None)
    if laser and axis.kind == "raman_shift":
        line = float(laser[1].replace(",", "."))
        return SpectralAxis(
            axis.centres, axis.unit, axis.kind, excitation_nm=line, guessed=axis.guessed
        )
    return axis


def about_table(path: Path, grid: Grid, *titles: str) -> dict[str, Any]:
    """Return the parameters of `Cube` that say where it is from."""
    told = [m[1] for note in grid.notes for m in [_Y_UNIT.search(note)] if m]
    units = {_intensity(title) for title in titles} if titles else set()
    unit = units.pop() if len(units) == 1 else None
    about: dict[str, Any] = {
        "name": _stem(path),
        "history": (f"read {path.name}",),
        "intensity_unit": unit or next((u for u in map(_intensity, told) if u), None),
        "metadata": {"text": list(grid.notes)} if grid.notes else {},
    }
    return about


def _intensity(title: str) -> str | None:
    plain = title.strip().lower()
    words = [plain, *re.findall(r"[\[(]([^\])]*)[\])]", plain)]
    for pattern, unit in _INTENSITIES:
        if any(re.fullmatch(pattern, word.strip()) for word in words):
            return unit
    return None


def place_unit_of(title: str) -> str | None:
    """Return the unit of length in a title such as "x (um)"; None where there is none."""
    found = re.search(r"[\[(/]\s*([^\])]+)[\])]?", title)
    unit = place_unit(found[1]) if found else None
    return unit if unit in ("nm", "um", "mm", "cm", "m") else None


def _stem(path: Path) -> str:
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
