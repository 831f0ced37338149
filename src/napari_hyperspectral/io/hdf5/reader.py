"""HDF5, in the layouts that say what they hold, and plain.

Sources: NeXus, "NXdata", https://manual.nexusformat.org/classes/base_classes/NXdata.html ;
HyperSpy, "HSpy - HyperSpy's HDF5 Specification",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/hspy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Image, image_from
from ...errors import AmbiguousError, FileFormatError
from ..metadata.microscopy import plain
from ..metadata.named_arrays import cube_from_array, images_from_arrays, layout_with_bands
from ..metadata.separate_bands import BandArray, BandSeries, series_of_bands
from ..metadata.units import spectral_unit, states_unit
from ..source import Source
from . import delmic, emd, hdfeos, hyperspy, matlab, nexus, ptir
from .file import (
    attribute,
    dataset_in,
    datasets,
    groups,
    lazy_dataset,
    loaded_vector,
    opened_hdf5,
    own_description,
    text,
)
from .hdf4 import is_hdf4
from .image import SPECTRAL_NAME, SPECTRAL_ONLY, Dimension, cube_of_dataset

_MATLAB: Final = b"MATLAB 7.3 MAT-file"
_ENERGY_NAMES: Final = ("energy", "photon_energy")


def read_images(source: Source) -> list[Image]:
    """Read the images of a file lazily, in the first layout that fits."""
    with source.path.open("rb") as start:
        if start.read(len(_MATLAB)) == _MATLAB:
            return matlab.read_images(source)
    if is_hdf4(source.path):
        from .netcdf import read_images as read_named  # which reads HDF5 with this module

        return read_named(source)
    with opened_hdf5(source.path) as file:
        if source.axes is None:
            for layout in _LAYOUTS:
                images = layout(file, source.path)
                named = [image for image in images if source.array in (None, image.name)]
                if named:
                    return named
        return [*_generic(file, source)]


# ---------------------------------------------------------------------------------- layouts


def _ours(file: h5py.File, path: Path) -> list[Image]:
    """Return the image that we wrote, with all that we knew of it."""
    stored = own_description(file)
    if stored is None:
        return []
    description, dataset = stored
    data = lazy_dataset(path, dataset)
    if text(file, "file_format").lower() == "hyperspy" and "axis" in description:
        data = _bands_before_rows(data)
    return [image_from(data, description)]


def _bands_before_rows(data: Any) -> Any:
    """Return (…, y, x, band) as (…, band, y, x)."""
    leading = range(data.ndim - 3)
    return data.transpose((*leading, data.ndim - 1, data.ndim - 3, data.ndim - 2))


def _ilastik(file: h5py.File, path: Path) -> list[Image]:
    """Return the arrays of ilastik (vigra), whose axes are named by one letter, c for channels."""
    images: list[Image] = []
    for item in datasets(file):
        layout = _layout_in_tags(text(item, "axistags"))
        if layout and len(layout) == item.ndim:
            name = item.name.strip("/")
            history = (f"read {path.name}",)
            images.append(
                cube_from_array(lazy_dataset(path, item), layout, None, name=name, history=history)
            )
    return images


def _layout_in_tags(tags: str) -> str:
    """Return the letters of the axes in vigra's JSON; empty where they are none."""
    try:
        keys = [str(axis["key"]) for axis in json.loads(tags)["axes"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    layout = "".join(keys).replace("c", "b")
    return layout if set(layout) <= set("tzbyx") and len(set(layout)) == len(keys) else ""


def _x_ray_stacks(file: h5py.File, path: Path) -> list[Image]:
    """Return the stacks of an X-ray microscope: data with energy, sample_y and sample_x."""
    images: list[Image] = []
    for group in [file, *groups(file)]:
        data = dataset_in(group, "data")
        if data is None or data.ndim != 3 or data.dtype.kind not in "iuf":
            continue
        dimensions = _x_ray_dimensions(group, data)
        if dimensions:
            name = (group.name or "").strip("/") or path.stem
            images.append(cube_of_dataset(path, data, dimensions, name=name))
    return images


def _x_ray_dimensions(group: h5py.Group, data: h5py.Dataset) -> list[Dimension]:
    """Return the axes of data, where each has its vector in the group; else an empty list."""
    vectors = []
    for names in (_ENERGY_NAMES, ("sample_y",), ("sample_x",)):
        named = [dataset_in(group, name) for name in names]
        vector = next((each for each in named if each is not None), None)
        if vector is None or vector.dtype.kind not in "iuf":
            return []
        vectors.append(vector)
    energy = vectors[0]
    for order in permutations(vectors):  # energy, y, x first: what instruments write
        if tuple(vector.size for vector in order) == data.shape:
            return [_dimension(vector, spectral=vector is energy) for vector in order]
    return []


def _dimension(vector: h5py.Dataset, spectral: bool | None = None) -> Dimension:
    return Dimension(
        _last_name(vector.name), text(vector, "units"), loaded_vector(vector), spectral
    )


def _last_name(path: str) -> str:
    return path.rpartition("/")[2]


_LAYOUTS: Final = (
    _ours,
    hyperspy.images_in,
    nexus.images_in,
    delmic.images_in,
    ptir.images_in,
    emd.images_in,
    hdfeos.images_in,
    _ilastik,
    _x_ray_stacks,
)
"""Asked one after the other: each knows its own."""


# ---------------------------------------------------------------------------------- plain HDF5


def _generic(file: h5py.File, source: Source) -> Iterator[Image]:
    """Yield the images among datasets that only have names."""
    items = {item.name.strip("/"): item for item in datasets(file)}
    vectors = {name: item for name, item in items.items() if _is_vector(item)}
    images = {}
    for name, item in items.items():
        if item.dtype.kind in "iufb" and item.ndim >= 2 and name not in vectors:
            images[name] = item
    series = _series(source, images)
    if series:
        for each in series:
            yield _image_of_series(source, each, items)
        return
    for name, item in _chosen(source, items, images).items():
        yield _plain_image(source, name, item, _nearest(name, vectors))


def _series(source: Source, images: Mapping[str, h5py.Dataset]) -> list[BandSeries]:
    """Return the cubes that datasets of one band each make, where no dataset is one itself."""
    asked = (source.array or "").strip("/")
    is_cube = any(item.ndim > 2 for item in images.values())
    if source.axes is not None or asked in images or (is_cube and not asked):
        return []
    planes = []
    for name, item in images.items():
        if item.ndim == 2 and item.size:
            attributes = {key: attribute(item, key) for key in item.attrs}
            planes.append(BandArray(name, item.shape, item.dtype, attributes))
    series = series_of_bands(source.path, planes)
    return [each for each in series if asked in ("", each.name)]


def _image_of_series(
    source: Source, series: BandSeries, items: Mapping[str, h5py.Dataset]
) -> Image:
    """Return the cube of datasets of one band each, (y, x)."""
    arrays = {each.name: lazy_dataset(source.path, items[each.name]) for each in series.members}
    first = items[series.members[0].name]
    return cube_from_array(
        series.stacked(arrays),
        "byx",
        series.axis,
        name=f"{source.path.stem} {series.name}",
        history=(f"read {source.path.name}",),
        intensity_unit=text(first, "units") or None,
        metadata=plain(series.metadata),
    )


def _chosen(
    source: Source, items: Mapping[str, h5py.Dataset], images: Mapping[str, h5py.Dataset]
) -> Mapping[str, h5py.Dataset]:
    """Return the dataset asked for, else those with most axes.

    Raises
    ------
    FileFormatError
        If there is none.
    AmbiguousError
        If several could be meant, and nobody listens to a guess.
    """
    asked = (source.array or "").strip("/")
    if asked:
        if asked not in images:
            raise FileFormatError(
                source.path,
                f"no image {source.array!r}",
                f"there are {', '.join(images) or 'none'}",
            )
        return {asked: images[asked]}
    chosen = {name: item for name, item in images.items() if item.ndim >= 3} or images
    if not chosen:
        listed = ", ".join(f"{name} {item.shape}" for name, item in items.items()) or "nothing"
        raise FileFormatError(source.path, "no array with two to five axes", f"there is {listed}")
    if len(chosen) > 1 and source.on_guess is None:
        listed = ", ".join(f"{name} {item.shape} {item.dtype}" for name, item in chosen.items())
        raise AmbiguousError(
            source.path,
            f"{len(chosen)} arrays could be meant: {listed}",
            f"choose one, as in {source.path.name}::{next(iter(chosen))}",
        )
    return chosen


def _is_vector(item: h5py.Dataset) -> bool:
    return item.dtype.kind in "iuf" and sum(size > 1 for size in item.shape) == 1 and item.ndim <= 2


def _nearest(name: str, vectors: Mapping[str, h5py.Dataset]) -> dict[str, h5py.Dataset]:
    """Return the vectors of the same group, or of the nearest one above that has any."""
    group = name
    while group:
        group = group.rpartition("/")[0]
        members = {}
        for path, vector in vectors.items():
            parent, _, last_name = path.rpartition("/")
            if parent == group:
                members[last_name] = vector
        if members:
            return members
    return dict(vectors)


def _plain_image(
    source: Source, name: str, item: h5py.Dataset, vectors: Mapping[str, h5py.Dataset]
) -> Image:
    """Return a dataset with the axis that a vector, or else one of its attributes, states."""
    history = (f"read {source.path.name}",)
    title = f"{source.path.stem} {name}"
    data = lazy_dataset(source.path, item)
    stated = _stated_axis(source, item, vectors.values())
    if stated is not None:  # a unit says more than a name
        layout, axis = stated
        return cube_from_array(data, layout, axis, name=title, history=history)
    arrays: dict[str, Any] = _vectors_in_attributes(item)
    if not arrays:
        arrays = {key: loaded_vector(vector) for key, vector in vectors.items()}
    arrays[name] = data
    asked = replace(source, array=name)
    return images_from_arrays(arrays, asked, name=title, history=history)[0]


def _stated_axis(
    source: Source, item: h5py.Dataset, vectors: Iterable[h5py.Dataset]
) -> tuple[str, SpectralAxis | None] | None:
    """Return layout and axis by the first vector with a spectral unit that fits; None without."""
    for vector in vectors:
        units = text(vector, "units")
        unit = spectral_unit(units)
        layout = source.axes or layout_with_bands(item.shape, vector.size)
        if not states_unit(units) or not layout or "b" not in layout:
            continue
        fits = item.shape[layout.index("b")] == vector.size
        is_named = SPECTRAL_NAME.search(_last_name(vector.name))
        is_spectral = unit is not None and unit.unit in SPECTRAL_ONLY
        if fits and (is_named or is_spectral):
            return layout, _dimension(vector).axis()
    return None


def _vectors_in_attributes(item: h5py.Dataset) -> dict[str, NDArray[Any]]:
    """Return the attributes that are spectral by their name, and as long as an axis."""
    vectors = {}
    for key in item.attrs:
        if SPECTRAL_NAME.search(key):
            values = np.ravel(item.attrs[key])
            if values.dtype.kind in "iuf" and values.size in item.shape:
                vectors[key] = values
    return vectors
