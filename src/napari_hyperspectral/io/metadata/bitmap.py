"""Pictures of a camera, kept inside or beside a file, as channels of red, green and blue."""

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


def picture(content: bytes, path: Path, name: str, **about: Any) -> Cube:
    """Return the picture that the bytes of a bitmap (BMP, JPEG, PNG) hold.

    Parameters
    ----------
    content : bytes
        The picture as a file of its own.
    path : path
        The file it was found in, for errors and history.
    **about
        Further parameters of `Cube`.

    Raises
    ------
    FileFormatError
        If it is no whole picture.
    """
    history = (f"read {path.name}",)
    return Cube(_colours(content, path), ChannelAxis(RGB), name=name, history=history, **about)


def _colours(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Return the colours, shape (colour, y, x), the top row first."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(content), formats=["BMP", "JPEG", "PNG"]) as opened:
            return np.asarray(opened.convert("RGB")).transpose(2, 0, 1)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(path, f"its picture is not whole ({reason})", COPY_AGAIN) from error
