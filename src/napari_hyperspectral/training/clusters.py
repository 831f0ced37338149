"""Clusters of spectra: what a split draws its blocks over where pixels have no classes.

Bisecting k-means (Steinbach, Karypis & Kumar 2000, https://conservancy.umn.edu/handle/11299/215421)
on principal components. Ours: each bisection starts from spectra far from each other (Gonzalez 1985,
https://doi.org/10.1016/0304-3975(85)90224-5), so that a rare material is found; single outliers are
none.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..scale import ROUNDING
from ..spectra.arrays import Array, Float32, Indices, Mask, ValuePerSpectrum
from ..tasks import Example, Task

MOST_CLUSTERS: Final = 6
FEWEST_SPECTRA: Final = 8
"""Of a cluster: fewer cannot be divided into training, validation and what lies between."""
_SPECTRA_PER_CLUSTER: Final = 16
"""On average, at least: of a small image there are fewer clusters."""
_COMPONENTS: Final = 6
_FEWEST_BANDS: Final = 4
_SAMPLE: Final = 2**14
"""Spectra among which clusters are found, at most."""
_SLAB: Final = 2**23
"""Values that are looked at together, to bound memory."""
_ROUNDS: Final = 20
"""Of 2-means, at most."""


class _Clusters(NamedTuple):
    """Where the clusters lie, and how a spectrum gets there."""

    shift: ValuePerSpectrum  # (band,): the mean spectrum
    components: Array  # (band, component)
    centres: Array  # (cluster, component)


def split_classes(task: Task, example: Example, *, seed: int) -> NDArray[np.int64]:
    """Return the classes by which an example is split, shape (plane, y, x); 0 is not to be used.

    Where intensities are predicted, clusters of what is predicted take their place; of the input,
    where predictions have smaller pixels. They count from 1 in each example.
    """
    if task.image_level or not task.predicts_intensities:
        return example.sampling_classes
    planes = example.target
    of_spectra = task.predicts_spectra
    if task.upscaling > 1:
        planes = example.input
    bands = planes.shape[1]
    # the shape of a spectrum of so few bands says little, its brightness more
    per_spectrum = of_spectra and bands >= _FEWEST_BANDS
    usable = example.sampling_classes > 0
    return cluster_image(planes, usable, per_spectrum=per_spectrum, seed=seed)


def cluster_image(
    planes: Float32,
    usable: Mask,
    *,
    per_spectrum: bool,
    seed: int,
) -> NDArray[np.int64]:
    """Return the cluster of each usable pixel, from 1, shape (plane, y, x); 0 elsewhere.

    Equal seeds give equal clusters, however many threads there are.

    Parameters
    ----------
    planes : ndarray of float32, shape (plane, band, y, x)
        In any unit; NaN where nothing was measured.
    usable : ndarray of bool, shape (plane, y, x)
        Which pixels belong to clusters.
    per_spectrum : bool
        Whether spectra are compared by their shape, each divided by its own norm. Else by their
        intensities in units of the standard deviation of each band.
    seed : int
        Of the spectra among which clusters are found, where there are very many.
    """
    numbers = np.zeros(usable.shape, np.int64)
    places = np.argwhere(usable)  # (pixel, 3): plane, y, x
    count = len(places)
    bands = planes.shape[1]
    most = min(_SAMPLE, max(1, _SLAB // bands))  # spectra at a time
    sample = places
    if count > most:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(count, most, replace=False)
        sample = places[np.sort(chosen)]
    if len(sample) < 2 * FEWEST_SPECTRA:
        numbers[usable] = 1
        return numbers
    spectra = _spectra_at(planes, sample)
    std = _std_of_bands(spectra)
    # sums of several threads differ in their last digits
    with threadpool_limits(1):
        clusters = _clusters_of(_scaled(spectra, std, per_spectrum))
        for first in range(0, count, most):
            part = places[first : first + most]
            scaled = _scaled(_spectra_at(planes, part), std, per_spectrum)
            scores = (scaled - clusters.shift) @ clusters.components
            plane, y, x = part.T
            numbers[plane, y, x] = 1 + _nearest(scores, clusters.centres)
    return numbers


def _spectra_at(planes: Float32, places: Indices) -> Float32:
    """Return the spectra at places, (pixel, 3): plane, y and x; shape (pixel, band)."""
    plane, y, x = places.T
    return planes[plane, :, y, x]


def _std_of_bands(spectra: Float32) -> Array:
    """Return the standard deviation of the known values of each band; of a constant one, its size."""
    known = np.isfinite(spectra)
    values = np.where(known, spectra, 0).astype(np.float64)
    count = np.maximum(known.sum(axis=0), 1)
    mean = values.sum(axis=0) / count
    squares = np.where(known, values - mean, 0) ** 2
    std: Array = np.sqrt(squares.sum(axis=0) / count)
    greatest = np.abs(values).max(axis=0, initial=0)
    # constant but for rounding errors, which must not be made large
    constant = std <= ROUNDING * greatest
    return np.where(constant, np.where(greatest > 0, greatest, 1), std)


def _scaled(spectra: Float32, std: Array, per_spectrum: bool) -> Array:
    """Return spectra in double precision, comparable and without missing values."""
    known = np.isfinite(spectra)
    values = np.where(known, spectra, 0).astype(np.float64)
    if per_spectrum:
        norm = np.linalg.norm(values, axis=1, keepdims=True)
        values = values / np.where(norm > 0, norm, 1)
    else:
        values = values / std
    # a missing value is the mean of its band
    count = np.maximum(known.sum(axis=0), 1)
    mean = values.sum(axis=0) / count  # (band,)
    return np.where(known, values, mean)


def _clusters_of(values: Array) -> _Clusters:
    """Find clusters among spectra, (spectrum, band)."""
    shift = values.mean(axis=0)
    centred = values - shift
    covariance = centred.T @ centred  # (band, band)
    _, vectors = np.linalg.eigh(covariance)  # least variance first
    components = vectors[:, -_COMPONENTS:]
    scores = centred @ components
    parts = _bisected(scores)
    centres = [scores[part].mean(axis=0) for part in parts]
    return _Clusters(shift, components, np.stack(centres))


def _bisected(scores: Array) -> list[Indices]:
    """Return which spectra are in each cluster; those of outliers in none."""
    most = min(MOST_CLUSTERS, len(scores) // _SPECTRA_PER_CLUSTER)
    open_parts = [np.arange(len(scores))]
    closed: list[Indices] = []  # cannot be divided
    while open_parts and len(open_parts) + len(closed) < most:
        scatter = [_scatter(scores[part]) for part in open_parts]
        part = open_parts.pop(int(np.argmax(scatter)))
        halves = _halves(scores, part)
        if len(halves) == 2:
            open_parts += halves
        else:
            closed += halves
    return closed + open_parts


def _halves(scores: Array, part: Indices) -> list[Indices]:
    """Return a cluster in two, without outliers; or as it is, where it is one thing."""
    remaining = part
    while len(remaining) >= 2 * FEWEST_SPECTRA:
        second = _two_means(scores[remaining])
        smaller = second if 2 * second.sum() <= len(second) else ~second
        size = int(smaller.sum())
        if size == 0:  # they are all alike
            return [part]
        if size >= FEWEST_SPECTRA:
            return [remaining[~second], remaining[second]]
        remaining = remaining[~smaller]
    return [part]


def _two_means(scores: Array) -> Mask:
    """Return which of the spectra are in the second of two clusters, (spectrum,)."""
    first = _farthest(scores, scores.mean(axis=0))
    second = _farthest(scores, scores[first])
    centres = scores[[first, second]]
    nearest = _nearest(scores, centres)
    for _ in range(_ROUNDS):
        if not nearest.any():  # they are all alike
            break
        centres = np.stack([scores[nearest == number].mean(axis=0) for number in (0, 1)])
        before = nearest
        nearest = _nearest(scores, centres)
        if np.array_equal(nearest, before):
            break
    in_second: Mask = nearest == 1
    return in_second


def _nearest(scores: Array, centres: Array) -> Indices:
    """Return the number of the nearest centre of each spectrum, from 0."""
    distances = [_distances(scores, centre) for centre in centres]
    nearest: Indices = np.argmin(distances, axis=0)
    return nearest


def _farthest(scores: Array, centre: Array) -> int:
    return int(np.argmax(_distances(scores, centre)))


def _scatter(scores: Array) -> float:
    """Return the sum of squared distances from the mean."""
    return float(_distances(scores, scores.mean(axis=0)).sum())


def _distances(scores: Array, centre: Array) -> ValuePerSpectrum:
    """Return the squared distance of each spectrum from a centre."""
    squares: ValuePerSpectrum = np.square(scores - centre).sum(axis=1)
    return squares
