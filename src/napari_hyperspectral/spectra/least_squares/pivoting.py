"""Quadratic problems with bounds, solved for many rows at once.

First by block principal pivoting: all unknowns that violate their condition are exchanged at once
(Kim & Park 2011, https://doi.org/10.1137/110821172). What that leaves unsolved, or solved too
roughly, is solved from there by an active set that never increases the error (Lawson & Hanson
1995, https://doi.org/10.1137/1.9781611971217, chapter 23), where need be with twice the digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from ..arrays import Array, Indices, Mask
from .two_floats import TwoFloats, exact_sum, residual

_EXCHANGES: Final = 15
"""Exchanges of many unknowns at once, at most: they may lead in a circle."""
_STEPS: Final = 30
"""Steps of the active set per unknown, at most: far more than are ever needed."""
_CORRECTIONS: Final = 12
"""Corrections of a precise solution, at most."""


class Tolerance(NamedTuple):
    """How much of a wrong sign is a rounding error."""

    unknown: float
    """Relative to the greatest unknown of a row."""
    slope: float
    """Relative to the greatest target of a row."""


_PLAIN: Final = Tolerance(1e-11, 1e-14)
_PRECISE: Final = Tolerance(1e-16, 1e-22)


@dataclass(frozen=True)
class QuadraticProblem:
    """Of each row of targets, the x ≥ 0 of least x·matrix·x / 2 − x·target.

    Parameters
    ----------
    matrix : TwoFloats, shape (unknown, unknown)
        Symmetric, positive definite, its greatest values near 1.
    sum_to_one : bool
        Whether the unknowns of a row sum to 1.
    """

    matrix: TwoFloats
    sum_to_one: bool

    def exchanged(self, target: Array) -> tuple[Array, Indices]:
        """Return solutions in plain floats, (row, unknown), and the rows not solved by them.

        Parameters
        ----------
        target : ndarray, shape (row, unknown)
        """
        solution = np.zeros(target.shape)
        free = np.ones(target.shape, bool)  # False: the unknown is 0
        unsolved = np.arange(len(free))
        for _ in range(_EXCHANGES):
            free_part = free[unsolved]
            part = target[unsolved]
            found, slope = self._plain(part, free_part)
            solution[unsolved] = found
            negative = _below(found, _PLAIN.unknown, found)
            falls = _below(slope, _PLAIN.slope, part)
            wrong = np.where(free_part, negative, falls)
            if self.sum_to_one:
                wrong |= ~free_part.any(axis=1, keepdims=True)  # nothing sums to 1
            still_wrong = wrong.any(axis=1)
            unsolved = unsolved[still_wrong]
            if not len(unsolved):
                break
            free[unsolved] ^= wrong[still_wrong]
        return np.maximum(solution, 0), unsolved

    def improved(self, rough: Array, target: TwoFloats, *, precise: bool) -> Array:
        """Return solutions, (row, unknown), from rough ones.

        Parameters
        ----------
        rough : ndarray, shape (row, unknown)
            0 or more; the nearer to the solution, the sooner it is found.
        target : TwoFloats, shape (row, unknown)
        precise : bool
            Whether to count with twice the digits of a float.
        """
        solution = rough
        if self.sum_to_one:
            solution = _summing_to_one(rough)
        free = solution > 0
        unsolved = np.arange(len(free))
        for _ in range(_STEPS * free.shape[1]):
            part = target.rows(unsolved)
            step = self._step(solution[unsolved], free[unsolved], part, precise)
            solution[unsolved] = step.solution
            free[unsolved] ^= step.exchanged
            unsolved = unsolved[step.exchanged.any(axis=1)]
            if not len(unsolved):
                break
        return solution

    def _step(self, start: Array, free: Mask, target: TwoFloats, precise: bool) -> _Step:
        """Go from allowed solutions towards those over the free unknowns, as far as is allowed."""
        if precise:
            found, slope = self._precise(target, free)
            tolerance = _PRECISE
        else:
            found, slope = self._plain(target.high, free)
            tolerance = _PLAIN
        negative = free & _below(found, tolerance.unknown, found)
        # the share of the way to where an unknown becomes 0
        distance = np.where(negative, start - found, 1)
        share = np.where(negative, start / distance, 1)  # (row, unknown)
        least_share = share.min(axis=1, keepdims=True)
        arrived = ~negative.any(axis=1, keepdims=True)
        stopped = negative & (share == least_share)
        reached = np.where(arrived, found, start + least_share * (found - start))
        solution = np.where(stopped, 0, np.maximum(reached, 0))
        # where the way was free: of all bound unknowns along which the error falls, the steepest
        falls = arrived & ~free & _below(slope, tolerance.slope, target.high)
        steepest = np.where(falls, slope, np.inf).argmin(axis=1)
        freed = np.zeros_like(falls)
        freed[np.arange(len(falls)), steepest] = True
        return _Step(solution, stopped | (freed & falls))

    def _plain(self, target: Array, free: Mask) -> tuple[Array, Array]:
        """Return solutions over the free unknowns of each row, and the slope along all."""
        count = free.shape[1]
        zeros = np.zeros_like(target)
        system = self._system(TwoFloats(target, zeros), free)
        solution = system.inverses.times(system.target.high)
        slope = solution @ system.matrix.high - system.target.high
        return solution[:, :count], slope[:, :count]

    def _precise(self, target: TwoFloats, free: Mask) -> tuple[Array, Array]:
        """Return the same, with twice the digits."""
        count = free.shape[1]
        system = self._system(target, free)
        zeros = np.zeros_like(system.target.high)
        solution = TwoFloats(zeros, zeros)
        error = system.target.high
        for _ in range(_CORRECTIONS):
            correction = system.inverses.times(error)
            solution = exact_sum(solution.high, correction + solution.low)
            error = residual(system.target, solution, system.matrix)
            if np.abs(correction).max() <= 1e-20 * np.abs(solution.high).max():
                break
        return solution.high[:, :count], -error[:, :count]

    def _system(self, target: TwoFloats, free: Mask) -> _System:
        """Return the linear equations of free unknowns."""
        if not self.sum_to_one:
            return _System(self.matrix, target, _Inverses(self.matrix.high, free))
        # one more equation, the sum, and one more unknown, its multiplier
        matrix = _with_border(self.matrix)
        target = _with_ones(target)
        free = np.hstack([free, free.any(axis=1, keepdims=True)])
        return _System(matrix, target, _Inverses(matrix.high, free))


class _Step(NamedTuple):
    """What a step of the active set leads to."""

    solution: Array
    """Shape (row, unknown)."""
    exchanged: Mask
    """Unknowns that are no longer free, or no longer 0; none where the row is solved."""


class _System(NamedTuple):
    """Linear equations, solution @ matrix = target, of the free unknowns of each row."""

    matrix: TwoFloats
    target: TwoFloats
    inverses: _Inverses


class _Inverses:
    """Inverses of the parts of a matrix between the free unknowns of rows.

    Parameters
    ----------
    matrix : ndarray, shape (unknown, unknown)
    free : ndarray of bool, shape (row, unknown)
    """

    def __init__(self, matrix: Array, free: Mask) -> None:
        # rows with the same free unknowns share an inverse
        patterns, self._pattern_of = _unique_rows(free)
        both = patterns[:, :, None] & patterns[:, None, :]
        parts = np.where(both, matrix, np.eye(len(matrix)))
        self._inverses = np.where(both, np.linalg.inv(parts), 0)

    def times(self, target: Array) -> Array:
        """Return their products with the rows of a target, (row, unknown)."""
        if len(self._inverses) == 1:
            return np.asarray(target @ self._inverses[0])
        inverses = self._inverses[self._pattern_of]
        product: Array = np.matmul(inverses, target[:, :, None])
        return product[:, :, 0]


def _below(values: Array, share: float, scale: Array) -> Mask:
    """Return where values are below 0 by more than a share of the greatest scale of their row."""
    greatest = np.abs(scale).max(axis=1, keepdims=True)
    return np.asarray(values < -share * greatest)


def _unique_rows(free: Mask) -> tuple[Mask, Indices]:
    """Return the rows that differ, and the number of each row among them."""
    packed = np.packbits(free, axis=1)
    if (packed == packed[:1]).all():
        return free[:1], np.zeros(len(free), np.intp)
    _, first, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return free[first], number.ravel()


def _summing_to_one(rough: Array) -> Array:
    """Return solutions, (row, unknown), with a sum of 1; alike ones where all are 0."""
    sums = rough.sum(axis=1, keepdims=True)
    even = np.full_like(rough, 1 / rough.shape[1])
    return np.where(sums > 0, rough / np.where(sums > 0, sums, 1), even)


def _with_border(matrix: TwoFloats) -> TwoFloats:
    """Return a matrix with a border of ones, for the multiplier of the sum."""
    high = np.pad(matrix.high, (0, 1), constant_values=1.0)
    high[-1, -1] = 0.0
    return TwoFloats(high, np.pad(matrix.low, (0, 1)))


def _with_ones(target: TwoFloats) -> TwoFloats:
    """Return targets, (row, unknown), with one more: the sum of each row."""
    column = ((0, 0), (0, 1))
    high = np.pad(target.high, column, constant_values=1.0)
    return TwoFloats(high, np.pad(target.low, column))
