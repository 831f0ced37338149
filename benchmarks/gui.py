"""How long the window is busy while a person works in it.

    xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/gui.py [--only cursor --only stroke]

Figures are CPU milliseconds of the GUI thread, so that a busy machine does not matter: what workers do
beside it is not in them, as the window goes on meanwhile. Each is the median of several.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read
from napari_hyperspectral.layers import to_layer
from napari_hyperspectral.widgets.explore.curves import Curve
from napari_hyperspectral.widgets.spectrum import SpectrumWidget

BANDS = 1000
SIDE = 512
"""Of the cube in a file: 512 × 512 × 1000 of 16 bits, 524 MB."""
AXIS = SpectralAxis(np.linspace(500, 1800, BANDS), "1/cm", "raman_shift")


class Figure(NamedTuple):
    """A row of the table."""

    what: str
    value: str
    goal: str


@dataclass
class Counted:
    """An array that counts how often it is read."""

    array: NDArray[Any]
    reads: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.array, name)

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        return self.array[index]

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self.reads += 1
        return self.array.__array__(*args, **kwargs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(MEASURES))
    chosen = parser.parse_args().only or list(MEASURES)
    print("| what | GUI thread | goal |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "map.hdr")
        for name in chosen:
            for figure in MEASURES[name](path):
                print("|", " | ".join(figure), "|", flush=True)


# -- what is measured


def cursor(_path: Path) -> Iterator[Figure]:
    """Yield the cost of a move of the cursor, and of one while the dock is hidden."""
    viewer = napari.Viewer()
    for number in range(8):
        show(viewer, made(f"map {number}", side=32))
    dock = add_dock(viewer)
    yield milliseconds("cursor moves, 8 cubes × 1000 bands", moves(viewer, dock), "≤ 20")
    hide_all_but_first(viewer)
    for number in range(7):
        dock.pin((4 * number, 2 * number))
    yield milliseconds("cursor moves, 1 cube, 7 pins × 1000 bands", moves(viewer, dock), "≤ 20")
    yield hidden(viewer, dock)
    viewer.close()


def hidden(viewer: napari.Viewer, dock: SpectrumWidget) -> Figure:
    """Return what a hidden dock reads and draws while the cursor moves."""
    layer = viewer.layers[0]
    layer.data = counted = Counted(np.asarray(layer.data))
    dock.parent().close()
    settle()
    drawn = dock.curves
    counted.reads = 0
    spent = []
    for number in range(20):
        event = Moved((0, number, number))
        start = time.thread_time()
        for callback in viewer.mouse_move_callbacks:
            callback(viewer, event)
        QApplication.processEvents()
        spent.append(time.thread_time() - start)
    redraws = int(dock.curves is not drawn)
    value = f"{1e3 * median(spent):.2f} ms, {counted.reads} reads, {redraws} redraws"
    return Figure("cursor moves, dock hidden", value, "0 reads, 0 redraws")


def stroke(path: Path) -> Iterator[Figure]:
    """Yield the cost of a stroke on labels over a large file, without the dock and with it."""
    viewer = napari.Viewer()
    show(viewer, large(path))
    labels = viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8), name="classes")
    labels.data[10:60, 10:60] = 2
    labels.mode = "paint"
    labels.brush_size = 12
    stroke_of(viewer, labels)  # napari's first stroke takes longer
    without = median(stroke_of(viewer, labels) for _ in range(5))
    add_dock(viewer)
    stroke_of(viewer, labels)
    with_dock = median(stroke_of(viewer, labels) for _ in range(5))
    yield Figure("a stroke on labels, 512 × 512 × 1000 in a file", f"{1e3 * without:.0f} ms", "")
    ratio = with_dock / without
    value = f"{1e3 * with_dock:.0f} ms ({ratio:.2f} ×)"
    yield Figure("the same with the Spectrum dock open", value, "< 1.2 ×")
    viewer.close()


def region(path: Path) -> Iterator[Figure]:
    """Yield for how long a large region blocks the window."""
    viewer = napari.Viewer()
    show(viewer, large(path))
    dock = add_dock(viewer)
    corners = np.array([(50.0, 50), (50, 350), (350, 350), (350, 50)])
    shapes = viewer.add_shapes([corners], name="region")
    until(lambda: is_exact(dock, 90_000))
    blocks = []
    for number in range(3):
        before = dock.curves
        shapes.data = [corners + number + 1]
        blocks.append(longest_block(partial(is_exact, dock, 90_000, before)))
    yield milliseconds("the longest block of a region of 90,000 pixels", blocks, "< 50")
    viewer.close()


def opening(path: Path) -> Iterator[Figure]:
    """Yield what opening a file costs beyond napari's own layer."""
    large(path)
    viewer = napari.Viewer()
    ours, of_napari = [], []
    for _ in range(5):
        start = time.thread_time()
        viewer.open(path, plugin="napari-hyperspectral")
        settle()
        ours.append(time.thread_time() - start)
        viewer.layers.clear()
        settle()
        cube = read(path)
        start = time.thread_time()
        viewer.add_image(cube.data, contrast_limits=(0, 1000))
        settle()
        of_napari.append(time.thread_time() - start)
        viewer.layers.clear()
        settle()
    beyond = [max(0.0, median(ours) - median(of_napari))]
    yield milliseconds("opening a file of 524 MB, beyond napari's own layer", beyond, "< 100")
    viewer.close()


