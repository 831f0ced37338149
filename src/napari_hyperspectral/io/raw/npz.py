"""NumPy archives: named arrays in one zip file.

Source: NumPy, "numpy.lib.format", https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image, describe, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import images_from_arrays
from ..metadata.separate_bands import cubes_of_bands
from ..room import check_room
from ..source import Source

_DESCRIPTION = "hyperspectral"
"""Name of the array of text that holds our description."""
_LONGEST: Final = 2**28
"""Bytes of a description."""
_DAMAGED: Final = (
    ValueError,
    SyntaxError,  # the header of an array is a Python literal
    TokenError,
    OSError,
    EOFError,
    KeyError,
    RuntimeError,  # encrypted
    NotImplementedError,  # other compressions
    zipfile.BadZipFile,
    zlib.error,
)


def read_images(source: Source) -> list[Image]:
    """Read the cubes (or labels) of an archive; it is loaded, since zip files cannot be mapped."""
    try:
        _check_members(source.path)
        with np.load(source.path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileFormatError:
        raise
    except _DAMAGED as error:
        raise FileFormatError(
            source.path, f"not a readable NumPy archive ({error})", "copy or export it again"
        ) from error
    description = arrays.pop(_DESCRIPTION, None)
    if description is not None and source.array in (None, "data") and source.axes is None:
        try:
            return [image_from(arrays["data"], json.loads(str(description)))]
        except (LookupError, TypeError, AttributeError, RecursionError) as error:
            raise FileFormatError(
                source.path, f"its description is damaged ({error!r})", "open the array, path::data"
            ) from error
    cubes = cubes_of_bands(arrays, source)
    if cubes:
        return [*cubes]
    history = (f"read {source.path.name}",)
    return [*images_from_arrays(arrays, source, history=history)]


def _check_members(path: Path) -> None:
    """Refuse arrays that unpack to what cannot be meant, or has no room.

    Raises
    ------
    FileFormatError
        If one does.
    """
    total = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            check_room(path, member.file_size, member.compress_size, member.filename)
            total += member.file_size
            if member.filename == f"{_DESCRIPTION}.npy" and member.file_size > _LONGEST:
                raise FileFormatError(
                    path,
                    f"its description has {member.file_size:,} bytes",
                    "it is damaged: export it again",
                )
            with archive.open(member) as file:
                _check_size(path, file, member)
    check_room(path, total)


def _check_size(path: Path, file: IO[bytes], member: zipfile.ZipInfo) -> None:
    """Refuse an array whose values need other bytes than there are."""
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        return  # numpy refuses it in its own words
    needed = math.prod(shape) * dtype.itemsize
    there = member.file_size - file.tell()
    if needed != there:
        raise FileFormatError(
            path,
            f"{member.filename} has {there:,} bytes, {shape} {dtype} need {needed:,}",
            "it is damaged: copy or export it again",
        )


def write_image(path: Path, image: Image) -> None:
    """Write data, axis and description; the axis is a vector of its own for other programs."""
    arrays: dict[str, Any] = {
        "data": np.asarray(image.data),
        _DESCRIPTION: json.dumps(describe(image)),
    }
    if isinstance(image, Cube) and isinstance(image.axis, SpectralAxis):
        arrays[image.axis.kind] = np.array(image.axis.centres)
    with path.open("wb") as file:  # given a name, NumPy would append .npz to it
        np.savez_compressed(file, **arrays)
