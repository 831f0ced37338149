"""Spectra as mixtures: pure spectra found in an image, and how much of each is in every pixel."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Table = NDArray[np.float64]
"""Spectra as rows, shape (spectrum, band)."""

_SUM_WEIGHT: Final = 1e5
"""How much more than all bands together the sum of the abundances weighs, where it must be 1."""
_FULL_EXCHANGES: Final = 3
_DARK: Final = 0.01
"""Spectra with less than this share of the mean brightness have a direction of noise only."""


class PureSpectra(NamedTuple):
    """The spectra at the corners of the cloud that all spectra form."""

    spectra: Table
    """Shape (component, band); the noise outside the signal's subspace is gone."""
    pixels: NDArray[np.intp]
    """Which rows of the table they are."""
    snr_db: float
    """Estimated signal-to-noise ratio, which decides on the projection."""


def vertex_components(table: Table, count: int, *, seed: int = 0) -> PureSpectra:
    """Find the purest spectra of a table by vertex component analysis (VCA).

    Again and again the spectrum farthest along a random direction, orthogonal to all found so
    far, is taken for the next corner. With a good signal-to-noise ratio the spectra are brought
    to one plane by their brightness before (shadows count for nothing), else by their principal
    components alone.
    Source: Nascimento & Bioucas-Dias 2005, https://doi.org/10.1109/TGRS.2005.844293. Unlike
    there, spectra that are all but dark cannot be corners: divided by nearly nothing, their noise
    would lie farthest of all.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Without missing values.
    count : int
        Pure spectra wanted, at least 2.
    seed : int
        Of the random directions.

    Raises
    ------
    ValueError
        If there are fewer spectra, or bands, than `count`, or all spectra are alike.
    """
    if count < 2 or count > min(table.shape):
        raise ValueError(
            f"{count} components need as many spectra, and as many bands (here {table.shape[0]} "
            f"and {table.shape[1]}), and are 2 at least"
        )
    mean = table.mean(axis=0)
    if np.allclose(table, mean, rtol=1e-9, atol=0):
        raise ValueError("all spectra are alike, so there are no components to tell apart")
    snr_db = estimated_snr(table, count)
    if snr_db > 15 + 10 * np.log10(count):
        axes = _main_directions(table, count)
        scores = table @ axes
        brightness = scores @ scores.mean(axis=0)
        lit = brightness > _DARK * brightness.mean()
        plane = np.where(lit[:, None], scores / np.where(lit, brightness, 1)[:, None], 0)
        found = _corners(plane, seed)
        return PureSpectra(scores[found] @ axes.T, found, snr_db)
    axes = _main_directions(table - mean, count - 1)
    scores = (table - mean) @ axes
    height = np.full((len(table), 1), np.linalg.norm(scores, axis=1).max())
    found = _corners(np.hstack([scores, height]), seed)
    return PureSpectra(scores[found] @ axes.T + mean, found, snr_db)


def estimated_snr(table: Table, count: int) -> float:
    """Return the signal-to-noise ratio of mixtures of `count` spectra, in dB.

    What lies outside the subspace of the first principal components is noise, and inside there
    is as much of it in each direction. Source: Nascimento & Bioucas-Dias 2005, equation 13.
    """
    mean = table.mean(axis=0)
    scores = (table - mean) @ _main_directions(table - mean, count)
    all_power = float(np.square(table).sum(axis=1).mean())
    kept_power = float(np.square(scores).sum(axis=1).mean() + mean @ mean)
    noise = all_power - kept_power
    if noise <= 1e-12 * all_power:
        return float("inf")
    signal = kept_power - count / table.shape[1] * all_power
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def abundances(table: NDArray[Any], pure: NDArray[Any], *, sum_to_one: bool = False) -> Table:
    """Return how much of each pure spectrum is in every spectrum, never less than nothing.

    The least squares that `scipy.optimize.nnls` finds spectrum by spectrum, for all at once.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        A missing value (NaN) counts for nothing in its spectrum.
    pure : ndarray, shape (component, band)
        Bands in which any of them is missing are left out.
    sum_to_one : bool
        Whether the abundances of a spectrum add up to 1 (fully constrained least squares, by
        Heinz & Chang 2001, https://doi.org/10.1109/36.911111).

    Returns
    -------
    ndarray of float64, shape (spectrum, component)
        NaN where a spectrum has fewer known bands than there are components.

    Raises
    ------
    ValueError
        If the bands differ in number, or `pure` spectra are known in too few bands.
    """
    if table.shape[1] != pure.shape[1]:
        raise ValueError(f"of bands, spectra have {table.shape[1]}, the pure ones {pure.shape[1]}")
    usable = np.isfinite(pure).all(axis=0)
    if usable.sum() < len(pure):
        raise ValueError(
            f"{len(pure)} components need as many bands that all have; here {int(usable.sum())}"
        )
    members = np.asarray(pure[:, usable], np.float64)
    spectra = np.asarray(table[:, usable], np.float64)
    known = np.isfinite(spectra)
    shares = np.full((len(spectra), len(members)), np.nan)
    patterns, which = np.unique(np.packbits(known, axis=1), axis=0, return_inverse=True)
    for number in range(len(patterns)):
        rows = np.flatnonzero(which.ravel() == number)
        bands = known[rows[0]]
        if bands.sum() >= len(members):
            part = members[:, bands]
            shares[rows] = _shares(spectra[np.ix_(rows, bands)], part, sum_to_one)
    return shares


