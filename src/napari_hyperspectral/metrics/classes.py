"""Figures of merit of predicted classes, from a confusion table."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .values import Floats, check_shapes, mean_of_known

ConfusionTable: TypeAlias = NDArray[np.int64]
"""Pixels by true class (row) and predicted class (column), shape (class, class)."""
Counts: TypeAlias = NDArray[np.integer]
"""Pixels of each class, shape (class,)."""


def confusion(
    predicted: ArrayLike,
    target: ArrayLike,
    classes: int,
) -> ConfusionTable:
    """Count pixels by true class (row) and predicted class (column), shape (classes, classes).

    Entry 0 is class 1. Pixels that are 0 (unlabelled, or not measured) in either image are not
    counted.

    Parameters
    ----------
    predicted, target : ndarray of int, of equal shape
        Class of each pixel, from 1; 0 is unlabelled, or not measured.
    classes : int
        How many classes there are.

    Raises
    ------
    ValueError
        If the images differ in shape, or hold a class beyond `classes`.
    """
    prediction = np.asarray(predicted)
    truth = np.asarray(target)
    check_shapes(prediction, truth)
    greatest = max(
        int(prediction.max(initial=0)),
        int(truth.max(initial=0)),
    )
    if greatest > classes:
        raise ValueError(f"class {greatest} among {classes} classes; count them all")
    both = (prediction > 0) & (truth > 0)
    true_classes = truth[both].astype(np.int64)
    predicted_classes = prediction[both].astype(np.int64)
    row = true_classes - 1
    column = predicted_classes - 1
    # one number for each pair of classes, so that a single pass counts them all
    pair = row * classes + column
    counts = np.bincount(pair, minlength=classes**2)
    return counts.reshape(classes, classes)


def overall_accuracy(table: ConfusionTable) -> float:
    """Share of pixels that are right, 0 to 1, from a `confusion` table, (class, class)."""
    right = float(np.trace(table))
    total = float(table.sum())
    return _ratio(right, total)


def class_accuracy(table: ConfusionTable) -> Floats:
    """Share of each class that is recognised (recall), 0 to 1, (class,); NaN for absent classes."""
    right = np.diag(table)
    true = table.sum(axis=1)
    return _ratios(right, true)


def average_accuracy(table: ConfusionTable) -> float:
    """Mean of `class_accuracy` over the classes that are there: small ones count alike."""
    return mean_of_known(class_accuracy(table))


def kappa(table: ConfusionTable) -> float:
    """Agreement beyond chance: 0 is chance, 1 is perfect.

    Source: Cohen 1960, https://doi.org/10.1177/001316446002000104
    """
    total = float(table.sum())
    predicted = table.sum(axis=0)
    true = table.sum(axis=1)
    # agreement of two raters who guess by how frequent each class is
    by_chance = float(predicted @ true)
    chance = _ratio(by_chance, total**2)
    beyond_chance = overall_accuracy(table) - chance
    return _ratio(beyond_chance, 1 - chance)


def agreement(table: ConfusionTable) -> float:
    """Return `kappa`, which nothing gains that finds the commonest class only.

    Where there is a single true class, chance leaves nothing to agree on: then it is the accuracy.
    """
    true = table.sum(axis=1)
    if np.count_nonzero(true) < 2:
        return overall_accuracy(table)
    return kappa(table)


def iou(table: ConfusionTable) -> Floats:
    """Intersection over union of each class, shape (class,); NaN where it is nowhere.

    Source: Jaccard 1912, https://doi.org/10.1111/j.1469-8137.1912.tb05611.x
    """
    hits = np.diag(table)
    predicted = table.sum(axis=0)
    true = table.sum(axis=1)
    union = predicted + true - hits
    return _ratios(hits, union)


def f1(table: ConfusionTable) -> Floats:
    """Harmonic mean of precision and recall of each class, shape (class,); NaN where nowhere.

    Source: Dice 1945, https://doi.org/10.2307/1932409
    """
    hits = np.diag(table)
    predicted = table.sum(axis=0)
    true = table.sum(axis=1)
    return _ratios(2 * hits, predicted + true)


def _ratio(part: float, total: float) -> float:
    """Return a share; NaN of nothing."""
    if not total:
        return float("nan")
    return part / total


def _ratios(parts: Counts, totals: Counts) -> Floats:
    """Return the share of each class, (class,); NaN of nothing."""
    # divided by 1 where there is nothing, which keeps numpy from warning
    shares = parts / np.maximum(totals, 1)
    return np.where(totals > 0, shares, np.nan)
