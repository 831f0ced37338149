"""Stub: to be written."""

from pathlib import Path

from ..cube import Image
from .errors import FileFormatError
from .source import Source


def read_images(source: Source) -> list[Image]:
    """Stub."""
    raise FileFormatError(source.path, "not written yet", "wait")


def is_witec(path: Path) -> bool:
    """Stub."""
    return False
