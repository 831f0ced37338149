"""Put every spectrum of a cube into a cluster; return labels and mean spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from ...cube import Cube, Labels
from ...progress import Job, part_of, run
from ..arrays import Array, GoodBands, Indices, Intensities
from ..components import COLOURS
from ..decompose import PrincipalComponents
from ..decomposition.sample import sampled_spectra
from ..ranges.blocks import numbers_steps
from .methods import Clustering, KMeans

_MOST_FOR_COMPONENTS: Final = 2**13
"""Spectra in which principal components are found."""


class Clusters(NamedTuple):
    """Clusters of the spectra of a cube."""

    labels: Labels
    """Cluster of each pixel, 1, 2, …, the largest first; 0: in none."""
    spectra: Cube
    """Mean spectrum of each cluster, (band, 1, cluster); NaN in bands of which nothing is known."""


def cluster(cube: Cube, settings: Clustering | None = None) -> Clusters:
    """Return the clusters of the spectra of a cube; see `cluster_steps`."""
    return run(cluster_steps(cube, settings))


def cluster_steps(cube: Cube, settings: Clustering | None = None) -> Job[Clusters]:
    """Yield progress; return the clusters of the spectra of a cube.

    Clusters are found in a regular grid of spectra: of at most 32,768 (k-means), or 5,000 where the
    work grows with their square. All others join the nearest: the nearest mean (k-means), or the
    cluster of the nearest spectrum in that grid.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is read some rows at a time. Missing values count as
        the mean of their band; pixels without any value are in no cluster.
    settings : Clustering, optional
        Default: four clusters by k-means.

    Raises
    ------
    ValueError
        If too few spectra are measured, or they are all alike.
    """
    settings = settings or KMeans()
    good = cube.axis.good
    sample = yield from part_of(
        sampled_spectra(cube, settings.most_spectra), 0, 20, "reading spectra"
    )
    measured = np.isfinite(sample.table).any(axis=1)
    table = sample.table[measured]
    least = getattr(settings, "clusters", 2)
    if len(table) < max(least, 2):
        raise ValueError(
            f"cube {cube.name!r} has {len(table)} measured spectra, too few for {least} clusters; "
            "choose fewer"
        )
    every = max(1, len(table) // _MOST_FOR_COMPONENTS)
    components = PrincipalComponents.of(table[::every].T[:, None], settings.components)
    if not len(components):
        raise ValueError("all spectra are alike, so there are no clusters; choose another cube")
    points = components.scores(table.T[:, None])
    job = settings.clusters_of(points)
    found = yield from part_of(job, 20, 60, "finding clusters")
    nearest = _Nearest.of(components, points, found, isinstance(settings, KMeans))

    means = _Means(cube.shape[-3], nearest.count)

    def clusters_of(part: Intensities) -> Array:
        clusters = nearest.clusters(part, good)
        means.add(part, clusters)
        return clusters[None]

    bands = slice(0, cube.shape[-3])
    job_of_all = numbers_steps(cube.data, bands, clusters_of, 1)
    numbers = yield from part_of(job_of_all, 60, 100, "assigning spectra to clusters")
    return _clusters(cube, numbers[..., 0, :, :], means, settings, sample.line)


def _clusters(
    cube: Cube, numbers: Intensities, means: _Means, settings: Clustering, of_sample: str
) -> Clusters:
    """Return clusters, the largest first, from numbers of which 0 is none."""
    numbers = numbers.astype(np.intp)
    sizes = np.bincount(numbers.ravel(), minlength=len(means.counts) + 1)[1:]
    largest_first = np.argsort(-sizes, kind="stable")
    largest_first = largest_first[sizes[largest_first] > 0]
    rank = np.zeros(len(sizes) + 1, np.intp)
    rank[largest_first + 1] = np.arange(1, len(largest_first) + 1)
    count = len(largest_first)
    names = tuple(f"cluster {number}" for number in range(1, count + 1))
    colours = COLOURS[:count] if count <= len(COLOURS) else ()
    step = f"found {count} clusters by {settings.title}{of_sample}"
    labels = cube.as_labels(
        rank[numbers].astype(np.uint8 if count < 256 else np.uint16),
        names,
        colours,
        name=f"{cube.name} · clusters ({settings.title})".strip(" ·"),
        history=(*cube.history, step),
        metadata={},
    )
    spectra = Cube.from_spectra(
        means.spectra()[largest_first].astype(np.float32),
        cube.axis,
        intensity_unit=cube.intensity_unit,
        name=f"{cube.name} · mean spectra of clusters ({settings.title})".strip(" ·"),
        history=(*cube.history, step, "took the mean spectrum of each"),
    )
    return Clusters(labels, spectra)


@dataclass(frozen=True, eq=False)
class _Nearest:
    """Finds the cluster of spectra."""

    components: PrincipalComponents
    tree: KDTree
    of_point: Indices
    """Cluster of each point of the tree, from 1; 0: none."""
    count: int

    @classmethod
    def of(
        cls, components: PrincipalComponents, points: Array, found: Indices, by_mean: bool
    ) -> _Nearest:
        """Return what finds the cluster of the nearest mean, or of the nearest point."""
        count = int(found.max(initial=-1)) + 1
        if not by_mean or not count:
            return cls(components, KDTree(points), found + 1, count)
        means = np.stack([points[found == number].mean(axis=0) for number in range(count)])
        return cls(components, KDTree(means), np.arange(1, count + 1), count)

    def clusters(self, part: Intensities, good: GoodBands) -> Array:
        """Return the cluster of each pixel of a part, (band, y, x), as (y, x)."""
        spectra = part[good].astype(np.float64)
        spectra[~np.isfinite(spectra)] = np.nan
        _, nearest = self.tree.query(self.components.scores(spectra))
        clusters = self.of_point[nearest].reshape(part.shape[1:])
        return np.where(np.isfinite(spectra).any(axis=0), clusters, 0).astype(np.float64)


class _Means:
    """Sums of the spectra of clusters, part by part."""

    def __init__(self, bands: int, clusters: int) -> None:
        self.sums = np.zeros((clusters, bands))
        self.counts = np.zeros((clusters, bands))

    def add(self, part: Intensities, clusters: Array) -> None:
        """Add the spectra of a part, (band, y, x), to those of their clusters, (y, x)."""
        known = np.isfinite(part)
        values = np.where(known, part, 0).astype(np.float64)
        for number in range(len(self.sums)):
            inside = clusters == number + 1
            self.sums[number] += values[:, inside].sum(axis=1)
            self.counts[number] += known[:, inside].sum(axis=1)

    def spectra(self) -> Array:
        """Return the mean spectrum of each cluster, (cluster, band)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.sums / self.counts
