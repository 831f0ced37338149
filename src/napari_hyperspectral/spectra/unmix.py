"""Spectra as mixtures: find pure spectra (end-members), and their abundances in each spectrum."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from scipy.linalg import eigh, eigvalsh

from ..scale import scale_of
from .arrays import Array, Indices, SpectraTable
from .decomposition.corners import farthest_corners, grown_corners
from .least_squares.nonnegative import PureSpectraFit

_AMBIGUOUS: Final = 1e6
"""Condition number of pure spectra beyond which other abundances fit as well."""
_ROUNDING: Final = 1e-12
"""Difference of two spectra, relative to the greatest value, up to which they are the same."""
_VALUES: Final = 2**22
"""Values whose products are summed at a time."""
_DARK: Final = 0.01
"""Spectra with less than this share of the mean brightness point in a direction of noise only."""


class PureSpectra(NamedTuple):
    """The end-members: spectra at the corners of the cloud that all spectra form."""

    spectra: SpectraTable
    """Shape (component, band), in the unit of the table, less the noise outside the signal's subspace."""
    pixels: Indices
    """Rows of the table that they are, shape (component,)."""
    snr_db: float
    """Estimated signal-to-noise ratio, which decides on the projection."""


def vertex_components(
    table: SpectraTable, count: int, *, seed: int = 0, starts: int = 20, grow: bool = False
) -> PureSpectra:
    """Find the purest spectra of a table by vertex component analysis (VCA), or N-FINDR.

    The spectrum farthest along a random direction, orthogonal to all corners so far, is the next
    corner, until there are enough. With a good signal-to-noise ratio, spectra are first projected
    on a plane by their brightness (so that shadows make no corners), otherwise by their principal
    components alone. Of many starts, the corners of the largest simplex are kept.
    Source: Nascimento & Bioucas-Dias 2005, https://doi.org/10.1109/TGRS.2005.844293. Unlike
    there, nearly dark spectra cannot be corners: divided by almost 0, their noise would lie
    farthest of all.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Intensities, in any unit, without missing values.
    count : int
        Number of pure spectra, at least 2.
    seed : int
        Seed of the random directions.
    starts : int
        How many times corners are searched for, at least 1.
    grow : bool
        Whether corners are then exchanged for others as long as the simplex grows: N-FINDR (Winter
        1999, https://doi.org/10.1117/12.366289).

    Raises
    ------
    ValueError
        If there are fewer spectra, or bands, than `count`, or all spectra are alike.
    """
    if count < 2 or count > min(table.shape):
        raise ValueError(
            f"{count} components need as many spectra and as many bands (here {table.shape[0]} "
            f"and {table.shape[1]}); choose 2 or more, and no more than that"
        )
    if np.allclose(table[0], table.mean(axis=0), rtol=1e-9, atol=0) and _are_alike(table):
        raise ValueError(
            "all spectra are alike, so there are no components in them; choose another cube"
        )
    # eigenvectors of very small and very large numbers have other last digits
    scale = scale_of(table)
    found = _purest(table / scale, count, _Search(seed, starts, grow))
    return found._replace(spectra=scale * found.spectra)


def _are_alike(table: SpectraTable) -> bool:
    """Whether all spectra of a table are the same, but for rounding errors."""
    return np.allclose(table, table[0], rtol=1e-9, atol=0)


class _Search(NamedTuple):
    """How corners are searched for."""

    seed: int
    starts: int
    grow: bool

    def corners(self, points: SpectraTable) -> Indices:
        """Return the rows of points, (spectrum, component), that span a large simplex."""
        rows = farthest_corners(points, self.seed, self.starts)
        return grown_corners(points, rows) if self.grow else rows


