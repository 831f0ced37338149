"""Nonlinear least squares of many spectra at once, by the method of Levenberg and Marquardt."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np

from ..arrays import Array, Indices, Mask, SpectraTable, ValuePerSpectrum

_ROUNDS: Final = 100
"""Steps, at most; a spectrum that is not solved by then has no solution."""
_FIRST_DAMPING: Final = 1e-3
_LEAST_GAIN: Final = 1e-11
"""Relative gain of a step below which a spectrum is solved."""
_MOST_DAMPING: Final = 1e12
"""Beyond, no step gains anything: rounding errors are all that is left."""
_SMALLEST: Final = 1e-300
_SINGULAR: Final = 1e-14
"""Added to the diagonal of normal matrices, by its greatest value."""


class CurveModel(Protocol):
    """What is fitted."""

    def values(self, row: Array) -> Array:
        """Return the spectra of rows of parameters, (spectrum, band)."""

    def slopes(self, row: Array) -> Array:
        """Return how they change with the parameters, (spectrum, band, parameter)."""


class Solution(NamedTuple):
    """The parameters of each spectrum."""

    rows: Array
    """Shape (spectrum, parameter)."""
    misfit: ValuePerSpectrum
    """Sum of the squared residuals, (spectrum,)."""
    solved: Mask
    """Shape (spectrum,)."""


def solve(model: CurveModel, table: SpectraTable, start: Array) -> Solution:
    """Return the parameters whose spectra are nearest to those of a table.

    Marquardt 1963, https://doi.org/10.1137/0111030: each spectrum has a damping of its own, and is
    left alone once it is solved.

    Parameters
    ----------
    model : CurveModel
        Of all spectra.
    table : ndarray, shape (spectrum, band)
        Missing values (NaN) do not count.
    start : ndarray, shape (spectrum, parameter)
    """
    known = np.isfinite(table)
    target = np.where(known, table, 0)
    rows = start.copy()
    misfit = _misfit(model, rows, target, known)
    damping = np.full(len(rows), _FIRST_DAMPING)
    solved = np.zeros(len(rows), bool)
    active = np.flatnonzero(np.isfinite(misfit))
    normal = _Normal.of(model, rows[active], target[active], known[active])
    for _ in range(_ROUNDS):
        if not len(active):
            break
        trial = rows[active] + normal.steps(damping[active])
        found = _misfit(model, trial, target[active], known[active])
        better = found <= misfit[active]  # False of NaN
        done = better & (misfit[active] - found <= _LEAST_GAIN * misfit[active])
        rows[active[better]] = trial[better]
        misfit[active[better]] = found[better]
        damping[active] *= np.where(better, 0.2, 8.0)
        done |= damping[active] > _MOST_DAMPING
        solved[active[done]] = True
        active = active[~done]
        normal = normal.rows(~done)
        moved = np.flatnonzero(better[~done])  # where the step was too long, only damping changes
        now = active[moved]
        normal.replace(moved, _Normal.of(model, rows[now], target[now], known[now]))
    return Solution(rows, misfit, solved)


def covariances(model: CurveModel, solution: Solution, known: Mask) -> Array:
    """Return the covariance of the parameters of each spectrum, (spectrum, parameter, parameter).

    As of `scipy.optimize.curve_fit`: the noise is what is left of a spectrum.

    Parameters
    ----------
    model : CurveModel
    solution : Solution
    known : ndarray of bool, shape (spectrum, band)
        Values that count.
    """
    slopes = model.slopes(solution.rows) * known[..., None]
    normal = np.matmul(slopes.transpose(0, 2, 1), slopes)
    sizes = np.sqrt(np.maximum(np.diagonal(normal, axis1=1, axis2=2), _SMALLEST))
    scaled = normal / (sizes[:, :, None] * sizes[:, None])
    scaled = np.where(np.isfinite(scaled), scaled, 0)
    inverse = np.linalg.pinv(scaled, hermitian=True) / (sizes[:, :, None] * sizes[:, None])
    freedom = known.sum(axis=1) - solution.rows.shape[1]
    variance = np.where(freedom > 0, solution.misfit / np.maximum(freedom, 1), np.nan)
    covariance: Array = inverse * variance[:, None, None]
    return covariance


def _misfit(model: CurveModel, rows: Array, target: SpectraTable, known: Mask) -> ValuePerSpectrum:
    with np.errstate(over="ignore", invalid="ignore"):
        squares: Array = np.square((model.values(rows) - target) * known)
    total: Array = squares.sum(axis=1)
    return total


class _Normal(NamedTuple):
    """Normal equations of some spectra."""

    matrix: Array
    """Shape (spectrum, parameter, parameter)."""
    along: Array
    """Shape (spectrum, parameter)."""

    @classmethod
    def of(cls, model: CurveModel, rows: Array, target: SpectraTable, known: Mask) -> _Normal:
        """Return the equations at rows of parameters."""
        slopes = model.slopes(rows) * known[..., None]
        left = (target - model.values(rows)) * known
        transposed = slopes.transpose(0, 2, 1)
        along = np.matmul(transposed, left[..., None])[..., 0]
        return cls(np.matmul(transposed, slopes), along)

    def rows(self, chosen: Mask) -> _Normal:
        """Return the equations of some spectra."""
        return _Normal(self.matrix[chosen], self.along[chosen])

    def replace(self, rows: Indices, other: _Normal) -> None:
        """Take the equations of some spectra from others."""
        self.matrix[rows] = other.matrix
        self.along[rows] = other.along

    def steps(self, damping: ValuePerSpectrum) -> Array:
        """Return a damped step of each spectrum, (spectrum, parameter)."""
        matrix: Array = self.matrix.copy()
        along: Array = self.along.copy()
        diagonal = np.diagonal(matrix, axis1=1, axis2=2)
        floor = _SINGULAR * diagonal.max(axis=1, keepdims=True) + _SMALLEST
        added = damping[:, None] * np.maximum(diagonal, floor) + floor
        index = np.arange(matrix.shape[1])
        matrix[:, index, index] += added
        usable = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(along).all(axis=1)
        matrix[~usable] = np.eye(len(index))
        along[~usable] = np.nan  # no step: its misfit is NaN, and damping grows
        steps = np.linalg.solve(matrix, along[..., None])
        return np.asarray(steps[..., 0], np.float64)
