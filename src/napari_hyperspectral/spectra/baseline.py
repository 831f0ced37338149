"""Backgrounds under spectra: minimum, polynomial, asymmetric least squares.

Each function returns the background, to be subtracted; it is known in all bands, also where the
data are missing. A spectrum of which nothing was measured has a background of 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from .each import Bands, Table, counted, each_spectrum


def minimum_background(
    data: NDArray[Any], *, good: Bands | None = None, band: int = -3
) -> NDArray[np.float32]:
    """Return the least value of each spectrum, in all its bands.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities; NaN where nothing was measured.
    good : ndarray of bool, shape (band,), optional
        False for bands that are not to be used.
    """

    def step(table: Table) -> Table:
        used = counted(table, good)
        least = np.where(used, table, np.inf).min(axis=1, keepdims=True)
        return np.broadcast_to(np.where(used.any(axis=1, keepdims=True), least, 0), table.shape)

    return each_spectrum(step, data, band)


def polynomial_background(
    data: NDArray[Any],
    centres: NDArray[np.float64],
    order: int,
    *,
    good: Bands | None = None,
    band: int = -3,
) -> NDArray[np.float32]:
    """Return the polynomial nearest to each spectrum, by least squares.

    Parameters
    ----------
    data, good, band
        As of `minimum_background`.
    centres : ndarray of float64, shape (band,)
        Band centres, in any order and at any distances.
    order : int
        Greatest power: 0 is the mean, 1 a line.

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
    # orthonormal over the used bands: what is left of rounding is least
    powers = legvander(_from_minus_one_to_one(centres, chosen), order)
    basis: Table = np.linalg.solve(np.linalg.qr(powers[chosen]).R.T, powers.T)  # (power, band)

    def step(table: Table) -> Table:
        used = counted(table, good)
        known = np.where(used, table, 0)
        shares = np.stack([(known * power).sum(axis=1) for power in basis], axis=1)
        holed = (used != chosen).any(axis=1)
        shares[holed] = _solved(used[holed], basis, shares[holed])
        # no matrix product: its last bits depend on how many spectra there are
        return sum((shares[:, n, None] * power for n, power in enumerate(basis)), np.zeros(()))

    return each_spectrum(step, data, band)


def als_background(
    data: NDArray[Any],
    smoothness: float = 1e5,
    asymmetry: float = 0.01,
    iterations: int = 10,
    *,
    good: Bands | None = None,
    band: int = -3,
) -> NDArray[np.float32]:
    """Return a smooth curve below the peaks of each spectrum, by asymmetric least squares.

    Source: Eilers & Boelens 2005, "Baseline correction with asymmetric least squares smoothing",
    Leiden University Medical Centre report. As there, bands are taken as equally far apart.

    Parameters
    ----------
    data, good, band
        As of `minimum_background`; what is not used is bridged smoothly.
    smoothness : float
        λ: weight of the squared second differences of the curve, 1e2 to 1e9.
    asymmetry : float
        p: weight of bands above the curve; 1 − p is that of those below. 0.001 to 0.1.
    iterations : int
        Times the weights are found anew, at most.
    """

    def step(table: Table) -> Table:
        used = counted(table, good)
        spectra = np.where(used, table, 0)
        # through fewer than two values lies no one line: there the curve is constant
        few = used.sum(axis=1) < 2
        spectra[few] = spectra[few].sum(axis=1, keepdims=True)
        used[few] = True
        spectra, used = np.ascontiguousarray(spectra.T), used.T  # (band, spectrum)
        weights = used.astype(np.float64)
        for _ in range(iterations):
            curve = _smooth(spectra, weights, smoothness)
            old = weights
            weights = np.where(used, np.where(spectra > curve, asymmetry, 1 - asymmetry), 0)
            if np.array_equal(weights, old):
                break
        return curve.T

    return each_spectrum(step, data, band)


def _from_minus_one_to_one(centres: NDArray[np.float64], chosen: Bands) -> NDArray[np.float64]:
    low, high = centres[chosen].min(), centres[chosen].max()
    scaled: NDArray[np.float64] = (2 * centres - (low + high)) / ((high - low) or 1.0)
    return scaled


def _solved(used: NDArray[np.bool_], basis: Table, sums: Table) -> Table:
    """Return the shares of a basis, (power, band), in spectra with holes.

    Those of least length, where holes leave several.
    """
    weights = used.astype(np.float64)
    products = [[(weights * (a * b)).sum(axis=1) for b in basis] for a in basis]
    normal = np.moveaxis(np.array(products), -1, 0)  # (spectrum, power, power)
    inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
    shares: Table = (inverse * sums[:, None, :]).sum(axis=2)
    return shares


def _smooth(spectra: Table, weights: Table, smoothness: float) -> Table:
    """Solve (W + λ DᵀD) z = W y for all spectra at once, (band, spectrum); D: second differences.

    The matrices have five diagonals; they are taken apart as L D Lᵀ, band by band.
    """
    bands = len(spectra)
    once = np.ones(max(bands - 2, 0))
    diagonal = smoothness * _summed(once, (1, 4, 1), bands)
    first = smoothness * _summed(once, (-2, -2), bands)
    second = smoothness * _summed(once, (1,), bands)
    pivot, solved = weights + diagonal[:, None], weights * spectra
    near, far = np.zeros_like(pivot), np.zeros_like(pivot)  # L, beside its diagonal
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
    for i in range(bands - 2, -1, -1):
        solved[i] -= near[i + 1] * solved[i + 1]
        if i + 2 < bands:
            solved[i] -= far[i + 2] * solved[i + 2]
    return solved


def _summed(once: NDArray[np.float64], row: tuple[int, ...], bands: int) -> NDArray[np.float64]:
    """Return a diagonal of DᵀD, padded to the number of bands."""
    diagonal = np.convolve(once, row) if len(once) else once
    return np.pad(diagonal, (0, bands - len(diagonal)))
