"""What a viewer shows of cubes that were just opened: band, contrast, colours, the name of the band."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..axis import ChannelAxis
from ..cube import Cube, Image
from ..layers import METADATA_KEY, LayerData, to_layer
from ..picture.band_text import BandText, is_flat_image
from ..picture.bands import band_with_structure, limits_of_band
from ..picture.colours import colormap_of, in_true_colours
from ..picture.sample import sample_of

_SURVEY: Final = ChannelAxis(("total ion current",))


@dataclass(frozen=True)
class FirstPicture:
    """How a cube is shown first.

    Parameters
    ----------
    cube : Cube
        The cube.
    description : dict
        Of its layer, by which that is known again: napari keeps the object.
    band : int or None
        The band that is shown; None of an image without a slider.
    """

    cube: Cube
    description: Any
    band: int | None


def surveys_last(images: Sequence[Image]) -> list[Image]:
    """Return images in the order of their layers: total ion currents on top of the mass spectra."""
    surveys = [image for image in images if _is_survey(image)]
    others = [image for image in images if not _is_survey(image)]
    return [*others, *surveys]


def _is_survey(image: Image) -> bool:
    return isinstance(image, Cube) and image.axis == _SURVEY


def first_pictures(images: Sequence[Image], layers: Sequence[LayerData]) -> list[FirstPicture]:
    """Choose band, contrast and colormap of each cube with several bands, by a small sample.

    The attributes of the layers are changed. This reads a little of the data, and runs in the
    thread that reads files.
    """
    pictures = []
    for image, (_data, attributes, kind) in zip(images, layers, strict=True):
        if kind != "image" or attributes.get("rgb"):
            continue
        assert isinstance(image, Cube)
        attributes["colormap"] = colormap_of(image.axis)
        if len(image.axis) > 1:
            pictures.append(_first_picture(image, attributes))
        elif _is_survey(image):
            attributes |= {"visible": True, "colormap": "inferno"}
            pictures.append(FirstPicture(image, attributes["metadata"][METADATA_KEY], None))
    return pictures


def _first_picture(cube: Cube, attributes: dict[str, Any]) -> FirstPicture:
    sample = sample_of(cube)
    band = band_with_structure(sample, cube.axis)
    limits = limits_of_band(sample, band)
    if limits is not None:
        attributes["contrast_limits"] = limits
    return FirstPicture(cube, attributes["metadata"][METADATA_KEY], band)


def show_when_added(viewer: Any, pictures: Sequence[FirstPicture]) -> None:
    """Show each picture as soon as napari adds its layer, which it is about to do."""
    awaited = list(pictures)
    # a person has chosen a band of what is there already: it stays
    moves_sliders = not any(layer.ndim > 2 for layer in viewer.layers)
    cubes: list[Any] = []

    def on_inserted(event: Any) -> None:
        layer = event.value
        picture = _picture_of(layer, awaited)
        if picture is None:
            return
        awaited.remove(picture)
        if picture.band is not None:
            if moves_sliders and not cubes:
                viewer.dims.set_point(viewer.dims.ndim - 3, picture.band)
            cubes.append(layer)
            _add_true_colours(picture.cube, layer, viewer)
        else:
            _hide_on_next_band(viewer, layer)
        if not awaited:
            inserted.disconnect(on_inserted)

    inserted = viewer.layers.events.inserted
    if awaited:
        BandText.of(viewer)
        # after the viewer's own callback, which moves the sliders to the middle
        inserted.connect(on_inserted, position="last")


def _picture_of(layer: Any, pictures: Sequence[FirstPicture]) -> FirstPicture | None:
    description = layer.metadata.get(METADATA_KEY)
    for picture in pictures:
        if picture.description is description:
            return picture
    return None


def _add_true_colours(cube: Cube, layer: Any, viewer: Any) -> None:
    """Lay a picture in true colours over a cube, if it has visible wavelengths; made in a thread.

    The first move to another band hides it, as it covers what is looked for.
    """
    from napari.qt.threading import create_worker

    def add(picture: Cube | None) -> None:
        if layer not in viewer.layers:
            return
        if picture is not None:
            above = viewer.layers.index(layer) + 1
            named = replace(picture, name=f"{layer.name} · true colour")
            added = viewer.add_layer(_colour_layer(named))
            viewer.layers.move(len(viewer.layers) - 1, above)
            _hide_on_next_band(viewer, added)
        _select_below(viewer, layer)

    worker = create_worker(in_true_colours, cube, _start_thread=False, _ignore_errors=True)
    worker.returned.connect(add)
    worker.errored.connect(lambda error: warnings.warn(f"no true colours: {error}", stacklevel=2))
    worker.start()


def _select_below(viewer: Any, cube: Any) -> None:
    """Select a cube in place of the picture that was just laid over it."""
    active = viewer.layers.selection.active
    if active is not None and is_flat_image(active):
        viewer.layers.selection.active = cube


def _colour_layer(picture: Cube) -> Any:
    from napari.layers import Layer

    return Layer.create(*to_layer(picture, in_colour=True))


def _hide_on_next_band(viewer: Any, layer: Any) -> None:
    """Hide a layer when the sliders move, once."""
    shown = viewer.dims.current_step

    def on_step(*_: object) -> None:
        if viewer.dims.current_step == shown:
            return
        viewer.dims.events.current_step.disconnect(on_step)
        if layer in viewer.layers:
            layer.visible = False

    viewer.dims.events.current_step.connect(on_step)
