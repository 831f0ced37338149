"""A folder of TIFF files, one a band.

Such as ``scan/band_0001_1450.2.tif``, ``scan/band_0002_1452.tif`` … A file beside them holds the description; without it, wavelengths may stand in the names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffWriter

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels, describe, image_from
from ...errors import FileFormatError
from ..arrays.lazy import Box, Lazy
from ..metadata.companion import axis_of_folder
from ..metadata.evidence import axis_from_names
from ..metadata.named_arrays import cube_from_array
from ..metadata.sidecar import read_json
from ..source import Source
from ..zarr import omezarr
from ..zarr import store as zarrstore
from . import reader as tiff
from .planes import layout_of_file, reshaped, write_planes

_ABOUT: Final = "description.json"
_LABELS: Final = "labels.tif"
_SUFFIXES: Final = (".tif", ".tiff")
_OPEN: Final = 128
"""Files that are kept open: systems allow some hundreds."""
_Reader = Callable[[Path], Cube]
_LOOK_AT: Final = 100_000
"""Entries of a folder to look at: somebody may drop a whole disk."""


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
    band = lru_cache(_OPEN)(_band)
    first = band(files[0])
    for number, file in enumerate(files):
        source.tell(number, len(files), file.name)
        each = band(file)
        if (each.shape, each.data.dtype) != (first.shape, first.data.dtype):
            raise FileFormatError(
                file,
                f"{each.shape} {each.data.dtype}, but {files[0].name} is {first.shape} "
                f"{first.data.dtype}",
                "all the bands of a folder must be alike: move the odd ones elsewhere",
            )
    about = _description(source.path)
    if about is not None and source.axes is None:
        return [_described(files, band, about)]
    cube = _deduced(source.path, files, band)
    return [cube if source.axes is None else _laid_out(cube, source)]


def write_image(path: Path, image: Image) -> None:
    """Write a folder of a file a band; with t or z its pages are the frames and slices."""
    dtype = np.dtype(image.data.dtype)
    if dtype.itemsize > 8 or dtype.kind == "b":
        raise FileFormatError(
            path, f"TIFF cannot hold {dtype.name}", "convert the data, or write .npz"
        )
    path.mkdir()
    if isinstance(image, Labels):
        _write_band(path / _LABELS, image.data)
    else:
        for band in range(len(image.axis)):
            _write_band(path / _name(image.axis, band), image.data[..., band, :, :])
    about = {"shape": list(image.shape)} | describe(image)
    (path / _ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def is_ours(path: Path) -> bool:
    """Whether nothing but the bands of one image is in a folder, so that it may be replaced."""
    names = {entry.name for entry in islice(path.iterdir(), _LOOK_AT)}
    ours = {name for name in names if re.fullmatch(r"band_\d+(_[^/]*)?\.tif", name)}
    return _ABOUT in names and names == ours | {_ABOUT} | (names & {_LABELS})


def _files(path: Path) -> list[Path]:
    entries = list(islice(path.iterdir(), _LOOK_AT))
    found = [e for e in entries if e.suffix.lower() in _SUFFIXES and e.name[0] not in "._"]
    if not found:
        others = ", ".join(sorted(entry.name for entry in entries[:4]))
        raise FileFormatError(
            path,
            f"no TIFF files in it ({'it is empty' if not entries else others + ' …'})",
            "open a folder with one TIFF file a band, or a file in it",
        )
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[Any]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [int(part) if part.isdecimal() else part for part in parts]


def _band(path: Path) -> Cube:
    image = tiff.read_images(Source(path))[0]
    if isinstance(image, Labels):
        raise FileFormatError(path, "labels, no band of a cube", "open the file itself")
    return image


def _described(files: Sequence[Path], band: _Reader, about: dict[str, Any]) -> Image:
    """Return the image that we wrote: the pages of each file are its frames and slices."""
    shape = [int(size) for size in about["shape"]]
    if "axis" not in about:
        return image_from(reshaped(band(files[0]).data, shape), about)
    return image_from(_stacked(files, band, shape[:-3]), about)


def _deduced(path: Path, files: Sequence[Path], band: _Reader) -> Cube:
    first = band(files[0])
    if len(first.axis) > 1:
        raise FileFormatError(
            files[0],
            f"{len(first.axis)} pages or channels, a band of a folder has one",
            "open the file itself",
        )
    return Cube(
        _stacked(files, band, first.shape[:-3]),
        _axis_of_names(files) or axis_of_folder(path, len(files)) or SpectralAxis.index(len(files)),
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        t=first.t,
        z=first.z,
        name=path.name,
        history=(f"read {path.name}",),
    )


def _laid_out(cube: Cube, source: Source) -> Cube:
    """Return the cube with the axes that a person gave: files first, then those of a page."""
    layout = source.axes or "byx"
    if len(layout) != len(cube.shape):
        raise FileFormatError(
            source.path,
            f"{len(cube.shape)} axes {cube.shape}, the layout {layout!r} has {len(layout)}",
            "give one letter for each axis",
        )
    axis = cube.axis if layout[-3] == "b" and isinstance(cube.axis, SpectralAxis) else None
    return cube_from_array(cube.data, layout, axis, name=cube.name, history=cube.history)


def _stacked(files: Sequence[Path], band: _Reader, leading: Sequence[int]) -> Lazy:
    """Return the bands as one array, shape (…leading, band, y, x), of files that stay closed."""
    first = band(files[0])
    plane = first.shape[-2:]

    def read(box: Box) -> NDArray[Any]:
        *lead, bands, y, x = box
        pages = (reshaped(band(file).data, (*leading, *plane)) for file in files[bands])
        return np.stack([np.asarray(page[(*lead, y, x)]) for page in pages], axis=-3)

    shape = (*leading, len(files), *plane)
    return Lazy(read, shape, first.data.dtype, (*(1 for _ in leading), 1, *plane))


def _axis_of_names(files: Sequence[Path]) -> SpectralAxis | None:
    """Return the axis that names such as ``leaf_450nm.tif`` give, which is a guess."""
    axis = axis_from_names([re.sub(r"[_\s]", " ", file.stem) for file in files])
    return None if axis is None else SpectralAxis(axis.centres, axis.unit, axis.kind, guessed=True)


def _description(path: Path) -> dict[str, Any] | None:
    beside = path / _ABOUT
    if not beside.is_file():
        return None
    about = read_json(beside)
    return about if isinstance(about, dict) and {"schema", "shape"} <= set(about) else None


def _write_band(path: Path, data: Any) -> None:
    with TiffWriter(path, **layout_of_file(data)) as file:
        write_planes(file, data)


def _name(axis: Axis, band: int) -> str:
    number = f"band_{band + 1:04d}"
    if isinstance(axis, ChannelAxis):
        return f"{number}_{re.sub(r'[^0-9A-Za-z-]+', '-', axis.names[band])[:80]}.tif"
    return f"{number}_{axis.centres[band]:g}.tif" if axis.unit else f"{number}.tif"
