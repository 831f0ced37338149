"""Horiba LabSpec XML: a tree of numbered nodes, and a matrix with a row a spectrum.

There is no public description; what the numbers of nodes mean was seen in files. The axis
descends in the file and is turned round, with the spectra, as other readers of it do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from ...cube import Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..metadata.units import length_unit
from ..source import Source
from .labspec import COUNTS, Measurement, cube_of, direction_of, raman_axis

# Numbers of nodes, as they were seen in files.
_AXES: Final = "0x7B697861"
_KIND: Final = "0x6D707974"
_UNIT: Final = "0x7C696E75"
_NUMBERS: Final = "0x7D6CD4DB"
_NAME: Final = "0x6D6D616E"
_SHOWN: Final = "0x7D6C61DB"
_EXACT: Final = "0x8736F70"
_LASER: Final = "Laser (nm)"
_ROTATION: Final = "0x6C676EC6"
_ANGLE: Final = "Rotation of the map (°)"
_MAX_DEPTH: Final = 200


class _Setting(NamedTuple):
    """A value as LabSpec shows it, and without rounding, where the file has it."""

    shown: str
    exact: str


def read_images(source: Source) -> list[Image]:
    """Read a spectrum, a line of spectra or a map.

    Raises
    ------
    FileFormatError
        If the XML ends early, is not LabSpec's, or its matrix does not fit its axes.
    """
    path = source.path
    root = _root(path)
    axes = {}
    for node in _node(path, root, _AXES):
        # axes of a map that is turned against the stage are XA and YA, shown as X and Y
        kind = direction_of(_text(node, _KIND))
        axes[kind] = node
    if "Spectr" not in axes:
        raise FileFormatError(
            path,
            "no spectral axis",
            "export spectra or a map from LabSpec",
        )
    centres = _axis_values(path, axes["Spectr"])
    spectra = _matrix(path, root, len(centres))  # (spectrum, band)
    settings = _settings(root)
    laser = _number_of(settings.get(_LASER))
    unit = _text(axes["Spectr"], _UNIT)
    axis = raman_axis(centres, unit, laser)
    descends = centres[0] > centres[-1]
    if len(centres) > 1 and descends:
        backwards = slice(None, None, -1)
        axis = axis.take(backwards)
        spectra = spectra[:, backwards]
    directions = {}
    units = {}
    for name, node in axes.items():
        if name not in ("Spectr", "Intens"):
            directions[name] = node
            units[name] = length_unit(_text(node, _UNIT))
    shown = {name: setting.shown for name, setting in settings.items()}
    angle = _number_in(root.find(f".//LSX[@ID='{_ROTATION}']/LSX[@ID='0x0']"))
    if angle:
        shown[_ANGLE] = f"{math.degrees(angle):g}"
    measurement = Measurement(
        axis,
        spectra,
        positions=_positions(path, directions, len(spectra)),
        units=units,
        metadata={"labspec": shown},
        intensity_unit=_intensity_unit(axes.get("Intens")),
    )
    return [cube_of(path, measurement)]


def _positions(
    path: Path,
    directions: Mapping[str, Element],
    spectra: int,
) -> dict[str, Floats]:
    """Return the positions of each spectrum, by direction, each of shape (spectrum,)."""
    grid = {}
    for name, node in directions.items():
        grid[name] = _axis_values(path, node)
    sizes = [len(values) for values in grid.values()]
    if math.prod(sizes) != spectra:
        raise FileFormatError(
            path,
            f"{spectra} spectra for axes of {sizes}",
            "export it again",
        )
    positions = {}
    repeats = 1  # the first axis is the fastest
    for name, values in grid.items():
        step = np.arange(spectra) // repeats
        index = step % len(values)  # an axis begins again when it has ended
        positions[name] = values[index]
        repeats *= len(values)
    return positions


def _intensity_unit(axis: Element | None) -> str | None:
    unit = "" if axis is None else _text(axis, _UNIT)
    return COUNTS.get(unit.lower(), unit) or None


def _root(path: Path) -> Element:
    """Return the tree of a file, as long as it is LabSpec's and not too deep to walk."""
    depth = 0
    root: Element | None = None
    try:
        for event, node in ElementTree.iterparse(path, ("start", "end")):
            depth += 1 if event == "start" else -1
            if root is None:
                root = node
            if root.tag != "LSX_Data" or depth > _MAX_DEPTH:
                raise FileFormatError(
                    path,
                    f"not LabSpec's XML (it begins with <{root.tag}>)",
                    "export it as .txt",
                )
    except FileFormatError:  # a ValueError, too
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise FileFormatError(
            path,
            f"not whole XML ({error})",
            "copy or export it again: it may be incomplete",
        ) from error
    assert root is not None
    return root


def _node(
    path: Path,
    root: Element,
    number: str,
) -> Element:
    node = root.find(f".//LSX[@ID='{number}']")
    if node is None:
        raise FileFormatError(
            path,
            "no axes in this LabSpec file",
            "export spectra or a map",
        )
    return node


def _text(node: Element, number: str) -> str:
    return (node.findtext(f"LSX[@ID='{number}']") or "").strip()


def _axis_values(path: Path, axis: Element) -> Floats:
    """Return the positions along an axis, in its unit."""
    node = axis.find(f"LSX[@ID='{_NUMBERS}']")
    if node is None:
        raise FileFormatError(
            path,
            "0 numbers where some should be",
            "export it again",
        )
    return _numbers(path, node)


def _numbers(path: Path, node: Element) -> Floats:
    """Return the numbers in a node, as many as it states."""
    words = (node.text or "").split()
    try:
        values = np.array(words, np.float64)
    except ValueError as error:
        raise FileFormatError(
            path,
            f"no number ({error})",
            "export it again",
        ) from error
    stated = node.get("Size", "")
    differs = stated.isdecimal() and int(stated) != len(values)
    if not len(values) or differs:
        raise FileFormatError(
            path,
            f"{len(values)} numbers where {stated or 'some'} should be",
            "export it again",
        )
    return values


def _matrix(
    path: Path,
    root: Element,
    bands: int,
) -> Floats:
    """Return the spectra, shape (spectrum, band), after their sizes were checked."""
    matrix = root.find(".//LSX_Matrix")
    rows = []
    if matrix is not None:
        rows = [_numbers(path, row) for row in matrix]
    lengths = sorted({len(row) for row in rows})
    if matrix is None or lengths != [bands]:
        raise FileFormatError(
            path,
            f"spectra of {lengths} values, the axis has {bands}",
            "export it again",
        )
    stated = matrix.get("Size", "")
    count = bands * len(rows)
    if stated.isdecimal() and int(stated) != count:
        raise FileFormatError(
            path,
            f"{count} values where {stated} should be",
            "export it again",
        )
    return np.stack(rows)


def _number_in(node: Element | None) -> float:
    """Return the number in a node; 0 where there is none."""
    try:
        return float("" if node is None else node.text or "")
    except ValueError:
        return 0.0


def _settings(root: Element) -> dict[str, _Setting]:
    """Return the settings of the measurement by name."""
    settings = {}
    for node in root.iter("LSX"):
        name = _text(node, _NAME)
        if name:
            shown = _text(node, _SHOWN)
            exact = _text(node, _EXACT)
            settings[name] = _Setting(shown, exact)
    return settings


def _number_of(setting: _Setting | None) -> float | None:
    """Return a setting as a number other than 0, unrounded if that is known; else None."""
    if setting is None:
        return None
    for text in (setting.exact, setting.shown):
        try:
            number = float(text)
        except ValueError:  # one of them may be missing
            continue
        if number:
            return number
    return None
