"""Components that are no substance but a spike: a cosmic ray, or a hot pixel."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube
from ..cosmic_rays import spikes_among_neighbours
from ..steps.cosmic_rays import CosmicRaysAmongNeighbours
from .sample import middle_of

_BANDS: Final = 5
"""Bands that a spike covers, at most."""
_MOST_ENERGY: Final = 0.5
"""Share of the energy of a spectrum that so few bands hold in no substance."""
_FEWEST_BANDS: Final = 150
"""Of spectra with fewer, five are not few: a substance may have one peak as narrow."""


COSMIC_RAYS: Final = CosmicRaysAmongNeighbours(width=8)
"""The step that removes spikes before components are searched for. Wider than its default: a strong
cosmic ray bleeds into the bands around it, and what is left of it would be a component."""


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


class SpikyShare(NamedTuple):
    """How many spectra have a spike."""

    spiky: int
    spectra: int
    """Among so many, in the middle of the image."""

    @property
    def line(self) -> str:
        """What to tell a person before components are searched for; "" where there is no spike."""
        if not self.spiky:
            return ""
        verb = "has" if self.spiky == 1 else "have"
        return (
            f"{self.spiky:,} of {self.spectra:,} spectra {verb} a spike, as of a cosmic ray: remove them "
            "first, or components will be spikes"
        )


def spiky_share(cube: Cube) -> SpikyShare:
    """Return how many spectra in the middle of an image have a spike that their neighbours lack.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). Of mass spectra, which are spikes, none is counted.
    """
    axis = cube.spectral_axis
    data = middle_of(cube)
    spectra = data.shape[-2] * data.shape[-1]
    if axis.kind == "mz":
        return SpikyShare(0, spectra)
    step = COSMIC_RAYS
    spikes = spikes_among_neighbours(
        data, step.threshold, step.width, step.margin, step.size, good=axis.good
    )
    return SpikyShare(int(spikes.any(axis=-3).sum()), spectra)
