"""Nikon ND2, through the library nd2: frames of all channels, positions as several images.

Source: T. Lambert, nd2, https://github.com/tlambert03/nd2 (BSD-3). It shows frames that are not
in the file as zeros; here they are NaN.
"""

from __future__ import annotations

import re
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError, MissingPackageError
from ..arrays.identity import Identity, check_unchanged
from ..binary import COPY_AGAIN
from ..metadata.microscopy import RGB, channel_axis, plain, planes, refusing, sampling
from ..source import Source

_SIGNATURES: Final = (b"\xda\xce\xbe\x0a", b"\x00\x00\x00\x0c")
"""How files of today begin, and those of before 2010, which are JPEG 2000."""
_FRAME: Final = re.compile(rb"ImageDataSeq\|(\d+)!")
"""Name of the chunk of a frame."""
_CHUNK_HEADER, _TIME, _PADDING = 4088, 8, 64
"""Bytes before the content of a frame, of the time at its beginning, and at most behind a row."""
_MAX_PLANNED: Final = 20
"""How many times as many frames may have been planned as were taken."""


class _Index(NamedTuple):
    """Where a frame belongs."""

    loops: tuple[tuple[str, int], ...]
    """Position and other loops, each with its index; for each of them there is an image."""
    t: int
    z: int


def read_images(source: Source) -> list[Image]:
    """Read all positions of a file, frame by frame when they are looked at."""
    path = source.path
    with path.open("rb") as file:
        if file.read(4) not in _SIGNATURES:
            raise FileFormatError(
                path, "not a Nikon ND2 file", "give the file its right suffix, or copy it again"
            )
    with refusing(path, "ND2"):
        frames = _Frames(path)
        return [_cube(frames, loops) for loops in sorted({index.loops for index in frames})]


class _Frames(Mapping[_Index, int]):
    """The frames of a file: where each belongs, to its number.

    The file stays open for as long as anybody has them.
    """

    def __init__(self, path: Path) -> None:
        try:
            import nd2
        except ImportError as error:
            raise MissingPackageError("nd2", "microscopes", "reading .nd2") from error
        self.path = path
        self._identity = Identity.of(path)
        self.file: Any = nd2.ND2File(path)
        weakref.finalize(self, self.file.close)
        self._lock = threading.Lock()
        attributes = self.file.attributes
        self.channels = int(attributes.channelCount or 1)
        self.samples = int(self.file.components_per_channel)
        self.height = int(attributes.heightPx)
        self.width = int(attributes.widthPx or 0)
        self.dtype = np.dtype(self.file.dtype)
        taken = int(attributes.sequenceCount)
        counts = [int(loop.count) for loop in self.file.experiment]
        planned = int(np.prod(counts, dtype=np.float64))
        row = self.bands * self.width * self.dtype.itemsize  # bytes
        padded_row = getattr(attributes, "widthBytes", None) or row
        self._check_sizes(planned, taken, row, padded_row)
        self.loops = list(self.file.experiment) if planned >= taken else []
        self._numbers = self._in_order(taken)
        self.missing = self._missing(taken, padded_row * self.height)

    def _check_sizes(self, planned: int, taken: int, row: int, padded_row: int) -> None:
        """Refuse numbers that a damaged file has, before memory is taken for them."""
        if min(self.bands, self.height, self.width, planned, taken) < 1:
            raise ValueError("it holds no pixels")
        if not 0 <= padded_row - row < _PADDING:
            raise ValueError(f"rows of {padded_row} bytes, where pixels take {row}")
        frame = row * self.height
        if planned > _MAX_PLANNED * taken or frame > 2000 * self.path.stat().st_size:
            raise ValueError(f"{planned} frames of {frame:,} bytes")

    def _in_order(self, taken: int) -> dict[_Index, int]:
        """Return the number of each frame, as the loops of the experiment tell."""
        if self.loops:
            indices = map(_index_of, self.file.loop_indices)
            return {index: number for number, index in enumerate(indices)}
        if taken > 1:
            warnings.warn(
                f"{self.path.name}: it does not say how its {taken} frames were taken; they are "
                "shown one after the other",
                stacklevel=2,
            )
        return {_Index((), number, 0): number for number in range(taken)}

    @property
    def bands(self) -> int:
        """Return the number of channels, or of their colours."""
        return self.channels * self.samples

    def read(self, number: int) -> NDArray[Any]:
        """Return a frame, (band, y, x)."""
        check_unchanged(
            self.path, self._identity
        )  # the library maps it: what is cut ends the process
        with self._lock, refusing(self.path, "ND2"):
            frame = self.file.read_frame(number)
        frame = frame.reshape(self.channels, self.height, self.width, self.samples)
        frame = np.moveaxis(frame, -1, 1)  # (channel, sample, y, x)
        return np.array(frame.reshape(self.bands, self.height, self.width))

    def _missing(self, taken: int, size: int) -> set[int]:
        """Return the frames that were planned and not taken, after a look at the others.

        The library would show them, and those that lie beyond the end of the file, as zeros.
        """
        stored = self._stored()
        if not stored:
            return {number for number in self._numbers.values() if number >= taken}
        end = max(start + _CHUNK_HEADER + length for start, length in stored.values())
        if end > self.path.stat().st_size:
            raise FileFormatError(self.path, "frames lie beyond its end", COPY_AGAIN)
        if len(stored) < taken:
            raise FileFormatError(
                self.path, f"{len(stored)} of the {taken} frames that were taken", COPY_AGAIN
            )
        shortest = min(length for _, length in stored.values()) - _TIME
        if not self.file.attributes.compressionType and shortest < size:
            raise FileFormatError(
                self.path, f"a frame of {shortest:,} bytes, where {size:,} are needed", COPY_AGAIN
            )
        return set(self._numbers.values()) - set(stored)

    def _stored(self) -> dict[int, tuple[int, int]]:
        """Return first byte and length of each frame, where the library has them."""
        chunks = getattr(getattr(self.file, "_rdr", None), "chunkmap", None)
        if not isinstance(chunks, Mapping):
            return {}
        stored = {}
        for name, extent in chunks.items():
            frame = _FRAME.fullmatch(name)
            if frame:
                stored[int(frame[1])] = extent
        return stored

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)

    def __getitem__(self, index: _Index) -> int:
        return self._numbers[index]

    def __iter__(self) -> Iterator[_Index]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def _index_of(indices: Mapping[str, int]) -> _Index:
    """Return where a frame belongs, for its index in each loop."""
    loops = tuple((name, index) for name, index in indices.items() if name not in ("T", "Z"))
    return _Index(loops, indices.get("T", 0), indices.get("Z", 0))


