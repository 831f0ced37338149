"""The commands of napari.yaml that open no dock."""

from __future__ import annotations

from typing import Final

from ..cube import Cube
from ..io import FORMATS
from ..layers import from_layer, labels_layer
from .background import PLUGIN

_WORKSPACE: Final = ("Spectrum", "Predict", "Train", "Components", "Prepare")
"""Docks of daily work; the last one that there is comes to the front."""


def add_labels_for_cube() -> None:
    """Add empty labels, to paint on, to the selected cube: one image for all its bands."""
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


def open_workspace() -> None:
    """Open the docks of daily work: spectra at the bottom, the others as tabs on the right."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return
    for name in _workspace():
        viewer.window.add_plugin_dock_widget(PLUGIN, name)


def _workspace() -> list[str]:
    """Return the docks of a workspace that this plugin has, the one in front last."""
    from npe2 import PluginManager

    manifest = PluginManager.instance().get_manifest(PLUGIN)
    docks = {widget.display_name for widget in manifest.contributions.widgets or ()}
    return [name for name in _WORKSPACE if name in docks]


def prefer_this_plugin() -> None:
    """Open, from now on, files with this plugin that napari itself would open without their axis."""
    from napari.settings import get_settings
    from napari.utils.notifications import show_info

    plugins = get_settings().plugins
    readers = dict.fromkeys(_shared_patterns(), PLUGIN)
    plugins.extension2reader = {**plugins.extension2reader, **readers}
    show_info(f"napari-hyperspectral now opens {', '.join(readers)} (see Preferences > Plugins)")


def _shared_patterns() -> list[str]:
    """Return our patterns that napari's own reader has too; stores are folders: "*.zarr/"."""
    from npe2 import PluginManager

    napari_patterns: set[str] = set()
    manifest = PluginManager.instance().get_manifest("napari")
    for reader in manifest.contributions.readers or ():
        napari_patterns |= {pattern.lower() for pattern in reader.filename_patterns}

    shared: dict[str, None] = {}  # in the order of the formats, each once
    for known in FORMATS:
        for pattern in known.patterns if known.reader else ():
            if pattern != "*/" and _with_last_suffix(pattern) in napari_patterns:
                shared[pattern] = None
    return list(shared)


def _with_last_suffix(pattern: str) -> str:
    """Return a pattern with its last suffix only, as "*.tif" for "*.ome.tif"."""
    suffix = pattern.rstrip("/").rpartition(".")[2]
    return f"*.{suffix}"
