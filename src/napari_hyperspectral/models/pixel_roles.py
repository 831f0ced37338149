"""Which pixels of an image trained a model, and which validated it, as text for its card."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

PixelRoles: TypeAlias = NDArray[np.uint8]
"""Role of each pixel, shape (plane, y, x)."""
Mask: TypeAlias = NDArray[np.bool_]
UNUSED: Final = 0
TRAINING: Final = 1
VALIDATION: Final = 2
GUARD: Final = 3
"""Between training and validation pixels; a refit trains on these, too."""
_BITS: Final = 2
"""Of a role."""


def pixel_roles(usable: Mask, train: Mask, validation: Mask) -> PixelRoles:
    """Return the role of each pixel, (plane, y, x).

    Parameters
    ----------
    usable : ndarray of bool, shape (plane, y, x)
        Pixels with a target.
    train, validation : ndarray of bool, shape (y, x)
        How all planes are split.
    """
    roles = np.where(train, TRAINING, np.where(validation, VALIDATION, GUARD))
    return np.where(usable, roles, UNUSED).astype(np.uint8)


def packed(roles: PixelRoles) -> str:
    """Return roles as text: two bits each, compressed, in base64."""
    planes = [roles >> bit & 1 for bit in range(_BITS)]
    bits = np.packbits(np.stack(planes))
    return base64.b64encode(zlib.compress(bits.tobytes(), 9)).decode("ascii")


def unpacked(text: str, shape: tuple[int, int, int]) -> PixelRoles | None:
    """Return what `packed` made a text of; None where it holds nothing of this shape."""
    count = _BITS * int(np.prod(shape))
    size = -(-count // 8)  # bytes
    try:
        # no more than fits: a damaged text must not fill the memory
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except (zlib.error, binascii.Error, ValueError):
        return None
    if len(content) != size:
        return None
    bits = np.unpackbits(np.frombuffer(content, np.uint8), count=count)
    first, second = bits.reshape(_BITS, *shape)
    roles: PixelRoles = first + 2 * second
    return roles


def image_hash(planes: NDArray[np.float32]) -> str:
    """Return a hash, in hexadecimal, of an input as a model takes it, (plane, band, y, x)."""
    contiguous = np.ascontiguousarray(planes, np.float32)
    return hashlib.sha256(contiguous.data).hexdigest()
