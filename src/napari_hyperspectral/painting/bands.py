"""Labels painted on the bands of a cube become one class a pixel; where they contradict, it is said."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Stroke: TypeAlias = Sequence[Any]
"""One change of painted labels: the indices, or slices, that were painted, along each axis."""


class Collapsed(NamedTuple):
    """Labels of all bands as one image."""

    data: NDArray[Any]
    """Class of each pixel, (…, y, x); 0 where none was painted."""
    contradictions: int
    """Pixels with different classes on different bands, of which nobody knows the newest."""


def collapse_bands(data: Any, strokes: Iterable[Stroke] = ()) -> Collapsed:
    """Return labels painted on single bands, (…, band, y, x), as one image, (…, y, x).

    People paint on the band that is shown. Where a pixel has different classes on different bands,
    the one that was painted last is taken if `strokes` tell it, otherwise the highest.

    Parameters
    ----------
    data : array of integers, shape (…, band, y, x)
        Class on each band; 0 is unlabelled.
    strokes : iterable of sequence
        Where was painted, oldest first, such as the history of the layer.
    """
    bands = [np.asarray(data[..., band, :, :]) for band in range(data.shape[-3])]
    highest = bands[0].copy()
    contradicts = np.zeros(highest.shape, bool)  # (…, y, x)
    for band in bands[1:]:
        contradicts |= (band != 0) & (highest != 0) & (band != highest)
        np.maximum(highest, band, out=highest)
    if not contradicts.any():
        return Collapsed(highest, 0)
    newest = _newest(np.asarray(data), strokes)
    known = contradicts & (newest != 0)
    result = np.where(known, newest, highest)
    return Collapsed(result, int((contradicts & ~known).sum()))


def one_class_a_pixel(data: Any, name: str, strokes: Iterable[Stroke] = ()) -> NDArray[Any]:
    """Return labels of all bands, (…, band, y, x), as one image; warn where they contradict."""
    labels, contradictions = collapse_bands(data, strokes)
    if contradictions:
        warnings.warn(
            f"labels {name!r}: {contradictions:,} pixel{'s' * (contradictions != 1)} have different "
            "classes on different bands, and nothing tells which was painted last; the class of the "
            "highest number is taken: erase the others, or paint those pixels again",
            stacklevel=3,
        )
    return labels


def _newest(data: NDArray[Any], strokes: Iterable[Stroke]) -> NDArray[Any]:
    """Return the class of the band that was painted last, (…, y, x); 0 where no stroke tells."""
    when = np.zeros(data.shape, np.int32)  # number of the last stroke; 0: before all of them
    for number, indices in enumerate(strokes, start=1):
        when[tuple(indices)] = number
    when[data == 0] = 0  # erased since, or covered on other bands only
    latest = np.expand_dims(when.argmax(axis=-3), -3)
    newest = np.take_along_axis(data, latest, axis=-3)[..., 0, :, :]
    known: NDArray[Any] = np.where(when.max(axis=-3) > 0, newest, 0)
    return known
