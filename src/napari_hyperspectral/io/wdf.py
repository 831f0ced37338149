"""Renishaw WDF: blocks of spectra, their axis, and where they were measured.

Spectra stay in the file. A raster or a StreamLine map is a view of it; a scan that went to and
fro, or was interrupted, is put in place when it is looked at.

Source: Renishaw plc, "renishaw-wdf" 1.4 (header, blocks, types and units),
https://pypi.org/project/renishaw-wdf/
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..axis import ChannelAxis, Kind, SpectralAxis, Unit
from ..cube import Cube, Image, Sampling
from .binary import COPY_AGAIN, Bytes
from .errors import FileFormatError
from .mapped import mapped
from .placed import NEVER, Placed
from .source import Source
from .vendor import RGB, refusing
from .wdfplaces import COLUMNS_FIRST, LINE, RANDOM, Area, in_order, pixels_of
from .wdfproperties import Damaged, properties, time_of

_MAGIC: Final = b"WDF1"
_HEADER, _HEAD = 512, 16
"""Bytes of the header of the file, and of that of a block: name, number, bytes of the block."""
_TYPES: Final = {0: "unspecified", 1: "single", 2: "series", 3: "map"}
_SCANS: Final = {
    1: "static", 2: "continuous", 3: "step and repeat", 4: "filter scan", 5: "filter image",
    6: "StreamLine", 7: "StreamLine HR", 8: "point",
}  # fmt: skip
_SPECTRAL: Final[Mapping[int, tuple[Unit, Kind]]] = {
    1: ("1/cm", "raman_shift"),
    2: ("1/cm", "wavenumber"),
    3: ("nm", "wavelength"),
    4: ("eV", "energy"),
    5: ("um", "wavelength"),
}
"""Unit and kind of the axis by the unit in the file."""
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
_SETTINGS: Final = {"WXDA": "file", "WXDM": "measurement", "WXIS": "instrument"}
_WIDTH, _HEIGHT, _UNIT, _EXIF, _CORNER, _MICRONS = 0xA20E, 0xA20F, 0xA210, 0x8769, 0xFEA0, 5
"""Tags of a white-light image: its size and the unit of that, and where its first corner lies."""


@dataclass(frozen=True)
class _Block:
    """A block without its header."""

    start: int
    length: int


@dataclass(frozen=True)
class _Header:
    """What the header of the file says."""

    flags: int
    tracks: int
    points: int
    spectra: int
    collected: int
    rows: int
    """Rows of the detector in each spectrum."""
    centres: int
    origins: int
    kind: int
    unit: int
    laser: float
    """Wavenumber, 1/cm."""
    metadata: dict[str, Any]


@dataclass(frozen=True)
class _Origin:
    """A value for each spectrum: where, when, how warm."""

    name: str
    unit: str | None
    values: NDArray[np.float64]


def read_images(source: Source) -> list[Image]:
    """Map the spectra, and load the white-light images taken along."""
    raw = Bytes(source.path)
    header = _header(raw)
    blocks = _blocks(raw)
    spectra = _block(raw, blocks, "DATA", 0)
    needed = 4 * header.points * header.spectra
    if spectra.length != needed:
        what = f"{header.spectra} spectra of {header.points} points do not fill"
        if spectra.length < needed:
            raise FileFormatError(source.path, f"{what} {spectra.length} bytes", COPY_AGAIN)
        warnings.warn(f"{source.path.name}: {what} block DATA", stacklevel=2)
    origins = _origins(raw, blocks, header)
    cube = _cube(raw, blocks, header, origins, source)
    return [cube, *_pictures(raw, blocks, source)]


def _header(raw: Bytes) -> _Header:
    if len(raw) < _HEADER or raw.take(0, 4) != _MAGIC:
        raise FileFormatError(
            raw.path, "not a Renishaw WDF file", "give the file its right suffix, or copy it again"
        )
    tracks, _, points, spectra, collected, accumulations = raw.unpack("<IIIQQI", 52)
    rows, centres, origins = raw.unpack("<III", 84)
    scan, kind, started, ended, unit, laser = raw.unpack("<IIQQIf", 128)
    if not points or not spectra or not collected or collected > spectra:
        raise FileFormatError(
            raw.path,
            f"{collected} of {spectra} spectra were measured, of {points} points",
            "there is nothing to show" if not collected else COPY_AGAIN,
        )
    metadata = {
        "title": raw.text(240, 160, "utf-8"),
        "user": raw.text(208, 32, "utf-8"),
        "application": raw.text(96, 24, "utf-8"),
        "version": ".".join(map(str, raw.unpack("<4H", 120))),
        "measurement": _TYPES.get(kind, str(kind)),
        "scan": _SCANS.get(scan & 0xFF, str(scan)),
        "started": time_of(started),
        "ended": time_of(ended),
        "accumulations": accumulations,
        "spectra": {"planned": spectra, "measured": collected},
    }
    flags = raw.number("<Q", 16)
    return _Header(
        flags, tracks, points, spectra, collected, rows, centres, origins, kind, unit, laser,
        metadata,
    )  # fmt: skip


def _blocks(raw: Bytes) -> dict[str, list[_Block]]:
    """Return the blocks by name; they fill the file."""
    blocks: dict[str, list[_Block]] = {}
    place = 0
    while place < len(raw):
        name, _, size = raw.unpack("<4sIQ", place, "a block")
        if size < _HEAD or place + size > len(raw):
            raise FileFormatError(
                raw.path,
                f"block {name.decode('latin-1')!r} at byte {place} has {size} bytes, "
                f"the file ends at {len(raw)}",
                COPY_AGAIN,
            )
        known = blocks.setdefault(name.decode("latin-1"), [])
        known.append(_Block(place + _HEAD, size - _HEAD))
        place += size
    return blocks


def _block(raw: Bytes, blocks: Mapping[str, list[_Block]], name: str, least: int) -> _Block:
    """Return the first block of a name, of at least so many bytes."""
    if name not in blocks:
        raise FileFormatError(raw.path, f"there is no block {name}", COPY_AGAIN)
    block = blocks[name][0]
    if block.length < least:
        raise FileFormatError(
            raw.path, f"block {name} has {block.length} bytes, not {least}", COPY_AGAIN
        )
    return block


def _cube(
    raw: Bytes,
    blocks: Mapping[str, list[_Block]],
    header: _Header,
    origins: tuple[_Origin, ...],
    source: Source,
) -> Cube:
    """Return the spectra as an image where they are a map, else as a list."""
    axis = _axis(raw, blocks, header)
    area = _area(raw, blocks, header)
    metadata = header.metadata | _comment(raw, blocks) | _settings(raw, blocks)
    if area is None:
        area = Area((header.spectra, 1, 1))
        pixels = in_order(area, header.collected)
        placed: dict[str, Any] = {}
        metadata["positions"] = _positions(origins)
    else:
        positions = {origin.name: origin.values for origin in origins}
        pixels = pixels_of(area, positions, header.collected)
        placed = _placing(area, {origin.name: origin.unit for origin in origins})
        metadata["map"] = {
            "count": list(area.counts), "start": list(area.start), "step": list(area.step),
            "flags": area.flags,
        }  # fmt: skip
        metadata["first and last"] = {
            origin.name: {"unit": origin.unit, "values": origin.values[[0, -1]].tolist()}
            for origin in origins
            if np.isfinite(origin.values).all()
        }
    return Cube(
        _data(raw, _block(raw, blocks, "DATA", 0), header, area, pixels),
        axis,
        name=source.path.stem,
        history=(f"read {source.path.name}",),
        intensity_unit=_UNITS.get(header.unit),
        metadata={"Renishaw": metadata},
        **placed,
    )


def _axis(raw: Bytes, blocks: Mapping[str, list[_Block]], header: _Header) -> SpectralAxis:
    if header.rows > 1 or header.centres != header.points:
        raise FileFormatError(
            raw.path,
            f"{header.points} points a spectrum on {header.centres} × {header.rows} places",
            "images of the detector are not read; export spectra from WiRE",
        )
    tracks = max(1, header.tracks) if header.flags & 0b1001 else 1
    start = _block(raw, blocks, "XLST", 8 + 4 * header.centres * tracks).start
    centres = raw.array("<f4", header.centres, start + 8)
    for track in range(1, tracks):
        other = raw.array("<f4", header.centres, start + 8 + 4 * header.centres * track)
        if not np.array_equal(centres, other):
            raise FileFormatError(
                raw.path, f"{tracks} tracks with axes of their own", "save each track from WiRE"
            )
    code = raw.number("<I", start + 4)
    if code not in _SPECTRAL and code == 16:  # pixels of the detector
        return SpectralAxis(centres)
    unit, kind = _SPECTRAL.get(code, _SPECTRAL[1])
    return SpectralAxis(
        centres,
        unit,
        kind,
        excitation_nm=1e7 / header.laser
        if np.isfinite(header.laser) and header.laser > 0
        else None,
        guessed=code not in _SPECTRAL,
    )


def _area(raw: Bytes, blocks: Mapping[str, list[_Block]], header: _Header) -> Area | None:
    """Return the region of a map; None for spectra that are none."""
    if "WMAP" not in blocks:
        return None
    start = _block(raw, blocks, "WMAP", 44).start
    flags, _, *numbers = raw.unpack("<II6f3I", start)
    nx, ny, nz = (max(1, int(count)) for count in numbers[6:])
    area = Area((nx, ny, nz), (*numbers[:3],), (*numbers[3:6],), flags)
    if flags & RANDOM or nx == ny == 1:  # points here and there, or at different depths
        return None
    if area.size != header.spectra or not np.isfinite(numbers[:6]).all():
        warnings.warn(
            f"{raw.path.name}: {header.spectra} spectra, but a map of {nx} × {ny} × {nz}: "
            "they were read as a list",
            stacklevel=2,
        )
        return None
    return area


def _placing(area: Area, units: Mapping[str, str | None]) -> dict[str, Any]:
    """Return pixel size, origin and depths of a map."""
    dx, dy = abs(area.step[0]), abs(area.step[1])
    if area.flags & LINE:
        dx = dy = float(np.hypot(dx, dy))
    placed: dict[str, Any] = {
        "pixel_size": (dy or dx or 1.0, dx or dy or 1.0),
        "origin": (area.start[1], area.start[0]),
        "pixel_unit": units.get("x") or "um",
    }
    if area.counts[2] > 1:
        placed["z"] = Sampling(area.step[2] or 1.0, area.start[2], units.get("z") or "um")
    return placed


def _data(raw: Bytes, block: _Block, header: _Header, area: Area, pixels: NDArray[np.intp]) -> Any:
    """Return the spectra as (band, y, x), or (z, band, y, x)."""
    nx, ny, nz = area.counts
    layers = (nz,) if nz > 1 else ()
    if np.array_equal(pixels, np.arange(area.size)):
        data = mapped(raw.path, "<f4", (*layers, ny, nx, header.points), block.start)
        return data.transpose((0, 3, 1, 2) if layers else (2, 0, 1))
    if np.array_equal(pixels, in_order(area, area.size, COLUMNS_FIRST)):
        data = mapped(raw.path, "<f4", (*layers, nx, ny, header.points), block.start)
        return data.transpose((0, 3, 2, 1) if layers else (2, 1, 0))
    return _put(raw, block, header, area, pixels)


def _put(
    raw: Bytes, block: _Block, header: _Header, area: Area, pixels: NDArray[np.intp]
) -> Placed:
    """Return spectra that are put in place when they are looked at."""
    raster = np.full(area.size, NEVER, np.intp)
    raster[pixels] = np.arange(header.collected)
    table = mapped(raw.path, "<f4", (header.collected, header.points), block.start)
    return Placed(
        _Rows(table), raster.reshape(area.shape if area.counts[2] > 1 else area.shape[1:])
    )


class _Rows:
    """The spectra of the file in its order, for `Placed`."""

    def __init__(self, table: NDArray[np.float32]) -> None:
        self._table = table
        self.dtype: np.dtype[Any] = table.dtype
        self.bands = int(table.shape[1])

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra; nothing else is read from the disk."""
        return np.asarray(self._table[rows[:, None], bands[None, :]])


