"""Methods of clustering, each a class of settings: `AnyClustering` is the list."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Le
from pydantic import Field

from ...progress import Job, Progress
from ...settings import Settings
from ..arrays import Array, Indices

_RUNS: Final = 10
"""Times that k-means starts anew."""
_LARGE: Final = 2**14
"""Spectra from which k-means takes them in batches."""
_BATCH: Final = 4096


class Clustering(Settings):
    """How spectra are put into clusters, by their principal components."""

    title: ClassVar[str]
    """Its name on screen."""
    source: ClassVar[str]
    most_spectra: ClassVar[int]
    """Spectra among which clusters are found; others join the nearest."""
    components: Annotated[int, Ge(1), Le(100)] = 10
    """Principal components by which spectra are compared, at most: the others are mostly noise."""

    @abstractmethod
    def clusters_of(self, points: Array) -> Job[Indices]:
        """Yield progress; return the cluster of each point, from 0; -1 for those in none.

        Parameters
        ----------
        points : ndarray, shape (point, component)
        """


class KMeans(Clustering):
    """Clusters around means: each spectrum belongs to the nearest one."""

    title: ClassVar[str] = "k-means"
    source: ClassVar[str] = (
        "Arthur & Vassilvitskii 2007, k-means++, https://dl.acm.org/doi/10.5555/1283383.1283494"
    )
    most_spectra: ClassVar[int] = 2**15
    kind: Literal["k_means"] = "k_means"
    clusters: Annotated[int, Ge(2), Le(50)] = 4
    """Number of clusters."""
    seed: Annotated[int, Ge(0)] = 0
    """Random seed of the first means. Of ten starts, the best one is kept."""

    def clusters_of(self, points: Array) -> Job[Indices]:
        from sklearn.cluster import KMeans as Batch
        from sklearn.cluster import MiniBatchKMeans

        best: Indices | None = None
        least = np.inf
        for run in range(_RUNS):
            about = {"n_clusters": self.clusters, "n_init": 1, "random_state": self.seed + run}
            if len(points) > _LARGE:
                found = MiniBatchKMeans(batch_size=_BATCH, **about).fit(points)
            else:
                found = Batch(**about).fit(points)
            if best is None or found.inertia_ < least:
                best, least = found.labels_.astype(np.intp), float(found.inertia_)
            yield Progress(run + 1, _RUNS, note="finding clusters")
        assert best is not None
        return best


class Hierarchical(Clustering):
    """Clusters of clusters: the two nearest are merged, until few enough are left."""

    title: ClassVar[str] = "Hierarchical"
    source: ClassVar[str] = "Ward 1963, https://doi.org/10.1080/01621459.1963.10500845"
    most_spectra: ClassVar[int] = 5000
    kind: Literal["hierarchical"] = "hierarchical"
    clusters: Annotated[int, Ge(2), Le(50)] = 4
    """Number of clusters."""
    linkage: Literal["ward", "average", "complete"] = "ward"
    """Which clusters are nearest: those whose merger adds least variance (Ward), those with the least
    mean distance, or those with the least greatest distance."""

    def clusters_of(self, points: Array) -> Job[Indices]:
        from scipy.cluster.hierarchy import fcluster, linkage

        yield Progress(0, 1, note="merging clusters")
        tree = linkage(points, self.linkage)
        clusters: Indices = fcluster(tree, self.clusters, "maxclust").astype(np.intp) - 1
        yield Progress(1, 1, note="merging clusters")
        return clusters


class HDBSCAN(Clustering):
    """Dense clusters, as many as there are; spectra between them belong to none."""

    title: ClassVar[str] = "HDBSCAN"
    source: ClassVar[str] = (
        "Campello, Moulavi & Sander 2013, https://doi.org/10.1007/978-3-642-37456-2_14"
    )
    most_spectra: ClassVar[int] = 5000
    kind: Literal["hdbscan"] = "hdbscan"
    smallest: Annotated[float, Ge(0.001), Le(0.5)] = 0.02
    """Share of the spectra that a cluster holds, at least."""

    def clusters_of(self, points: Array) -> Job[Indices]:
        from sklearn.cluster import HDBSCAN as Dense

        yield Progress(0, 1, note="finding dense clusters")
        fewest = max(5, round(self.smallest * len(points)))
        found = Dense(min_cluster_size=fewest, min_samples=5, copy=True).fit(points)
        clusters: Indices = found.labels_.astype(np.intp)
        yield Progress(1, 1, note="finding dense clusters")
        return clusters


AnyClustering: TypeAlias = Annotated[KMeans | Hierarchical | HDBSCAN, Field(discriminator="kind")]
CLUSTERINGS: Final = (KMeans, Hierarchical, HDBSCAN)
"""The methods of clustering, in the order in which they are offered."""
