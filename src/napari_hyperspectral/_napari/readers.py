"""The reader of napari.yaml: paths that napari opens become layers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import current_thread, main_thread
from typing import Any, Final

from ..layers import LayerData
from .background import layers_of, wait_for
from .first_picture import show_when_added
from .paths import local_path, may_be_ours, without_companions
from .reading import Reading

NapariReader = Callable[[str | list[str]], list[LayerData]]

_WAIT_S: Final = 0.5
"""Seconds that the window stands still while a file is read, before it goes on beside it."""
_NO_LAYERS: Final[list[Any]] = [(None,)]
"""What a napari reader returns that adds no layer: a person cancelled it."""


def get_reader(path: str | list[str]) -> NapariReader | None:
    """Return the reader of a path, or None for folders and tables that are not ours.

    Files with a suffix of ours are always accepted: if one cannot be read, reading explains why.
    """
    paths = [path] if isinstance(path, str) else path
    if all(may_be_ours(local_path(each)) for each in paths):
        return read_layers
    return None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Read all images at one or several paths as layers; guesses are shown as warnings.

    They are read in a thread. Where that takes longer than half a second, the window goes on
    meanwhile and shows a progress bar; the layers are returned at the end all the same.

    An array of a file, and its layout, are given as in
    ``file://localhost/data/map.h5::scan/counts@yxb``: napari checks whether a path exists before it
    asks us, but not whether such an address does.
    """
    paths = [path] if isinstance(path, str) else list(path)
    paths = without_companions([local_path(each) for each in paths], _opened_with_these())
    if not paths:
        return _NO_LAYERS
    reading = Reading(paths)
    viewer = _viewer_of_this_thread()
    if viewer is None:
        reading.run()
        return layers_of(reading)
    if not reading.start().wait(_WAIT_S):
        wait_for(reading)
    if reading.cancelled:
        return _NO_LAYERS
    layers = layers_of(reading)
    show_when_added(viewer, reading.pictures)
    return layers


def _opened_with_these() -> list[str]:
    """Return all paths that napari is opening now; it passes them to us one after the other.

    They are in the progress bar of `Viewer.open`, which is not part of napari's interface: without
    it, a header and its data that are dropped at once become two layers.
    """
    from napari.utils import progress

    paths: list[str] = []
    for bar in getattr(progress, "_all_instances", ()):
        if bar.desc == "Opening Files":
            paths += _flattened(bar.iterable or ())
    return paths


def _flattened(opened: Any) -> Iterator[str]:
    """Yield each path, also of those that napari opens as one stack."""
    for each in opened:
        if isinstance(each, list):
            yield from map(str, each)
        else:
            yield str(each)


def _viewer_of_this_thread() -> Any:
    """Return the viewer, if there is one with a window, and it waits for this thread."""
    if current_thread() is not main_thread() or "qtpy" not in sys.modules:
        return None
    import napari

    return napari.current_viewer()
