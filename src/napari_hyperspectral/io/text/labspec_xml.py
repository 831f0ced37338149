"""Horiba LabSpec XML: a tree of numbered nodes, and a matrix with a row a spectrum.

There is no public description; what the numbers of nodes mean was seen in files. The axis
descends in the file and is turned round, with the spectra, as other readers of it do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Image
from ...errors import FileFormatError
from ..metadata.units import axis_in, place_unit
from ..source import Source
from .labspec import COUNTS, Measured, cube_of

# numbers of nodes
_AXES: Final = "0x7B697861"
_KIND: Final = "0x6D707974"
_UNIT: Final = "0x7C696E75"
_NUMBERS: Final = "0x7D6CD4DB"
_NAME: Final = "0x6D6D616E"
_VALUE: Final = "0x7D6C61DB"
_EXACT: Final = "0x8736F70"
_LASER: Final = "Laser (nm)"
_MOST_DEPTH: Final = 200


def read_images(source: Source) -> list[Image]:
    """Read a spectrum, a line of spectra or a map.

    Raises
    ------
    FileFormatError
        If the XML ends early, is not LabSpec's, or its matrix does not fit its axes.
    """
    path = source.path
    root = _root(path)
    axes = {child.get("ID", ""): child for child in _node(path, root, _AXES)}
    named = {_text(axis, _KIND): axis for axis in axes.values()}
    if "Spectr" not in named:
        raise FileFormatError(path, "no spectral axis", "export spectra or a map from LabSpec")
    centres = _numbers(path, named["Spectr"].find(f"LSX[@ID='{_NUMBERS}']"))
    spectra = _matrix(path, root, len(centres))
    places = {n: a for n, a in named.items() if n not in ("Spectr", "Intens")}
    grid = {n: _numbers(path, a.find(f"LSX[@ID='{_NUMBERS}']")) for n, a in places.items()}
    sizes = [len(values) for values in grid.values()]
    if int(np.prod(sizes, dtype=np.int64)) != len(spectra):
        raise FileFormatError(
            path, f"{len(spectra)} spectra for axes of {sizes}", "export it again"
        )
    # the first axis after the spectral one is the fastest
    index = np.unravel_index(np.arange(len(spectra)), sizes[::-1]) if sizes else ()
    positions = {n: grid[n][i] for n, i in zip(grid, reversed(index), strict=True)}
    settings = dict(_settings(root))
    about: dict[str, Any] = {"metadata": {"labspec": {n: v for n, (v, _) in settings.items()}}}
    unit = _text(named["Intens"], _UNIT) if "Intens" in named else ""
    if unit:
        about["intensity_unit"] = COUNTS.get(unit.lower(), unit)
    axis = _axis(centres, _text(named["Spectr"], _UNIT), settings.get(_LASER))
    backwards = slice(None, None, -1 if len(axis) > 1 and centres[0] > centres[-1] else 1)
    return [
        cube_of(
            path,
            Measured(
                axis.take(backwards),
                spectra[:, backwards],
                positions,
                {name: place_unit(_text(node, _UNIT)) for name, node in places.items()},
                about,
            ),
        )
    ]


def _root(path: Path) -> ElementTree.Element:
    depth = 0
    root: ElementTree.Element | None = None
    try:
        for event, node in ElementTree.iterparse(path, ("start", "end")):
            depth += 1 if event == "start" else -1
            root = node if root is None else root
            if root.tag != "LSX_Data" or depth > _MOST_DEPTH:
                raise FileFormatError(
                    path, f"not LabSpec's XML (it begins with <{root.tag}>)", "export it as .txt"
                )
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            path, f"not whole XML ({error})", "copy or export it again: it may be incomplete"
        ) from error
    assert root is not None
    return root


def _node(path: Path, root: ElementTree.Element, number: str) -> ElementTree.Element:
    found = root.find(f".//LSX[@ID='{number}']")
    if found is None:
        raise FileFormatError(path, "no axes in this LabSpec file", "export spectra or a map")
    return found


def _text(node: ElementTree.Element, number: str) -> str:
    return (node.findtext(f"LSX[@ID='{number}']") or "").strip()


def _numbers(path: Path, node: ElementTree.Element | None) -> NDArray[np.float64]:
    try:
        values = np.array((node.text or "").split() if node is not None else [], np.float64)
    except ValueError as error:
        raise FileFormatError(path, f"no number ({error})", "export it again") from error
    stated = "" if node is None else node.get("Size", "")
    if not len(values) or (stated.isdecimal() and int(stated) != len(values)):
        raise FileFormatError(
            path, f"{len(values)} numbers where {stated or 'some'} should be", "export it again"
        )
    return values


def _matrix(path: Path, root: ElementTree.Element, bands: int) -> NDArray[np.float64]:
    matrix = root.find(".//LSX_Matrix")
    rows = [] if matrix is None else [_numbers(path, row) for row in matrix]
    if not rows or {len(row) for row in rows} != {bands}:
        raise FileFormatError(
            path,
            f"spectra of {sorted({len(row) for row in rows})} values, the axis has {bands}",
            "export it again",
        )
    stated = "" if matrix is None else matrix.get("Size", "")
    if stated.isdecimal() and int(stated) != bands * len(rows):
        raise FileFormatError(
            path, f"{bands * len(rows)} values where {stated} should be", "export it again"
        )
    return np.stack(rows)


def _settings(root: ElementTree.Element) -> Any:
    """Yield the settings of the measurement: name, (what is shown, the exact value)."""
    for node in root.iter("LSX"):
        name = _text(node, _NAME)
        if name:
            yield name, (_text(node, _VALUE), _text(node, _EXACT))


def _axis(centres: NDArray[np.float64], unit: str, laser: tuple[str, str] | None) -> SpectralAxis:
    line = None
    for text in reversed(laser or ()):
        try:
            line = line or float(text) or None
        except ValueError:
            continue
    found = axis_in(unit, centres, kind="raman_shift")
    if found is None:
        return SpectralAxis(centres, "1/cm", "raman_shift", excitation_nm=line, guessed=True)
    return SpectralAxis(found.centres, found.unit, found.kind, excitation_nm=line)
