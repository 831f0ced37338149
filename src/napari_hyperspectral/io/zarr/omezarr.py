"""OME-Zarr: chunked arrays in a folder, with axes, scale and channels as microscopy shares them.

Source: "OME-Zarr specification" 0.4 and 0.5, https://ngff.openmicroscopy.org/specifications/.
Stores that have no such description are read by `arrays`.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import zarr
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis, axis_from_json, axis_to_json
from ...cube import Cube, Image, Labels, Sampling, describe, image_from
from ...errors import FileFormatError
from ..metadata.axes import axis_from_names
from ..metadata.fields import Geometry
from ..metadata.json_axis import axis_of_json
from ..metadata.named_arrays import cube_from_array
from ..metadata.units import length_unit
from ..source import Source
from .arrays import images_of_arrays, images_of_hyperspy, is_hyperspy, letters_of
from .store import group_contents, lazy_array, members_of, opened_store, refusing_damage

_OURS: Final = "hyperspectral"
_AXIS: Final = "spectral_axis"
"""Attributes of ours: the description of the image, and its axis for other programs."""
_WRITTEN: Final = re.compile(r"zarr\.json|0/zarr\.json|0/c(/\d+)+")
"""Files of a store that was written here, with its one array."""
_LITTER: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that systems put into any folder that is looked at."""
_NO_AXES: Final = ("ome", "omero", "multiscales", _OURS, _AXIS)
"""Attributes in which no axis of others is searched."""
_VERSION: Final = "0.5"
_CHUNK: Final[Mapping[str, int]] = {"t": 1, "z": 1, "b": 32, "y": 64, "x": 64}
"""A band and a spectrum are both read fast from such chunks."""
_SLAB: Final = 2**28
"""Bytes that are loaded at a time while writing."""
_ORDER: Final = "tbzyx"
"""Order of axes that OME-Zarr asks for: time, channel, space."""
_HYPERSPY: Final = "ZSpy"
"""The `file_format` of a store of HyperSpy."""
_DEEPEST: Final = 6
"""Groups within groups that are searched for images."""
_CLASS_NAMES: Final = ("name", "class")
"""Properties of a label that hold its name; the specification leaves them free."""
_KINDS: Final = {"t": ("t", "time"), "b": ("c", "channel")}
"""Name and type of the axes that are not space."""
_LONG_UNITS: Final[Mapping[str, str]] = {  # OME-Zarr spells units as UDUNITS-2 does
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "km": "kilometer",
    "in": "inch",
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
}

_Region: TypeAlias = tuple[slice, ...]
"""A slice for each axis of an array."""
_JSON: TypeAlias = Mapping[str, Any]
"""An object of plain JSON, such as attributes or a part of them."""


def read_images(source: Source) -> list[Image]:
    """Read the images of a store, lazily: the full resolution of each.

    Raises
    ------
    FileFormatError
        If it is no Zarr store, or holds no image.
    """
    path = source.path
    root = opened_store(path)
    with refusing_damage(path):
        if source.array:
            root = _member(root, source)
        images = list(_images(root, source))
        if not images:
            raise FileFormatError(path, "no image in this Zarr store", group_contents(root))
    return images


def write_image(path: Path, image: Image) -> None:
    """Write an image region by region, so that one larger than memory does."""
    ours = [dim[0] for dim in image.dims]
    letters = [letter for letter in _ORDER if letter in ours]
    order = [ours.index(letter) for letter in letters]  # axes of ours in the order of the file
    shape = tuple(image.shape[axis] for axis in order)
    chunks = tuple(min(_CHUNK[n], size) for n, size in zip(letters, shape, strict=True))
    group = zarr.create_group(str(path), zarr_format=3)
    array = group.create_array(
        "0",
        shape=shape,
        dtype=np.dtype(image.data.dtype).newbyteorder("="),
        chunks=chunks,
        dimension_names=[_kind(letter)[0] for letter in letters],
        config={"write_empty_chunks": True},  # so that a chunk that is not there was lost
    )
    low = math.inf
    high = -math.inf
    for region in _regions(shape, array.chunks, array.dtype.itemsize):
        values = _loaded(image, region, order)
        array[region] = values
        finite = values[np.isfinite(values)]
        if finite.size:
            low = min(low, float(finite.min()))
            high = max(high, float(finite.max()))
    window = (low, high) if low < high else (0.0, 1.0)
    group.attrs.update(_attributes(image, letters, window))


