"""Curves of the Spectrum dock: spectra with a name and a colour, and tables of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from ...spectra.arrays import Array

Kind: TypeAlias = Literal["cursor", "pin", "region", "preview", "fit", "reference"]
"""Where a spectrum comes from."""
_LEGEND_LENGTH: Final = 34
"""Characters of a name in the legend; longer ones lose their middle."""


class Curve(NamedTuple):
    """A spectrum in the plot."""

    name: str
    """What it is of, in full; no two curves have the same."""
    x: Array
    """Positions of the bands, shape (band,), in the unit of the plot."""
    y: Array
    """Intensities, shape (band,); NaN leaves a gap."""
    colour: str
    kind: Kind = "cursor"
    sd: Array | None = None
    """Standard deviation of a region, shape (band,)."""
    faint: bool = False
    """Whether it is drawn behind others of its colour: of another layer, or before a preparation."""
    marks: bool = False
    """Whether single bands are marked, as spikes are, instead of a line through all."""


def legend_names(curves: Sequence[Curve], layer: str) -> list[str]:
    """Return short names of curves; that of the only layer is left out.

    Parameters
    ----------
    curves : sequence of Curve
        The curves.
    layer : str
        Name of the only layer they are of, or "".
    """
    names = []
    for curve in curves:
        name = curve.name
        if layer and name != layer:
            name = name.removeprefix(f"{layer} · ").removeprefix(f"{layer} ")
        names.append(_shortened(name))
    return names


def _shortened(name: str) -> str:
    """Return a name without its middle, if it is long: names differ at their ends."""
    if len(name) <= _LEGEND_LENGTH:
        return name
    half = _LEGEND_LENGTH // 2
    return f"{name[: half - 1]}…{name[-half:]}"


def table_of(curves: Sequence[Curve], title: str, delimiter: str = "\t") -> str:
    """Return spectra as a table in text, a line for each band of each spectrum.

    Parameters
    ----------
    curves : sequence of Curve
        The spectra.
    title : str
        Quantity and unit of the bands, for the heading.
    delimiter : str
        Between columns.
    """
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(("Spectrum", title, "Intensity", "Standard deviation"))
    for curve in curves:
        deviations = curve.sd
        if deviations is None:
            deviations = np.full(len(curve.x), np.nan)
        for x, y, deviation in zip(curve.x, curve.y, deviations, strict=True):
            table.writerow((curve.name, _cell(x), _cell(y), _cell(deviation)))
    return text.getvalue()


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.9g}"
