"""Random forest: many trees, each grown on other pixels and other features, vote.

Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .voting_trees import VotingTrees

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier


class RandomForest(VotingTrees):
    """Random forest: the mean of many decision trees, each grown on pixels taken at random."""

    source: ClassVar[str] = "Breiman 2001, Random forests, https://doi.org/10.1023/A:1010933404324"
    kind: Literal["random_forest"] = "random_forest"

    def ensemble(self, trees: int, leaf: int, seed: int) -> RandomForestClassifier:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(trees, min_samples_leaf=leaf, random_state=seed)
