"""Sums and products with twice the digits of a float: numbers as sums of two floats.

Source: Dekker 1971, https://doi.org/10.1007/BF01397083
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ..arrays import Array, Indices

_DIGITS: Final = 53
"""Binary digits of a float64."""
_HALF: Final = 2.0**27 + 1
"""Times a float, it splits the float into halves whose products are exact."""
_SLICES: Final = 4
"""Parts of few digits, of a matrix whose products are summed without rounding."""


class TwoFloats(NamedTuple):
    """Numbers with about 32 decimal digits."""

    high: Array
    """The numbers, rounded."""
    low: Array
    """What rounding took from them, in the shape of `high`."""

    def rows(self, chosen: Indices) -> TwoFloats:
        """Return some of the rows."""
        return TwoFloats(self.high[chosen], self.low[chosen])


def exact_sum(one: Array, other: Array) -> TwoFloats:
    """Return sums without rounding errors."""
    high = one + other
    rounded = high - one
    low = (one - (high - rounded)) + (other - rounded)
    return TwoFloats(high, low)


def exact_product(one: Array, other: Array) -> TwoFloats:
    """Return products without rounding errors, element by element."""
    high = one * other
    one_high, one_low = _halves(one)
    other_high, other_low = _halves(other)
    low = one_high * other_high - high
    low = low + one_high * other_low
    low = low + one_low * other_high
    low = low + one_low * other_low
    return TwoFloats(high, low)


def precise_matmul(left: Array, right: Array) -> TwoFloats:
    """Return ``left @ right`` to more than 75 binary digits of the greatest products.

    Matrices are sliced into parts of so few digits that products of parts are summed without
    rounding. Source: Ozaki et al. 2012, https://doi.org/10.1007/s11075-011-9478-1

    Parameters
    ----------
    left, right : ndarray of float64, shapes (row, term) and (term, column)
        Neither so large nor so small that their products overflow or underflow.
    """
    terms = left.shape[1]
    digits_of_sum = int(np.ceil(np.log2(max(terms, 2))))
    digits = (_DIGITS - digits_of_sum) // 2
    left_slices = _slices(left, digits, axis=1)
    right_slices = _slices(right, digits, axis=0)
    zeros = np.zeros((len(left), right.shape[1]))
    total = TwoFloats(zeros, zeros)
    for order in reversed(range(_SLICES)):  # the smallest first
        for number, left_slice in enumerate(left_slices[: order + 1]):
            for right_slice in right_slices[order - number : order - number + 1]:
                high, low = exact_sum(left_slice @ right_slice, total.high)
                total = TwoFloats(high, low + total.low)
    return exact_sum(*total)


def residual(target: TwoFloats, solution: TwoFloats, matrix: TwoFloats) -> Array:
    """Return ``target - solution @ matrix``, rounded only at the end.

    Parameters
    ----------
    target, solution : TwoFloats, shape (row, unknown)
    matrix : TwoFloats, shape (unknown, unknown)
    """
    high, low = target
    for unknown in range(len(matrix.high)):
        share = solution.high[:, unknown, None]  # (row, 1)
        small_share = solution.low[:, unknown, None]
        product = exact_product(-share, matrix.high[unknown])
        high, rounding = exact_sum(high, product.high)
        low = low + rounding + product.low
        low = low - share * matrix.low[unknown] - small_share * matrix.high[unknown]
    return high + low


def _halves(values: Array) -> tuple[Array, Array]:
    """Return floats as sums of two floats of half the digits."""
    scaled = _HALF * values
    high = scaled - (scaled - values)
    return high, values - high


def _slices(matrix: Array, digits: int, axis: int) -> list[Array]:
    """Return parts whose sum is a matrix, the greatest first: whole multiples of a unit per line."""
    parts: list[Array] = []
    remainder = matrix
    while len(parts) < _SLICES and remainder.any():
        largest = np.abs(remainder).max(axis=axis, keepdims=True)
        _, exponent = np.frexp(largest)
        unit = np.ldexp(1.0, exponent - digits)
        part = np.rint(remainder / unit) * unit
        parts.append(part)
        remainder = remainder - part
    return parts
