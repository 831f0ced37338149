"""Directions in which spectra vary: principal components, and those with most signal by noise (MNF)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Le
from scipy.linalg import eigh

from ...axis import ChannelAxis
from ...cube import Cube
from ...progress import Job, Progress, part_of, run
from ...settings import Settings
from ..arrays import Array, Intensities
from ..ranges.blocks import numbers_steps
from ..steps.parts import part_sizes

_SMALLEST: Final = 1e-12
"""Variance of the noise, by the greatest: directions without noise cannot be divided by it."""
_TITLES: Final = {"pca": "principal components", "mnf": "minimum noise fractions"}


class Directions(Settings):
    """Which directions of spectra are mapped."""

    title: ClassVar[str] = "Principal directions (PCA, MNF)"
    """Its name on screen."""
    method: Literal["pca", "mnf"] = "pca"
    """PCA: of most variance. MNF: of most variance by that of the noise, which is estimated from the
    differences of neighbouring pixels."""
    count: Annotated[int, Ge(1), Le(100)] = 6
    """Number of components."""


class Scores(NamedTuple):
    """Directions of spectra, and the scores of every pixel along them."""

    loadings: Cube
    """Shape (band, 1, component): what is added to the mean spectrum by a score of 1. Most of each
    points up. NaN in bad bands."""
    maps: Cube
    """Shape (…, component, y, x): PCA in the unit of the cube, MNF in standard deviations of noise."""
    strengths: tuple[float, ...]
    """PCA: share of the variance; MNF: variance by that of the noise (1: noise only)."""


def scores(cube: Cube, settings: Directions | None = None) -> Scores:
    """Return directions of spectra and their maps; see `scores_steps`."""
    return run(scores_steps(cube, settings))


def scores_steps(cube: Cube, settings: Directions | None = None) -> Job[Scores]:
    """Yield progress; return the directions in which spectra vary most, and maps of the scores.

    PCA: Pearson 1901, https://doi.org/10.1080/14786440109462720. MNF: Green et al. 1988,
    https://doi.org/10.1109/36.3001.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is read some rows at a time, three times over. Missing
        values count as the mean of their band, and pixels without any value have no score.
    settings : Directions, optional
        Default: six principal components.

    Raises
    ------
    ValueError
        If nothing is measured, or no pixel has a neighbour (MNF).
    """
    settings = settings or Directions()
    good = cube.axis.good
    spread = yield from part_of(_spread(cube), 0, 60, "comparing bands")
    count = min(settings.count, len(spread.mean))
    last = (len(spread.mean) - count, len(spread.mean) - 1)
    if settings.method == "pca":
        powers, vectors = eigh(spread.signal, subset_by_index=last)
        loadings = vectors
        strengths = powers / max(float(np.trace(spread.signal)), np.finfo(float).tiny)
    else:
        noise = spread.noise_with_floor()
        powers, vectors = eigh(spread.signal, noise, subset_by_index=last)
        loadings = noise @ vectors  # vectors.T @ noise @ vectors is the identity
        strengths = powers
    signs = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    vectors, loadings = (vectors * signs)[:, ::-1], (loadings * signs)[:, ::-1]

    def numbers(part: Intensities) -> Array:
        bands = part[good].astype(np.float64)
        centred = bands - spread.mean[:, None, None]
        known = np.isfinite(centred)
        along = np.tensordot(vectors.T, np.where(known, centred, 0), 1)
        return np.where(known.any(axis=0), along, np.nan)

    job = numbers_steps(cube.data, slice(0, len(good)), numbers, count)
    data = yield from part_of(job, 60, 100, "projecting spectra")
    return _scores(cube, settings, data, loadings.T, strengths[::-1])


def _scores(
    cube: Cube, settings: Directions, data: Intensities, loadings: Array, strengths: Array
) -> Scores:
    """Return scores, (…, component, y, x), and loadings, (component, good band), as cubes."""
    title = settings.method.upper()
    step = f"took {len(loadings)} {_TITLES[settings.method]}"
    spectra = np.full((len(loadings), len(cube.axis)), np.nan, np.float32)
    spectra[:, cube.axis.good] = loadings
    names = tuple(f"{title} {number}" for number in range(1, len(loadings) + 1))
    return Scores(
        loadings=Cube.from_spectra(
            spectra,
            cube.axis,
            intensity_unit=None if title == "PCA" else cube.intensity_unit,
            name=f"{cube.name} · {title} loadings".strip(" ·"),
            history=(*cube.history, step),
        ),
        maps=cube.after(
            step,
            data=data,
            axis=ChannelAxis(names),
            intensity_unit=cube.intensity_unit if title == "PCA" else None,
            name=f"{cube.name} · {title} scores".strip(" ·"),
        ),
        strengths=tuple(float(strength) for strength in strengths),
    )


class _Spread(NamedTuple):
    """How good bands vary together."""

    mean: Array
    signal: Array
    """Covariance, (band, band)."""
    noise: Array
    """The same of noise; 0 where no pixel has a neighbour."""

    def noise_with_floor(self) -> Array:
        """Return the covariance of noise, such that there is some in every direction.

        Raises
        ------
        ValueError
            If no pixel has a neighbour.
        """
        greatest = float(np.diag(self.noise).max())
        if not greatest > 0:
            raise ValueError(
                "no noise can be estimated: no two neighbouring pixels differ; choose PCA"
            )
        noise: Array = self.noise + np.eye(len(self.noise)) * greatest * _SMALLEST
        return noise


def _spread(cube: Cube) -> Job[_Spread]:
    """Yield progress; return mean and covariances of the good bands, read part by part.

    Raises
    ------
    ValueError
        If nothing is measured.
    """
    good = cube.axis.good
    bands = int(good.sum())
    total, known_of_band = np.zeros(bands), np.zeros(bands)
    for part, progress in _parts(cube, 0):
        known = np.isfinite(part)
        total += np.where(known, part, 0).sum(axis=(1, 2))
        known_of_band += known.sum(axis=(1, 2))
        yield progress
    if not known_of_band.any():
        raise ValueError(f"cube {cube.name!r} holds no measured value; choose another one")
    mean = total / np.maximum(known_of_band, 1)
    signal, noise = np.zeros((bands, bands)), np.zeros((bands, bands))
    pairs = 0
    for part, progress in _parts(cube, 1):
        centred = np.where(np.isfinite(part), part - mean[:, None, None], 0)
        table = centred.reshape(bands, -1)
        signal += table @ table.T
        along_x = np.diff(part, axis=2) if part.shape[2] > 1 else np.diff(part, axis=1)
        differences = along_x.reshape(bands, -1)
        differences = differences[:, np.isfinite(differences).all(axis=0)]
        noise += differences @ differences.T / 2
        pairs += differences.shape[1]
        yield progress
    return _Spread(mean, signal / known_of_band.max(), noise / max(pairs, 1))


def _parts(cube: Cube, number: int) -> Iterator[tuple[Array, Progress]]:
    """Yield parts of a cube on its good bands, (band, y, x), each with the progress so far."""
    *leading, _, height, _ = cube.shape
    rows = part_sizes(cube.data).rows
    planes = list(np.ndindex(*leading))
    for plane_number, plane in enumerate(planes):
        for first in range(0, height, rows):
            last = min(first + rows, height)
            part = np.asarray(cube.data[(*plane, slice(None), slice(first, last))], np.float64)
            done = (number * len(planes) + plane_number) * height + last
            yield part[cube.axis.good], Progress(done, 2 * len(planes) * height)
