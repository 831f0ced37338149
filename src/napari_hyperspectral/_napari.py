"""What napari.yaml points at: readers, writers, samples, commands. Thin; loads no torch.

napari itself is imported inside the functions that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import samples
from .cube import Image
from .io import FORMATS, UnknownFormatError, format_of, read_all, write
from .io.source import Source
from .layers import LayerData, from_layer, labels_for, to_layer

if TYPE_CHECKING:
    from napari.viewer import Viewer

PLUGIN: Final = "napari-hyperspectral"
Paths = str | list[str]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return what reads these files, or None where none of our formats has such names."""
    for each in _each(path):
        source = Source.parse(each).path
        try:
            format_of(source)
        except UnknownFormatError:
            return None
        if source.is_dir() and not _ours(source):
            return None
    return read_layers


def read_layers(paths: Paths) -> list[LayerData]:
    """Read files as layers; what they leave open is guessed, and said.

    Raises
    ------
    FileFormatError
        If a file is not what it should be.
    """
    return [to_layer(image) for path in _each(paths) for image in read_all(path, on_guess=_say)]


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer as a cube; napari's dialog has asked about overwriting."""
    return _written(path, from_layer(data, attributes, "image"))


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer; napari's dialog has asked about overwriting."""
    return _written(path, from_layer(data, attributes, "labels"))


def raman_cell() -> list[LayerData]:
    """Return a synthetic Raman map of a cell, noisy and clean."""
    return [to_layer(image) for image in reversed(samples.raman_cell())]


def land_scene() -> list[LayerData]:
    """Return a synthetic reflectance scene with its classes."""
    return [to_layer(image) for image in samples.land_scene()]


def indian_pines() -> list[LayerData]:
    """Return the Indian Pines scene with its ground truth."""
    return [to_layer(image) for image in samples.indian_pines()]


def add_labels_for_cube(viewer: Viewer) -> None:
    """Add an empty labels layer, (y, x), on the pixels of the selected cube, and start painting."""
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer
    from napari.utils.notifications import show_warning

    cubes = [layer for layer in viewer.layers.selection if isinstance(layer, ImageLayer)]
    cubes = cubes or [layer for layer in reversed(viewer.layers) if isinstance(layer, ImageLayer)]
    if not cubes:
        show_warning("Select the cube to make labels for: there is no image layer.")
        return
    cube = from_layer(*cubes[0].as_layer_data_tuple())
    labels = viewer.add_layer(Layer.create(*to_layer(labels_for(cube))))  # type: ignore[arg-type]
    labels.selected_label = 1
    labels.mode = "paint"


def prefer_this_plugin() -> None:
    """Open the suffixes that napari's own readers claim too with this plugin, from now on.

    napari's readers would drop the spectral axis.
    """
    from napari.settings import get_settings
    from napari.utils.notifications import show_info

    shared = shared_patterns()
    plugins = get_settings().plugins
    plugins.extension2reader = {**plugins.extension2reader, **dict.fromkeys(shared, PLUGIN)}
    show_info(
        f"From now on {', '.join(shared)} open with {PLUGIN}; to change it, see Preferences > Plugins."
    )


def shared_patterns() -> list[str]:
    """Return the patterns that both napari's own readers and this plugin claim."""
    from npe2 import PluginManager

    builtin = PluginManager.instance().get_manifest("napari").contributions.readers or ()
    theirs = {pattern for reader in builtin for pattern in reader.filename_patterns}
    return [pattern for pattern in patterns() if pattern in theirs]


def patterns() -> list[str]:
    """Return what the manifest claims: the patterns of all formats that can be read."""
    files = [p.rstrip("/") for f in FORMATS if f.reader for p in f.patterns if p != "*/"]
    return list(dict.fromkeys(files))


def _each(paths: Paths) -> Sequence[str]:
    return [paths] if isinstance(paths, str) else paths


def _ours(folder: Path) -> bool:
    """Whether a folder is a Zarr store, or holds TIFF files: every folder is offered to us."""
    if any((folder / name).exists() for name in ("zarr.json", ".zattrs", ".zgroup", ".zarray")):
        return True
    return any(child.suffix.lower() in (".tif", ".tiff") for child in folder.iterdir())


def _written(path: str, image: Image) -> list[str]:
    return [str(write(path, image, overwrite=True))]


def _say(guess: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(guess)
