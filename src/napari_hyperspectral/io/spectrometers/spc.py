"""Thermo SPC, new, big-endian and old: one spectrum, many, or a grid of them.

A spectrum with an axis of its own (XYXYXY) is an image of its own; where there are very many, as
scans of a mass spectrometer, they are summed up in common bands.

Source: Thermo Galactic, "A Brief Guide to SPC File Format and Using GSPCIO" (2001), and its SPC.H,
https://www.scribd.com/document/286952742/Spc-File-Format
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import axis_in, stated_axis
from ..source import Source
from .spc_file import FLOATS, SUBHEADER, Part, SpcHeader, header_of, log_of, parts_of, values_of

_AXES: Final = {
    1: "1/cm", 2: "um", 3: "nm", 4: "s", 5: "min", 6: "Hz", 7: "kHz", 8: "MHz", 9: "m/z",
    10: "ppm", 11: "d", 12: "years", 13: "Raman shift (1/cm)", 14: "eV", 16: "diode",
    17: "channel", 18: "deg", 19: "°F", 20: "°C", 21: "K", 22: "point", 23: "ms", 24: "us",
    25: "ns", 26: "GHz", 27: "cm", 28: "m", 29: "mm", 30: "h",
}  # fmt: skip
"""Unit by the type of an axis."""
_LENGTHS: Final = ("um", "nm", "cm", "m", "mm")
_DISTANCES: Final = (27, 28, 29)
"""Types of axes that are a distance and no wavelength: of the mirror in an interferogram."""
_INTENSITIES: Final = {
    1: "interferogram", 2: "absorbance", 3: "Kubelka-Munk", 4: "counts", 5: "V", 6: "deg",
    7: "mA", 8: "mm", 9: "mV", 10: "log(1/R)", 11: "%", 12: "intensity",
    13: "relative intensity", 14: "energy", 16: "dB", 19: "°F", 20: "°C", 21: "K",
    22: "refractive index", 23: "extinction coefficient", 24: "real", 25: "imaginary",
    128: "transmittance", 129: "reflectance", 130: "single beam", 131: "emission",
}  # fmt: skip
_MAX_IMAGES: Final = 100
"""Axes that a file may have before its spectra are summed up in common bands."""
_BANDS: Final = 2000
"""Common bands of spectra with very many axes."""


class _Grid(NamedTuple):
    """A map: w goes down, and z along the rows."""

    height: int
    width: int
    position: dict[str, Any]
    """Parameters of `Cube` for pixel size and origin; empty where their unit is no length."""


def read_images(source: Source) -> list[Image]:
    """Read the spectra of a file: a grid or a list with one axis, or an image for each axis."""
    raw = Bytes(source.path)
    header = header_of(raw)
    start = header.start
    common_axis = None
    if header.common_axis:
        common_axis = raw.array(f"{header.order}f4", header.points, start, "the axis")
        start += 4 * header.points
    parts = list(parts_of(raw, header, start, source))
    if not parts:
        raise FileFormatError(source.path, "there is no spectrum in it", COPY_AGAIN)
    spc = _File(raw, header, source)
    if not header.own_axes:
        if common_axis is None:
            common_axis = np.linspace(*header.ends, header.points)
        return [spc.cube(common_axis, parts)]
    groups: dict[bytes, list[Part]] = {}
    for part in parts:
        axis = raw.take(part.start, 4 * part.points)
        groups.setdefault(axis, []).append(part)
    if len(groups) > _MAX_IMAGES:
        return [spc.binned(parts)]
    return [*spc.cube_of_each_axis(groups)]


class _File:
    """An open file, and what all cubes from it have in common."""

    def __init__(self, raw: Bytes, header: SpcHeader, source: Source) -> None:
        self._raw = raw
        self._header = header
        self._source = source
        self._intensity_unit = _INTENSITIES.get(header.types[1])
        self._history = (f"read {source.path.name}",)
        self._metadata = _metadata(raw, header)

    def cube(self, centres: NDArray[Any], parts: Sequence[Part]) -> Cube:
        """Return spectra with a common axis, as a grid or as a list."""
        spectra = _spectra(self._raw, self._header, parts)
        grid = _grid(self._header, parts)
        metadata = self._metadata
        if grid is None:
            grid = _Grid(1, len(parts), {})
            metadata = metadata | _positions(self._header, parts)
        return Cube(
            spectra.T.reshape(-1, grid.height, grid.width),
            _axis(self._header, centres),
            name=self._source.path.stem,
            metadata=metadata,
            history=self._history,
            intensity_unit=self._intensity_unit,
            **grid.position,
        )

    def cube_of_each_axis(self, groups: Mapping[bytes, Sequence[Part]]) -> Iterator[Cube]:
        """Yield a list of spectra for each axis."""
        stem = self._source.path.stem
        for number, (axis, parts) in enumerate(groups.items(), 1):
            centres = np.frombuffer(axis, f"{self._header.order}f4")
            spectra = [self._values_after_axis(part) for part in parts]
            yield Cube.from_spectra(
                np.stack(spectra),
                _axis(self._header, centres),
                name=f"{stem} {number}" if len(groups) > 1 else stem,
                metadata=self._metadata | _positions(self._header, parts),
                history=self._history,
                intensity_unit=self._intensity_unit,
            )

    def binned(self, parts: Sequence[Part]) -> Cube:
        """Return spectra of different axes, summed up in common bands."""
        order = self._header.order
        axes = [self._raw.array(f"{order}f4", part.points, part.start) for part in parts]
        low = min(axis.min() for axis in axes)
        high = max(axis.max() for axis in axes)
        if not np.isfinite([low, high]).all():
            raise FileFormatError(self._source.path, "an axis that is not finite", COPY_AGAIN)
        edges = np.linspace(low, high, _BANDS + 1)
        spectra = np.empty((len(parts), _BANDS))
        for number, (part, axis) in enumerate(zip(parts, axes, strict=True)):
            spectra[number] = np.histogram(axis, edges, weights=self._values_after_axis(part))[0]
            if number % 1000 == 0:
                self._source.tell(number, len(parts))
        step = f"summed up {len(parts)} axes in {_BANDS} common bands"
        return Cube.from_spectra(
            spectra,
            _axis(self._header, (edges[1:] + edges[:-1]) / 2),
            name=self._source.path.stem,
            metadata=self._metadata | _positions(self._header, parts),
            history=(*self._history, step),
            intensity_unit=self._intensity_unit,
        )

    def _values_after_axis(self, part: Part) -> NDArray[Any]:
        return values_of(self._raw, self._header, part, part.start + 4 * part.points)


# ------------------------------------------------------------------------------------- spectra


def _spectra(raw: Bytes, header: SpcHeader, parts: Sequence[Part]) -> NDArray[Any]:
    """Return spectra of a common axis, (spectrum, band): floats stay in the file."""
    count = len(parts)
    stride = SUBHEADER + 4 * header.points
    starts = np.array([part.start for part in parts])
    even = bool((np.diff(starts) == stride).all())
    if not even or any(part.exponent != FLOATS for part in parts):
        return np.stack([values_of(raw, header, part, part.start) for part in parts])
    # one array over all, subheaders included; a spectrum is then a row with gaps between
    values = (count * stride - SUBHEADER) // 4
    flat = mapped(raw.path, f"{header.order}f4", (values,), parts[0].start)
    return as_strided(flat, (count, header.points), (stride, 4), subok=True)


def _grid(header: SpcHeader, parts: Sequence[Part]) -> _Grid | None:
    """Return the size of a grid and where it lies; None for a list."""
    height = _rows(header, parts)
    if height is None:
        return None
    width = len(parts) // height
    unit = _AXES.get(header.types[2])
    unit_down = _AXES.get(header.types[3])
    if unit != unit_down or unit not in _LENGTHS:
        return _Grid(height, width, {})
    dx, left = _step_and_start(header.steps[0], [part.z for part in parts[:width]])
    dy, top = _step_and_start(header.steps[1], [part.w for part in parts[::width]])
    position = {"pixel_size": (dy, dx), "origin": (top, left), "pixel_unit": unit}
    return _Grid(height, width, position)


def _rows(header: SpcHeader, parts: Sequence[Part]) -> int | None:
    """Return the number of rows along w, by where the spectra lie or as the header says it."""
    levels = [part.w for part in parts]
    runs = sum(level != following for level, following in pairwise(levels)) + 1
    regular = len(parts) % runs == 0 and len(set(levels)) == runs
    rows = header.planes
    if 1 < runs < len(parts) and regular:
        rows = runs
    return rows if 1 < rows < len(parts) and len(parts) % rows == 0 else None


def _step_and_start(stated: float, positions: Sequence[float]) -> tuple[float, float]:
    """Return the distance of neighbours, and the first position."""
    if not np.isfinite([stated, *positions]).all():
        return 1.0, 0.0
    covered = positions[-1] - positions[0]
    step = math.copysign(stated, covered or stated)
    if not step:
        step = covered / max(1, len(positions) - 1)
    return step or 1.0, positions[0]


# ------------------------------------------------------------------------------------ metadata


def _positions(header: SpcHeader, parts: Sequence[Part]) -> dict[str, Any]:
    """Return what is known of each spectrum of a list."""
    positions = [part.z for part in parts]
    if len(parts) < 2 or not np.isfinite(positions).all():
        return {}
    return {"positions": {"z": {"unit": _AXES.get(header.types[2]), "values": positions}}}


def _axis(header: SpcHeader, centres: NDArray[Any]) -> SpectralAxis:
    """Return the axis in the unit that a label spells, else in that of its type."""
    labels = header.metadata["labels"]
    if header.labelled and labels:
        labelled = axis_in(labels[0], centres)
        if labelled is not None:
            return labelled
    kind = header.types[0]
    if kind in _DISTANCES or kind not in _AXES:
        return SpectralAxis(centres)
    return stated_axis(_AXES[kind], centres) or SpectralAxis(centres)


def _metadata(raw: Bytes, header: SpcHeader) -> dict[str, Any]:
    stated = {key: value for key, value in header.metadata.items() if value}
    x, _, z, w = header.types
    axes = {"x": _AXES.get(x), "z": _AXES.get(z), "w": _AXES.get(w)}
    return {"SPC": stated | {"axes": axes} | log_of(raw, header)}
