"""The writers of napari.yaml: layers that are saved become files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..io import write
from ..layers import from_layer


class LayerNotWrittenError(Exception):
    """A layer could not be written. No ValueError: napari takes those for "no such writer"."""


def write_image(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer; napari has asked already whether to replace a file."""
    return _write(path, data, attributes, "image")


def write_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer; napari has asked already whether to replace a file."""
    return _write(path, data, attributes, "labels")


def _write(path: str, data: Any, attributes: Mapping[str, Any], kind: str) -> list[str]:
    try:
        written = write(path, from_layer(data, attributes, kind), overwrite=True)
    except ValueError as error:
        raise LayerNotWrittenError(str(error)) from error
    return [str(written)]
