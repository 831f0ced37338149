"""The white-light image of a Renishaw file: a JPEG that says where it was taken.

Its EXIF gives width and height in µm as FocalPlaneXResolution and FocalPlaneYResolution, which
is what those numbers are in no camera, and the position of its first corner in a tag of its own.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_EXIF: Final = 0x8769
_WIDTH, _HEIGHT, _UNIT, _MICRONS = 0xA20E, 0xA20F, 0xA210, 5
"""Tags of the size and its unit, and what that says for µm."""
_CORNER: Final = 0xFEA0
"""Tag of the position (x, y) of the first corner."""


def picture(content: bytes) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Return the colours of a picture, (colour, y, x), and its place where it says one.

    Raises
    ------
    Exception
        Whatever Pillow does with damaged pictures: many kinds.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(content), formats=["JPEG", "BMP", "PNG"]) as found:
            pixels = np.asarray(found.convert("RGB")).transpose(2, 0, 1)
            exif = found.getexif()
            detail = exif.get_ifd(_EXIF)
    except Pillow.DecompressionBombError as error:  # says that it has more pixels than any has
        raise ValueError(str(error)) from error
    if detail.get(_UNIT) != _MICRONS or not {_WIDTH, _HEIGHT} <= set(detail):
        return pixels, {}
    _, height, width = pixels.shape
    size = float(detail[_HEIGHT]) / height, float(detail[_WIDTH]) / width
    if not np.isfinite(size).all() or min(size) <= 0:
        return pixels, {}
    about: dict[str, Any] = {"pixel_size": size, "pixel_unit": "um"}
    corner = exif.get(_CORNER, ())
    if np.size(corner) == 2 and np.isfinite([float(side) for side in corner]).all():
        left, top = (float(side) for side in corner)  # of the first pixel, not its centre
        about["origin"] = (top + size[0] / 2, left + size[1] / 2)
    return pixels, about
