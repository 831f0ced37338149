"""Match spectra with those of a library, whatever its bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from ...axis import SpectralAxis, axis_in_full
from ...cube import Cube
from ..arrays import SpectraTable
from ..resample import resample
from .similarity import Similarity, similarity

_LEAST_COVERED: Final = 0.8
"""Share of the range of the spectra that one of a library must cover."""
_FEWEST_BANDS: Final = 8


class Match(NamedTuple):
    """A spectrum of a library, and how alike it is."""

    name: str
    angle: float
    """Spectral angle, in degrees."""
    correlation: float


@dataclass(frozen=True, eq=False)
class Library:
    """Spectra of a library on the bands of a cube."""

    names: tuple[str, ...]
    table: SpectraTable
    """Shape (spectrum, band); NaN in bands that one does not have."""
    axis: SpectralAxis
    notes: tuple[str, ...] = ()
    """What was assumed or left out, a sentence each."""

    def as_cube(self, name: str = "library") -> Cube:
        """Return the spectra as a cube, (band, 1, spectrum), as `abundance_maps_steps` takes them."""
        about = {"name": name, "history": (*self.notes, f"the spectra of {', '.join(self.names)}")}
        return Cube.from_spectra(self.table.astype(np.float32), self.axis, **about)


def library_on(axis: SpectralAxis, files: Sequence[Cube]) -> Library:
    """Return the spectra of a library, interpolated to an axis.

    Parameters
    ----------
    axis : SpectralAxis
        Of the cube, or components, that they are compared with.
    files : sequence of Cube
        Each of one or more spectra. An axis without a unit is taken to be in that of `axis`, which
        the notes say; a spectrum that covers less than 80 % of `axis` is left out, which they say,
        too.

    Raises
    ------
    ValueError
        If no spectrum is left.
    """
    names: list[str] = []
    tables = []
    notes = []
    for file in files:
        try:
            table, note = _on_axis(axis, file)
        except ValueError as error:
            notes.append(f"left out {file.name or 'a spectrum'}: {error}")
            continue
        if note:
            notes.append(note)
        tables.append(table)
        names += _names(file, len(table))
    if not tables:
        raise ValueError(
            f"no spectrum of the library can be compared; {'; '.join(notes) or 'it is empty'}"
        )
    return Library(tuple(names), np.concatenate(tables), axis, tuple(notes))


def matches(spectra: Cube, library: Library, *, by: Similarity = "angle") -> list[list[Match]]:
    """Return for each spectrum the spectra of a library, the most alike first.

    Parameters
    ----------
    spectra : Cube
        Such as pure spectra, (band, 1, component), on the axis of the library.
    library : Library
    by : {"angle", "correlation"}
        Which of both decides on the order.

    Raises
    ------
    ValueError
        If the library is on another axis.
    """
    axis = spectra.spectral_axis
    if not axis.same_bands(library.axis):
        raise ValueError(
            f"the spectra have {axis_in_full(axis)}, the library {axis_in_full(library.axis)}; bring "
            "it there with library_on"
        )
    table = library.table[:, axis.good]
    found = []
    for spectrum in spectra.spectra()[:, axis.good].astype(np.float64):
        angles = similarity(table, spectrum, "angle")
        correlations = similarity(table, spectrum, "correlation")
        order = np.argsort(angles if by == "angle" else -correlations, kind="stable")
        of_one = []
        for row in order:
            match = Match(library.names[row], float(angles[row]), float(correlations[row]))
            of_one.append(match)
        found.append(of_one)
    return found


def _on_axis(axis: SpectralAxis, file: Cube) -> tuple[SpectraTable, str]:
    """Return the spectra of a file on an axis, (spectrum, band), and what was assumed of them.

    Raises
    ------
    ValueError
        If they cannot be compared.
    """
    own = file.spectral_axis
    note = ""
    if own.unit is None and axis.unit is not None:
        note = f"took the axis of {file.name or 'a spectrum'} as {axis.title}: it states no unit"
    elif own.unit != axis.unit:
        raise ValueError(f"it has {axis_in_full(own)}, not {axis.symbol}; convert its axis first")
    centres, first = np.unique(own.centres[own.good], return_index=True)
    low = max(centres[0], axis.centres.min())
    high = min(centres[-1], axis.centres.max())
    covered = (high - low) / max(float(np.ptp(axis.centres)), np.finfo(float).tiny)
    inside = ((centres >= low) & (centres <= high)).sum()
    if covered < _LEAST_COVERED or inside < min(_FEWEST_BANDS, len(axis)):
        raise ValueError(
            f"{centres[0]:g}–{centres[-1]:g} covers {max(covered, 0):.0%} of the range, with "
            f"{inside} bands"
        )
    same_quantity = SpectralAxis(centres, axis.unit, axis.kind)
    data = file.numpy()[..., own.good, :, :][..., first, :, :]
    resampled = resample(data, same_quantity, axis)
    table = np.moveaxis(resampled, -3, -1).reshape(-1, len(axis)).astype(np.float64)
    return table, note


def _names(file: Cube, count: int) -> list[str]:
    """Return a name for each spectrum of a file."""
    name = file.name or "spectrum"
    if count == 1:
        return [name]
    return [f"{name} {number}" for number in range(1, count + 1)]
