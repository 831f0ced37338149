"""A folder of TIFF files, or of PNG files, one a band.

Such as ``scan/band_0001_1450.2.tif``, ``scan/band_0002_1452.tif`` … A file of ours beside them holds
the description; without it, wavelengths may stand in the names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffWriter

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels, describe, image_from
from ...errors import FileFormatError
from ..arrays.identity import Identity, check_unchanged
from ..arrays.lazy import Box, Lazy
from ..arrays.positional import by_position
from ..metadata.axes import axis_from_names, axis_from_numbered_names, differ_in_numbers
from ..metadata.companion import axis_of_folder
from ..metadata.named_arrays import cube_from_array
from ..metadata.sidecar import read_json
from ..raw import picture
from ..source import Source
from ..zarr import omezarr
from ..zarr import store as zarrstore
from . import reader as tiff
from .planes import layout_of_file, reshaped, write_planes

_DESCRIPTION: Final = "description.json"
_LABELS: Final = "labels.tif"
_SUFFIXES: Final = ((".tif", ".tiff"), (".png",), (".bmp",), (".jpg", ".jpeg"))
"""Suffixes of the bands of a folder: the first that any file has."""
_OPEN: Final = 128
"""Files that are kept open: systems allow some hundreds."""
_LOOK_AT: Final = 100_000
"""Entries of a folder to look at: somebody may drop a whole disk."""
_OURS: Final = re.compile(r"band_\d+(_[^/]*)?\.tif")
"""Names of the bands that we write."""
_ReadBand: TypeAlias = Callable[[Path], Cube]


def read_images(source: Source) -> list[Image]:
    """Read a folder of files of equal size as the bands of one cube, in natural order of names.

    A folder that is a Zarr store is read as one, whatever its name.

    Raises
    ------
    FileFormatError
        If there is no TIFF file in it, or their sizes differ.
    """
    if zarrstore.is_zarr(source.path):
        return omezarr.read_images(source)
    files = _files(source.path)
    read_band = _Bands(files)
    _check_alike(files, read_band, source)
    description = _description(source.path)
    if description is not None and source.axes is None:
        return [_described(files, read_band, description)]
    cube = _deduced(source.path, files, read_band)
    if source.axes is not None:
        cube = _laid_out(cube, source)
    return [cube]


def write_image(path: Path, image: Image) -> None:
    """Write a folder of a file a band; with t or z its pages are the frames and slices."""
    dtype = np.dtype(image.data.dtype)
    if dtype.itemsize > 8 or dtype.kind == "b":
        raise FileFormatError(
            path,
            f"TIFF cannot hold {dtype.name}",
            "convert the data, or write .npz",
        )
    path.mkdir()  # a temporary folder, renamed when all is in it
    if isinstance(image, Labels):
        _write_band(path / _LABELS, image.data)
    else:
        for band in range(len(image.axis)):
            file = path / _name(image.axis, band)
            _write_band(file, image.data[..., band, :, :])
    description = {"shape": list(image.shape)} | describe(image)
    text = json.dumps(description, indent=1) + "\n"
    (path / _DESCRIPTION).write_text(text, encoding="utf-8")


def is_ours(path: Path) -> bool:
    """Whether nothing but the bands of one image is in a folder, so that it may be replaced."""
    others = set()
    for entry in islice(path.iterdir(), _LOOK_AT):
        if not _OURS.fullmatch(entry.name):
            others.add(entry.name)
    return _DESCRIPTION in others and others <= {_DESCRIPTION, _LABELS}


# reading


def _files(path: Path) -> list[Path]:
    """Return the TIFF files of a folder in natural order: 2 before 10."""
    entries = list(islice(path.iterdir(), _LOOK_AT))
    visible = [entry for entry in entries if not entry.name.startswith((".", "_"))]
    if len(visible) == 1 and visible[0].is_dir():  # as archives are often unpacked
        return _files(visible[0])
    files: list[Path] = []
    for suffixes in _SUFFIXES:
        files = files or [entry for entry in visible if entry.suffix.lower() in suffixes]
    if not files:
        seen = "it is empty"
        if entries:
            others = sorted(entry.name for entry in entries[:4])
            seen = f"{', '.join(others)} …"
        raise FileFormatError(
            path,
            f"no TIFF files in it, and no PNG files ({seen})",
            "open a folder with one file a band, or a file in it",
        )
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[str | int]:
    """Return the texts and numbers in a name, by turns."""
    parts: list[str | int] = []
    for part in re.split(r"(\d+)", path.name.lower()):
        parts.append(int(part) if part.isdecimal() else part)
    return parts


class _Bands:
    """Reads the files of a folder, as long as they are those that were there at first."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._identities = {file: Identity.of(file) for file in files}
        self._read = lru_cache(_OPEN)(_band)

    def __call__(self, file: Path) -> Cube:
        """Return the first image of a file.

        Raises
        ------
        ChangedFileError
            If it was changed, replaced or removed.
        """
        check_unchanged(file, self._identities[file])
        return self._read(file)


