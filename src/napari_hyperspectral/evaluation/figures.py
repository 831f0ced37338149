"""Figures of merit of a result, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from ..axis import ChannelAxis
from ..cube import Cube, Labels
from ..models.model import Model
from ..training.splits import Mask
from .baselines import (
    spectra_of,
)
from .ground import (
    EvaluationPair,
    Guarded,
    class_count,
    good_bands,
    predicts_spectra,
)
from .reports import Row, Table


def classes_of_planes(result: Labels) -> list[int]:
    """Return the class of each plane of an image classified as a whole; 0 was not measured."""
    found: list[int] = result.numpy().reshape(-1, *result.shape[-2:]).max(axis=(1, 2)).tolist()
    return found


def rows_on_classes(
    model: Model, images: int, found: Sequence[int], truths: Sequence[int]
) -> list[dict[str, Any]]:
    """Return figures on so many images classified as a whole: the model's, and plain guessing's.

    Parameters
    ----------
    model : Model
        Whose classes they are.
    images : int
        How many images there were.
    found, truths : sequence of int
        Class of each plane of them, from 1; 0 was not measured.
    """
    most_frequent = [int(np.bincount(truths, minlength=2)[1:].argmax()) + 1] * len(truths)
    guesses = {type(model.recipe.network).__name__: found, "most frequent class": most_frequent}
    count = len(model.card.output_axis)
    return [
        {"method": name, "images": images} | _accuracies(np.array(guess), np.array(truths), count)
        for name, guess in guesses.items()
    ]


def judge_of(
    held_out: EvaluationPair, model: Model
) -> Callable[[NDArray[Any], Mask], dict[str, Any]]:
    """Return what measures a result on some pixels."""
    if isinstance(held_out.target, Labels):
        truth = held_out.target.numpy()
        count = class_count(held_out)

        def of_classes(found: NDArray[Any], test: Mask) -> dict[str, Any]:
            return _accuracies(found[..., test], truth[..., test], count)

        return of_classes
    if held_out.scale > 1:
        return _judge_of_super_resolution(held_out.target, held_out.scale)
    if not held_out.same_bands and not predicts_spectra(model):
        return _judge_of_channels(held_out.target)
    clean, good = held_out.target.numpy(), good_bands(held_out)

    def of_intensities(found: NDArray[Any], test: Mask) -> dict[str, Any]:
        ours, theirs = spectra_of(found, test), spectra_of(clean, test)
        span = _span(theirs[good])
        return {
            "fitted MSE": metrics.fitted_mse(ours, theirs, good=good),
            "MSE": metrics.mse(ours, theirs, good=good),
            "PSNR dB": metrics.psnr(ours, theirs, data_range=span, good=good)
            if span > 0
            else float("nan"),
            "angle °": metrics.spectral_angle(ours, theirs, good=good),
            "Pearson": metrics.pearson(ours, theirs, good=good),
        }

    return of_intensities


def counted(row: Row, held_out: EvaluationPair, test: Mask) -> Row:
    """Return a row with the pixels, and the classes, that its guard leaves to `test`."""
    counts: dict[str, Any] = {"guard": row["guard"], "pixels": int(test.sum())}
    if isinstance(held_out.target, Labels):
        left = held_out.target.numpy()[..., test]
        counts |= {"pixels": int((left > 0).sum()), "classes": len(np.unique(left[left > 0]))}
    return counts | dict(row)


def _accuracies(found: NDArray[Any], truth: NDArray[Any], count: int) -> dict[str, float]:
    """Return accuracy in all, averaged over classes, and beyond chance, in %."""
    table = metrics.confusion(found, truth, count)
    return {
        "OA %": 100 * metrics.overall_accuracy(table),
        "AA %": 100 * metrics.average_accuracy(table),
        "kappa %": 100 * metrics.kappa(table),
    }


def _judge_of_super_resolution(
    target: Cube, scale: int
) -> Callable[[NDArray[Any], Mask], dict[str, Any]]:
    """Return what measures a finer image on some coarse pixels."""
    truth, good = target.numpy(), target.axis.good

    def of_finer(found: NDArray[Any], test: Mask) -> dict[str, Any]:
        fine = test.repeat(scale, axis=0).repeat(scale, axis=1)
        ours, theirs = spectra_of(found, fine), spectra_of(truth, fine)
        span = _span(theirs[good])
        flat = float("nan")
        return {
            "PSNR dB": metrics.psnr(ours, theirs, data_range=span, good=good) if span else flat,
            "SSIM": metrics.ssim(found, truth, data_range=span, good=good, where=fine)
            if span
            else flat,
            "angle °": metrics.spectral_angle(ours, theirs, good=good),
            "ERGAS %": metrics.ergas(ours, theirs, scale=scale, good=good),
            "RMSE": metrics.rmse(ours, theirs, good=good),
        }

    return of_finer


def _span(truth: NDArray[Any]) -> float:
    """Return the range of what is known of a truth; 0 where nothing is."""
    known = truth[np.isfinite(truth)]
    return float(np.ptp(known)) if known.size else 0.0


def _judge_of_channels(target: Cube) -> Callable[[NDArray[Any], Mask], dict[str, Any]]:
    truth = target.numpy()
    names = target.axis.names if isinstance(target.axis, ChannelAxis) else ()

    def of_channels(found: NDArray[Any], test: Mask) -> dict[str, Any]:
        ours, theirs = spectra_of(found, test), spectra_of(truth, test)
        each = [metrics.pearson(a[None], b[None]) for a, b in zip(ours, theirs, strict=True)]
        spreads = np.nanstd(theirs, axis=(1, 2), keepdims=True)
        spreads = np.where(spreads > 0, spreads, np.nan)
        figures = {"Pearson": float(np.mean(each))}
        figures |= {f"Pearson, {name}": value for name, value in zip(names, each, strict=False)}
        figures |= {"NRMSE": metrics.rmse(ours / spreads, theirs / spreads)}
        if min(truth.shape[-2:]) > 1:  # a list has no features
            figures |= {"FSIM": _features(found, truth, test)}
        return figures

    return of_channels


def _features(found: NDArray[Any], truth: NDArray[Any], test: Mask) -> float:
    """Return the feature similarity on some pixels, averaged over channels, each by its range."""
    each = []
    for channel in range(truth.shape[-3]):
        ours, theirs = (image[..., channel : channel + 1, :, :] for image in (found, truth))
        span = _span(theirs[..., test])
        alike = metrics.fsim(ours, theirs, data_range=span, where=test) if span else np.nan
        each.append(alike)
    return float(np.mean(each))


def accuracy_by_class(
    held_out: EvaluationPair, found: dict[tuple[str, str], NDArray[Any]], ground: Guarded
) -> Table:
    """Return a table of the accuracy of each class, in %, a column a method."""
    assert isinstance(held_out.target, Labels)
    truth, count = held_out.target.numpy(), class_count(held_out)
    names = held_out.target.classes or tuple(f"class {i}" for i in range(1, count + 1))
    tables = {
        method: metrics.confusion(image[..., ground.test], truth[..., ground.test], count)
        for (method, _), image in found.items()
    }
    train = np.bincount(truth[..., held_out.train].ravel(), minlength=count + 1)
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names[:count]):
        tested = int(next(iter(tables.values()))[i].sum())
        rows.append({"class": name, "training": int(train[i + 1]), "tested": tested})
        for method, table in tables.items():
            rows[-1][f"{method}: found %"] = 100 * float(metrics.class_accuracy(table)[i])
            rows[-1][f"{method}: IoU %"] = 100 * float(metrics.iou(table)[i])
    return Table(f"Class by class, guard {ground.guard}", rows)
