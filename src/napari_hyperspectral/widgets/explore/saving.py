"""Save the spectra in the plot: as a table, or as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.utils.notifications import show_error
from pyqtgraph.exporters import ImageExporter
from qtpy.QtGui import QPainter
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QFileDialog, QWidget

from ...files.atomic import replacing
from .curves import Curve, table_of
from .plot import SpectrumPlot


def save_table(curves: list[Curve], title: str, path: Path, *, overwrite: bool) -> None:
    """Save spectra as CSV; `title` says what the bands are.

    Raises
    ------
    ValueError
        If there are none.
    FileExistsError
        If the file exists, unless `overwrite`.
    """
    if not curves:
        raise ValueError("no spectrum is shown; pin one by a click on a cube, then save")
    _check_absent(path, overwrite)
    with replacing(path) as (draft,):
        draft.write_text(table_of(curves, title, delimiter=","), encoding="utf-8", newline="")


def save_picture(plot: SpectrumPlot, path: Path, *, overwrite: bool) -> None:
    """Save the plot as it is shown, as PNG or SVG by the suffix.

    Raises
    ------
    ValueError
        If the suffix is another.
    FileExistsError
        If the file exists, unless `overwrite`.
    """
    draw = {".png": _draw_png, ".svg": _draw_svg}.get(path.suffix.lower())
    if draw is None:
        raise ValueError(f"{path.name} is neither .png nor .svg; choose one of these suffixes")
    _check_absent(path, overwrite)
    with replacing(path) as (draft,):
        draw(plot, str(draft))


def ask_and_save(
    parent: QWidget, save: Callable[..., object], name: str, kinds: str, suffix: str
) -> None:
    """Ask where to save, and save there; what goes wrong is shown.

    Parameters
    ----------
    parent : QWidget
        Under the dialog.
    save : callable
        Takes a path, and whether a file may be overwritten.
    name, kinds : str
        Name that is proposed, and kinds of files, as Qt's dialog takes them.
    suffix : str
        Added to names without one.
    """
    chosen, _filter = QFileDialog.getSaveFileName(parent, "Save", name, kinds)
    if not chosen:
        return
    path = Path(chosen)
    overwrite = bool(path.suffix)  # the dialog has asked, for exactly this name
    if not overwrite:
        path = Path(f"{path}{suffix}")
    try:
        save(path, overwrite=overwrite)
    except (ValueError, OSError) as error:
        show_error(f"not saved: {error}")


def _draw_png(plot: SpectrumPlot, path: str) -> None:
    ImageExporter(plot.getPlotItem()).export(path)


def _draw_svg(plot: SpectrumPlot, path: str) -> None:
    # pyqtgraph's own SVG exporter fails on curves (0.14: "not enough values to unpack")
    drawing = QSvgGenerator()
    drawing.setFileName(path)
    drawing.setSize(plot.size())
    drawing.setViewBox(plot.rect())
    painter = QPainter(drawing)
    plot.render(painter)
    painter.end()


def _check_absent(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path.name} exists already; choose another name")
