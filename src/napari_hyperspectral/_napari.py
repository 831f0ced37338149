"""What napari.yaml names: readers, writers, samples and commands, each of them thin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse
from urllib.request import url2pathname

from . import samples
from .cube import Cube
from .io import FORMATS, read_all, write
from .layers import LayerData, from_layer, labels_layer, to_layer

Reader = Callable[[str | list[str]], list[LayerData]]

PLUGIN: Final = "napari-hyperspectral"
_LOOK_AT: Final = 10_000
"""Entries of a folder to look at: napari asks about every folder, and some are whole disks."""


class NotWritten(Exception):
    """A layer could not be written. No ValueError: napari takes those for "no such writer"."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Return the reader of a path, or None for folders that hold neither Zarr nor TIFF files.

    Files whose names are ours are always taken: where one cannot be read, reading says why.
    """
    paths = [path] if isinstance(path, str) else path
    return read_layers if all(_may_be_ours(Path(_path(each))) for each in paths) else None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Read all images at one or several paths as layers; what had to be guessed is shown.

    An array of a file, and its layout, are named as in
    ``file://localhost/data/map.h5::scan/counts@yxb``: napari asks whether a path exists before
    it asks us, but not whether such an address does.
    """
    from napari.utils.notifications import show_warning

    paths = [path] if isinstance(path, str) else path
    return [
        to_layer(image) for each in paths for image in read_all(_path(each), on_guess=show_warning)
    ]


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
    if not path.is_dir():
        return True
    from .io.omezarr import is_zarr

    if is_zarr(path):
        return True
    return any(
        each.suffix.lower() in (".tif", ".tiff") for each in islice(path.iterdir(), _LOOK_AT)
    )


def _path(path: str) -> str:
    """Return the path in an address of a file on this computer."""
    address = urlparse(path)
    return url2pathname(address.path) if address.scheme == "file" else path


def _write(path: str, data: Any, attributes: Mapping[str, Any], kind: str) -> list[str]:
    try:
        return [str(write(path, from_layer(data, attributes, kind), overwrite=True))]
    except ValueError as error:
        raise NotWritten(str(error)) from error
