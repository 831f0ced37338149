"""A small sample of a cube of any size: some bands of some patches of its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..axis import SpectralAxis
from ..cube import Cube

_PATCHES: Final = 3
"""Patches along each side of the image."""
_BANDS_OF_FILE: Final = 32
"""Bands that are read of a file, where each costs seeks; of an array in memory all are."""
_PATCH: Final = 24
"""Rows and columns of a patch."""
_PATCH_OF_SPECTRA: Final = 8
"""The same in mass spectra: files keep all bands of a pixel together, and most bands are empty."""
_BANDS_IN_MEMORY: Final = 2000


@dataclass(frozen=True)
class Sample:
    """Some bands of some patches of a cube.

    Parameters
    ----------
    bands : ndarray of int, shape (band,)
        Which bands of the cube they are.
    values : ndarray of float64, shape (band, patch, y, x)
        Intensities; NaN where nothing was measured. Patches are all of one size.
    """

    bands: NDArray[np.intp]
    values: NDArray[np.float64]


def sample_of(cube: Cube) -> Sample:
    """Return a sample of a cube, read from the middle of its axes t and z.

    At most nine patches of 24 × 24 pixels are read, of 32 bands where the data lie in a file, so
    that files of any size open at once.
    """
    bands = _sampled_bands(cube)
    *leading, _bands, height, width = cube.shape
    middle = tuple(length // 2 for length in leading)
    step = _step(bands)
    patches = []
    for rows in _patches(height, _patch_size(cube)):
        for columns in _patches(width, _patch_size(cube)):
            patches.append(np.asarray(cube.data[(*middle, step, rows, columns)], np.float64))
    return Sample(bands, _without_missing(np.stack(patches, axis=1), cube))


def _sampled_bands(cube: Cube) -> NDArray[np.intp]:
    """Return evenly spaced bands."""
    bands = cube.shape[-3]
    every = -(-bands // _band_limit(cube))  # rounded up
    return np.arange(0, bands, every)


def _band_limit(cube: Cube) -> int:
    in_memory = isinstance(cube.data, np.ndarray) and not isinstance(cube.data, np.memmap)
    return _BANDS_IN_MEMORY if in_memory or _is_mass_spectra(cube) else _BANDS_OF_FILE


def _step(bands: NDArray[np.intp]) -> slice:
    """Return evenly spaced bands as a slice, which every lazy array can take."""
    every = int(bands[1] - bands[0]) if len(bands) > 1 else 1
    return slice(int(bands[0]), int(bands[-1]) + 1, every)


def _patch_size(cube: Cube) -> int:
    return _PATCH_OF_SPECTRA if _is_mass_spectra(cube) else _PATCH


def _is_mass_spectra(cube: Cube) -> bool:
    return isinstance(cube.axis, SpectralAxis) and cube.axis.kind == "mz"


def _patches(length: int, size: int) -> list[slice]:
    """Return patches that are evenly spaced along one side."""
    size = min(size, length)
    count = min(_PATCHES, length // size)
    last = length - size
    starts = [last // 2] if count == 1 else np.linspace(0, last, count, dtype=int).tolist()
    return [slice(start, start + size) for start in starts]


def _without_missing(values: NDArray[np.float64], cube: Cube) -> NDArray[np.float64]:
    """Return values with NaN for what the file calls missing, and for infinite ones."""
    nodata: Any = cube.metadata.get("nodata")
    missing = ~np.isfinite(values)
    if nodata is not None:
        missing |= values == nodata
    return np.where(missing, np.nan, values)