def _cube(frames: _Frames, loops: tuple[tuple[str, int], ...]) -> Cube:
    """Return the image of a position (and of further loops)."""
    indices = [index for index in frames if index.loops == loops]
    times = max(index.t for index in indices) + 1
    depths = max(index.z for index in indices) + 1
    missing = {index for index in indices if frames[index] in frames.missing}
    dtype = frames.dtype
    if missing:
        dtype = np.result_type(dtype, np.float32)
        warnings.warn(
            f"{frames.path.name}: {len(indices) - len(missing)} of {len(indices)} frames were "
            "taken; the others are NaN",
            stacklevel=2,
        )
    shape = (frames.bands, frames.height, frames.width)

    def read(plane: tuple[int, ...]) -> NDArray[Any]:
        index = _Index(loops, *plane)
        if index in missing:
            return np.full(shape, np.nan, dtype)
        return np.asarray(frames.read(frames[index]), dtype)

    data = planes(read, (times, depths), shape, dtype)  # (t, z, band, y, x)
    data = data[slice(None) if times > 1 else 0, slice(None) if depths > 1 else 0]
    by_type: dict[str, Any] = {loop.type: loop for loop in frames.loops}
    channels = list(getattr(frames.file.metadata, "channels", None) or ())
    words = [f"{'position' if name == 'P' else 'loop'} {index + 1}" for name, index in loops]
    metadata = {
        "text": plain(frames.file.text_info),
        "experiment": plain(frames.file.experiment),
        "channels": plain(channels),
    }
    return Cube(
        data,
        _axis(frames, [channel.channel for channel in channels]),
        t=_times(by_type.get("TimeLoop")) if times > 1 else None,
        z=_depths(by_type["ZStackLoop"]) if depths > 1 else None,
        name=" ".join((frames.path.stem, *words)),
        history=(f"read {frames.path.name}",),
        metadata={"Nikon": metadata},
        **_pixel_size(channels),
    )


def _axis(frames: _Frames, channels: Sequence[Any]) -> Axis:
    """Return colours, or the axis of channels as the library describes them."""
    if frames.samples == 3 and frames.channels == 1:
        return ChannelAxis(RGB)
    if len(channels) != frames.bands:
        return ChannelAxis(tuple(f"channel {number + 1}" for number in range(frames.bands)))
    excitations = {channel.excitationLambdaNm for channel in channels}
    return channel_axis(
        [channel.name or "" for channel in channels],
        emissions=[channel.emissionLambdaNm or None for channel in channels],
        excitation_nm=excitations.pop() if len(excitations) == 1 else None,
    )


def _pixel_size(channels: Sequence[Any]) -> dict[str, Any]:
    """Return the size of the pixels, where the microscope was calibrated."""
    volume = channels[0].volume if channels else None
    if volume is None or not all(volume.axesCalibrated[:2]):
        return {}
    width, height = volume.axesCalibration[:2]
    return {"pixel_size": (float(height), float(width)), "pixel_unit": "um"}


def _depths(loop: Any) -> Sampling:
    step = loop.parameters.stepUm
    return sampling(step if loop.parameters.bottomToTop else -step, 0.0, "um")


def _times(loop: Any) -> Sampling:
    """Return the time from frame to frame: as planned or, without a pause, as it turned out."""
    if loop is None:  # phases of different periods
        return Sampling()
    planned = loop.parameters.periodMs
    measured = getattr(loop.parameters.periodDiff, "avg", 0.0)
    return sampling((planned or measured or 0.0) / 1000, 0.0, "s")
