"""The loss of a training, drawn while it goes down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph
from qtpy.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from ..progress import Progress

_TRAINING, _VALIDATION = "#e8a33d", "#4aa8e0"  # told apart in grey, and by the colour-blind


class Losses:
    """The losses of each epoch, taken from every step of a job; keeps one number an epoch."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.training: dict[int, float] = {}
        self.validation: dict[int, float] = {}

    def add(self, step: Progress) -> None:
        """Take a step in; for the worker thread."""
        if not step.total or step.loss is None:
            return
        epoch = math.ceil(step.done * self.epochs / step.total)
        self.training[epoch] = step.loss
        if step.validation is not None:
            self.validation[epoch] = step.validation

    @classmethod
    def of(cls, training: Sequence[float], validation: Sequence[float | None]) -> Losses:
        """Return the losses that a card tells."""
        losses = cls(len(training))
        losses.training = dict(enumerate(training, start=1))
        losses.validation = {e: v for e, v in enumerate(validation, start=1) if v is not None}
        return losses


class LossCurve(QWidget):
    """Training and validation loss over the epochs."""

    def __init__(self) -> None:
        super().__init__()
        self._plot = pyqtgraph.PlotWidget()
        self._plot.setBackground(None)  # what is behind it, in every theme of napari
        self._plot.setLabel("bottom", "Epoch")
        self._plot.setLabel("left", "Loss")
        self._plot.getAxis("left").enableAutoSIPrefix(False)
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._plot.setMinimumHeight(170)
        ignored = QSizePolicy.Policy.Ignored  # it would ask for 640 × 480
        self._plot.setSizePolicy(ignored, ignored)
        self._plot.addLegend(offset=(-8, 8), labelTextSize="9pt")
        self._lines = {
            name: self._plot.plot(
                [],
                [],
                name=name,
                pen=pyqtgraph.mkPen(colour, width=2),
                symbol="o",
                symbolSize=4,
                symbolBrush=colour,
                symbolPen=None,
            )
            for name, colour in (("training", _TRAINING), ("held out", _VALIDATION))
        }
        self.logarithmic = QCheckBox("Logarithmic")
        self.logarithmic.toggled.connect(self._set_scale)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        layout.addWidget(self.logarithmic)

    def show_losses(self, losses: Losses) -> None:
        """Draw the losses so far."""
        for name, epochs in (("training", losses.training), ("held out", losses.validation)):
            points = list(epochs.items())  # at once: the worker may add more meanwhile
            self._lines[name].setData([x for x, _ in points], [y for _, y in points])
        self._plot.setXRange(0, losses.epochs, padding=0.02)

    @property
    def shown(self) -> dict[str, list[float]]:
        """The losses drawn, by the name of their line."""
        return {
            name: [] if line.yData is None else list(line.yData)
            for name, line in self._lines.items()
        }

    def _set_scale(self, logarithmic: bool) -> None:
        self._plot.setLogMode(y=logarithmic)
