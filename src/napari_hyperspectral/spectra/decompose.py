"""Principal components of spectra, and regressions on their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import eigh

from ..scale import scale_of
from .arrays import Array, Float32, Intensities, SpectraTable


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """A mean spectrum and the directions in which spectra vary most.

    Source: Pearson 1901, https://doi.org/10.1080/14786440109462720

    Parameters
    ----------
    mean : ndarray, shape (band,)
        In the unit of the spectra.
    directions : ndarray, shape (component, band)
        Orthonormal, without a unit; the first explains most variance.
    spread : ndarray, shape (component,)
        Standard deviation of the training spectra along each direction, in the unit of the spectra.
    """

    mean: Array
    directions: Array
    spread: Array

    @classmethod
    def of(cls, data: Intensities, rank: int | None = None) -> Self:
        """Return the first `rank` components of the spectra of an image.

        Parameters
        ----------
        data : ndarray, shape (…, band, y, x)
            Intensities, in any unit. Missing values (NaN) are replaced by the mean of their band;
            spectra without any value are left out.
        rank : int, optional
            Number of components, at most; default: all. Fewer are returned where spectra vary in
            fewer directions.

        Raises
        ------
        ValueError
            If no value was measured.
        """
        table = _table(data)
        table = table[np.isfinite(table).any(axis=1)]
        if not len(table):
            raise ValueError(
                "no spectrum is measured, so there are no components; choose another cube"
            )
        known = np.isfinite(table)
        mean = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        centred = np.where(known, table - mean, 0)
        # eigenvectors of very small and very large numbers have other last digits
        scale = scale_of(centred)
        centred = centred / scale
        # eigenvectors of the smaller of the two Gram matrices are faster than singular vectors
        wide = centred.shape[0] < centred.shape[1]
        gram = centred @ centred.T if wide else centred.T @ centred
        ascending, vectors = eigh(gram)
        powers = np.maximum(ascending[::-1], 0)
        count = _rank(powers)
        if rank is not None:
            count = min(count, rank)
        sizes = np.sqrt(powers[:count])
        vectors = vectors[:, ::-1][:, :count]
        if wide:
            vectors = centred.T @ vectors / sizes
        return cls(mean, vectors.T, scale * sizes / np.sqrt(len(table)))

    def __len__(self) -> int:
        return len(self.directions)

    def first(self, rank: int) -> Self:
        """Return the first `rank` of these components."""
        return type(self)(self.mean, self.directions[:rank], self.spread[:rank])

    def scores(self, data: Intensities) -> Array:
        """Return the scores of the spectra of an image, (…, band, y, x), in their unit.

        Shape (spectrum, component), row by row of the image; missing values count as the mean.
        """
        centred = _table(data) - self.mean
        return np.where(np.isfinite(centred), centred, 0) @ self.directions.T

    def truncate(self, data: Intensities) -> Float32:
        """Return an image, (…, band, y, x), rebuilt from these components; NaN stays NaN."""
        return _image(self.scores(data) @ self.directions + self.mean, data)


@dataclass(frozen=True, eq=False)
class ComponentRegression:
    """A linear map from spectra to other spectra, or channels, by their principal components.

    Principal component regression with a ridge penalty. Source: Hoerl & Kennard 1970,
    https://doi.org/10.1080/00401706.1970.10488634

    Parameters
    ----------
    components : PrincipalComponents
        Of the input spectra.
    weights : ndarray, shape (component, target band)
        Target units per unit of the input.
    offset : ndarray, shape (target band,)
        In the unit of the target.
    """

    components: PrincipalComponents
    weights: Array
    offset: Array

    @classmethod
    def fit(
        cls,
        components: PrincipalComponents,
        noisy: Intensities,
        clean: Intensities,
        penalty: float,
    ) -> Self:
        """Fit the map from noisy to clean spectra by least squares with a ridge penalty.

        Parameters
        ----------
        components : PrincipalComponents
            Of the noisy spectra.
        noisy, clean : ndarray, shapes (…, band, y, x) and (…, target band, y, x)
            Intensities of the same pixels, each in its unit. Spectra with a missing clean value are
            left out.
        penalty : float
            Shrinks the weights: by half that of a component whose variance is `penalty` times the
            variance of the first.

        Raises
        ------
        ValueError
            If no spectrum is complete.
        """
        target = _table(clean)
        complete = np.isfinite(target).all(axis=1) & np.isfinite(_table(noisy)).any(axis=1)
        if not complete.any():
            raise ValueError(
                "no clean spectrum is complete, so nothing can be learned from them; leave out bands "
                "with missing values"
            )
        target = target[complete]
        scores = components.scores(noisy)[complete]
        offset = target.mean(axis=0)
        centre = scores.mean(axis=0)
        scores = scores - centre
        power = scores.T @ scores
        shrink = penalty * power.max(initial=0) * np.eye(len(power))
        weights = np.linalg.pinv(power + shrink, hermitian=True) @ scores.T @ (target - offset)
        return cls(components, weights, offset - centre @ weights)

    def __call__(self, data: Intensities) -> Float32:
        """Map an image, (…, band, y, x), to the target bands; missing values stay missing."""
        return _image(self.components.scores(data) @ self.weights + self.offset, data)


def _rank(powers: Array) -> int:
    """Return how many of these descending eigenvalues are more than rounding errors."""
    if powers[0] <= 0:
        return 0
    return int((np.sqrt(powers) > 1e-7 * np.sqrt(powers[0])).sum())


def _table(data: Intensities) -> SpectraTable:
    """Return the spectra of an image, (…, band, y, x), as rows, (spectrum, band)."""
    return np.moveaxis(data, -3, -1).reshape(-1, data.shape[-3]).astype(np.float64)


def _image(table: SpectraTable, like: Intensities) -> Float32:
    """Return a table of spectra as an image, (…, band, y, x), missing where `like` is.

    Spectra of other bands are missing where `like` has no value at all.
    """
    pixels = np.moveaxis(like, -3, -1).shape[:-1]
    image = np.moveaxis(table.reshape(*pixels, -1), -1, -3)
    known = np.isfinite(like)
    if image.shape != like.shape:
        known = np.any(known, axis=-3, keepdims=True)
    return np.where(known, image, np.nan).astype(np.float32)
