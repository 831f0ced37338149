"""Names for the arrays of spectroscopy, by what their axes are."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..metrics.values import GoodBands as GoodBands

Array: TypeAlias = NDArray[np.float64]
"""Numbers of double precision, of any shape."""
Intensities: TypeAlias = NDArray[Any]
"""Shape (…, band, y, x), of any real type."""
Float32: TypeAlias = NDArray[np.float32]
"""Intensities of single precision, shape (…, band, y, x)."""
SpectraTable: TypeAlias = NDArray[np.float64]
"""Spectra as rows, shape (spectrum, band)."""
Block: TypeAlias = NDArray[np.float64]
"""Spectra as columns, shape (band, spectrum)."""
ValuePerSpectrum: TypeAlias = NDArray[np.float64]
"""A number for each spectrum, shape (spectrum,)."""
Centres: TypeAlias = NDArray[np.float64]
"""Band centres, shape (band,)."""
Mask: TypeAlias = NDArray[np.bool_]
"""True for the values, or pixels, that are used."""
Indices: TypeAlias = NDArray[np.intp]
"""Positions along an axis of another array."""