def is_ours(path: Path) -> bool:
    """Whether a folder is a store that was written here, and nobody put anything else into it."""
    try:
        attributes = json.loads((path / "zarr.json").read_bytes()).get("attributes", {})
    except (OSError, ValueError, RecursionError, AttributeError):
        return False
    if _OURS not in attributes:
        return False
    for folder, _, names in os.walk(path):
        relative = Path(folder).relative_to(path).as_posix()
        for name in names:
            within = name if relative == "." else f"{relative}/{name}"
            if not _WRITTEN.fullmatch(within) and name not in _LITTER:
                return False
    return True


# reading


def _images(node: Any, source: Source, depth: int = 0) -> Iterator[Image]:
    """Yield the images at a node and below, the nearest that say what they are."""
    if isinstance(node, zarr.Array):
        yield from images_of_arrays({"": node}, node.attrs.asdict(), source)
        return
    attributes = node.attrs.asdict()
    ome = attributes.get("ome", attributes)  # version 0.4 has no key of its own
    if "multiscales" in ome:
        yield _image_of_multiscale(node, ome, attributes, source)
        return
    arrays, groups = members_of(node)
    if attributes.get("file_format") == _HYPERSPY and "Experiments" in groups:
        groups = {"Experiments": groups["Experiments"]}  # the others hold fitted models
    if is_hyperspy(node, arrays):
        yield from images_of_hyperspy(node, arrays["data"], source)
    elif arrays:
        yield from images_of_arrays(arrays, attributes, source)
    elif depth < _DEEPEST:
        for group in groups.values():
            yield from _images(group, source, depth + 1)


def _image_of_multiscale(group: Any, ome: _JSON, attributes: _JSON, source: Source) -> Image:
    """Return the full resolution of a group that OME-Zarr describes."""
    path = source.path
    multiscale = ome["multiscales"][0]
    level = multiscale["datasets"][0]
    array = group[level["path"]]
    axes = multiscale.get("axes", "tczyx")  # version 0.3 had no axes but these five
    names = [_axis_name(axis) for axis in axes]
    letters = letters_of(names)
    if letters is None or len(letters) != array.ndim:
        raise FileFormatError(
            path,
            f"axes {names} for {array.shape}",
            "axes of t, c, z, y and x are read; open the array itself, path::name@layout",
        )
    data = lazy_array(array, path)
    if _OURS in attributes and source.axes is None:
        return _described(data, letters, attributes[_OURS])
    layout = source.axes or letters
    units = [axis.get("unit") if isinstance(axis, dict) else None for axis in axes]
    scale, translation = _transformation(level, multiscale, len(letters))
    cube = cube_from_array(
        data,
        layout,
        None,
        name=_name(group, multiscale, path),
        history=(f"read {path.name}",),
        **_geometry(layout, letters, (scale, translation, units)),
    )
    bands = cube.shape[-3]
    if "image-label" in ome and bands == 1:
        return _labels(cube, ome["image-label"])
    axis = _axis(attributes, ome, bands)
    return cube if axis is None else replace(cube, axis=axis)


def _described(data: Any, letters: str, description: _JSON) -> Image:
    """Return the image that we wrote."""
    order = [letters.index(letter) for letter in "tzbyx" if letter in letters]
    return image_from(data.transpose(order), description)


def _name(group: Any, multiscale: _JSON, path: Path) -> str:
    """Return the name of an image: that of the file, where it holds no other."""
    if not group.path:
        return path.name.split(".")[0]
    stated = str(multiscale.get("name") or "").strip("/").rpartition("/")[2]
    return stated or str(group.path)


def _axis_name(axis: Any) -> str:
    return str(axis["name"]) if isinstance(axis, dict) else str(axis)


