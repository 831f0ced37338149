"""Andor Solis .sif: frames of a spectrograph's camera.

A file has up to five sets of frames: the signal and, by name, what was kept beside it, as
``scan.sif::background``. Each is lines of text, whose number differs with the version, and the frames, as
float32. So the text is read backwards, from the line of the detector's areas just before the frames.

Andor publishes no description; the layout was learned from M. Leutenegger's script for MATLAB and
K. Fujii, "sif_parser", https://github.com/fujiisoup/sif_parser (MIT), and from its files.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Image, Sampling
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..source import Source
from .frames import cube_of_frames

_MAGIC: Final = b"Andor Technology Multi-Channel File\n"
_SETS: Final = ("signal", "reference", "background", "live", "source")
_LONGEST_TEXT: Final = 2**21
"""Bytes of the text of a set, at most: series may have a calibration a frame in it."""
_WITH_FLAG: Final = 65541
"""Version of the line of areas from which on a flag follows the times of the frames."""
_AREAS: Final = re.compile(
    rb"(655\d\d) -?\d+ -?\d+ -?\d+ -?\d+ (\d+) (\d+) (\d+) (\d+) *\r?\n"
    rb"((?:655\d\d(?: +-?\d+){6,9} *\r?\n)+)"
)
"""Version, corners of the detector, frames, areas, values, values of a frame; then a line for each area."""
_TIMES: Final = re.compile(
    rb"\d+ \S+ \S+ \S+ (\d+) (\S+) .{10}\S+ (\S+) (\S+) (\S+) (\d+) .{2}(\S+) ", re.DOTALL
)
"""Version, …; time of the measurement, temperature; exposure, cycle, accumulated cycle, their number, cycle
of the series."""
_FRAME_CALIBRATION: Final = re.compile(rb"Calibration data for frame \d+: *([^\r\n]+)")
_RAMAN: Final = "raman"
_PIXELS: Final = (0.0, 1.0, 0.0, 0.0)
"""Coefficients of an axis that was not calibrated: it counts pixels."""


@dataclass(frozen=True)
class _Set:
    """The frames of a set, and what its text says."""

    start: int
    frames: int
    lines: int
    width: int
    axis: SpectralAxis | None
    unit: str | None
    times: Sampling | None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + 4 * self.frames * self.lines * self.width


def read_images(source: Source) -> list[Image]:
    """Map the frames of the signal, or of the set that is asked for.

    Raises
    ------
    FileFormatError
        If it is no such file, cut short, or has no set of this name.
    """
    raw = Bytes(source.path)
    sets = dict(_sets(raw, everything=source.array not in (None, _SETS[0])))
    name = source.array or next(iter(sets), _SETS[0])
    if name not in sets:
        remedy = f"there are {', '.join(sets) or 'none'}"
        raise FileFormatError(raw.path, f"no frames of {name!r}", remedy)
    chosen = sets[name]
    shape = (chosen.frames, chosen.lines, chosen.width)
    data = mapped(raw.path, "<f4", shape, chosen.start)
    return [
        cube_of_frames(
            data,
            chosen.axis,
            source.axes,
            chosen.times,
            name=source.path.stem if name == _SETS[0] else f"{source.path.stem} {name}",
            history=(f"read {source.path.name}",),
            intensity_unit=chosen.unit,
            metadata={"Andor": chosen.metadata},
        )
    ]


def _sets(raw: Bytes, *, everything: bool) -> Iterator[tuple[str, _Set]]:
    """Yield the sets that a file holds, only the first of them unless `everything` is asked for."""
    if raw.take(0, min(len(raw), len(_MAGIC))) != _MAGIC:
        raise FileFormatError(raw.path, "not a file of Andor Solis", "give it its right suffix")
    offset = len(_MAGIC)
    for name in _SETS:
        if offset >= len(raw):
            return
        flag, offset = _line(raw, offset)
        if not flag.split() or flag.split()[-1] != b"1":
            continue
        found = _set(raw, offset)
        yield name, found
        if not everything:
            return
        offset = found.end


def _line(raw: Bytes, start: int) -> tuple[bytes, int]:
    """Return a line without its end, and where the next one begins."""
    end = raw.find(b"\n", start)
    if end < 0:
        raise FileFormatError(raw.path, "its text ends within a line", COPY_AGAIN)
    return raw.take(start, end - start), end + 1


def _set(raw: Bytes, start: int) -> _Set:
    text = raw.take(start, min(_LONGEST_TEXT, len(raw) - start))
    found = _AREAS.search(text)
    if found is None:
        raise FileFormatError(raw.path, "it does not say how large its frames are", COPY_AGAIN)
    version, frames, areas, values, frame_values = (int(found[n]) for n in range(1, 6))
    lines, width = _size(raw, found[6].split(b"\n")[:-1], areas)
    if frames < 1 or lines * width != frame_values or frames * frame_values != values:
        problem = f"{frames} frames of {lines} × {width} values, which are not {values}"
        raise FileFormatError(raw.path, problem, COPY_AGAIN)
    before = text[: found.start()]
    quantity, unit, _ = _titles(before)
    first = _first_value(raw, start + found.end(), frames, version)
    complete = max(0, len(raw) - first) // (4 * frame_values)
    if complete < frames:
        raise FileFormatError(
            raw.path,
            f"the file has {complete} whole frames, its header states {frames}",
            COPY_AGAIN,
        )
    cycle, metadata = _settings(text, before)
    return _Set(
        first,
        frames,
        lines,
        width,
        _axis(raw, before, quantity, width),
        unit or None,
        Sampling(cycle, 0.0, "s") if cycle else None,
        metadata | {"quantity": quantity},
    )


def _size(raw: Bytes, areas: list[bytes], count: int) -> tuple[int, int]:
    """Return the lines of all areas, one below the other, and their common width.

    An area is version, left, top, right, bottom, pixels binned along y and x.
    """
    lines = 0
    widths = set()
    for area in areas[:count]:
        left, top, right, bottom, bin_y, bin_x = (int(word) for word in area.split()[1:7])
        if min(bin_x, bin_y) < 1:
            raise FileFormatError(raw.path, f"bins of {bin_y} × {bin_x} pixels", COPY_AGAIN)
        widths.add((abs(right - left) + 1) // bin_x)
        lines += (abs(top - bottom) + 1) // bin_y
    if len(areas) < count or len(widths) != 1:
        raise FileFormatError(
            raw.path,
            f"{count} areas of the detector, of the widths {sorted(widths)}",
            "export each area by itself",
        )
    return lines, widths.pop()


def _titles(before: bytes) -> tuple[str, str, str]:
    """Return what columns, values and lines are called: texts behind their lengths, one after the other."""
    lines = before.split(b"\n")[-4:]
    if len(lines) < 4:
        return "", "", ""
    rows = lines[3]
    values = lines[2].removesuffix(str(len(rows)).encode())
    columns = lines[1].removesuffix(str(len(values)).encode())
    columns_text, values_text, rows_text = (
        part.decode("latin-1").strip() for part in (columns, values, rows)
    )
    return columns_text, values_text.lower() if values_text == "Counts" else values_text, rows_text


def _axis(raw: Bytes, before: bytes, quantity: str, width: int) -> SpectralAxis | None:
    """Return the axis of the calibration along x, pixels counted from 1; None where there is none."""
    coefficients, line_nm = _calibration(before)
    for_frames = [_numbers(text, b",") for text in _FRAME_CALIBRATION.findall(before)]
    for_frames = [found for found in for_frames if found]
    if for_frames:
        coefficients = for_frames[0]
        if any(other != coefficients for other in for_frames):
            warnings.warn(
                f"{raw.path.name}: its frames have different calibrations; the axis is that of the "
                "first frame",
                stacklevel=4,
            )
    if coefficients is None or tuple(coefficients) == _PIXELS or "pixel" in quantity.lower():
        return None
    pixels = np.arange(1, width + 1, dtype=np.float64)
    wavelengths = np.polynomial.polynomial.polyval(pixels, coefficients)
    if not np.isfinite(wavelengths).all() or not np.ptp(wavelengths):
        return None
    if _RAMAN not in quantity.lower() or not line_nm:
        return SpectralAxis(wavelengths, "nm")
    if wavelengths.min() <= 0:
        return SpectralAxis(wavelengths, "nm", excitation_nm=line_nm)
    shifts = 1e7 / line_nm - 1e7 / wavelengths  # cm⁻¹ of wavelengths in nm
    return SpectralAxis(shifts, "1/cm", "raman_shift", excitation_nm=line_nm)


def _calibration(before: bytes) -> tuple[list[float] | None, float | None]:
    """Return the coefficients along x, the constant first, and the line of the laser in nm.

    The last three lines of four numbers are the calibrations of x, y and z; the laser's follows.
    """
    lines = before.split(b"\n")
    found = [_numbers(line) for line in lines]
    last = max((n for n, numbers in enumerate(found) if len(numbers) == 4), default=-1)
    if last < 2 or any(len(found[n]) != 4 for n in (last - 1, last - 2)):
        return None, None
    line = found[last + 1] if last + 1 < len(found) else []
    line_nm = line[0] if len(line) == 1 and line[0] > 0 else None
    return found[last - 2], line_nm


def _numbers(text: bytes, separator: bytes | None = None) -> list[float]:
    """Return the numbers of a line; none where it holds anything else."""
    try:
        return [float(word) for word in text.split(separator)]
    except ValueError:
        return []


def _first_value(raw: Bytes, offset: int, frames: int, version: int) -> int:
    """Return where the values begin: behind a time for each frame and, later, a flag.

    A flag of 1 is followed by another number for each frame.
    """
    for _ in range(frames):
        _, offset = _line(raw, offset)
    if version < _WITH_FLAG:
        return offset
    flag, behind = _line(raw, offset)
    if flag.strip() == b"0":
        return behind
    if flag.strip() == b"1":
        for _ in range(frames):
            _, behind = _line(raw, behind)
        return behind
    return offset


def _settings(text: bytes, before: bytes) -> tuple[float | None, dict[str, Any]]:
    """Return the seconds from frame to frame, and what is known of the measurement."""
    found = _TIMES.match(text)
    if found is None:
        return None, {}
    numbers = [_numbers(found[n]) for n in range(1, 8)]
    names = ("time", "temperature (°C)", "exposure (s)", "cycle (s)", "accumulated cycle (s)",
             "accumulations", "cycle of the series (s)")  # fmt: skip
    known = {name: value[0] for name, value in zip(names, numbers, strict=True) if value}
    lines = before.split(b"\n")
    detector = lines[1].decode("latin-1").strip() if len(lines) > 1 else ""
    cycle = known.get("cycle of the series (s)")
    return cycle if cycle and cycle > 0 else None, {"detector": detector, **known}
