"""The plainest pictures: a photograph or map of classes, and lines over an axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .axes import add_legend, set_log_scale
from .base import Picture
from .colours import DASHES, LINES, class_colours

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Photograph(Picture):
    """A picture in colour, or a map of classes."""

    image: NDArray[np.number]
    """Colours from 0 to 1, shape (y, x, 3), or classes, (y, x), 0 for none."""
    classes: tuple[str, ...] = ()
    """Names of classes 1, 2, …, where it is a map."""

    @property
    def alt(self) -> str:
        rows, columns = self.image.shape[:2]
        size = f"{self.title}, {rows} × {columns} pixels"
        if not self.classes:
            return size
        return f"{size}, in the colours of {', '.join(self.classes)}"

    def draw(self, figure: Figure) -> None:
        from matplotlib.patches import Patch

        axes = figure.add_subplot()
        image = self.image
        if image.ndim == 2:  # a map
            image = class_colours(image)
        # pixels are shown as they are measured, not blended
        axes.imshow(image, interpolation="nearest")
        axes.set_axis_off()
        if not self.classes:
            return
        handles = []
        colours = class_colours(np.arange(1, len(self.classes) + 1))
        for colour, name in zip(colours, self.classes, strict=True):
            handles.append(Patch(color=colour, label=name))
        add_legend(axes, handles)


@dataclass(frozen=True, eq=False)
class Curves(Picture):
    """Lines over a physical axis."""

    x: NDArray[np.float64]
    """Position of each value, shape (band,), in the order of the file; plotted in rising order."""
    x_title: str
    lines: Mapping[str, NDArray[np.number]]
    """Values of each line, shape (band,), by its name."""
    y_title: str = ""
    logarithmic: bool = False
    """Whether values are shown on a logarithmic axis: errors that differ by powers of ten."""

    @property
    def alt(self) -> str:
        texts = []
        for name, values in self.lines.items():
            known = values[np.isfinite(values)]
            if known.size:
                texts.append(f"{name} from {known.min():.3g} to {known.max():.3g}")
        return f"{self.title}; lines over {self.x_title}: {', '.join(texts)}"

    def draw(self, figure: Figure) -> None:
        axes = figure.add_subplot()
        order = np.argsort(self.x, kind="stable")  # detectors may overlap
        positions = self.x[order]
        handles: list[Artist] = []
        for number, (name, values) in enumerate(self.lines.items()):
            handles += axes.plot(
                positions,
                values[order],
                label=name,
                color=LINES[number % len(LINES)],
                linestyle=DASHES[number % len(DASHES)],
            )
        if self.logarithmic:
            set_log_scale(axes)
        axes.grid(visible=True)
        axes.set_xlabel(self.x_title)
        axes.set_ylabel(self.y_title)
        add_legend(axes, handles)
