"""Maps of how alike each spectrum of a cube is to one spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ...axis import ChannelAxis
from ...cube import Cube
from ...progress import Job, run
from ..arrays import Array, Intensities
from ..ranges.blocks import numbers_steps

Similarity: TypeAlias = Literal["angle", "correlation"]
_TITLES: Final[Mapping[Similarity, str]] = {"angle": "spectral angle", "correlation": "correlation"}
_SMALLEST: Final = 1e-300


def similarity(table: Array, spectrum: Array, measure: Similarity = "angle") -> Array:
    """Return how alike spectra are to one, (spectrum,): neither depends on their brightness.

    Parameters
    ----------
    table : ndarray, shape (spectrum, band)
    spectrum : ndarray, shape (band,)
        Bands missing (NaN) in either do not count.
    measure : {"angle", "correlation"}
        The spectral angle in degrees, 0 for the same shape (Kruse et al. 1993,
        https://doi.org/10.1016/0034-4257(93)90013-N); or Pearson's correlation, 1 for the same shape
        on any constant background.

    Returns
    -------
    ndarray
        NaN where a spectrum is 0 (angle) or constant (correlation) in all common bands.
    """
    known = np.isfinite(table) & np.isfinite(spectrum)
    own = np.where(known, table, 0).astype(np.float64)
    other = np.where(known, spectrum, 0).astype(np.float64)
    if measure == "correlation":
        count = np.maximum(known.sum(axis=1, keepdims=True), 1)
        own = np.where(known, own - own.sum(axis=1, keepdims=True) / count, 0)
        other = np.where(known, other - other.sum(axis=1, keepdims=True) / count, 0)
    # near 1 in size, so that squares of very small and very large ones are no 0 and not infinite
    own = own / np.maximum(np.abs(own).max(axis=1, keepdims=True, initial=0), _SMALLEST)
    other = other / np.maximum(np.abs(other).max(axis=1, keepdims=True, initial=0), _SMALLEST)
    lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(other, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.einsum("sb,sb->s", own, other) / lengths
    bounded: Array = np.clip(cosine, -1, 1)
    if measure == "angle":
        angle: Array = np.degrees(np.arccos(bounded))
        return angle
    return bounded


def similarity_map(
    cube: Cube, spectrum: ArrayLike, measure: Similarity = "angle", *, of: str = ""
) -> Cube:
    """Return how alike each spectrum of a cube is to one; see `similarity_map_steps`."""
    return run(similarity_map_steps(cube, spectrum, measure, of=of))


def similarity_map_steps(
    cube: Cube, spectrum: ArrayLike, measure: Similarity = "angle", *, of: str = ""
) -> Job[Cube]:
    """Yield progress; return how alike each spectrum of a cube is to one.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is read some rows at a time.
    spectrum : array, shape (band,)
        On the bands of the cube; bad ones do not count.
    measure : {"angle", "correlation"}
        See `similarity`.
    of : str
        What the spectrum is, such as "pin 1", for name and history.

    Returns
    -------
    Cube
        Shape (…, 1, y, x): degrees, or correlations from -1 to 1.

    Raises
    ------
    ValueError
        If the spectrum has other bands.
    """
    target = np.asarray(spectrum, np.float64).ravel()
    if len(target) != len(cube.axis):
        raise ValueError(
            f"the spectrum has {len(target)} bands, the cube {len(cube.axis)}; interpolate it to "
            "the bands of the cube first"
        )
    good = cube.axis.good

    def numbers(part: Intensities) -> Array:
        table = part[good].reshape(int(good.sum()), -1).T.astype(np.float64)
        return similarity(table, target[good], measure).reshape(1, *part.shape[1:])

    bands = slice(0, len(target))
    data = yield from numbers_steps(cube.data, bands, numbers, 1, "comparing spectra")
    title = f"{_TITLES[measure]} to {of or 'a spectrum'}"
    return cube.after(
        f"took the {title}",
        data=data,
        axis=ChannelAxis((title,)),
        intensity_unit="degrees" if measure == "angle" else None,
        name=f"{cube.name} · {title}".strip(" ·"),
    )
