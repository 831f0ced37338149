"""Thermo SPC, new, big-endian and old: one spectrum, many, or a grid of them.

A spectrum with an axis of its own (XYXYXY) is an image of its own; where there are very many, as
scans of a mass spectrometer, they are summed up in common bands.

Source: Thermo Galactic, "A Brief Guide to SPC File Format and Using GSPCIO" (2001), and its SPC.H,
https://www.scribd.com/document/286952742/Spc-File-Format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.units import axis_in
from ..source import Source
from .spc_file import FLOATS, SUBHEADER, Header, Part, header_of, log_of, parts_of, values_of

_AXES: Final = {
    1: "1/cm", 2: "um", 3: "nm", 4: "s", 5: "min", 6: "Hz", 7: "kHz", 8: "MHz", 9: "m/z",
    10: "ppm", 11: "d", 12: "years", 13: "Raman shift (1/cm)", 14: "eV", 16: "diode",
    17: "channel", 18: "deg", 19: "°F", 20: "°C", 21: "K", 22: "point", 23: "ms", 24: "us",
    25: "ns", 26: "GHz", 27: "cm", 28: "m", 29: "mm", 30: "h",
}  # fmt: skip
"""Unit by the type of an axis."""
_LENGTHS: Final = ("um", "nm", "cm", "m", "mm")
_DISTANCES: Final = (27, 28, 29)
"""Types of axes that are a way and no wavelength: of the mirror in an interferogram."""
_INTENSITIES: Final = {
    1: "interferogram", 2: "absorbance", 3: "Kubelka-Munk", 4: "counts", 5: "V", 6: "deg",
    7: "mA", 8: "mm", 9: "mV", 10: "log(1/R)", 11: "%", 12: "intensity",
    13: "relative intensity", 14: "energy", 16: "dB", 19: "°F", 20: "°C", 21: "K",
    22: "refractive index", 23: "extinction coefficient", 24: "real", 25: "imaginary",
    128: "transmittance", 129: "reflectance", 130: "single beam", 131: "emission",
}  # fmt: skip
_MOST_IMAGES: Final = 100
"""Axes that a file may have before its spectra are summed up in common bands."""
_BANDS: Final = 2000


def read_images(source: Source) -> list[Image]:
    """Read the spectra of a file: a grid or a list with one axis, or an image for each axis."""
    raw = Bytes(source.path)
    header = header_of(raw)
    start, common = header.start, None
    if header.common_axis:
        common = raw.array(f"{header.order}f4", header.points, start, "the axis")
        start += 4 * header.points
    parts = list(parts_of(raw, header, start, source))
    if not parts:
        raise FileFormatError(source.path, "there is no spectrum in it", COPY_AGAIN)
    about: dict[str, Any] = {
        "history": (f"read {source.path.name}",),
        "intensity_unit": _INTENSITIES.get(header.types[1]),
    }
    if header.own_axes:
        return [*_with_own_axes(raw, header, parts, source, about)]
    if common is None:
        common = np.linspace(*header.ends, header.points)
    spectra = _spectra(raw, header, parts)
    grid, places = _grid(header, parts)
    data = spectra.T.reshape(-1, *(grid or (1, len(parts))))
    metadata = _metadata(raw, header) | ({} if grid else _listed(header, parts))
    name = source.path.stem
    return [Cube(data, _axis(header, common), name=name, metadata=metadata, **about, **places)]


# ------------------------------------------------------------------------------------- spectra


def _spectra(raw: Bytes, header: Header, parts: Sequence[Part]) -> NDArray[Any]:
    """Return spectra of a common axis, (spectrum, band): floats stay in the file."""
    first, count, points = parts[0].start, len(parts), header.points
    step = SUBHEADER + 4 * points
    even = all(part.start == first + step * number for number, part in enumerate(parts))
    if even and all(part.exponent == FLOATS for part in parts):
        values = (count * step - SUBHEADER) // 4
        flat = mapped(raw.path, f"{header.order}f4", (values,), first)
        return as_strided(flat, (count, points), (step, 4), subok=True)
    return np.stack([values_of(raw, header, part, part.start) for part in parts])


def _grid(header: Header, parts: Sequence[Part]) -> tuple[tuple[int, int] | None, dict[str, Any]]:
    """Return height and width of a grid, w down and z along, and where it lies; None for a list."""
    planes = _planes(header, parts)
    if planes is None:
        return None, {}
    width = len(parts) // planes
    dx, left = _steps(header.steps[0], [part.z for part in parts[:width]])
    dy, top = _steps(header.steps[1], [part.w for part in parts[::width]])
    unit, other = _AXES.get(header.types[2]), _AXES.get(header.types[3])
    if unit != other or unit not in _LENGTHS:
        return (planes, width), {}
    return (planes, width), {"pixel_size": (dy, dx), "origin": (top, left), "pixel_unit": unit}


def _planes(header: Header, parts: Sequence[Part]) -> int | None:
    """Return the number of planes along w, by where the spectra lie or as the header says it."""
    levels = [part.w for part in parts]
    found = sum(one != other for one, other in pairwise(levels)) + 1
    regular = len(parts) % found == 0 and len(set(levels)) == found
    planes = found if 1 < found < len(parts) and regular else header.planes
    return planes if 1 < planes < len(parts) and len(parts) % planes == 0 else None


def _steps(stated: float, places: Sequence[float]) -> tuple[float, float]:
    """Return the distance of neighbours, and the first place."""
    if not np.isfinite([stated, *places]).all():
        return 1.0, 0.0
    step = abs(stated) or abs(places[-1] - places[0]) / max(1, len(places) - 1)
    return step or 1.0, places[0]


def _listed(header: Header, parts: Sequence[Part]) -> dict[str, Any]:
    """Return what is known of each spectrum of a list."""
    places = [part.z for part in parts]
    if len(parts) < 2 or not np.isfinite(places).all():
        return {}
    return {"positions": {"z": {"unit": _AXES.get(header.types[2]), "values": places}}}


def _with_own_axes(
    raw: Bytes, header: Header, parts: Sequence[Part], source: Source, about: Mapping[str, Any]
) -> Iterator[Cube]:
    """Yield a list of spectra for each axis; many axes are made one."""
    groups: dict[bytes, list[Part]] = {}
    for part in parts:
        groups.setdefault(raw.take(part.start, 4 * part.points), []).append(part)
    metadata = _metadata(raw, header)
    if len(groups) > _MOST_IMAGES:
        yield _binned(raw, header, parts, source, about, metadata)
        return
    for number, (axis, group) in enumerate(groups.items(), 1):
        centres = np.frombuffer(axis, f"{header.order}f4")
        rows = [values_of(raw, header, part, part.start + 4 * part.points) for part in group]
        yield Cube.from_spectra(
            np.stack(rows),
            _axis(header, centres),
            name=source.path.stem + (f" {number}" if len(groups) > 1 else ""),
            metadata=metadata | _listed(header, group),
            **about,
        )


def _binned(
    raw: Bytes,
    header: Header,
    parts: Sequence[Part],
    source: Source,
    about: Mapping[str, Any],
    metadata: dict[str, Any],
) -> Cube:
    """Return spectra of different axes, summed up in common bands."""
    axes = [raw.array(f"{header.order}f4", part.points, part.start) for part in parts]
    ends = min(axis.min() for axis in axes), max(axis.max() for axis in axes)
    if not np.isfinite(ends).all():
        raise FileFormatError(source.path, "an axis that is not finite", COPY_AGAIN)
    edges = np.linspace(*ends, _BANDS + 1)
    spectra = np.empty((len(parts), _BANDS))
    for number, (part, places) in enumerate(zip(parts, axes, strict=True)):
        values = values_of(raw, header, part, part.start + 4 * part.points)
        spectra[number] = np.histogram(places, edges, weights=values)[0]
        if number % 1000 == 0:
            source.tell(number, len(parts))
    history = (*about["history"], f"summed up {len(parts)} axes in {_BANDS} common bands")
    axis = _axis(header, (edges[1:] + edges[:-1]) / 2)
    return Cube.from_spectra(
        spectra,
        axis,
        name=source.path.stem,
        metadata=metadata | _listed(header, parts),
        **{**about, "history": history},
    )


# ------------------------------------------------------------------------------------- meaning


def _axis(header: Header, centres: NDArray[Any]) -> SpectralAxis:
    labels = header.metadata["labels"]
    if header.labelled and labels:
        named = axis_in(labels[0], centres)
        if named is not None:
            return named
    kind = header.types[0]
    if kind in _DISTANCES or kind not in _AXES:
        return SpectralAxis(centres)
    return axis_in(_AXES[kind], centres) or SpectralAxis(centres)


def _metadata(raw: Bytes, header: Header) -> dict[str, Any]:
    told = {key: value for key, value in header.metadata.items() if value}
    x, _, z, w = header.types
    told |= {"axes": {"x": _AXES.get(x), "z": _AXES.get(z), "w": _AXES.get(w)}}
    return {"SPC": told | log_of(raw, header)}
