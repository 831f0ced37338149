"""OME-Zarr: chunked arrays in a folder, with axes, scale and channels as microscopy shares them.

Sources: "OME-Zarr specification" 0.4 and 0.5, https://ngff.openmicroscopy.org/specifications/;
xarray, "Zarr encoding specification", for names of axes and their coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import zarr

from ..axis import Axis, ChannelAxis, SpectralAxis, axis_from_json, axis_to_json
from ..cube import Cube, Image, Labels, Sampling, describe, image_from
from .arrays import axis_from_vector, cube_from_array, images_from_arrays
from .errors import FileFormatError
from .evidence import axis_from_names, band_axis
from .lazy import Lazy
from .source import Source
from .units import place_unit, spectral_unit

_MARKS: Final = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_OURS: Final = "hyperspectral"
_AXIS: Final = "spectral_axis"
_VERSION: Final = "0.5"
_CHUNK: Final[Mapping[str, int]] = {"t": 1, "z": 1, "b": 32, "y": 64, "x": 64}
"""A band and a spectrum are both read fast from such chunks."""
_SLAB: Final = 2**28
"""Bytes that are loaded at a time while writing."""
_ORDER: Final = "tbzyx"
"""Order of axes that OME-Zarr asks for: time, channel, space."""
_NAMES: Final[Mapping[str, str]] = {  # names of axes, as OME-Zarr and xarray users give them
    **dict.fromkeys(("t", "time"), "t"),
    **dict.fromkeys(("z", "depth"), "z"),
    **dict.fromkeys(("c", "band", "bands", "channel", "wavelength", "wavelengths"), "b"),
    **dict.fromkeys(("wavenumber", "raman_shift", "spectral", "lambda", "energy", "mz"), "b"),
    **dict.fromkeys(("y", "lat", "latitude", "row", "line"), "y"),
    **dict.fromkeys(("x", "lon", "longitude", "col", "column", "sample"), "x"),
}
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


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store, by the files that mark one."""
    return any((path / mark).is_file() for mark in _MARKS)


is_ours = is_zarr  # a store is one thing: it may be replaced as a whole


def read_images(source: Source) -> list[Image]:
    """Read the images of a store, lazily: the full resolution of each.

    Raises
    ------
    FileFormatError
        If the folder is no Zarr store, or holds no image.
    """
    path = source.path
    if not is_zarr(path):
        raise FileFormatError(
            path,
            "no Zarr store (there is no zarr.json, .zgroup or .zarray in it)",
            "open the folder that holds one of these",
        )
    try:
        root = zarr.open(str(path), mode="r")
        if source.array:
            root = _inside(root, source)
        images = [*_images(root, source)]
    except FileFormatError:
        raise
    except (ValueError, KeyError, OSError, TypeError, zarr.errors.BaseZarrError) as error:
        raise FileFormatError(
            path, f"not a readable Zarr store ({error})", "copy or export it again"
        ) from error
    if not images:
        raise FileFormatError(path, "no image in this Zarr store", _listed(root))
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


def _images(node: Any, source: Source) -> Iterator[Image]:
    """Yield the images at `node` and below, the nearest that say what they are."""
    if isinstance(node, zarr.Array):
        yield from _of_arrays({"": node}, node.attrs.asdict(), source)
        return
    attributes = node.attrs.asdict()
    about = attributes.get("ome", attributes)
    if "multiscales" in about:
        yield _of_multiscale(node, about, attributes, source)
        return
    groups = [member for _, member in node.groups()]
    arrays = dict(node.arrays())
    if "data" in arrays and "axis-0" in node:
        yield from _of_hyperspy(node, arrays["data"], source)
    elif arrays:
        yield from _of_arrays(arrays, attributes, source)
    elif groups:
        for group in groups:
            yield from _images(group, source)


def _of_multiscale(
    group: Any, about: Mapping[str, Any], attributes: Mapping[str, Any], source: Source
) -> Image:
    scales = about["multiscales"][0]
    full = scales["datasets"][0]
    array = group[full["path"]]
    letters = _letters([_axis_name(axis) for axis in scales.get("axes", "tczyx")])
    if letters is None or len(letters) != array.ndim:
        raise FileFormatError(
            source.path,
            f"axes {[_axis_name(axis) for axis in scales.get('axes', ())]} for {array.shape}",
            "axes of t, c, z, y and x are read; open the array itself, path::name@layout",
        )
    data = _lazy(array)
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
        return _labels(cube)
    return cube if axis is None else Cube(**vars(cube) | {"axis": axis})


def _described(data: Any, letters: str, about: Mapping[str, Any]) -> Image:
    order = [letters.index(letter) for letter in "tzbyx" if letter in letters]
    return image_from(data.transpose(order), about)


def _of_hyperspy(group: Any, array: Any, source: Source) -> Iterator[Image]:
    """Yield the cube of a .zspy store, if it is one of spectra: its signal has one axis."""
    axes = [group[f"axis-{number}"] for number in range(array.ndim)]
    abouts = [axis.attrs.asdict() for axis in axes]
    signal = [number for number, about in enumerate(abouts) if not about.get("navigate")]
    if len(signal) != 1 or array.ndim > 3:
        yield from _of_arrays({"data": array}, {}, source)
        return
    about = abouts[signal[0]]
    values = (
        np.asarray(axes[signal[0]]["axis"][...], np.float64)
        if "axis" in axes[signal[0]]
        else float(about.get("offset", 0))
        + float(about.get("scale", 1)) * np.arange(array.shape[signal[0]])
    )
    means, title = spectral_unit(str(about.get("units", ""))), str(about.get("name", ""))
    if means is not None and means.unit == "1/cm" and "raman" in title.lower():
        means = means._replace(kind="raman_shift")
    axis = axis_from_vector(title, values) if means is None else band_axis([*values], means)
    places = [n for n in range(array.ndim) if n != signal[0]]
    layout = dict(zip(places, "yx"[-len(places) :], strict=False))
    letters = "".join(layout.get(number, "b") for number in range(array.ndim))
    known = {"name": group.basename, "history": (f"read {source.path.name}",)}
    yield cube_from_array(
        _lazy(array), source.axes or letters, axis, **known, **_steps(abouts, letters)
    )


