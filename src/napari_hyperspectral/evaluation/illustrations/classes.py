"""Pictures of predicted classes: what is taken for what, where, and with which certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...training.splits import Mask
from ..calibration import ProbabilityCalibration
from ..comparisons.base import MethodResult
from ..pictures.base import Picture
from ..pictures.classes import Confusion, Reliability
from ..pictures.colours import class_palette
from ..pictures.maps import Maps, Panel, PixelGrid, shown_classes
from .planes import first_plane, has_map

_RIGHT = (0.55, 0.56, 0.57, 0.55)
_WRONG = (0.83, 0.37, 0.0, 1.0)
"""Vermilion, and far darker than what is right."""


@dataclass(frozen=True, eq=False)
class ClassTest:
    """What classes are compared with."""

    truth: NDArray[np.integer]
    """From 1, 0 where unknown; shape (…, y, x)."""
    names: Sequence[str]
    """Of classes 1, 2, …"""
    colours: Sequence[str]
    """Of the same, "#rrggbb"; none where they have none."""
    test: Mask
    """Pixels of the test, shape (y, x)."""
    grid: PixelGrid
    """Where pixels lie."""


def class_pictures(test: ClassTest, results: Sequence[MethodResult]) -> list[Picture]:
    """Return confusion, maps, and the calibration of probabilities where there are any.

    Parameters
    ----------
    test : ClassTest
        The truth.
    results : sequence of MethodResult
        The model's first, then the best baseline's, if any.
    """
    model = results[0]
    pictures: list[Picture] = [_confusion(test, model)]
    if has_map(test.grid):
        pictures.append(_maps(test, results[:2]))
    calibration = calibration_of(model, test.truth, test.test)
    if calibration is not None:
        pictures.append(reliability_picture(model.method, calibration))
    return pictures


def image_class_pictures(
    method: str,
    names: Sequence[str],
    predicted: NDArray[np.integer],
    truth: NDArray[np.integer],
    probabilities: NDArray[np.floating],
) -> list[Picture]:
    """Return confusion and calibration of classes of whole images.

    Parameters
    ----------
    method : str
        Name of the model.
    names : sequence of str
        Of classes 1, 2, …
    predicted, truth : ndarray of int, shape (plane,)
        Class of each plane.
    probabilities : ndarray, shape (class, plane)
        From 0 to 1.
    """
    if not len(truth):
        return []
    table = metrics.confusion(predicted, truth, len(names))
    caption = "Share of the images of each true class (row) by predicted class, in %."
    calibration = ProbabilityCalibration.of(probabilities, truth)
    return [
        Confusion(f"Confusion of {method}", table, names, caption=caption),
        reliability_picture(method, calibration),
    ]


def calibration_of(
    result: MethodResult,
    truth: NDArray[np.integer],
    test: Mask,
) -> ProbabilityCalibration | None:
    """Return the calibration of a method on the test pixels; None without probabilities.

    Parameters
    ----------
    result : MethodResult
        With probabilities of shape (…, class, y, x), or none.
    truth : ndarray of int, shape (…, y, x)
    test : ndarray of bool, shape (y, x)
    """
    if result.probabilities is None:
        return None
    classes_first = np.moveaxis(result.probabilities, -3, 0)
    probabilities = classes_first[..., test]  # (class, …, pixel)
    calibration = ProbabilityCalibration.of(probabilities, truth[..., test])
    if not calibration.count.any():
        return None
    return calibration


def reliability_picture(name: str, calibration: ProbabilityCalibration) -> Picture:
    """Return how far the probabilities of a model can be believed."""
    caption = (
        "Predictions are sorted by their probability. Bars below the dashed line: the model is "
        "surer than it is right. The expected calibration error is the mean distance between bar "
        "and probability (Guo et al. 2017)."
    )
    return Reliability(f"Calibration of {name}", calibration, caption=caption)


def _confusion(test: ClassTest, model: MethodResult) -> Picture:
    """Return what is taken for what on the test pixels of all planes."""
    predicted = model.image[..., test.test]
    truth = test.truth[..., test.test]
    table = metrics.confusion(predicted, truth, len(test.names))
    caption = "Share of the test pixels of each true class (row) by predicted class, in %."
    return Confusion(f"Confusion of {model.method}", table, test.names, caption=caption)


def _maps(test: ClassTest, results: Sequence[MethodResult]) -> Picture:
    """Return maps of truth and predictions, and which test pixels are wrong."""
    count = len(test.names)
    palette = class_palette(count, test.colours)
    truth = shown_classes(first_plane(test.truth, 2))
    tested = shown_classes(test.test.astype(int)) * truth > 0
    panels = [Panel("truth", _coloured(truth, palette), "colour")]
    for result in results:
        predicted = shown_classes(first_plane(result.image, 2))
        panels.append(Panel(result.method, _coloured(predicted, palette), "colour"))
    for result in results:
        predicted = shown_classes(first_plane(result.image, 2))
        wrong = tested & np.not_equal(predicted, truth)
        percent = 100 * wrong.sum() / max(tested.sum(), 1)
        title = f"{result.method}: {percent:.1f} % wrong"
        panels.append(Panel(title, _right_and_wrong(tested, wrong), "colour"))
    present = np.unique(np.concatenate([truth.ravel(), predicted.ravel()]))
    colours = {}
    for number in present[present > 0].tolist():
        colours[test.names[number - 1]] = _hex(palette[number - 1])
    caption = (
        "In the maps of mistakes, wrong test pixels are orange, right ones grey; what is blank is "
        "not tested."
    )
    return Maps("Maps of classes", panels, test.grid, {}, classes=colours, caption=caption)


def _coloured(
    classes: NDArray[np.integer],
    palette: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return classes, (y, x), in their colours, (y, x, 4); what has no class is transparent."""
    with_none = np.vstack([np.zeros(3), palette])
    colours = with_none[classes]
    opaque = (classes > 0).astype(np.float64)
    return np.concatenate([colours, opaque[..., None]], axis=-1)


def _right_and_wrong(tested: Mask, wrong: Mask) -> NDArray[np.float64]:
    """Return test pixels in grey, wrong ones in orange, others transparent, (y, x, 4)."""
    colours = np.zeros((*tested.shape, 4))
    colours[tested] = _RIGHT
    colours[wrong] = _WRONG
    return colours


def _hex(colour: NDArray[np.float64]) -> str:
    red, green, blue = np.rint(255 * colour).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"
