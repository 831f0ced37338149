"""Spectra as mixtures: find pure spectra (end-members), and their abundances in each spectrum."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy.linalg import eigh

from ..scale import scale_of
from .arrays import Indices, Mask, SpectraTable

_SUM_WEIGHT: Final = 1e5
"""Weight of the constraint that abundances sum to 1, relative to all bands together."""
_FULL_EXCHANGES: Final = 3
"""Exchanges of all unknowns that may fail before they are exchanged one by one."""
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


def vertex_components(table: SpectraTable, count: int, *, seed: int = 0) -> PureSpectra:
    """Find the purest spectra of a table by vertex component analysis (VCA).

    The spectrum farthest along a random direction, orthogonal to all corners so far, is the next
    corner, until there are enough. With a good signal-to-noise ratio, spectra are first projected
    on a plane by their brightness (so that shadows make no corners), otherwise by their principal
    components alone.
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
    if np.allclose(table, table.mean(axis=0), rtol=1e-9, atol=0):
        raise ValueError(
            "all spectra are alike, so there are no components in them; choose another cube"
        )
    # eigenvectors of very small and very large numbers have other last digits
    scale = scale_of(table)
    found = _purest(table / scale, count, seed)
    return found._replace(spectra=scale * found.spectra)


def _purest(table: SpectraTable, count: int, seed: int) -> PureSpectra:
    """Return what `vertex_components` does, of spectra near 1 in size."""
    mean = table.mean(axis=0)
    snr_db = estimated_snr(table, count)
    if snr_db > 15 + 10 * np.log10(count):  # the threshold of the source
        axes = _main_directions(table, count)
        scores = table @ axes  # (spectrum, component)
        corners = _corners(_by_brightness(scores), seed)
        return PureSpectra(scores[corners] @ axes.T, corners, snr_db)

    axes = _main_directions(table - mean, count - 1)
    scores = (table - mean) @ axes  # (spectrum, component - 1)
    # one more coordinate, the same for all, makes of the plane a simplex with `count` corners
    height = np.full((len(table), 1), np.linalg.norm(scores, axis=1).max())
    corners = _corners(np.hstack([scores, height]), seed)
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
    mean = table.mean(axis=0)
    scores = (table - mean) @ _main_directions(table - mean, count)
    all_power = float(np.square(table).sum(axis=1).mean())
    kept_power = float(np.square(scores).sum(axis=1).mean() + mean @ mean)
    noise = all_power - kept_power
    if noise <= 1e-12 * all_power:
        return float("inf")
    signal = kept_power - count / table.shape[1] * all_power
    if signal <= 0:
        return float("-inf")
    return float(10 * np.log10(signal / noise))


