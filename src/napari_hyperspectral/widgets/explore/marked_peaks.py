"""Positions of peaks, written into the plot."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph

from ...spectra.peaks.find import Peak
from .plot import SpectrumPlot


class MarkedPeaks:
    """Texts above peaks; the pointer on one says height, width and area."""

    def __init__(self, plot: SpectrumPlot) -> None:
        self._plot = plot
        self._texts: list[pyqtgraph.TextItem] = []

    def show(self, peaks: Sequence[Peak]) -> None:
        """Mark these peaks, and no others."""
        for text in self._texts:
            self._plot.removeItem(text)
        self._texts = [_text_of(peak) for peak in peaks]
        for text in self._texts:
            self._plot.addItem(text, ignoreBounds=True)


def _text_of(peak: Peak) -> pyqtgraph.TextItem:
    text = pyqtgraph.TextItem(f"{peak.position:.5g}", color="#cccccc", anchor=(0.5, 1.0))
    text.setPos(peak.position, peak.height)
    text.setToolTip(f"height {peak.height:.4g}, width {peak.width:.4g}, area {peak.area:.4g}")
    return text
