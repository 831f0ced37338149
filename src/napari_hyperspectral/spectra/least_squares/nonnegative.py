"""Nonnegative abundances of pure spectra, to the last digit that the spectra determine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from ..arrays import Array, SpectraTable
from .pivoting import QuadraticProblem
from .two_floats import TwoFloats, exact_sum, precise_matmul

_VALUES: Final = 2**22
"""Values of spectra, or of inverse matrices, that are held at a time, to bound memory."""
_CACHED_VALUES: Final = 2**16
"""Values of spectra that are converted at a time."""
_PLAIN: Final = 1e3
"""Condition number up to which plain floats give abundances within 1e-9."""
_SINGULAR: Final = 1e7
"""Condition number beyond which the fit is determined, but no abundance."""


class PureSpectraFit:
    """The abundances, 0 or more, of pure spectra in others, by least squares.

    Within 1e-6 of the exact solution where the condition number of the pure spectra is below 1e6;
    beyond it, the fit is within 1e-6 of the best.

    Parameters
    ----------
    pure : ndarray of float64, shape (component, band)
        Without missing values.
    sum_to_one : bool
        Whether the abundances of a spectrum sum to 1.
    sparsity : float
        Penalty of abundances, 0 to 1, by the least one that leaves none of them in a spectrum.
    """

    def __init__(self, pure: SpectraTable, *, sum_to_one: bool, sparsity: float = 0.0) -> None:
        self._sparsity = sparsity
        # by powers of two, which costs no digit: with a sum, all by the same
        self._exponents = _exponents(pure)
        if sum_to_one:
            self._exponents[:] = self._exponents.max()
        self._pure = np.ldexp(pure, -self._exponents[:, None])
        power = precise_matmul(self._pure, self._pure.T)
        self._penalty = 0.0
        if sum_to_one:
            # a penalty of other sums changes no result; it tells dark pure spectra from none
            self._penalty = _power_of_two(float(np.trace(power.high)) / len(pure))
        power = _increased(power, self._penalty)
        eigenvalues = np.linalg.eigvalsh(power.high)
        greatest = float(eigenvalues[-1])
        least = max(float(eigenvalues[0]), greatest * np.finfo(float).eps)
        self.condition_number = float(np.sqrt(greatest / least))
        """Greatest by least singular value of the pure spectra, at most 7e7."""
        if self.condition_number > _SINGULAR:
            # of all abundances that fit, small ones
            power = _increased(power, np.eye(len(pure)) * (greatest / _SINGULAR**2))
        self._problem = QuadraticProblem(power, sum_to_one)

    def abundances(self, spectra: SpectraTable) -> SpectraTable:
        """Return the abundances of the pure spectra, (spectrum, component).

        Parameters
        ----------
        spectra : ndarray, shape (spectrum, band)
            In the unit of the pure spectra, without missing values.
        """
        values_per_row = max(spectra.shape[1], (len(self._pure) + 1) ** 2)
        shares = np.empty((len(spectra), len(self._pure)))
        for rows in _parts(len(spectra), _VALUES // values_per_row):
            shares[rows] = self._solved(spectra[rows])
        if self._problem.sum_to_one:
            return np.asarray(shares / shares.sum(axis=1, keepdims=True))
        return np.asarray(np.ldexp(shares, -self._exponents))

    def _solved(self, spectra: SpectraTable) -> SpectraTable:
        """Return the abundances of the scaled pure spectra in a few spectra."""
        precise = self.condition_number > _PLAIN
        target = self._target(spectra, precise)
        shares, unsolved = self._problem.exchanged(target.high)
        if precise:
            return self._problem.improved(shares, target, precise=True)
        if len(unsolved):
            part = target.rows(unsolved)
            shares[unsolved] = self._problem.improved(shares[unsolved], part, precise=False)
        return shares

    def _target(self, spectra: SpectraTable, precise: bool) -> TwoFloats:
        """Return the targets of the problem, (spectrum, component)."""
        high = np.zeros((len(spectra), len(self._pure)))
        low = np.zeros_like(high)
        # few at a time, as float64, stay in the cache of the processor
        for rows in _parts(len(spectra), _CACHED_VALUES // spectra.shape[1]):
            few = np.asarray(spectra[rows], np.float64)
            if precise:
                high[rows], low[rows] = precise_matmul(few, self._pure.T)
            else:
                high[rows] = few @ self._pure.T
        if self._sparsity:
            return TwoFloats(high - self._penalties(high), low)
        if not self._problem.sum_to_one:
            return TwoFloats(high, low)
        # in the unit of the scaled pure spectra, as their abundances sum to one
        exponent = -self._exponents[0]
        scaled = TwoFloats(np.ldexp(high, exponent), np.ldexp(low, exponent))
        return _increased(scaled, self._penalty)

    def _penalties(self, target: Array) -> Array:
        """Return what a penalty of abundances takes off targets, (spectrum, component)."""
        lengths = np.linalg.norm(self._pure, axis=1)
        lengths = np.maximum(lengths, np.finfo(float).tiny)
        # with a penalty as great as this, every abundance is 0
        greatest = np.maximum(target / lengths, 0).max(axis=1, keepdims=True)
        penalties: Array = self._sparsity * greatest * lengths
        return penalties


def _parts(count: int, at_a_time: int) -> Iterator[slice]:
    """Yield slices of so many rows, one at least."""
    step = max(1, at_a_time)
    for first in range(0, count, step):
        yield slice(first, first + step)


def _exponents(spectra: SpectraTable) -> Array:
    """Return exponents of 2 by which the greatest value of each spectrum is near 1."""
    largest = np.abs(spectra).max(axis=1, initial=0)
    _, exponents = np.frexp(largest)
    return np.asarray(exponents)


def _power_of_two(value: float) -> float:
    """Return the greatest power of 2 that is not above a value."""
    _, exponent = np.frexp(value)
    return float(np.ldexp(1.0, exponent - 1))


def _increased(matrix: TwoFloats, by: Array | float) -> TwoFloats:
    """Return a matrix with something added."""
    high, rounding = exact_sum(matrix.high, np.broadcast_to(by, matrix.high.shape))
    return TwoFloats(high, matrix.low + rounding)
