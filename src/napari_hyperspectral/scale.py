"""The scale of data as a power of two: dividing by it and multiplying by it again costs no digit.

Squares of very small and very large intensities (currents, counts) are 0 or infinite in single
precision, and no fixed threshold suits both. So what squares or compares first divides by the scale
of its data. Data that are a power of two larger then give the same digits.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LEAST_EXPONENT: Final = -125
"""Of a scale by which numbers of single precision can be divided."""
ROUNDING: Final = 1e-6
"""Share of the greatest magnitude that is rounding error: data are single precision."""


def power_of_two(magnitude: float) -> float:
    """Return the greatest power of two that is not above a magnitude; 1 of 0, infinity and NaN."""
    if not (math.isfinite(magnitude) and magnitude > 0):
        return 1.0
    _, exponent = math.frexp(magnitude)
    return math.ldexp(1.0, max(exponent - 1, _LEAST_EXPONENT))


def scale_of(values: NDArray[np.floating]) -> float:
    """Return the power of two below the greatest magnitude of an array; what is not finite is left out."""
    known = np.isfinite(values)
    greatest = np.max(np.abs(values), initial=0, where=known)
    return power_of_two(float(greatest))
