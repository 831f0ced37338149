"""Cubes and labels as napari layers, and back; neither napari nor Qt is imported.

``metadata["hyperspectral"]`` of a layer is the description by `cube.describe`; what napari shows
and lets people change (name, scale, translate, units) overrides it when the layer is read.
The band axis of a layer counts bands (scale 1, unit pixel): a length there would flip napari's
spatial units, and a scale cannot express an axis that is not uniform.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np

from .axis import Axis, ChannelAxis, SpectralAxis, axis_from_json
from .cube import Cube, Image, Labels, Sampling, describe, image_from
from .painting.bands import Stroke, one_class_a_pixel
from .painting.classes import class_attributes, with_shown_classes
from .transform import Transform, attributes_of, mirrored_between, transform_in

METADATA_KEY: Final = "hyperspectral"
"""Key of the description in the metadata of a layer."""
_SAMPLES: Final = 24
"""Bands, rows and columns that are read for the contrast limits, at most."""
_KNOWN_UNITS: Final = frozenset(["nm", "um", "µm", "mm", "s", "ms", "us", "min", "h"])
"""Units that are passed to napari; others are shown as pixels, and stay in the description.

Metres are not: with another layer in µm, napari counts the steps of its sliders in the smaller unit,
and a scene of a few kilometres has more of them than a slider can hold (it raises).
"""

RGB: Final = ChannelAxis(("red", "green", "blue"))
"""Axis of a picture in colours."""
_NAMELESS: Final = {Cube: "cube", Labels: "labels"}
"""Names of layers whose image has none."""

_ALIASES: Final = frozenset(
    ["type", "signal_axis", "wavelength", "wavelength units", "wav", "centers"]
)
"""Keys of `_aliases`."""

Attributes: TypeAlias = Mapping[str, Any]
"""Keyword arguments of a napari layer."""
Description: TypeAlias = Mapping[str, Any]
"""What `cube.describe` returns."""
LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
"""Data, attributes, and "image" or "labels", as napari's readers return them."""


def to_layer(image: Image, *, in_colour: bool = False, flat: bool = False) -> LayerData:
    """Return napari's (data, attributes, kind) for an image.

    A cube becomes an image layer (its band axis is a slider), labels a labels layer; both with
    scale, translate, units and axis labels. Of lazy data only a sample is read, for the contrast.

    Parameters
    ----------
    image : Cube or Labels
        Image to show.
    in_colour : bool
        Whether a picture of red, green and blue (uint8) is shown in colour: without a slider, so
        that it offers no spectra.
    flat : bool
        Whether a single band is shown without its slider: at all bands of a cube below it.

    Returns
    -------
    (array, dict, str)
        Data, (…, band, y, x) of a cube or (…, y, x) of labels, attributes, "image" or "labels".
    """
    coloured = in_colour and _is_picture(image)
    flat = flat and isinstance(image, Cube) and len(image.axis) == 1
    dims = tuple(dim for dim in image.dims if dim != "band" or not (coloured or flat))
    attributes: dict[str, Any] = {
        "name": image.name or _NAMELESS[type(image)],
        "scale": tuple(_sampling(image, dim).step for dim in dims),
        "translate": tuple(_sampling(image, dim).start for dim in dims),
        "units": tuple(_shown_unit(_sampling(image, dim).unit) for dim in dims),
        "axis_labels": dims,
        "metadata": metadata_of(image),
    }
    band = dims.index("band") if "band" in dims else None
    shown = _mirrored(image.transform, image, attributes, band)
    attributes |= attributes_of(shown, len(dims), band)
    if isinstance(image, Labels):
        data = np.asarray(image.data)
        if data.dtype == bool:  # napari's labels are integers
            data = data.astype(np.uint8)
        return data, attributes | class_attributes(image), "labels"
    data = image.data
    if coloured:  # napari has colours along the last axis
        colours_last = _moved(data, -3, -1)
        return colours_last, attributes | {"rgb": True, "multiscale": False}, "image"
    if flat:
        data = data[..., 0, :, :]
    limits = contrast_limits(data, missing=image.metadata.get("nodata"))
    attributes |= {"rgb": False, "multiscale": False, "contrast_limits": limits}
    return data, attributes, "image"


def to_layers(images: Sequence[Image]) -> list[LayerData]:
    """Return the layers of all the images of a file.

    Pictures that were taken along with spectra are shown in colour, or flat where they have a single
    band. They, and cubes without a spectrum that follow one with it, are hidden at first, as they
    would cover it.
    """
    if not any(map(_is_spectral, images)):
        return [to_layer(image) for image in images]
    layers = []
    covers_spectra = False
    for image in images:
        spectral = _is_spectral(image)
        data, attributes, kind = to_layer(image, in_colour=True, flat=not spectral)
        if kind == "image" and not spectral:
            attributes["visible"] = not (covers_spectra or _is_picture(image))
        layers.append((data, attributes, kind))
        covers_spectra = covers_spectra or spectral
    return layers


