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
    if "C" in letters and set(letters) <= {*"TZC"}:
        named = (_LETTERS.get(letter, "b") for letter in letters)
        return tuple(zip(named, leading, strict=True))
    long = [(letter, size) for letter, size in zip(letters, leading, strict=True) if size > 1]
    if len(long) <= 1:
        return (("b", math.prod(leading)),)
    names = [_LETTERS.get(letter, "b") for letter, _ in long]
    if names == ["t", "z"]:  # without channels the slices are the bands, as in ImageJ
        names = ["t", "b"]
    clear = names.count("b") == 1 and len(set(names)) == len(names)
    if not clear:
        names = ["?"] * len(names)
    return tuple((name, size) for name, (_, size) in zip(names, long, strict=True))
