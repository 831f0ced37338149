"""Support vector machine with radial basis functions, on spectra or on blurred component maps.

Source: Cortes & Vapnik 1995, https://doi.org/10.1007/BF00994018; on hyperspectral images Melgani &
Bruzzone 2004, https://doi.org/10.1109/TGRS.2004.831865
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from ..networks.base import Ports
from .base import Arrays, Rows, TrainingData
from .classifier import Classifier, ClassifierModule, ClassTable, best_sharpness, class_table
from .precision import as_two, sum_of_two, widest
from .surroundings import PixelFeatures
from .tuning import Fold, best_of_growing_grid, smoothest_of_best

if TYPE_CHECKING:
    from sklearn.svm import SVC

_COSTS: Final = (1.0, 10.0, 100.0)
_GAMMAS: Final = (0.01, 0.1, 1.0, 10.0)
"""By the inverse of the number of features, each of which varies by 1."""
_MOST_PIXELS: Final = 12_000
"""Training pixels; the time of a fit grows with their square."""
_MOST_TUNED: Final = 2500
"""Training pixels that settings are tuned on."""
_HOPELESS: Final = 0.05
"""By how much less kappa, on the same folds, a setting is given up before all folds."""
_CHUNK: Final = 256
"""Support vectors that pixels are compared with at once."""


class SVM(Classifier):
    """Support vector machine: the widest margin between classes, as far as they can be divided."""

    source: ClassVar[str] = (
        "Melgani & Bruzzone 2004, Classification of hyperspectral remote sensing images with support "
        "vector machines, https://doi.org/10.1109/TGRS.2004.831865"
    )
    fits_long: ClassVar[bool] = True
    kind: Literal["svm"] = "svm"
    cost: Annotated[float, Ge(0)] = 0.0
    """C, the weight of training pixels on the wrong side of a margin; 0: tuned, as is gamma, on
    blocks of the training pixels."""
    gamma: Annotated[float, Ge(0)] = 0.0
    """How fast the similarity of two pixels falls with their squared distance, where each feature
    varies by 1 and there is one; for n features, it is divided by n. 0: tuned."""

    def build(self, ports: Ports) -> VectorMachine:
        return VectorMachine(self.feature_module(), ports.bands_out)

    def floats_per_pixel(self, ports: Ports) -> int:
        features = self.feature_count(ports.bands_in)
        similarities = 3 * 2 * _CHUNK  # in double precision
        sums = 2 * ports.bands_out**2
        return 2 * ports.bands_in + 5 * features + similarities + 3 * sums

    def fit(self, data: TrainingData) -> Arrays:
        table, features = class_table(self, data)
        cost, gamma = self.cost, self.gamma
        if not (cost and gamma):
            cost, gamma = _tuned(table.thinned(_MOST_TUNED), cost, gamma)
        table = table.thinned(_MOST_PIXELS)
        machine = _machine(table, cost, gamma)
        held_out = [_held_out(table, machine, fold) for fold in table.folds]
        machine.fit(table.rows, table.classes)
        return {
            **features,
            "vectors": machine.support_vectors_,
            "counts": machine.n_support_.astype(np.int64),
            "coefficients": as_two(_pairwise(machine, machine.dual_coef_)),
            "intercepts": as_two(_pairwise(machine, machine.intercept_)),
            "gamma": np.array(machine.gamma, np.float32),
            "sharpness": np.array(best_sharpness(table, held_out)),
            "present": table.present,
            "setting": np.array([cost, gamma]),
        }

    def describe(self, arrays: Arrays) -> str:
        cost, gamma = arrays["setting"].tolist()
        return f"C {cost:g}, gamma {gamma:g}, {len(arrays['vectors'])} support vectors"

    @classmethod
    def smallest(cls) -> Self:
        return cls(cost=1.0, gamma=1.0)


class VectorMachine(ClassifierModule):
    """Support vector machines between each two classes, whose votes are counted."""

    vectors: Tensor
    """Support vectors, class by class, shape (vector, feature)."""
    counts: Tensor
    """How many of them are of each class, shape (class,)."""
    coefficients: Tensor
    """Weight of each vector against each other class, shape (2, class − 1, vector): see `as_two`."""
    intercepts: Tensor
    """Of each pair of classes, shape (2, pair)."""
    gamma: Tensor
    """How fast the similarity falls with the squared distance, shape ()."""
    sharpness: Tensor
    """Scores are decisions multiplied by it, shape ()."""
    setting: Tensor
    """C and gamma as in the settings."""

    def __init__(self, features: PixelFeatures, count: int) -> None:
        super().__init__(features, count)
        self.register_buffer("vectors", torch.empty(0, 0))
        self.register_buffer("counts", torch.empty(0, dtype=torch.int64))
        self.register_buffer("coefficients", torch.empty(2, 0, 0))
        self.register_buffer("intercepts", torch.empty(2, 0))
        self.register_buffer("gamma", torch.empty(()))
        self.register_buffer("sharpness", torch.empty(()))
        self.register_buffer("setting", torch.empty(0))

    def scores(self, rows: Tensor) -> Tensor:
        return self.sharpness * self.decisions(rows)

    def decisions(self, rows: Tensor) -> Tensor:
        """Return a number for each class, (pixel, class), the greatest for the predicted one.

        Votes of all pairs and, less than a vote, the sum of their margins.

        Parameters
        ----------
        rows : Tensor, shape (pixel, feature)
        """
        sums = self._sums(widest(rows))
        intercepts = sum_of_two(self.intercepts)
        votes = torch.zeros_like(sums[:, :, 0])
        margins = torch.zeros_like(votes)
        pairs = combinations(range(len(self.counts)), 2)
        for number, (first, second) in enumerate(pairs):
            # the coefficients of a class leave out the class itself
            margin = sums[:, first, second - 1] + sums[:, second, first] + intercepts[number]
            votes[:, first] += margin >= 0
            votes[:, second] += margin < 0
            margins[:, first] += margin
            margins[:, second] -= margin
        return votes + margins / (3 * (margins.abs() + 1))

    def _sums(self, rows: Tensor) -> Tensor:
        """Return how much the vectors of each class speak for it, (pixel, class, other class)."""
        coefficients = sum_of_two(self.coefficients)
        counts: list[int] = self.counts.tolist()
        sums = rows.new_zeros(len(rows), len(counts), len(coefficients))
        end = 0
        for number, count in enumerate(counts):
            start, end = end, end + count
            for first in range(start, end, _CHUNK):
                last = min(first + _CHUNK, end)
                similar = self._similarity(rows, self.vectors[first:last])
                sums[:, number] += similar @ coefficients[:, first:last].T
        return sums

    def _similarity(self, rows: Tensor, vectors: Tensor) -> Tensor:
        """Return the radial basis functions, (pixel, vector), 1 at the vector itself."""
        vectors = vectors.to(rows)
        squares = rows.square().sum(dim=1, keepdim=True) + vectors.square().sum(dim=1)
        distances = torch.addmm(squares, rows, vectors.T, alpha=-2)  # squared
        return distances.clamp_(min=0).mul_(-self.gamma).exp_()


def _machine(table: ClassTable, cost: float, gamma: float) -> SVC:
    """Return a machine to be fitted; its gamma is one of single precision."""
    from sklearn.svm import SVC

    scaled = np.float32(gamma / table.rows.shape[1])
    return SVC(C=cost, gamma=float(scaled), cache_size=500)


def _held_out(table: ClassTable, machine: SVC, fold: Fold) -> Rows:
    """Return decisions, (pixel, class), for the validation pixels of a fold.

    A class that the fold does not train has a decision below all others.
    """
    machine.fit(table.rows[fold.train], table.classes[fold.train])
    decided = machine.decision_function(table.rows[fold.validation])
    if decided.ndim == 1:  # of two classes: positive for the second
        decided = np.stack([decided < 0, decided >= 0], axis=1) + _fraction(decided)
    decisions = np.full((len(decided), len(table.present)), -1.0)
    decisions[:, machine.classes_] = decided
    return decisions


def _fraction(decided: Rows) -> Rows:
    """Return by how much the margin of two classes adds to their votes, (pixel, 2)."""
    margins = np.stack([-decided, decided], axis=1)
    fraction: Rows = margins / (3 * (np.abs(margins) + 1))
    return fraction


def _tuned(table: ClassTable, cost: float, gamma: float) -> tuple[float, float]:
    """Return C and gamma of the highest kappa on blocks, or smoother ones as good.

    Those that are not 0 stay.
    """
    agreements: dict[tuple[float, float], Sequence[float]] = {}

    def score(some_cost: float, some_gamma: float) -> float:
        if some_cost != (cost or some_cost) or some_gamma != (gamma or some_gamma):
            return 0.0  # it is set, so that no other is tried
        machine = _machine(table, some_cost, some_gamma)
        best = max(agreements.values(), key=np.mean, default=())
        each: list[float] = []
        for fold in table.folds:
            prediction = _held_out(table, machine, fold).argmax(axis=1)
            each.append(table.agreement(prediction, fold))
            if best and np.mean(each) < np.mean(best[: len(each)]) - _HOPELESS:
                return float(np.mean(each))
        agreements[some_cost, some_gamma] = each
        return float(np.mean(each))

    costs = (cost,) if cost else _COSTS
    gammas = (gamma,) if gamma else _GAMMAS
    best_of_growing_grid(score, costs, gammas)
    # a lower gamma is a smoother border, and so is a lower C
    by_smoothness = sorted(agreements, key=lambda setting: (setting[1], setting[0]))
    return smoothest_of_best({setting: agreements[setting] for setting in by_smoothness})


def _pairwise(machine: SVC, values: Rows) -> Rows:
    """Return coefficients or intercepts so that positive decisions are for the first of two classes.

    With two classes only, scikit-learn counts the other way.
    """
    if len(machine.classes_) == 2:
        return -values
    return values