def _band(path: Path) -> Cube:
    """Return the first image of a file."""
    if path.suffix.lower() in _SUFFIXES[0]:
        image = tiff.read_images(Source(path))[0]
    else:
        image = picture.read_images(Source(path))[0]
    if isinstance(image, Labels):
        raise FileFormatError(
            path,
            "labels, no band of a cube",
            "open the file itself",
        )
    return replace(image, data=by_position(image.data))


def _check_alike(
    files: Sequence[Path],
    read_band: _ReadBand,
    source: Source,
) -> None:
    """Refuse files that cannot be stacked: of another shape or type than the first."""
    first = read_band(files[0])
    expected = (first.shape, first.data.dtype)
    for number, file in enumerate(files):
        source.tell(number, len(files), file.name)
        band = read_band(file)
        if (band.shape, band.data.dtype) != expected:
            raise FileFormatError(
                file,
                f"{band.shape} {band.data.dtype}, but {files[0].name} is {first.shape} "
                f"{first.data.dtype}",
                "all the bands of a folder must be alike: move the odd ones elsewhere",
            )


def _description(path: Path) -> dict[str, Any] | None:
    """Return the description that we wrote into a folder; other programs have such files, too."""
    file = path / _DESCRIPTION
    if not file.is_file():
        return None
    description = read_json(file)
    if not isinstance(description, dict):
        return None
    if "schema" not in description or "shape" not in description:
        return None
    return description


def _described(
    files: Sequence[Path],
    read_band: _ReadBand,
    description: dict[str, Any],
) -> Image:
    """Return the image that we wrote: the pages of each file are its frames and slices."""
    shape = [int(size) for size in description["shape"]]
    if "axis" not in description:  # labels are one file
        labels = read_band(files[0])
        return image_from(reshaped(labels.data, shape), description)
    bands = _stacked(files, read_band, shape[:-3])
    return image_from(bands, description)


def _deduced(
    path: Path,
    files: Sequence[Path],
    read_band: _ReadBand,
) -> Cube:
    """Return the cube of files that somebody else wrote."""
    first = read_band(files[0])
    if len(first.axis) > 1:
        raise FileFormatError(
            files[0],
            f"{len(first.axis)} pages or channels, a band of a folder has one",
            "open the file itself",
        )
    count = len(files)
    axis = _axis_of_names(files) or axis_of_folder(path, count)
    return Cube(
        _stacked(files, read_band, first.shape[:-3]),
        axis or SpectralAxis.index(count),
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        t=first.t,
        z=first.z,
        name=path.name,
        history=(f"read {path.name}",),
    )


def _laid_out(cube: Cube, source: Source) -> Cube:
    """Return the cube in a layout that was stated: files first, then the axes of a page."""
    layout = source.axes or "byx"
    if len(layout) != len(cube.shape):
        raise FileFormatError(
            source.path,
            f"{len(cube.shape)} axes {cube.shape}, the layout {layout!r} has {len(layout)}",
            "give one letter for each axis",
        )
    # the axis is that of the files: it holds only where these are still the bands
    axis = None
    if layout[-3] == "b" and isinstance(cube.axis, SpectralAxis):
        axis = cube.axis
    return cube_from_array(
        cube.data,
        layout,
        axis,
        name=cube.name,
        history=cube.history,
    )


def _stacked(
    files: Sequence[Path],
    read_band: _ReadBand,
    leading: Sequence[int],
) -> Lazy:
    """Return the bands as one array, shape (…leading, band, y, x), of files that stay closed."""
    first = read_band(files[0])
    plane = first.shape[-2:]

    def read(box: Box) -> NDArray[Any]:
        *lead, bands, y, x = box
        values = []
        for file in files[bands]:
            band = read_band(file)
            pages = reshaped(band.data, (*leading, *plane))
            part = pages[(*lead, y, x)]
            values.append(np.asarray(part))
        return np.stack(values, axis=-3)

    shape = (*leading, len(files), *plane)
    ones = [1] * len(leading)
    chunks = (*ones, 1, *plane)  # a page of a file
    return Lazy(read, shape, first.data.dtype, chunks)


def _axis_of_names(files: Sequence[Path]) -> SpectralAxis | None:
    """Return the axis that names such as ``leaf_450nm.tif`` give, which is a guess."""
    names = [file.name for file in files]
    axis = axis_from_names(names, stated=differ_in_numbers(names)) or axis_from_numbered_names(
        names
    )
    if axis is None:
        return None
    return replace(axis, guessed=True)


# writing


def _write_band(path: Path, data: Any) -> None:
    with TiffWriter(path, **layout_of_file(data)) as file:
        write_planes(file, data)


def _name(axis: Axis, band: int) -> str:
    number = f"band_{band + 1:04d}"
    if isinstance(axis, ChannelAxis):
        # only characters that every file system allows
        name = re.sub(r"[^0-9A-Za-z-]+", "-", axis.names[band])
        return f"{number}_{name[:80]}.tif"
    if axis.unit:
        return f"{number}_{axis.centres[band]:g}.tif"
    return f"{number}.tif"
