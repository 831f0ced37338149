"""Figures of merit of predicted classes, from a confusion table."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .values import check_shapes, mean_of_known


def confusion(predicted: ArrayLike, target: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count pixels by true class (row) and predicted class (column), shape (classes, classes).

    Entry 0 is class 1. Pixels that are 0 (unlabelled, or not measured) in either image are not
    counted.

    Parameters
    ----------
    predicted, target : ndarray of int, of equal shape
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
    greatest = int(max(prediction.max(initial=0), truth.max(initial=0)))
    if greatest > classes:
        raise ValueError(f"class {greatest} among {classes} classes; count them all")
    both = (prediction > 0) & (truth > 0)
    row = truth[both].astype(np.int64) - 1
    column = prediction[both].astype(np.int64) - 1
    counts = np.bincount(row * classes + column, minlength=classes**2)
    return counts.reshape(classes, classes)


def overall_accuracy(table: NDArray[np.int64]) -> float:
    """Share of pixels that are right, from a `confusion` table."""
    return _ratio(float(np.trace(table)), float(table.sum()))


def class_accuracy(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class that is recognised (recall), shape (class,); NaN for absent classes."""
    return _ratios(np.diag(table), table.sum(axis=1))


def average_accuracy(table: NDArray[np.int64]) -> float:
    """Mean of `class_accuracy` over the classes that are there: small ones count alike."""
    return mean_of_known(class_accuracy(table))


def kappa(table: NDArray[np.int64]) -> float:
    """Agreement beyond chance: 0 is chance, 1 is perfect.

    Source: Cohen 1960, https://doi.org/10.1177/001316446002000104
    """
    total = float(table.sum())
    predicted = table.sum(axis=0)
    true = table.sum(axis=1)
    chance = _ratio(float(predicted @ true), total**2)
    return _ratio(overall_accuracy(table) - chance, 1 - chance)


def iou(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class, shape (class,); NaN where it is nowhere.

    Source: Jaccard 1912, https://doi.org/10.1111/j.1469-8137.1912.tb05611.x
    """
    hits = np.diag(table)
    union = table.sum(axis=0) + table.sum(axis=1) - hits
    return _ratios(hits, union)


def f1(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall of each class, shape (class,); NaN where nowhere.

    Source: Dice 1945, https://doi.org/10.2307/1932409
    """
    return _ratios(2 * np.diag(table), table.sum(axis=0) + table.sum(axis=1))


def _ratio(part: float, total: float) -> float:
    return part / total if total else float("nan")


def _ratios(parts: NDArray[np.integer], totals: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.where(totals > 0, parts / np.maximum(totals, 1), np.nan)
