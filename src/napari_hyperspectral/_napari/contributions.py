"""What napari.yaml names: readers, writers, samples and commands, each of them thin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from itertools import islice
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, Final
from urllib.parse import urlparse
from urllib.request import url2pathname

from .. import samples
from ..cube import Cube
from ..io import FORMATS, write
from ..layers import LayerData, from_layer, labels_layer, to_layer
from ..progress import Progress
from .reading import Reading

Reader = Callable[[str | list[str]], list[LayerData]]

PLUGIN: Final = "napari-hyperspectral"
_LOOK_AT: Final = 10_000
"""Entries of a folder to look at: napari asks about every folder, and some are whole disks."""
_LONGEST_HEADING: Final = 4096
_PATIENCE: Final = 1.0
"""Seconds that napari waits for a file to be read."""
_NO_LAYERS: Final[list[Any]] = [(None,)]
"""What a napari reader returns that has read a file, and adds no layer by itself."""
_DATA_OF_HEADERS: Final[Mapping[str, frozenset[str]]] = {
    ".hdr": frozenset(["", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".sli", ".bin"]),
    ".imzml": frozenset([".ibd"]),
    ".rpl": frozenset([".raw"]),
}
"""Suffixes of the data that belong to a header beside them."""


class NotWritten(Exception):
    """A layer could not be written. No ValueError: napari takes those for "no such writer"."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Return the reader of a path, or None for folders and tables that are not ours.

    Files whose names are ours are always taken: where one cannot be read, reading says why.
    """
    paths = [path] if isinstance(path, str) else path
    return read_layers if all(_may_be_ours(Path(_path(each))) for each in paths) else None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Read all images at one or several paths as layers; what had to be guessed is shown.

    In a viewer, what takes longer than a second is read on in the background: napari gets no
    layers yet, shows how far it is, and they come when they are there.

    An array of a file, and its layout, are named as in
    ``file://localhost/data/map.h5::scan/counts@yxb``: napari asks whether a path exists before
    it asks us, but not whether such an address does.
    """
    paths = [path] if isinstance(path, str) else list(path)
    wanted = _without_companions([_path(each) for each in paths], _opened_together())
    if not wanted:
        return _NO_LAYERS
    reading = Reading(wanted)
    viewer = _viewer_of_this_thread()
    if viewer is None:
        reading.run()
    elif not reading.start().wait(_PATIENCE):
        _add_when_read(reading, viewer)
        return _NO_LAYERS
    return _layers_of(reading)


