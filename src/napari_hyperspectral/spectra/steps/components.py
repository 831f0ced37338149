"""Steps that keep the strongest components of all spectra, and leave out the others, mostly noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from annotated_types import Ge, Le
from scipy.linalg import eigh

from ...axis import Axis
from ...cube import Cube
from ..arrays import Array, Float32, GoodBands, Intensities, SpectraTable
from ..low_rank import LowRank, rank_line
from .base import Fitted, ImageStep
from .parts import parts_of

_LARGEST_FIT: Final = 2**26
"""Values of an image of which the low rank is fitted to all; of a larger one, to its middle."""
_BLUR_RADIUS: Final = 4.0
"""Where the blurs of low rank end, in their standard deviations."""
_SMALLEST: Final = 1e-12
"""Of the noise, relative to the greatest: directions without noise cannot be divided by it."""


class PCATruncation(ImageStep):
    """Keep the principal components of the spectra with the most variance."""

    title: ClassVar[str] = "PCA truncation"
    group: ClassVar[str] = "Denoise"
    source: ClassVar[str] = "Pearson 1901, https://doi.org/10.1080/14786440109462720"
    kind: Literal["pca_truncation"] = "pca_truncation"
    components: Annotated[int, Ge(1), Le(1000)] = 10
    """Number of components that are kept, besides the mean spectrum."""

    def fit(self, cube: Cube) -> Fitted:
        good = cube.axis.good
        mean, spread = _mean_and_spread(cube, good)
        keep = min(self.components, int(good.sum()))
        _, vectors = eigh(spread, subset_by_index=(len(spread) - keep, len(spread) - 1))
        line = f"kept {keep} principal components"
        return Fitted(partial(_projected, mean=mean, projection=vectors @ vectors.T), line)


class MNFTruncation(ImageStep):
    """Keep the components of the spectra with the most signal by their noise."""

    title: ClassVar[str] = "MNF truncation"
    group: ClassVar[str] = "Denoise"
    source: ClassVar[str] = (
        "Green et al. 1988, minimum noise fraction, https://doi.org/10.1109/36.3001"
    )
    kind: Literal["mnf_truncation"] = "mnf_truncation"
    components: Annotated[int, Ge(1), Le(1000)] = 10
    """Number of components that are kept, besides the mean spectrum. The noise is estimated from the
    differences of neighbouring pixels."""

    def fit(self, cube: Cube) -> Fitted:
        good = cube.axis.good
        mean, spread = _mean_and_spread(cube, good)
        noise = _noise(cube, good)
        keep = min(self.components, int(good.sum()))
        largest = max(float(np.diag(noise).max()), float(np.diag(spread).max()) * _SMALLEST)
        noise += np.eye(len(noise)) * (largest * _SMALLEST or 1.0)
        _, vectors = eigh(spread, noise, subset_by_index=(len(spread) - keep, len(spread) - 1))
        line = f"kept {keep} components of minimum noise fraction"
        # vectors.T @ noise @ vectors is the identity: noise @ vectors brings scores back to spectra
        projection = vectors @ (noise @ vectors).T
        return Fitted(partial(_projected, mean=mean, projection=projection), line)


class LowRankDenoising(ImageStep):
    """Keep the components that are stronger than noise, their maps and spectra smoothed."""

    title: ClassVar[str] = "Low-rank denoising"
    group: ClassVar[str] = "Denoise"
    source: ClassVar[str] = (
        "Green et al. 1988, minimum noise fraction, https://doi.org/10.1109/36.3001; smoothing as "
        "Huang, Shen & Buja 2009, https://doi.org/10.1198/jasa.2009.tm08024"
    )
    kind: Literal["low_rank_denoising"] = "low_rank_denoising"
    components: Annotated[int, Ge(0), Le(64)] = 0
    """Number of components besides the mean spectrum; 0: all that are stronger than noise."""
    smooth: bool = True
    """Whether maps and spectra of the components are blurred, each as wide as cross-validation
    prefers."""

    def fit(self, cube: Cube) -> Fitted:
        data, where = _middle(cube)
        rank = self.components or None
        with np.errstate(over="ignore"):  # spectra without noise are divided by next to nothing
            low_rank = LowRank.fit(data, rank=rank, smooth=self.smooth, good=cube.axis.good)
        widest = float(max(low_rank.widths, default=0.0))
        line = f"denoised by low rank ({rank_line(low_rank.widths)}{where})"
        radius = math.ceil(_BLUR_RADIUS * widest)
        return Fitted(partial(_denoised, low_rank=low_rank), line, radius)


def _denoised(data: Intensities, axis: Axis, *, low_rank: LowRank) -> Float32:
    return low_rank(data)


def _projected(data: Intensities, axis: Axis, *, mean: Array, projection: Array) -> Float32:
    """Return spectra, (…, band, y, x), projected onto components of the good bands.

    Missing values count as the mean, and stay missing; bad bands stay as they are.
    """
    table = np.moveaxis(data[..., axis.good, :, :], -3, -1) - mean  # (…, y, x, band)
    centred = np.where(np.isfinite(table), table, 0)
    kept = np.moveaxis(centred @ projection + mean, -1, -3)
    result = np.array(data, np.float32)
    result[..., axis.good, :, :] = kept
    result[~np.isfinite(data)] = np.nan
    return result


def _mean_and_spread(cube: Cube, good: GoodBands) -> tuple[Array, Array]:
    """Return the mean spectrum, (band,), and the covariance, (band, band), of the good bands.

    Missing values are left out of means, and count as means afterwards.

    Raises
    ------
    ValueError
        If nothing was measured.
    """
    total = np.zeros(int(good.sum()))
    count = np.zeros(len(total))
    for table in _tables(cube, good):
        known = np.isfinite(table)
        total += np.where(known, table, 0).sum(axis=0)
        count += known.sum(axis=0)
    if not count.any():
        raise ValueError(
            f"cube {cube.name!r} holds no measured value: all are NaN; choose another file or layer"
        )
    mean = total / np.maximum(count, 1)
    spread = np.zeros((len(mean), len(mean)))
    for table in _tables(cube, good):
        centred = np.where(np.isfinite(table), table - mean, 0)
        spread += centred.T @ centred
    return mean, spread / count.max()


def _tables(cube: Cube, good: GoodBands) -> Iterator[SpectraTable]:
    """Yield the spectra of a cube, part by part, as tables of the good bands, (spectrum, band)."""
    for part in parts_of(cube.data):
        yield part[good].reshape(int(good.sum()), -1).T.astype(np.float64)


def _noise(cube: Cube, good: GoodBands) -> Array:
    """Return the covariance of the noise of good bands, (band, band), from neighbours along x, or y."""
    bands = int(good.sum())
    noise = np.zeros((bands, bands))
    count = 0
    for part in parts_of(cube.data):
        spectra = part[good].astype(np.float64)
        along = -1 if spectra.shape[-1] > 1 else -2
        difference = np.diff(spectra, axis=along).reshape(bands, -1)
        complete = difference[:, np.isfinite(difference).all(axis=0)]
        noise += complete @ complete.T / 2
        count += complete.shape[1]
    return noise / max(count, 1)


def _middle(cube: Cube) -> tuple[Intensities, str]:
    """Return an image, (…, band, y, x), or of a large one its middle; and words that say so."""
    *_, bands, height, width = cube.shape
    if math.prod(cube.shape) <= _LARGEST_FIT:
        return cube.numpy(), ""
    side = max(8, math.isqrt(_LARGEST_FIT // bands))
    planes = (0,) * (len(cube.shape) - 3)
    rows = _middle_slice(height, side)
    columns = _middle_slice(width, side)
    part = np.asarray(cube.data[(*planes, slice(None), rows, columns)], np.float32)
    size = " × ".join(str(length) for length in part.shape[-2:])
    return part, f", fitted to {size} pixels in the middle"


def _middle_slice(size: int, side: int) -> slice:
    start = max(0, (size - side) // 2)
    return slice(start, min(size, start + side))
