"""Spectra of napari layers: of the pixel at a position, and of a region drawn or painted.

Positions are napari's world coordinates, in the units of the viewer; pixels are (y, x).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.layers import Shapes as ShapesLayer

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..layers import axis_in_metadata
from ..painting.classes import names_by_number
from ..spectra.arrays import Array, Mask
from ..spectra.regions import (
    RegionSpectra,
    ellipse_outline,
    moved_mask,
    pixel_spectrum,
    polygon_mask,
    region_spectra,
)

Position: TypeAlias = tuple[float, ...]
"""World coordinates, one for each dimension of the viewer."""
RegionLayer: TypeAlias = ShapesLayer | LabelsLayer

_AREAS = ("rectangle", "polygon", "ellipse")
"""Shapes that have an inside."""


def axis_of_layer(layer: ImageLayer) -> Axis:
    """Return the axis of a cube, or one that numbers its bands where that cannot be plotted.

    Bands are numbered where the layer has no axis, or one of another length, and where at least half
    of the centres are repeated, as by cameras whose filters are not recorded: in a plot, all bands
    would lie at one position.
    """
    bands = int(_data(layer).shape[-3])
    axis = axis_in_metadata(layer.metadata)
    if axis is None or len(axis) != bands:
        return SpectralAxis.index(bands)
    if isinstance(axis, SpectralAxis) and 2 * len(np.unique(axis.centres)) <= bands > 1:
        return SpectralAxis(np.arange(bands), bad=axis.bad)
    return axis


def positions_on(axis: Axis) -> Array:
    """Return the positions of bands in a plot, (band,): centres, or numbers of channels."""
    if isinstance(axis, ChannelAxis):
        return np.arange(len(axis), dtype=np.float64)
    return axis.centres


def pixel_at(layer: Layer, position: Position) -> tuple[int, int]:
    """Return row and column of the pixel of a layer at a position, perhaps outside of it."""
    y, x = np.rint(layer.world_to_data(position)[-2:])
    return int(y), int(x)


def band_at(layer: ImageLayer, position: Position) -> int:
    """Return the band of a cube that is shown at a position."""
    bands = _data(layer).shape[-3]
    return _index(layer.world_to_data(position)[-3], bands)


def spectrum_at(layer: ImageLayer, position: Position, shown: Position) -> Array | None:
    """Return the spectrum of a cube's pixel, (band,), or None outside of the cube.

    `shown` is the point of the sliders: it chooses frame and plane. Bad bands are NaN.
    """
    y, x = pixel_at(layer, position)
    data = _data(layer)
    if not (0 <= y < data.shape[-2] and 0 <= x < data.shape[-1]):
        return None
    spectrum = pixel_spectrum(data, y, x, _plane(layer, shown))
    return _without_bad_bands(spectrum, axis_of_layer(layer))


def spectra_of_region(
    region: RegionLayer, layer: ImageLayer, shown: Position
) -> RegionSpectra | None:
    """Return the mean spectrum of a cube in a region; None where the region is empty.

    The region is the selected shapes, or all of them, or the pixels of the selected label.
    """
    mask = _mask(region, layer, shown)
    if mask is None:
        return None
    spectra = region_spectra(_data(layer), mask, _plane(layer, shown))
    if spectra is None:
        return None
    return spectra._replace(mean=_without_bad_bands(spectra.mean, axis_of_layer(layer)))


def name_of_region(region: RegionLayer) -> str:
    """Return the name of a layer of shapes, or of the selected class of labels."""
    if isinstance(region, ShapesLayer):
        return str(region.name)
    label = int(region.selected_label)
    names = names_by_number(region.features)
    return names.get(label, f"{region.name} {label}")


def _data(layer: Layer) -> Any:
    """Return the data of a layer in full resolution."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def _index(coordinate: float, size: int) -> int:
    """Return the nearest index along an axis."""
    return int(min(max(round(coordinate), 0), size - 1))


def _plane(layer: ImageLayer, shown: Position) -> tuple[int, ...]:
    """Return the frame and plane of a cube that are shown."""
    leading = _data(layer).shape[:-3]
    coordinates = layer.world_to_data(shown)[: len(leading)]
    return tuple(_index(at, size) for at, size in zip(coordinates, leading, strict=True))


def _without_bad_bands(spectrum: Array, axis: Axis) -> Array:
    return np.where(axis.good, spectrum, np.nan)


def _mask(region: RegionLayer, cube: ImageLayer, shown: Position) -> Mask | None:
    """Return the pixels of a cube, (y, x), in a region; None where no shape has an inside."""
    height, width = (int(size) for size in _data(cube).shape[-2:])
    if isinstance(region, LabelsLayer):
        painted = _painted(region, shown)
        matrix, offset = _pixel_transform(cube, region)
        return moved_mask(painted, matrix, offset, (height, width))
    matrix, offset = _pixel_transform(region, cube)
    masks = []
    for index in sorted(region.selected_data) or range(region.nshapes):
        if region.shape_type[index] not in _AREAS:
            continue
        outline = _outline(region, index) @ matrix.T + offset
        masks.append(polygon_mask(outline, (height, width)))
    return np.logical_or.reduce(masks) if masks else None


def _outline(shapes: ShapesLayer, index: int) -> Array:
    """Return the corners of a shape, (corner, (y, x)), in pixels of its layer."""
    corners = np.asarray(shapes.data[index], dtype=np.float64)[:, -2:]
    if shapes.shape_type[index] == "ellipse":
        return ellipse_outline(corners)
    return corners


def _painted(labels: LabelsLayer, shown: Position) -> Mask:
    """Return the pixels of the selected label, (y, x), on any band of the plane that is shown."""
    data = _data(labels)
    coordinates = labels.world_to_data(shown)[:-3]
    plane = tuple(_index(at, size) for at, size in zip(coordinates, data.shape, strict=False))
    selected: Mask = np.asarray(data[plane]) == labels.selected_label
    on_any_band: Mask = np.any(selected, axis=tuple(range(selected.ndim - 2)))
    return on_any_band


def _pixel_transform(source: Layer, target: Layer) -> tuple[Array, Array]:
    """Return matrix, (2, 2), and offset, (2,), from pixels (y, x) of one layer to another's."""

    def moved(y: int, x: int) -> Array:
        world = source.data_to_world((*(0,) * (source.ndim - 2), y, x))
        # napari aligns layers by their last axes
        padded = (*(0.0,) * (target.ndim - len(world)), *world)
        return np.asarray(target.world_to_data(padded)[-2:], dtype=np.float64)

    offset = moved(0, 0)
    matrix = np.stack([moved(1, 0) - offset, moved(0, 1) - offset], axis=1)
    return matrix, offset
