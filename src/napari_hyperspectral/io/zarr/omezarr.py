"""OME-Zarr: chunked arrays in a folder, with axes, scale and channels as microscopy shares them.

Source: "OME-Zarr specification" 0.4 and 0.5, https://ngff.openmicroscopy.org/specifications/.
Stores that have no such description are read by `zarrarrays`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import zarr

from ...axis import Axis, ChannelAxis, axis_from_json, axis_to_json
from ...cube import Cube, Image, Labels, Sampling, describe, image_from
from ...errors import FileFormatError
from ..metadata.axes import axis_from_names
from ..metadata.json_axis import axis_of_json
from ..metadata.named_arrays import cube_from_array
from ..metadata.units import length_unit
from ..source import Source
from .arrays import images_of_arrays, images_of_hyperspy, is_hyperspy, letters_of
from .store import is_zarr, lazy, listed, opened_store, refusing_damage

is_ours = is_zarr  # a store is one thing: it may be replaced as a whole

_OURS: Final = "hyperspectral"
_AXIS: Final = "spectral_axis"
_VERSION: Final = "0.5"
_CHUNK: Final[Mapping[str, int]] = {"t": 1, "z": 1, "b": 32, "y": 64, "x": 64}
"""A band and a spectrum are both read fast from such chunks."""
_SLAB: Final = 2**28
"""Bytes that are loaded at a time while writing."""
_ORDER: Final = "tbzyx"
"""Order of axes that OME-Zarr asks for: time, channel, space."""
_DEEPEST: Final = 6
"""Groups within groups that are searched for images."""
_KINDS: Final = {"t": ("t", "time"), "b": ("c", "channel")}
_LONG: Final[Mapping[str, str]] = {
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
            root = _inside(root, source)
        images = [*_images(root, source)]
        if not images:
            raise FileFormatError(path, "no image in this Zarr store", listed(root))
    return images


def write_image(path: Path, image: Image) -> None:
    """Write an image block by block, so that one larger than memory does."""
    letters = [dim[0] for dim in image.dims]
    order = [letters.index(letter) for letter in _ORDER if letter in letters]
    letters = [letters[place] for place in order]
    shape = tuple(image.shape[place] for place in order)
    group = zarr.create_group(str(path), zarr_format=3)
    array = group.create_array(
        "0",
        shape=shape,
        dtype=np.dtype(image.data.dtype).newbyteorder("="),
        chunks=tuple(min(_CHUNK[n], size) for n, size in zip(letters, shape, strict=True)),
        dimension_names=[_kind(letter)[0] for letter in letters],
    )
    low, high = math.inf, -math.inf
    for block in _blocks(shape, array.chunks, array.dtype.itemsize):
        there = tuple(block[order.index(place)] for place in range(len(order)))
        values = np.asarray(image.data[there]).transpose(order)
        array[block] = values
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    window = (low, high) if low < high else (0.0, 1.0)
    group.attrs.update(_attributes(image, letters, window))


def _images(node: Any, source: Source, depth: int = 0) -> Iterator[Image]:
    """Yield the images at `node` and below, the nearest that say what they are."""
    if isinstance(node, zarr.Array):
        yield from images_of_arrays({"": node}, node.attrs.asdict(), source)
        return
    attributes = node.attrs.asdict()
    about = attributes.get("ome", attributes)
    if "multiscales" in about:
        yield _of_multiscale(node, about, attributes, source)
        return
    groups = [member for _, member in node.groups()]
    arrays = dict(node.arrays())
    if is_hyperspy(node, arrays):
        yield from images_of_hyperspy(node, arrays["data"], source)
    elif arrays:
        yield from images_of_arrays(arrays, attributes, source)
    elif depth < _DEEPEST:
        for group in groups:
            yield from _images(group, source, depth + 1)


def _of_multiscale(
    group: Any, about: Mapping[str, Any], attributes: Mapping[str, Any], source: Source
) -> Image:
    scales = about["multiscales"][0]
    full = scales["datasets"][0]
    array = group[full["path"]]
    letters = letters_of([_axis_name(axis) for axis in scales.get("axes", "tczyx")])
    if letters is None or len(letters) != array.ndim:
        raise FileFormatError(
            source.path,
            f"axes {[_axis_name(axis) for axis in scales.get('axes', ())]} for {array.shape}",
            "axes of t, c, z, y and x are read; open the array itself, path::name@layout",
        )
    data = lazy(array, source.path)
    if _OURS in attributes and source.axes is None:
        return _described(data, letters, attributes[_OURS])
    layout = source.axes or letters
    units = [a.get("unit") if isinstance(a, dict) else None for a in scales.get("axes", letters)]
    known = _placed(letters, _transformation(full, scales, len(letters)), units)
    name = str(scales.get("name") or "").strip("/").rpartition("/")[2]
    alone = not group.path
    cube = cube_from_array(
        data,
        layout,
        None,
        name=source.path.name.split(".")[0] if alone else name or group.path,
        history=(f"read {source.path.name}",),
        **{key: value for key, value in known.items() if key not in "tz" or key in layout},
    )
    axis = _axis(attributes, about, cube.shape[-3])
    if "image-label" in about and cube.shape[-3] == 1:
        return _labels(cube, about["image-label"])
    return cube if axis is None else Cube(**vars(cube) | {"axis": axis})


def _described(data: Any, letters: str, about: Mapping[str, Any]) -> Image:
    order = [letters.index(letter) for letter in "tzbyx" if letter in letters]
    return image_from(data.transpose(order), about)


def _axis_name(axis: Any) -> str:
    return str(axis["name"]) if isinstance(axis, dict) else str(axis)


def _transformation(
    full: Mapping[str, Any], scales: Mapping[str, Any], count: int
) -> tuple[list[float], list[float]]:
    """Return scale and translation of the full resolution, in the order of the axes."""
    scale, start = [1.0] * count, [0.0] * count
    for level in (full, scales):
        for step in level.get("coordinateTransformations", ()):
            if step.get("type") == "scale":
                factors = [float(factor) for factor in step["scale"]]
                scale = [s * f for s, f in zip(scale, factors, strict=True)]
                start = [s * f for s, f in zip(start, factors, strict=True)]
            elif step.get("type") == "translation":
                start = [s + float(d) for s, d in zip(start, step["translation"], strict=True)]
    return scale, start


def _placed(
    letters: str, placed: tuple[Sequence[float], Sequence[float]], units: Sequence[str | None]
) -> dict[str, Any]:
    scale, start = (dict(zip(letters, values, strict=True)) for values in placed)
    unit = dict(zip(letters, units, strict=True))
    about: dict[str, Any] = {
        letter: Sampling(scale[letter], start[letter], length_unit(unit[letter]))
        for letter in "tz"
        if letter in letters
    }
    if "y" in letters and "x" in letters:
        about["pixel_size"] = (scale["y"], scale["x"])
        about["origin"] = (start["y"], start["x"])
        about["pixel_unit"] = length_unit(unit["y"]) if unit["y"] == unit["x"] else None
    return about


_NO_AXES: Final = ("ome", "omero", "multiscales", _OURS, _AXIS)


def _axis(attributes: Mapping[str, Any], about: Mapping[str, Any], bands: int) -> Axis | None:
    """Return the axis that the attributes of a store tell: ours, or by the channels' labels."""
    ours = attributes.get(_AXIS)
    if isinstance(ours, dict) and {"centres", "channels"} & set(ours):
        axis = axis_from_json(ours)
        return axis if len(axis) == bands else None
    channels = about.get("omero", {}).get("channels", ())
    labels = [str(channel.get("label") or "") for channel in channels]
    told = axis_of_json({k: v for k, v in attributes.items() if k not in _NO_AXES}, bands)
    spectral = axis_from_names(labels) if len(labels) == bands else None
    if spectral is not None or (told is not None and len(told) == bands):
        return spectral or told
    if len(labels) != bands:
        return None
    named = all(label and not label.isdigit() for label in labels) and len(set(labels)) == bands
    return ChannelAxis(tuple(labels)) if named else None