# ------------------------------------------------------------------------------ beside the spectra


def _origins(
    raw: Bytes, blocks: Mapping[str, list[_Block]], header: _Header
) -> tuple[_Origin, ...]:
    """Return what is known of each spectrum that was measured."""
    if "ORGN" not in blocks:
        return ()
    length = 24 + 8 * header.spectra
    start = _block(raw, blocks, "ORGN", 4).start
    count = raw.number("<I", start)
    _block(raw, blocks, "ORGN", 4 + count * length)
    found = []
    for place in range(start + 4, start + 4 + count * length, length):
        kind, unit = raw.unpack("<II", place)
        name = _ORIGINS.get(kind & ~_PRIMARY)
        if name is None:
            continue
        values = raw.array("<u8" if unit == _FILETIME else "<f8", header.collected, place + 24)
        if unit == _FILETIME:  # s since the first
            values = (values - values[0]).astype("<i8") / 1e7
        found.append(_Origin(name, _UNITS.get(unit), values.astype(np.float64, copy=False)))
    return tuple(found)


def _positions(origins: tuple[_Origin, ...]) -> dict[str, Any]:
    """Return what is known of each spectrum as plain JSON."""
    return {
        origin.name: {"unit": origin.unit, "values": origin.values.tolist()}
        for origin in origins
        if np.isfinite(origin.values).all()
    }


