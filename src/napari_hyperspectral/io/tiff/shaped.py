"""Plain stacks with a JSON text that says their shape, as tifffile writes them.

Source: tifffile, "Supported formats" (shaped series), https://github.com/cgohlke/tifffile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..metadata.json_axis import axis_of_json
from .metadata import ImageMetadata, Sizes
from .planes import Planes

_LETTERS: Final = {"T": "t", "Z": "z"}
"""Letters of tifffile for axes that are not bands."""


def metadata_from_json(document: Mapping[str, Any], planes: Planes) -> ImageMetadata:
    """Return the shape, and the axis, that the JSON of a description states."""
    axis = axis_of_json(document, planes.bands)
    shape = document.get("shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
        return ImageMetadata(axis=axis)
    letters = str(document.get("axes", ""))
    in_plane = 3 if planes.samples > 1 or letters.endswith("S") else 2  # y, x, perhaps samples
    leading = [size for size in shape[:-in_plane] if size > 0]
    # an axis without a letter may be anything
    letters = letters[: len(leading)].upper().ljust(len(leading), "?")
    return ImageMetadata(_sizes(leading, letters), axis)


def _sizes(leading: Sequence[int], letters: str) -> Sizes:
    """Return axes of planes with one of bands among them; "?" where it is not clear which."""
    names = [_LETTERS.get(letter, "b") for letter in letters]
    if "C" in letters and set(letters) <= {"T", "Z", "C"}:
        return tuple(zip(names, leading, strict=True))
    long = [(name, size) for name, size in zip(names, leading, strict=True) if size > 1]
    if len(long) <= 1:
        return (("b", math.prod(leading)),)
    names = [name for name, _ in long]
    sizes = [size for _, size in long]
    if names == ["t", "z"]:  # without channels the slices are the bands, as in ImageJ
        names = ["t", "b"]
    is_clear = names.count("b") == 1 and len(set(names)) == len(names)
    if not is_clear:
        names = ["?"] * len(names)
    return tuple(zip(names, sizes, strict=True))
