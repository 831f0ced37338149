"""Shapes of peaks, of height 1, and their slopes."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from ..arrays import Array

Shape: TypeAlias = Literal["gaussian", "lorentzian", "pseudo_voigt"]
"""A pseudo-Voigt peak is a share of a Lorentzian one, and the other share of a Gaussian one of the
same width (Wertheim et al. 1974, https://doi.org/10.1063/1.1686503)."""
_GAUSS: Final = 4 * np.log(2)
GAUSSIAN_AREA: Final = float(np.sqrt(np.pi / _GAUSS))
"""Area of a Gaussian peak of height 1 and full width at half maximum 1."""
LORENTZIAN_AREA: Final = float(np.pi / 2)
"""The same of a Lorentzian one."""


class Profile(NamedTuple):
    """Values of peaks of height 1 and width 1, all of one shape."""

    values: Array
    slopes: Array
    """By the distance from the middle."""
    by_share: Array
    """By the share of the Lorentzian."""


def profile(distance: Array, share: Array) -> Profile:
    """Return peaks at distances from their middle, in full widths at half maximum.

    Parameters
    ----------
    distance : ndarray
        Of any shape.
    share : ndarray
        Of the Lorentzian, 0 to 1; broadcast to `distance`.
    """
    squares = np.square(distance)
    gaussian = np.exp(-_GAUSS * squares)
    lorentzian = 1 / (1 + 4 * squares)
    values = share * lorentzian + (1 - share) * gaussian
    slopes = -8 * distance * share * np.square(lorentzian)
    slopes -= 2 * _GAUSS * distance * (1 - share) * gaussian
    return Profile(values, slopes, lorentzian - gaussian)


def unit_area(share: Array) -> Array:
    """Return the area of peaks of height 1 and width 1, by their share of the Lorentzian."""
    area: Array = share * LORENTZIAN_AREA + (1 - share) * GAUSSIAN_AREA
    return area
