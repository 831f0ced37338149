"""TIFF: stacks of planes, and the many places in which programs write what the planes are.

Sources: those of the modules for each dialect (`omexml`, `imagej`, `geotiff`, `lsm`) and of `planes`;
tifffile, "Supported formats", for the JSON of its own plain stacks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from tifffile import TiffFile, TiffWriter

from ...cube import Image, Labels
from ...errors import FileFormatError
from ..metadata.axes import axis_from_envi_text
from ..metadata.microscopy import refusing
from ..metadata.sidecar import write_sidecar
from ..source import Source
from .geotiff import TAGS, metadata_from_gdal
from .image import TiffImage, image_of, parts_of_channels
from .imagej import metadata_from_imagej
from .links import check_links
from .lsm import channel_groups, metadata_from_lsm, position_count
from .metadata import ImageMetadata
from .omexml import images_of_ome
from .planes import Planes, layout_of_file, opened, planes_of, write_planes
from .resolution import TAGS as RESOLUTION_TAGS
from .resolution import geometry_of_tags
from .shaped import metadata_from_json

# tags of TIFF 6.0, sections 8 and 12
_DESCRIPTION: Final = 270
_SUBFILE: Final = 254
_RESOLUTIONS: Final = (283, 282)  # along y, along x
_NO_IMAGE: Final = 0b101
"""Bits of the kind of a subfile: it is of reduced resolution, or a mask."""
_LETTERS: Final = {"t": "T", "z": "Z", "band": "C"}
"""Names of axes in the JSON of tifffile."""


def read_images(source: Source) -> list[Image]:
    """Read the images of a file, lazily.

    What the file says of itself counts before its companion files. The pages of a plain stack,
    which says nothing, are the bands.

    Raises
    ------
    FileFormatError
        If the file is no TIFF, was cut short, or promises other planes than it has.
    """
    path = source.path
    with opened(path) as file:
        images = [image_of(each, source) for each in _images(file, path)]
    if source.array is None:
        return images
    chosen = []
    for number, image in enumerate(images):
        if source.array in (str(number), image.name):
            chosen.append(image)
    if not chosen:
        names = [f"{number} {image.name!r}" for number, image in enumerate(images)]
        raise FileFormatError(
            path,
            f"no image {source.array!r}",
            f"there are {', '.join(names)}",
        )
    return chosen


def write_image(path: Path, image: Image) -> None:
    """Write a plain stack, its last axes fastest, and a sidecar that says what it is."""
    dtype = np.dtype(image.data.dtype)
    if dtype.itemsize > 8 or dtype.kind == "b":
        raise FileFormatError(
            path,
            f"a TIFF stack cannot hold {dtype.name}",
            "convert the data, or write .npz",
        )
    letters = [_LETTERS[dim] for dim in image.dims[:-2]]
    *leading, height, width = image.shape
    if isinstance(image, Labels):  # one channel, lest its slices be taken for bands
        letters.append("C")
        leading.append(1)
    # tifffile describes its own stacks so: other programs that use it find the axes
    shape = [*leading, height, width]
    axes = "".join(letters) + "YX"
    description = json.dumps({"shape": shape, "axes": axes})
    with TiffWriter(path, **layout_of_file(image.data)) as file:
        write_planes(file, image.data, description)
    write_sidecar(path, image)


def is_imagej(path: Path) -> bool:
    """Whether ImageJ wrote a TIFF file."""
    return _is_of_dialect(path, "imagej")


def is_geotiff(path: Path) -> bool:
    """Whether a TIFF file is georeferenced, or has bands that GDAL describes."""
    return _is_of_dialect(path, "geotiff") or _is_of_dialect(path, "gdal")


def _is_of_dialect(path: Path, dialect: str) -> bool:
    """Whether tifffile recognises a dialect, for which it has an attribute such as is_imagej."""
    try:
        check_links(path)
        with refusing(path, "TIFF"), TiffFile(path) as file:
            return bool(getattr(file, f"is_{dialect}"))
    except (FileFormatError, FileNotFoundError):
        return False


def _images(file: TiffFile, path: Path) -> list[TiffImage]:
    """Return planes and metadata of each image of a file, without its previews and masks."""
    images: list[TiffImage] = []
    with refusing(path, "TIFF"):
        for number in range(len(file.series)):
            series = file.series[number]
            if number:  # the first one is always read
                first_page = series.pages[0]
                if file.is_lsm or _is_preview(first_page):
                    continue
            image = _image(file, path, number)
            if file.lsm_metadata:
                images += _parts_of_lsm(image, file.lsm_metadata)
            else:
                images += parts_of_channels(image)
    stem = path.name.split(".")[0]
    if len(images) == 1:
        return [images[0].named(stem)]
    return [image.named(f"{stem} {image.name}") for image in images]


def _is_preview(page: Any) -> bool:
    if page is None:  # it is in another file of the set
        return True
    tags = _tags(page, (_SUBFILE,))
    kind = int(tags.get(_SUBFILE, 0))
    return bool(kind & _NO_IMAGE)


def _image(
    file: TiffFile,
    path: Path,
    number: int,
) -> TiffImage:
    """Return planes and metadata of a series of pages, the surest metadata first."""
    series = file.series[number]
    planes = planes_of(path, file, series)
    tags = _tags(series.pages[0], (_DESCRIPTION, *RESOLUTION_TAGS, *TAGS))
    metadata: list[ImageMetadata] = []
    name = ""
    if any(code in tags for code in TAGS):
        metadata.append(metadata_from_gdal(tags, planes.bands))
    lsm = file.lsm_metadata
    if lsm:
        channels = max(1, int(lsm.get("DimensionChannels", 1)))
        metadata.append(metadata_from_lsm(lsm, range(channels)))
    elif file.ome_metadata:
        images = images_of_ome(file.ome_metadata)
        if number < len(images):
            ome = images[number]
            metadata.append(ome.metadata)
            name = ome.name
    elif file.imagej_metadata:
        entries = file.imagej_metadata
        resolutions = [_fraction(tags[code]) for code in _RESOLUTIONS if code in tags]
        metadata.append(metadata_from_imagej(entries, resolutions, planes.pages))
    else:
        text = str(tags.get(_DESCRIPTION, ""))
        metadata.append(_metadata_from_text(text, planes))
    if not lsm and not file.ome_metadata:
        metadata.append(ImageMetadata(fields=geometry_of_tags(tags)))
    return TiffImage(name or str(number), planes, tuple(metadata))


def _metadata_from_text(text: str, planes: Planes) -> ImageMetadata:
    """Return what a description says that is neither OME-XML nor ImageJ's."""
    document = None
    if text.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):  # a text of another kind
            document = json.loads(text)
    if isinstance(document, dict):
        return metadata_from_json(document, planes)
    return ImageMetadata(axis=axis_from_envi_text(text))


