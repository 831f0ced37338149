"""The plot of the Components dock: spectra in the colours of their maps."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from qtpy.QtWidgets import QSizePolicy

from .found import Found

_LEAST_HEIGHT = 90


class ComponentPlot(pyqtgraph.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Spectra of components, directions or clusters."""

    def __init__(self) -> None:
        super().__init__()
        self.setBackground(None)  # that of the dock, in every theme of napari
        self.showGrid(x=True, y=True, alpha=0.15)
        self.setMinimumHeight(_LEAST_HEIGHT)
        # pyqtgraph would ask for 640 × 480
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.addLegend(offset=(-8, 8), labelTextSize="9pt")

    def show_found(self, found: Found) -> None:
        """Plot what was found, and nothing else."""
        self.clear()
        axis = found.spectra.spectral_axis
        order = np.argsort(axis.centres, kind="stable")
        table = found.spectra.spectra()
        for name, spectrum, colour in zip(found.names, table, found.colours, strict=False):
            pen = pyqtgraph.mkPen(colour, width=1)
            self.plot(axis.centres[order], spectrum[order], pen=pen, name=name, connect="finite")
        # numbers are the values themselves: pyqtgraph would write 0.5 µm as 500
        self.setLabel("bottom", axis.title, siPrefixEnableRanges=())
        self.getAxis("bottom").enableAutoSIPrefix(False)
