"""Olympus FluoView: .oib and .oif through oiffile, .oir through oirfile.

No file of these formats with a spectrum is public: what is here follows the descriptions below,
and was tried on stand-ins only. Of .oib and .oif only the planes are decoded by the library; which
is which is told by their names (s_C001Z002.tif) and the settings.

Source: C. Gohlke, oiffile, https://github.com/cgohlke/oiffile, and oirfile,
https://github.com/cgohlke/oirfile (BSD-3); Bio-Formats, "Olympus FluoView FV1000",
https://docs.openmicroscopy.org/bio-formats/latest/formats/olympus-fluoview-fv1000.html
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
import weakref
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError, MissingPackageError
from ..binary import COPY_AGAIN
from ..metadata.microscopy import RGB, channel_axis, plain, planes, refusing, sampling
from ..source import Source

_COMPOUND, _OIR = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"OLYMPUSRAWFORMAT"
_SETTINGS: Final = (b"\xff\xfe[\0", b"[")
_PLACES: Final = re.compile(r"_((?:[A-Z]\d+)+)\.tif$")
_IN_MEMORY: Final = 2**30
"""Bytes beyond which an .oir is unpacked to a temporary file."""
_STEPS: Final = {"nm": (1e-3, "um"), "um": (1.0, "um"), "mm": (1e3, "um"), "ms": (1e-3, "s")}
"""What lengths and times of the settings are in our units."""


@dataclass(frozen=True)
class _Measured:
    """What a file says, whichever of the formats it has."""

    path: Path
    dims: str
    """A letter for each axis of `data`: of T, Z, L(ambda), C(hannel), S(ample), Y, X."""
    data: Any
    wavelengths: NDArray[np.float64] | None = None
    """Along L, in nm."""
    names: Sequence[str] = ()
    emissions: Sequence[float | None] = ()
    ranges: Sequence[tuple[float, float] | None] = ()
    """Of the channels; wavelengths in nm."""
    excitation_nm: float | None = None
    steps: Mapping[str, Sampling] = field(default_factory=dict)
    """Along the axes that are not of the spectrum."""
    told: Mapping[str, Any] = field(default_factory=dict)


def read_images(source: Source) -> list[Image]:
    """Read a file; with a spectrum of several detectors, each of them is an image."""
    path = source.path
    with path.open("rb") as file:
        head = file.read(16)
    wanted = {".oir": (_OIR,), ".oib": (_COMPOUND,)}.get(path.suffix.lower(), _SETTINGS)
    if not head.startswith(wanted):
        raise FileFormatError(
            path, "not an Olympus file", "give the file its right suffix, or copy it again"
        )
    with refusing(path, "Olympus"):
        measured = _oir(path) if path.suffix.lower() == ".oir" else _oif(path)
        return [*_cubes(measured)]


def _cubes(measured: _Measured) -> Iterator[Cube]:
    dims, data = measured.dims, measured.data
    y = next(letter for letter in "YZT" if letter in dims)  # a section, or a line again and again
    band = next((letter for letter in "LCS" if letter in dims), "")
    leading = [letter for letter in "TZ" if letter in dims and letter != y]
    apart = [letter for letter in dims if letter not in (*leading, band, y, "X")]
    order = [*apart, *leading, *band, y, "X"]
    data = data.transpose([dims.index(letter) for letter in order])
    data = data if band else data[..., None, :, :]
    sizes = [data.shape[n] for n in range(len(apart))]
    for index in np.ndindex(*sizes):
        words = [
            measured.names[place] if letter == "C" and measured.names else f"{letter} {place + 1}"
            for letter, place in zip(apart, index)
        ]
        yield Cube(
            data[index] if index else data,
            _axis(measured, band, int(data.shape[-3])),
            t=measured.steps.get("T", Sampling()) if "T" in leading else None,
            z=measured.steps.get("Z", Sampling()) if "Z" in leading else None,
            name=" ".join((measured.path.stem, *words)),
            history=(f"read {measured.path.name}",),
            metadata={"Olympus": dict(measured.told)},
            **_pixels(measured.steps.get(y), measured.steps.get("X")),
        )


def _axis(measured: _Measured, band: str, bands: int) -> Axis:
    if band == "L":
        if measured.wavelengths is None:
            return SpectralAxis.index(bands)
        return SpectralAxis(measured.wavelengths, "nm", excitation_nm=measured.excitation_nm)
    if band == "S":
        return ChannelAxis(RGB[:bands])
    names = [measured.names[n] if n < len(measured.names) else "" for n in range(bands)]
    return channel_axis(
        names,
        emissions=measured.emissions,
        ranges=measured.ranges,
        excitation_nm=measured.excitation_nm,
    )


def _pixels(y: Sampling | None, x: Sampling | None) -> dict[str, Any]:
    if y is None or x is None or y.unit != x.unit or x.unit is None:
        return {}
    return {"pixel_size": (abs(y.step), abs(x.step)), "pixel_unit": x.unit}


# .oib and .oif: a folder of TIFF files, one a plane, and a text of settings


def _oif(path: Path) -> _Measured:
    try:
        import oiffile
    except ImportError as error:
        raise MissingPackageError("oiffile", "microscopes", "reading .oib and .oif") from error
    file = _Folder(oiffile.OifFile(str(path)))
    settings = file.settings
    along = {about["AxisCode"]: about for about in _sections(settings, "Axis", "Parameters Common")}
    sizes = {code: int(about["MaxSize"]) for code, about in along.items()}
    letters = [letter for letter in "TZLC" if sizes.get(letter, 1) > 1]
    named = _planes_by_place(file.names(), letters)
    if not named:
        raise FileFormatError(path, "no planes in it", "put its folder of .tif files beside it")
    leading = tuple(sizes[letter] for letter in letters)
    if np.prod(leading, dtype=np.float64) > 20 * len(named):
        raise FileFormatError(path, f"{len(named)} of {leading} planes", COPY_AGAIN)
    first = file.plane(next(iter(named.values())))
    dtype = first.dtype
    missing = int(np.prod(leading)) - len(named)
    if missing:
        dtype = np.result_type(dtype, np.float32)
        warnings.warn(
            f"{path.name}: {missing} of its planes are missing; they are NaN", stacklevel=2
        )

    def read(where: tuple[int, ...]) -> NDArray[Any]:
        if where not in named:
            return np.full(first.shape, np.nan, dtype)
        with refusing(path, "Olympus"):
            plane = file.plane(named[where])
            if plane.shape != first.shape:
                raise ValueError(f"planes of {first.shape} and {plane.shape}")
        return plane.astype(dtype, copy=False)

    channels = list(_sections(settings, "Channel", "Parameters"))
    excitations = {_number(channel.get("ExcitationWavelength")) for channel in channels}
    return _Measured(
        path,
        "".join((*letters, "YX")),
        planes(read, leading, first.shape, dtype),
        wavelengths=_wavelengths(along.get("L", {}), sizes.get("L", 1)),
        names=[str(c.get("DyeName") or c.get("CH Name") or "") for c in channels],
        emissions=[_number(channel.get("EmissionWavelength")) for channel in channels],
        excitation_nm=excitations.pop() if len(excitations) == 1 else None,
        steps=_steps(along, settings.get("Reference Image Parameter", {})),
        told=plain({k: v for k, v in settings.items() if isinstance(v, Mapping)}),
    )


class _Folder:
    """The planes of an open .oib or .oif, read one at a time."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)
        self.settings: Mapping[str, Any] = file.mainfile

    def names(self) -> list[str]:
        return sorted(self._file.glob("*.tif"))

    def plane(self, name: str) -> NDArray[Any]:
        with self._lock:
            plane: NDArray[Any] = np.asarray(self._file.asarray(name))
        if plane.ndim != 2:
            raise ValueError(f"{name} is no plane, but {plane.shape}")
        return plane


