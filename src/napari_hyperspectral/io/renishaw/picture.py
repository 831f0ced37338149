"""The white-light image of a Renishaw file: a JPEG that says where it was taken.

Its EXIF gives width and height in µm as FocalPlaneXResolution and FocalPlaneYResolution, which
is what those numbers are in no camera, and the position of its first corner in a tag of its own.
"""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...cube import Cube
from ..metadata.bitmap import picture
from ..metadata.microscopy import refusing

_EXIF: Final = 0x8769
_WIDTH, _HEIGHT, _UNIT, _MICRONS = 0xA20E, 0xA20F, 0xA210, 5
"""Tags of the size and its unit, and what that says for µm."""
_CORNER: Final = 0xFEA0
"""Tag of the position (x, y) of the first corner."""


def white_light(content: bytes, path: Path, name: str) -> Cube:
    """Return the colours of a picture, laid where it was taken if it says so.

    Raises
    ------
    FileFormatError
        If it is no whole picture.
    """
    image = picture(content, path, name)
    _, height, width = image.shape
    with refusing(path, "JPEG"):
        return replace(image, **_pixel_size_and_origin(content, height, width))


def _pixel_size_and_origin(content: bytes, height: int, width: int) -> dict[str, Any]:
    """Return them as parameters of `Cube`, where the picture has them."""
    from PIL import Image as Pillow

    with Pillow.open(BytesIO(content)) as image:
        exif = image.getexif()
        details = exif.get_ifd(_EXIF)
    if details.get(_UNIT) != _MICRONS or not {_WIDTH, _HEIGHT} <= set(details):
        return {}
    dy = float(details[_HEIGHT]) / height
    dx = float(details[_WIDTH]) / width
    if not np.isfinite([dy, dx]).all() or min(dy, dx) <= 0:
        return {}
    parameters: dict[str, Any] = {"pixel_size": (dy, dx), "pixel_unit": "um"}
    corner = exif.get(_CORNER, ())
    if np.size(corner) == 2 and np.isfinite([float(side) for side in corner]).all():
        left, top = (float(side) for side in corner)  # of the first pixel, not its centre
        parameters["origin"] = (top + dy / 2, left + dx / 2)
    return parameters
