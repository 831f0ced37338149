"""The plot of spectra."""

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from napari_hyperspectral.widgets.explore.curves import Curve
from napari_hyperspectral.widgets.explore.plot import SpectrumPlot


@pytest.mark.parametrize(("count", "columns"), [(5, 1), (6, 2), (9, 2)])
def test_a_long_legend_has_two_columns(qtbot, count, columns):
    plot = SpectrumPlot()
    qtbot.addWidget(plot)
    curves = []
    for number in range(count):
        curve = Curve(f"pin {number}", np.arange(3.0), np.arange(3.0), "#ff0000", "pin")
        curves.append(curve)
    plot.show_curves(curves[:1])
    plot.show_curves(curves)
    assert plot._legend.columnCount == columns
    assert [label.text for _sample, label in plot._legend.items] == [c.name for c in curves]
    plot.show_curves(curves[:2])
    assert plot._legend.columnCount == 1