def _planes_by_place(names: Sequence[str], letters: Sequence[str]) -> dict[tuple[int, ...], str]:
    """Return the planes by their places along the axes; names count from 1."""
    found: dict[tuple[int, ...], str] = {}
    for name in names:
        match = _PLACES.search(name)
        if match is None:
            continue
        at = {letter: int(n) - 1 for letter, n in re.findall(r"([A-Z])(\d+)", match[1])}
        if all(letter in at for letter in letters):
            found.setdefault(tuple(at[letter] for letter in letters), name)
    return found


def _sections(settings: Mapping[str, Any], begin: str, end: str) -> Iterator[Mapping[str, Any]]:
    """Yield the numbered sections, such as "Axis 0 Parameters Common", in order."""
    numbered = {
        int(match[1]): about
        for name, about in settings.items()
        if (match := re.fullmatch(rf"{begin} (\d+) {end}", name)) and isinstance(about, Mapping)
    }
    return (numbered[number] for number in sorted(numbered))


def _wavelengths(about: Mapping[str, Any], count: int) -> NDArray[np.float64] | None:
    start, end = _number(about.get("StartPosition")), _number(about.get("EndPosition"))
    if count < 2 or start is None or end is None:
        return None
    return np.linspace(start, end, count)


def _steps(along: Mapping[str, Any], pixels: Mapping[str, Any]) -> dict[str, Sampling]:
    """Return where the places along each axis lie."""
    steps: dict[str, Sampling] = {}
    for code, name in (("Y", "Height"), ("X", "Width")):
        size = _number(pixels.get(f"{name}ConvertValue"))
        factor, unit = _STEPS.get(_unit(pixels.get(f"{name}Unit")), (None, None))
        if size is not None and factor is not None:
            steps[code] = sampling(size * factor, 0.0, unit)
    for code, about in along.items():
        factor, unit = _STEPS.get(_unit(about.get("UnitName")), (None, None))
        start, end = (_signed(about.get(f"{which}Position")) for which in ("Start", "End"))
        count = int(about["MaxSize"])
        if code in "TZ" and factor is not None and None not in (start, end) and count > 1:
            step = ((end or 0.0) - (start or 0.0)) / (count - 1)
            steps[code] = sampling(step * factor, (start or 0.0) * factor, unit)
    return steps


