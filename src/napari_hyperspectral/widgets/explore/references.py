"""Reference spectra from files, shown over those of a cube."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ...axis import Axis, SpectralAxis
from ...io import read
from ...spectra.conversion import Quantity
from .curves import Curve
from .layers import positions_on
from .units import in_quantity

MOST_REFERENCES: Final = 10
"""Spectra of a file that are shown."""
_COLOURS: Final = ("#c0c0c0", "#b0a080", "#80a0b0", "#a0b080", "#b080a0")


class ReferenceSpectra:
    """Spectra of files, scaled to those in the plot: they have other units."""

    def __init__(self) -> None:
        self._spectra: list[tuple[str, Axis, np.ndarray]] = []

    def __bool__(self) -> bool:
        return bool(self._spectra)

    def open(self, path: str | Path, of_cube: Axis | None = None) -> list[str]:
        """Add the spectra of a file; return what was taken for granted, a line each.

        Parameters
        ----------
        path : str or Path
            Of the file.
        of_cube : SpectralAxis or ChannelAxis, optional
            Whose unit positions have that state none, as in most tables of text.

        Raises
        ------
        ValueError, OSError
            If it cannot be read.
        """
        cube = read(path)
        table = cube.spectra()[:MOST_REFERENCES]
        name = cube.name or Path(path).stem
        axis = _in_unit_of(cube.axis, of_cube)
        for number, spectrum in enumerate(table, start=1):
            title = name if len(table) == 1 else f"{name} {number}"
            self._spectra.append((title, axis, spectrum))
        return [] if axis is cube.axis else [f"Took {name} as {axis.title}: it states no unit"]

    def clear(self) -> None:
        """Remove all."""
        self._spectra = []

    def axes_left_out(self, axis: Axis, quantity: Quantity | None) -> list[str]:
        """Return the quantities of the references that do not fit the axis of the plot."""
        own_axes = [own for _name, own, _spectrum in self._spectra]
        shown = [in_quantity(own, quantity) or own for own in own_axes]
        return sorted({own.title for own in shown if own.title != axis.title})

    def curves(self, axis: Axis, quantity: Quantity | None, others: Sequence[Curve]) -> list[Curve]:
        """Return the references that fit the axis of the plot, as high as the highest of others."""
        height = max(
            (float(np.nanmax(curve.y)) for curve in others if _has_values(curve)), default=1.0
        )
        curves = []
        for number, (name, own, spectrum) in enumerate(self._spectra):
            shown = in_quantity(own, quantity) or own
            if shown.title != axis.title:
                continue  # `axes_left_out` tells
            greatest = float(np.nanmax(spectrum)) or 1.0
            colour = _COLOURS[number % len(_COLOURS)]
            scaled = spectrum * (height / greatest)
            curves.append(
                Curve(f"{name} (scaled)", positions_on(shown), scaled, colour, "reference")
            )
        return curves


def _in_unit_of(own: Axis, other: Axis | None) -> Axis:
    """Return an axis in the unit of another, if it has positions that state none."""
    if not (isinstance(own, SpectralAxis) and isinstance(other, SpectralAxis)):
        return own
    only_numbered = np.array_equal(own.centres, np.arange(len(own)))
    if own.unit is not None or other.unit is None or only_numbered:
        return own
    return SpectralAxis(own.centres, other.unit, other.kind)


def _has_values(curve: Curve) -> bool:
    return bool(np.isfinite(curve.y).any())
