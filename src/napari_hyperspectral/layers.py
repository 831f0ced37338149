"""Cubes and labels as napari layers, and back; neither napari nor Qt is imported.

``metadata["hyperspectral"]`` of a layer is the description of `cube.describe`; what napari
itself shows and lets people change (name, scale, translate, units) wins over it on the way back.
The band axis of a layer counts bands (scale 1, unit pixel): a length there would flip napari's
spatial units, and a scale could not hold an axis that is not uniform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .axis import ChannelAxis, SpectralAxis
from .cube import Cube, Image, Labels, Sampling, describe, image_from

KEY: Final = "hyperspectral"
"""Where a layer's metadata holds the description."""
_SAMPLES: Final = 24
"""Bands, rows and columns that are looked at for the contrast limits, at most."""
_KNOWN_UNITS: Final = frozenset(["nm", "um", "µm", "mm", "s", "ms", "us", "min", "h"])
"""Units that napari is told; others are shown as pixels, and stay in the description.

Metres are not told: beside a layer in µm, napari counts the steps of its sliders in the smaller
unit, and a scene of a few kilometres has more of them than a slider can hold (it raises).
"""

_RGB: Final = ChannelAxis(("red", "green", "blue"))
_NO_COLOUR: Final = "#808080"
"""Colour of a class that has none, painted beside others that have."""
_NAMELESS: Final = {Cube: "cube", Labels: "labels"}
"""What a layer is called whose image has no name."""

_ALIASES: Final = frozenset(
    ["type", "signal_axis", "wavelength", "wavelength units", "wav", "centers"]
)
"""What `_aliases` gives."""

LayerData = tuple[Any, dict[str, Any], str]


def to_layer(image: Image, *, in_colour: bool = False, flat: bool = False) -> LayerData:
    """Return napari's (data, attributes, kind) for an image.

    Cubes become one image layer (the band axis is a slider), labels a labels layer; both with
    scale, translate, units and axis labels. Of lazy data a small sample is read, for contrast.

    Parameters
    ----------
    image : Cube or Labels
        What is to be shown.
    in_colour : bool
        Whether a picture of red, green and blue (uint8) is shown in its colours, which takes the
        slider away, and with it spectra and training.
    flat : bool
        Whether a single band is shown without its slider: at each band of a cube it lies on.
    """
    coloured = in_colour and _is_picture(image)
    flat = flat and isinstance(image, Cube) and len(image.axis) == 1
    dims = tuple(dim for dim in image.dims if dim != "band" or not (coloured or flat))
    attributes: dict[str, Any] = {
        "name": image.name or _NAMELESS[type(image)],
        "scale": tuple(_step(image, dim) for dim in dims),
        "translate": tuple(_start(image, dim) for dim in dims),
        "units": tuple(_unit(image, dim) for dim in dims),
        "axis_labels": dims,
        "metadata": metadata_of(image),
    }
    if isinstance(image, Labels):
        data = np.asarray(image.data)
        if data.dtype == bool:
            data = data.astype(np.uint8)
        if image.classes:
            attributes["features"] = {
                "index": list(range(len(image.classes) + 1)),
                "class": ["unlabelled", *image.classes],
            }
        if image.colours:
            colours = enumerate(image.colours, start=1)
            attributes["colormap"] = {None: _NO_COLOUR, 0: "transparent", **dict(colours)}
        return data, attributes, "labels"
    data = image.data[..., 0, :, :] if flat else image.data
    if coloured:
        return _moved(data, -3, -1), attributes | {"rgb": True, "multiscale": False}, "image"
    limits = contrast_limits(data, missing=image.metadata.get("nodata"))
    attributes |= {"rgb": False, "multiscale": False, "contrast_limits": limits}
    return data, attributes, "image"


def to_layers(images: Sequence[Image]) -> list[LayerData]:
    """Return the layers of all the images of a file.

    Pictures that the instrument took along with spectra are shown in colour, or flat where they
    have a single band. They, and cubes without a spectrum that follow one with it, begin hidden:
    they would cover it.
    """
    if not any(map(_is_spectral, images)):
        return [to_layer(image) for image in images]
    layers = [to_layer(i, in_colour=True, flat=not _is_spectral(i)) for i in images]
    covered = False
    for image, (_data, attributes, _kind) in zip(images, layers, strict=True):
        if isinstance(image, Cube) and not _is_spectral(image):
            attributes |= {"visible": not (covered or _is_picture(image))}
        covered = covered or _is_spectral(image)
    return layers


