"""A viewer with images, for programs that end by showing their results."""

from __future__ import annotations

from collections.abc import Sequence

import napari

from ..cube import Image
from ..layers import to_layer


def show(images: Sequence[Image]) -> None:
    """Open a viewer with these images as layers, and wait until it is closed."""
    viewer = napari.Viewer()
    for image in images:
        data, attributes, kind = to_layer(image)
        getattr(viewer, f"add_{kind}")(data, **attributes)
    napari.run()