def _steps(abouts: Sequence[Mapping[str, Any]], letters: str) -> dict[str, Any]:
    if not {"y", "x"} <= set(letters):
        return {}
    down, across = (abouts[letters.index(letter)] for letter in "yx")
    unit = place_unit(str(down.get("units", "")))
    if unit is None or unit != place_unit(str(across.get("units", ""))):
        return {}
    size = (float(down.get("scale", 1)), float(across.get("scale", 1)))
    start = (float(down.get("offset", 0)), float(across.get("offset", 0)))
    return {"pixel_size": size, "origin": start, "pixel_unit": unit}


def _of_arrays(
    arrays: Mapping[str, Any], attributes: Mapping[str, Any], source: Source
) -> list[Image]:
    """Return the images among plain arrays, by the names of their axes where they have any."""
    source = Source(source.path, None, source.axes, source.flat, source.on_guess)
    history = (f"read {source.path.name}",)
    images: list[Image] = []
    for name, array in arrays.items():
        names = _dimensions(array)
        letters = _letters(names)
        if array.ndim < 3 or letters is None or "b" not in letters or source.axes is not None:
            continue
        axis = _axis_of_coordinates(arrays, names[letters.index("b")], attributes)
        stem = source.path.name.split(".")[0]
        title = f"{stem} {name}" if name else stem
        images.append(cube_from_array(_lazy(array), letters, axis, name=title, history=history))
    if images:
        return images
    lazy = {name: _lazy(array) for name, array in arrays.items()}
    return [*images_from_arrays(lazy, source, history=history)]


def _axis_of_coordinates(
    arrays: Mapping[str, Any], name: str, attributes: Mapping[str, Any]
) -> SpectralAxis | None:
    if name not in arrays or np.dtype(arrays[name].dtype).kind not in "iuf":
        return None
    values = np.ravel(np.asarray(arrays[name][...], np.float64))
    means = spectral_unit(str(arrays[name].attrs.asdict().get("units", "")))
    return axis_from_vector(name, values) if means is None else band_axis([*values], means)


def _lazy(array: Any) -> Lazy:
    return Lazy(array.__getitem__, array.shape, array.dtype, array.chunks)


def _letters(names: Sequence[str]) -> str | None:
    found = [_NAMES.get(name.lower(), "") for name in names]
    return "".join(found) if names and all(found) and len(set(found)) == len(found) else None


def _dimensions(array: Any) -> list[str]:
    names = getattr(array.metadata, "dimension_names", None)
    return [str(name) for name in names or array.attrs.asdict().get("_ARRAY_DIMENSIONS", ())]


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
        letter: Sampling(scale[letter], start[letter], place_unit(unit[letter]))
        for letter in "tz"
        if letter in letters
    }
    if "y" in letters and "x" in letters:
        about["pixel_size"] = (scale["y"], scale["x"])
        about["origin"] = (start["y"], start["x"])
        about["pixel_unit"] = place_unit(unit["y"]) if unit["y"] == unit["x"] else None
    return about


def _axis(attributes: Mapping[str, Any], about: Mapping[str, Any], bands: int) -> Axis | None:
    """Return the axis that the attributes of a store tell: ours, or by the channels' labels."""
    ours = attributes.get(_AXIS)
    if isinstance(ours, dict) and {"centres", "channels"} & set(ours):
        axis = axis_from_json(ours)
        return axis if len(axis) == bands else None
    channels = about.get("omero", {}).get("channels", ())
    labels = [str(channel.get("label") or "") for channel in channels]
    if len(labels) != bands:
        return None
    spectral = axis_from_names(labels)
    if spectral is not None:
        return spectral
    named = all(label and not label.isdigit() for label in labels) and len(set(labels)) == bands
    return ChannelAxis(tuple(labels)) if named else None


def _labels(cube: Cube) -> Labels:
    shared = {key: value for key, value in vars(cube).items() if key in Labels.__dataclass_fields__}
    return Labels(**shared | {"data": cube.data[..., 0, :, :]})


def _inside(root: Any, source: Source) -> Any:
    try:
        return root[source.array]
    except (KeyError, AttributeError) as error:
        raise FileFormatError(source.path, f"no array {source.array!r}", _listed(root)) from error


def _listed(node: Any) -> str:
    if isinstance(node, zarr.Array):
        return f"it is one array, {node.shape} {node.dtype}"
    members = dict(node.members(max_depth=2))
    listed = [f"{name} {m.shape}" for name, m in members.items() if isinstance(m, zarr.Array)]
    return f"there are {', '.join(listed[:20])}" if listed else "it holds no array"


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
        return {"ome": ome | {"image-label": {"version": _VERSION}}, _OURS: describe(image)}
    ome["omero"] = {"channels": _channels(image.axis, window)}
    return {"ome": ome, _OURS: describe(image), _AXIS: axis_to_json(image.axis)}


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
