"""TIFF: stacks of planes, and the many places in which programs write what the planes are.

Sources: those of the modules for each dialect (`omexml`, `imagej`, `geotiff`, `lsm`) and of `planes`;
tifffile, "Supported formats", for the JSON of its own plain stacks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tifffile import TiffFile, TiffWriter

from ...axis import Axis, ChannelAxis, SpectralAxis, axis_from_json
from ...cube import Cube, Image, Labels, Sampling, image_from
from ...errors import AmbiguousError, FileFormatError
from ..metadata.companion import axis_beside
from ..metadata.evidence import SHAPE_KEY, Sizes, Told, told_by_envi_text
from ..metadata.json_axis import axis_of_json
from ..metadata.microscopy import refusing
from ..metadata.named_arrays import cube_from_array
from ..metadata.sidecar import LAYOUT_KEY, read_sidecar, sidecar_of, write_sidecar
from ..source import Source
from .geotiff import TAGS, told_by_gdal
from .imagej import told_by_imagej
from .links import CUT_SHORT
from .lsm import channels_of, positions, told_by_lsm
from .omexml import images_of_ome
from .planes import Planes, layout_of_file, opened, planes_of, reshaped, write_planes

_DESCRIPTION, _SUBFILE = 270, 254
_NO_IMAGE = 0b101  # kinds of subfiles: of reduced resolution, or a mask
_RESOLUTIONS = (283, 282)  # along y, along x
_LETTERS = {"t": "T", "z": "Z", "band": "C"}  # as tifffile names axes
_COLOURS = ("red", "green", "blue", "alpha")


def read_images(source: Source) -> list[Image]:
    """Read the images of a file, lazily: what it says of itself first, then what lies beside it.

    A plain stack says nothing: its pages are the bands.

    Raises
    ------
    FileFormatError
        If the file is no TIFF, was cut short, or promises other planes than it has.
    """
    path = source.path
    with opened(path) as file:
        images = [_image(found, source) for found in _found(file, path)]
    if source.array is None:
        return images
    chosen = [i for n, i in enumerate(images) if source.array in (str(n), i.name)]
    if not chosen:
        names = ", ".join(f"{n} {image.name!r}" for n, image in enumerate(images))
        raise FileFormatError(path, f"no image {source.array!r}", f"there are {names}")
    return chosen


def write_image(path: Path, image: Image) -> None:
    """Write a plain stack, its last axes first, and a sidecar that says what it is."""
    dtype = np.dtype(image.data.dtype)
    if dtype.itemsize > 8 or dtype.kind == "b":
        raise FileFormatError(
            path, f"a TIFF stack cannot hold {dtype.name}", "convert the data, or write .npz"
        )
    axes, shape = "".join(_LETTERS[dim] for dim in image.dims[:-2]), image.shape
    if isinstance(image, Labels):
        axes, shape = axes + "C", (*shape[:-2], 1, *shape[-2:])
    with TiffWriter(path, **layout_of_file(image.data)) as file:  # described as tifffile does
        write_planes(file, image.data, json.dumps({"shape": shape, "axes": f"{axes}YX"}))
    write_sidecar(path, image)


def _found(file: TiffFile, path: Path) -> list[_Found]:
    """Return what is found of each image of a file, without previews and masks of others."""
    found = []
    with refusing(path, "TIFF"):
        for number in range(len(file.series)):
            series = file.series[number]
            page = series.pages[0]
            preview = page is None or int(_tags(page, (_SUBFILE,)).get(_SUBFILE, 0)) & _NO_IMAGE
            if not number or not (preview or file.is_lsm):
                planes = planes_of(path, file, series)
                inside, name = _told_inside(file, series, number, planes)
                whole = _Found(name or str(number), planes, inside)
                found += _parts(whole, file.lsm_metadata) if file.lsm_metadata else [whole]
    stem = path.name.split(".")[0]
    names = [stem] if len(found) == 1 else [f"{stem} {one.name}" for one in found]
    return [replace(one, name=name) for one, name in zip(found, names, strict=True)]


def _parts(whole: _Found, lsm: Mapping[str, Any]) -> list[_Found]:
    """Return the images of an LSM file: each position, and what is no part of the spectrum."""
    planes, many, groups = whole.planes, positions(lsm), channels_of(lsm)
    if planes.pages % many or sum(len(group) for _, group in groups) != planes.samples:
        many, groups = 1, [("", range(planes.samples))]
    pages = planes.pages // many
    parts = []
    for place, (title, group) in product(range(many), groups):
        part = planes.part(
            slice(place * pages, (place + 1) * pages), slice(group.start, group.stop)
        )
        told = (told_by_lsm(lsm, group),) if title else whole.told
        name = f"position {place + 1} {title}".strip() if many > 1 else title or whole.name
        parts.append(_Found(name, part, told))
    return parts


def _image(found: _Found, source: Source) -> Image:
    path = source.path
    sizes = _sizes(path, found.planes, found.told)
    beside = read_sidecar(path)
    for ours in (*(told.ours for told in found.told), beside):
        image = _described(found.planes, sizes, ours) if source.axes is None else None
        if image is not None:
            return image
    about = {key: value for told in reversed(found.told) for key, value in told.about.items()}
    about |= {"name": found.name, "history": (f"read {path.name}",)}
    told = (*_stated(found.told, beside), *found.told)
    evidence = _Evidence(found.planes, sizes, told, about, beside or {})
    layout = source.axes or evidence.beside.get(LAYOUT_KEY)
    return _laid_out(evidence, layout, source) if layout else _deduced(evidence, source)


@dataclass(frozen=True)
class _Found:
    """An image in a file, and what the file tells of it, the surest first."""

    name: str
    planes: Planes
    told: tuple[Told, ...]


@dataclass(frozen=True)
class _Evidence:
    """All that was found of one image, in the file and beside it."""

    planes: Planes
    sizes: Sizes
    told: tuple[Told, ...]
    about: Mapping[str, Any]
    beside: Mapping[str, Any]

    def about_with(self, letters: str) -> dict[str, Any]:
        """Return what is known of a cube that has these axes."""
        kept = {
            key: value for key, value in self.about.items() if key not in "tz" or key in letters
        }
        return {letter: Sampling() for letter in letters if letter in "tz"} | kept

    @property
    def beside_axis(self) -> Axis:
        """The axis that the sidecar gives."""
        return axis_from_json(self.beside["axis"])


def _stated(inside: Sequence[Told], beside: Mapping[str, Any] | None) -> Iterable[Told]:
    """Yield the axes in descriptions of ours: one may fit where the rest of it does not."""
    for about in (*(told.ours for told in inside), beside):
        if about and "axis" in about:
            yield Told(axis=axis_from_json(about["axis"]))


def _deduced(found: _Evidence, source: Source) -> Image:
    """Return the image with the axes that the file tells, or the pages as bands."""
    planes, path = found.planes, source.path
    if "?" in dict(found.sizes):
        shape = tuple(size for _, size in found.sizes)
        raise AmbiguousError(
            path, f"planes in {shape}, which are the bands?", 'give the layout, as axes="tbyx"'
        )
    data, leading = _arranged(planes, found.sizes)
    bands = int(data.shape[-3])
    axis = _axis(found.told, bands, path, planes)
    if "axis" in found.beside and (axis is None or len(axis) != len(found.beside_axis)):
        raise FileFormatError(
            sidecar_of(path),
            f"it has {len(found.beside_axis)} bands, {path.name} {bands}",
            "mend or remove it",
        )
    about = found.about_with(leading)
    if data.dtype.kind in "iub" and axis is None and (source.flat or "classes" in found.beside):
        if bands > 1 and "z" not in leading:  # labels have no bands
            return Labels(data, **_of_labels({"z": Sampling()} | about))
        if bands == 1 and "classes" in found.beside:
            classes = tuple(found.beside["classes"])
            return Labels(data[..., 0, :, :], classes, **_of_labels(about))
    return Cube(data, axis or SpectralAxis.index(bands), **about)


def _told_inside(
    file: TiffFile, series: Any, number: int, planes: Planes
) -> tuple[tuple[Told, ...], str]:
    """Return what the file tells of one of its images, the surest first, and the image's name."""
    tags = _tags(series.pages[0], (_DESCRIPTION, *_RESOLUTIONS, *TAGS))
    bands = planes.samples if planes.samples > 1 else planes.pages
    told, name = list[Told](), ""
    if any(code in tags for code in TAGS):
        told.append(told_by_gdal(tags, bands))
    if file.lsm_metadata:
        count = int(file.lsm_metadata.get("DimensionChannels", 1))
        told.append(told_by_lsm(file.lsm_metadata, range(max(1, count))))
    elif file.ome_metadata:
        images = images_of_ome(file.ome_metadata)
        if number < len(images):
            told, name = [*told, images[number].told], images[number].name
    elif file.imagej_metadata:
        resolutions = [_fraction(tags[code]) for code in _RESOLUTIONS if code in tags]
        told.append(told_by_imagej(file.imagej_metadata, resolutions, planes.pages))
    else:
        told.append(_told_by_text(str(tags.get(_DESCRIPTION, "")), planes))
    return tuple(told), name


