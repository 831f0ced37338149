"""Parts that the axes of several pictures have: colour bars, legends, logarithmic scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def set_log_scale(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers: a page has no mathematical fonts."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axis = axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_minor_locator(NullLocator())


def add_legend(axes: Axes, handles: Sequence[Artist]) -> None:
    """Add a legend on the right of a picture, where it covers nothing."""
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        fontsize="small",
        frameon=False,
    )


def add_colour_bar(figure: Figure, image: AxesImage, axes: Sequence[Axes], title: str) -> None:
    """Add the colour bar of an image, on the right of the axes that share it."""
    bar = figure.colorbar(image, ax=list(axes), shrink=0.9, pad=0.02, aspect=25, format="%g")
    bar.set_label(title)
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_rasterized(True)  # not as 256 outlines