def metadata_of(image: Image, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the metadata of an image's layer; what others wrote into it `before` is kept."""
    kept = {key: value for key, value in (before or {}).items() if key not in _ALIASES}
    return kept | {KEY: describe(image)} | _aliases(image)


def from_layer(data: Any, attributes: Mapping[str, Any], kind: str) -> Image:
    """Return the image in a layer, given as napari's ``layer.as_layer_data_tuple()``.

    A layer that is not ours gets an axis that only counts its bands. Labels painted on the bands
    of a cube, (band, y, x), are collapsed: see `collapsed`.

    Raises
    ------
    ValueError
        If the layer is neither image nor labels, is RGB, or is no image of at least two axes.
    """
    name = str(attributes.get("name", ""))
    if kind not in ("image", "labels"):
        raise ValueError(f"layer {name!r} is a {kind} layer; wanted an image or labels")
    if attributes.get("multiscale"):
        data = data[0]
    if attributes.get("rgb"):
        data, attributes = _as_bands(data, attributes)
    elif _is_flat(data, attributes, kind):
        data, attributes = data[..., None, :, :], _with_band(attributes)
    if kind == "labels" and len(data.shape) >= 3 and not _is_stack(data, attributes):
        data, attributes = collapsed(data), _without_bands(attributes)
    about = (attributes.get("metadata") or {}).get(KEY)
    if isinstance(about, Mapping) and ("axis" in about) == (kind == "image"):
        stored = _fitting(data, about)
        if stored is not None:
            return _placed(stored, attributes)
    return _placed(_foreign(data, attributes, kind), attributes)


def collapsed(data: NDArray[Any]) -> NDArray[Any]:
    """Return labels painted on single bands, (…, band, y, x), as one image, (…, y, x).

    People paint on whatever band they see. A pixel painted with different classes on different
    bands takes the highest of them.
    """
    flat: NDArray[Any] = np.asarray(data).max(axis=-3)
    return flat


def labels_layer(cube: Cube) -> LayerData:
    """Return the layer of `labels_for` a cube, made to lie on it."""
    return on_all_bands(to_layer(labels_for(cube)), len(cube.axis))


def on_all_bands(layer: LayerData, bands: int) -> LayerData:
    """Return a layer made to lie on all the bands of a cube's layer, if it holds labels.

    napari aligns layers by their last axes: labels (z, y, x) would take the bands for planes.
    So those of a stack get an axis of one band, as thick as all the cube's.
    """
    data, attributes, kind = layer
    if kind != "labels" or data.ndim == 2:
        return layer
    thick = {
        "scale": float(bands),
        "translate": (bands - 1) / 2,
        "units": "pixel",
        "axis_labels": "band",
    }
    placed = {key: (*attributes[key][:-2], thick[key], *attributes[key][-2:]) for key in thick}
    return data[..., None, :, :], attributes | placed, kind


def labels_for(cube: Cube) -> Labels:
    """Return empty labels on the pixels of a cube, to paint on."""
    shape = tuple(n for n, dim in zip(cube.shape, cube.dims, strict=True) if dim != "band")
    return Labels(
        np.zeros(shape, np.uint8),
        pixel_size=cube.pixel_size,
        origin=cube.origin,
        pixel_unit=cube.pixel_unit,
        z=cube.z,
        t=cube.t,
        name=f"{cube.name} labels".strip(),
    )


def contrast_limits(data: Any, missing: float | None = None) -> tuple[float, float]:
    """Return the range between the 1st and 99th percentile of a sparse sample of finite values.

    A value that stands for `missing` ones is left out. At most 24 bands are read, so that a file of any size opens at once.
    """
    steps = [slice(None, None, max(1, -(-size // _SAMPLES))) for size in data.shape]
    sample = np.asarray(data[tuple(steps)], dtype=np.float64)
    finite = sample[np.isfinite(sample) & (sample != missing)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, [1, 99]))
    return (low, high) if high > low else (low, low + 1.0)


def _step(image: Image, dim: str) -> float:
    return {
        "y": image.pixel_size[0],
        "x": image.pixel_size[1],
        "z": image.z.step if image.z else 1.0,
        "t": image.t.step if image.t else 1.0,
    }.get(dim, 1.0)


def _start(image: Image, dim: str) -> float:
    return {
        "y": image.origin[0],
        "x": image.origin[1],
        "z": image.z.start if image.z else 0.0,
        "t": image.t.start if image.t else 0.0,
    }.get(dim, 0.0)


def _unit(image: Image, dim: str) -> str:
    unit = {
        "y": image.pixel_unit,
        "x": image.pixel_unit,
        "z": image.z.unit if image.z else None,
        "t": image.t.unit if image.t else None,
    }.get(dim)
    return unit if unit in _KNOWN_UNITS else "pixel"


def _aliases(image: Image) -> dict[str, Any]:
    """Return what other plugins look for in the metadata of a layer."""
    if isinstance(image, Labels) or not isinstance(image.axis, SpectralAxis):
        return {}
    centres = image.axis.centres.tolist()
    return {
        "type": "hyperspectral_cube",
        "signal_axis": len(image.dims) - 3,
        "wavelength": [repr(centre) for centre in centres],
        "wavelength units": image.axis.unit or "",
        "wav": centres,
        "centers": centres,
    }


def _is_stack(data: Any, attributes: Mapping[str, Any]) -> bool:
    """Whether labels have as many dimensions as their description says: none of them bands."""
    about = (attributes.get("metadata") or {}).get(KEY)
    if not isinstance(about, Mapping) or "axis" in about:
        return False
    return len(data.shape) == 2 + sum(bool(about.get(dim)) for dim in "tz")


def _is_spectral(image: Image) -> bool:
    axis = getattr(image, "axis", None)
    return isinstance(axis, SpectralAxis) and axis.kind != "index"


def _is_picture(image: Image) -> bool:
    """Whether an image is one for the eye, which napari can show in its colours."""
    return isinstance(image, Cube) and image.axis == _RGB and np.dtype(image.data.dtype) == np.uint8


def _as_bands(data: Any, attributes: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return a picture of ours, shown in colour, with its colours as bands again.

    Raises
    ------
    ValueError
        If it is another's, of which nobody said that its colours are measured.
    """
    if axis_of(attributes) != _RGB or data.shape[-1] != len(_RGB):
        name = str(attributes.get("name", ""))
        raise ValueError(f"layer {name!r} is an RGB picture, not a cube of bands")
    return _moved(data, -1, -3), _with_band(attributes)


def _is_flat(data: Any, attributes: Mapping[str, Any], kind: str) -> bool:
    """Whether an image of ours lacks the axis of its only band."""
    about = (attributes.get("metadata") or {}).get(KEY)
    if kind != "image" or not isinstance(about, Mapping) or "axis" not in about:
        return False
    leading = sum(bool(about.get(dim)) for dim in "tz")
    return len(data.shape) == 2 + leading and len(axis_of(attributes) or ()) == 1


def _with_band(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with what they say of an axis of bands, the last but two."""
    kept = dict(attributes)
    for key, of_band in (("scale", 1.0), ("translate", 0.0), ("units", "pixel")):
        if kept.get(key) is not None:
            kept[key] = (*kept[key][:-2], of_band, *kept[key][-2:])
    return kept


def _moved(data: Any, source: int, target: int) -> Any:
    """Return data with one axis moved; what is lazy stays lazy."""
    order = list(range(len(data.shape)))
    order.insert(target % len(order), order.pop(source))
    return data.transpose(*order)


def _without_bands(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without what they say of the axis of bands, the last but two."""
    kept = dict(attributes)
    for key in ("scale", "translate", "units", "axis_labels"):
        if kept.get(key) is not None and len(kept[key]) >= 3:
            kept[key] = (*kept[key][:-3], *kept[key][-2:])
    return kept


def _fitting(data: Any, about: Mapping[str, Any]) -> Image | None:
    """Return the described image, or None where the data are not those that were described."""
    try:
        return image_from(data, about)
    except (ValueError, TypeError, KeyError):
        return None


def _foreign(data: Any, attributes: Mapping[str, Any], kind: str) -> Image:
    name, ndim = str(attributes.get("name", "")), len(data.shape)
    if ndim < 2 or ndim > 5:
        raise ValueError(
            f"layer {name!r} has {ndim} axes; wanted two (y, x) to five (t, z, band, y, x)"
        )
    leading: dict[str, Any] = {"t": Sampling()} if ndim == 5 else {}
    if kind == "labels":
        leading = {"t": Sampling()} if ndim == 4 else {}
        return Labels(data, **leading | ({"z": Sampling()} if ndim >= 3 else {}))
    if ndim == 2:
        return Cube(data[None], SpectralAxis.index(1))
    if ndim >= 4:
        leading["z"] = Sampling()
    return Cube(data, SpectralAxis.index(int(data.shape[-3])), **leading)


def _placed(image: Image, attributes: Mapping[str, Any]) -> Image:
    """Return an image with the name and place that napari shows."""
    shown_name = str(attributes.get("name", image.name))
    nameless = not image.name and shown_name == _NAMELESS[type(image)]
    changes: dict[str, Any] = {"name": "" if nameless else shown_name}
    if isinstance(image, Labels):
        image = replace(image, classes=_class_names(attributes.get("features"), image))
        if "colormap" in attributes:
            changes["colours"] = _colours(attributes["colormap"], image)
    scale, translate = (_last(attributes.get(n), len(image.dims)) for n in ("scale", "translate"))
    units = [str(unit) for unit in attributes.get("units") or ()]
    shown = units[-1] if units else "pixel"
    known = image.pixel_unit if image.pixel_unit in _KNOWN_UNITS else None
    if _canonical(shown) != _canonical(known or "pixel"):
        changes["pixel_unit"] = None if shown == "pixel" else _canonical(shown)
    if scale is not None:
        changes["pixel_size"] = (scale[-2], scale[-1])
    if translate is not None:
        changes["origin"] = (translate[-2], translate[-1])
    for dim in set(image.dims) & {"t", "z"}:
        place = image.dims.index(dim)
        sampling: Sampling = getattr(image, dim)
        changes[dim] = replace(
            sampling,
            step=sampling.step if scale is None else scale[place],
            start=sampling.start if translate is None else translate[place],
        )
    return replace(image, **changes)


def _class_names(features: Any, labels: Labels) -> tuple[str, ...]:
    """Return the names of the classes as the layer's features have them, else as they are.

    There, people change them: a row for each number, in the columns "index" and "class".
    """
    if features is None or not {"index", "class"} <= set(features):
        return labels.classes
    names = {int(i): str(n) for i, n in zip(features["index"], features["class"], strict=True)}
    return tuple(
        names.get(number, f"class {number}") for number in range(1, max(names, default=0) + 1)
    )


def _colours(colormap: Any, labels: Labels) -> tuple[str, ...]:
    """Return the colours of the classes in napari's colormap of labels; () where it picks them."""
    colours = colormap if isinstance(colormap, Mapping) else getattr(colormap, "color_dict", None)
    if colours is None or not labels.classes:
        return ()
    numbers = range(1, len(labels.classes) + 1)
    return tuple(_hex(colours.get(number, colours.get(None, _NO_COLOUR))) for number in numbers)


def _hex(colour: str | Sequence[float]) -> str:
    """Return a colour as #rrggbb; napari has red, green, blue and alpha from 0 to 1."""
    if isinstance(colour, str):
        return colour
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in list(colour)[:3])


def _last(values: Sequence[float] | None, count: int) -> tuple[float, ...] | None:
    """Return one number a dimension."""
    if values is None:
        return None
    numbers = tuple(float(v) for v in values)
    return numbers[-count:] if len(numbers) >= count else (1.0,) * (count - len(numbers)) + numbers


_CANONICAL: Final = {
    "micrometer": "um", "µm": "um", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm",
    "meter": "m", "kilometer": "km", "second": "s", "millisecond": "ms", "microsecond": "us",
    "minute": "min", "hour": "h",
}  # fmt: skip


def _canonical(unit: str) -> str:
    return _CANONICAL.get(unit, unit)


def axis_of(attributes: Mapping[str, Any]) -> SpectralAxis | ChannelAxis | None:
    """Return the axis in a layer's metadata, or None where there is none."""
    from .axis import axis_from_json

    about = (attributes.get("metadata") or {}).get(KEY)
    return axis_from_json(about["axis"]) if isinstance(about, Mapping) and "axis" in about else None
