"""From the planes of a TIFF file, its metadata and companion files to an image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from ...axis import Axis, ChannelAxis, SpectralAxis, axis_from_json
from ...cube import Cube, Image, Labels, Sampling, image_from
from ...errors import AmbiguousError, FileFormatError
from ..metadata.companion import companion_axis
from ..metadata.fields import CubeFields
from ..metadata.named_arrays import cube_from_array
from ..metadata.sidecar import LAYOUT_KEY, read_sidecar, sidecar_of
from ..source import Source
from .links import CUT_SHORT
from .metadata import SHAPE_KEY, ImageMetadata, Sizes
from .modulo import CHANNEL
from .planes import Planes, reshaped

_COLOURS: Final = ("red", "green", "blue", "alpha")
_PLURALS: Final = {
    "t": "frames",
    "z": "slices",
    "b": "bands",
    CHANNEL: "channels",
    "?": "planes",
}


@dataclass(frozen=True)
class TiffImage:
    """An image in a file, and what the file says of it, the surest first."""

    name: str
    planes: Planes
    metadata: tuple[ImageMetadata, ...]

    def named(self, name: str) -> Self:
        """Return the same image under another name."""
        return replace(self, name=name)


def image_of(tiff: TiffImage, source: Source) -> Image:
    """Return the image that planes, metadata and sidecar make.

    Raises
    ------
    FileFormatError
        If they contradict each other.
    AmbiguousError
        If nothing says which planes are the bands.
    """
    planes = tiff.planes
    sizes = _sizes(source.path, planes, tiff.metadata)
    sidecar = read_sidecar(source.path)
    descriptions = [each.description for each in tiff.metadata]
    descriptions.append(sidecar)
    if source.axes is None:
        for description in descriptions:
            image = _described(planes, sizes, description)
            if image is not None:
                return image
    axes = [*_axes_of(descriptions)]
    for metadata in tiff.metadata:
        if metadata.axis is not None:
            axes.append(metadata.axis)
    evidence = _Evidence(
        planes,
        sizes,
        tuple(axes),
        fields=_fields(tiff, source.path),
        sidecar=sidecar or {},
    )
    layout = source.axes or evidence.sidecar.get(LAYOUT_KEY)
    if layout:
        return _laid_out(evidence, layout, source)
    return _deduced(evidence, source)


@dataclass(frozen=True)
class _Evidence:
    """All that is known of one image, from the file and its sidecar."""

    planes: Planes
    sizes: Sizes
    axes: tuple[Axis, ...]
    """Those that were stated, the surest first; not all may fit the bands."""
    fields: CubeFields
    sidecar: Mapping[str, Any]

    def fields_with(self, letters: str) -> CubeFields:
        """Return the parameters of a cube that has these axes: no t or z but those."""
        fields = self.fields.copy()
        if "t" not in letters:
            fields.pop("t", None)
        elif "t" not in fields:
            fields["t"] = Sampling()
        if "z" not in letters:
            fields.pop("z", None)
        elif "z" not in fields:
            fields["z"] = Sampling()
        return fields


def _fields(tiff: TiffImage, path: Path) -> CubeFields:
    """Return the parameters of `Cube` in the metadata; the first that states one counts."""
    fields = CubeFields()
    for metadata in reversed(tiff.metadata):
        fields |= metadata.fields
    fields["name"] = tiff.name
    fields["history"] = (f"read {path.name}",)
    return fields


def _axes_of(descriptions: Sequence[Mapping[str, Any] | None]) -> Iterator[Axis]:
    """Yield the axes in descriptions of ours: one may fit where the remainder of it does not."""
    for description in descriptions:
        if description and "axis" in description:
            yield axis_from_json(description["axis"])


# which axes the planes have


def _sizes(
    path: Path,
    planes: Planes,
    metadata: Sequence[ImageMetadata],
) -> Sizes:
    """Return the axes of the planes, after they were seen to be as many as was promised."""
    stated = [each.sizes for each in metadata if each.sizes is not None]
    if not stated:
        return (("b", planes.pages),)
    sizes = stated[0]
    promised = math.prod(size for _, size in sizes)
    samples = planes.samples
    if samples > 1 and promised == planes.pages * samples:
        # OME counts the samples of a pixel among the channels
        pages = []
        for name, size in sizes:
            pages.append((name, size // samples if name == "b" else size))
        return tuple(pages)
    if promised != planes.pages:
        each_size = [f"{size} {_PLURALS[name]}" for name, size in sizes]
        kinds = " × ".join(each_size)
        raise FileFormatError(
            path,
            f"{planes.pages} planes, but its metadata promise {promised} ({kinds})",
            CUT_SHORT,
        )
    return sizes


def _arranged(planes: Planes, sizes: Sizes) -> tuple[Any, str]:
    """Return the planes as (t, z, band, y, x), and which of t and z there are.

    A t or z of one plane is no axis of ours.
    """
    lengths = dict(sizes)
    names = list(lengths)
    _, samples, height, width = planes.data.shape
    in_file = (*lengths.values(), samples, height, width)
    data = reshaped(planes.data, in_file)
    order = [names.index(letter) for letter in "tzb" if letter in names]
    in_page = range(len(names), data.ndim)
    data = data.transpose(*order, *in_page)
    if "b" not in names:
        before = [slice(None)] * len(order)
        data = data[(*before, None)]
    leading = "".join(letter for letter in "tz" if lengths.get(letter, 1) > 1)
    frames_and_slices = [lengths[letter] for letter in leading]
    bands = lengths.get("b", 1) * samples  # each sample of a pixel is a band of its own
    shape = (*frames_and_slices, bands, height, width)
    return reshaped(data, shape), leading


def parts_of_channels(image: TiffImage) -> list[TiffImage]:
    """Return an image for each channel, where the channels are an axis beside the bands."""
    metadata = image.metadata[0] if image.metadata else None
    sizes = None if metadata is None else metadata.sizes
    planes = image.planes
    if sizes is None or CHANNEL not in dict(sizes) or planes.samples > 1:
        return [image]
    names = [name for name, _ in sizes]
    lengths = [size for _, size in sizes]
    if math.prod(lengths) != planes.pages:
        return [image]  # pages are missing: that is seen to when it is put together
    position = names.index(CHANNEL)
    data = reshaped(planes.data, (*lengths, *planes.data.shape[1:]))
    before = (slice(None),) * position
    own_sizes = tuple(axis for axis in sizes if axis[0] != CHANNEL)
    pages = planes.pages // lengths[position]
    parts = []
    for channel in range(lengths[position]):
        part = reshaped(data[(*before, channel)], (pages, *planes.data.shape[1:]))
        own = replace(image.metadata[0], sizes=own_sizes)
        name = f"{image.name} channel {channel + 1}".strip()
        parts.append(TiffImage(name, replace(planes, data=part), (own, *image.metadata[1:])))
    return parts


# the three ways to an image


def _described(
    planes: Planes,
    sizes: Sizes,
    description: Mapping[str, Any] | None,
) -> Image | None:
    """Return the image that we wrote, or None where its description does not fit the planes."""
    if not description or "schema" not in description or "?" in dict(sizes):
        return None
    data, _ = _arranged(planes, sizes)
    shape = _described_shape(description, dict(sizes), data.shape)
    if _long(shape) != _long(data.shape):
        return None  # another program has cropped the image since
    if "axis" in description:
        axis = axis_from_json(description["axis"])
        if len(axis) != shape[-3]:
            return None
    return image_from(reshaped(data, shape), description)


def _long(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size > 1]


def _described_shape(
    description: Mapping[str, Any],
    sizes: Mapping[str, int],
    shape: Sequence[int],
) -> list[int]:
    """Return the shape of the data that a description is of; sidecars do not state it."""
    if SHAPE_KEY in description:
        return list(description[SHAPE_KEY])
    letters = [letter for letter in "tz" if description.get(letter)]
    if "axis" in description:  # labels have no bands
        letters.append("b")
    leading = [sizes.get(letter, 1) for letter in letters]
    return [*leading, *shape[-2:]]


def _laid_out(
    evidence: _Evidence,
    layout: str,
    source: Source,
) -> Image:
    """Return the image in a layout that was stated, with a letter for each axis longer than one."""
    planes = evidence.planes
    # as the file has the axes: samples are the last of a pixel, or the first of a page
    data = planes.data
    if planes.chunky:
        data = data.transpose(0, 2, 3, 1)  # (page, y, x, sample)
    page = planes.data.shape[2:]  # (y, x)
    if planes.samples > 1:
        page = data.shape[1:]
    pages = _long([size for _, size in evidence.sizes])
    data = reshaped(data, (*pages, *page))
    if len(layout) != data.ndim:
        raise FileFormatError(
            source.path,
            f"{data.ndim} axes {tuple(data.shape)}, the layout {layout!r} has {len(layout)}",
            "give one letter for each axis",
        )
    cube = cube_from_array(
        data,
        layout,
        None,
        **evidence.fields_with(layout),
    )
    axis = _fitting_axis(evidence, cube.shape[-3], source.path)
    if axis is None:
        return cube
    return replace(cube, axis=axis)


def _deduced(evidence: _Evidence, source: Source) -> Image:
    """Return the image with the axes that the file states, or the pages as bands."""
    if "?" in dict(evidence.sizes):
        shape = tuple(size for _, size in evidence.sizes)
        raise AmbiguousError(
            source.path,
            f"planes in {shape}, which are the bands?",
            'give the layout, as axes="tbyx"',
        )
    data, leading = _arranged(evidence.planes, evidence.sizes)
    bands = int(data.shape[-3])
    axis = _fitting_axis(evidence, bands, source.path)
    axis = axis or _colour_axis(evidence.planes, bands)
    _check_sidecar(evidence.sidecar, axis, bands, source.path)
    fields = evidence.fields_with(leading)
    if data.dtype.kind in "iub" and axis is None:
        classes = evidence.sidecar.get("classes")
        labels = _labels(
            data,
            leading,
            classes,
            fields,
            flat=source.flat,
        )
        if labels is not None:
            return labels
    return Cube(data, axis or SpectralAxis.index(bands), **fields)


def _check_sidecar(
    sidecar: Mapping[str, Any],
    axis: Axis | None,
    bands: int,
    path: Path,
) -> None:
    """Refuse a sidecar of another number of bands: which of the two is right, we cannot know."""
    if "axis" not in sidecar:
        return
    expected = len(axis_from_json(sidecar["axis"]))
    if axis is None or len(axis) != expected:
        raise FileFormatError(
            sidecar_of(path),
            f"it has {expected} bands, {path.name} {bands}",
            "mend or remove it",
        )


def _labels(
    data: Any,
    leading: str,
    classes: Any,
    fields: Mapping[str, Any],
    *,
    flat: bool,
) -> Labels | None:
    """Return whole numbers (…, band, y, x) as labels, if those are asked for or have classes."""
    if not flat and classes is None:
        return None
    shared = {}
    for key, value in fields.items():
        if key in Labels.__dataclass_fields__:
            shared[key] = value
    bands = int(data.shape[-3])
    if bands > 1 and "z" not in leading:  # labels have no bands: these are slices
        numbered = {"z": Sampling()}
        return Labels(data, **numbered | shared)
    if bands == 1 and classes is not None:
        numbers = data[..., 0, :, :]
        return Labels(numbers, tuple(classes), **shared)
    return None


def _fitting_axis(
    evidence: _Evidence,
    bands: int,
    path: Path,
) -> Axis | None:
    """Return the first axis that fits the bands, of the file or else of its companion."""
    fitting = (axis for axis in evidence.axes if len(axis) == bands)
    return next(fitting, None) or companion_axis(path, bands)


def _colour_axis(planes: Planes, bands: int) -> Axis | None:
    if planes.colour and bands == planes.samples:
        return ChannelAxis(_COLOURS[:bands])
    return None
