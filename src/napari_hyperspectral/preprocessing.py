"""What is done to spectra before anything learns from them, and again before every prediction."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .axis import Axis
from .cube import Cube
from .settings import Settings


class Preprocessing(Settings):
    """What is done to spectra first, in the order of the settings; as it stands, nothing."""

    def on(self, cube: Cube) -> Cube:
        """Return the cube as the network is to see it."""
        return cube

    def on_axis(self, axis: Axis) -> Axis:
        """Return the axis that `on` gives a cube with this one."""
        return axis

    def on_spectra(self, data: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
        """Return what `on` makes of a part of a cube, (band, y, x), with this axis."""
        return data


NOTHING: Final = Preprocessing()
"""Leave spectra as they are."""
