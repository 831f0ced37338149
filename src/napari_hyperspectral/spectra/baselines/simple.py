"""Baselines that need no iterations: the minimum, and a polynomial.

Each function returns the background, in the shape and unit of the data, to be subtracted. It has a
value in all bands, also where data are missing; that of a spectrum without any data is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import legvander

from ..arrays import Array, Centres, Float32, GoodBands, Intensities, Mask, SpectraTable
from ..each import each_spectrum, used_values


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
    check_order(order, chosen)
    # orthonormal over the good bands, for the smallest rounding errors
    powers = legvander(from_minus_one_to_one(centres, chosen), order)
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


def check_order(order: int, chosen: GoodBands) -> None:
    """Refuse a polynomial that fits any spectrum on the chosen bands, shape (band,)."""
    if order < 0 or chosen.sum() <= order + 1:
        raise ValueError(
            f"a polynomial of order {order} leaves nothing of {chosen.sum()} bands; "
            "choose a lower order, at least 0"
        )


def from_minus_one_to_one(centres: Centres, chosen: GoodBands) -> Array:
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