def _told_by_text(text: str, planes: Planes) -> Told:
    """Return what a description tells that is neither OME-XML nor ImageJ's."""
    about = _json(text)
    bands = planes.samples if planes.samples > 1 else planes.pages
    if about is None:
        return told_by_envi_text(text)
    axis = axis_of_json(about, bands)
    shape = about.get("shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
        return Told(axis=axis)
    letters = str(about.get("axes", ""))
    last = 3 if planes.samples > 1 or letters.endswith("S") else 2  # y, x and perhaps samples
    leading = [size for size in shape[:-last] if size > 0]
    letters = letters[: len(leading)].upper().ljust(len(leading), "?")
    return Told(_lettered(leading, letters), axis)


def _json(text: str) -> dict[str, Any] | None:
    try:
        about = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return about if isinstance(about, dict) else None


def _lettered(leading: Sequence[int], letters: str) -> Sizes:
    """Return axes of planes with one of bands among them; "?" where it is not clear which."""
    named = {"T": "t", "Z": "z"}
    if "C" in letters and set(letters) <= {*"TZC"}:
        return tuple((named.get(n, "b"), size) for n, size in zip(letters, leading, strict=True))
    many = [(letter, size) for letter, size in zip(letters, leading, strict=True) if size > 1]
    if len(many) <= 1:
        return (("b", math.prod(leading)),)
    found = [named.get(letter, "b") for letter, _ in many]
    if found == ["t", "z"]:  # without channels the slices are the bands, as in ImageJ
        found = ["t", "b"]
    clear = found.count("b") == 1 and len(set(found)) == len(found)
    return tuple((n if clear else "?", size) for n, (_, size) in zip(found, many, strict=True))


def _sizes(path: Path, planes: Planes, inside: Sequence[Told]) -> Sizes:
    """Return the axes of the planes; that as many are there as promised is seen to."""
    sizes = next((told.sizes for told in inside if told.sizes is not None), None)
    if sizes is None:
        return (("b", planes.pages),)
    promised = math.prod(size for _, size in sizes)
    if planes.samples > 1 and promised == planes.pages * planes.samples:
        # OME counts the samples of a pixel among the channels
        return tuple((n, s // planes.samples if n == "b" else s) for n, s in sizes)
    if promised != planes.pages:
        kinds = " × ".join(f"{size} {_WORDS[name]}" for name, size in sizes)
        raise FileFormatError(
            path, f"{planes.pages} planes, but its metadata promise {promised} ({kinds})", CUT_SHORT
        )
    return sizes


_WORDS = {"t": "frames", "z": "slices", "b": "bands", "?": "planes"}


def _arranged(planes: Planes, sizes: Sizes) -> tuple[Any, str]:
    """Return the planes as (t, z, band, y, x) without the t and z of one plane, and which stay."""
    names = [name for name, _ in sizes]
    data = reshaped(planes.data, (*(size for _, size in sizes), *planes.data.shape[1:]))
    order = [names.index(letter) for letter in "tzb" if letter in names]
    data = data.transpose(*order, *range(len(names), data.ndim))
    if "b" not in names:
        data = data[(*(slice(None),) * len(order), None)]
    many = dict(sizes)
    leading = [letter for letter in "tz" if letter in many]
    shape = [many[letter] for letter in leading if many[letter] > 1]
    data = reshaped(data, (*shape, many.get("b", 1) * planes.samples, *data.shape[-2:]))
    return data, "".join(letter for letter in leading if many[letter] > 1)


def _described(planes: Planes, sizes: Sizes, about: Mapping[str, Any] | None) -> Image | None:
    """Return the image that we wrote, or None where its description does not fit the planes."""
    if not about or "schema" not in about or "?" in dict(sizes):
        return None
    data, _ = _arranged(planes, sizes)
    leading = [letter for letter in "tz" if about.get(letter)] + ["b"] * ("axis" in about)
    shape = [*(dict(sizes).get(letter, 1) for letter in leading), *data.shape[-2:]]
    shape = list(about.get(SHAPE_KEY, shape))
    if [size for size in shape if size > 1] != [size for size in data.shape if size > 1]:
        return None  # another program has cropped the image since
    if "axis" in about and len(axis_from_json(about["axis"])) != shape[-3]:
        return None
    return image_from(reshaped(data, shape), about)


def _laid_out(found: _Evidence, layout: str, source: Source) -> Image:
    """Return the image with the axes that a person gave, a letter an axis longer than one."""
    planes = found.planes
    data = planes.data.transpose(0, 2, 3, 1) if planes.chunky else planes.data
    pixel = data.shape[1:] if planes.samples > 1 else planes.data.shape[2:]
    data = reshaped(data, (*(size for _, size in found.sizes if size > 1), *pixel))
    if len(layout) != data.ndim:
        raise FileFormatError(
            source.path,
            f"{data.ndim} axes {tuple(data.shape)}, the layout {layout!r} has {len(layout)}",
            "give one letter for each axis",
        )
    cube = cube_from_array(data, layout, None, **found.about_with(layout))
    axis = _axis(found.told, cube.shape[-3], source.path, None)
    return cube if axis is None else replace(cube, axis=axis)


def _axis(told: Sequence[Told], bands: int, path: Path, planes: Planes | None) -> Axis | None:
    """Return the first axis that fits the bands: of the file, of the text beside it, of colours."""
    for one in told:
        if one.axis is not None and len(one.axis) == bands:
            return one.axis
    beside = axis_beside(path, bands)
    if beside is not None:
        return beside
    if planes is not None and planes.colour and bands == planes.samples:
        return ChannelAxis(_COLOURS[:bands])
    return None


def _of_labels(about: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key in Labels.__dataclass_fields__}


def _tags(page: Any, codes: Iterable[int]) -> dict[int, Any]:
    return {code: page.tags[code].value for code in codes if code in page.tags}


def _fraction(value: Any) -> tuple[int, int]:
    over, under = value[:2]
    return int(over), int(under)


def is_imagej(path: Path) -> bool:
    """Whether ImageJ wrote a TIFF file."""
    return _says(path, "is_imagej")


def is_geotiff(path: Path) -> bool:
    """Whether a TIFF file has a place on the map, or bands that GDAL describes."""
    return _says(path, "is_geotiff") or _says(path, "is_gdal")


def _says(path: Path, what: str) -> bool:
    try:
        with refusing(path, "TIFF"), TiffFile(path) as file:
            return bool(getattr(file, what))
    except (FileFormatError, FileNotFoundError):
        return False
