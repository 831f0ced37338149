"""Renishaw WDF: blocks of spectra, their axis, and where they were measured.

Spectra stay in the file. A raster or a StreamLine map is a view of it; the pixels of a scan that
went to and fro, or was interrupted, are looked up when they are read.

Source: Renishaw plc, Python package "renishaw-wdf" 1.4 (WdfDataType, WdfDataUnit, WdfFlags)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Kind, SpectralAxis, Unit
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError
from ..arrays.indexed import NOT_MEASURED, IndexMappedArray, Rows
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes
from ..metadata.positions import in_direction_of
from ..source import Source
from .blocks import Wdf
from .picture import white_light
from .positions import COLUMNS_FIRST, LINE, RANDOM, Area, in_order, pixels_of
from .properties import Damaged, properties

_OWN_AXES: Final = 0b1001
"""Flags of files whose spectra have axes of their own."""
_SPECTRAL: Final[Mapping[int, tuple[Unit, Kind]]] = {
    1: ("1/cm", "raman_shift"),
    2: ("1/cm", "wavenumber"),
    3: ("nm", "wavelength"),
    4: ("eV", "energy"),
    5: ("um", "wavelength"),
}
"""Unit and kind of the axis by the unit in the file."""
_PIXELS: Final = 16
_UNITS: Final = {
    1: "1/cm", 3: "nm", 4: "eV", 5: "um", 6: "counts", 7: "electrons", 8: "mm", 9: "m",
    10: "K", 11: "Pa", 12: "s", 13: "ms", 14: "h", 15: "d", 16: "px", 17: "intensity",
    18: "relative intensity", 19: "deg", 20: "rad", 21: "°C", 22: "°F", 23: "K/min", 24: "s",
    25: "us", 26: "V", 27: "A", 28: "mA", 30: "ohm", 32: "C", 33: "pC",
}  # fmt: skip
_FILETIME: Final = 24
_ORIGINS: Final = {
    3: "x", 4: "y", 5: "z", 6: "r", 7: "theta", 8: "phi", 9: "temperature", 10: "pressure",
    11: "time", 13: "polarization", 14: "focus", 18: "elapsed time", 27: "exposure time",
    28: "external signal",
}  # fmt: skip
"""What is known of each spectrum; flags and checksums are left out."""
_PRIMARY: Final = 0x8000_0000
"""What is added to the type of a value that the map was made along."""
_SETTINGS: Final = {"WXDA": "file", "WXDM": "measurement", "WXIS": "instrument"}


@dataclass(frozen=True)
class _Origin:
    """A value for each spectrum: where, when, how warm."""

    name: str
    unit: str | None
    values: NDArray[np.float64]

    def as_json(self, which: slice | list[int] = slice(None)) -> dict[str, Any]:
        """Return (some of) its values as plain JSON, which knows no infinity."""
        values = self.values[which].tolist()
        finite = [value if np.isfinite(value) else None for value in values]
        return {"unit": self.unit, "values": finite}


def read_images(source: Source) -> list[Image]:
    """Map the spectra, and load the white-light images taken along."""
    file = Wdf(Bytes(source.path))
    _check_size(file)
    cube = _cube(file, source)
    return [cube, *(in_direction_of(cube, image) for image in _pictures(file, source))]


def _check_size(file: Wdf) -> None:
    """Refuse fewer spectra than the header says; everything else is sized by it."""
    points = file.header.points
    spectra = file.header.spectra
    stored = file.block("DATA").length
    needed = 4 * points * spectra
    path = file.raw.path
    what = f"{spectra} spectra of {points} points do not fill"
    if stored < needed:
        raise FileFormatError(path, f"{what} {stored} bytes", COPY_AGAIN)
    if stored > needed:
        warnings.warn(f"{path.name}: {what} block DATA", stacklevel=2)


def _cube(file: Wdf, source: Source) -> Cube:
    """Return the spectra as an image where they are a map, else as a list."""
    header = file.header
    area = _area(file)
    origins = _origins(file)
    metadata = {**header.metadata} | _comment(file) | _settings(file)
    pixel_geometry: dict[str, Any] = {}
    if area is None:
        area = Area((header.spectra, 1, 1))
        pixels = in_order(area, header.collected)
        metadata["positions"] = {origin.name: origin.as_json() for origin in origins}
    else:
        positions = {origin.name: origin.values for origin in origins}
        pixels = pixels_of(area, positions, header.collected)
        pixel_geometry = _pixel_geometry(area, {origin.name: origin.unit for origin in origins})
        metadata["map"] = {
            "counts": list(area.counts),
            "start": list(area.start),
            "step": list(area.step),
            "flags": area.flags,
        }
        metadata["first and last"] = {origin.name: origin.as_json([0, -1]) for origin in origins}
    return Cube(
        _data(file, area, pixels),
        _axis(file),
        name=source.path.stem,
        history=(f"read {source.path.name}",),
        intensity_unit=_UNITS.get(header.unit),
        metadata={"Renishaw": metadata},
        **pixel_geometry,
    )


def _axis(file: Wdf) -> SpectralAxis:
    """Return the one axis of all spectra.

    Raises
    ------
    FileFormatError
        If there are several, or the file holds images of the detector.
    """
    header = file.header
    if header.rows > 1 or header.centres != header.points:
        raise FileFormatError(
            file.raw.path,
            f"{header.points} points a spectrum on an axis of {header.centres} × {header.rows}",
            "images of the detector are not read; export spectra from WiRE",
        )
    tracks = max(1, header.tracks) if header.flags & _OWN_AXES else 1
    # type and unit of the axis (4 bytes each), then the centres of each track
    start = file.block("XLST", 8 + 4 * header.centres * tracks).start
    centres = file.raw.array("<f4", tracks * header.centres, start + 8).reshape(tracks, -1)
    if not (centres == centres[0]).all():
        raise FileFormatError(
            file.raw.path, f"{tracks} tracks with axes of their own", "save each track from WiRE"
        )
    code = file.raw.number("<I", start + 4)
    if code == _PIXELS:  # of the detector
        return SpectralAxis(centres[0])
    unit, kind = _SPECTRAL.get(code, _SPECTRAL[1])
    laser = header.laser
    line = 1e7 / laser if 0 < laser < np.inf else None
    guessed = code not in _SPECTRAL
    return SpectralAxis(centres[0], unit, kind, excitation_nm=line, guessed=guessed)


# ----------------------------------------------------------------------------------------- maps


def _area(file: Wdf) -> Area | None:
    """Return the region of a map; None for spectra that are none."""
    if "WMAP" not in file.blocks:
        return None
    # flags, unused, start and step along x, y, z, counts along x, y, z (MapArea)
    flags, _, *numbers = file.raw.unpack("<II6f3I", file.block("WMAP", 44).start)
    x, y, z, dx, dy, dz, *counts = numbers
    nx, ny, nz = (max(1, int(count)) for count in counts)
    if flags & RANDOM or nx == ny == 1:  # no grid, or points at different depths
        return None
    area = Area((nx, ny, nz), (x, y, z), (dx, dy, dz), flags)
    if area.size != file.header.spectra or not np.isfinite([*area.start, *area.step]).all():
        warnings.warn(
            f"{file.raw.path.name}: {file.header.spectra} spectra, but a map of "
            f"{nx} × {ny} × {nz}: they were read as a list",
            stacklevel=2,
        )
        return None
    return area


def _pixel_geometry(area: Area, units: Mapping[str, str | None]) -> dict[str, Any]:
    """Return pixel size, origin and depths of a map, as parameters of `Cube`."""
    dx = area.step[0]
    dy = area.step[1]
    if area.flags & LINE:
        distance = float(np.hypot(dx, dy))
        dx = dy = distance
    geometry: dict[str, Any] = {
        "pixel_size": (dy or abs(dx) or 1.0, dx or abs(dy) or 1.0),
        "origin": (area.start[1], area.start[0]),
        "pixel_unit": units.get("x") or "um",
    }
    if area.counts[2] > 1:
        geometry["z"] = Sampling(area.step[2] or 1.0, area.start[2], units.get("z") or "um")
    return geometry


def _data(file: Wdf, area: Area, pixels: NDArray[np.intp]) -> Any:
    """Return the spectra as (band, y, x), or (z, band, y, x).

    Parameters
    ----------
    pixels : ndarray of int, shape (spectrum,)
        Pixel of each spectrum, counted along (z, y, x).
    """
    nx, ny, nz = area.counts
    points = file.header.points
    start = file.block("DATA").start
    layers = (nz,) if nz > 1 else ()

    def stored(*shape: int) -> Any:
        return mapped(file.raw.path, "<f4", (*shape, points), start)

    if np.array_equal(pixels, np.arange(area.size)):
        data = stored(*layers, ny, nx)
        return data.transpose((0, 3, 1, 2) if layers else (2, 0, 1))
    if np.array_equal(pixels, in_order(area, area.size, COLUMNS_FIRST)):
        data = stored(*layers, nx, ny)
        return data.transpose((0, 3, 2, 1) if layers else (2, 1, 0))
    index = np.full(area.size, NOT_MEASURED, np.intp)
    index[pixels] = np.arange(len(pixels))
    return IndexMappedArray(Rows(stored(len(pixels))), index.reshape(*layers, ny, nx))


# --------------------------------------------------------------------------- metadata, pictures


def _origins(file: Wdf) -> tuple[_Origin, ...]:
    """Return what is known of each spectrum that was measured."""
    if "ORGN" not in file.blocks:
        return ()
    raw = file.raw
    start = file.block("ORGN", 4).start
    count = raw.number("<I", start)
    length = 24 + 8 * file.header.spectra  # type, unit and a name of 16 bytes, then the values
    file.block("ORGN", 4 + count * length)
    origins = []
    for number in range(count):
        offset = start + 4 + number * length
        kind, unit = raw.unpack("<II", offset)
        name = _ORIGINS.get(kind & ~_PRIMARY)
        if name is None:
            continue
        dtype = "<u8" if unit == _FILETIME else "<f8"
        values = raw.array(dtype, file.header.collected, offset + 24)
        if unit == _FILETIME:  # s since the first
            values = (values - values[0]).astype("<i8") / 1e7
        origins.append(_Origin(name, _UNITS.get(unit), values))
    return tuple(origins)


def _comment(file: Wdf) -> dict[str, str]:
    texts = [raw.decode("utf-8", "replace").strip("\0 \r\n") for raw in file.contents("TEXT")]
    return {"comment": "\n".join(texts)} if any(texts) else {}


def _settings(file: Wdf) -> dict[str, Any]:
    """Return the settings of file, measurement and instrument."""
    settings = {}
    for block, name in _SETTINGS.items():
        for content in file.contents(block)[:1]:
            try:
                settings[f"{name} settings"] = properties(content)
            except Damaged as error:
                warnings.warn(
                    f"{file.raw.path.name}: the {name} settings are not readable ({error})",
                    stacklevel=2,
                )
    return settings


def _pictures(file: Wdf, source: Source) -> list[Cube]:
    """Return the white-light images."""
    contents = file.contents("WHTL")
    pictures = []
    for number, content in enumerate(contents, 1):
        name = f"{source.path.stem} white light"
        if len(contents) > 1:
            name += f" {number}"
        try:
            pictures.append(white_light(content, source.path, name))
        except (FileFormatError, ImportError) as error:
            warnings.warn(f"the white-light image was left out: {error}", stacklevel=2)
    return pictures
