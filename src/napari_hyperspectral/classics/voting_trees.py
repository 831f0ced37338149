"""What random forests and extremely randomised trees share: many trees, grown at random, vote."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, TypeAlias

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from ..networks.base import Ports
from .base import Arrays, TrainingData
from .classifier import Classifier, ClassifierModule, ClassTable, class_table
from .forest import Forest, Tree, forest_arrays, forest_floats
from .surroundings import PixelFeatures
from .tuning import smoothest_of_best

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    Ensemble: TypeAlias = RandomForestClassifier | ExtraTreesClassifier

_LEAVES: Final = (20, 5, 2, 1)
"""Least pixels of a leaf to try, the smoothest first."""
_TREES_TUNED: Final = 30
_MOST_PIXELS: Final = 50_000
"""Training pixels."""
_MOST_TUNED: Final = 4000
"""Training pixels that leaves are tuned on."""
_LEAST: Final = 1e-8
"""Probability of a class that no tree voted for."""


class VotingTrees(Classifier):
    """The mean of many decision trees, each grown at random."""

    fits_long: ClassVar[bool] = True
    trees: Annotated[int, Ge(1), Le(10_000)] = 200
    """Number of trees."""
    leaf: Annotated[int, Ge(0)] = 0
    """Least training pixels of a leaf; 0: tuned on blocks of the training pixels."""

    def build(self, ports: Ports) -> VotingForest:
        return VotingForest(self.feature_module(), ports.bands_out)

    def floats_per_pixel(self, ports: Ports) -> int:
        features = self.feature_count(ports.bands_in)
        return 2 * ports.bands_in + 3 * features + forest_floats(features, ports.bands_out)

    def fit(self, data: TrainingData) -> Arrays:
        table, features = class_table(self, data)
        leaf = self.leaf or _tuned(table.thinned(_MOST_TUNED), self.ensemble)
        table = table.thinned(_MOST_PIXELS)
        ensemble = self.ensemble(self.trees, leaf, table.seed)
        ensemble.fit(table.rows, table.classes)
        arrays = forest_arrays(_trees(ensemble))
        return {
            **features,
            **{f"forest.{name}": array for name, array in arrays.items()},
            "present": table.present,
            "setting": np.array(leaf),
        }

    @abstractmethod
    def ensemble(self, trees: int, leaf: int, seed: int) -> Ensemble:
        """Return so many trees of scikit-learn, with so many pixels in a leaf at least."""

    def describe(self, arrays: Arrays) -> str:
        leaf = int(arrays["setting"])
        return f"{len(arrays['forest.roots'])} trees, leaves of {leaf} pixels and more"

    @classmethod
    def smallest(cls) -> Self:
        return cls(trees=2, leaf=1)


class VotingForest(ClassifierModule):
    """The mean probability of each class over all trees."""

    setting: Tensor
    """Least pixels of a leaf, shape ()."""

    def __init__(self, features: PixelFeatures, count: int) -> None:
        super().__init__(features, count)
        self.forest = Forest()
        self.register_buffer("setting", torch.empty((), dtype=torch.int64))

    def scores(self, rows: Tensor) -> Tensor:
        """Return logarithms of probabilities, (pixel, class)."""
        return self.probabilities(rows).clamp(min=_LEAST).log()

    def probabilities(self, rows: Tensor) -> Tensor:
        """Return the probability of each class, (pixel, class), from features, (pixel, feature)."""
        votes = rows.new_zeros(len(rows), len(self.present))
        for trees in self.forest.chunks():
            votes += self.forest(rows, trees).sum(dim=1)
        return votes / len(self.forest.roots)


def _tuned(table: ClassTable, ensemble_of: Callable[[int, int, int], Ensemble]) -> int:
    """Return the largest leaves whose kappa on blocks is as good as the best."""
    agreements = {}
    for leaf in _LEAVES:
        predictions = []
        for fold in table.folds:
            ensemble = ensemble_of(_TREES_TUNED, leaf, table.seed)
            ensemble.fit(table.rows[fold.train], table.classes[fold.train])
            predictions.append(ensemble.predict(table.rows[fold.validation]))
        agreements[leaf] = table.agreements(predictions)
    return smoothest_of_best(agreements)


def _trees(ensemble: Ensemble) -> Iterator[Tree]:
    """Yield the trees of a fitted ensemble."""
    for estimator in ensemble.estimators_:
        tree = estimator.tree_
        counts = tree.value[:, 0]  # (node, class): pixels, or their shares
        yield Tree(
            feature=tree.feature,
            threshold=tree.threshold,
            left=tree.children_left,
            right=tree.children_right,
            is_leaf=tree.children_left < 0,
            value=counts / counts.sum(axis=1, keepdims=True),
        )
