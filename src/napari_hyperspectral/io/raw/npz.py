"""NumPy archives: named arrays in one zip file.

Source: NumPy, "numpy.lib.format", https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image, describe, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import images_from_arrays
from ..metadata.separate_bands import cubes_of_bands
from ..source import Source

_DESCRIPTION = "hyperspectral"
"""Name of the array of text that holds our description."""
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
        with np.load(source.path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except _DAMAGED as error:
        raise FileFormatError(
            source.path, f"not a readable NumPy archive ({error})", "copy or export it again"
        ) from error
    description = arrays.pop(_DESCRIPTION, None)
    if description is not None and source.array in (None, "data") and source.axes is None:
        return [image_from(arrays["data"], json.loads(str(description)))]
    cubes = cubes_of_bands(arrays, source)
    if cubes:
        return [*cubes]
    history = (f"read {source.path.name}",)
    return [*images_from_arrays(arrays, source, history=history)]


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
