"""Cosmic rays: find the spikes of spectra, and bridge them."""

from __future__ import annotations

from typing import Final

import numpy as np

from .arrays import Float32, GoodBands, Indices, Intensities, Mask, SpectraTable, ValuePerSpectrum
from .each import bridged, each_spectrum, used_in_block, used_values

_MEDIAN_DEVIATION: Final = 0.6745
"""Median absolute deviation of normal noise, in standard deviations."""
_MEAN_DEVIATION: Final = 0.7979
"""Its mean absolute deviation."""
_ALONE: Final = 3.0
"""How much farther than the second largest of its neighbours a spike is from their median."""
_FEWEST: Final = 4
"""Neighbours that are needed."""
_VALUES_AT_A_TIME: Final = 2**16
"""Values, of a few bands, whose neighbours are sorted at a time."""


def spikes_along_spectra(
    data: Intensities,
    threshold: float = 8.0,
    width: int = 4,
    margin: int = 1,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Mask:
    """Return where spectra rise and fall within a few bands by much more than their noise.

    The differences of a spectrum between neighbouring bands are expressed in robust standard
    deviations, the modified z-score. Between a rise and a fall above the threshold, which are no
    farther apart than `width` bands, lies a spike; a flank of a broader peak is none.
    Source: Whitaker & Hayes 2018, eq. 2 and 4, https://doi.org/10.1016/j.chemolab.2018.06.009, who
    take every difference above the threshold for a spike.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; NaN where nothing was measured.
    threshold : float
        Modified z-score above which a rise or fall is that of a spike.
    width : int
        Bands that a spike has at most.
    margin : int
        Bands on each side that belong to a spike too: its feet are below the threshold.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.

    Returns
    -------
    ndarray of bool, in the shape of `data`
        True for the values of spikes.

    Raises
    ------
    ValueError
        If `threshold` or `width` is not positive.
    """
    _check(threshold, width)

    def step(table: SpectraTable) -> SpectraTable:
        used = used_values(table, good)
        spectra = np.ascontiguousarray(bridged(table.T, used.T).T)
        spikes = _widened(_sharp(spectra, threshold, width), margin) & used
        return spikes.astype(np.float64)

    return each_spectrum(step, data, band).astype(bool)


def spikes_among_neighbours(
    data: Intensities,
    threshold: float = 8.0,
    width: int = 4,
    margin: int = 1,
    size: int = 3,
    *,
    good: GoodBands | None = None,
) -> Mask:
    """Return where a spectrum has spikes that the spectra around it do not have.

    The median of the neighbours, scaled to the spectrum, is subtracted first. What is left has a
    spike, as of `spikes_along_spectra`, that is three times as far above the median as the second
    largest of the neighbours: a sharp peak of the sample, which they have too, is no spike.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities, in any unit; NaN where nothing was measured.
    threshold, width, margin, good
        See `spikes_along_spectra`.
    size : int
        Side of the square of neighbours, in pixels: odd, 3 or 5. At the edges of the image it has
        fewer pixels.

    Returns
    -------
    ndarray of bool, in the shape of `data`
        True for the values of spikes; nowhere, where a pixel has fewer than four neighbours.

    Raises
    ------
    ValueError
        If `threshold` or `width` is not positive, or `size` not odd and above 1.
    """
    _check(threshold, width)
    if size < 3 or size % 2 == 0:
        raise ValueError(f"a square of {size} pixels has no neighbours around a middle; choose 3")
    planes = data.reshape(-1, *data.shape[-3:])
    found = np.zeros(planes.shape, bool)
    for plane, spikes in zip(planes, found, strict=True):
        usual, high = _neighbours(plane, size)  # (band, y, x)
        for row in range(plane.shape[1]):
            spectra = _rows(plane[:, row])
            around = _rows(usual[:, row])
            used = used_values(spectra, good) & np.isfinite(around)
            scale, excess = _excess(spectra, around, used)
            spread = scale * (_rows(high[:, row]) - around)
            with np.errstate(invalid="ignore"):
                alone = excess > _ALONE * spread
            sharp = _sharp(excess, threshold, width) & alone
            spikes[:, row] = (_widened(sharp, margin) & used).T
    return found.reshape(data.shape)


def without_spikes(
    data: Intensities, spikes: Mask, *, good: GoodBands | None = None, band: int = -3
) -> Float32:
    """Return spectra with straight lines over their spikes, in the shape and unit of the data.

    Missing values stay missing, and bad bands as they are.

    Parameters
    ----------
    data, good, band
        See `spikes_along_spectra`.
    spikes : ndarray of bool, in the shape of `data`
        True for values that are replaced.
    """
    result = np.array(data, np.float32)
    result[~np.isfinite(result)] = np.nan
    values = np.moveaxis(result, band, 0)  # a view
    flagged = np.moveaxis(spikes, band, 0)
    some = np.asarray(flagged.any(axis=0))  # (…): spectra with spikes
    if some.any():
        block = values[:, some].astype(np.float64)
        struck = flagged[:, some]
        clean = bridged(block, used_in_block(block, good) & ~struck)
        values[:, some] = np.where(struck & np.isfinite(block), clean, block)
    return result


def _check(threshold: float, width: int) -> None:
    """Refuse thresholds at which everything is a spike, and spikes without a band."""
    if threshold <= 0:
        raise ValueError(f"the threshold is {threshold:g}; choose one above 0, as 8")
    if width < 1:
        raise ValueError(f"spikes are {width} bands wide; choose at least 1")


def _scores(values: SpectraTable) -> SpectraTable:
    """Return values, (spectrum, band), in robust standard deviations around their median.

    Where more than half are alike, the mean absolute deviation stands for the median one (Iglewicz &
    Hoaglin 1993, §3); where all are, nothing stands out.
    """
    scores = values - _median(values)[:, None]
    sizes = np.abs(scores)
    deviations = _median(sizes) / _MEDIAN_DEVIATION
    alike = deviations == 0
    if alike.any():
        deviations[alike] = sizes[alike].mean(axis=1) / _MEAN_DEVIATION
    scores /= np.where(deviations > 0, deviations, np.inf)[:, None]
    return scores


def _median(values: SpectraTable) -> ValuePerSpectrum:
    """Return the median of each row of finite values, (spectrum,)."""
    middle = (values.shape[1] - 1) // 2
    if values.shape[1] % 2:
        odd: ValuePerSpectrum = np.partition(values, middle, axis=1)[:, middle]
        return odd
    parted = np.partition(values, (middle, middle + 1), axis=1)
    even: ValuePerSpectrum = (parted[:, middle] + parted[:, middle + 1]) / 2
    return even


def _between(scores: SpectraTable, threshold: float, width: int) -> Mask:
    """Return which bands lie between a rise and a fall, (spectrum, band).

    `scores` are those of the differences, (spectrum, band − 1): number i is from band i to i + 1.
    Rises that follow one another count as one, from the first of them on, and so do falls, to the
    last of them; they are at most `width` bands apart.
    """
    number = np.arange(scores.shape[1])
    far = 2 * scores.shape[1] + width
    rises = scores > threshold
    falls = scores < -threshold
    begins = rises.copy()
    begins[:, 1:] &= ~rises[:, :-1]
    ends = falls.copy()
    ends[:, :-1] &= ~falls[:, 1:]
    # of each difference: the begin of the last rise up to it, the end of the next fall from it on
    begin = np.maximum.accumulate(np.where(begins, number, -far), axis=1)
    end = np.minimum.accumulate(np.where(ends, number, far)[:, ::-1], axis=1)[:, ::-1]
    inside = np.zeros((len(scores), scores.shape[1] + 1), bool)
    inside[:, 1:-1] = end[:, 1:] - begin[:, :-1] <= width
    return inside


def _widened(inside: Mask, margin: int) -> Mask:
    """Return which bands, (spectrum, band), are at most `margin` bands from one that is `inside`."""
    widened = inside.copy()
    for shift in range(1, min(margin, inside.shape[1] - 1) + 1):
        widened[:, shift:] |= inside[:, :-shift]
        widened[:, :-shift] |= inside[:, shift:]
    return widened


def _neighbours(plane: Intensities, size: int) -> tuple[Float32, Float32]:
    """Return the median, and the second largest, of the neighbours of each pixel, (band, y, x).

    NaN where few are measured: they do not show how much neighbours differ.
    """
    bands, rows, columns = plane.shape
    far = size // 2
    frame = np.full((bands, rows + 2 * far, columns + 2 * far), np.nan, np.float32)
    inner = frame[:, far : far + rows, far : far + columns]
    inner[:] = plane
    inner[~np.isfinite(inner)] = np.nan
    shifts = [(y, x) for y in range(size) for x in range(size) if (y, x) != (far, far)]
    usual = np.empty(plane.shape, np.float32)
    high = np.empty(plane.shape, np.float32)
    step = max(1, _VALUES_AT_A_TIME // (rows * columns))
    for first in range(0, bands, step):
        some = slice(first, first + step)
        around = [frame[some, y : y + rows, x : x + columns] for y, x in shifts]
        values = np.sort(np.stack(around, axis=-1), axis=-1)  # NaN last
        number = np.isfinite(values).sum(axis=-1)
        low_middle = _ranked(values, (number - 1) // 2)
        usual[some] = (low_middle + _ranked(values, number // 2)) / 2
        high[some] = _ranked(values, number - 2)
        usual[some][number < _FEWEST] = np.nan
    return usual, high


def _ranked(values: Float32, rank: Indices) -> Float32:
    """Return of sorted values, (…, neighbour), that of a rank, (…)."""
    possible = np.clip(rank, 0, values.shape[-1] - 1)
    return np.take_along_axis(values, possible[..., None], axis=-1)[..., 0]


def _sharp(spectra: SpectraTable, threshold: float, width: int) -> Mask:
    """Return which bands of spectra, (spectrum, band), are those of spikes."""
    found = np.zeros(spectra.shape, bool)
    if spectra.shape[1] > 2:
        scores = _scores(np.diff(spectra, axis=1))
        some = (np.abs(scores) > threshold).any(axis=1)
        found[some] = _between(scores[some], threshold, width)
    return found


def _rows(bands: Intensities) -> SpectraTable:
    """Return spectra, (band, spectrum), as rows of double precision."""
    table = np.array(bands.T, np.float64, order="C")
    table[~np.isfinite(table)] = np.nan
    return table


def _excess(
    spectra: SpectraTable, usual: SpectraTable, used: Mask
) -> tuple[SpectraTable, SpectraTable]:
    """Return the scale of those around spectra, (spectrum, 1), and what spectra have besides.

    All others of shape (spectrum, band). The scale is the median ratio over the brighter half of
    bands, where noise has little to say.
    """
    known = np.where(used, spectra, 0)
    around = np.where(used, usual, 0)
    bright = (around >= _median(around)[:, None]) & (around > 0)
    ratios = np.full(spectra.shape, np.inf)
    np.divide(known, around, out=ratios, where=bright)
    ratios.sort(axis=1)
    middle = np.maximum(bright.sum(axis=1) - 1, 0) // 2
    scale = np.take_along_axis(ratios, middle[:, None], axis=1)
    scale[~np.isfinite(scale)] = 1
    excess = bridged((known - scale * around).T, used.T).T
    return scale, np.ascontiguousarray(excess)
