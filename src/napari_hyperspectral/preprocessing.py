"""What is done to spectra before anything learns from them, and again before every prediction."""

from __future__ import annotations

from typing import Final

from .cube import Cube
from .settings import Settings


class Preprocessing(Settings):
    """What is done to spectra first, in the order of the settings; as it stands, nothing."""

    def on(self, cube: Cube) -> Cube:
        """Return the cube as the network is to see it."""
        return cube


NOTHING: Final = Preprocessing()
"""Leave spectra as they are."""