def metadata_of(image: Image, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the metadata of an image's layer; what other plugins added `before` is kept."""
    kept = {key: value for key, value in (before or {}).items() if key not in _ALIASES}
    return kept | {METADATA_KEY: describe(image)} | _aliases(image)


def from_layer(
    data: Any, attributes: Attributes, kind: str, strokes: Iterable[Stroke] = ()
) -> Image:
    """Return the image in a layer, the inverse of `to_layer`.

    A layer without our description gets an axis that numbers its bands. Labels painted on the bands
    of a cube, (band, y, x), are collapsed: see `painting.bands`. It is a warning where bands
    contradict each other, and where a layer is turned out of its planes.

    Parameters
    ----------
    data, attributes, kind
        As from napari's ``layer.as_layer_data_tuple()``.
    strokes : iterable of sequence
        Where labels were painted, oldest first: `painting.history.strokes_of` a layer.

    Raises
    ------
    ValueError
        If the layer is neither an image nor labels, is RGB, or has fewer than two axes.
    """
    name = str(attributes.get("name", ""))
    if kind not in ("image", "labels"):
        raise ValueError(f"layer {name!r} is a {kind} layer; choose an image or labels")
    if attributes.get("multiscale"):
        data = data[0]  # the finest level
    transform = _shown_transform(data, attributes, kind)
    if attributes.get("rgb"):
        data, attributes = _as_bands(data, attributes)
    elif _is_flat(data, attributes, kind):
        data = data[..., None, :, :]
        attributes = _with_band(attributes)
    if kind == "labels" and len(data.shape) >= 3 and not _is_stack(data, attributes):
        data = one_class_a_pixel(data, name, strokes)
        attributes = _without_bands(attributes)

    image = _described(data, _description(attributes.get("metadata")), kind)
    if image is None:
        image = _without_description(data, name, kind)
    image = _as_shown(image, attributes)
    band = len(data.shape) - 3 if isinstance(image, Cube) else None
    return replace(image, transform=_mirrored(transform, image, attributes, band))


def axis_in_metadata(metadata: Mapping[str, Any] | None) -> Axis | None:
    """Return the axis in the metadata of a layer, or None where there is none."""
    description = _description(metadata)
    if description is None or "axis" not in description:
        return None
    return axis_from_json(description["axis"])


def labels_layer(cube: Cube) -> LayerData:
    """Return the layer of `labels_for` a cube, aligned with its layer."""
    return on_all_bands(to_layer(labels_for(cube)), len(cube.axis))


def on_all_bands(layer: LayerData, bands: int) -> LayerData:
    """Return a layer that is shown at all bands of a cube, if it is one of labels.

    napari aligns layers by their last axes: it would take the bands for the planes of labels
    (z, y, x). So those of a stack get an axis of one band, as thick as all bands of the cube.
    """
    data, attributes, kind = layer
    if kind != "labels" or data.ndim == 2:
        return layer
    thick_band = Sampling(step=float(bands), start=(bands - 1) / 2)
    return data[..., None, :, :], _with_band(attributes, thick_band), kind


def labels_for(cube: Cube) -> Labels:
    """Return empty labels on the pixels of a cube, to paint on."""
    *leading, _bands, height, width = cube.shape
    unlabelled = np.zeros((*leading, height, width), np.uint8)
    return cube.as_labels(unlabelled, name=f"{cube.name} labels".strip(), history=(), metadata={})


def contrast_limits(data: Any, missing: float | None = None) -> tuple[float, float]:
    """Return the range from the 1st to the 99th percentile of a sample of the finite values.

    At most 24 indices along each axis are read, so that a file of any size opens at once.

    Parameters
    ----------
    data : array, shape (…, y, x)
        Intensities; may be lazy.
    missing : float, optional
        Value that stands for missing ones in the file; it is left out.
    """
    every = tuple(slice(None, None, math.ceil(size / _SAMPLES)) for size in data.shape)
    sample = np.asarray(data[every], dtype=np.float64)
    finite = sample[np.isfinite(sample) & (sample != missing)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99]).tolist()
    if low == high:  # napari refuses an empty range
        high = low + (abs(low) or 1.0)  # of very large values, 1 more is the same number
    return low, high


def _sampling(image: Image, dim: str) -> Sampling:
    """Return step, start and unit along an axis as it is shown; bands are counted.

    Positions that fall are shown as their negatives, which rise: napari would turn the image
    around, and lay new labels on it the other way round.
    """
    sampling = _own_sampling(image, dim)
    direction = math.copysign(1.0, sampling.step)
    return replace(sampling, step=abs(sampling.step), start=direction * sampling.start + 0.0)


