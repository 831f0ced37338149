"""Pictures of sharpened images: a crop of one band with errors, and down to which detail it is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...metrics.values import GoodBands
from ..comparisons.base import MethodResult
from ..pictures.base import Picture
from ..pictures.maps import Maps, Panel, PixelGrid
from ..pictures.simple import Curves
from ..resolution import Rings, ring_correlation
from .planes import first_plane

_SIDE: Final = 96
"""Fine pixels to a side of the crop that is shown."""
_MOST_BANDS: Final = 64
"""Of more bands, so many evenly chosen ones are looked at in Fourier space."""
_LEAST_SIDE: Final = 8
"""Images of fewer fine pixels to a side have too few Fourier rings."""


@dataclass(frozen=True, eq=False)
class SharpTest:
    """What a sharpened image is compared with, of its first plane."""

    truth: NDArray[np.floating]
    """Shape (band, y · scale, x · scale)."""
    input: NDArray[np.floating]
    """Coarse pixels, shape (band, y, x)."""
    scale: int
    """Fine pixels to a side of a coarse one."""
    band_names: Sequence[str]
    """Of the bands."""
    good: GoodBands
    """Bands that count, shape (band,)."""
    unit: str
    """Of intensities; empty where it is not known."""
    grid: PixelGrid
    """Where fine pixels lie."""


def sharp_pictures(test: SharpTest, results: Sequence[MethodResult]) -> list[Picture]:
    """Return a crop of one band as it was measured, predicted and in truth, and Fourier rings.

    Parameters
    ----------
    test : SharpTest
        The truth.
    results : sequence of MethodResult
        The model's first, then the best baseline's, if any.
    """
    results = results[:2]
    pictures: list[Picture] = [_crop(test, results)]
    if min(test.truth.shape[-2:]) >= _LEAST_SIDE:
        pictures.append(_rings(test, results))
    return pictures


def _crop(test: SharpTest, results: Sequence[MethodResult]) -> Picture:
    """Return the part of the band of most contrast in which there is most detail."""
    band = _band_of_most_contrast(test)
    truth = np.asarray(test.truth[band], np.float64)
    rows, columns = _most_detailed(truth, test.scale)
    coarse = test.input[band].repeat(test.scale, axis=0).repeat(test.scale, axis=1)
    panels = [Panel("input", _cut(coarse, rows, columns))]
    errors = []
    for result in reversed(results):  # from the measurement to the truth
        image = first_plane(result.image, 3)[band]
        panels.append(Panel(result.method, _cut(image, rows, columns)))
        error = np.abs(image - truth)
        errors.append(Panel(f"error of {result.method}", _cut(error, rows, columns), "error"))
    panels.append(Panel("truth", _cut(truth, rows, columns)))
    grid = test.grid.part(rows, columns)
    unit = f" / {test.unit}" if test.unit else ""
    name = test.band_names[band]
    caption = (
        f"{name}, the band of most contrast; fine pixels of rows {rows.start} to "
        f"{rows.stop - 1} and columns {columns.start} to {columns.stop - 1}, where there is most "
        "detail. Errors are absolute differences from the truth."
    )
    return Maps(
        "Detail",
        [*panels, *errors],
        grid,
        {"intensity": f"intensity{unit}", "error": f"absolute error{unit}"},
        caption=caption,
    )


def _cut(image: NDArray[np.floating], rows: slice, columns: slice) -> NDArray[np.floating]:
    """Return a part of an image, (y, x), that does not keep the image in memory."""
    return image[rows, columns].copy()


def _band_of_most_contrast(test: SharpTest) -> int:
    """Return the good band whose standard deviation is greatest."""
    contrasts = []
    for band, good in zip(test.truth, test.good, strict=True):
        known = band[np.isfinite(band)]
        contrasts.append(float(known.std()) if good and known.size else -1.0)
    return int(np.argmax(contrasts))


def _most_detailed(truth: NDArray[np.float64], scale: int) -> tuple[slice, slice]:
    """Return rows and columns of the square in which a band, (y, x), differs most from its blur.

    It begins at the border of a coarse pixel.
    """
    side = _SIDE // scale * scale
    height = min(side, truth.shape[0])
    width = min(side, truth.shape[1])
    known = np.where(np.isfinite(truth), truth, np.nanmean(truth))
    detail = np.square(known - ndimage.gaussian_filter(known, scale))
    # sums over rectangles, from sums over all that is above and on the left
    sums = np.pad(detail.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = (sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]) + sums[
        :-height, :-width
    ]
    on_coarse = inside[::scale, ::scale]
    index = int(on_coarse.argmax())
    row, column = divmod(index, on_coarse.shape[1])
    top = row * scale
    left = column * scale
    return slice(top, top + height), slice(left, left + width)


def _rings(test: SharpTest, results: Sequence[MethodResult]) -> Picture:
    """Return how the results and the truth correlate, by the fineness of detail."""
    bands = np.flatnonzero(test.good)
    step = max(1, -(-len(bands) // _MOST_BANDS))
    compared = bands[::step]
    truth = test.truth[compared]
    lines = {}
    resolutions = []
    for result in results:
        image = first_plane(result.image, 3)[compared]
        rings: Rings = ring_correlation(image, truth, pixel_size=test.grid.pixel_size)
        lines[result.method] = rings.correlation
        resolutions.append(f"{result.method} {rings.resolution():.3g}")
    lines["1/7"] = rings.threshold("1/7")
    unit = test.grid.unit
    caption = (
        "Fourier ring correlation with the truth: 1 where detail of this fineness is true, 0 where "
        f"it is invented. It first falls below 1/7 at, in {unit}: {', '.join(resolutions)}."
    )
    single = unit.removesuffix("s") if unit == "pixels" else unit
    return Curves(
        "Agreement with the truth (FRC)",
        rings.frequency,
        f"spatial frequency / cycles per {single}",
        lines,
        "correlation",
        caption=caption,
    )
