"""Components that are no substance but a spike: a cosmic ray, or a hot pixel."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube

_BANDS: Final = 5
"""Bands that a spike covers, at most."""
_MOST_ENERGY: Final = 0.5
"""Share of the energy of a spectrum that so few bands hold in no substance."""
_FEWEST_BANDS: Final = 150
"""Of spectra with fewer, five are not few: a substance may have one peak as narrow."""


class Spike(NamedTuple):
    """A component that is a spike."""

    component: int
    """Its number, from 1."""
    band: int
    """Its greatest band, from 0."""
    energy: float
    """Share of its squared intensities in its five greatest bands, 0 to 1."""

    def line(self, axis: SpectralAxis) -> str:
        """Return what to tell a person."""
        return (
            f"component {self.component} is a spike at {axis.label(self.band)}: {self.energy:.0%} of "
            "it lies in 5 bands; remove cosmic rays, and search again"
        )


def spiky_components(spectra: Cube) -> tuple[Spike, ...]:
    """Return the components more than half of whose energy lies in five bands or fewer.

    Parameters
    ----------
    spectra : Cube
        Pure spectra or loadings, (band, 1, component), as from `end_members`. Mass spectra, and
        spectra of fewer than 150 bands, may well look so: nothing is said of them.
    """
    axis = spectra.spectral_axis
    if axis.kind == "mz" or axis.good.sum() < _FEWEST_BANDS:
        return ()
    table = np.nan_to_num(spectra.spectra().astype(np.float64))
    table[:, ~axis.good] = 0
    energies = np.square(table)  # (component, band)
    strongest = np.sort(energies, axis=1)[:, -_BANDS:].sum(axis=1)
    shares = strongest / np.maximum(energies.sum(axis=1), np.finfo(float).tiny)
    spikes = []
    for component in np.flatnonzero(shares > _MOST_ENERGY):
        band = int(energies[component].argmax())
        spikes.append(Spike(int(component) + 1, band, float(shares[component])))
    return tuple(spikes)
