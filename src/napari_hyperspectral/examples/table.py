"""A table of examples, a row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ..cube import Cube, Labels
from ..progress import Progress

Roles: TypeAlias = Mapping[str, type[Cube] | type[Labels] | type[str]]
"""What a task asks for: name to kind, as ``task.asks_for()`` gives them."""


Watch: TypeAlias = Callable[[Progress], object]


LIST: Final = "list"
"""The word for a CSV file that names the files of each example."""


CLASSES: Final = "classes"
"""The word for a folder with one folder a class."""


EXTRA_COLUMNS: Final = ("group", "split")


USES: Final = {"train": "training", "validation": "validation", "test": "testing"}
"""What a row can be kept for, and its name; "train" is what none says."""


PLACEHOLDERS: Final = {Cube: "PATH", Labels: "PATH", str: "TEXT"}


_TOLD: Final = 8
"""Names in an error; more are counted."""


class PairingError(ValueError):
    """Files do not make examples; the message names them, and says what to do."""


class WordsError(PairingError):
    """The words themselves are not what the task asks for, whatever the files."""


@dataclass(frozen=True)
class Row:
    """The files of one example."""

    files: dict[str, str]
    """Role to path (``path::array@axes`` too); of a text, such as a class, the text itself."""
    group: str = ""
    """Rows of one group (a sample, a patient) are held out together."""
    split: Literal["", "train", "validation", "test"] = ""
    """What the row is kept for, where a list says so; "validation" judges the epochs of a training,
    and then nothing else is held out."""
    of_class: bool = False
    """Whether labels are not a file, but the name of the class of every spectrum."""


@dataclass(frozen=True)
class Pairing:
    """A table of examples to be, in an order that only the names decide."""

    roles: Roles
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = field(default=())
    """Files and folders that are no images."""

    def of(self, split: Literal["train", "test"]) -> Pairing:
        """Return the rows to train with, or to test on; a list that says nothing has all in both.

        Those for validation go with those to train on.
        """
        if not any(row.split for row in self.rows):
            return self
        wanted, kept = {
            "train": (("", "train"), ("", "train", "validation")),
            "test": (("test",), ("test",)),
        }[split]
        if not any(row.split in wanted for row in self.rows):
            raise PairingError(f"no row of the list is for {split!r}; see its column 'split'")
        return replace(self, rows=tuple(row for row in self.rows if row.split in kept))

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles of the table: the roles; group and split where a row has one."""
        return (
            *self.roles,
            *(m for m in EXTRA_COLUMNS if any(getattr(row, m) for row in self.rows)),
        )

    def cells(self) -> list[list[str]]:
        """Return the table as texts, a list a row; of a path, the file and its folder."""
        return [
            [cell_text(row, name, self.roles.get(name, str)) for name in self.columns]
            for row in self.rows
        ]

    def lines(self) -> list[str]:
        """Return the table as lines of equal columns, for people; what was left out comes last."""
        table = [list(self.columns), *self.cells()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        return [*lines, f"left out: {shortened(self.left_out)}"] if self.left_out else lines


def cell_text(row: Row, name: str, kind: type) -> str:
    """Return what a table shows of a row: a path by its file and folder, a text as it is."""
    if name in EXTRA_COLUMNS:
        return str(getattr(row, name))
    text = row.files[name]
    return (
        text
        if kind is str or (kind is Labels and row.of_class)
        else "/".join(Path(text).parts[-2:])
    )


def shortened(names: Sequence[str], between: str = ", ") -> str:
    """Return names in a line: the first few, and how many more there are."""
    more = len(names) - _TOLD
    told = between.join(names[:_TOLD])
    return f"{told} and {more} more" if more > 0 else told
