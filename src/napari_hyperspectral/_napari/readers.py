"""The reader of napari.yaml: paths that napari opens become layers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import current_thread, main_thread
from typing import Any, Final

from ..layers import LayerData
from .background import add_when_read, layers_of
from .paths import local_path, may_be_ours, without_companions
from .reading import Reading

NapariReader = Callable[[str | list[str]], list[LayerData]]

_WAIT_S: Final = 1.0
"""Seconds that napari waits for a file to be read, before it is read in the background."""
_NO_LAYERS: Final[list[Any]] = [(None,)]
"""What a napari reader returns that has read a file, and adds no layer by itself."""


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

    In a viewer, files that take longer than a second are read in the background: napari gets no
    layers yet, but a progress bar; the layers are added at the end.

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
    elif not reading.start().wait(_WAIT_S):
        add_when_read(reading, viewer)
        return _NO_LAYERS
    return layers_of(reading)


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
