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
from ..metadata.microscopy import RGB, plain, refusing
from ..metadata.positions import in_direction_of
from ..metadata.units import stated_axis
from ..source import Source

_MAGICS: Final = (b"WIT_PRCT", b"WIT_DATA", b"WIT_PR06", b"WIT_DA06")
_TREE: Final = 0
_MAX_DEPTH: Final = 60
"""Tags within tags; projects have about ten."""
_MAX_NAME: Final = 4096
"""Bytes of the name of a tag."""
_UNIT: Final = "um"
_SHIFT: Final = "rel. 1/cm"
_RELATIVE: Final = ("rel. eV", "rel. meV")
_COUNTS: Final = r"(CCD\s*)?(cts|counts)"
_LINKS: Final = {"TDImage": "PositionTransformationID"}
"""Tag with the position of an entry, where it has another name than usual."""
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
        images: list[Cube] = [*_images(entries, source)]
    if not images:
        kinds = sorted({str(entry.class_name) for entry in entries})
        raise FileFormatError(
            source.path,
            f"neither spectra nor an image among {', '.join(kinds) or 'nothing'}",
            "export the data from WITec Project as .mat or text",
        )
    return [_turned(images[0], image) for image in images]


def _turned(first: Cube, image: Cube) -> Cube:
    """Return a bitmap in the direction of the first image of its project, anything else as it is."""
    return in_direction_of(first, image) if isinstance(image.axis, ChannelAxis) else image


def _check_tags(raw: Bytes) -> None:
    """Refuse tags that end beyond what they are in, or begin before it: none could be read.

    Each has the length of its name, its name, its type, and where its content begins and ends.
    """
    open_ranges = [(8, len(raw))]  # where the next tag begins, and where its parent ends
    while open_ranges:
        offset, end = open_ranges.pop()
        if offset >= end:
            continue
        letters = raw.number("<I", offset, "a tag")
        name_end = offset + 4 + min(letters, _MAX_NAME)
        kind, start, stop = raw.unpack("<IQQ", name_end, "a tag")
        content = offset + 4 + letters + 20
        if start != content or not start <= stop <= end or len(open_ranges) > _MAX_DEPTH:
            raise FileFormatError(
                raw.path,
                f"the tag at byte {offset} goes from {start} to {stop} of {end}",
                COPY_AGAIN,
            )
        if offset > 8:  # what follows the first is no tag
            open_ranges.append((stop, end))
        if kind == _TREE:
            open_ranges.append((start, stop))


def _images(entries: list[Any], source: Source) -> Iterator[Cube]:
    """Yield the graphs, images and bitmaps among the entries of a project."""
    names = [str(entry.caption or entry.class_name) for entry in entries]
    for number, (entry, name) in enumerate(zip(entries, names, strict=True)):
        parameters: dict[str, Any] = {
            "name": name if names.count(name) == 1 else f"{name} {number}",
            "history": (f"read {source.path.name}",),
            "metadata": {"WITec": plain(dict(entry.measurement_metadata))},
        }
        if entry.class_name == "TDGraph":
            yield _graph(entry, source.path, parameters)
        elif entry.class_name == "TDImage":
            data = np.asarray(entry.array()).T[None]  # (x, y) as it comes
            axis = SpectralAxis.index(1)
            yield Cube(data, axis, **parameters, **_pixel_size_and_origin(entry, data))
        elif entry.class_name == "TDBitmap":
            data = np.asarray(entry.array()).transpose(2, 1, 0)  # (x, y, colour) as it comes
            channels = ChannelAxis(RGB)
            yield Cube(data, channels, **parameters, **_pixel_size_and_origin(entry, data))
        source.tell(number + 1, len(entries))


def _graph(entry: Any, path: Path, parameters: dict[str, Any]) -> Cube:
    """Return the spectra of an entry; without a spectral axis, the bands are counted."""
    data = np.asarray(entry.array()).transpose(2, 1, 0)  # (x, y, band) as it comes
    values, unit = entry.x_axis()
    if str(unit) in _RELATIVE:
        values, unit = entry.x_axis(_SHIFT)
    axis = stated_axis(str(unit), values) if np.isfinite(values).all() else None
    if axis is None:
        warnings.warn(
            f"{path.name}: {parameters['name']} has no spectral axis ({unit})", stacklevel=2
        )
        axis = SpectralAxis.index(len(data))
    laser = _linked(entry, "XInterpretationID", "ExcitationWaveLength")
    if isinstance(laser, int | float) and 0 < laser < np.inf and axis.kind != "index":
        axis = replace(axis, excitation_nm=float(laser))
    intensity: str | None = str(_linked(entry, "ZInterpretationID", "UnitName") or "") or None
    if intensity and re.fullmatch(_COUNTS, intensity):
        intensity = "counts"
    pixels = _pixel_size_and_origin(entry, data)
    return Cube(data, axis, intensity_unit=intensity, **parameters, **pixels)


def _linked(entry: Any, link: str, name: str) -> Any:
    """Return a value of the entry to which a link of this one points; None where there is none."""
    number = entry.payload.find(link)
    target = None if number is None else entry.project.find_by_id(number.scalar())
    if target is None or target.payload is None:
        return None
    tag = target.payload.find(name)
    return None if tag is None else tag.scalar()


def _pixel_size_and_origin(entry: Any, data: NDArray[Any]) -> dict[str, Any]:
    """Return them as parameters of `Cube`, where rows and columns are even, along x and y.

    Parameters
    ----------
    data : ndarray, shape (band, y, x)
    """
    height = int(entry.payload["SizeY"].scalar())
    width = int(entry.payload["SizeX"].scalar())
    link = _LINKS.get(entry.class_name, "SpaceTransformationID")
    number = entry.payload.find(link)
    if number is None or entry.project.find_by_id(number.scalar()) is None:
        return {}
    if (height, width) != data.shape[1:]:  # then the grid has any size
        return {}
    x, y = (np.asarray(grid, np.float64).T for grid in entry.position_grid(_UNIT))  # (y, x)
    dx = _even_step(x, 1)
    dy = _even_step(y, 0)
    if dx is None or dy is None or not np.isfinite([x[0, 0], y[0, 0]]).all():
        return {}
    return {
        "pixel_size": (dy or abs(dx) or 1.0, dx or abs(dy) or 1.0),
        "origin": (float(y[0, 0]), float(x[0, 0])),
        "pixel_unit": _UNIT,
    }


def _even_step(positions: NDArray[np.float64], along: int) -> float | None:
    """Return the distance of neighbours along one axis of positions, (y, x), negative if they fall.

    It is 0 where there are no neighbours, None where it is not even, or rows are askew.
    """
    steps = np.diff(positions, axis=along)
    across = np.diff(positions, axis=1 - along)
    if not steps.size:
        return 0.0
    step = float(steps.mean())
    even = np.ptp(steps) <= _EVEN * abs(step)
    straight = np.abs(across).max(initial=0) <= _EVEN * abs(step)
    return step if even and straight else None