def _transformation(level: _JSON, multiscale: _JSON, ndim: int) -> tuple[list[float], list[float]]:
    """Return scale and translation of a level, a number an axis; those of all levels come last."""
    scale = [1.0] * ndim
    translation = [0.0] * ndim
    for owner in (level, multiscale):
        for step in owner.get("coordinateTransformations", ()):
            if step.get("type") == "scale":
                factors = [float(factor) for factor in step["scale"]]
                scale = [value * f for value, f in zip(scale, factors, strict=True)]
                translation = [value * f for value, f in zip(translation, factors, strict=True)]
            elif step.get("type") == "translation":
                shifts = [float(shift) for shift in step["translation"]]
                translation = [value + s for value, s in zip(translation, shifts, strict=True)]
    return scale, translation


def _geometry(
    layout: str,
    letters: str,
    transformation: tuple[Sequence[float], Sequence[float], Sequence[str | None]],
) -> Geometry:
    """Return where the pixels of a cube of this layout lie, and its slices and frames.

    Parameters
    ----------
    letters : str
        Axes of the array.
    transformation : three sequences
        Scale, translation and unit of each of them.
    """
    samplings = {
        letter: Sampling(step, start, length_unit(unit))
        for letter, step, start, unit in zip(letters, *transformation, strict=True)
    }
    geometry = Geometry()
    if "t" in letters and "t" in layout:
        geometry["t"] = samplings["t"]
    if "z" in letters and "z" in layout:
        geometry["z"] = samplings["z"]
    if "y" in letters and "x" in letters:
        y = samplings["y"]
        x = samplings["x"]
        geometry["pixel_size"] = (y.step, x.step)
        geometry["origin"] = (y.start, x.start)
        geometry["pixel_unit"] = y.unit if y.unit == x.unit else None
    return geometry


def _axis(attributes: _JSON, ome: _JSON, bands: int) -> Axis | None:
    """Return the axis in the attributes of a store: ours, or by the labels of its channels."""
    ours = attributes.get(_AXIS)
    if isinstance(ours, dict) and {"centres", "channels"} & set(ours):
        axis = axis_from_json(ours)
        return axis if len(axis) == bands else None
    channels = ome.get("omero", {}).get("channels", ())
    labels = [str(channel.get("label") or "") for channel in channels]
    if len(labels) == bands:
        spectral = axis_from_names(labels)
        if spectral is not None:
            return spectral
    others = {key: value for key, value in attributes.items() if key not in _NO_AXES}
    stated = axis_of_json(others, bands)
    if stated is not None and len(stated) == bands:
        return stated
    if len(labels) != bands or len(set(labels)) < bands:
        return None
    # programs that have no names for channels number them
    are_names = all(label and not label.isdigit() for label in labels)
    return ChannelAxis(tuple(labels)) if are_names else None


def _labels(cube: Cube, image_label: _JSON) -> Labels:
    """Return a label image with the names and colours of its classes, where each has one."""
    fields = {key: value for key, value in vars(cube).items() if key in Labels.__dataclass_fields__}
    labels = Labels(**fields | {"data": cube.data[..., 0, :, :]})
    names = _class_names(image_label)
    numbers = range(1, len(names) + 1)
    if set(names) - {0} != set(numbers):  # our classes are numbered without gaps
        return labels
    colours = {
        entry["label-value"]: "#" + bytes(entry["rgba"][:3]).hex()
        for entry in image_label.get("colors", ())
        if "rgba" in entry
    }
    all_coloured = {*numbers} <= set(colours)
    return replace(
        labels,
        classes=tuple(names[number] for number in numbers),
        colours=tuple(colours[number] for number in numbers) if all_coloured else (),
    )


def _class_names(image_label: _JSON) -> dict[int, str]:
    names = {}
    for entry in image_label.get("properties", ()):
        for key in _CLASS_NAMES:
            if key in entry:
                names[entry["label-value"]] = str(entry[key])
    return names


def _member(root: Any, source: Source) -> Any:
    """Return the group or array that was asked for by its path in the store."""
    try:
        return root[source.array]
    except (KeyError, AttributeError) as error:  # an array has no members
        raise FileFormatError(
            source.path, f"no array {source.array!r}", group_contents(root)
        ) from error


# writing


