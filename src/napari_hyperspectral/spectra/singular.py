"""The strongest components of a table of spectra, with missing values filled in from them."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from scipy.linalg import eigh, eigvalsh

from ..scale import scale_of
from .arrays import Array, GoodBands, Intensities, SpectraTable

Planes: TypeAlias = Array
"""Images of one size, shape (plane, band, y, x), in float64; NaN is missing."""
_FILLING_ROUNDS: Final = 5
"""Times that missing values are taken from the components, and these from all values."""


class Components(NamedTuple):
    """A table of spectra, or what is most of it, as amounts of a few spectra."""

    scores: Array
    """Shape (spectrum, component), in the unit of the spectra."""
    directions: Array
    """Shape (component, band), orthonormal."""

    def table(self) -> SpectraTable:
        """Return the spectra that these components add up to, (spectrum, band)."""
        table: SpectraTable = self.scores @ self.directions
        return table


def planes_of(data: Intensities, good: GoodBands | None = None) -> Planes:
    """Return an image, (…, band, y, x), as planes of float64; bad bands and infinity are missing."""
    planes = np.asarray(data, np.float64)
    planes = planes.reshape(-1, *planes.shape[-3:])
    known = np.isfinite(planes)
    if good is not None:
        known = known & good[:, None, None]
    return np.where(known, planes, np.nan)


def spectra_of(planes: Planes) -> SpectraTable:
    """Return planes, (plane, band, y, x), as spectra, (spectrum, band)."""
    bands_last = np.moveaxis(planes, 1, -1)
    spectra = int(np.prod(bands_last.shape[:-1]))  # of no bands, numpy could not tell how many
    return bands_last.reshape(spectra, planes.shape[1])


def unfolded(table: SpectraTable, shape: tuple[int, ...]) -> Planes:
    """Return spectra, (spectrum, band), as planes of this shape but for their number of bands."""
    plane, _, height, width = shape
    return np.moveaxis(table.reshape(plane, height, width, -1), -1, 1)


def strongest(table: SpectraTable, rank: int) -> Components:
    """Return the strongest components of spectra, (spectrum, band), all of whose values are known."""
    spectra, bands = table.shape
    rank = min(rank, spectra, bands)
    # eigenvectors of very small and very large numbers have other last digits
    near_one = table / scale_of(table)
    if spectra < bands:  # the smaller of the two Gram matrices is faster than singular vectors
        last = (spectra - rank, spectra - 1)
        gram = near_one @ near_one.T
        powers, vectors = eigh(gram, subset_by_index=last) if rank else _nothing(spectra)
        lengths = np.sqrt(np.maximum(powers[::-1], np.finfo(float).tiny))
        directions = (vectors[:, ::-1] / lengths).T @ near_one
    else:
        last = (bands - rank, bands - 1)
        gram = near_one.T @ near_one
        _, vectors = eigh(gram, subset_by_index=last) if rank else _nothing(bands)
        directions = vectors[:, ::-1].T
    return Components(table @ directions.T, directions)


def singular_values(table: SpectraTable) -> Array:
    """Return the singular values of spectra, (spectrum, band), the largest first."""
    spectra, bands = table.shape
    scale = scale_of(table)
    near_one = table / scale
    gram: Array = near_one @ near_one.T if spectra < bands else near_one.T @ near_one
    powers = np.maximum(eigvalsh(gram)[::-1], 0)
    sizes: Array = scale * np.sqrt(powers)
    return sizes


def filled(table: SpectraTable, rank: int) -> SpectraTable:
    """Return spectra, (spectrum, band), whose missing values, at first 0, are those of components."""
    known = np.isfinite(table)
    complete = np.where(known, table, 0)
    if known.all():
        return complete
    for _ in range(_FILLING_ROUNDS):
        fitted = strongest(complete, rank).table()
        complete = np.where(known, table, fitted)
    return complete


def filled_from(table: SpectraTable, directions: Array) -> SpectraTable:
    """Return spectra, (spectrum, band), whose missing values come from orthonormal directions.

    Shape (component, band). A spectrum of which nothing is known is 0.
    """
    known = np.isfinite(table)
    complete: SpectraTable = np.where(known, table, 0)
    partly = known.any(axis=1) & ~known.all(axis=1)
    for spectrum in np.flatnonzero(partly):
        seen = known[spectrum]
        amounts = np.linalg.lstsq(directions[:, seen].T, table[spectrum, seen], rcond=None)[0]
        complete[spectrum, ~seen] = amounts @ directions[:, ~seen]
    return complete


def _nothing(size: int) -> tuple[Array, Array]:
    """Return no eigenvalues and no eigenvectors of a matrix of this size."""
    return np.zeros(0), np.zeros((size, 0))
