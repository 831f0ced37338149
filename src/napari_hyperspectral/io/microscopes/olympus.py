"""Olympus FluoView: .oib and .oif through oiffile, .oir through oirfile.

No file of these formats with a spectrum is public: what is here follows the descriptions below,
and was tried on stand-ins only. Of .oib and .oif only the planes are decoded by the library; which
is which follows from their names (s_C001Z002.tif) and the settings.

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
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError, MissingPackageError
from ..arrays.identity import Identity, check_unchanged
from ..binary import COPY_AGAIN
from ..metadata.microscopy import RGB, channel_axis, plain, planes, refusing, sampling
from ..source import Source

_COMPOUND, _OIR = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"OLYMPUSRAWFORMAT"
_SETTINGS: Final = (b"\xff\xfe[\0", b"[")
_INDICES: Final = re.compile(r"_((?:[A-Z]\d+)+)\.tif$")
"""End of the name of a plane: its index along each axis."""
_IN_MEMORY: Final = 2**30
"""Bytes beyond which an .oir is unpacked to a temporary file."""
_STEPS: Final = {"nm": (1e-3, "um"), "um": (1.0, "um"), "mm": (1e3, "um"), "ms": (1e-3, "s")}
"""What lengths and times of the settings are in our units."""


@dataclass(frozen=True)
class _Measurement:
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
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def name_at(self, letter: str, index: int) -> str:
        """Return what distinguishes an image at an index along an axis."""
        if letter == "C" and self.names:
            return self.names[index]
        return f"{letter} {index + 1}"


def read_images(source: Source) -> list[Image]:
    """Read a file; with a spectrum of several detectors, each of them is an image."""
    path = source.path
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(16)
    signatures = {".oir": (_OIR,), ".oib": (_COMPOUND,)}.get(suffix, _SETTINGS)
    if not start.startswith(signatures):
        raise FileFormatError(
            path, "not an Olympus file", "give the file its right suffix, or copy it again"
        )
    with refusing(path, "Olympus"):
        measurement = _oir(path) if suffix == ".oir" else _oif(path)
        return [*_cubes(measurement)]


def _cubes(measurement: _Measurement) -> Iterator[Cube]:
    """Yield the cubes of a measurement: one, unless it has more axes than a cube can have."""
    dims = measurement.dims
    y = next(letter for letter in "YZT" if letter in dims)  # a section, or a line again and again
    band = next((letter for letter in "LCS" if letter in dims), "")
    leading = [letter for letter in "TZ" if letter in dims and letter != y]
    separate = [letter for letter in dims if letter not in (*leading, band, y, "X")]
    order = [*separate, *leading, *band, y, "X"]
    data = measurement.data.transpose([dims.index(letter) for letter in order])
    if not band:
        data = data[..., None, :, :]
    axis = _axis(measurement, band, int(data.shape[-3]))
    steps = measurement.steps
    pixels = _pixel_size(steps.get(y), steps.get("X"))
    stacks: dict[str, Any] = {}
    for letter in leading:
        stacks[letter.lower()] = steps.get(letter, Sampling())
    for index in np.ndindex(*data.shape[: len(separate)]):
        words = map(measurement.name_at, separate, index)
        yield Cube(
            data[index] if index else data,
            axis,
            name=" ".join((measurement.path.stem, *words)),
            history=(f"read {measurement.path.name}",),
            metadata={"Olympus": dict(measurement.metadata)},
            **pixels,
            **stacks,
        )


def _axis(measurement: _Measurement, band: str, bands: int) -> Axis:
    """Return the axis of the bands, which are wavelengths (L), samples (S) or channels."""
    if band == "L":
        if measurement.wavelengths is None:
            return SpectralAxis.index(bands)
        return SpectralAxis(measurement.wavelengths, "nm", excitation_nm=measurement.excitation_nm)
    if band == "S":
        return ChannelAxis(RGB[:bands])
    names = [*measurement.names[:bands]]
    names += [""] * (bands - len(names))
    return channel_axis(
        names,
        emissions=measurement.emissions,
        ranges=measurement.ranges,
        excitation_nm=measurement.excitation_nm,
    )


def _pixel_size(y: Sampling | None, x: Sampling | None) -> dict[str, Any]:
    if y is None or x is None or y.unit != x.unit or x.unit is None:
        return {}
    return {"pixel_size": (y.step, x.step), "pixel_unit": x.unit}


# ---------------- .oib and .oif: a folder of TIFF files, one a plane, and a text of settings


def _oif(path: Path) -> _Measurement:
    """Return what a folder of planes says; a plane is read when it is looked at."""
    try:
        import oiffile
    except ImportError as error:
        raise MissingPackageError("oiffile", "microscopes", "reading .oib and .oif") from error
    file = _Folder(path, oiffile.OifFile)
    settings = file.settings
    axes = {axis["AxisCode"]: axis for axis in _sections(settings, "Axis", "Parameters Common")}
    sizes = {code: int(axis["MaxSize"]) for code, axis in axes.items()}
    letters = [letter for letter in "TZLC" if sizes.get(letter, 1) > 1]
    leading = tuple(sizes[letter] for letter in letters)
    named = _planes_by_index(file.names(), letters)
    _check_number(path, len(named), leading)
    channels = _sections(settings, "Channel", "Parameters")
    excitations = {_number(channel.get("ExcitationWavelength")) for channel in channels}
    sections = {name: value for name, value in settings.items() if isinstance(value, Mapping)}
    return _Measurement(
        path,
        "".join((*letters, "YX")),
        _lazy_planes(path, file, named, leading),
        wavelengths=_wavelengths(axes.get("L", {}), sizes.get("L", 1)),
        names=[str(each.get("DyeName") or each.get("CH Name") or "") for each in channels],
        emissions=[_number(each.get("EmissionWavelength")) for each in channels],
        excitation_nm=excitations.pop() if len(excitations) == 1 else None,
        steps=_steps(axes, settings.get("Reference Image Parameter", {})),
        metadata=plain(sections),
    )


def _lazy_planes(
    path: Path, file: _Folder, named: Mapping[tuple[int, ...], str], leading: tuple[int, ...]
) -> Any:
    """Return the planes as one lazy array, (…leading, y, x); missing ones are NaN.

    Parameters
    ----------
    named : mapping
        Name of the file of each plane, by its index along the leading axes.
    """
    first = file.plane(next(iter(named.values())))
    dtype = first.dtype
    missing = int(np.prod(leading)) - len(named)
    if missing:
        dtype = np.result_type(dtype, np.float32)
        warnings.warn(
            f"{path.name}: {missing} of its planes are missing; they are NaN", stacklevel=3
        )

    def read(index: tuple[int, ...]) -> NDArray[Any]:
        if index not in named:
            return np.full(first.shape, np.nan, dtype)
        with refusing(path, "Olympus"):
            plane = file.plane(named[index])
            if plane.shape != first.shape:
                raise ValueError(f"planes of {first.shape} and {plane.shape}")
        return plane.astype(dtype, copy=False)

    return planes(read, leading, first.shape, dtype)


def _check_number(path: Path, stored: int, leading: tuple[int, ...]) -> None:
    """Refuse a folder with no planes, or with far fewer than its settings state."""
    if not stored:
        raise FileFormatError(
            path, "no planes in it", "put its folder of .tif files where the file is"
        )
    if np.prod(leading, dtype=np.float64) > 20 * stored:
        raise FileFormatError(path, f"{stored} of {leading} planes", COPY_AGAIN)


class _Folder:
    """The planes of an open .oib or .oif, read one at a time.

    Parameters
    ----------
    path : path
        The file.
    opener : callable
        Opens it, as the library does.
    """

    def __init__(self, path: Path, opener: Callable[[str], Any]) -> None:
        self._identities = {path: Identity.of(path)}
        self._file = file = opener(str(path))
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)
        self.settings: Mapping[str, Any] = file.mainfile
        for name in self.names():
            plane = path.parent / name
            if plane.is_file():  # of an .oif; those of an .oib lie within it
                self._identities[plane] = Identity.of(plane)
        self._path = path

    def names(self) -> list[str]:
        """Return the names of all planes."""
        return sorted(self._file.glob("*.tif"))

    def plane(self, name: str) -> NDArray[Any]:
        """Read a plane, (y, x), of the files that were opened.

        Raises
        ------
        ChangedFileError
            If they were changed, replaced or removed.
        """
        for file in (self._path, self._path.parent / name):
            if file in self._identities:
                check_unchanged(file, self._identities[file])
        with self._lock:
            plane: NDArray[Any] = np.asarray(self._file.asarray(name))
        if plane.ndim != 2:
            raise ValueError(f"{name} is no plane, but {plane.shape}")
        return plane


def _planes_by_index(names: Sequence[str], letters: Sequence[str]) -> dict[tuple[int, ...], str]:
    """Return the planes by their indices along the axes; names count from 1."""
    planes_by_index: dict[tuple[int, ...], str] = {}
    for name in names:
        ending = _INDICES.search(name)
        if ending is None:
            continue
        numbers = dict(re.findall(r"([A-Z])(\d+)", ending[1]))
        if all(letter in numbers for letter in letters):
            index = tuple(int(numbers[letter]) - 1 for letter in letters)
            planes_by_index.setdefault(index, name)
    return planes_by_index


def _sections(settings: Mapping[str, Any], begin: str, end: str) -> list[Mapping[str, Any]]:
    """Return the numbered sections, such as "Axis 0 Parameters Common", in order."""
    numbered = {}
    for name, section in settings.items():
        title = re.fullmatch(rf"{begin} (\d+) {end}", name)
        if title and isinstance(section, Mapping):
            numbered[int(title[1])] = section
    return [numbered[number] for number in sorted(numbered)]


def _wavelengths(axis: Mapping[str, Any], count: int) -> NDArray[np.float64] | None:
    """Return the wavelengths along an axis in nm, shape (count,)."""
    start = _number(axis.get("StartPosition"))
    end = _number(axis.get("EndPosition"))
    if count < 2 or start is None or end is None:
        return None
    return np.linspace(start, end, count)


def _steps(axes: Mapping[str, Mapping[str, Any]], pixels: Mapping[str, Any]) -> dict[str, Sampling]:
    """Return where the pixels, planes and frames along each axis lie, in µm and s.

    Parameters
    ----------
    pixels : mapping
        Section of the settings with the size of a pixel.
    """
    steps: dict[str, Sampling] = {}
    for code, name in (("Y", "Height"), ("X", "Width")):
        size = _number(pixels.get(f"{name}ConvertValue"))
        factor, unit = _STEPS.get(_unit(pixels.get(f"{name}Unit")), (None, None))
        if size is not None and factor is not None:
            steps[code] = sampling(size * factor, 0.0, unit)
    for code, axis in axes.items():
        factor, unit = _STEPS.get(_unit(axis.get("UnitName")), (None, None))
        start = _signed(axis.get("StartPosition"))
        end = _signed(axis.get("EndPosition"))
        count = int(axis["MaxSize"])
        if code not in "TZ" or factor is None or start is None or end is None or count < 2:
            continue
        step = (end - start) / (count - 1)
        steps[code] = sampling(step * factor, start * factor, unit)
    return steps


def _unit(text: object) -> str:
    return str(text or "").strip('"').replace("µ", "u").replace("μ", "u")


def _signed(value: object) -> float | None:
    """Return a finite number, or None."""
    try:
        number = float(str(value).strip('"'))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _number(value: object) -> float | None:
    """Return a wavelength or a length, which is more than nothing, or None."""
    number = _signed(value)
    return number if number is not None and number > 0 else None


# ------------------------------------------------------- .oir: one file, unpacked at once


def _oir(path: Path) -> _Measurement:
    """Return what a file says, and its data: in memory, or in a temporary file."""
    try:
        import oirfile
    except ImportError as error:
        raise MissingPackageError(
            "oirfile (on Python 3.12 or later)", "microscopes", "reading .oir"
        ) from error
    with _logged("oirfile") as messages, oirfile.OirFile(str(path)) as file:
        dims = "".join(file.dims)
        size = int(np.prod(file.shape, dtype=np.float64)) * np.dtype(file.dtype).itemsize
        if not dims or size > 2 * path.stat().st_size + _IN_MEMORY:
            raise FileFormatError(path, f"an image of {file.shape}", COPY_AGAIN)
        data = np.asarray(file.asarray(out="memmap" if size > _IN_MEMORY else None))
        coords = {str(letter): np.asarray(values) for letter, values in file.coords.items()}
        channels = list(file.channels)
        metadata = plain(file.attrs)
    for message in messages:
        if re.search("incomplete|partial|missing|truncat", message):  # what is missing is zeros
            raise FileFormatError(path, f"parts of it are missing ({message})", COPY_AGAIN)
        warnings.warn(f"{path.name}: {message}", stacklevel=2)
    steps = {}
    for letter, unit in (("T", "s"), ("Z", "um"), ("Y", "um"), ("X", "um")):
        values = coords.get(letter, np.empty(0))
        if len(values):
            steps[letter] = sampling(_step(values), float(values[0]), unit)
    return _Measurement(
        path,
        dims,
        data,
        wavelengths=coords.get("L"),
        names=[str(channel.name) for channel in channels],
        ranges=[_range(channel) for channel in channels],
        steps=steps,
        metadata=metadata,
    )


def _step(values: NDArray[Any]) -> float:
    return float(values[-1] - values[0]) / max(1, len(values) - 1)


def _range(channel: Any) -> tuple[float, float] | None:
    """Return the first and the last wavelength of a channel, in nm."""
    start = _number(channel.start_wavelength)
    end = _number(channel.end_wavelength)
    return None if start is None or end is None else (start, end)


@contextmanager
def _logged(name: str) -> Generator[list[str], None, None]:
    """Collect what a library logs as a warning, so that it is not lost."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
