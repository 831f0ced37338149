"""Examples from a CSV list of files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

from ..cube import Cube
from ..io import Source
from ..io.text.file import read_text
from .table import (
    EXTRA_COLUMNS,
    USES,
    PairingError,
    Roles,
    Row,
    shortened,
)


def rows_of_list(roles: Roles, path: Path) -> list[Row]:
    """Return the rows of a CSV file: a column for each role, and perhaps `group` and `split`.

    Paths are relative to the folder of the list. `split` is "train", "validation", "test" or empty.

    Raises
    ------
    PairingError
        If columns are missing or unknown, rows are wrong (all are named), or a file or group is
        for two of training, validation and testing.
    """
    if not path.is_file():
        raise PairingError(f"there is no list {str(path)!r}")
    text = read_text(path)
    mark = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    columns = [(name or "").strip() for name in reader.fieldnames or ()]
    wrong = [name for name in columns if name not in (*roles, *EXTRA_COLUMNS)]
    missing = [name for name in roles if name not in columns]
    if wrong or missing:
        raise PairingError(
            f"{path.name} has the columns {', '.join(columns) or 'of nothing'}; wanted "
            f"{', '.join(roles)}, and perhaps {' and '.join(EXTRA_COLUMNS)}"
        )
    reader.fieldnames = columns
    rows: list[Row] = []
    faults: list[str] = []
    for cells in reader:
        try:
            rows.append(_listed(roles, cells, path.parent))
        except PairingError as error:
            faults.append(f"line {reader.line_num}: {error}")
    if faults or not rows:
        raise PairingError(f"{path.name}: {shortened(faults, '; ') or 'there is no row in it'}")
    for one, other in combinations(USES, 2):
        both = _for_both(roles, rows, one, other)
        if both:
            raise PairingError(
                f"{path.name}: both for {USES[one]} and for {USES[other]} are {shortened(both)}; a "
                "model that is tested on what it has seen is tested on nothing"
            )
    return rows


def _listed(roles: Roles, cells: Mapping[str | None, Any], folder: Path) -> Row:
    """Return a row of a list; its error tells all that is wrong with it."""
    faults = ["it has more cells than there are columns"] if None in cells else []
    texts = {str(name): (text or "").strip() for name, text in cells.items() if name is not None}
    faults += [f"no {name}" for name in roles if not texts[name]]
    files = {n: texts[n] if kind is str else str(folder / texts[n]) for n, kind in roles.items()}
    faults += [
        f"there is no file {texts[name]!r}"
        for name, kind in roles.items()
        if kind is not str and texts[name] and not Source.parse(files[name]).path.exists()
    ]
    split = texts.get("split", "").lower()
    if split not in ("", *USES):
        faults.append(f"split is {split!r}, wanted {', '.join(USES)} or nothing")
    if faults:
        raise PairingError(", ".join(faults))
    return Row(files, texts.get("group", ""), split)  # type: ignore[arg-type]


def _for_both(roles: Roles, rows: Sequence[Row], one: str, other: str) -> list[str]:
    """Return the files and groups that are in rows of one use and in rows of another."""
    first, second = (
        {
            key: name
            for row in rows
            if (row.split or "train") == use
            for key, name in _used(roles, row)
        }
        for use in (one, other)
    )
    return sorted(first[key] for key in first.keys() & second.keys())


def _used(roles: Roles, row: Row) -> Iterator[tuple[object, str]]:
    """Yield the images and the group of a row, each with what tells it from all others."""
    if row.group:
        yield row.group, f"group {row.group}"
    for name, text in row.files.items():
        if roles[name] is Cube:
            source = Source.parse(text)  # ./a.npz is a.npz, whatever the layout of its array
            yield (source.path.resolve(), source.array), text
