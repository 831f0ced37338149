"""How large the inputs of a model were in training, as quantiles for its card."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Quantiles: TypeAlias = tuple[float, ...]
"""Intensities below which these shares of all lie: see `SHARES`."""
SHARES: Final = (0.01, 0.5, 0.99)
MOST_VALUES: Final = 2**19
"""Intensities that quantiles are taken of; more take long and change little."""


def quantiles_of(values: NDArray[np.floating]) -> Quantiles:
    """Return the quantiles of intensities, of any shape; none where none is finite."""
    known = values[np.isfinite(values)]
    if not known.size:
        return ()
    found = np.quantile(known, SHARES)
    return tuple(found.tolist())