def abundances(
    table: SpectraTable, pure: SpectraTable, *, sum_to_one: bool = False
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

    Returns
    -------
    ndarray of float64, shape (spectrum, component)
        NaN where a spectrum has fewer measured bands than there are components.

    Raises
    ------
    ValueError
        If the numbers of bands differ, or too few bands are measured in all of `pure`.
    """
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
    spectra = np.asarray(table[:, usable], np.float64)
    known = np.isfinite(spectra)
    shares = np.full((len(spectra), len(members)), np.nan)
    # spectra in which the same bands are missing are one least-squares problem
    patterns, pattern_of = np.unique(np.packbits(known, axis=1), axis=0, return_inverse=True)
    for pattern in range(len(patterns)):
        rows = np.flatnonzero(pattern_of.ravel() == pattern)
        bands = known[rows[0]]
        if bands.sum() >= len(members):
            part = spectra[np.ix_(rows, bands)]
            shares[rows] = _shares(part, members[:, bands], sum_to_one)
    return shares


def _shares(spectra: SpectraTable, members: SpectraTable, sum_to_one: bool) -> SpectraTable:
    """Return abundances, (spectrum, component), where no value is missing."""
    power = members @ members.T
    overlap = spectra @ members.T
    if not sum_to_one:
        return nonnegative(power, overlap)
    # the constraint is one more band, so heavy that nothing else can outweigh it
    weight = _SUM_WEIGHT * max(float(np.trace(power)), np.finfo(float).tiny)
    shares = nonnegative(power + weight, overlap + weight)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def nonnegative(power: SpectraTable, overlap: SpectraTable) -> SpectraTable:
    """Return the x ≥ 0 of least x·power·x / 2 − x·overlap, for each row of `overlap`.

    By block principal pivoting: all unknowns that violate their condition are exchanged at once, and
    where that does not help, the last of them alone; rows with the same free unknowns are solved
    together. Source: Kim & Park 2011, https://doi.org/10.1137/110821172

    Parameters
    ----------
    power : ndarray, shape (component, component)
        Symmetric, positive semidefinite: in the square of the unit of the spectra.
    overlap : ndarray, shape (row, component)
        In the same unit.

    Returns
    -------
    ndarray, shape (row, component)
        Without a unit.
    """
    rows, count = overlap.shape
    free = np.zeros((rows, count), bool)  # False: the unknown is 0
    solution = np.zeros((rows, count))
    slope = -overlap
    fewest = np.full(rows, count + 1)
    patience = np.full(rows, _FULL_EXCHANGES)
    tolerance = 1e-10 * np.abs(overlap).max(axis=1, initial=0, keepdims=True)
    scale = np.sqrt(np.maximum(np.diag(power), np.finfo(float).tiny))
    # in the unit of the spectra, relative to each of them
    least = 1e-12 * np.abs(overlap / scale).max(axis=1, initial=0, keepdims=True)
    for _ in range(100 * count):  # a few rounds do; the limit ends a circle of rounding errors
        wrong = np.where(free, solution * scale < -least, slope < -tolerance)
        unsolved = np.flatnonzero(wrong.any(axis=1))
        if not len(unsolved):
            break
        free[unsolved] ^= _exchanged(wrong[unsolved], unsolved, fewest, patience)
        solution[unsolved] = _least_squares(power, overlap[unsolved], free[unsolved])
        slope[unsolved] = solution[unsolved] @ power - overlap[unsolved]
        slope[free] = 0
    np.maximum(solution, 0, out=solution)
    return solution


def _by_brightness(scores: SpectraTable) -> SpectraTable:
    """Return scores, (spectrum, component), projected on a plane; dark spectra lie at 0."""
    brightness = scores @ scores.mean(axis=0)
    lit = brightness > _DARK * brightness.mean()
    divisor = np.where(lit, brightness, 1)[:, None]
    return np.where(lit[:, None], scores / divisor, 0)


def _exchanged(
    wrong: Mask,
    rows: Indices,
    fewest: Indices,
    patience: Indices,
) -> Mask:
    """Return which unknowns are exchanged; updates the counts of rows that do not improve.

    Shape (row, component), as `wrong`; `rows` are the rows of `fewest` and `patience` it is about.
    """
    number = wrong.sum(axis=1)
    better = number < fewest[rows]
    fewest[rows] = np.where(better, number, fewest[rows])
    one_by_one = ~better & (patience[rows] <= 0)
    patience[rows] = np.where(better, _FULL_EXCHANGES, patience[rows] - 1)
    # the rule of Murty: always the unknown of the highest number, so that no circle can form
    last = wrong.shape[1] - 1 - wrong[:, ::-1].argmax(axis=1)
    single = np.zeros_like(wrong)
    single[np.arange(len(wrong)), last] = True
    return np.where(one_by_one[:, None], single, wrong)


def _least_squares(power: SpectraTable, overlap: SpectraTable, free: Mask) -> SpectraTable:
    """Return the solution of each row over its free unknowns; the others are 0."""
    solution = np.zeros_like(overlap)
    patterns, pattern_of = np.unique(free, axis=0, return_inverse=True)
    order = np.argsort(pattern_of.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(pattern_of.ravel(), minlength=len(patterns)))
    for pattern, rows in zip(patterns, np.split(order, ends[:-1]), strict=True):
        chosen = np.flatnonzero(pattern)
        if len(chosen):
            inverse = np.linalg.pinv(power[np.ix_(chosen, chosen)], hermitian=True)
            solution[np.ix_(rows, chosen)] = overlap[np.ix_(rows, chosen)] @ inverse
    return solution


def _main_directions(table: SpectraTable, count: int) -> SpectraTable:
    """Return the directions of greatest power, orthonormal columns, shape (band, count)."""
    bands = table.shape[1]
    _, vectors = eigh(table.T @ table, subset_by_index=(bands - count, bands - 1))
    directions: SpectraTable = vectors[:, ::-1]
    return directions


def _corners(points: SpectraTable, seed: int) -> Indices:
    """Return the rows of `points`, shape (spectrum, component), that span the largest simplex."""
    rng = np.random.default_rng(seed)
    count = points.shape[1]
    corners = np.zeros((count, count))
    corners[0, -1] = 1  # off the plane, so that the first direction lies within it
    rows = np.zeros(count, np.intp)
    for number in range(count):
        direction = rng.normal(size=(count,))
        direction = direction - corners.T @ (np.linalg.pinv(corners.T) @ direction)
        rows[number] = int(np.abs(points @ direction).argmax())
        corners[number] = points[rows[number]]
    return rows
