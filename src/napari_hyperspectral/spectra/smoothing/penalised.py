"""Solve penalised least squares for many spectra at once: (W + λ DᵀD) z = W y.

D takes differences of some order between bands (Eilers 2003, "A perfect smoother", eq. 5,
https://doi.org/10.1021/ac034173t). The matrix of each spectrum is banded and is decomposed as
L D Lᵀ, band by band, each step for all spectra at once; everything is divided by λ.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import Array, Block

BLOCK: Final = 2**20
"""Values that are solved at a time: fewer are dominated by Python, more by the memory."""


def penalty(bands: int, order: int) -> list[list[float]]:
    """Return the diagonals of DᵀD: the main one, then those below it, each (band,), padded with 0.

    Too few bands have no difference of that order, and no penalty.
    """
    diagonals = [[0.0] * bands for _ in range(order + 1)]
    if bands > order:
        difference = np.diff(np.eye(order + 1), order, axis=0)[0]  # 1, −2, 1 for the second
        for distance in range(order + 1):
            row = difference[distance:] * difference[: order + 1 - distance]
            diagonal = np.convolve(np.ones(bands - order), row)  # (band − distance,)
            diagonals[distance][: bands - distance] = diagonal.tolist()
    return diagonals


def roughness(spectra: Block) -> Block:
    """Return −DᵀD y of spectra, (band, spectrum), with D the second differences."""
    result = np.zeros_like(spectra)
    if len(spectra) > 2:
        second = np.diff(spectra, 2, axis=0)
        result[:-2] -= second
        result[2:] -= second
        second *= 2
        result[1:-1] += second
    return result


def aligned(*shape: int) -> Array:
    """Return uninitialised memory that begins at a cache line, as each row does where 8 divide it."""
    values = int(np.prod(shape))
    memory = np.empty(values + 8)
    first = -(memory.ctypes.data // 8) % 8
    return memory[first : first + values].reshape(shape)


def smoothed(rights: Block, weights: Array, order: int) -> Block:
    """Return the solution of (W + DᵀD) z = r, (band, spectrum), for spectra of the same weights.

    Parameters
    ----------
    rights : ndarray, shape (band, spectrum)
        Right sides r.
    weights : ndarray, shape (band,)
        Divided by λ.
    order : int
        Order of the differences that D takes, 1 to 4.
    """
    bands = len(rights)
    diagonals = penalty(bands, order)
    pivots = np.empty(bands)
    lower = np.zeros((order + 1, bands))  # lower[k, i]: L[i, i−k]
    for i in range(bands):
        distances = range(min(order, i), 0, -1)
        for k in distances:
            entry = diagonals[k][i - k]
            for j in range(k + 1, min(order, i) + 1):
                entry -= lower[j, i] * pivots[i - j] * lower[j - k, i - k]
            lower[k, i] = entry / pivots[i - k]
        pivots[i] = weights[i] + diagonals[0][i]
        for k in distances:
            pivots[i] -= lower[k, i] ** 2 * pivots[i - k]
    curves = rights.copy()
    rows = list(curves)
    product = np.empty(rights.shape[1])
    for i in range(bands):
        for k in range(1, min(order, i) + 1):
            np.multiply(rows[i - k], lower[k, i], out=product)
            np.subtract(rows[i], product, out=rows[i])
    for i in range(bands - 1, -1, -1):
        np.divide(rows[i], pivots[i], out=rows[i])
        for k in range(1, min(order, bands - 1 - i) + 1):
            np.multiply(rows[i + k], lower[k, i + k], out=product)
            np.subtract(rows[i], product, out=rows[i])
    return curves


class SecondDifferences:
    """The solver for second differences, with memory for blocks of up to so many spectra.

    It solves for the residual r = z − y, with (W/λ + DᵀD) r = −DᵀD y: the right side stays when
    weights change.

    Parameters
    ----------
    bands, spectra : int
        Greatest shape of the blocks to be solved.
    """

    def __init__(self, bands: int, spectra: int) -> None:
        self._main, self._below, _ = penalty(bands, 2)
        width = spectra + -spectra % 8
        self._solved = aligned(bands, 2, width)
        self._factor = aligned(bands, width)
        self._scratch = aligned(5, width)

    def __call__(self, right: Block, weights: Block) -> Block:
        """Return smooth curve less spectrum, (band, spectrum), in memory that the next call reuses.

        Parameters
        ----------
        right : ndarray, shape (band, spectrum)
            −DᵀD y, see `roughness`.
        weights : ndarray, shape (band, spectrum)
            Weight of each value divided by λ; 0 where it is ignored. At least two are positive in
            each spectrum.
        """
        solved = self._solved[..., : weights.shape[1]]
        self._eliminate(right, weights, solved)
        self._substitute(solved)
        return solved[:, 1]

    def _eliminate(self, rights: Block, weights: Block, solved: Array) -> None:
        """Decompose the matrices and solve L D x = −DᵀD y.

        With pivot p and right side s of a band, `solved` keeps (1, s) / p. `factor` keeps
        m[i] = L[i, i−1] p[i−1]; L[i, i−2] is 1 / p[i−2].
        """
        number = weights.shape[1]
        pivot, product, *_ = self._scratch[:, :number]
        update = self._scratch[2:4, :number]
        lower, change = update  # lower: L[i, i−1]
        remaining = self._scratch[4, :number]
        factors = list(self._factor[:, :number])
        pairs = list(solved)
        before = list(solved[:, 0]), list(solved[:, 1])
        for i, (inverse, value) in enumerate(zip(*before, strict=True)):
            np.add(weights[i], self._main[i], out=pivot)
            right = rights[i]
            if i == 1:
                factors[i].fill(self._below[0])
            elif i > 1:
                np.subtract(self._below[i - 1], lower, out=factors[i])
                np.subtract(pivot, before[0][i - 2], out=pivot)
                np.subtract(right, before[1][i - 2], out=remaining)
                right = remaining
            if i > 0:
                np.multiply(factors[i], pairs[i - 1], out=update)
                np.multiply(lower, factors[i], out=product)
                np.subtract(pivot, product, out=pivot)
                np.subtract(right, change, out=remaining)
                right = remaining
            np.divide(1, pivot, out=inverse)
            np.multiply(right, inverse, out=value)

    def _substitute(self, solved: Array) -> None:
        """Solve Lᵀ r = x from the last band to the first, in place."""
        number = solved.shape[-1]
        factors = list(self._factor[:, :number])
        later = self._scratch[0, :number]
        inverses = list(solved[:, 0])
        residual = list(solved[:, 1])
        last = len(residual) - 1
        for i in range(last - 1, -1, -1):
            np.multiply(factors[i + 1], residual[i + 1], out=later)
            if i + 2 <= last:
                np.add(later, residual[i + 2], out=later)
            np.multiply(later, inverses[i], out=later)
            np.subtract(residual[i], later, out=residual[i])
