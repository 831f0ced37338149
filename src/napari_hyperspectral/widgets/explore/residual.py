"""What differs between the spectra of two layers at one pixel: measured and predicted, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from qtpy.QtWidgets import QSizePolicy

from .curves import Curve
from .plot import SpectrumPlot

_HEIGHT: Final = 70
"""Pixels of the plot below."""


def residuals(curves: Sequence[Curve], main_layer: str, layers: Sequence[str]) -> list[Curve]:
    """Return how the spectra of other layers differ from those of the main one.

    Parameters
    ----------
    curves : sequence of Curve
        Under the cursor, at pins and of regions; named after their layers.
    main_layer : str
        Name of the layer that others are compared with.
    layers : sequence of str
        Names of all layers in the plot; one may begin with that of another: "map · smoothed".

    Returns
    -------
    list of Curve
        The other less the main one, for each place that both have on the same bands.
    """
    of_main = {}
    for curve in curves:
        if _layer_of(curve, layers) == main_layer:
            of_main[_place(curve, main_layer)] = curve
    differences = []
    for curve in curves:
        layer = _layer_of(curve, layers)
        main = of_main.get(_place(curve, layer))
        if layer in ("", main_layer) or main is None or not np.array_equal(curve.x, main.x):
            continue
        name = f"{curve.name} − {main_layer}"
        differences.append(Curve(name, curve.x, curve.y - main.y, curve.colour, curve.kind))
    return differences


def _layer_of(curve: Curve, layers: Sequence[str]) -> str:
    """Return the layer that a spectrum is of: the longest name that its own begins with, or ""."""
    names = [name for name in layers if f"{curve.name} · ".startswith(f"{name} · ")]
    return max(names, key=len, default="")


def _place(curve: Curve, layer: str) -> str:
    """Return where a spectrum is from: under the cursor "", otherwise its pin or region."""
    return curve.name.removeprefix(layer)


class ResidualPlot(SpectrumPlot):
    """The differences, on the axis of the plot above; hidden until it is asked for."""

    def __init__(self, above: SpectrumPlot) -> None:
        super().__init__()
        self.label_axis("left", "Residual")
        self.setMinimumHeight(_HEIGHT)
        self.setMaximumHeight(2 * _HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.getPlotItem().setXLink(above.getPlotItem())
        self.getPlotItem().hideAxis("bottom")
        self.setVisible(False)
        self.mark(None)
