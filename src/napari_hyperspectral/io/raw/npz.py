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

from ...cube import Image, Labels, describe, image_from
from ...errors import FileFormatError
from ..metadata.named_arrays import images_from_arrays
from ..source import Source

_ABOUT = "hyperspectral"
"""Name of the text in which we keep what NumPy has no place for."""
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
    step = f"read {source.path.name}"
    if _ABOUT in arrays and source.array in (None, "data") and source.axes is None:
        about = json.loads(str(arrays[_ABOUT]))
        image = image_from(arrays["data"], about)
        return [image]
    arrays.pop(_ABOUT, None)
    return [*images_from_arrays(arrays, source, history=(step,))]


def write_image(path: Path, image: Image) -> None:
    """Write data, axis and description; the axis is a vector of its own for other programs."""
    about = describe(image)
    arrays: dict[str, Any] = {"data": np.asarray(image.data), _ABOUT: json.dumps(about)}
    if not isinstance(image, Labels) and "centres" in about["axis"]:
        arrays[about["axis"]["kind"]] = np.array(about["axis"]["centres"])
    with path.open("wb") as file:  # given a name, NumPy would append .npz to it
        np.savez_compressed(file, **arrays)