def _unit(text: object) -> str:
    return str(text or "").strip('"').replace("µ", "u").replace("μ", "u")


def _signed(value: object) -> float | None:
    try:
        number = float(str(value).strip('"'))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _number(value: object) -> float | None:
    """Return a wavelength or a length, which is more than nothing, or None."""
    number = _signed(value)
    return number if number is not None and number > 0 else None


# .oir: one file, unpacked as a whole


def _oir(path: Path) -> _Measured:
    try:
        import oirfile
    except ImportError as error:
        raise MissingPackageError(
            "oirfile (on Python 3.12 or later)", "microscopes", "reading .oir"
        ) from error
    with _heard("oirfile") as said, oirfile.OirFile(str(path)) as file:
        dims = "".join(file.dims)
        size = int(np.prod(file.shape, dtype=np.float64)) * np.dtype(file.dtype).itemsize
        if not dims or size > 2 * path.stat().st_size + _IN_MEMORY:
            raise FileFormatError(path, f"an image of {file.shape}", COPY_AGAIN)
        data = np.asarray(file.asarray(out="memmap" if size > _IN_MEMORY else None))
        coords = {str(letter): np.asarray(values) for letter, values in file.coords.items()}
        channels, told = list(file.channels), plain(file.attrs)
    for message in said:
        if re.search("incomplete|partial|missing|truncat", message):  # and the rest is zeros
            raise FileFormatError(path, f"parts of it are missing ({message})", COPY_AGAIN)
        warnings.warn(f"{path.name}: {message}", stacklevel=2)
    units = {"T": "s", "Z": "um", "Y": "um", "X": "um"}
    return _Measured(
        path,
        dims,
        data,
        wavelengths=coords.get("L"),
        names=[str(channel.name) for channel in channels],
        ranges=[_range(channel) for channel in channels],
        steps={
            letter: sampling(_step(values), float(values[0]), units[letter])
            for letter, values in coords.items()
            if letter in units and len(values)
        },
        told=told,
    )


def _step(values: NDArray[Any]) -> float:
    return float(values[-1] - values[0]) / max(1, len(values) - 1)


def _range(channel: Any) -> tuple[float, float] | None:
    ends = _number(channel.start_wavelength), _number(channel.end_wavelength)
    return None if None in ends else (ends[0] or 0.0, ends[1] or 0.0)


@contextmanager
def _heard(name: str) -> Generator[list[str], None, None]:
    """Collect what a library logs as a warning, so that it is not lost."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