def _parts_of_lsm(image: TiffImage, lsm: Mapping[str, Any]) -> list[TiffImage]:
    """Return the images of an LSM file: each position, and the channels outside the spectrum."""
    planes = image.planes
    positions = position_count(lsm)
    groups = channel_groups(lsm)
    channels = sum(len(group) for _, group in groups)
    if planes.pages % positions or channels != planes.samples:
        # the file is not what its description says: read it as one image
        positions = 1
        groups = [("", range(planes.samples))]
    pages = planes.pages // positions
    parts = []
    for position, (title, group) in product(range(positions), groups):
        start = position * pages
        own_pages = slice(start, start + pages)
        own_channels = slice(group.start, group.stop)
        part = planes.part(own_pages, own_channels)
        metadata = image.metadata
        if title:
            metadata = (metadata_from_lsm(lsm, group),)
        name = title or image.name
        if positions > 1:
            name = f"position {position + 1} {title}".strip()
        parts.append(TiffImage(name, part, metadata))
    return parts


def _tags(page: Any, codes: Iterable[int]) -> dict[int, Any]:
    values = {}
    for code in codes:
        if code in page.tags:
            values[code] = page.tags[code].value
    return values


def _fraction(value: Any) -> tuple[int, int]:
    numerator, denominator = value[:2]
    return int(numerator), int(denominator)
