"""Frames of a spectrograph's camera, as images.

Frames of spectra become rows of an image, lines of the detector its columns: (band, frame, line).
Without a spectral axis, frames of more than one line are pictures of the detector, (t, 1, y, x).
"""

from __future__ import annotations

from typing import Any

from ...axis import SpectralAxis
from ...cube import Cube, Sampling
from ..metadata.named_arrays import cube_from_array


def cube_of_frames(
    data: Any,
    axis: SpectralAxis | None,
    layout: str | None,
    times: Sampling | None = None,
    **fields: Any,
) -> Cube:
    """Return the cube of frames; lazy arrays stay lazy.

    Parameters
    ----------
    data : array, shape (frame, line, band)
        What the detector counted.
    axis : SpectralAxis or None
        What its columns are; None where it was not calibrated.
    layout : str or None
        Layout that a person asks for; see `Source`.
    times : Sampling, optional
        Times of the frames, where they are pictures.
    **fields
        Further parameters of `Cube`.
    """
    frames, lines, _ = data.shape
    if axis is None and lines > 1:
        if frames == 1:
            return Cube(data, SpectralAxis.index(1), **fields)
        return cube_from_array(data, layout or "tyx", None, t=times or Sampling(), **fields)
    if frames == 1:  # one row of pixels
        data = data.transpose(1, 0, 2)
    if lines == 1 or frames == 1:
        data = data.transpose(1, 0, 2)  # a list of spectra: (1, spectrum, band)
    return cube_from_array(data, layout or "yxb", axis, **fields)
