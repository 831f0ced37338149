"""Spectra one below the other in a text: an axis that begins again is one of a series of frames.

Cameras export a series so, and people glue files together. What begins again is a series of spectra;
what only jumps is kept as it is, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...axis import SpectralAxis
from ...metrics.values import Floats
from ..metadata.axes import fault_of_order


@dataclass(frozen=True)
class Frames:
    """How the rows of a table are frames over one axis."""

    bands: int
    count: int
    interleaved: bool
    """Whether the frames of a band stand below one another, before the next band."""

    def centres(self, column: Floats) -> Floats:
        """Return the axis of one frame, shape (band,), of that of all rows."""
        if self.interleaved:
            return column[:: self.count]
        return column[: self.bands]

    def split(self, spectra: Floats) -> Floats:
        """Return spectra, (spectrum, row), as (frame * spectrum, band): frame by frame.

        What the last frame lacks is NaN.
        """
        missing = self.bands * self.count - spectra.shape[1]
        filled = np.pad(spectra, ((0, 0), (0, missing)), constant_values=np.nan)
        if self.interleaved:
            frames = filled.reshape(len(spectra), self.bands, self.count).transpose(2, 0, 1)
        else:
            frames = filled.reshape(len(spectra), self.count, self.bands).transpose(1, 0, 2)
        return frames.reshape(-1, self.bands)

    def names(self, names: Sequence[str]) -> list[str]:
        """Return a name for each spectrum that `split` returns."""
        numbered = []
        for frame in range(1, self.count + 1):
            numbered += [f"{name} frame {frame}".strip() for name in names]
        return numbered


def frames_in(centres: Floats) -> Frames | None:
    """Return how an axis, shape (row,), is repeated; None where it is not, or not throughout."""
    rows = len(centres)
    again = np.flatnonzero(centres[1:] == centres[0]) + 1
    if not len(again) or rows < 4:
        return None
    if again[0] == 1:
        return _interleaved(centres)
    bands = int(again[0])
    one = centres[:bands]
    if not _is_monotonic(one) or not np.array_equal(centres, np.resize(one, rows)):
        return None
    return Frames(bands, -(-rows // bands), interleaved=False)


def frame_counter(first: Floats, second: Floats) -> int | None:
    """Return which of two columns, each of shape (row,), only counts the frames over the axis in the other.

    None where neither does: both may be spectra then.
    """
    for counter, columns in enumerate(((first, second), (second, first))):
        numbers, axis = columns
        frames = frames_in(axis)
        if frames is None or frames.interleaved or len(axis) != frames.bands * frames.count:
            continue
        table = numbers.reshape(frames.count, frames.bands)
        if (table == table[:, :1]).all() and _is_monotonic(table[:, 0]):
            return counter
    return None


def _interleaved(centres: Floats) -> Frames | None:
    """Return the frames where each band comes several times before the next one."""
    moves = np.flatnonzero(np.diff(centres))
    if not len(moves):
        return None
    count = int(moves[0]) + 1
    if len(centres) % count:
        return None
    table = centres.reshape(-1, count)  # (band, frame)
    if not (table == table[:, :1]).all() or not _is_monotonic(table[:, 0]):
        return None
    return Frames(len(table), count, interleaved=True)


def series_of(
    path: Path, axis: SpectralAxis, spectra: Floats, names: Sequence[str] = ()
) -> tuple[SpectralAxis, Floats, list[str]]:
    """Return axis, spectra and their names with the frames that they hold, each on its own.

    Parameters
    ----------
    axis : SpectralAxis
        Of all rows of a table.
    spectra : ndarray of float64, shape (spectrum, row)
    names : sequence of str
        A name a spectrum; () where there are none.
    """
    frames = frames_in(axis.centres)
    if frames is None:
        fault = fault_of_order(axis)
        if fault:
            warnings.warn(f"{path.name}: {fault}; they are kept as they are", stacklevel=2)
        return axis, spectra, list(names)
    missing = frames.bands * frames.count - len(axis)
    cut = f", the last one without {missing} of its bands" if missing else ""
    warnings.warn(
        f"{path.name}: its axis is repeated {frames.count} times{cut}; it was read as a series of "
        f"spectra of {frames.bands} bands",
        stacklevel=2,
    )
    rows = np.arange(len(axis))
    one = axis.take(frames.centres(rows.astype(np.float64)).astype(np.intp))
    return one, frames.split(spectra), frames.names(names or [""] * len(spectra))


def _is_monotonic(values: Floats) -> bool:
    steps = np.diff(values)
    return len(steps) > 0 and bool((steps > 0).all() or (steps < 0).all())