def _loaded(image: Image, region: _Region, order: Sequence[int]) -> NDArray[Any]:
    """Return the values of a region, which has the axes of ours in another order."""
    ours = tuple(region[order.index(axis)] for axis in range(len(order)))
    values: NDArray[Any] = np.asarray(image.data[ours])
    return values.transpose(order)


def _regions(shape: Sequence[int], chunks: Sequence[int], itemsize: int) -> Iterator[_Region]:
    """Yield slices that cover `shape` in whole chunks, rows of planes of a bounded size."""
    steps = [min(chunk, size) for chunk, size in zip(chunks, shape, strict=True)]
    steps[-1] = shape[-1]
    rows_of_chunks = max(1, _SLAB // (math.prod(steps) * itemsize))
    steps[-2] = min(shape[-2], steps[-2] * rows_of_chunks)
    starts = (range(0, size, step) for size, step in zip(shape, steps, strict=True))
    for corner in product(*starts):
        yield tuple(slice(start, start + step) for start, step in zip(corner, steps, strict=True))


def _kind(letter: str) -> tuple[str, str]:
    return _KINDS.get(letter, (letter, "space"))


def _attributes(
    image: Image, letters: Sequence[str], window: tuple[float, float]
) -> dict[str, Any]:
    """Return the attributes of the group: those of OME-Zarr, and ours."""
    scale: list[float] = []
    translation: list[float] = []
    axes: list[dict[str, str]] = []
    for letter in letters:
        sampling = _sampling(image, letter)
        name, kind = _kind(letter)
        axis = {"name": name, "type": kind}
        unit = _LONG_UNITS.get(sampling.unit or "")
        if unit is not None:
            axis["unit"] = unit
        axes.append(axis)
        scale.append(float(sampling.step))
        translation.append(float(sampling.start))
    steps = [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": translation},
    ]
    level = {"path": "0", "coordinateTransformations": steps}
    multiscale = {"name": image.name or "image", "axes": axes, "datasets": [level]}
    ome: dict[str, Any] = {"version": _VERSION, "multiscales": [multiscale]}
    attributes = {"ome": ome, _OURS: describe(image)}
    if isinstance(image, Labels):
        ome["image-label"] = _image_label(image)
        return attributes
    ome["omero"] = {"channels": _channels(image.axis, window)}
    return attributes | {_AXIS: axis_to_json(image.axis)}


def _image_label(labels: Labels) -> dict[str, Any]:
    """Return names and colours of the classes as OME-Zarr has them, for those that have one."""
    image_label: dict[str, Any] = {"version": _VERSION}
    if labels.classes:
        named = enumerate(labels.classes, 1)
        image_label["properties"] = [{"label-value": n, "name": name} for n, name in named]
    if labels.colours:
        image_label["colors"] = []
        for number, colour in enumerate(labels.colours, 1):
            rgba = [*bytes.fromhex(colour.removeprefix("#")), 255]
            image_label["colors"].append({"label-value": number, "rgba": rgba})
    return image_label


def _sampling(image: Image, letter: str) -> Sampling:
    """Return step and start along an axis; of bands, and of frames that are counted, 1 and 0."""
    leading = {"t": image.t, "z": image.z, "b": Sampling()}
    if letter in leading:
        return leading[letter] or Sampling()
    side = "yx".index(letter)
    return Sampling(image.pixel_size[side], image.origin[side], image.pixel_unit)


def _channels(axis: Axis, window: tuple[float, float]) -> list[dict[str, Any]]:
    """Return how viewers show the bands: the first, in grey, between these values."""
    low, high = window
    limits = {"min": low, "start": low, "end": high, "max": high}
    channels = []
    for band in range(len(axis)):
        channel = {"label": _label(axis, band), "active": band == 0}
        channels.append(channel | {"color": "FFFFFF", "window": limits})
    return channels


def _label(axis: Axis, band: int) -> str:
    if isinstance(axis, ChannelAxis):
        return axis.names[band]
    if axis.unit is None:
        return str(band)
    unit = "cm-1" if axis.unit == "1/cm" else axis.unit
    return f"{float(axis.centres[band])!r} {unit}"