def _labels(cube: Cube, about: Mapping[str, Any]) -> Labels:
    """Return a label image with the names and colours of its classes, where each has one."""
    shared = {key: value for key, value in vars(cube).items() if key in Labels.__dataclass_fields__}
    names = {
        entry["label-value"]: str(entry[key])
        for entry in about.get("properties", ())
        for key in _CLASS_NAMES
        if key in entry
    }
    colours = {
        entry["label-value"]: "#" + bytes(entry["rgba"][:3]).hex()
        for entry in about.get("colors", ())
        if "rgba" in entry
    }
    numbers = range(1, len(names) + 1)
    if set(names) - {0} != set(numbers):
        return Labels(**shared | {"data": cube.data[..., 0, :, :]})
    return Labels(
        **shared
        | {"data": cube.data[..., 0, :, :], "classes": tuple(names[n] for n in numbers)}
        | {"colours": tuple(colours[n] for n in numbers) if {*numbers} <= set(colours) else ()}
    )


_CLASS_NAMES: Final = ("name", "class")


def _inside(root: Any, source: Source) -> Any:
    try:
        return root[source.array]
    except (KeyError, AttributeError) as error:
        raise FileFormatError(source.path, f"no array {source.array!r}", listed(root)) from error


def _blocks(shape: Sequence[int], chunks: Sequence[int], itemsize: int) -> Iterator[Any]:
    """Yield slices that cover `shape` in whole chunks, rows of planes of a bounded size."""
    steps = [min(chunk, size) for chunk, size in zip(chunks, shape, strict=True)]
    steps[-1] = shape[-1]
    rows = max(1, _SLAB // (math.prod(steps) * itemsize))
    steps[-2] = min(shape[-2], steps[-2] * rows)
    starts = (range(0, size, step) for size, step in zip(shape, steps, strict=True))
    for place in product(*starts):
        yield tuple(slice(start, start + step) for start, step in zip(place, steps, strict=True))


def _kind(letter: str) -> tuple[str, str]:
    return _KINDS.get(letter, (letter, "space"))


def _attributes(
    image: Image, letters: Sequence[str], window: tuple[float, float]
) -> dict[str, Any]:
    sampled = {"t": image.t, "z": image.z}
    scale, start, axes = [], [], []
    for letter in letters:
        place = sampled.get(letter) or _place(image, letter)
        name, kind = _kind(letter)
        unit = {"unit": _LONG[place.unit or ""]} if place.unit in _LONG else {}
        axes.append({"name": name, "type": kind} | unit)
        scale.append(float(place.step))
        start.append(float(place.start))
    steps = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": start}]
    level = {"path": "0", "coordinateTransformations": steps}
    ome: dict[str, Any] = {
        "version": _VERSION,
        "multiscales": [{"name": image.name or "image", "axes": axes, "datasets": [level]}],
    }
    if isinstance(image, Labels):
        return {"ome": ome | {"image-label": _image_label(image)}, _OURS: describe(image)}
    ome["omero"] = {"channels": _channels(image.axis, window)}
    return {"ome": ome, _OURS: describe(image), _AXIS: axis_to_json(image.axis)}


def _image_label(labels: Labels) -> dict[str, Any]:
    """Return names and colours of the classes as OME-Zarr has them, for those that have one."""
    about: dict[str, Any] = {"version": _VERSION}
    if labels.classes:
        named = enumerate(labels.classes, 1)
        about["properties"] = [{"label-value": number, "name": name} for number, name in named]
    if labels.colours:
        coloured = enumerate(labels.colours, 1)
        about["colors"] = [
            {"label-value": number, "rgba": [*bytes.fromhex(colour[1:]), 255]}
            for number, colour in coloured
        ]
    return about


def _place(image: Image, letter: str) -> Sampling:
    if letter == "b":
        return Sampling()
    side = "yx".index(letter)
    return Sampling(image.pixel_size[side], image.origin[side], image.pixel_unit)


def _channels(axis: Axis, window: tuple[float, float]) -> list[dict[str, Any]]:
    low, high = window
    shown = {"min": low, "start": low, "end": high, "max": high}
    about = {"color": "FFFFFF", "window": shown}
    return [{"label": _label(axis, band), "active": band == 0} | about for band in range(len(axis))]


def _label(axis: Axis, band: int) -> str:
    if isinstance(axis, ChannelAxis):
        return axis.names[band]
    if axis.unit is None:
        return str(band)
    return f"{float(axis.centres[band])!r} {'cm-1' if axis.unit == '1/cm' else axis.unit}"
