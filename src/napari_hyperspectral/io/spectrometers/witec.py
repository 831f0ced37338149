"""WITec projects: graphs with spectra, images and bitmaps, by the permissive library witio.

No project is public: this was tried on files that its own tests write, by the description alone.
The library trusts what it reads, so the tags of a file are walked first, and held to its bounds.

Source: J. T. Holmi, "wit_io", README on WIT-tag format, https://gitlab.com/jtholmi/wit_io;
witio, https://github.com/iCalculate/witio
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError, MissingPackageError
from ..binary import COPY_AGAIN, Bytes
from ..metadata.microscopy import RGB, refusing
from ..metadata.units import axis_in
from ..source import Source

_MAGICS: Final = (b"WIT_PRCT", b"WIT_DATA", b"WIT_PR06", b"WIT_DA06")
_TREE: Final = 0
_DEEPEST: Final = 60
"""Tags within tags; projects have about ten."""
_LONGEST: Final = 4096
"""Bytes of the name of a tag."""
_UNIT: Final = "um"
_SHIFT: Final = "rel. 1/cm"
_RELATIVE: Final = ("rel. eV", "rel. meV")
_COUNTS: Final = r"(CCD\s*)?(cts|counts)"
_LINKS: Final = {"TDImage": "PositionTransformationID"}
"""Tag that says where an entry lies, where it has another name than usual."""
_EVEN: Final = 1e-3
"""How far steps may differ from each other, as a part of a step."""


def read_images(source: Source) -> list[Image]:
    """Load the graphs, images and bitmaps of a project, each by its caption."""
    try:
        import witio
    except ImportError as error:
        raise MissingPackageError("witio", "wip", "reading WITec projects") from error
    raw = Bytes(source.path)
    if raw.take(0, min(8, len(raw))) not in _MAGICS:
        raise FileFormatError(
            source.path, "not a WITec project", "give the file its right suffix, or copy it again"
        )
    _check_tags(raw)
    with refusing(source.path, "WITec"):
        project = witio.read(source.path)
        entries = list(project.data)
        images: list[Image] = [*_images(entries, source)]
    if not images:
        kinds = sorted({str(entry.class_name) for entry in entries})
        raise FileFormatError(
            source.path,
            f"neither spectra nor an image among {', '.join(kinds) or 'nothing'}",
            "export the data from WITec Project as .mat or text",
        )
    return images


def _check_tags(raw: Bytes) -> None:
    """Refuse tags that end beyond what they are in, or begin before it: none could be read.

    Each has the length of its name, its name, its type, and where its content begins and ends.
    """
    inside = [(8, len(raw))]  # where the next tag begins, and where its parent ends
    while inside:
        place, end = inside.pop()
        if place >= end:
            continue
        letters = raw.number("<I", place, "a tag")
        kind, start, stop = raw.unpack("<IQQ", place + 4 + min(letters, _LONGEST), "a tag")
        begin = place + 4 + letters + 20
        if start != begin or not start <= stop <= end or len(inside) > _DEEPEST:
            raise FileFormatError(
                raw.path,
                f"the tag at byte {place} goes from {start} to {stop} of {end}",
                COPY_AGAIN,
            )
        if place > 8:  # what follows the first is no tag
            inside.append((stop, end))
        if kind == _TREE:
            inside.append((start, stop))


def _images(entries: list[Any], source: Source) -> Iterator[Cube]:
    names = [str(entry.caption or entry.class_name) for entry in entries]
    for number, (entry, name) in enumerate(zip(entries, names, strict=True)):
        about: dict[str, Any] = {
            "name": name if names.count(name) == 1 else f"{name} {number}",
            "history": (f"read {source.path.name}",),
            "metadata": {"WITec": _plain(dict(entry.measurement_metadata))},
        }
        if entry.class_name == "TDGraph":
            yield _graph(entry, source.path, about)
        elif entry.class_name == "TDImage":
            data = np.asarray(entry.array()).T[None]  # (x, y) as it comes
            yield Cube(data, SpectralAxis.index(1), **about, **_place(entry, data))
        elif entry.class_name == "TDBitmap":
            data = np.asarray(entry.array()).transpose(2, 1, 0)
            yield Cube(data, ChannelAxis(RGB), **about, **_place(entry, data))
        source.tell(number + 1, len(entries))


def _graph(entry: Any, path: Path, about: dict[str, Any]) -> Cube:
    data = np.asarray(entry.array()).transpose(2, 1, 0)  # (x, y, band) as it comes
    values, unit = entry.x_axis()
    if str(unit) in _RELATIVE:
        values, unit = entry.x_axis(_SHIFT)
    axis = axis_in(str(unit), values) if np.isfinite(values).all() else None
    if axis is None:
        warnings.warn(f"{path.name}: {about['name']} has no spectral axis ({unit})", stacklevel=2)
        axis = SpectralAxis.index(len(data))
    laser = _linked(entry, "XInterpretationID", "ExcitationWaveLength")
    if isinstance(laser, int | float) and 0 < laser < np.inf and axis.kind != "index":
        axis = replace(axis, excitation_nm=float(laser))
    counted = str(_linked(entry, "ZInterpretationID", "UnitName") or "")
    unit_of_values = "counts" if re.fullmatch(_COUNTS, counted) else counted or None
    return Cube(data, axis, intensity_unit=unit_of_values, **about, **_place(entry, data))


def _linked(entry: Any, link: str, name: str) -> Any:
    """Return a value of the entry to which a link of this one points; None where there is none."""
    number = entry.payload.find(link)
    other = None if number is None else entry.project.find_by_id(number.scalar())
    found = None if other is None or other.payload is None else other.payload.find(name)
    return None if found is None else found.scalar()


def _place(entry: Any, data: NDArray[Any]) -> dict[str, Any]:
    """Return pixel size and origin, where rows and columns are even and lie along x and y."""
    sizes = tuple(int(entry.payload[name].scalar()) for name in ("SizeY", "SizeX"))
    link = _LINKS.get(entry.class_name, "SpaceTransformationID")
    number = entry.payload.find(link)
    if number is None or entry.project.find_by_id(number.scalar()) is None:
        return {}
    if sizes != data.shape[1:]:  # then the grid has any size
        return {}
    x, y = (np.asarray(grid, np.float64).T for grid in entry.position_grid(_UNIT))
    dx, dy = _step(x, 1), _step(y, 0)
    if dx is None or dy is None or not np.isfinite([x[0, 0], y[0, 0]]).all():
        return {}
    size = (dy or dx or 1.0, dx or dy or 1.0)
    return {
        "pixel_size": size,
        "origin": (float(y[0, 0]), float(x[0, 0])),
        "pixel_unit": _UNIT,
    }


def _step(places: NDArray[np.float64], along: int) -> float | None:
    """Return the distance of neighbours along one axis; 0 for none, None where it is not even."""
    steps = np.diff(places, axis=along)
    across = np.diff(places, axis=1 - along)
    if not steps.size:
        return 0.0
    step = abs(float(steps.mean()))
    even = np.ptp(steps) <= _EVEN * step and np.abs(across).max(initial=0) <= _EVEN * step
    return step if even else None


def _plain(value: Any) -> Any:
    """Return what the library says of a measurement as plain JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