def _shares(spectra: Table, members: Table, sum_to_one: bool) -> Table:
    power, overlap = members @ members.T, spectra @ members.T
    if not sum_to_one:
        return nonnegative(power, overlap)
    weight = _SUM_WEIGHT * max(float(np.trace(power)), np.finfo(float).tiny)
    found = nonnegative(power + weight, overlap + weight)
    found /= found.sum(axis=1, keepdims=True)
    return found


def nonnegative(power: Table, overlap: Table) -> Table:
    """Return the x ≥ 0 of least x·power·x / 2 − x·overlap, for each row of `overlap`.

    By block principal pivoting: all unknowns on the wrong side change sides at once, and where
    that does not help, the last of them alone; rows with the same unknowns above 0 are solved
    together. Source: Kim & Park 2011, https://doi.org/10.1137/110821172

    Parameters
    ----------
    power : ndarray, shape (component, component)
        Symmetric, not negative.
    overlap : ndarray, shape (row, component)

    Returns
    -------
    ndarray, shape (row, component)
    """
    rows, count = overlap.shape
    free = np.zeros((rows, count), bool)
    found, slope = np.zeros((rows, count)), -overlap
    fewest, patience = np.full(rows, count + 1), np.full(rows, _FULL_EXCHANGES)
    tolerance = 1e-10 * np.abs(overlap).max(axis=1, initial=0, keepdims=True)
    scale = np.sqrt(np.maximum(np.diag(power), np.finfo(float).tiny))
    for _ in range(100 * count):  # each row is done after a few rounds; this ends rounding errors
        wrong = np.where(free, found * scale < -1e-12, slope < -tolerance)
        left = np.flatnonzero(wrong.any(axis=1))
        if not len(left):
            break
        exchanged = _exchanged(wrong[left], left, fewest, patience)
        free[left] ^= exchanged
        found[left] = _solved(power, overlap[left], free[left])
        slope[left] = found[left] @ power - overlap[left]
        slope[free] = 0
    np.maximum(found, 0, out=found)
    return found


def _exchanged(
    wrong: NDArray[np.bool_],
    rows: NDArray[np.intp],
    fewest: NDArray[np.intp],
    patience: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Return which unknowns change sides; keeps count of the rows that come no further."""
    number = wrong.sum(axis=1)
    better = number < fewest[rows]
    fewest[rows] = np.where(better, number, fewest[rows])
    one_by_one = ~better & (patience[rows] <= 0)
    patience[rows] = np.where(better, _FULL_EXCHANGES, patience[rows] - 1)
    last = wrong.shape[1] - 1 - wrong[:, ::-1].argmax(axis=1)
    single = np.zeros_like(wrong)
    single[np.arange(len(wrong)), last] = True
    return np.where(one_by_one[:, None], single, wrong)


def _solved(power: Table, overlap: Table, free: NDArray[np.bool_]) -> Table:
    """Return the least squares of each row over its free unknowns; the others are 0."""
    found = np.zeros_like(overlap)
    patterns, which = np.unique(free, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel(), minlength=len(patterns)))
    for pattern, rows in zip(patterns, np.split(order, ends[:-1]), strict=True):
        chosen = np.flatnonzero(pattern)
        if len(chosen):
            inverse = np.linalg.pinv(power[np.ix_(chosen, chosen)], hermitian=True)
            found[np.ix_(rows, chosen)] = overlap[np.ix_(rows, chosen)] @ inverse
    return found


def _main_directions(table: Table, count: int) -> Table:
    """Return the directions of greatest power, orthonormal columns, shape (band, count)."""
    bands = table.shape[1]
    _, vectors = eigh(table.T @ table, subset_by_index=(bands - count, bands - 1))
    directions: Table = vectors[:, ::-1]
    return directions


def _corners(points: Table, seed: int) -> NDArray[np.intp]:
    """Return the rows of `points`, shape (spectrum, component), that span the largest simplex."""
    rng = np.random.default_rng(seed)
    count = points.shape[1]
    corners = np.zeros((count, count))
    corners[0, -1] = 1  # off the plane, so that the first direction lies within it
    found = np.zeros(count, np.intp)
    for number in range(count):
        direction = rng.normal(size=(count,))
        direction = direction - corners.T @ (np.linalg.pinv(corners.T) @ direction)
        found[number] = int(np.abs(points @ direction).argmax())
        corners[number] = points[found[number]]
    return found
