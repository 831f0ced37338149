"""Reports: tables and pictures as data, and as Markdown, JSON, a page, files and rich text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ..files.atomic import replacing
from .pictures.base import Inches, Picture
from .pictures.rendering import write_png

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table as RichTable

Value: TypeAlias = str | int | float | None
Row: TypeAlias = Mapping[str, Value]
"""Value of each column, by its heading."""
Better: TypeAlias = Literal["lower", "higher"]
REPORT_FILES: Final = ("report.md", "report.json", "report.html")
"""What `Report.save` writes besides pictures."""


@dataclass(frozen=True)
class Table:
    """Rows that share their columns."""

    title: str
    rows: Sequence[Row]
    better: Mapping[str, Better] = field(default_factory=dict)
    """Whether lower or higher figures are better, by the heading of their column."""
    compared_within: Sequence[str] = ()
    """Headings of the columns in which rows that are compared with each other are alike."""

    @property
    def columns(self) -> list[str]:
        """Headings, in the order in which rows first use them."""
        headings: dict[str, None] = {}  # in order, each once
        for row in self.rows:
            headings |= dict.fromkeys(row)
        return list(headings)

    @property
    def cells(self) -> list[list[str]]:
        """Texts of all cells, row by row."""
        columns = self.columns
        cells = []
        for row in self.rows:
            cells.append([_text(row.get(heading)) for heading in columns])
        return cells

    @property
    def best(self) -> set[tuple[int, str]]:
        """The best figure of each column among the rows compared, by row number and heading."""
        groups: dict[tuple[Value, ...], list[int]] = {}
        for number, row in enumerate(self.rows):
            key = tuple(row.get(heading) for heading in self.compared_within)
            groups.setdefault(key, []).append(number)
        best = set()
        for numbers in groups.values():
            for heading, better in self.better.items():
                winner = self._best_of(numbers, heading, better)
                if winner is not None:
                    best.add((winner, heading))
        return best

    def _best_of(self, numbers: Sequence[int], heading: str, better: Better) -> int | None:
        """Return which of some rows has the best figure; None where there is nothing to compare."""
        figures: dict[int, float] = {}
        for number in numbers:
            value = self.rows[number].get(heading)
            if isinstance(value, int | float) and math.isfinite(value):
                figures[number] = value
        if len(figures) < 2:
            return None
        best = min(figures.values()) if better == "lower" else max(figures.values())
        return next(number for number, value in figures.items() if value == best)

    def to_markdown(self) -> str:
        """Return the table with its title, as GitHub shows it."""
        columns = self.columns
        rule = ["---"] * len(columns)
        lines = [f"**{self.title}**", ""]
        for row in (columns, rule, *self.cells):
            lines.append(f"| {' | '.join(row)} |")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Report:
    """The results of an evaluation, for people and for programs.

    The rich library prints it as it is: ``console.print(report)``.
    """

    title: str
    tables: Sequence[Table]
    notes: Sequence[str] = ()
    """One sentence each: what the figures mean, and what they do not."""
    images: Sequence[Picture] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    """What was evaluated on what: text, of one or several lines, by its title."""

    def with_images(self, *images: Picture) -> Report:
        """Return a report with these pictures after its own."""
        return replace(self, images=(*self.images, *images))

    def to_markdown(self, pictures: Sequence[Path] = ()) -> str:
        """Return the report as Markdown, with links to `pictures`, if any."""
        parts = [f"# {self.title}"]
        if self.about:
            lines = []
            for title, text in self.about.items():
                lines.append(f"- {title}: {text.replace(chr(10), '; ')}")
            parts.append("\n".join(lines))
        for table in self.tables:
            parts.append(table.to_markdown())
        if self.notes:
            notes = [f"- {note}" for note in self.notes]
            parts.append("\n".join(notes))
        for path in pictures:
            parts.append(f"![{path.stem}]({path.name})")
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> str:
        """Return titles, tables and notes as JSON; what is no number is null."""
        tables = []
        for table in self.tables:
            rows = [json_row(row) for row in table.rows]
            tables.append({"title": table.title, "rows": rows})
        content = {
            "title": self.title,
            "about": dict(self.about),
            "tables": tables,
            "notes": list(self.notes),
        }
        # NaN is no JSON: other programs could not read the file
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def to_html(self) -> str:
        """Return the report as one page, with its pictures, that needs nothing else.

        It follows the light or dark theme of a browser, and equal reports give equal pages.
        """
        from .pages.page import page_of

        return page_of(self)

    def pictures(
        self,
        folder: Path,
        *,
        inches: Inches | None = None,
        dpi: int = 120,
    ) -> list[Path]:
        """Draw each picture into a PNG file of `folder`; return their paths.

        Parameters
        ----------
        folder : path
            It must exist.
        inches : (float, float), optional
            Width and height of each picture; its own, unless it is said.
        dpi : int
            Pixels an inch.
        """
        paths = []
        for name, picture in zip(self._picture_names(), self.images, strict=True):
            path = folder / name
            write_png(picture, path, inches=inches, dpi=dpi)
            paths.append(path)
        return paths

    def save(self, folder: Path) -> list[Path]:
        """Write report.md, report.json, report.html and the pictures; return their paths.

        All of them or none: what was in `folder` before is replaced when all are complete.

        Parameters
        ----------
        folder : path
            It must exist.
        """
        pictures = [folder / name for name in self._picture_names()]
        text, data, page = (folder / name for name in REPORT_FILES)
        with replacing(*pictures, text, data, page) as drafts:
            *_, draft_text, draft_data, draft_page = drafts
            self.pictures(draft_text.parent)
            draft_text.write_text(self.to_markdown(pictures), encoding="utf-8")
            draft_data.write_text(self.to_json(), encoding="utf-8")
            draft_page.write_text(self.to_html(), encoding="utf-8")
        return [text, data, page, *pictures]

    def _picture_names(self) -> list[str]:
        """Return the names of the files of all pictures."""
        names = []
        for number, picture in enumerate(self.images, start=1):
            names.append(f"{number}_{_file_name(picture.title)}.png")
        return names

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.padding import Padding
        from rich.text import Text

        tables = [_rich_table(table) for table in self.tables]
        notes = [Padding(Text(f"• {note}"), (0, 0, 0, 1)) for note in self.notes]
        return Group(*tables, *notes)


def json_row(row: Row) -> dict[str, Value]:
    """Return a row as JSON can hold it: what is no finite number is None."""
    finite: dict[str, Value] = {}
    for heading, value in row.items():
        missing = isinstance(value, float) and not math.isfinite(value)
        finite[heading] = None if missing else value
    return finite


def _rich_table(table: Table) -> RichTable:
    """Return a table for the terminal: texts on the left, numbers on the right."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    # texts as they are: rich would take a name of the classes, or an extra, for markup in [brackets]
    shown = RichTable(
        title=Text(table.title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in table.columns:
        # texts stay on one line; numbers may fold in a narrow terminal
        texts = any(isinstance(row.get(heading), str) for row in table.rows)
        justify: Literal["left", "right"] = "left" if texts else "right"
        shown.add_column(
            Text(heading),
            justify=justify,
            overflow="fold",
            no_wrap=texts,
        )
    for cells in table.cells:
        shown.add_row(*map(Text, cells))
    return shown


def _file_name(title: str) -> str:
    """Return a title as the stem of a file name."""
    characters = [c if c.isalnum() else "_" for c in title.lower()]
    return "".join(characters)


def _text(value: Value) -> str:
    """Return a cell as people read it: four digits, and an en dash for what is no number."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4g}"
