"""Predicted classes against labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ... import metrics
from ...cube import Labels
from ...metrics.classes import ConfusionTable
from ...models.model import Model
from ...training.splits import Mask
from ..baselines.baseline import Baseline, Values
from ..illustrations.classes import ClassTest, class_pictures
from ..illustrations.planes import grid_of
from ..pairs import EvaluationPair, PixelCounts, classes_in_row
from ..pictures.base import Picture
from ..reports import Row, Table
from .base import Comparison, Figures, GuardedTest, MethodResult, split_notes


class ClassComparison(Comparison):
    """Predicted classes against labels: accuracy."""

    def __init__(self, model: Model, pair: EvaluationPair, target: Labels) -> None:
        super().__init__(model, pair)
        self._target = target.numpy()  # (…, y, x)
        greatest = int(self._target.max())
        # labels may have fewer names than numbers, or none
        self._count = max(len(target.classes), greatest)
        numbers = range(1, self._count + 1)
        self._labels = target
        self._names = target.classes or tuple(f"class {i}" for i in numbers)

    def figures(self, prediction: Values, test: Mask) -> Figures:
        truth = self._target[..., test]
        return accuracies(prediction[..., test], truth, self._count)

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        return iter(())  # all are models themselves

    def notes(self, counts: PixelCounts) -> list[str]:
        return split_notes(self.model, counts)

    def pixels(self, prediction: Values) -> Values:
        return classes_in_row(prediction, self.pair.test)

    def counts(self, test: Mask) -> dict[str, int]:
        labels = self._target[..., test]
        labels = labels[labels > 0]
        return {
            "pixels": len(labels),
            "classes": len(np.unique(labels)),
        }

    def class_tables(
        self,
        results: Sequence[MethodResult],
        guarded: GuardedTest,
    ) -> list[Table]:
        counts = self._confusion_tables(results, guarded.test)
        first = next(iter(counts.values()))
        tested = first.sum(axis=1)  # alike for all methods
        train = self._target[..., self.pair.train].ravel()
        trained = np.bincount(train, minlength=self._count + 1)  # [0] is unlabelled
        rows: list[Row] = []
        for i, name in enumerate(self._names[: self._count]):
            row: Row = {
                "class": name,
                "training": int(trained[i + 1]),
                "tested": int(tested[i]),
                **_class_figures(counts, i),
            }
            rows.append(row)
        return [Table(f"Class by class, guard {guarded.guard}", rows)]

    def pictures(self, results: Sequence[MethodResult], test: Mask) -> list[Picture]:
        truth = ClassTest(
            self._target,
            self._names[: self._count],
            self._labels.colours or self.model.card.colours,
            test,
            grid_of(self._labels),
        )
        return class_pictures(truth, results)

    def _confusion_tables(
        self,
        results: Sequence[MethodResult],
        test: Mask,
    ) -> dict[str, ConfusionTable]:
        """Return pixels of `test` by true and predicted class, for each method by its name."""
        truth = self._target[..., test]
        counts: dict[str, ConfusionTable] = {}
        for result in results:
            prediction = result.image[..., test]
            table = metrics.confusion(prediction, truth, self._count)
            counts[result.method] = table
        return counts


def accuracies(prediction: Values, truth: Values, count: int) -> Figures:
    """Return accuracy in all, averaged over classes, and beyond chance (kappa), in %.

    Parameters
    ----------
    prediction, truth : ndarray of int, of equal shape
        Classes from 1; 0 is unlabelled, or not measured.
    count : int
        How many classes there are.
    """
    counts = metrics.confusion(prediction, truth, count)
    return {
        "OA %": 100 * metrics.overall_accuracy(counts),
        "AA %": 100 * metrics.average_accuracy(counts),
        "kappa %": 100 * metrics.kappa(counts),
    }


def _class_figures(counts: dict[str, ConfusionTable], index: int) -> Figures:
    """Return recall and intersection over union of a class, in %, by each method."""
    figures: Figures = {}
    for method, table in counts.items():
        recall = metrics.class_accuracy(table)[index]
        iou = metrics.iou(table)[index]
        figures[f"{method}: recall %"] = 100 * float(recall)
        figures[f"{method}: IoU %"] = 100 * float(iou)
    return figures
