"""Factors 0 or more: spectra and their amounts that together are nearest to all spectra (MCR-ALS)."""

from __future__ import annotations

import warnings
from typing import Final, NamedTuple

import numpy as np

from ...progress import Job, Progress, Stop
from ..arrays import SpectraTable
from ..unmix import abundances

_ROUNDS: Final = 200
"""Times that amounts and spectra are fitted in turn, at most."""
_GAIN: Final = 1e-5
"""Share of the misfit that a round must gain."""
_SMALLEST: Final = 1e-300


class Factors(NamedTuple):
    """Spectra, and how much of each is in others."""

    spectra: SpectraTable
    """Shape (component, band), in the unit of the table: the greatest amount of each is 1."""
    amounts: SpectraTable
    """Shape (spectrum, component), without a unit."""
    lack_of_fit: float
    """Root of the squared misfit by that of the table, 0 to 1."""


def factors_steps(
    table: SpectraTable, start: SpectraTable, *, sum_to_one: bool = False
) -> Job[Factors]:
    """Yield progress; return the factors of spectra that alternating least squares lead to.

    Multivariate curve resolution (de Juan, Jaumot & Tauler 2014, https://doi.org/10.1039/C4AY00571F);
    with both factors 0 or more it is non-negative matrix factorisation by alternating least squares
    (Kim & Park 2008, https://doi.org/10.1137/07069239X). Stopped early, it returns what it has.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
        Intensities without missing values. Negative ones are fitted as well as factors can.
    start : ndarray, shape (component, band)
        Spectra to start from, as from `vertex_components`; the result depends on them.
    sum_to_one : bool
        Whether the amounts in a spectrum sum to 1.
    """
    spectra = np.maximum(start, 0)
    size = float(np.square(table).sum()) or 1.0
    amounts = _amounts(table, spectra, sum_to_one)
    before = np.inf
    for done in range(1, _ROUNDS + 1):
        spectra = _amounts(table.T, np.ascontiguousarray(amounts.T), False).T
        empty = ~spectra.any(axis=1)
        spectra[empty] = np.maximum(start, 0)[empty]  # a component that died starts anew
        amounts = _amounts(table, spectra, sum_to_one)
        misfit = float(np.square(table - amounts @ spectra).sum()) / size
        try:
            yield Progress(done, _ROUNDS, note=f"lack of fit {np.sqrt(misfit):.2%}")
        except Stop:
            break
        if before - misfit <= _GAIN * before:
            break
        before = misfit
    return _scaled(Factors(spectra, amounts, float(np.sqrt(misfit))), sum_to_one)


def _amounts(table: SpectraTable, pure: SpectraTable, sum_to_one: bool) -> SpectraTable:
    """Return amounts, 0 or more, (row, component); on the way, factors may be nearly alike."""
    noise = np.finfo(float).eps * np.abs(pure).max(initial=_SMALLEST)
    rows, columns = np.indices(pure.shape)
    # no two are exactly the same, and none is 0, so that each has an answer
    distinct = pure + noise * (1 + np.cos(1.0 + 7 * rows + columns))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return abundances(table, distinct, sum_to_one=sum_to_one)


def _scaled(factors: Factors, sum_to_one: bool) -> Factors:
    """Return factors of which the greatest amount of each component is 1."""
    if sum_to_one:
        return factors
    greatest = np.maximum(factors.amounts.max(axis=0), _SMALLEST)
    return Factors(
        factors.spectra * greatest[:, None], factors.amounts / greatest, factors.lack_of_fit
    )
