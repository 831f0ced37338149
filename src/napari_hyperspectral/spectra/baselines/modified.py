"""Baselines by polynomials that are fitted again without what was above them: ModPoly, IModPoly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.polynomial.legendre import legvander

from ..arrays import Array, Block, Centres, Float32, GoodBands, Indices, Intensities, Mask
from ..each import each_block, used_in_block
from .simple import check_order, from_minus_one_to_one

_TINY: Final = float(np.finfo(np.float64).tiny)
_ROUNDING: Final = 1e-12
"""Share of the greatest value of a spectrum that a fit may miss: a flat one is not above itself."""
_WORTH_COPYING: Final = 0.75
"""Spectra that are still fitted are copied together when they are less than this share."""
_CACHE: Final = 2**17
"""Values that are fitted at a time."""


def modified_polynomial_baseline(
    data: Intensities,
    centres: Centres,
    order: int = 5,
    *,
    improved: bool = True,
    iterations: int = 250,
    tolerance: float = 1e-3,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return the polynomial below the peaks of each spectrum, in its shape and unit.

    What is above the polynomial is cut down to it, and it is fitted again (Lieber &
    Mahadevan-Jansen 2003, https://doi.org/10.1366/000370203322554518). The improved method leaves
    one standard deviation of the residuals for the noise, and leaves out, from the first fit on,
    values that are farther above it (Zhao et al. 2007, https://doi.org/10.1366/000370207782597003).

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; NaN where nothing was measured.
    centres : ndarray of float64, shape (band,)
        Band centres, in any unit, order and spacing.
    order : int
        Degree of the polynomial.
    improved : bool
        Whether noise is allowed for.
    iterations : int
        Times that it is fitted again, at most.
    tolerance : float
        Relative change of the polynomial, or with `improved` of the standard deviation, below which
        it is final.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.

    Raises
    ------
    ValueError
        If there are no more bands than the polynomial has coefficients.
    """
    chosen = np.ones(len(centres), bool) if good is None else good
    check_order(order, chosen)
    powers = legvander(from_minus_one_to_one(centres, chosen), order)
    # orthonormal over the good bands
    basis: Array = np.linalg.solve(np.linalg.qr(powers[chosen]).R.T, powers.T).T  # (band, power)

    def step(block: Block) -> Block:
        used = used_in_block(block, good)
        fit = _Fit.first(np.where(used, block, 0), used, basis, improved)
        coefficients = np.empty((order + 1, block.shape[1]))
        columns = np.arange(block.shape[1])  # of the spectra of `fit`
        going_on = np.ones(len(columns), bool)
        for _ in range(iterations):
            changes = fit.again()
            coefficients[:, columns[going_on]] = fit.coefficients[:, going_on]
            going_on &= changes >= tolerance
            number = np.count_nonzero(going_on)
            if number == 0:
                break
            if number < _WORTH_COPYING * len(columns):
                fit = fit.take(np.flatnonzero(going_on))
                columns = columns[going_on]
                going_on = np.ones(number, bool)
        return basis @ coefficients

    return each_block(step, data, band, _CACHE)


@dataclass(eq=False)
class _Fit:
    """Polynomials fitted to the spectra of a block."""

    basis: Array
    """Shape (band, power)."""
    values: Block
    """Shape (band, spectrum): spectra, cut down; 0 where not measured."""
    used: Mask | None
    """Shape (band, spectrum); None where all values are measured."""
    weights: Block | None
    """Shape (band, spectrum): 0 for values that are left out of the fits; None where none is."""
    inverse: Array | None
    """Shape (spectrum, power, power), of the normal equations; None for the unit matrix."""
    coefficients: Array
    """Shape (power, spectrum)."""
    curves: Block
    """Shape (band, spectrum)."""
    deviation: Array | None
    """Shape (spectrum,), of the residuals; None for the method that allows for no noise."""

    @classmethod
    def first(cls, spectra: Block, used: Mask, basis: Array, improved: bool) -> Self:
        """Fit the spectra as they are."""
        number = spectra.shape[1]
        nothing = np.zeros((basis.shape[1], number))
        fit = cls(basis, spectra.copy(), None, None, None, nothing, spectra, None)
        if not used.all():
            fit.used = used
            fit._leave_out(used)
        fit._solve()
        if improved:
            fit.deviation = fit._deviation()
            rounding = _ROUNDING * np.abs(fit.values).max(axis=0)
            near = fit.values <= fit.curves + (fit.deviation + rounding)
            fit._leave_out(near & used)
        return fit

    def again(self) -> Array:
        """Cut the spectra down and fit them again; return the relative change, (spectrum,)."""
        limit = self.curves
        if self.deviation is not None:
            limit += self.deviation
        np.minimum(self.values, limit, out=self.values)
        before = self.coefficients
        self._solve()
        if self.deviation is None:
            # the basis is orthonormal: the norm of the coefficients is that of the curve
            return _norm(self.coefficients - before) / np.maximum(_norm(before), _TINY)
        deviation = self._deviation()
        change: Array = np.abs(deviation - self.deviation) / np.maximum(deviation, _TINY)
        self.deviation = deviation
        return change

    def take(self, chosen: Indices) -> _Fit:
        """Return the fit of some of the spectra."""
        return _Fit(
            self.basis,
            np.take(self.values, chosen, axis=1),
            None if self.used is None else self.used[:, chosen],
            None if self.weights is None else np.take(self.weights, chosen, axis=1),
            None if self.inverse is None else self.inverse[chosen],
            self.coefficients[:, chosen],
            np.take(self.curves, chosen, axis=1),
            None if self.deviation is None else self.deviation[chosen],
        )

    def _leave_out(self, kept: Mask) -> None:
        """Fit only to some values, (band, spectrum), from now on."""
        weights = kept.astype(np.float64)
        powers = int(self.basis.shape[1])
        products = self.basis[:, :, None] * self.basis[:, None, :]  # (band, power, power)
        normal = products.reshape(len(self.basis), -1).T @ weights
        matrices = normal.T.reshape(-1, powers, powers)
        # of least norm, where the values left allow several polynomials
        inverse = np.linalg.pinv(matrices, rcond=1e-10, hermitian=True)
        self.weights = weights
        self.inverse = np.asarray(inverse, np.float64)

    def _solve(self) -> None:
        values = self.values
        if self.weights is not None:
            values = values * self.weights
        projections = self.basis.T @ values
        if self.inverse is not None:
            projections = np.einsum("spq,qs->ps", self.inverse, projections)
        self.coefficients = projections
        self.curves = self.basis @ projections

    def _deviation(self) -> Array:
        residuals = self.values - self.curves
        number: Array | int = len(residuals)
        if self.used is not None:
            residuals *= self.used
            number = np.maximum(self.used.sum(axis=0), 1)
        mean = residuals.sum(axis=0) / number
        squares = np.einsum("bs,bs->s", residuals, residuals) / number
        deviation: Array = np.sqrt(np.maximum(squares - mean**2, 0))
        return deviation


def _norm(coefficients: Array) -> Array:
    """Return the norm of each column, (spectrum,)."""
    norm: Array = np.sqrt(np.einsum("ps,ps->s", coefficients, coefficients))
    return norm
