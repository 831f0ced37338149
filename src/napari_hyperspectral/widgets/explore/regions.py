"""Mean spectra of the regions that are drawn and painted: shapes, and all classes of labels.

What a region is made of is taken from its layer in the GUI thread, as plain arrays. Masks and means
are computed in a worker: a few hundred pixels first, all of them later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.layers import Shapes as ShapesLayer

from ...painting.classes import names_by_number
from ...progress import Job, Progress
from ...spectra.arrays import Array, Mask
from ...spectra.regions import (
    RegionSpectra,
    ellipse_outline,
    moved_mask,
    polygon_mask,
    region_spectra_steps,
)
from .layers import Position, data_of, index_along, pixel_transform, plane_of

SAMPLE_PIXELS: Final = 256
"""Pixels of the first, quick mean of a region."""
MOST_REGIONS: Final = 16
"""Regions whose spectra are shown."""
_AREAS: Final = ("rectangle", "polygon", "ellipse")
"""Shapes that have an inside."""


class Region(NamedTuple):
    """Some pixels of a cube."""

    name: str
    colour: str
    mask: Mask
    """True in the region, shape (y, x)."""


class Regions(Protocol):
    """The regions of a layer, on the pixels of a cube: plain arrays, for a worker."""

    def on(self, shape: tuple[int, int]) -> Iterator[Region]:
        """Yield those that have pixels; `shape` is that of the cube, (y, x)."""


class RegionMean(NamedTuple):
    """The mean spectrum of a cube in a region."""

    cube: int
    """Which of the cubes it is of."""
    region: Region
    spectra: RegionSpectra
    exact: bool
    """Whether all pixels were taken."""


class CubePixels(NamedTuple):
    """A cube whose spectra are wanted: its array and which frame and plane of it are shown."""

    data: Any
    plane: tuple[int, ...]
    regions: tuple[Regions, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        height, width = self.data.shape[-2:]
        return int(height), int(width)


@dataclass(frozen=True)
class ShapeRegions:
    """Shapes with an inside, each a region.

    Parameters
    ----------
    outlines : sequence of (name, colour, ndarray)
        Corners of each, shape (corner, (y, x)), in pixels of the cube.
    """

    outlines: Sequence[tuple[str, str, Array]]

    def on(self, shape: tuple[int, int]) -> Iterator[Region]:
        """Yield the shapes that hold the centre of a pixel."""
        for name, colour, outline in self.outlines:
            mask = polygon_mask(outline, shape)
            if mask.any():
                yield Region(name, colour, mask)


@dataclass(frozen=True)
class PaintedRegions:
    """Labels, each class a region.

    Parameters
    ----------
    labels : ndarray of int, shape (…, y, x)
        The plane that is shown, of all its bands.
    names : dict of int to str
        Of the classes that have one.
    layer : str
        Name of the layer, for those that have none.
    colormap : napari.utils.colormaps.Colormap
        Of the layer.
    matrix, offset : ndarray, shapes (2, 2) and (2,)
        From pixels of the cube to those of the labels.
    """

    labels: Array
    names: dict[int, str]
    layer: str
    colormap: Any
    matrix: Array
    offset: Array

    def on(self, shape: tuple[int, int]) -> Iterator[Region]:
        """Yield the classes that are painted on the cube, in the order of their numbers."""
        planes = self.labels.reshape(-1, *self.labels.shape[-2:])
        for number in np.unique(planes).tolist():
            if number == 0:
                continue
            painted = (planes == number).any(axis=0)  # on any band
            mask = moved_mask(painted, self.matrix, self.offset, shape)
            if mask.any():
                name = self.names.get(number, f"{self.layer} {number}")
                yield Region(name, self._colour(number), mask)

    def _colour(self, number: int) -> str:
        red, green, blue = (255 * self.colormap.map(np.array([number]))[0, :3]).astype(int)
        return f"#{red:02x}{green:02x}{blue:02x}"


def is_region_layer(layer: Layer) -> bool:
    """Whether regions may be drawn or painted on a layer."""
    return isinstance(layer, ShapesLayer | LabelsLayer)


def regions_of(layer: Layer, cube: ImageLayer, shown: Position) -> Regions:
    """Return the regions of a layer of shapes or labels, for a cube.

    Of shapes, the selected ones, or all. `shown` is the point of the sliders: it chooses the plane
    of labels.
    """
    if isinstance(layer, ShapesLayer):
        return _of_shapes(layer, cube)
    return _painted(layer, cube, shown)


def region_means(cubes: Sequence[CubePixels], most_pixels: int) -> Job[list[RegionMean]]:
    """Yield progress; return the mean spectra of cubes in their regions.

    Parameters
    ----------
    cubes : sequence of CubePixels
        The cubes, the main one first: it has all its regions before others have theirs, and no more
        than 16 spectra are made.
    most_pixels : int
        Larger regions are sampled.
    """
    means: list[RegionMean] = []
    for number, cube in enumerate(cubes):
        for source in cube.regions:
            for region in source.on(cube.shape):
                if len(means) == MOST_REGIONS:
                    return means
                yield Progress(len(means), 0)
                spectra = yield from region_spectra_steps(
                    cube.data, region.mask, cube.plane, most_pixels=most_pixels
                )
                if spectra is not None:
                    exact = spectra.pixels == int(region.mask.sum())
                    means.append(RegionMean(number, region, spectra, exact))
    return means


def _of_shapes(shapes: ShapesLayer, cube: ImageLayer) -> ShapeRegions:
    matrix, offset = pixel_transform(shapes, cube)
    chosen = sorted(shapes.selected_data) or range(shapes.nshapes)
    areas = [index for index in chosen if shapes.shape_type[index] in _AREAS]
    outlines = []
    for index in areas:
        name = str(shapes.name) if len(areas) == 1 else f"{shapes.name} {index + 1}"
        outline = _outline(shapes, index) @ matrix.T + offset
        outlines.append((name, _edge_colour(shapes, index), outline))
    return ShapeRegions(outlines)


def _edge_colour(shapes: ShapesLayer, index: int) -> str:
    red, green, blue = (255 * np.asarray(shapes.edge_color)[index, :3]).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _outline(shapes: ShapesLayer, index: int) -> Array:
    """Return the corners of a shape, (corner, (y, x)), in pixels of its layer."""
    corners = np.asarray(shapes.data[index], dtype=np.float64)[:, -2:]
    if shapes.shape_type[index] == "ellipse":
        return ellipse_outline(corners)
    return corners


def _painted(labels: LabelsLayer, cube: ImageLayer, shown: Position) -> PaintedRegions:
    data = data_of(labels)
    coordinates = labels.world_to_data(shown)[:-3]
    plane = tuple(index_along(at, size) for at, size in zip(coordinates, data.shape, strict=False))
    matrix, offset = pixel_transform(cube, labels)
    # a copy: it is painted on while the worker reads
    return PaintedRegions(
        labels=np.array(data[plane]),
        names=names_by_number(labels.features),
        layer=str(labels.name),
        colormap=labels.colormap,
        matrix=matrix,
        offset=offset,
    )


def cube_pixels(cube: ImageLayer, region_layers: Sequence[Layer], shown: Position) -> CubePixels:
    """Return what a worker needs of a cube and of the layers with regions."""
    regions = tuple(regions_of(layer, cube, shown) for layer in region_layers)
    return CubePixels(data_of(cube), plane_of(cube, shown), regions)
