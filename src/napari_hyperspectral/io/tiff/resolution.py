"""Sizes of pixels in the tags of a TIFF file: its resolution, and those of Gatan DigitalMicrograph.

Sources: Adobe, "TIFF Revision 6.0", section 8 (XResolution, ResolutionUnit); ImageJ,
ij/io/TiffDecoder.java (which resolutions mean nothing); Gatan's tags were seen in files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..metadata.fields import CubeFields
from ..metadata.units import length_unit

_X_RESOLUTION: Final = 282
_Y_RESOLUTION: Final = 283
_RESOLUTION_UNIT: Final = 296
_UM: Final = {2: 25400.0, 3: 10000.0}  # inch, cm
_OF_SCREENS: Final = (1.0, 72.0, 96.0)
"""Dots per inch that programs write where they know nothing."""
_GATAN: Final = {"x": (65003, 65009), "y": (65004, 65010)}
"""Tags of DigitalMicrograph with unit and size of a pixel along each direction."""
TAGS: Final = (
    *(_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT),
    *(tag for tags in _GATAN.values() for tag in tags),
)


def geometry_of_tags(tags: Mapping[int, Any]) -> CubeFields:
    """Return the size of pixels that tags state, the surest first; none where they state none."""
    return _gatan(tags) or _resolution(tags)


def _resolution(tags: Mapping[int, Any]) -> CubeFields:
    """Return the size by pixels an inch or a cm."""
    um = _UM.get(int(_number(tags.get(_RESOLUTION_UNIT, 0))))
    y = _number(tags.get(_Y_RESOLUTION, 0))
    x = _number(tags.get(_X_RESOLUTION, 0))
    if um is None or not (y > 0 and x > 0):
        return CubeFields()
    in_inches = um == _UM[2]
    if in_inches and x == y and round(x, 3) in _OF_SCREENS:
        return CubeFields()
    return CubeFields(pixel_size=(um / y, um / x), pixel_unit="um")


def _gatan(tags: Mapping[int, Any]) -> CubeFields:
    sizes = []
    units = set()
    for direction in "yx":
        unit_tag, size_tag = _GATAN[direction]
        sizes.append(abs(_number(tags.get(size_tag, 0))))
        units.add(length_unit(_text(tags.get(unit_tag, ""))))
    height, width = sizes
    unit = units.pop()
    if units or not unit or not (height and width):
        return CubeFields()
    return CubeFields(pixel_size=(height, width), pixel_unit=unit)


def _number(value: Any) -> float:
    """Return a number or a fraction as a number; 0 where it is none."""
    parts = np.ravel(np.asarray(value))
    if parts.dtype.kind not in "iuf" or not 1 <= len(parts) <= 2:
        return 0.0
    numerator = float(parts[0])
    denominator = float(parts[-1]) if len(parts) == 2 else 1.0
    number = numerator / denominator if denominator else 0.0
    return number if np.isfinite(number) else 0.0


def _text(value: Any) -> str:
    """Return a text that is stored as bytes, of one or two a letter, or as numbers."""
    if isinstance(value, tuple | list):
        value = "".join(chr(int(code)) for code in value)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return str(value).replace("\0", "").strip()