def dragging(_path: Path) -> Iterator[Figure]:
    """Yield the cost of each step of a range that is dragged, its map alive."""
    viewer = napari.Viewer()
    show(viewer, made("map", side=128))
    dock = add_dock(viewer)
    dock.show_point((0, 5, 5))
    dock.ranges.mode = "range"
    until(lambda: dock.ranges.map.layer is not None)
    spent = []
    for number in range(20):
        start = time.thread_time()
        dock.ranges.set_ranges([(800 + 10 * number, 900 + 10 * number)])
        QTest.qWait(60)
        spent.append(time.thread_time() - start)
    yield milliseconds("a step of a dragged range, map of 128 × 128 × 1000 alive", spent, "")
    viewer.close()


MEASURES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "cursor": cursor,
    "stroke": stroke,
    "region": region,
    "opening": opening,
    "dragging": dragging,
}


# -- how


class Moved(NamedTuple):
    """What the dock asks of an event of the mouse."""

    position: tuple[float, ...]


def made(name: str, side: int) -> Cube:
    """Return a cube of noise on a slope."""
    noise = np.random.default_rng(0).normal(100, 5, (BANDS, side, side))
    slope = np.linspace(0, 50, BANDS)[:, None, None]
    return Cube((noise + slope).astype(np.float32), AXIS, name=name)


def large(path: Path) -> Cube:
    """Return the cube in a file, which is written first: ENVI, interleaved by line."""
    if not path.exists():
        rng = np.random.default_rng(0)
        line = rng.integers(50, 1000, (BANDS, SIDE), dtype=np.uint16)
        with path.with_suffix(".raw").open("wb") as file:
            for number in range(SIDE):
                file.write((line + number % 7).astype("<u2").tobytes())
        centres = ", ".join(f"{centre:.2f}" for centre in AXIS.centres)
        path.write_text(
            f"ENVI\nsamples = {SIDE}\nlines = {SIDE}\nbands = {BANDS}\ndata type = 12\n"
            "interleave = bil\nbyte order = 0\nheader offset = 0\n"
            f"wavelength units = Wavenumber\nwavelength = {{{centres}}}\n"
        )
    cube = read(path)
    assert isinstance(cube, Cube)
    return cube


def show(viewer: napari.Viewer, cube: Cube) -> None:
    """Add a cube to a viewer."""
    data, attributes, _kind = to_layer(cube)
    viewer.add_image(data, **attributes)


def add_dock(viewer: napari.Viewer) -> SpectrumWidget:
    """Return the Spectrum dock, opened as from the menu."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Spectrum")
    settle()
    return dock


def hide_all_but_first(viewer: napari.Viewer) -> None:
    """Leave one layer visible."""
    for layer in viewer.layers[1:]:
        layer.visible = False
    settle()


def moves(viewer: napari.Viewer, dock: SpectrumWidget) -> list[float]:
    """Return the seconds of each of 20 moves of the cursor, with the drawing."""
    settle()
    spent = []
    for number in range(22):
        start = time.thread_time()
        dock.show_point((0, number, 31 - number))
        QApplication.processEvents()
        spent.append(time.thread_time() - start)
    return spent[2:]  # the first ones set the view up


def stroke_of(viewer: napari.Viewer, labels: napari.layers.Labels) -> float:
    """Return the seconds of a stroke of 40 moves of the mouse, until all is calm again."""
    labels.selected_label = 1 if labels.selected_label == 3 else 3  # the same again paints nothing
    canvas = viewer.window._qt_viewer.canvas.native
    middle = canvas.rect().center()
    start = time.thread_time()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    for number in range(40):
        QTest.mouseMove(canvas, middle + QPoint(2 * number, number))
        QTest.qWait(15)
    end = middle + QPoint(80, 40)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=end)
    QTest.qWait(1500)  # mean spectra follow
    return time.thread_time() - start


def longest_block(done: Callable[[], bool]) -> float:
    """Return the longest time that the events at a moment take, until something is done."""
    longest = 0.0
    while not done():
        start = time.thread_time()
        QApplication.processEvents()
        longest = max(longest, time.thread_time() - start)
        time.sleep(0.002)
    return longest


def is_exact(dock: SpectrumWidget, pixels: int, before: Sequence[Curve] = ()) -> bool:
    """Whether the mean of a region over all of its pixels is shown, and none of those before."""
    name = f"({pixels} px)"
    outdated = {id(curve) for curve in before}
    return any(name in curve.name for curve in dock.curves if id(curve) not in outdated)


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is done."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        QTest.qWait(10)


def settle() -> None:
    """Wait until the window is calm."""
    QTest.qWait(300)


def milliseconds(what: str, seconds: list[float], goal: str) -> Figure:
    """Return a row with a median."""
    return Figure(what, f"{1e3 * median(seconds):.1f} ms", f"{goal} ms" if goal else "")


if __name__ == "__main__":
    main()
