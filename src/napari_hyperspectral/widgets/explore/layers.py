"""Spectra of napari layers: of the pixel at a position; axes, planes and pixels of layers.

Positions are napari's world coordinates, in the units of the viewer; pixels are (y, x).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...layers import axis_in_metadata
from ...spectra.arrays import Array
from ...spectra.regions import pixel_spectrum

Position: TypeAlias = tuple[float, ...]
"""World coordinates, one for each dimension of the viewer."""


def axis_of_layer(layer: ImageLayer) -> Axis:
    """Return the axis of a cube, or one that numbers its bands where that cannot be plotted.

    Bands are numbered where the layer has no axis, or one of another length, and where at least half
    of the centres are repeated, as by cameras whose filters are not recorded: in a plot, all bands
    would lie at one position.
    """
    bands = int(data_of(layer).shape[-3])
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
    bands = data_of(layer).shape[-3]
    return index_along(layer.world_to_data(position)[-3], bands)


def spectrum_at(layer: ImageLayer, position: Position, shown: Position) -> Array | None:
    """Return the spectrum of a cube's pixel, (band,), or None outside of the cube.

    `shown` is the point of the sliders: it chooses frame and plane. Bad bands are NaN.
    """
    y, x = pixel_at(layer, position)
    data = data_of(layer)
    if not (0 <= y < data.shape[-2] and 0 <= x < data.shape[-1]):
        return None
    spectrum = pixel_spectrum(data, y, x, plane_of(layer, shown))
    return without_bad_bands(spectrum, axis_of_layer(layer))


def data_of(layer: Layer) -> Any:
    """Return the data of a layer in full resolution."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def index_along(coordinate: float, size: int) -> int:
    """Return the nearest index along an axis."""
    return int(min(max(round(coordinate), 0), size - 1))


def plane_of(layer: ImageLayer, shown: Position) -> tuple[int, ...]:
    """Return the frame and plane of a cube that are shown."""
    leading = data_of(layer).shape[:-3]
    coordinates = layer.world_to_data(shown)[: len(leading)]
    return tuple(index_along(at, size) for at, size in zip(coordinates, leading, strict=True))


def without_bad_bands(spectrum: Array, axis: Axis) -> Array:
    """Return a spectrum, (band,), with NaN in bad bands."""
    return np.where(axis.good, spectrum, np.nan)


def pixel_transform(source: Layer, target: Layer) -> tuple[Array, Array]:
    """Return matrix, (2, 2), and offset, (2,), from pixels (y, x) of one layer to another's."""

    def moved(y: int, x: int) -> Array:
        world = source.data_to_world((*(0,) * (source.ndim - 2), y, x))
        # napari aligns layers by their last axes
        padded = (*(0.0,) * (target.ndim - len(world)), *world)
        return np.asarray(target.world_to_data(padded)[-2:], dtype=np.float64)

    offset = moved(0, 0)
    matrix = np.stack([moved(1, 0) - offset, moved(0, 1) - offset], axis=1)
    return matrix, offset
