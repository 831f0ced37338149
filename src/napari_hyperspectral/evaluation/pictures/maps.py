"""Maps of an image next to each other, with common scales, and with pixels marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .axes import add_colour_bar
from .base import Inches, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Scale: TypeAlias = Literal["intensity", "error", "difference", "colour"]
"""Panels of one scale share their limits and a colour bar; colours have neither."""

_COLOUR_MAPS: Final = {"intensity": "viridis", "error": "magma", "difference": "PuOr"}
"""All of them differ in lightness, so that they are seen without colour vision, too."""
_WIDTH: Final = 10.0
"""Of a picture, in inches."""
_HEIGHT: Final = 12.0
"""Of the tallest picture, in inches."""
_MOST_COLUMNS: Final = 4
_LONG: Final = 2.5
"""Images of this width, by their height, stand one below the other."""
_SIDE: Final = 256
"""Pixels to a side of a map that is shown; larger images are averaged over blocks."""


class Panel(NamedTuple):
    """One map."""

    title: str
    image: NDArray[np.floating]
    """Values, shape (y, x), NaN where nothing is shown; or colours from 0 to 1, (y, x, 4)."""
    scale: Scale = "intensity"


class Mark(NamedTuple):
    """A pixel that is pointed at."""

    label: str
    row: int
    column: int


class PixelGrid(NamedTuple):
    """Where the pixels of an image lie."""

    shape: tuple[int, int]
    """Rows and columns."""
    pixel_size: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel, in `unit`."""
    unit: str = "pixels"
    start: tuple[int, int] = (0, 0)
    """First row and column, of a part of an image."""

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the image."""
        rows, columns = self.shape
        top, left = self.start
        height, width = self.pixel_size
        return (left * width, (left + columns) * width, (top + rows) * height, top * height)

    @property
    def ratio(self) -> float:
        """Width of the image by its height."""
        left, right, bottom, top = self.extent
        return (right - left) / (bottom - top)

    def part(self, rows: slice, columns: slice) -> PixelGrid:
        """Return where the pixels of some rows and columns lie."""
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        return self._replace(shape=shape, start=(rows.start, columns.start))


@dataclass(frozen=True, eq=False)
class Maps(Picture):
    """Maps of the same ground."""

    panels: Sequence[Panel]
    grid: PixelGrid
    titles: dict[Scale, str]
    """Quantity and unit at each colour bar."""
    marks: Sequence[Mark] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    """Colours, "#rrggbb", of classes by their names, for a legend."""

    @property
    def alt(self) -> str:
        rows, columns = self.grid.shape
        names = "; ".join(panel.title for panel in self.panels)
        text = f"{self.title}: maps of {rows} × {columns} pixels: {names}"
        for mark in self.marks:
            text += f"; {mark.label} at row {mark.row}, column {mark.column}"
        return text

    @property
    def inches(self) -> Inches:
        columns = self._columns
        rows = -(-len(self.panels) // columns)
        # what numbers, titles and colour bars leave
        width = (_WIDTH - 0.6 - 0.9 * len(self.titles)) / columns - 0.25
        height = width / self.grid.ratio + 0.55
        legend = 0.3 * -(-len(self.classes) // 6)
        return (_WIDTH, min(rows * height, _HEIGHT) + 0.5 + legend)

    @property
    def _columns(self) -> int:
        if self.grid.ratio > _LONG:
            return 1
        rows = -(-len(self.panels) // _MOST_COLUMNS)
        return -(-len(self.panels) // rows)  # as many in each row

    def draw(self, figure: Figure) -> None:
        columns = self._columns
        rows = -(-len(self.panels) // columns)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        all_axes = list(grid.flat)
        for axes in all_axes[len(self.panels) :]:
            axes.set_axis_off()
        shown = all_axes[: len(self.panels)]
        for axes, panel in zip(shown, self.panels, strict=True):
            self._draw_panel(axes, panel)
            axes.label_outer()
        for scale in self.titles:
            self._draw_bar(figure, shown, scale)
        if self.classes:
            self._draw_legend(figure)

    def _draw_panel(self, axes: Axes, panel: Panel) -> None:
        limits = self._limits(panel.scale)
        axes.imshow(
            panel.image,
            cmap=_COLOUR_MAPS.get(panel.scale),
            vmin=limits[0],
            vmax=limits[1],
            extent=self.grid.extent,
            # pixels as they were measured, at their own size: the browser enlarges them
            interpolation="none",
        )
        axes.set_title(panel.title)
        axes.set_xlabel(f"x / {self.grid.unit}")
        axes.set_ylabel(f"y / {self.grid.unit}")
        height, width = self.grid.pixel_size
        for mark in self.marks:
            position = ((mark.column + 0.5) * width, (mark.row + 0.5) * height)
            _draw_mark(axes, mark.label, position)

    def _limits(self, scale: Scale) -> tuple[float | None, float | None]:
        """Return the limits that panels of a scale share: nearly all of their values."""
        if scale == "colour":
            return (None, None)
        images = [panel.image.ravel() for panel in self.panels if panel.scale == scale]
        values = np.concatenate(images)
        known = values[np.isfinite(values)]
        if not known.size:
            return (0.0, 1.0)
        if scale == "intensity":
            low, high = np.percentile(known, (0.5, 99.5))
            return float(low), float(high)
        highest = float(np.percentile(np.abs(known), 99.5)) or 1.0
        return (0.0 if scale == "error" else -highest, highest)

    def _draw_bar(self, figure: Figure, shown: Sequence[Axes], scale: Scale) -> None:
        """Draw the colour bar that panels of a scale share."""
        for axes, panel in zip(shown, self.panels, strict=True):
            if panel.scale == scale:
                # right of all panels, so that none is smaller than others
                add_colour_bar(figure, axes.images[0], shown, self.titles[scale])
                return

    def _draw_legend(self, figure: Figure) -> None:
        from matplotlib.patches import Patch

        handles = [Patch(facecolor=colour, label=name) for name, colour in self.classes.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))


def shown(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a map, (y, x), of at most 256 pixels to a side: means of blocks of a larger one."""
    step = _step(image.shape)
    if step == 1:
        return image
    rows, columns = (side // step * step for side in image.shape)
    cropped = image[:rows, :columns]
    blocks = cropped.reshape(rows // step, step, columns // step, step)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0).sum(axis=(1, 3))
    count = known.sum(axis=(1, 3))
    means = total / np.maximum(count, 1)
    return np.where(count > 0, means, np.nan).astype(image.dtype)


def shown_classes(classes: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return a map of classes, (y, x), of at most 256 pixels to a side: every n-th pixel."""
    step = _step(classes.shape)
    return classes[::step, ::step]


def _step(shape: tuple[int, ...]) -> int:
    """Return how many pixels of a side become one, so that none has more than 256."""
    return -(-max(shape) // _SIDE)


def _draw_mark(axes: Axes, label: str, position: tuple[float, float]) -> None:
    """Draw a ring with a letter; ink on white is seen on any colour."""
    from matplotlib.patheffects import withStroke

    outline = [withStroke(linewidth=2.5, foreground="#ffffff")]
    axes.plot(
        *position,
        marker="o",
        markersize=8,
        markerfacecolor="none",
        markeredgecolor="#010203",
        markeredgewidth=1.1,
        path_effects=outline,
    )
    axes.annotate(
        label,
        position,
        xytext=(6, 5),
        textcoords="offset points",
        color="#010203",
        fontsize=9,
        fontweight="bold",
        path_effects=outline,
    )