def _own_sampling(image: Image, dim: str) -> Sampling:
    """Return step, start and unit along an axis, in its own direction."""
    match dim:
        case "y":
            return Sampling(image.pixel_size[0], image.origin[0], image.pixel_unit)
        case "x":
            return Sampling(image.pixel_size[1], image.origin[1], image.pixel_unit)
        case "z":
            return image.z or Sampling()
        case "t":
            return image.t or Sampling()
        case _:
            return Sampling()


def _shown_unit(unit: str | None) -> str:
    return unit if unit in _KNOWN_UNITS else "pixel"


def _aliases(image: Image) -> dict[str, Any]:
    """Return the keys that other plugins look for in the metadata of a layer."""
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


def _is_stack(data: Any, attributes: Attributes) -> bool:
    """Whether labels have the dimensions of their description, without any bands."""
    description = _description(attributes.get("metadata"))
    if description is None or "axis" in description:
        return False
    return len(data.shape) == 2 + _leading_axes(description)


def _is_spectral(image: Image) -> bool:
    axis = getattr(image, "axis", None)
    return isinstance(axis, SpectralAxis) and axis.kind != "index"


def _is_picture(image: Image) -> bool:
    """Whether an image is an RGB picture, which napari can show in colour."""
    return isinstance(image, Cube) and image.axis == RGB and np.dtype(image.data.dtype) == np.uint8


def _as_bands(data: Any, attributes: Attributes) -> tuple[Any, Attributes]:
    """Return a picture that `to_layer` made in colour, and its attributes, with colours as bands.

    Raises
    ------
    ValueError
        If it is any other RGB picture: its colours need not be measurements.
    """
    if axis_in_metadata(attributes.get("metadata")) != RGB or data.shape[-1] != len(RGB):
        name = str(attributes.get("name", ""))
        raise ValueError(f"layer {name!r} is an RGB picture, not a cube of bands; choose a cube")
    return _moved(data, -1, -3), _with_band(attributes)


def _is_flat(data: Any, attributes: Attributes, kind: str) -> bool:
    """Whether a described cube lacks the axis of its only band; see `to_layer`."""
    description = _description(attributes.get("metadata"))
    axis = axis_in_metadata(attributes.get("metadata"))
    if kind != "image" or description is None or axis is None:
        return False
    return len(data.shape) == 2 + _leading_axes(description) and len(axis) == 1


def _leading_axes(description: Description) -> int:
    """Return how many of the axes t and z a described image has."""
    return sum(bool(description.get(dim)) for dim in ("t", "z"))


def _with_band(attributes: Attributes, band: Sampling | None = None) -> dict[str, Any]:
    """Return the attributes of a layer with a band axis, last but two."""
    band = band or Sampling()
    of_band = {"scale": band.step, "translate": band.start, "units": "pixel", "axis_labels": "band"}
    changed = dict(attributes)
    for key, value in of_band.items():
        if changed.get(key) is not None:
            changed[key] = (*changed[key][:-2], value, *changed[key][-2:])
    axes = len(changed["scale"]) if changed.get("scale") is not None else 3
    transform = transform_in(attributes, axes - 1, None)
    return changed | attributes_of(transform, axes, axes - 3)


def _moved(data: Any, source: int, target: int) -> Any:
    """Return data with one axis moved; lazy data stay lazy."""
    order = list(range(len(data.shape)))
    order.insert(target % len(order), order.pop(source))
    return data.transpose(*order)


def _without_bands(attributes: Attributes) -> dict[str, Any]:
    """Return the attributes of a layer without its band axis, last but two."""
    changed = dict(attributes)
    for key in ("scale", "translate", "units", "axis_labels"):
        if changed.get(key) is not None and len(changed[key]) >= 3:
            changed[key] = (*changed[key][:-3], *changed[key][-2:])
    return changed


def _description(metadata: Mapping[str, Any] | None) -> Description | None:
    """Return our description in the metadata of a layer, or None where there is none."""
    description = (metadata or {}).get(METADATA_KEY)
    return description if isinstance(description, Mapping) else None


def _described(data: Any, description: Description | None, kind: str) -> Image | None:
    """Return the described image, or None where another image was described, or none."""
    if description is None or ("axis" in description) != (kind == "image"):
        return None
    try:
        return image_from(data, description)
    except (ValueError, TypeError, KeyError):
        return None  # people, or other plugins, changed the data since


