"""Examples from a CSV list of files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ..cube import Cube
from ..io import Source
from ..io.text.file import read_text
from ..system.paths import user_path, user_text
from .table import EXTRA_COLUMNS, SPLITS, PairingError, PairingRow, Roles, shortened

_DELIMITERS: Final = ",;\t"

_Cells: TypeAlias = Mapping[str | None, str | list[str] | None]
"""The cells of a line by column; those behind the last column are a list under None."""


def rows_of_list(roles: Roles, path: Path) -> list[PairingRow]:
    """Return the rows of a CSV file: a column for each role, and perhaps `group` and `split`.

    Paths are relative to the folder of the list. `split` is "train", "validation", "test" or empty.

    Raises
    ------
    PairingError
        If columns are missing or unknown, rows are wrong (all are named), or a file or group is
        for two of training, validation and testing.
    """
    path = user_path(path)
    if not path.is_file():
        raise PairingError(f"there is no list {str(path)!r}; give a CSV file")
    reader = _opened(path)
    _check_columns(path, roles, reader.fieldnames or ())
    rows: list[PairingRow] = []
    errors: list[str] = []
    for cells in reader:
        try:
            rows.append(_row(roles, cells, path.parent))
        except PairingError as error:
            errors.append(f"line {reader.line_num}: {error}")
    if errors:
        raise PairingError(f"{path.name}: {shortened(errors, '; ')}")
    if not rows:
        raise PairingError(f"{path.name}: there is no row in it; write one for each example")
    _check_splits(path, roles, rows)
    return rows


def _opened(path: Path) -> csv.DictReader[str]:
    """Return a reader of the lines, by the delimiter that the first line has most of."""
    text = read_text(path)
    first_line = text.partition("\n")[0]
    # spreadsheets write semicolons where the comma is the decimal mark
    delimiter = max(_DELIMITERS, key=first_line.count)
    lines = StringIO(text, newline="")
    reader = csv.DictReader(
        lines,
        delimiter=delimiter,
        skipinitialspace=True,
    )
    columns: list[str] = []
    for name in reader.fieldnames or ():
        columns.append((name or "").strip())
    reader.fieldnames = columns
    return reader


def _check_columns(
    path: Path,
    roles: Roles,
    columns: Sequence[str],
) -> None:
    unknown = set(columns) - {*roles, *EXTRA_COLUMNS}
    missing = set(roles) - set(columns)
    if unknown or missing:
        seen = ", ".join(columns) or "of nothing"
        needed = ", ".join(roles)
        extra = " and ".join(EXTRA_COLUMNS)
        raise PairingError(
            f"{path.name} has the columns {seen}; wanted {needed}, and perhaps {extra}"
        )


def _check_splits(
    path: Path,
    roles: Roles,
    rows: Sequence[PairingRow],
) -> None:
    """Refuse a list in which an image or a group is in rows of two splits."""
    used: dict[str, dict[object, str]] = {}
    for split in SPLITS:
        used[split] = _used(roles, rows, split)
    for one, other in combinations(SPLITS, 2):
        in_both = used[one].keys() & used[other].keys()
        if in_both:
            # a file has the name here that its first row has for it
            name_of = used[one]
            names = sorted(name_of[key] for key in in_both)
            raise PairingError(
                f"{path.name}: both for {SPLITS[one]} and for {SPLITS[other]} are "
                f"{shortened(names)}; a model that is tested on what it has seen is tested on "
                "nothing"
            )


def _row(
    roles: Roles,
    cells: _Cells,
    folder: Path,
) -> PairingRow:
    """Return a row of a list; its error says all that is wrong with it."""
    errors: list[str] = []
    if None in cells:
        errors.append("it has more cells than there are columns")
    texts: dict[str, str] = {}
    for name in (*roles, *EXTRA_COLUMNS):
        cell = cells.get(name) or ""  # a short line has None in its last columns
        texts[name] = str(cell).strip()
    errors += [f"no {name}" for name in roles if not texts[name]]
    files: dict[str, str] = {}
    for name, kind in roles.items():
        text = texts[name]
        if kind is str:
            files[name] = text
            continue
        files[name] = str(folder / user_text(text))
        if not text:
            continue  # which is said above
        source = Source.parse(files[name])
        if not source.path.exists():
            errors.append(f"there is no file {text!r}")
    split_text = texts["split"].lower()
    split = _split(split_text)
    if split is None:
        errors.append(f"split is {split_text!r}, wanted {', '.join(SPLITS)} or nothing")
    if errors or split is None:
        raise PairingError(", ".join(errors))
    return PairingRow(files, texts["group"], split)


def _split(text: str) -> Literal["", "train", "validation", "test"] | None:
    """Return what a cell keeps its row for; None if it says something else."""
    match text:
        case "" | "train" | "validation" | "test":
            return text
        case _:
            return None


def _used(
    roles: Roles,
    rows: Sequence[PairingRow],
    split: str,
) -> dict[object, str]:
    """Return the images and groups of all rows of a split: what tells each apart, to its name."""
    used: dict[object, str] = {}
    for row in rows:
        split_of_row = row.split or "train"
        if split_of_row == split:
            used.update(_used_by(roles, row))
    return used


def _used_by(roles: Roles, row: PairingRow) -> Iterator[tuple[object, str]]:
    """Yield the images and the group of a row, each with what tells it from all others."""
    if row.group:
        yield row.group, f"group {row.group}"
    for name, text in row.files.items():
        if roles[name] is Cube:
            source = Source.parse(text)  # ./a.npz is a.npz, whatever the layout of its array
            yield (source.path.resolve(), source.array), text