def write_image(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer; napari has asked already whether to replace a file."""
    return _write(path, data, attributes, "image")


def write_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer; napari has asked already whether to replace a file."""
    return _write(path, data, attributes, "labels")


def raman_cell() -> list[LayerData]:
    """Return a synthetic Raman map of a cell, noisy and clean."""
    noisy, clean = samples.raman_cell()
    return [to_layer(clean), to_layer(noisy)]


def land_scene() -> list[LayerData]:
    """Return a synthetic landscape and its classes."""
    return [to_layer(image) for image in samples.land_scene()]


def indian_pines() -> list[LayerData]:
    """Return Indian Pines and its ground truth."""
    return [to_layer(image) for image in samples.indian_pines()]


def add_labels_for_cube() -> None:
    """Add empty labels, to paint on, to the selected cube: one image of them for all bands."""
    import napari
    from napari.layers import Layer
    from napari.utils.notifications import show_warning

    viewer = napari.current_viewer()
    layer = viewer.layers.selection.active if viewer else None
    if layer is None:
        show_warning("Select the layer of a cube first: the labels are made for it")
        return
    try:
        cube = from_layer(*layer.as_layer_data_tuple())
    except ValueError as error:
        show_warning(str(error))
        return
    if not isinstance(cube, Cube):
        show_warning(f"Layer {layer.name!r} holds labels already; select the layer of a cube")
        return
    viewer.add_layer(Layer.create(*labels_layer(cube)))


def prefer_us() -> None:
    """Let us open, from now on, the files that napari itself would open without their axis."""
    from napari.settings import get_settings
    from napari.utils.notifications import show_info

    plugins = get_settings().plugins
    ours = dict.fromkeys(_shared_patterns(), PLUGIN)
    plugins.extension2reader = {**plugins.extension2reader, **ours}
    show_info(f"napari-hyperspectral now opens {', '.join(ours)} (see Preferences > Plugins)")


def _shared_patterns() -> list[str]:
    """Return our patterns that napari's own reader claims too; stores are folders: "*.zarr/"."""
    from npe2 import PluginManager

    theirs = {
        pattern.lower()
        for contribution in PluginManager.instance().get_manifest("napari").contributions.readers
        or ()
        for pattern in contribution.filename_patterns
    }
    patterns = dict.fromkeys(p for f in FORMATS if f.reader for p in f.patterns if p != "*/")
    return [pattern for pattern in patterns if _suffix(pattern) in theirs]


def _suffix(pattern: str) -> str:
    """Return the last suffix of a pattern, as in "*.tif" for "*.ome.tif"."""
    return "*." + pattern.rstrip("/").rpartition(".")[2]


def _may_be_ours(path: Path) -> bool:
    try:
        return _is_our_folder(path) if path.is_dir() else not _is_napari_table(path)
    except OSError:  # reading will say what is wrong with it
        return path.is_file()


def _is_our_folder(path: Path) -> bool:
    from ..io.zarr.store import is_zarr

    patterns = (p for f in FORMATS if f.reader for p in f.patterns if p.endswith("/") and p != "*/")
    if is_zarr(path) or any(fnmatch(path.name.lower(), p.rstrip("/")) for p in patterns):
        return True
    return any(
        each.suffix.lower() in (".tif", ".tiff") for each in islice(path.iterdir(), _LOOK_AT)
    )


def _is_napari_table(path: Path) -> bool:
    """Whether a file is a table of points or shapes that napari wrote."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open("rb") as file:
        columns = file.readline(_LONGEST_HEADING).decode("utf-8", "replace").split(",")
    return {"axis-0", "axis-1"} <= {column.strip(' "\r\n') for column in columns}


def _without_companions(paths: list[str], together: Sequence[str]) -> list[str]:
    """Return paths without the data files whose headers are opened together with them."""
    headers = {
        Path(_path(each)) for each in together if each.lower().endswith(tuple(_DATA_OF_HEADERS))
    }
    owned = {
        (header.parent, stem.lower(), header.suffix.lower())
        for header in headers
        for stem in (header.stem, Path(header.stem).stem)
    }
    return [path for path in dict.fromkeys(paths) if not _is_owned(Path(path), owned)]


def _is_owned(path: Path, owned: set[tuple[Path, str, str]]) -> bool:
    return any(
        path.suffix.lower() in suffixes
        and {(path.parent, path.stem.lower(), header), (path.parent, path.name.lower(), header)}
        & owned
        for header, suffixes in _DATA_OF_HEADERS.items()
    )


def _opened_together() -> list[str]:
    """Return all paths that napari is opening now; it asks us for one after the other.

    They stand in the progress bar of `Viewer.open`, which is no promise of napari's: should it
    go, a header and its data that are dropped together become two layers.
    """
    from napari.utils import progress

    bars = list(getattr(progress, "_all_instances", ()))
    paths = (each for bar in bars if bar.desc == "Opening Files" for each in bar.iterable or ())
    return [str(path) for each in paths for path in (each if isinstance(each, list) else [each])]


def _viewer_of_this_thread() -> Any:
    """Return the viewer, if there is one with a window, and it waits for this thread."""
    if current_thread() is not main_thread() or "qtpy" not in sys.modules:
        return None
    import napari

    return napari.current_viewer()


def _layers_of(reading: Reading) -> list[LayerData]:
    """Return what was read, or raise what reading raised, and show what was guessed."""
    from napari.utils.notifications import show_warning

    for guess in reading.guesses:
        show_warning(guess)
    return reading.layers()


def _add_when_read(reading: Reading, viewer: Any) -> None:
    """Show how far a reading is, and add its layers to the viewer when they are there."""
    from napari.qt.threading import create_worker
    from napari.utils import cancelable_progress
    from napari.utils.notifications import show_warning

    title = f"reading {', '.join(Path(path).name for path in reading.paths)}"
    bar = cancelable_progress(total=0, desc=title)
    reports = _Titled(reading.reports)
    reports.title = title

    def show(step: Progress) -> None:
        if bar.is_canceled:
            cancel()
        bar.total = step.total
        bar.update(step.done - bar.n)

    def cancel() -> None:
        reading.cancelled = True

    def end() -> None:
        bar.close()
        if not reading.cancelled:
            _add(reading, viewer)

    worker = create_worker(reports, _start_thread=False, _ignore_errors=True)
    worker.yielded.connect(show)
    worker.aborted.connect(cancel)  # the viewer is being closed
    worker.warned.connect(lambda warning: show_warning(str(warning[0])))
    worker.finished.connect(end)
    worker.start()


class _Titled(partial[Any]):
    """A function that napari calls by a title, as when it asks whether to close."""

    title = ""

    def __str__(self) -> str:
        return self.title


def _add(reading: Reading, viewer: Any) -> None:
    from napari.layers import Layer
    from napari.layers._source import layer_source
    from napari.utils.notifications import notification_manager, show_error

    try:
        with layer_source(path=reading.paths[0], reader_plugin=PLUGIN):
            for data in _layers_of(reading):
                viewer.add_layer(Layer.create(*data))
    except (ValueError, OSError, ImportError) as error:
        show_error(str(error))
    except Exception as error:
        notification_manager.receive_error(type(error), error, error.__traceback__)


def _path(path: str) -> str:
    """Return the path in an address of a file on this computer."""
    address = urlparse(path)
    return url2pathname(address.path) if address.scheme == "file" else path


def _write(path: str, data: Any, attributes: Mapping[str, Any], kind: str) -> list[str]:
    try:
        return [str(write(path, from_layer(data, attributes, kind), overwrite=True))]
    except ValueError as error:
        raise NotWritten(str(error)) from error
