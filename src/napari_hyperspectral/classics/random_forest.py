"""Random forest: many trees, each grown on other pixels and other features, vote.

Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

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
    from collections.abc import Iterator

    from sklearn.ensemble import RandomForestClassifier

_LEAVES: Final = (20, 5, 2, 1)
"""Least pixels of a leaf to try, the smoothest first."""
_TREES_TUNED: Final = 30
_MOST_PIXELS: Final = 50_000
"""Training pixels."""
_MOST_TUNED: Final = 4000
"""Training pixels that leaves are tuned on."""
_LEAST: Final = 1e-8
"""Probability of a class that no tree voted for."""


class RandomForest(Classifier):
    """Random forest: the mean of many decision trees, each grown at random."""

    source: ClassVar[str] = "Breiman 2001, Random forests, https://doi.org/10.1023/A:1010933404324"
    fits_long: ClassVar[bool] = True
    kind: Literal["random_forest"] = "random_forest"
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
        leaf = self.leaf or _tuned(table.thinned(_MOST_TUNED))
        table = table.thinned(_MOST_PIXELS)
        forest = _forest(self.trees, leaf, table.seed).fit(table.rows, table.classes)
        arrays = forest_arrays(_trees(forest))
        return {
            **features,
            **{f"forest.{name}": array for name, array in arrays.items()},
            "present": table.present,
            "setting": np.array(leaf),
        }

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
        return self.probabilities(rows).clamp(min=_LEAST).log()

    def probabilities(self, rows: Tensor) -> Tensor:
        """Return the probability of each class, (pixel, class), from features, (pixel, feature)."""
        votes = rows.new_zeros(len(rows), len(self.present))
        for trees in self.forest.chunks():
            votes += self.forest(rows, trees).sum(dim=1)
        return votes / len(self.forest.roots)


def _forest(trees: int, leaf: int, seed: int) -> RandomForestClassifier:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(trees, min_samples_leaf=leaf, random_state=seed)


def _tuned(table: ClassTable) -> int:
    """Return the largest leaves whose accuracy on blocks is as good as the best."""
    accuracies = {}
    for leaf in _LEAVES:
        predictions = []
        for fold in table.folds:
            forest = _forest(_TREES_TUNED, leaf, table.seed)
            forest.fit(table.rows[fold.train], table.classes[fold.train])
            predictions.append(forest.predict(table.rows[fold.validation]))
        accuracies[leaf] = table.accuracies(predictions)
    return smoothest_of_best(accuracies)


def _trees(forest: RandomForestClassifier) -> Iterator[Tree]:
    """Yield the trees of a fitted forest."""
    for estimator in forest.estimators_:
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
