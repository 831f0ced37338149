"""Nikon ND2, through the library nd2: frames of all channels, positions as several images.

Source: T. Lambert, nd2, https://github.com/tlambert03/nd2 (BSD-3). It shows frames that are not
in the file as zeros; here they are NaN.
"""

from __future__ import annotations

import re
import threading
import warnings
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError, MissingPackageError
from ..binary import COPY_AGAIN
from ..metadata.microscopy import RGB, channel_axis, plain, planes, refusing, sampling
from ..source import Source

_MAGICS: Final = (b"\xda\xce\xbe\x0a", b"\x00\x00\x00\x0c")
"""How files of today begin, and those of before 2010, which are JPEG 2000."""
_ORDER: Final = "TZ"
_FRAME: Final = re.compile(rb"ImageDataSeq\|(\d+)!")
_HEAD, _TIME, _PADDING = 4088, 8, 64
"""Bytes before the content of a frame, of the time at its beginning, and at most behind a row."""
_MOST_LOOPS: Final = 20
"""How many times as many frames may have been planned as were taken."""


def read_images(source: Source) -> list[Image]:
    """Read all positions of a file, frame by frame when they are looked at."""
    path = source.path
    with path.open("rb") as file:
        if file.read(4) not in _MAGICS:
            raise FileFormatError(
                path, "not a Nikon ND2 file", "give the file its right suffix, or copy it again"
            )
    with refusing(path, "ND2"):
        frames = _Frames(path)
        return [_cube(frames, position) for position in sorted({where[0] for where in frames})]


