"""Pictures of a camera, in a file or a companion of it, as channels of red, green and blue."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...axis import ChannelAxis
from ...cube import Cube
from ...errors import FileFormatError
from ..binary import COPY_AGAIN
from .microscopy import RGB


def picture(content: bytes, path: Path, name: str, **fields: Any) -> Cube:
    """Return the picture that the bytes of a bitmap (BMP, JPEG, PNG) hold, in 8 bits a colour.

    Parameters
    ----------
    content : bytes
        The picture as a file of its own.
    path : path
        The file that holds it, for errors and history.
    name : str
        Of the picture.
    **fields
        Further parameters of `Cube`.

    Raises
    ------
    FileFormatError
        If it is no whole picture.
    """
    history = (f"read {path.name}",)
    return Cube(_colours(content, path), ChannelAxis(RGB), name=name, history=history, **fields)


def _colours(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Return the colours, shape (colour, y, x), the top row first."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(content), formats=["BMP", "JPEG", "PNG"]) as bitmap:
            colours = np.asarray(bitmap.convert("RGB"))  # (y, x, colour)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(path, f"its picture is not whole ({reason})", COPY_AGAIN) from error
    return colours.transpose(2, 0, 1)
