"""Spectra as sums of a few components, and linear maps between their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Spectra = NDArray[np.float64]
"""A table of spectra, shape (spectrum, band)."""


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """A mean spectrum and the directions in which spectra differ from it most.

    Source: Pearson 1901, https://doi.org/10.1080/14786440109462720

    Parameters
    ----------
    mean : ndarray, shape (band,)
    directions : ndarray, shape (component, band)
        Orthonormal; the first explains most.
    spread : ndarray, shape (component,)
        Standard deviation of the training spectra along each.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, data: NDArray[Any], rank: int | None = None) -> Self:
        """Return the first `rank` components (left out: all there are) of the spectra of an image.

        Parameters
        ----------
        data : ndarray, shape (…, band, y, x)
            Intensities. A missing value (NaN) counts as the mean of its band; spectra of which
            nothing is known are left out.
        rank : int, optional
            Components wanted; fewer come back where spectra differ in fewer ways.

        Raises
        ------
        ValueError
            If nothing at all is known.
        """
        table = _table(data)
        table = table[np.isfinite(table).any(axis=1)]
        if not len(table):
            raise ValueError("no spectrum is measured, so there are no components")
        known = np.isfinite(table)
        mean = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        centred = np.where(known, table - mean, 0)
        # the singular vectors of the smaller of the two Gram matrices: all we need, and quick
        wide = centred.shape[0] < centred.shape[1]
        gram = centred @ centred.T if wide else centred.T @ centred
        powers, vectors = eigh(gram)
        powers, vectors = np.maximum(powers[::-1], 0), vectors[:, ::-1]
        there = np.sqrt(powers) > 1e-7 * np.sqrt(powers[0]) if powers[0] > 0 else powers > 0
        count = min(int(there.sum()), len(powers) if rank is None else rank)
        sizes, vectors = np.sqrt(powers[:count]), vectors[:, :count]
        directions = (centred.T @ vectors / sizes if wide else vectors).T
        return cls(mean, directions, sizes / np.sqrt(len(table)))

    def __len__(self) -> int:
        return len(self.directions)

    def first(self, rank: int) -> Self:
        """Return the first `rank` of these components."""
        return type(self)(self.mean, self.directions[:rank], self.spread[:rank])

    def scores(self, data: NDArray[Any]) -> NDArray[np.float64]:
        """Return the place of each spectrum along each component, shape (spectrum, component)."""
        centred = _table(data) - self.mean
        return np.where(np.isfinite(centred), centred, 0) @ self.directions.T

    def truncate(self, data: NDArray[Any]) -> NDArray[np.float32]:
        """Return the spectra as far as these components describe them; missing values stay so."""
        return _image(self.scores(data) @ self.directions + self.mean, data)


@dataclass(frozen=True, eq=False)
class ComponentRegression:
    """A linear map from spectra to other spectra, or channels, through a few principal components.

    Principal component regression with a ridge penalty. Source: Hoerl & Kennard 1970,
    https://doi.org/10.1080/00401706.1970.10488634

    Parameters
    ----------
    components : PrincipalComponents
        Of the spectra that go in.
    weights : ndarray, shape (component, band)
    offset : ndarray, shape (band,)
    """

    components: PrincipalComponents
    weights: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        components: PrincipalComponents,
        noisy: NDArray[Any],
        clean: NDArray[Any],
        penalty: float,
    ) -> Self:
        """Learn to map noisy spectra to clean ones, both (…, band, y, x), by least squares.

        `penalty` shrinks the weights: a component whose variance is `penalty` times that of the
        first counts half. Spectra of which any clean value is missing teach nothing.

        Raises
        ------
        ValueError
            If no spectrum is complete.
        """
        target = _table(clean)
        complete = np.isfinite(target).all(axis=1) & np.isfinite(_table(noisy)).any(axis=1)
        if not complete.any():
            raise ValueError("no clean spectrum is complete, so nothing can be learned from them")
        target, scores = target[complete], components.scores(noisy)[complete]
        offset, centre = target.mean(axis=0), scores.mean(axis=0)
        scores = scores - centre
        power = scores.T @ scores
        shrink = penalty * power.max(initial=0) * np.eye(len(power))
        weights = np.linalg.pinv(power + shrink, hermitian=True) @ scores.T @ (target - offset)
        return cls(components, weights, offset - centre @ weights)

    def __call__(self, data: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the spectra of an image map to; values missing in it stay missing."""
        return _image(self.components.scores(data) @ self.weights + self.offset, data)


def _table(data: NDArray[Any]) -> Spectra:
    return np.moveaxis(data, -3, -1).reshape(-1, data.shape[-3]).astype(np.float64)


def _image(table: Spectra, like: NDArray[Any]) -> NDArray[np.float32]:
    """Return a table of spectra in the shape of the image it came from, missing where that is.

    Spectra of other bands are missing where the image has no value at all.
    """
    places = np.moveaxis(like, -3, -1).shape[:-1]
    image = np.moveaxis(table.reshape(*places, -1), -1, -3)
    known = np.isfinite(like)
    if image.shape != like.shape:
        known = known.any(axis=-3, keepdims=True)
    return np.where(known, image, np.nan).astype(np.float32)
