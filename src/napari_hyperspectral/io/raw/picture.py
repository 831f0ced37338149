"""PNG, JPEG and BMP: a band of a cube, a picture in colours, or a mask with a class for each pixel.

Source: W3C, "Portable Network Graphics (PNG) Specification", section 11.2.2 (depth and type of colour).
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels
from ...errors import FileFormatError
from ..arrays.lazy import Box, Lazy
from ..binary import COPY_AGAIN
from ..metadata.microscopy import RGB
from ..source import Source

_FORMATS: Final = ("PNG", "JPEG", "BMP")
_GREY: Final = {"L": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "1": "bool"}
"""Type of the values by the mode of Pillow."""
_PNG_DEPTH, _PNG_COLOUR = 24, 25
"""Bytes of a PNG file with the bits of a value, and the type of colour: 2 and 6 are RGB."""
_KEPT: Final = 4
"""Decoded pictures that are kept: a spectrum looks at each band of a folder in turn."""
_NOISE: Final = 40
"""Steps of grey by which JPEG changes the two levels of a mask, at most."""
_MOST_COLOURS: Final = 256
_WHITE: Final = 255


class _Header(NamedTuple):
    mode: str
    width: int
    height: int
    is_lossy: bool


def read_images(source: Source) -> list[Image]:
    """Read a picture as bands, or, where labels are asked for, as a mask.

    Raises
    ------
    FileFormatError
        If it is no whole picture, or has more colours than a mask.
    """
    path = source.path
    header = _header(path)
    if source.array is not None:
        raise FileFormatError(path, "a picture is one image", f"leave out ::{source.array}")
    if source.flat:
        return [_mask(path, header)]
    history = (f"read {path.name}",)
    if header.mode in _GREY:
        shape = (header.height, header.width)

        def read(box: Box) -> NDArray[Any]:
            return np.asarray(_pixels(path)[box], _GREY[header.mode])

        grey = Lazy(read, shape, _GREY[header.mode])
        return [Cube(grey[None], SpectralAxis.index(1), name=path.stem, history=history)]
    colours = _colours(path)  # (y, x, colour)
    if (colours == colours[..., :1]).all():  # grey, saved in colours
        return [Cube(colours[None, ..., 0], SpectralAxis.index(1), name=path.stem, history=history)]
    return [Cube(colours.transpose(2, 0, 1), ChannelAxis(RGB), name=path.stem, history=history)]


# -------------------------------------------------------------------------------------- pixels


def _header(path: Path) -> _Header:
    """Return what a picture is, without decoding it."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(path, formats=_FORMATS) as picture:
            header = _Header(picture.mode, picture.width, picture.height, picture.format == "JPEG")
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise _damaged(path, error) from error
    with path.open("rb") as file:
        start = file.read(_PNG_COLOUR + 1)
    is_deep = start[:4] == b"\x89PNG" and start[_PNG_DEPTH] == 16
    if is_deep and header.mode == "I":  # Pillow before 11.3 has them as numbers of 32 bits
        return header._replace(mode="I;16")
    if is_deep and start[_PNG_COLOUR] in (2, 6):
        raise FileFormatError(
            path,
            "a picture in colours of 16 bits, of which eight would be lost",
            "save it as TIFF, or each colour as a grey picture",
        )
    return header


def _pixels(path: Path) -> NDArray[Any]:
    """Return the values of a picture in grey or by palette, shape (y, x)."""
    status = path.stat()
    return _decoded(path, status.st_mtime_ns, status.st_size, None)


def _colours(path: Path) -> NDArray[np.uint8]:
    """Return red, green and blue, shape (y, x, colour)."""
    status = path.stat()
    return _decoded(path, status.st_mtime_ns, status.st_size, "RGB")


@lru_cache(_KEPT)
def _decoded(path: Path, _time: int, _size: int, mode: str | None) -> NDArray[Any]:
    """Return a decoded picture; time and size tell one that was written anew."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(path, formats=_FORMATS) as picture:
            pixels = np.asarray(picture if mode is None else picture.convert(mode))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise _damaged(path, error) from error
    if pixels.dtype.kind == "i" and not mode:
        return pixels.astype("i4", copy=False)
    return pixels


def _damaged(path: Path, error: Exception) -> FileFormatError:
    reason = " ".join(str(error).split())[:200]
    return FileFormatError(path, f"not a whole picture ({reason})", COPY_AGAIN)


# --------------------------------------------------------------------------------------- masks


def _mask(path: Path, header: _Header) -> Labels:
    """Return the classes that values, places in a palette, or colours stand for."""
    history: tuple[str, ...] = (f"read {path.name}",)
    if header.mode in _GREY or header.mode == "P":
        values = _pixels(path)
        if header.is_lossy:
            values = _without_noise(path, values)
        if set(np.unique(values).tolist()) <= {0, _WHITE}:  # black and white
            values = (values > 0).astype(np.uint8)
            history = (*history, "took white as class 1")
        return Labels(values.astype(np.int32, copy=False), name=path.stem, history=history)
    colours = _colours(path).astype(np.int64)
    if (colours == colours[..., :1]).all():
        grey: NDArray[Any] = colours[..., 0]
        if header.is_lossy:
            grey = _without_noise(path, grey)
        if set(np.unique(grey).tolist()) <= {0, _WHITE}:
            grey = (grey > 0).astype(np.int32)
        return Labels(grey.astype(np.int32), name=path.stem, history=history)
    return _mask_of_colours(path, header, colours, history)


def _mask_of_colours(
    path: Path, header: _Header, colours: NDArray[np.int64], history: tuple[str, ...]
) -> Labels:
    """Return a class for each colour, in the order of their numbers; black is unlabelled."""
    codes = colours @ np.array([0x10000, 0x100, 1])  # (y, x): as in #rrggbb
    found, index = np.unique(codes, return_inverse=True)
    if len(found) > _MOST_COLOURS or header.is_lossy:
        remedy = "save the mask as PNG, with one colour for each class"
        what = f"{len(found)} colours, a mask has one for each class"
        raise FileFormatError(path, what, remedy)
    has_black = bool(found[0] == 0)
    numbers = index.reshape(codes.shape) + (0 if has_black else 1)
    names = tuple(f"#{code:06x}" for code in found.tolist() if code)
    return Labels(numbers.astype(np.int32), names, names, name=path.stem, history=history)


def _without_noise(path: Path, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a mask of black and white as it was before JPEG blurred it, with a warning."""
    numbers = np.asarray(values, np.int64)
    if len(np.unique(numbers)) <= 2:
        return np.asarray(values, np.uint8)
    near = (numbers <= _NOISE) | (numbers >= _WHITE - _NOISE)
    if near.mean() < 0.98:  # edges may be blurred further
        raise FileFormatError(
            path,
            f"{len(np.unique(numbers))} values in a JPEG, which changes the numbers of classes",
            "save the mask as PNG",
        )
    warnings.warn(
        f"{path.name}: JPEG has blurred the mask; what is brighter than half is class 1",
        stacklevel=2,
    )
    return np.where(numbers > _WHITE / 2, _WHITE, 0).astype(np.uint8)
