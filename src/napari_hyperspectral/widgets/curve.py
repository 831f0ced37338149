"""A plot of the losses during a training."""

from __future__ import annotations

import math

import pyqtgraph
from qtpy.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from ..models.card import Card
from ..progress import Progress

# distinct in grey, and for colour-blind people
_COLOURS = {"training": "#e8a33d", "validation": "#4aa8e0"}


class Losses:
    """Training and validation loss of each epoch, collected from the steps of a job."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.training: dict[int, float] = {}
        self.validation: dict[int, float] = {}

    def add(self, step: Progress) -> None:
        """Add the losses of a step; called in the worker thread."""
        if not step.total:
            return
        epoch = math.ceil(step.done * self.epochs / step.total)
        if step.loss is not None:
            self.training[epoch] = step.loss
        if step.validation is not None:
            self.validation[epoch] = step.validation

    @classmethod
    def of(cls, card: Card) -> Losses:
        """Return the losses on a card, one per epoch; that of its start is of epoch 0."""
        losses = cls(len(card.losses))
        losses.training = dict(enumerate(card.losses, start=1))
        for epoch, loss in enumerate((card.start_validation_loss, *card.validation_losses)):
            if loss is not None:
                losses.validation[epoch] = loss
        return losses


class LossCurve(QWidget):
    """Training and validation loss over the epochs."""

    def __init__(self) -> None:
        super().__init__()
        self._plot = pyqtgraph.PlotWidget()
        self._plot.setBackground(None)  # that of the dock, in every theme of napari
        self._plot.setLabel("bottom", "Epoch")
        self._plot.setLabel("left", "Loss")
        self._plot.getAxis("left").enableAutoSIPrefix(False)
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._plot.setMinimumHeight(110)
        # pyqtgraph would ask for 640 × 480
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._plot.addLegend(offset=(-8, 8), labelTextSize="9pt")
        self._lines = {}
        for name, colour in _COLOURS.items():
            self._lines[name] = self._plot.plot(
                [],
                [],
                name=name,
                pen=pyqtgraph.mkPen(colour, width=2),
                symbol="o",
                symbolSize=4,
                symbolBrush=colour,
                symbolPen=None,
            )
        self.logarithmic = QCheckBox("Logarithmic")
        self.logarithmic.toggled.connect(self._set_scale)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        layout.addWidget(self.logarithmic)

    def show_losses(self, losses: Losses) -> None:
        """Plot the losses so far."""
        for name, by_epoch in (("training", losses.training), ("validation", losses.validation)):
            points = list(by_epoch.items())  # a copy: the worker thread may add more meanwhile
            epochs = [epoch for epoch, _loss in points]
            values = [loss for _epoch, loss in points]
            self._lines[name].setData(epochs, values)
        self._plot.setXRange(0, losses.epochs, padding=0.02)

    @property
    def shown(self) -> dict[str, list[float]]:
        """The losses in the plot, by the name of their line."""
        losses = {}
        for name, line in self._lines.items():
            losses[name] = [] if line.yData is None else list(line.yData)
        return losses

    def _set_scale(self, logarithmic: bool) -> None:
        self._plot.setLogMode(y=logarithmic)
