"""A table of examples: which files belong to each, and what each is kept for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ..cube import Cube, Labels

Roles: TypeAlias = Mapping[str, type[Cube] | type[Labels] | type[str]]
"""The images, and texts, of an example: name to kind, as ``task.asks_for()`` gives them."""

Words: TypeAlias = Sequence[tuple[str, str]]
"""What a person names as examples: (name, text), in the order in which they were written."""

LIST: Final = "list"
"""The word for a CSV file that names the files of each example."""
CLASSES: Final = "classes"
"""The word for a folder with one folder a class."""

EXTRA_COLUMNS: Final = ("group", "split")
"""Columns that a list may have besides the roles."""
SPLITS: Final = {"train": "training", "validation": "validation", "test": "testing"}
"""What a row can be kept for, and how people call it; "train" where a list does not say."""
PLACEHOLDERS: Final = {Cube: "PATH", Labels: "PATH", str: "TEXT"}
"""What stands for a value in a message, by the kind of its role."""

_SHOWN: Final = 8
"""Names in an error; more are counted."""


class PairingError(ValueError):
    """Files do not make examples; the message names them, and says what to do."""


class WordsError(PairingError):
    """The names on a command line are not those of the task, whatever the files."""


@dataclass(frozen=True)
class PairingRow:
    """The files of one example."""

    files: dict[str, str]
    """Role to path (``path::array@axes`` too); of a text, such as a class, the text itself."""
    group: str = ""
    """Rows of one group (a sample, a patient) are held out together."""
    split: Literal["", "train", "validation", "test"] = ""
    """What a list keeps the row for; where a row is for "validation", nothing else is held out."""
    of_class: bool = False
    """Whether the labels are no file: every spectrum has the class of this name."""

    def is_text(self, name: str, roles: Roles) -> bool:
        """Whether what the row has of this role is a text, and no path."""
        kind = roles[name]
        is_class = kind is Labels and self.of_class
        return kind is str or is_class

    def extra(self, column: str) -> str:
        """Return the group or the split."""
        if column == "group":
            return self.group
        return self.split


@dataclass(frozen=True)
class Pairing:
    """A table of examples to be read, in an order that only the names decide."""

    roles: Roles
    rows: tuple[PairingRow, ...]
    left_out: tuple[str, ...] = ()
    """Files and folders that are no images."""

    def of(self, split: Literal["train", "test"]) -> Pairing:
        """Return the rows to train with, or to test on; a list that says nothing has all in both.

        The rows for validation go with those to train with.

        Raises
        ------
        PairingError
            If the list says what its rows are for, and none is for this.
        """
        # a list without splits, or a folder, serves for both
        if not any(row.split for row in self.rows):
            return self
        needed = {"test"}
        kept = {"test"}
        if split == "train":
            needed = {"", "train"}
            # by themselves, rows for validation are nothing to train with
            kept = {"", "train", "validation"}
        usable = [row for row in self.rows if row.split in needed]
        if not usable:
            raise PairingError(
                f"no row of the list is for {split!r}; write {split} into its column 'split'"
            )
        rows = [row for row in self.rows if row.split in kept]
        return replace(self, rows=tuple(rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles of the table: the roles; group and split where a row has one."""
        columns = list(self.roles)
        for name in EXTRA_COLUMNS:
            if any(row.extra(name) for row in self.rows):
                columns.append(name)
        return tuple(columns)

    def cells(self) -> list[list[str]]:
        """Return the table as texts, a list a row; of a path, the file and its folder."""
        columns = self.columns
        table = []
        for row in self.rows:
            cells = [self._cell(row, name) for name in columns]
            table.append(cells)
        return table

    def lines(self) -> list[str]:
        """Return the table as lines of equal columns, for people; what was left out comes last."""
        table = [list(self.columns), *self.cells()]
        widths = []
        for column in zip(*table, strict=True):
            widths.append(max(map(len, column)))
        lines = []
        for texts in table:
            padded = []
            for text, width in zip(texts, widths, strict=True):
                padded.append(text.ljust(width))
            line = "  ".join(padded)
            lines.append(line.rstrip())
        if self.left_out:
            lines.append(f"left out: {shortened(self.left_out)}")
        return lines

    def _cell(self, row: PairingRow, name: str) -> str:
        if name in EXTRA_COLUMNS:
            return row.extra(name)
        text = row.files[name]
        if row.is_text(name, self.roles):
            return text
        # the whole path would leave no room for the other columns
        return short_path(text)


def short_path(path: str) -> str:
    """Return a file with the folder it is in."""
    parts = Path(path).parts
    return "/".join(parts[-2:])


def shortened(names: Sequence[str], separator: str = ", ") -> str:
    """Return names in a line: the first few, and how many more there are."""
    line = separator.join(names[:_SHOWN])
    more = len(names) - _SHOWN
    if more > 0:
        return f"{line} and {more} more"
    return line
