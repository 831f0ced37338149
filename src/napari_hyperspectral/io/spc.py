"""Thermo SPC, new, big-endian and old: one spectrum, many, or a grid of them.

A spectrum with an axis of its own (XYXYXY) is an image of its own; where there are very many, as
scans of a mass spectrometer, they are summed up in common bands.

Source: Thermo Galactic, "A Brief Guide to SPC File Format and Using GSPCIO" (2001), and its SPC.H,
https://ensembles-eu.metoffice.gov.uk/met-res/aries/technical/GSPC_UDF.PDF
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..axis import SpectralAxis
from ..cube import Cube, Image
from .binary import COPY_AGAIN, Bytes
from .errors import FileFormatError
from .mapped import mapped
from .source import Source
from .units import axis_in

_ORDERS: Final = {0x4B: "<", 0x4C: ">", 0x4D: "<"}
"""Order of bytes by version."""
_OLD: Final = 0x4D
_OLE: Final = b"\xd0\xcf\x11\xe0"
_HEADER, _OLD_HEADER, _SUBHEADER, _ENTRY = 512, 224, 32, 12
_SHORT, _MULTI, _LABELS, _OWN_X, _X = 0x01, 0x04, 0x20, 0x40, 0x80
"""Flags: 16-bit values, several spectra, axes named in words, an axis each, an axis in numbers."""
_FLOATS: Final = -128
"""Exponent that says: no whole numbers, but floats."""
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
_TECHNIQUES: Final = {
    1: "gas chromatogram", 2: "chromatogram", 3: "HPLC", 4: "FT-IR, FT-NIR or FT-Raman", 5: "NIR",
    7: "UV-VIS", 8: "X-ray diffraction", 9: "mass spectrum", 10: "NMR", 11: "Raman",
    12: "fluorescence", 13: "atomic", 14: "diode array chromatography",
}  # fmt: skip
_MOST_IMAGES: Final = 100
"""Axes that a file may have before its spectra are summed up in common bands."""
_BANDS: Final = 2000


@dataclass(frozen=True)
class _Header:
    """What the head of a file says, of whatever version."""

    order: str
    flags: int
    exponent: int
    points: int
    """Points of a spectrum; with an axis each, where the directory is."""
    ends: tuple[float, float]
    spectra: int | None
    """None: as many as the file is long."""
    types: tuple[int, int, int, int]
    """Of x, intensity, z and w."""
    planes: int
    """Planes of a grid, along w."""
    steps: tuple[float, float]
    """Along z and w; 0: the spectra say it."""
    log: int
    old: bool
    metadata: dict[str, Any]

    @property
    def several(self) -> bool:
        """Whether each spectrum has an exponent of its own."""
        return self.spectra != 1

    @property
    def own_axes(self) -> bool:
        """Whether each spectrum has an axis of its own."""
        return self.flags & (_X | _OWN_X) == _X | _OWN_X


class _Part(NamedTuple):
    """Where a spectrum is, and what its own head says."""

    start: int
    """First byte of its axis, if it has one, else of its values."""
    points: int
    exponent: int
    z: float
    w: float


def read_images(source: Source) -> list[Image]:
    """Read the spectra of a file: a grid or a list with one axis, or an image for each axis."""
    raw = Bytes(source.path)
    header = _header(raw)
    start = _OLD_HEADER if header.old else _HEADER
    common = None
    if header.flags & _X and not header.own_axes:
        common = raw.array(f"{header.order}f4", header.points, start, "the axis")
        start += 4 * header.points
    parts = list(_parts(raw, header, start, source))
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


# ------------------------------------------------------------------------------------- structure


def _header(raw: Bytes) -> _Header:
    start = raw.take(0, min(len(raw), 64))
    version = start[1] if len(start) > 1 else 0
    if start.startswith(_OLE):
        raise FileFormatError(
            raw.path,
            "a Shimadzu file (OLE), no Thermo SPC",
            "export it from LabSolutions or UVProbe as text",
        )
    if version not in _ORDERS or len(raw) < 256:
        text = re.fullmatch(rb"[\t\r\n -~]+", start)
        raise FileFormatError(
            raw.path,
            "a text, no Thermo SPC" if text else f"not a Thermo SPC file (version {version:#04x})",
            "rename it to .txt" if text else "give the file its right suffix, or copy it again",
        )
    header = _old_header(raw) if version == _OLD else _new_header(raw, _ORDERS[version])
    if not np.isfinite(header.ends).all() or (not header.points and not header.own_axes):
        raise FileFormatError(
            raw.path,
            f"{header.points} points from {header.ends[0]} to {header.ends[1]}",
            COPY_AGAIN,
        )
    return header


def _new_header(raw: Bytes, order: str) -> _Header:
    flags, _, technique, exponent = raw.unpack("BBBb", 0)
    points, first, last, spectra = raw.unpack(f"{order}IddI", 4)
    x, y, z = raw.unpack("BBB", 28)
    z_step, planes, w_step, w = raw.unpack(f"{order}fIfB", 312)
    date = raw.number(f"{order}I", 32)
    minute, hour, day, month, year = (
        date & 63, date >> 6 & 31, date >> 11 & 31, date >> 16 & 15, date >> 20,
    )  # fmt: skip
    return _Header(
        order=order,
        flags=flags,
        exponent=exponent,
        points=points,
        ends=(first, last),
        spectra=spectra if flags & _MULTI else max(1, spectra),
        types=(x, y, z, w),
        planes=planes,
        steps=(z_step, w_step),
        log=raw.number(f"{order}I", 248),
        old=False,
        metadata={
            "technique": _TECHNIQUES.get(technique),
            "date": f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}" if year else None,
            "resolution": raw.text(36, 9),
            "instrument": raw.text(45, 9),
            "comment": raw.text(88, 130),
            "method": raw.text(264, 48),
            "labels": _labels(raw.take(218, 30)),
        },
    )


def _old_header(raw: Bytes) -> _Header:
    """Return the head of a LabCalc file; its spectra go on to its end."""
    flags, _, exponent, points, first, last, x, y = raw.unpack("<BBhfffBB", 0)
    year, month, day, hour, minute = raw.unpack("<HBBBB", 18)
    if not 0 < points < len(raw):  # also not a number
        raise FileFormatError(raw.path, f"{points} points in a spectrum", COPY_AGAIN)
    known = year & 0xFFF
    return _Header(
        order="<",
        flags=flags & ~(_X | _OWN_X),  # not known yet
        exponent=_FLOATS if exponent in (_FLOATS, 0x80) else exponent,
        points=int(points),
        ends=(first, last),
        spectra=None if flags & _MULTI else 1,
        types=(x, y, year >> 12, 0),
        planes=0,
        steps=(0.0, 0.0),
        log=0,
        old=True,
        metadata={
            "date": f"{known:04}-{month:02}-{day:02}T{hour:02}:{minute:02}" if known else None,
            "resolution": raw.text(24, 8),
            "comment": raw.text(64, 130),
            "labels": _labels(raw.take(194, 30)),
        },
    )


def _labels(raw: bytes) -> list[str]:
    texts = [text.decode("latin-1").strip() for text in raw.split(b"\0")[:3]]
    return texts if any(texts) else []


def _parts(raw: Bytes, header: _Header, start: int, source: Source) -> Iterator[_Part]:
    """Yield where each spectrum is."""
    least = header.spectra or 1
    if least * _SUBHEADER > len(raw):
        raise FileFormatError(
            raw.path, f"{least} spectra do not fit in {len(raw)} bytes", COPY_AGAIN
        )
    places = _directory(raw, header)
    number = 0
    while number < header.spectra if header.spectra is not None else start < len(raw):
        start = places[number] if places else start
        what = f"spectrum {number + 1}" + (f" of {header.spectra}" if header.spectra else "")
        exponent = raw.unpack("Bb", start, what)[1]
        z, points, w = (
            raw.number(f"{header.order}{letter}", start + place, what)
            for letter, place in (("f", 4), ("I", 16), ("f", 24))
        )
        start += _SUBHEADER
        own = header.own_axes
        points = points if own and points else header.points
        part = _Part(start, points, _exponent(header, exponent), z, w)
        length = points * (_item(header, part.exponent) + 4 * own)
        if not points or start + length > len(raw):
            raise FileFormatError(
                raw.path,
                f"the file ends at byte {len(raw)}, {what} needs {points} points from {start}",
                COPY_AGAIN,
            )
        yield part
        start += length
        number += 1
        if number % 10_000 == 0:
            source.tell(number, header.spectra or number)


def _directory(raw: Bytes, header: _Header) -> list[int]:
    """Return where the spectra begin, where each has its own axis and the file lists them."""
    if not header.own_axes or not header.several or not header.points or not header.spectra:
        return []
    length = _ENTRY * header.spectra
    if header.points + length > len(raw):
        return []  # a file that was never finished; its spectra follow each other anyway
    entries = np.frombuffer(raw.take(header.points, length), f"{header.order}u4")
    return [int(place) for place in entries[::3]]


def _exponent(header: _Header, own: int) -> int:
    if _FLOATS in (header.exponent, own):
        return _FLOATS
    return own if header.several else header.exponent


def _item(header: _Header, exponent: int) -> int:
    """Return the bytes of a value."""
    return 2 if header.flags & _SHORT and exponent != _FLOATS else 4


# ------------------------------------------------------------------------------------- spectra


def _spectra(raw: Bytes, header: _Header, parts: Sequence[_Part]) -> NDArray[Any]:
    """Return spectra of a common axis, (spectrum, band): floats stay in the file."""
    first, count, points = parts[0].start, len(parts), header.points
    step = _SUBHEADER + 4 * points
    even = all(part.start == first + step * number for number, part in enumerate(parts))
    if even and all(part.exponent == _FLOATS for part in parts):
        values = (count * step - _SUBHEADER) // 4
        flat = mapped(raw.path, f"{header.order}f4", (values,), first)
        return as_strided(flat, (count, points), (step, 4), subok=True)
    return np.stack([_values(raw, header, part, part.start) for part in parts])


def _values(raw: Bytes, header: _Header, part: _Part, start: int) -> NDArray[Any]:
    """Return the values of a spectrum: floats, or fractions of a power of two."""
    if part.exponent == _FLOATS:
        return raw.array(f"{header.order}f4", part.points, start)
    size = _item(header, part.exponent)
    if header.old and size == 4:  # the upper half of each number comes first
        halves = raw.array("<u2", 2 * part.points, start).reshape(-1, 2)
        numbers = halves[:, ::-1].copy().view("<i4").ravel()
    else:
        numbers = raw.array(f"{header.order}i{size}", part.points, start)
    return np.asarray(np.ldexp(numbers.astype(np.float64), part.exponent - 8 * size))


def _grid(header: _Header, parts: Sequence[_Part]) -> tuple[tuple[int, int] | None, dict[str, Any]]:
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


def _planes(header: _Header, parts: Sequence[_Part]) -> int | None:
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


def _listed(header: _Header, parts: Sequence[_Part]) -> dict[str, Any]:
    """Return what is known of each spectrum of a list."""
    places = [part.z for part in parts]
    if len(parts) < 2 or not np.isfinite(places).all():
        return {}
    return {"positions": {"z": {"unit": _AXES.get(header.types[2]), "values": places}}}


def _with_own_axes(
    raw: Bytes, header: _Header, parts: Sequence[_Part], source: Source, about: Mapping[str, Any]
) -> Iterator[Cube]:
    """Yield a list of spectra for each axis; many axes are made one."""
    groups: dict[bytes, list[_Part]] = {}
    for part in parts:
        groups.setdefault(raw.take(part.start, 4 * part.points), []).append(part)
    metadata = _metadata(raw, header)
    if len(groups) > _MOST_IMAGES:
        yield _binned(raw, header, parts, source, about, metadata)
        return
    for number, (axis, group) in enumerate(groups.items(), 1):
        centres = np.frombuffer(axis, f"{header.order}f4")
        rows = [_values(raw, header, part, part.start + 4 * part.points) for part in group]
        yield Cube.from_spectra(
            np.stack(rows),
            _axis(header, centres),
            name=source.path.stem + (f" {number}" if len(groups) > 1 else ""),
            metadata=metadata | _listed(header, group),
            **about,
        )


def _binned(
    raw: Bytes,
    header: _Header,
    parts: Sequence[_Part],
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
        values = _values(raw, header, part, part.start + 4 * part.points)
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


def _axis(header: _Header, centres: NDArray[Any]) -> SpectralAxis:
    labels = header.metadata["labels"]
    if header.flags & _LABELS and labels:
        named = axis_in(labels[0], centres)
        if named is not None:
            return named
    kind = header.types[0]
    if kind in _DISTANCES or kind not in _AXES:
        return SpectralAxis(centres)
    return axis_in("Hz" if kind == 6 else _AXES[kind], centres) or SpectralAxis(centres)


def _metadata(raw: Bytes, header: _Header) -> dict[str, Any]:
    told = {key: value for key, value in header.metadata.items() if value}
    x, _, z, w = header.types
    told |= {"axes": {"x": _AXES.get(x), "z": _AXES.get(z), "w": _AXES.get(w)}}
    return {"SPC": told | _log(raw, header)}


def _log(raw: Bytes, header: _Header) -> dict[str, Any]:
    """Return the text of the log: as pairs where all its lines are such."""
    if not header.log:
        return {}
    if header.log + 64 > len(raw):
        warnings.warn(f"{raw.path.name}: its log is missing", stacklevel=2)
        return {}
    size, _, offset = raw.unpack(f"{header.order}III", header.log)
    start, end = header.log + offset, min(header.log + size, len(raw))
    if not offset or start >= end:
        return {}
    text = raw.text(start, end - start)
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    pairs = [line.partition("=") for line in lines]
    if all(equals for _, equals, _ in pairs):
        return {"log": {key.strip(): value.strip() for key, _, value in pairs}} if pairs else {}
    return {"log": "\n".join(lines)}
