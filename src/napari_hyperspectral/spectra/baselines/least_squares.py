"""Baselines by reweighted, penalised least squares: AsLS, arPLS, airPLS.

A smooth curve is fitted; values above it get less weight, and it is fitted again, until weights
change little. Spectra whose weights have converged are set aside while others go on. Each function
returns the baseline, in the shape and unit of the data, to be subtracted; bands are taken as
equally spaced, as in the sources. It bridges values that are ignored: missing ones, and bad bands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from ..arrays import Block, Float32, GoodBands, Indices, Intensities, Mask, ValuePerSpectrum
from ..each import each_block, used_in_block
from ..smoothing.penalised import BLOCK, SecondDifferences, aligned, roughness, smoothed

_TINY: Final = float(np.finfo(np.float64).tiny)
_STRONGEST_ITERATION: Final = 50
"""Weights of airPLS grow with the iterations, up to this one: later ones would overflow."""
_LEAST_WEIGHT: Final = 1e-6
"""Weight of values where the weights of a method leave too few values for a curve."""
_WORTH_COPYING: Final = 0.75
"""Spectra that are still fitted are copied together when they are less than this share."""
_CACHE: Final = 2**14
"""Values that are weighted at a time, so that they stay in the processor."""


def asls_baseline(
    data: Intensities,
    smoothness: float = 1e6,
    asymmetry: float = 0.01,
    *,
    iterations: int = 50,
    tolerance: float = 1e-3,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return a smooth curve below the peaks of each spectrum, by asymmetric least squares.

    Source: Eilers & Boelens 2005, "Baseline correction with asymmetric least squares smoothing",
    Leiden University Medical Centre report.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; NaN where nothing was measured.
    smoothness : float
        λ: weight of the squared second differences of the curve, 1e2 to 1e9.
    asymmetry : float
        p: weight of values above the curve, 0.001 to 0.1; those below have 1 − p.
    iterations : int
        Times that the weights are updated, at most.
    tolerance : float
        Relative change of the weights of a spectrum below which they have converged.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.

    Raises
    ------
    ValueError
        If `asymmetry` is not between 0 and 1.
    """
    if not 0 < asymmetry < 1:
        raise ValueError(f"the asymmetry is {asymmetry:g}; it must be between 0 and 1, as 0.01")

    low = asymmetry / smoothness
    high = (1 - asymmetry) / smoothness

    def update(fit: _Fit, fits: int) -> Mask:
        def weights(bands: slice) -> Block:
            spectrum_is_higher = fit.residuals[bands] < 0
            new: Block = np.multiply(spectrum_is_higher, low - high, dtype=np.float64)
            new += high
            return new

        return fit.reweight(weights) <= tolerance

    return _reweighted(data, smoothness, update, iterations, good, band)


