"""Pictures of predicted channels: predicted over measured values, and maps of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...training.splits import Mask
from ..comparisons.base import MethodResult
from ..pictures.base import Picture
from ..pictures.density import Densities, JointHistogram
from ..pictures.maps import Maps, Panel, PixelGrid, shown
from .planes import around, first_plane, has_map

_MOST_CHANNELS: Final = 4
"""Of more channels, the first ones are shown."""


@dataclass(frozen=True, eq=False)
class ChannelTest:
    """What channels are compared with, of the first plane of an image."""

    truth: NDArray[np.floating]
    """Shape (channel, y, x)."""
    names: Sequence[str]
    """Of the channels."""
    unit: str
    """Of their intensities; empty where it is not known."""
    test: Mask
    """Pixels of the test, shape (y, x)."""
    grid: PixelGrid
    """Where pixels lie."""


def channel_pictures(test: ChannelTest, results: Sequence[MethodResult]) -> list[Picture]:
    """Return joint histograms of all channels, and maps of each.

    Parameters
    ----------
    test : ChannelTest
        The truth.
    results : sequence of MethodResult
        The model's first, then the best baseline's, if any.
    """
    results = results[:2]
    names = list(test.names[:_MOST_CHANNELS])
    histograms = []
    for channel, name in enumerate(names):
        for result in results:
            histograms.append(_histogram(test, channel, name, result))
    caption = "On the dashed line, a prediction equals the measurement. Brighter: more pixels."
    pictures: list[Picture] = [
        Densities("Predicted and measured values", histograms, test.unit, caption=caption)
    ]
    if has_map(test.grid):
        for channel, name in enumerate(names):
            pictures.append(_maps(test, channel, name, results))
    return pictures


def _histogram(
    test: ChannelTest,
    channel: int,
    name: str,
    result: MethodResult,
) -> JointHistogram:
    """Return how one method predicts one channel on the test pixels."""
    truth = test.truth[channel, test.test]
    predicted = first_plane(result.image, 3)[channel, test.test]
    pearson = metrics.pearson(predicted[None, None], truth[None, None])
    return JointHistogram.of(f"{name}, {result.method}\nPearson {pearson:.3f}", truth, predicted)


def _maps(
    test: ChannelTest,
    channel: int,
    name: str,
    results: Sequence[MethodResult],
) -> Picture:
    """Return maps of one channel: measured, predicted, and the error of the model."""
    rows, columns = around(test.test)
    truth = _tested(test, test.truth[channel])[rows, columns]
    panels = [Panel("measured", shown(truth))]
    images = []
    for result in results:
        image = _tested(test, first_plane(result.image, 3)[channel])[rows, columns]
        images.append(image)
        panels.append(Panel(result.method, shown(image)))
    panels.append(
        Panel(f"{results[0].method} less measured", shown(images[0] - truth), "difference")
    )
    unit = f" / {test.unit}" if test.unit else ""
    return Maps(
        f"Maps of {name}",
        panels,
        test.grid.part(rows, columns),
        {"intensity": f"{name}{unit}", "difference": f"difference{unit}"},
        caption="On test pixels; others are left blank.",
    )


def _tested(test: ChannelTest, image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return an image, (y, x), NaN where nothing is tested."""
    return np.where(test.test, image, np.nan)
