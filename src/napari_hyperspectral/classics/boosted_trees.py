"""Boosted trees on component maps of the surroundings, an ensemble for each channel.

Source: Friedman 2001, https://doi.org/10.1214/aos/1013203451, with the histograms of Ke et al. 2017
(LightGBM), as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..networks.base import FittedModule, Ports
from .base import Arrays, ImageClassic, Rows, TrainingData
from .forest import Forest, Tree, forest_arrays, forest_floats
from .precision import in_full_precision
from .surroundings import PixelFeatures, radius_of
from .tuning import BlockNumbers, block_folds

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

_SIGMAS: Final = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Pixel and surroundings, as standard deviations in pixels."""
_MOST_TREES: Final = 100
"""Trees of a channel, where their number is tuned: as many as scikit-learn's default."""
_MOST_PIXELS: Final = 100_000
"""Training pixels; neighbours are nearly copies of each other."""
_MOST_TUNED: Final = 20_000
"""Training pixels that the number of trees is tuned on."""
_FOLDS: Final = 3


class BoostedTrees(ImageClassic):
    """Boosted trees: each small tree corrects the trees before it; they see the surroundings."""

    source: ClassVar[str] = (
        "Friedman 2001, Greedy function approximation: a gradient boosting machine, "
        "https://doi.org/10.1214/aos/1013203451"
    )
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    fits_long: ClassVar[bool] = True
    kind: Literal["boosted_trees"] = "boosted_trees"
    components: Annotated[int, Ge(1), Le(100)] = 5
    """Component maps that are blurred."""
    trees: Annotated[int, Ge(0), Le(10_000)] = 0
    """Trees of a channel; 0: the best number on blocks of the training pixels."""
    rate: Annotated[float, Ge(0.001), Le(1)] = 0.1
    """Part of what is wrong so far that each tree corrects."""

    @property
    def receptive_radius(self) -> int:
        return radius_of(_SIGMAS)

    def build(self, ports: Ports) -> BoostedForest:
        return BoostedForest(ports.bands_out)

    def floats_per_pixel(self, ports: Ports) -> int:
        features = len(_SIGMAS) * min(self.components, ports.bands_in)
        return 4 * ports.bands_in + 5 * features + forest_floats(features, 1) + ports.bands_out

    def fit(self, data: TrainingData) -> Arrays:
        features, rows = PixelFeatures(_SIGMAS).fit(data, self.components)
        block = data.blocks_for(self.receptive_radius)
        trees: list[Tree] = []
        channels: list[int] = []
        baseline = np.zeros(data.targets.shape[1])
        for channel, target in enumerate(data.targets.T):
            known = np.flatnonzero(np.isfinite(target))
            if not len(known):
                continue  # it has no training pixel: the mean, which is 0, is all there is to say
            number = self.trees or self._tuned(rows, target, block, known, data.seed)
            known = known[:: -(-len(known) // _MOST_PIXELS)]
            ensemble = self._ensemble(number, data.seed)
            ensemble.fit(rows[known], target[known])
            grown = list(_trees(ensemble))
            trees += grown
            channels += [channel] * len(grown)
            baseline[channel] = ensemble._baseline_prediction.item()
        if not trees:
            raise ValueError("no target is known; give channels with measured values")
        arrays = forest_arrays(trees)
        return {
            **{f"features.{name}": array for name, array in features.items()},
            **{f"forest.{name}": array for name, array in arrays.items()},
            "channel": np.array(channels, np.int64),
            "baseline": baseline,
        }

    def describe(self, arrays: Arrays) -> str:
        numbers = np.bincount(arrays["channel"].astype(np.int64), minlength=len(arrays["baseline"]))
        return f"{', '.join(map(str, numbers))} trees"

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=1, trees=1)

    def _ensemble(self, trees: int, seed: int) -> HistGradientBoostingRegressor:
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            learning_rate=self.rate,
            max_iter=trees,
            early_stopping=False,
            random_state=seed,
        )

    def _tuned(
        self,
        rows: Rows,
        target: Rows,
        block: BlockNumbers,
        known: NDArray[np.intp],
        seed: int,
    ) -> int:
        """Return the number of trees with the least squared error on blocks.

        Parameters
        ----------
        rows : ndarray, shape (pixel, feature)
        target : ndarray, shape (pixel,)
        block : ndarray of int, shape (pixel,)
        known : ndarray of int
            Pixels whose target is known.
        seed : int
            Of the ensembles.
        """
        pixels = known[:: -(-len(known) // _MOST_TUNED)]
        errors = np.zeros(_MOST_TREES)
        for fold in block_folds(block[pixels], _FOLDS):
            train = pixels[fold.train]
            validation = pixels[fold.validation]
            ensemble = self._ensemble(_MOST_TREES, seed)
            ensemble.fit(rows[train], target[train])
            for number, predicted in enumerate(ensemble.staged_predict(rows[validation])):
                errors[number] += np.square(predicted - target[validation]).mean()
        return int(errors.argmin()) + 1


class BoostedForest(FittedModule):
    """The sum of the trees of each channel."""

    channel: Tensor
    """Channel of each tree, shape (tree,)."""
    baseline: Tensor
    """What the trees of a channel correct, shape (channel,)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = PixelFeatures(_SIGMAS)
        self.forest = Forest()
        self.register_buffer("channel", torch.empty(0, dtype=torch.int64))
        self.register_buffer("baseline", torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        with in_full_precision(x):
            rows = self.features.rows(x)
            channels = len(self.baseline)
            out = self.baseline.repeat(len(rows), 1)  # (pixel, channel)
            for trees in self.forest.chunks():
                corrections = self.forest(rows, trees)[:, :, 0]  # (pixel, tree)
                of_channel = functional.one_hot(self.channel[trees], channels).to(out)
                out = out.addmm(corrections, of_channel)
            batch, _, height, width = x.shape
            return out.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _trees(ensemble: HistGradientBoostingRegressor) -> Iterator[Tree]:
    """Yield the trees of a fitted ensemble."""
    for (predictor,) in ensemble._predictors:
        nodes = predictor.nodes
        yield Tree(
            feature=nodes["feature_idx"].astype(np.int64),
            threshold=nodes["num_threshold"],
            left=nodes["left"],
            right=nodes["right"],
            is_leaf=nodes["is_leaf"].astype(bool),
            value=nodes["value"][:, None],
        )