class _Frames(Mapping[tuple[Any, ...], int]):
    """The frames of a file: (position and other loops, t, z) to number.

    The file stays open for as long as anybody has them.
    """

    def __init__(self, path: Path) -> None:
        try:
            import nd2
        except ImportError as error:
            raise MissingPackageError("nd2", "microscopes", "reading .nd2") from error
        self.path = path
        self.file: Any = nd2.ND2File(path)
        weakref.finalize(self, self.file.close)
        self._lock = threading.Lock()
        about, file = self.file.attributes, self.file
        self.channels = int(about.channelCount or 1)
        self.samples = int(file.components_per_channel)
        self.height, self.width = int(about.heightPx), int(about.widthPx or 0)
        self.dtype = np.dtype(file.dtype)
        counts = [int(loop.count) for loop in file.experiment]
        taken, planned = int(about.sequenceCount), int(np.prod(counts, dtype=np.float64))
        row = self.bands * self.width * self.dtype.itemsize
        padded = getattr(about, "widthBytes", None) or row
        if min(self.bands, self.height, self.width, planned, taken) < 1:
            raise ValueError("it holds no pixels")
        if not 0 <= padded - row < _PADDING:
            raise ValueError(f"rows of {padded} bytes, where pixels take {row}")
        if planned > _MOST_LOOPS * taken or row * self.height > 2000 * path.stat().st_size:
            raise ValueError(f"{planned} frames of {row * self.height:,} bytes")
        self.loops = list(file.experiment) if planned >= taken else []
        self._numbers = self._in_order(taken)
        self.missing = self._missing(taken, padded * self.height)

    def _in_order(self, taken: int) -> dict[tuple[Any, ...], int]:
        if self.loops:
            return {self._place(at): number for number, at in enumerate(self.file.loop_indices)}
        if taken > 1:
            warnings.warn(
                f"{self.path.name}: nothing tells how its {taken} frames were taken; they are "
                "shown one after the other",
                stacklevel=2,
            )
        return {((), number, 0): number for number in range(taken)}

    @property
    def bands(self) -> int:
        return self.channels * self.samples

    def read(self, number: int) -> NDArray[Any]:
        """Return a frame, (band, y, x)."""
        with self._lock, refusing(self.path, "ND2"):
            frame = self.file.read_frame(number)
        shape = (self.channels, self.height, self.width, self.samples)
        bands: NDArray[Any] = np.moveaxis(frame.reshape(shape), -1, 1)
        return np.array(bands.reshape(self.bands, self.height, self.width))

    def _missing(self, taken: int, size: int) -> set[int]:
        """Return the frames that were planned and not taken, after a look at the others.

        The library would show them, and those that lie beyond the end of the file, as zeros.
        """
        stored = self._stored()
        if not stored:
            return {number for number in self._numbers.values() if number >= taken}
        if any(
            start + _HEAD + length > self.path.stat().st_size for start, length in stored.values()
        ):
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
        """Return first byte and length of each frame, where the library tells."""
        told = getattr(getattr(self.file, "_rdr", None), "chunkmap", None)
        if not isinstance(told, Mapping):
            return {}
        matches = ((_FRAME.fullmatch(name), place) for name, place in told.items())
        return {int(match[1]): place for match, place in matches if match}

    def _place(self, indices: Mapping[str, int]) -> tuple[Any, ...]:
        apart = tuple((name, at) for name, at in indices.items() if name not in _ORDER)
        return (apart, *(indices.get(letter, 0) for letter in _ORDER))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)

    def __getitem__(self, where: tuple[Any, ...]) -> int:
        return self._numbers[where]

    def __iter__(self) -> Any:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def _cube(frames: _Frames, apart: tuple[tuple[str, int], ...]) -> Cube:
    """Return the image of a position (and of further loops)."""
    file, path = frames.file, frames.path
    inside = [(t, z) for position, t, z in frames if position == apart]
    sizes = tuple(max(place[n] for place in inside) + 1 for n in (0, 1))
    missing = {place for place in inside if frames[(apart, *place)] in frames.missing}
    dtype = np.result_type(frames.dtype, np.float32) if missing else frames.dtype
    if missing:
        warnings.warn(
            f"{path.name}: {len(inside) - len(missing)} of {len(inside)} frames were taken; "
            "the others are NaN",
            stacklevel=2,
        )

    def read(where: tuple[int, ...]) -> NDArray[Any]:
        if where in missing:
            return np.full((frames.bands, frames.height, frames.width), np.nan, dtype)
        return np.asarray(frames.read(frames[(apart, *where)]), dtype)

    data = planes(read, sizes, (frames.bands, frames.height, frames.width), dtype)
    loops: dict[str, Any] = {loop.type: loop for loop in frames.loops}
    times, depths = (size > 1 for size in sizes)
    volume, channels = _volume(file), list(getattr(file.metadata, "channels", None) or ())
    return Cube(
        data[tuple(slice(None) if kept else 0 for kept in (times, depths))],
        _axis(frames, [channel.channel for channel in channels]),
        t=_times(loops) if times else None,
        z=_depths(loops["ZStackLoop"]) if depths else None,
        name=" ".join((path.stem, *(f"{_word(name)} {at + 1}" for name, at in apart))),
        history=(f"read {path.name}",),
        metadata={
            "Nikon": {
                "text": plain(file.text_info),
                "experiment": plain(file.experiment),
                "channels": plain(channels),
            }
        },
        **volume,
    )


def _word(loop: str) -> str:
    return {"P": "position"}.get(loop, "loop")


def _axis(frames: _Frames, channels: Sequence[Any]) -> Axis:
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


def _volume(file: Any) -> dict[str, Any]:
    """Return the size of the pixels, where the microscope was calibrated."""
    channels = getattr(file.metadata, "channels", None) or ()
    volume = channels[0].volume if channels else None
    if volume is None or not all(volume.axesCalibrated[:2]):
        return {}
    width, height = volume.axesCalibration[:2]
    return {"pixel_size": (float(height), float(width)), "pixel_unit": "um"}


def _depths(loop: Any) -> Sampling:
    about = loop.parameters
    return sampling(about.stepUm * (1 if about.bottomToTop else -1), 0.0, "um")


def _times(loops: Mapping[str, Any]) -> Sampling:
    """Return the time from frame to frame: as planned or, without a pause, as it turned out."""
    loop = loops.get("TimeLoop")
    if loop is None:  # phases of different periods
        return Sampling()
    about = loop.parameters
    measured = getattr(about.periodDiff, "avg", 0.0)
    return sampling((about.periodMs or measured or 0.0) / 1000, 0.0, "s")
