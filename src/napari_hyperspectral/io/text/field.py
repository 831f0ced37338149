"""Text of field spectrometers: Spectral Evolution (.sed) and Spectra Vista (.sig).

Settings stand above a table of wavelength, reference, target and reflectance. The reflectance is the
main image; the others are read by name, ``leaf.sig::target`` and ``leaf.sig::reference``.

Sources: Spectral Evolution, "DARWin SP User Manual" (.sed); Spectra Vista, "HR-1024i User Manual" (.sig).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..metadata.units import axis_in
from ..source import Source
from .file import read_text

_DATA: Final = re.compile(r"^\s*data\s*[:=]\s*$", re.IGNORECASE | re.MULTILINE)
_SETTING: Final = re.compile(r"\s*([^:=]+?)\s*[:=]\s*(.*?)\s*")
_COLUMNS_OF_SIG: Final = ("wavelength", "reference", "target", "reflectance %")
_PARTS: Final = (  # name of a part, and what the title of its column has
    ("reflectance", r"refl"),
    ("target", r"targ|\btgt"),
    ("reference", r"\bref\b|\(ref|reference|white"),
)
_WAVELENGTH: Final = re.compile(r"wvl|wavel|wave", re.IGNORECASE)


def read_images(source: Source) -> list[Image]:
    """Read the reflectance, or the part of the file that is asked for.

    Raises
    ------
    FileFormatError
        If there is no table, or a row of it is shorter than the others.
    """
    path = source.path
    text = read_text(path)
    mark = _DATA.search(text)
    if mark is None:
        raise FileFormatError(path, "no table below a line 'Data:'", "export it again")
    settings = _settings(text[: mark.start()])
    lines = [line for line in text[mark.end() :].splitlines() if line.strip()]
    titles, lines = _titles(lines)
    table = _numbers(path, lines)  # (band, column)
    titles = titles or _COLUMNS_OF_SIG[: table.shape[1]]
    if len(titles) != table.shape[1]:
        raise FileFormatError(
            path, f"{table.shape[1]} columns below {len(titles)} titles", "export it again"
        )
    columns = _columns(titles)
    if source.array is not None and source.array not in columns:
        listed = ", ".join(columns)
        raise FileFormatError(path, f"no spectrum {source.array!r}", f"there are {listed}")
    name = source.array or next(iter(columns))
    axis = _axis(path, titles, table, settings)
    column = columns[name]
    return [
        Cube.from_spectra(
            table[None, :, column],
            axis,
            name=path.stem,
            history=(f"read {path.name}",),
            intensity_unit=_unit(name, titles[column]),
            metadata={"settings": settings, "column": titles[column]},
        )
    ]


def _settings(text: str) -> dict[str, str]:
    matches = [_SETTING.fullmatch(line) for line in text.splitlines()]
    return {match[1]: match[2] for match in matches if match and match[2]}


def _titles(lines: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the titles of a table, () where it has none, and its rows."""
    if not lines or re.match(r"\s*[-+.\d]", lines[0]):
        return (), list(lines)
    titles = [title.strip() for title in re.split(r"\t|\s{2,}", lines[0].strip())]
    return tuple(titles), list(lines[1:])


def _numbers(path: Path, lines: Sequence[str]) -> Floats:
    """Return the numbers of a table, shape (row, column)."""
    rows = [line.split() for line in lines]
    width = len(rows[0]) if rows else 0
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise FileFormatError(
                path,
                f"row {number} of its table has {len(row)} numbers, those above {width}",
                "copy it again: it was cut short",
            )
    try:
        table = np.array(rows, np.float64)
    except ValueError as error:
        raise FileFormatError(path, f"no number ({error})", "export it again") from error
    if width < 2:
        raise FileFormatError(path, f"a table of {width} columns", "copy it again")
    return table


def _columns(titles: Sequence[str]) -> dict[str, int]:
    """Return the columns of intensities by their names, the reflectance first."""
    columns = {}
    remaining = [column for column in range(len(titles)) if not _is_axis(titles[column])]
    for name, pattern in _PARTS:
        for column in remaining:
            if re.search(pattern, titles[column], re.IGNORECASE):
                columns[name] = column
                remaining.remove(column)
                break
    for column in remaining:
        columns[titles[column] or f"column {column + 1}"] = column
    return columns


def _is_axis(title: str) -> bool:
    return bool(_WAVELENGTH.search(title)) or title.startswith("Chan")


def _axis(
    path: Path, titles: Sequence[str], table: Floats, settings: Mapping[str, str]
) -> SpectralAxis:
    """Return the axis in the column of wavelengths, which overlap where detectors meet."""
    named = [column for column, title in enumerate(titles) if _WAVELENGTH.search(title)]
    column = named[0] if named else 0
    unit = settings.get("Wavelength units", "nm")
    return axis_in(unit, table[:, column]) or SpectralAxis(table[:, column], "nm")


def _unit(name: str, title: str) -> str | None:
    """Return the unit of a part by its title: "Reflect. %" is in per cent."""
    if name == "reflectance":
        return "%R" if "%" in title else "reflectance"
    if re.search(r"rad", title, re.IGNORECASE):
        return "radiance"
    return "counts" if re.search(r"\bDN\b", title) else None