def als_background(
    data: Intensities,
    smoothness: float = 1e5,
    asymmetry: float = 0.01,
    iterations: int = 10,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return `asls_baseline` after so many iterations, or when no weight changes any more."""
    return asls_baseline(
        data,
        smoothness,
        asymmetry,
        iterations=iterations - 1,
        tolerance=0,
        good=good,
        band=band,
    )


def arpls_baseline(
    data: Intensities,
    smoothness: float = 1e5,
    *,
    iterations: int = 50,
    tolerance: float = 1e-3,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return a smooth curve through the noise between the peaks of each spectrum.

    Asymmetrically reweighted penalised least squares: the weight falls from 1 to 0 where a value
    lies two standard deviations of the noise above the curve, which is estimated from the values
    below it.
    Source: Baek et al. 2015, eq. 13, https://doi.org/10.1039/C4AN01061B.

    Parameters
    ----------
    data, smoothness, iterations, tolerance, good, band
        See `asls_baseline`.
    """

    def update(fit: _Fit, fits: int) -> Mask:
        count, mean, deviation = fit.below()
        steepness = 2 / deviation
        middle = 2 * deviation - mean

        def weights(bands: slice) -> Block:
            # λ (1 + exp(2 (d − (2 s − m)) / s)), with d = −residual
            new = fit.residuals[bands] + middle
            new *= -steepness
            np.exp(new, out=new)
            new += 1
            new *= smoothness
            return np.divide(1, new, out=new)

        change = fit.reweight(weights)
        return (change < tolerance) | (count < 2)

    return _reweighted(data, smoothness, update, iterations, good, band)


def airpls_baseline(
    data: Intensities,
    smoothness: float = 1e6,
    *,
    iterations: int = 50,
    tolerance: float = 1e-3,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return a smooth curve along the lower side of each spectrum.

    Adaptive iteratively reweighted penalised least squares: values above the curve have no weight,
    those below the more, the farther, and the later the iteration.
    Source: Zhang, Chen & Liang 2010, eq. 9, https://doi.org/10.1039/B922045C.

    Parameters
    ----------
    data, smoothness, iterations, good, band
        See `asls_baseline`.
    tolerance : float
        Sum of what a spectrum is below its curve, as a share of its absolute sum, that is little
        enough.
    """

    def update(fit: _Fit, fits: int) -> Mask:
        count, mean, _ = fit.below()
        total = np.minimum(count * mean, -_TINY)
        strength = min(fits, _STRONGEST_ITERATION) / -total

        def weights(bands: slice) -> Block:
            residuals = fit.residuals[bands]
            new = residuals * strength
            np.exp(np.minimum(new, _STRONGEST_ITERATION, out=new), out=new)
            new *= residuals > 0
            new /= smoothness
            return new

        fit.reweight(weights)
        return (-total < tolerance * fit.sizes) | (count < 2)

    return _reweighted(data, smoothness, update, iterations, good, band)


@dataclass(eq=False)
class _Fit:
    """The spectra of a block that are still fitted.

    Parameters
    ----------
    right : ndarray, shape (band, spectrum)
        −DᵀD y, see `roughness`.
    weights : ndarray, shape (band, spectrum)
        Divided by λ.
    used : ndarray of bool, shape (band, spectrum), or None
        False for values without any weight; None where all have one.
    sizes : ndarray, shape (spectrum,)
        Sums of absolute values.
    residuals : ndarray, shape (band, spectrum)
        Curve less spectrum; 0 for values without weight.
    squares : ndarray, shape (spectrum,)
        Sums of squares of the weights.
    """

    right: Block
    weights: Block
    used: Mask | None
    sizes: ValuePerSpectrum
    residuals: Block
    squares: ValuePerSpectrum

    def solve(self, solver: SecondDifferences) -> None:
        """Fit the curves; weights that allow none are raised first."""
        with np.errstate(all="ignore"):
            self.residuals = solver(self.right, self.weights)
        failed = ~np.isfinite(self.residuals[0])
        if failed.any():
            raised = np.maximum(self.weights[:, failed], _LEAST_WEIGHT * self.weights.max())
            self.weights[:, failed] = raised
            if self.used is not None:
                self.weights *= self.used
            self.residuals = solver(self.right, self.weights)

    def reweight(self, weights: Callable[[slice], Block]) -> ValuePerSpectrum:
        """Take the new weights of some bands after others; return their relative change."""
        changes = np.zeros(len(self.sizes))
        squares = np.zeros(len(self.sizes))
        for bands in self.bands_at_a_time():
            with np.errstate(over="ignore"):
                new = weights(bands)
            if self.used is not None:
                new *= self.used[bands]
            old = self.weights[bands]
            np.subtract(new, old, out=old)
            changes += _sum_of_squares(old)
            squares += _sum_of_squares(new)
            self.weights[bands] = new
        relative: ValuePerSpectrum = np.sqrt(changes / np.maximum(self.squares, _TINY))
        self.squares = squares
        return relative

    def below(self) -> tuple[ValuePerSpectrum, ValuePerSpectrum, ValuePerSpectrum]:
        """Return number, mean, standard deviation of values below their curves, each (spectrum,)."""
        count = np.zeros(len(self.sizes))
        total = np.zeros(len(self.sizes))
        squares = np.zeros(len(self.sizes))
        for bands in self.bands_at_a_time():
            above_spectrum = np.maximum(self.residuals[bands], 0)
            if self.used is not None:
                above_spectrum *= self.used[bands]
            # at most 255 bands at a time: counts fit into bytes
            count += np.add.reduce(above_spectrum > 0, axis=0, dtype=np.uint8)
            total -= above_spectrum.sum(axis=0)
            squares += _sum_of_squares(above_spectrum)
        mean = total / np.maximum(count, 1)
        variance = (squares - total * mean) / np.maximum(count - 1, 1)
        # the smallest divisor stands for none, as where all values below the curve are alike
        deviation = np.where(variance > 0, np.sqrt(np.maximum(variance, 0)), _TINY)
        return count, mean, deviation

    def take(self, chosen: Indices) -> _Fit:
        """Return the fit of some of the spectra."""
        return _Fit(
            _columns(self.right, chosen),
            _columns(self.weights, chosen),
            None if self.used is None else np.take(self.used, chosen, axis=1),
            self.sizes[chosen],
            _columns(self.residuals, chosen),
            self.squares[chosen],
        )

    def bands_at_a_time(self) -> Iterator[slice]:
        """Yield slices of the bands."""
        bands, spectra = self.weights.shape
        step = min(255, max(1, _CACHE // spectra))
        for first in range(0, bands, step):
            yield slice(first, first + step)


Update: TypeAlias = Callable[[_Fit, int], Mask]
"""Changes the weights of a fit after so many fits; returns which spectra are finally fitted."""


def _reweighted(
    data: Intensities,
    smoothness: float,
    update: Update,
    iterations: int,
    good: GoodBands | None,
    band: int,
) -> Float32:
    """Return curves that are fitted again with updated weights until these have converged."""
    solvers: list[SecondDifferences] = []

    def step(block: Block) -> Block:
        if not solvers:  # the first block is the largest
            solvers.append(SecondDifferences(*block.shape))
        (solver,) = solvers
        used = used_in_block(block, good)
        if used.all():
            return _fitted(solver, block, None, smoothness, update, iterations)
        spectra = np.where(used, block, 0)
        # fewer than two values fix no line: there the curve is constant
        few = used.sum(axis=0) < 2
        spectra[:, few] = spectra[:, few].sum(axis=0)
        used[:, few] = True
        return _fitted(solver, spectra, used, smoothness, update, iterations)

    return each_block(step, data, band, BLOCK)


def _fitted(
    solver: SecondDifferences,
    spectra: Block,
    used: Mask | None,
    smoothness: float,
    update: Update,
    iterations: int,
) -> Block:
    """Return the curves, (band, spectrum), of spectra without missing values."""
    fit = _first_fit(solver, spectra, used, smoothness)
    result = aligned(*spectra.shape)  # residuals
    columns: Indices = np.arange(spectra.shape[1])  # of `result`, for the spectra of `fit`
    fitted = np.zeros(len(columns), bool)
    final = fit.residuals.copy()
    for fits in range(1, iterations + 2):
        if fits > 1:
            fit.solve(solver)
        converged = update(fit, fits) | (fits == iterations + 1)
        np.copyto(final, fit.residuals, where=converged & ~fitted)
        fitted |= converged
        number = np.count_nonzero(~fitted)
        if number == 0 or number < _WORTH_COPYING * len(columns):
            for row, residuals in zip(result, final, strict=True):
                row[columns] = residuals
        if number == 0:
            break
        if number < _WORTH_COPYING * len(columns):
            going_on = np.flatnonzero(~fitted)
            fit = fit.take(going_on)
            columns = columns[going_on]
            fitted = np.zeros(number, bool)
            final = fit.residuals
    result += spectra
    return result


def _first_fit(
    solver: SecondDifferences, spectra: Block, used: Mask | None, smoothness: float
) -> _Fit:
    """Return the fit in which all values that are used have the same weight."""
    weights = aligned(*spectra.shape)
    weights[:] = 1 / smoothness
    if used is not None:
        weights *= used
    sizes = np.abs(spectra).sum(axis=0)
    fit = _Fit(roughness(spectra), weights, used, sizes, spectra, _sum_of_squares(weights))
    if used is None:
        fit.residuals = smoothed(fit.right, weights[:, 0], 2)
    else:
        fit.solve(solver)
    return fit


def _columns(block: Block, chosen: Indices) -> Block:
    """Return some columns of a block, (band, spectrum), in rows that begin at cache lines."""
    width = len(chosen) + -len(chosen) % 8
    taken = aligned(len(block), width)[:, : len(chosen)]
    np.take(block, chosen, axis=1, out=taken, mode="clip")
    return taken


def _sum_of_squares(values: Block) -> ValuePerSpectrum:
    """Return the sum of squares of each column, (spectrum,)."""
    squares: ValuePerSpectrum = np.einsum("bs,bs->s", values, values)
    return squares