def _without_description(data: Any, name: str, kind: str) -> Image:
    """Return the image of a layer by the number of its axes: (t, z, band, y, x), or its last ones."""
    dims = len(data.shape)
    if dims < 2 or dims > 5:
        raise ValueError(
            f"layer {name!r} has {dims} axes; choose one with two (y, x) to five (t, z, band, y, x)"
        )
    if kind == "labels":
        return Labels(data, z=_sampling_if(dims >= 3), t=_sampling_if(dims >= 4))
    if dims == 2:
        data = data[None]
    axis = SpectralAxis.index(int(data.shape[-3]))
    return Cube(data, axis, z=_sampling_if(dims >= 4), t=_sampling_if(dims == 5))


def _sampling_if(there: bool) -> Sampling | None:
    return Sampling() if there else None


def _as_shown(image: Image, attributes: Attributes) -> Image:
    """Return an image with the name, position, unit and classes that napari shows."""
    shown_name = str(attributes.get("name", image.name))
    if not image.name and shown_name == _NAMELESS[type(image)]:
        shown_name = ""
    if isinstance(image, Labels):
        image = with_shown_classes(image, attributes)
    scale = _per_dim(attributes.get("scale"), len(image.dims))
    translate = _per_dim(attributes.get("translate"), len(image.dims))
    changes: dict[str, Any] = {
        "name": shown_name,
        "pixel_unit": _pixel_unit(image, attributes),
        "shown": True,
    }
    samplings = {}
    for position, dim in enumerate(image.dims):
        samplings[dim] = _as_shown_along(_own_sampling(image, dim), scale, translate, position)
    y = samplings["y"]
    x = samplings["x"]
    changes |= {"pixel_size": (y.step, x.step), "origin": (y.start, x.start)}
    for dim, sampling in (("t", image.t), ("z", image.z)):
        if sampling is not None:
            changes[dim] = samplings[dim]
    return replace(image, **changes)


def _as_shown_along(
    own: Sampling,
    scale: Sequence[float] | None,
    translate: Sequence[float] | None,
    position: int,
) -> Sampling:
    """Return step and start that napari shows along an axis, in the axis' own direction."""
    direction = math.copysign(1.0, own.step)
    step = own.step if scale is None else direction * scale[position]
    start = own.start if translate is None else direction * translate[position]
    return replace(own, step=step, start=start + 0.0)  # no zero is negative


def _mirrored(
    transform: Transform | None, image: Image, attributes: Attributes, band: int | None
) -> Transform | None:
    """Return a transform between positions of an image and those that are shown, either way."""
    steps = [sampling.step for sampling in (image.t, image.z) if sampling is not None]
    shown = list(attributes.get("scale") or ())
    if band is not None and shown:
        del shown[band]
    return mirrored_between(transform, [*steps, *image.pixel_size], shown)


def _shown_transform(data: Any, attributes: Attributes, kind: str) -> Transform | None:
    """Return rotation, shear and affine map of a layer, without the axis of its bands.

    One that mixes bands with rows and columns is left out, with a warning: what is turned out of
    its bands is no image of spectra.
    """
    axes = len(data.shape) - bool(attributes.get("rgb"))
    in_plane = axes <= 2 or attributes.get("rgb")
    without_bands = _is_flat(data, attributes, kind) or (
        kind == "labels" and _is_stack(data, attributes)
    )
    band = None if in_plane or without_bands else axes - 3
    try:
        return transform_in(attributes, axes, band)
    except ValueError as error:
        name = str(attributes.get("name", ""))
        warnings.warn(
            f"layer {name!r} is not taken as it is shown: {error}; reset its rotation, shear or "
            "affine, or turn it within its plane",
            stacklevel=3,
        )
        return None


def _pixel_unit(image: Image, attributes: Attributes) -> str | None:
    """Return the unit of pixels that napari shows, or an image's own that napari cannot show."""
    units = [_canonical(str(unit)) for unit in attributes.get("units") or ()]
    shown = units[-1] if units else "pixel"
    if shown == _canonical(_shown_unit(image.pixel_unit)):
        return image.pixel_unit
    return None if shown == "pixel" else shown


def _per_dim(values: Sequence[float] | None, dims: int) -> tuple[float, ...] | None:
    """Return one number per dimension: napari leaves out, or adds, leading ones."""
    if values is None:
        return None
    numbers = tuple(float(value) for value in values)
    missing = max(0, dims - len(numbers))
    return (1.0,) * missing + numbers[-dims:]


_CANONICAL: Final = {
    "micrometer": "um", "µm": "um", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm",
    "meter": "m", "kilometer": "km", "second": "s", "millisecond": "ms", "microsecond": "us",
    "minute": "min", "hour": "h",
}  # fmt: skip


def _canonical(unit: str) -> str:
    return _CANONICAL.get(unit, unit)