def _purest(table: SpectraTable, count: int, search: _Search) -> PureSpectra:
    """Return what `vertex_components` does, of spectra near 1 in size."""
    moments = _Moments.of(table)
    mean = moments.mean
    snr_db = moments.snr(count)
    if snr_db > 15 + 10 * np.log10(count):  # the threshold of the source
        axes = _main_directions(moments.power(), count)
        scores = table @ axes  # (spectrum, component)
        corners = search.corners(_by_brightness(scores))
        return PureSpectra(scores[corners] @ axes.T, corners, snr_db)

    axes = _main_directions(moments.spread, count - 1)
    scores = (table - mean) @ axes  # (spectrum, component - 1)
    # one more coordinate, the same for all, makes of the plane a simplex with `count` corners
    height = np.full((len(table), 1), np.linalg.norm(scores, axis=1).max())
    corners = search.corners(np.hstack([scores, height]))
    return PureSpectra(scores[corners] @ axes.T + mean, corners, snr_db)


def estimated_snr(table: SpectraTable, count: int) -> float:
    """Return the signal-to-noise ratio of mixtures of `count` spectra, in dB.

    What lies outside the subspace of the first principal components is noise; inside, the noise has
    the same power in each direction. Source: Nascimento & Bioucas-Dias 2005, equation 13.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Intensities, in any unit, without missing values.
    count : int
        Number of pure spectra in the mixtures.
    """
    return _Moments.of(table).snr(count)


