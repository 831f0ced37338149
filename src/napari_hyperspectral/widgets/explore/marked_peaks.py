"""Positions of peaks, written into the plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyqtgraph

from ...spectra.peaks.find import Peak
from .plot import SpectrumPlot

_LEAST_DISTANCE: Final = 45
"""Pixels between two texts, which would otherwise lie over each other."""


class MarkedPeaks:
    """Texts above peaks; the pointer on one says height, width and area."""

    def __init__(self, plot: SpectrumPlot) -> None:
        self._plot = plot
        self._texts: list[pyqtgraph.TextItem] = []

    def show(self, peaks: Sequence[Peak]) -> None:
        """Mark these peaks, and no others."""
        for text in self._texts:
            self._plot.removeItem(text)
        width, _height = self._plot.getPlotItem().getViewBox().viewPixelSize()
        shown = with_distance(peaks, _LEAST_DISTANCE * width)
        self._texts = [_text_of(peak) for peak in shown]
        for text in self._texts:
            self._plot.addItem(text, ignoreBounds=True)


def with_distance(peaks: Sequence[Peak], distance: float) -> list[Peak]:
    """Return the most prominent peaks, of which no two are closer than a distance."""
    shown: list[Peak] = []
    for peak in sorted(peaks, key=lambda peak: -peak.prominence):
        if all(abs(peak.position - other.position) >= distance for other in shown):
            shown.append(peak)
    return shown


def _text_of(peak: Peak) -> pyqtgraph.TextItem:
    text = pyqtgraph.TextItem(f"{peak.position:.5g}", color="#cccccc", anchor=(0.5, 1.0))
    text.setPos(peak.position, peak.height)
    text.setToolTip(f"height {peak.height:.4g}, width {peak.width:.4g}, area {peak.area:.4g}")
    return text
