"""The spectra of a preview as curves of the Spectrum dock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from ...axis import Axis
from ...spectra.arrays import Array
from ...spectra.conversion import Quantity
from ...spectra.steps.preview import PreparedSpectrum, Preview, Trace
from ...spectra.steps.words import number_in_words
from ..explore.curves import Curve
from ..explore.layers import positions_on
from ..explore.units import in_quantity

_BASELINE: Final = "#9aa0a6"
_SPIKES: Final = "#ff5f56"
_COMPARABLE: Final = 4.0
"""Ratio of two spectra's spans up to which both are seen on one scale."""


class Named(NamedTuple):
    """What the spectrum of a pixel is called in the plot, and its colour."""

    name: str
    colour: str


def curves_of(
    preview: Preview, named: Sequence[Named], quantity: Quantity | None, title: str
) -> list[Curve]:
    """Return the curves of a preview: before, after, baseline and spikes.

    Prepared spectra on another scale, as normalised ones, are multiplied to be seen beside those that
    were measured; their names say by how much.

    Parameters
    ----------
    preview : Preview
        The spectra.
    named : sequence of Named
        Name and colour of each.
    quantity : str or None
        What the plot is over.
    title : str
        The title of the plot's axis; curves on others are left out.
    """
    curves: list[Curve] = []
    factor = _factor(preview)
    for spectrum in preview.spectra:
        name, colour = named[spectrum.number]
        parts = [Curve(name, *_xy(spectrum.before, quantity), colour, "preview", faint=True)]
        if spectrum.number == 0:  # of pins they would fill the plot
            if spectrum.baseline is not None:
                xy = _xy(spectrum.baseline, quantity, factor)
                parts.append(Curve(f"{name} · baseline", *xy, _BASELINE, "preview"))
            for count, spikes in enumerate(spectrum.spikes, start=1):
                again = f" {count}" if count > 1 else ""
                xy = _xy(spikes, quantity, factor)
                parts.append(Curve(f"{name} · spikes{again}", *xy, _SPIKES, "preview", marks=True))
        times = "" if factor == 1 else f" × {number_in_words(factor)}"
        xy = _xy(spectrum.after, quantity, factor)
        parts.append(Curve(f"{name} · prepared{times}", *xy, colour, "preview"))
        titles = [spectrum.before.axis, spectrum.after.axis]
        if all(_shown(axis, quantity).title == title for axis in titles):
            curves += parts
    return curves


def _xy(trace: Trace, quantity: Quantity | None, factor: float = 1.0) -> tuple[Array, Array]:
    times = 1.0 if trace.as_measured else factor
    return positions_on(_shown(trace.axis, quantity)), trace.values * times


def _shown(axis: Axis, quantity: Quantity | None) -> Axis:
    return in_quantity(axis, quantity) or axis


def _factor(preview: Preview) -> float:
    """Return by what prepared spectra are multiplied: 1, or 1, 2 or 5 times a power of ten."""
    measured = max((_span(spectrum.before) for spectrum in preview.spectra), default=0.0)
    prepared = max((_span(spectrum.after) for spectrum in preview.spectra), default=0.0)
    if measured <= 0 or prepared <= 0:
        return 1.0
    if _as_measured(preview.spectra) or max(measured, prepared) < _COMPARABLE * min(
        measured, prepared
    ):
        return 1.0
    ratio = measured / prepared
    power = 10.0 ** math.floor(math.log10(ratio))
    steps = [step * power for step in (1, 2, 5) if step * power <= ratio]
    return steps[-1]


def _as_measured(spectra: Sequence[PreparedSpectrum]) -> bool:
    return all(spectrum.after.as_measured for spectrum in spectra)


def _span(trace: Trace) -> float:
    known = trace.values[np.isfinite(trace.values)]
    return float(np.ptp(known)) if known.size else 0.0