class _Moments(NamedTuple):
    """What is asked of a table of spectra, from one pass over it."""

    mean: Array
    """Shape (band,)."""
    spread: SpectraTable
    """Sums of products of bands, less their means, (band, band)."""
    spectra: int

    @classmethod
    def of(cls, table: SpectraTable) -> _Moments:
        """Return the moments of a table, (spectrum, band)."""
        mean = table.mean(axis=0)
        spread = np.zeros((table.shape[1], table.shape[1]))
        rows = max(1, _VALUES // table.shape[1])
        for first in range(0, len(table), rows):
            centred = table[first : first + rows] - mean
            spread += centred.T @ centred
        return cls(mean, spread, len(table))

    def power(self) -> SpectraTable:
        """Return the sums of products of bands, (band, band)."""
        return self.spread + self.spectra * np.outer(self.mean, self.mean)

    def snr(self, count: int) -> float:
        """Return the signal-to-noise ratio of mixtures of `count` spectra, in dB."""
        bands = len(self.mean)
        mean_power = float(self.mean @ self.mean)
        all_power = float(np.trace(self.spread)) / self.spectra + mean_power
        strongest = eigvalsh(self.spread, subset_by_index=(bands - count, bands - 1))
        kept_power = float(strongest.sum()) / self.spectra + mean_power
        noise = all_power - kept_power
        if noise <= 1e-12 * all_power:
            return float("inf")
        signal = kept_power - count / bands * all_power
        if signal <= 0:
            return float("-inf")
        return float(10 * np.log10(signal / noise))


def abundances(
    table: SpectraTable,
    pure: SpectraTable,
    *,
    sum_to_one: bool = False,
    sparsity: float = 0.0,
) -> SpectraTable:
    """Return the abundance of each pure spectrum in every spectrum, 0 or more.

    Nonnegative least squares, as of `scipy.optimize.nnls`, of all spectra at once.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Intensities; missing values (NaN) are ignored.
    pure : ndarray, shape (component, band)
        In the unit of `table`; bands in which any of them is missing are left out.
    sum_to_one : bool
        Whether the abundances of a spectrum sum to 1 (fully constrained least squares, by
        Heinz & Chang 2001, https://doi.org/10.1109/36.911111).
    sparsity : float
        Penalty of abundances, 0 to 1, by the least one that leaves none (LASSO, Tibshirani 1996,
        https://doi.org/10.1111/j.2517-6161.1996.tb02080.x): abundances of spectra that are hardly
        there become 0. Pure spectra count as of equal length.

    Returns
    -------
    ndarray of float64, shape (spectrum, component)
        Within 1e-6 of the exact solution where the condition number of the pure spectra is below
        1e6; beyond it, which is warned of, the fit is within 1e-6 of the best. NaN where a
        spectrum has fewer measured bands than there are components.

    Raises
    ------
    ValueError
        If the numbers of bands differ, too few bands are measured in all of `pure`, two pure
        spectra are the same, or both `sum_to_one` and `sparsity` are asked for.
    """
    if sum_to_one and sparsity:
        raise ValueError(
            "abundances that sum to 1 cannot be made fewer by a penalty on their sum; choose one of both"
        )
    if table.shape[1] != pure.shape[1]:
        raise ValueError(
            f"the spectra have {table.shape[1]} bands, the pure ones {pure.shape[1]}; interpolate one "
            "of them to the bands of the other"
        )
    usable = np.isfinite(pure).all(axis=0)
    if usable.sum() < len(pure):
        raise ValueError(
            f"{len(pure)} components need as many bands that all of them have; here are "
            f"{int(usable.sum())}: choose fewer components"
        )
    members = np.asarray(pure[:, usable], np.float64)
    refuse_equal_spectra(members, in_any_light=not sum_to_one)
    spectra = table if usable.all() else table[:, usable]
    known = np.isfinite(spectra)
    complete = known.all(axis=1)
    fit = PureSpectraFit(members, sum_to_one=sum_to_one, sparsity=sparsity)
    _warn_of_ambiguity(fit.condition_number)
    if complete.all():
        return fit.abundances(spectra)
    shares = np.full((len(spectra), len(members)), np.nan)
    shares[complete] = fit.abundances(spectra[complete])
    # spectra in which the same bands are missing are one least-squares problem
    incomplete = np.flatnonzero(~complete)
    packed = np.packbits(known[incomplete], axis=1)
    patterns, pattern_of = np.unique(packed, axis=0, return_inverse=True)
    for pattern in range(len(patterns)):
        rows = incomplete[pattern_of.ravel() == pattern]
        bands = known[rows[0]]
        if bands.sum() >= len(members):
            part = PureSpectraFit(members[:, bands], sum_to_one=sum_to_one, sparsity=sparsity)
            shares[rows] = part.abundances(spectra[np.ix_(rows, bands)])
    return shares


def refuse_equal_spectra(pure: SpectraTable, *, in_any_light: bool) -> None:
    """Refuse pure spectra, (component, band), two of which are the same.

    Parameters
    ----------
    pure : ndarray, shape (component, band)
        Without missing values.
    in_any_light : bool
        Whether spectra are the same that differ by a factor.

    Raises
    ------
    ValueError
        Naming them: of how much there is of each, the spectra say nothing.
    """
    compared = pure
    if in_any_light:
        lengths = np.linalg.norm(pure, axis=1, keepdims=True)
        compared = pure / np.maximum(lengths, np.finfo(float).tiny)
    rounding = _ROUNDING * np.abs(compared).max(initial=0)
    for first, second in combinations(range(len(pure)), 2):
        difference = np.abs(compared[first] - compared[second]).max()
        if difference <= rounding:
            raise ValueError(
                f"pure spectra {first + 1} and {second + 1} are the same, so there is no telling how "
                "much of each a spectrum holds; leave one of them out"
            )


def _warn_of_ambiguity(condition_number: float) -> None:
    """Warn where other abundances fit the spectra as well."""
    if condition_number > _AMBIGUOUS:
        warnings.warn(
            f"the pure spectra are so alike (condition number {condition_number:.1e}, more than "
            f"{_AMBIGUOUS:.0e}) that other abundances fit as well; leave out those that are nearly "
            "mixtures of others",
            stacklevel=3,
        )


def _by_brightness(scores: SpectraTable) -> SpectraTable:
    """Return scores, (spectrum, component), projected on a plane; dark spectra lie at 0."""
    brightness = scores @ scores.mean(axis=0)
    lit = brightness > _DARK * brightness.mean()
    divisor = np.where(lit, brightness, 1)[:, None]
    return np.where(lit[:, None], scores / divisor, 0)


def _main_directions(power: SpectraTable, count: int) -> SpectraTable:
    """Return the directions of greatest power, (band, band), as orthonormal columns, (band, count)."""
    bands = len(power)
    _, vectors = eigh(power, subset_by_index=(bands - count, bands - 1))
    directions: SpectraTable = vectors[:, ::-1]
    return directions
