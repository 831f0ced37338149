"""Stub: to be written."""

from pathlib import Path

from ..cube import Image
from .errors import FileFormatError
from .source import Source


def read_images(source: Source) -> list[Image]:
    """Stub."""
    raise FileFormatError(source.path, "not written yet", "wait")


def write_image(path: Path, image: Image) -> None:
    """Stub."""
    raise FileFormatError(path, "not written yet, choose or write another", "wait")
