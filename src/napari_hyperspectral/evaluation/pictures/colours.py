"""Colours that people with any colour vision can tell from each other, on light and dark pages.

Source: Okabe & Ito 2008, Color universal design, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Each is a step off its round value, so that a page can find it and follow the theme of a screen.
INK: Final = "#1b1b1c"
"""Of axes and text, and of what was measured."""
MODEL: Final = "#0071b2"
"""Blue: the model."""
BASELINE: Final = "#d45e00"
"""Vermilion: what it is compared with."""
MUTED: Final = "#8b8c8d"
"""Of what is only for orientation."""
LINES: Final = (MODEL, BASELINE, "#009e73", "#cc79a7", MUTED, "#e69f00", "#56b4e9")
"""Of lines, in their order."""
DASHES: Final = ("-", (0, (5, 1.5)), (0, (4, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)), "-.", ":")
"""Of lines, in their order: lines differ without their colours, too."""

_CLASSES: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")


def class_palette(count: int, own: Sequence[str] = ()) -> NDArray[np.float64]:
    """Return a colour for each class, shape (class, 3), from 0 to 1.

    Parameters
    ----------
    count : int
        How many classes there are.
    own : sequence of str
        Colours that the classes have already, "#rrggbb"; of another number, they are ignored.
    """
    from matplotlib.colors import to_rgb

    if own and len(own) == count:
        return np.array([to_rgb(colour) for colour in own])
    if count <= len(_CLASSES):
        colours = [to_rgb(colour) for colour in _CLASSES[:count]]
        return np.array(colours).reshape(count, 3)
    return class_colours(np.arange(1, count + 1))


def class_colours(classes: NDArray[np.number]) -> NDArray[np.float64]:
    """Return a colour for each class, shape (…, 3), from 0 to 1; black for 0.

    Steps of a golden section along the circle of hues differ for any number of classes.

    Parameters
    ----------
    classes : ndarray of int, of any shape
        Numbers from 1; 0 is unlabelled.
    """
    from matplotlib.colors import hsv_to_rgb

    ids = np.asarray(classes, np.float64)
    hue = ids * 0.6180339887 % 1
    # paler and brighter in turns, since neighbouring hues look alike
    saturation = np.where(ids % 3 == 0, 0.45, 0.85)
    value = np.where(ids % 2 == 0, 0.95, 0.7)
    value = np.where(ids == 0, 0, value)
    hsv = np.stack([hue, saturation, value], axis=-1)
    colours: NDArray[np.float64] = hsv_to_rgb(hsv)
    return colours
