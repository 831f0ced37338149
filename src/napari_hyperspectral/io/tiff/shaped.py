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
    if not isinstance(shape, list):
        return ImageMetadata(axis=axis)
    if not all(isinstance(size, int) for size in shape):
        return ImageMetadata(axis=axis)
    letters = str(document.get("axes", ""))
    in_plane = 2  # y, x
    if planes.samples > 1 or letters.endswith("S"):
        in_plane = 3  # y, x, sample
    leading = [size for size in shape[:-in_plane] if size > 0]
    count = len(leading)
    # an axis without a letter may be anything
    letters = letters[:count].upper().ljust(count, "?")
    return ImageMetadata(_sizes(leading, letters), axis)


def _sizes(leading: Sequence[int], letters: str) -> Sizes:
    """Return axes of planes with one of bands among them; "?" where it is not clear which."""
    names = [_LETTERS.get(letter, "b") for letter in letters]
    axes = tuple(zip(names, leading, strict=True))
    if "C" in letters and set(letters) <= {"T", "Z", "C"}:
        return axes
    long = [(name, size) for name, size in axes if size > 1]
    if len(long) <= 1:
        return (("b", math.prod(leading)),)
    names = [name for name, _ in long]
    sizes = [size for _, size in long]
    if names == ["t", "z"]:
        # without channels the slices are the bands, as in ImageJ
        names = ["t", "b"]
    has_one_band_axis = names.count("b") == 1
    all_different = len(set(names)) == len(names)
    if not has_one_band_axis or not all_different:
        names = ["?"] * len(names)
    return tuple(zip(names, sizes, strict=True))
