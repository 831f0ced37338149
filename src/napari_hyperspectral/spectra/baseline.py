"""Backgrounds (baselines) of spectra: minimum, polynomial, asymmetric least squares.

Each function returns the background, in the shape and unit of the data, to be subtracted. It has a
value in all bands, also where data are missing; that of a spectrum without any data is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import legvander

from .arrays import Array, Centres, Float32, GoodBands, Intensities, Mask, SpectraTable
from .each import each_spectrum, used_values


def minimum_background(
    data: Intensities, *, good: GoodBands | None = None, band: int = -3
) -> Float32:
    """Return the minimum of each spectrum, in all its bands.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; NaN where nothing was measured.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.
    """

    def step(table: SpectraTable) -> SpectraTable:
        used = used_values(table, good)
        least = np.where(used, table, np.inf).min(axis=1, keepdims=True)
        measured = used.any(axis=1, keepdims=True)
        return np.broadcast_to(np.where(measured, least, 0), table.shape)

    return each_spectrum(step, data, band)


def polynomial_background(
    data: Intensities,
    centres: Centres,
    order: int,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return the polynomial that fits each spectrum best, by least squares.

    Parameters
    ----------
    data, good, band
        See `minimum_background`.
    centres : ndarray of float64, shape (band,)
        Band centres, in any unit, order and spacing.
    order : int
        Degree of the polynomial: 0 is the mean, 1 a straight line.

    Raises
    ------
    ValueError
        If there are no more bands than the polynomial has coefficients: nothing would be left.
    """
    chosen = np.ones(len(centres), bool) if good is None else good
    if order < 0 or chosen.sum() <= order + 1:
        raise ValueError(
            f"a polynomial of order {order} leaves nothing of {chosen.sum()} bands; "
            "choose a lower order, at least 0"
        )
    # orthonormal over the good bands, for the smallest rounding errors
    powers = legvander(_from_minus_one_to_one(centres, chosen), order)
    basis: SpectraTable = np.linalg.solve(
        np.linalg.qr(powers[chosen]).R.T, powers.T
    )  # (power, band)

    def step(table: SpectraTable) -> SpectraTable:
        used = used_values(table, good)
        known = np.where(used, table, 0)
        # no matrix products here: their last bits depend on how many spectra there are
        projections = [(known * power).sum(axis=1) for power in basis]
        coefficients = np.stack(projections, axis=1)  # (spectrum, power)
        incomplete = (used != chosen).any(axis=1)
        coefficients[incomplete] = _coefficients(used[incomplete], basis, coefficients[incomplete])
        background: SpectraTable = np.zeros(())
        for n, power in enumerate(basis):
            background = background + coefficients[:, n, None] * power
        return background

    return each_spectrum(step, data, band)


def als_background(
    data: Intensities,
    smoothness: float = 1e5,
    asymmetry: float = 0.01,
    iterations: int = 10,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return a smooth curve below the peaks of each spectrum, by asymmetric least squares.

    Source: Eilers & Boelens 2005, "Baseline correction with asymmetric least squares smoothing",
    Leiden University Medical Centre report. As there, bands are taken as equally spaced.

    Parameters
    ----------
    data, good, band
        See `minimum_background`; the curve bridges bands and values that are ignored.
    smoothness : float
        λ: weight of the squared second differences of the curve, 1e2 to 1e9.
    asymmetry : float
        p: weight of values above the curve, 0.001 to 0.1; those below have 1 − p.
    iterations : int
        Times that the weights are updated, at most.
    """

    def step(table: SpectraTable) -> SpectraTable:
        used = used_values(table, good)
        spectra = np.where(used, table, 0)
        # fewer than two values fix no line: there the curve is constant
        few = used.sum(axis=1) < 2
        spectra[few] = spectra[few].sum(axis=1, keepdims=True)
        used[few] = True
        spectra = np.ascontiguousarray(spectra.T)  # (band, spectrum)
        used = used.T
        weights = used.astype(np.float64)
        for _ in range(iterations):
            curve = _smooth(spectra, weights, smoothness)
            previous = weights
            weights = np.where(spectra > curve, asymmetry, 1 - asymmetry)
            weights = np.where(used, weights, 0)
            if np.array_equal(weights, previous):
                break
        return curve.T

    return each_spectrum(step, data, band)


def _from_minus_one_to_one(centres: Centres, chosen: GoodBands) -> Array:
    """Return band centres, (band,), scaled to the interval of the Legendre polynomials."""
    low, high = centres[chosen].min(), centres[chosen].max()
    scaled: Array = (2 * centres - (low + high)) / ((high - low) or 1.0)
    return scaled


def _coefficients(used: Mask, basis: SpectraTable, projections: SpectraTable) -> SpectraTable:
    """Return the coefficients, (spectrum, power), of a basis, (power, band), with missing values.

    Those of least norm, where the values left allow several.
    """
    weights = used.astype(np.float64)
    powers = len(basis)
    normal = np.empty((len(used), powers, powers))
    for row, first in enumerate(basis):
        for column, second in enumerate(basis):
            normal[:, row, column] = (weights * (first * second)).sum(axis=1)
    inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
    coefficients: SpectraTable = (inverse * projections[:, None, :]).sum(axis=2)
    return coefficients


def _smooth(spectra: SpectraTable, weights: SpectraTable, smoothness: float) -> SpectraTable:
    """Solve (W + λ DᵀD) z = W y for all spectra at once, (band, spectrum); D: second differences.

    The matrices have five diagonals; they are decomposed as L D Lᵀ, band by band.
    """
    bands = len(spectra)
    ones = np.ones(max(bands - 2, 0))
    diagonal = smoothness * _diagonal(ones, (1, 4, 1), bands)
    first = smoothness * _diagonal(ones, (-2, -2), bands)
    second = smoothness * _diagonal(ones, (1,), bands)
    pivot = weights + diagonal[:, None]
    solved = weights * spectra
    near = np.zeros_like(pivot)  # first diagonal of L below its main one
    far = np.zeros_like(pivot)  # second
    # forward substitution
    for i in range(1, bands):
        near[i] = first[i - 1]
        if i > 1:
            far[i] = second[i - 2] / pivot[i - 2]
            near[i] -= second[i - 2] * near[i - 1]
            pivot[i] -= second[i - 2] * far[i]
            solved[i] -= far[i] * solved[i - 2]
        near[i] /= pivot[i - 1]
        pivot[i] -= near[i] ** 2 * pivot[i - 1]
        solved[i] -= near[i] * solved[i - 1]
    solved /= pivot
    # back substitution
    for i in range(bands - 2, -1, -1):
        solved[i] -= near[i + 1] * solved[i + 1]
        if i + 2 < bands:
            solved[i] -= far[i + 2] * solved[i + 2]
    return solved


def _diagonal(ones: Array, row: tuple[int, ...], bands: int) -> Array:
    """Return a diagonal of DᵀD, padded to the number of bands, shape (band,)."""
    diagonal = ones
    if len(ones):  # one or two bands have no second difference
        diagonal = np.convolve(ones, row)
    return np.pad(diagonal, (0, bands - len(diagonal)))