def _comment(raw: Bytes, blocks: Mapping[str, list[_Block]]) -> dict[str, str]:
    texts = [raw.text(block.start, block.length, "utf-8") for block in blocks.get("TEXT", ())]
    return {"comment": "\n".join(texts)} if any(texts) else {}


def _settings(raw: Bytes, blocks: Mapping[str, list[_Block]]) -> dict[str, Any]:
    """Return the settings of file, measurement and instrument."""
    found = {}
    for block_name, name in _SETTINGS.items():
        for block in blocks.get(block_name, ())[:1]:
            try:
                found[f"{name} settings"] = properties(raw.take(block.start, block.length))
            except Damaged as error:
                warnings.warn(
                    f"{raw.path.name}: the {name} settings are not readable ({error})", stacklevel=2
                )
    return found


def _pictures(raw: Bytes, blocks: Mapping[str, list[_Block]], source: Source) -> list[Cube]:
    """Return the white-light images."""
    jpegs = blocks.get("WHTL", [])
    pictures = []
    for number, block in enumerate(jpegs, 1):
        name = f"{source.path.stem} white light" + (f" {number}" if len(jpegs) > 1 else "")
        try:
            with refusing(source.path, "JPEG"):
                pixels, about = _jpeg(raw.take(block.start, block.length))
        except (FileFormatError, ImportError) as error:
            warnings.warn(f"the white-light image was left out: {error}", stacklevel=2)
        else:
            history = (f"read {source.path.name}",)
            channels = ChannelAxis(RGB)
            pictures.append(Cube(pixels, channels, name=name, history=history, **about))
    return pictures


def _jpeg(content: bytes) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Return the colours of a JPEG, (colour, y, x), and its place where it says one."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(content), formats=["JPEG", "BMP", "PNG"]) as picture:
            pixels = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
            exif = picture.getexif()
            detail = exif.get_ifd(_EXIF)
    except Pillow.DecompressionBombError as error:  # says that it has more pixels than any has
        raise ValueError(str(error)) from error
    if detail.get(_UNIT) != _MICRONS or not {_WIDTH, _HEIGHT} <= set(detail):
        return pixels, {}
    _, height, width = pixels.shape
    size = float(detail[_HEIGHT]) / height, float(detail[_WIDTH]) / width
    if not np.isfinite(size).all() or min(size) <= 0:
        return pixels, {}
    about: dict[str, Any] = {"pixel_size": size, "pixel_unit": "um"}
    corner = exif.get(_CORNER, ())
    if np.size(corner) == 2 and np.isfinite([float(side) for side in corner]).all():
        left, top = (float(side) for side in corner)  # of the first pixel, not its centre
        about["origin"] = (top + size[0] / 2, left + size[1] / 2)
    return pixels, about
