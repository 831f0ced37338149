"""OME-TIFF: planes with a description that microscopy programs share.

Source: The Open Microscopy Environment, "OME-TIFF specification",
https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tifffile import TiffWriter

from ...cube import Image
from ...errors import FileFormatError
from .omexml import TYPES, ome_xml
from .planes import layout_of_file, write_planes


def write_image(path: Path, image: Image) -> None:
    """Write an image plane by plane, so that one larger than memory does."""
    dtype = np.dtype(image.data.dtype)
    if dtype.name not in TYPES:
        raise FileFormatError(
            path,
            f"OME-TIFF cannot hold {dtype.name}",
            f"convert the data to one of {', '.join(TYPES)}, or write .zarr or .npz",
        )
    with TiffWriter(path, **layout_of_file(image.data)) as file:
        write_planes(file, image.data, ome_xml(image))
