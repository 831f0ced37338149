"""Pictures of predicted spectra: examples with residuals, and where and how often errors are large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis
from ...metrics.intensities import fitted_to_target
from ...metrics.values import Floats, GoodBands
from ...training.splits import Mask
from ..comparisons.base import MethodResult
from ..pictures.base import Picture
from ..pictures.maps import Maps, Mark, Panel, PixelGrid, Scale, shown
from ..pictures.simple import Curves
from ..pictures.spectra import ExampleSpectra, SpectraExample
from .planes import around, band_positions, first_plane, has_map, on_image

_BLOCK: Final = 20_000
"""Spectra that are looked at at once: memory stays small."""
_FITTED: Final = (
    "Each measured spectrum is divided by its maximum; scale and offset of the others are fitted "
    "to it, as for the fitted MSE."
)


@dataclass(frozen=True, eq=False)
class SpectraTest:
    """What spectra are compared with, of the first plane of an image."""

    truth: NDArray[np.floating]
    """Shape (band, y, x)."""
    input: NDArray[np.floating] | None
    """As it was measured, (band, y, x); None where it has other bands."""
    axis: Axis
    """Bands of the truth."""
    good: GoodBands
    """Bands that count, shape (band,)."""
    test: Mask
    """Pixels of the test, shape (y, x)."""
    grid: PixelGrid
    """Where pixels lie."""


def spectra_pictures(test: SpectraTest, results: Sequence[MethodResult]) -> list[Picture]:
    """Return example spectra, maps of errors, and errors sorted by size.

    Parameters
    ----------
    test : SpectraTest
        The truth.
    results : sequence of MethodResult
        The model's first, then the best baseline's, then those of others.
    """
    errors: dict[str, Floats] = {}
    for result in results:
        plane = first_plane(result.image, 3)
        errors[result.method] = _residuals(plane, test)
    model = errors[results[0].method]
    known = np.flatnonzero(np.isfinite(model))
    if not known.size:
        return []
    ranked = known[np.argsort(model[known], kind="stable")]
    positions = np.argwhere(test.test)  # (pixel, 2)
    chosen = {
        "best": ranked[0],
        "median": ranked[len(ranked) // 2],
        "worst": ranked[-1],
    }
    marks = []
    for name, pixel in chosen.items():
        row, column = positions[pixel].tolist()
        marks.append(Mark(name, row, column))
    pictures: list[Picture] = [_examples(test, results[:2], marks, len(known))]
    if has_map(test.grid):
        pictures.append(_error_maps(test, results[:2], errors, marks))
    pictures.append(_sorted_errors(errors))
    return pictures


def _residuals(image: NDArray[np.floating], test: SpectraTest) -> Floats:
    """Return the RMS residual of each test pixel, (pixel,), in % of the maximum of its truth."""
    predicted = image[:, test.test]  # (band, pixel)
    truth = test.truth[:, test.test]
    residuals = []
    for start in range(0, truth.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        fitted, target = _fitted(predicted[:, block], truth[:, block], test.good)
        square = np.square(fitted - target)
        known = np.isfinite(square)
        total = np.where(known, square, 0).sum(axis=0)
        count = known.sum(axis=0)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        residuals.append(100 * np.sqrt(mean))
    return np.concatenate(residuals)


def _fitted(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    good: GoodBands,
) -> tuple[Floats, Floats]:
    """Return spectra, (band, pixel), fitted to the truth, and the truth by its maximum."""
    fitted, target = fitted_to_target(predicted[:, None], truth[:, None], good=good)
    return fitted[:, 0], target[:, 0]


def _examples(
    test: SpectraTest,
    results: Sequence[MethodResult],
    marks: Sequence[Mark],
    count: int,
) -> Picture:
    """Return the spectra of the best, the median and the worst pixel."""
    planes = [first_plane(result.image, 3) for result in results]
    examples = []
    for mark in marks:
        examples.append(_example(test, planes, mark))
    x, x_title = band_positions(test.axis)
    names = [result.method for result in results]
    caption = (
        f"The best, the median and the worst of {count} test pixels, by the residual of "
        f"{names[0]}. {_FITTED}"
    )
    return ExampleSpectra(
        "Example spectra",
        x,
        x_title,
        "intensity / maximum",
        names,
        examples,
        caption=caption,
    )


def _example(
    test: SpectraTest,
    planes: Sequence[NDArray[np.floating]],
    mark: Mark,
) -> SpectraExample:
    """Return the spectra of one pixel, those of planes (band, y, x) fitted to the truth."""
    truth = test.truth[:, mark.row, mark.column, None]  # (band, 1)
    spectra = []
    errors = []
    for plane in planes:
        fitted, target = _fitted(plane[:, mark.row, mark.column, None], truth, test.good)
        spectra.append(fitted[:, 0])
        rms = 100 * np.sqrt(np.nanmean(np.square(fitted - target)))
        errors.append(f"{rms:.2g} %")
    input = None
    if test.input is not None:
        measured, _ = _fitted(test.input[:, mark.row, mark.column, None], truth, test.good)
        input = measured[:, 0]
    place = f"{mark.label}: row {mark.row}, column {mark.column}"
    title = f"{place}\nRMS residual {' against '.join(errors)}"
    return SpectraExample(title, target[:, 0], spectra, input)


def _error_maps(
    test: SpectraTest,
    results: Sequence[MethodResult],
    errors: Mapping[str, Floats],
    marks: Sequence[Mark],
) -> Picture:
    """Return the residual of each test pixel, of the model and the best baseline."""
    rows, columns = around(test.test)
    panels = []
    images = []
    for result in results:
        image = on_image(errors[result.method], test.test)[rows, columns]
        images.append(image)
        panels.append(Panel(result.method, shown(image), "error"))
    titles: dict[Scale, str] = {"error": "RMS residual / % of maximum"}
    caption = "How far each test pixel is from the truth; other pixels are left blank."
    if len(images) == 2:
        model, baseline = (result.method for result in results)
        difference = Panel(f"{model} less {baseline}", shown(images[0] - images[1]), "difference")
        panels.append(difference)
        titles["difference"] = "difference / % of maximum"
        caption += f" In the last map, {model} is better where it is below 0."
    grid = test.grid.part(rows, columns)
    return Maps("Where errors are large", panels, grid, titles, marks, caption=caption)


def _sorted_errors(errors: Mapping[str, Floats]) -> Picture:
    """Return the residuals of all methods, sorted: whether few pixels or all are better."""
    share = np.linspace(0, 100, 101)
    lines = {}
    for method, residuals in errors.items():
        known = residuals[np.isfinite(residuals)]
        if known.size:
            lines[method] = np.percentile(known, share)
    return Curves(
        "Residuals of all test pixels, sorted",
        share,
        "share of pixels / %",
        lines,
        "RMS residual / % of maximum",
        logarithmic=True,
        caption="So many pixels have a residual of at most so much. The end on the right is the "
        "worst pixel: a method that is better on average may still fail on a few.",
    )
