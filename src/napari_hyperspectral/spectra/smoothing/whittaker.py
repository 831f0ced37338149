"""Smooth spectra by penalised least squares: near to the data, with small differences."""

from __future__ import annotations

import numpy as np

from ..arrays import Block, Float32, GoodBands, Intensities, Mask
from ..each import bridged, each_block, used_in_block
from .penalised import BLOCK, SecondDifferences, roughness, smoothed


def whittaker(
    data: Intensities,
    smoothness: float = 10.0,
    order: int = 2,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return spectra z that minimise |y − z|² + λ |D z|², where D takes differences of some order.

    Source: Whittaker 1922, https://doi.org/10.1017/S0013091500077853; Eilers 2003, eq. 4 and (where
    values are missing) 6, https://doi.org/10.1021/ac034173t. Bands are taken as equally spaced.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit. Missing values (NaN) have no weight, and stay missing.
    smoothness : float
        λ: 1 hardly smooths, 1e6 leaves little but a polynomial of a degree below `order`.
    order : int
        Of the differences, 1 to 4.
    good : ndarray of bool, shape (band,), optional
        False for bad bands: without weight too, and returned unchanged.
    band : int
        Axis of `data` along which the bands lie.

    Raises
    ------
    ValueError
        If `smoothness` is not positive or `order` not 1 to 4.
    """
    if smoothness <= 0:
        raise ValueError(f"the smoothness is {smoothness:g}; choose one above 0")
    if not 1 <= order <= 4:
        raise ValueError(f"differences of order {order} are not smoothed; choose 1, 2, 3 or 4")

    def step(block: Block) -> Block:
        used = used_in_block(block, good)
        weights = np.ones(len(block)) if good is None else good.astype(np.float64)
        complete = (used == (weights > 0)[:, None]).all(axis=0)
        if complete.all():
            known = block if good is None else np.where(used, block, 0)
            smooth = smoothed(known * (weights / smoothness)[:, None], weights / smoothness, order)
        else:
            smooth = _with_holes(block, used, smoothness, order)
        if good is None and complete.all():
            return smooth
        return np.where(used, smooth, block)

    return each_block(step, data, band, BLOCK)


def _with_holes(block: Block, used: Mask, smoothness: float, order: int) -> Block:
    """Return smooth spectra, (band, spectrum), of which each has its own values without weight."""
    smooth = bridged(block, used)
    enough = np.flatnonzero(used.sum(axis=0) > order)  # fewer fix no polynomial
    if order == 2:
        known = np.where(used, block, 0)[:, enough]
        solver = SecondDifferences(*known.shape)
        smooth[:, enough] = known + solver(roughness(known), used[:, enough] / smoothness)
        return smooth
    patterns, members = np.unique(used[:, enough], axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        alike = enough[members.ravel() == number]
        known = np.where(pattern[:, None], block[:, alike], 0) / smoothness
        smooth[:, alike] = smoothed(known, pattern / smoothness, order)
    return smooth
