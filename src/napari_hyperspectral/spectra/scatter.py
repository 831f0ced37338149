"""Correct for scatter: bring spectra to the offset, slope and scale of a reference (MSC, EMSC)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.polynomial.legendre import legvander

from .arrays import Array, Centres, Float32, GoodBands, Intensities, Mask, SpectraTable
from .baselines.simple import from_minus_one_to_one
from .each import each_spectrum, used_values

_TINY: Final = 1e-6
"""Share of the reference below which a spectrum has nothing of it: noise would be amplified."""


def scatter_corrected(
    data: Intensities,
    centres: Centres,
    reference: Array,
    order: int = 2,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return spectra without the polynomial, and divided by the factor, of their best fit.

    Fitted by least squares: a factor times the reference plus a polynomial. Order 0 is multiplicative
    scatter correction (MSC): Geladi, MacDougall & Martens 1985, https://doi.org/10.1366/0003702854248656.
    Higher orders are extended (EMSC): Martens & Stark 1991, eq. 3,
    https://doi.org/10.1016/0731-7085(91)80188-F.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit. Missing values (NaN) do not count, and stay missing.
    centres : ndarray of float64, shape (band,)
        Band centres, in any unit, order and spacing.
    reference : ndarray of float64, shape (band,)
        Reference spectrum, in the unit of the data, such as the mean spectrum; finite in good bands.
    order : int
        Degree of the polynomial.
    good : ndarray of bool, shape (band,), optional
        False for bands that do not count; corrected like the others.
    band : int
        Axis of `data` along which the bands lie.

    Returns
    -------
    ndarray of float32
        In the shape and unit of the data. A spectrum that has nothing of the reference is 0.

    Raises
    ------
    ValueError
        If there are too few good bands.
    """
    chosen = np.ones(len(centres), bool) if good is None else good
    if order < 0 or chosen.sum() <= order + 2:
        raise ValueError(
            f"a reference and a polynomial of order {order} leave nothing of {chosen.sum()} bands; "
            "choose a lower order, at least 0"
        )
    powers = legvander(from_minus_one_to_one(centres, chosen), order)
    scale = float(np.abs(reference[chosen]).max()) or 1.0
    shape = np.where(chosen, reference / scale, 0)
    basis = np.column_stack([powers, shape])  # (band, term): the last one is the reference
    flat = _is_polynomial(basis[chosen])
    inverse = np.zeros((len(centres), order + 2))
    inverse[chosen] = np.linalg.pinv(basis[chosen]).T

    def step(table: SpectraTable) -> SpectraTable:
        used = used_values(table, good)
        known = np.where(used, table, 0)
        # row by row: the last bits of matrix products depend on how many spectra there are
        amounts = np.einsum("sb,bt->st", known, inverse)
        incomplete = (used != chosen).any(axis=1)
        if incomplete.any():
            amounts[incomplete] = _fitted(known[incomplete], used[incomplete], basis)
        factor = amounts[:, -1] / scale
        background = np.einsum("st,bt->sb", amounts[:, :-1], powers)
        bright = np.abs(factor) > _TINY
        if flat:
            bright[:] = False
        corrected = (table - background) / np.where(bright, factor, 1)[:, None]
        dark = np.where(np.isnan(table), np.nan, 0)
        return np.where(bright[:, None], corrected, dark)

    return each_spectrum(step, data, band)


def _is_polynomial(basis: Array) -> bool:
    """Return whether the last column of a basis, (band, term), is a sum of the others."""
    reference = basis[:, -1]
    others = basis[:, :-1]
    residual = reference - others @ np.linalg.lstsq(others, reference, rcond=None)[0]
    return bool(np.abs(residual).max() <= _TINY)


def _fitted(known: SpectraTable, used: Mask, basis: Array) -> Array:
    """Return amounts of terms, (spectrum, term), of spectra with missing values, which are 0."""
    products = basis[:, :, None] * basis[:, None, :]  # (band, term, term)
    normal = np.einsum("sb,btu->stu", used.astype(np.float64), products)
    projections = np.einsum("sb,bt->st", known, basis)
    inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
    amounts: Array = np.einsum("stu,su->st", inverse, projections)
    return amounts
